//! pmdb's ends of the pipes to the agent.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{AgentError, Command, Message};
use crate::model::Pid;

/// Bytes of one line. `inferior/evaluate.py` cuts what it sends at a megabyte of characters, which JSON may write in twelve bytes each.
const LONGEST_LINE: usize = 16 << 20;

/// Talks with the agent of one process.
pub struct Channel {
    pid: Pid,
    commands: File,
    answers: File,
    received: Vec<u8>,
    last_id: u64,
}

#[derive(serde::Serialize)]
struct Numbered<'c> {
    id: u64,
    #[serde(flatten)]
    command: &'c Command,
}

impl Channel {
    /// On pmdb's ends of the two pipes: commands are written to the one, answers read from the other.
    pub fn new(pid: Pid, commands: File, answers: File) -> Channel {
        Channel {
            pid,
            commands,
            answers,
            received: Vec::new(),
            last_id: 0,
        }
    }

    /// Sends a command; its answer will have the number that comes back.
    pub fn send(&mut self, command: &Command) -> Result<u64, AgentError> {
        self.last_id += 1;
        let numbered = Numbered {
            id: self.last_id,
            command,
        };
        let mut line =
            serde_json::to_vec(&numbered).map_err(|error| self.pipe("written", error.into()))?;
        line.push(b'\n');
        match self.commands.write_all(&line) {
            Ok(()) => Ok(self.last_id),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                Err(AgentError::Ended { pid: self.pid })
            }
            Err(error) => Err(self.pipe("written", error)),
        }
    }

    /// The next line of the agent; nothing if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> Result<Option<Message>, AgentError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return self.parse(&line).map(Some);
            }
            if self.received.len() > LONGEST_LINE {
                return Err(self.nonsense(&self.received));
            }
            if !self.wait_for_bytes(deadline.saturating_duration_since(Instant::now()))? {
                return Ok(None);
            }
        }
    }

    /// Whether nobody in the process has the agent's ends any more, and all that it said has been received.
    pub fn has_ended(&self) -> bool {
        let mut looked_at = [PollFd::new(self.answers.as_fd(), PollFlags::POLLIN)];
        let looked = poll(&mut looked_at, PollTimeout::ZERO);
        let events = looked_at[0].revents().unwrap_or(PollFlags::empty());
        looked.is_ok() && events.contains(PollFlags::POLLHUP) && !events.contains(PollFlags::POLLIN)
    }

    fn wait_for_bytes(&mut self, patience: Duration) -> Result<bool, AgentError> {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let mut waiting = [PollFd::new(self.answers.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(false),
            Ok(_) => {}
            Err(errno) => return Err(self.pipe("waited for", errno.into())),
        }
        let mut piece = vec![0; 64 * 1024];
        match self.answers.read(&mut piece) {
            Ok(0) => Err(AgentError::Ended { pid: self.pid }),
            Ok(count) => {
                self.received.extend_from_slice(&piece[..count]);
                Ok(true)
            }
            Err(error) => Err(self.pipe("read", error)),
        }
    }

    fn parse(&self, line: &[u8]) -> Result<Message, AgentError> {
        serde_json::from_slice(line).map_err(|_| self.nonsense(line))
    }

    fn nonsense(&self, line: &[u8]) -> AgentError {
        let line = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
        AgentError::Nonsense {
            pid: self.pid,
            line,
        }
    }

    fn pipe(&self, action: &'static str, error: std::io::Error) -> AgentError {
        AgentError::Pipe {
            pid: self.pid,
            action,
            error,
        }
    }
}
