//! A process that is held: the agent is in it, and one of its threads stands still or they all run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::SessionError;
use crate::model::{Pid, Tid, Value};
use crate::process::Process;
use crate::python::agent::{
    AgentError, Answer, Channel, Command, Event, Injection, Message, Resume,
};
use crate::python::{Limits, Located};

/// How long the main thread may take to notice that it is wanted. It does when it runs Python code.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same for one that sits in a system call: it may just be waiting for the interpreter's lock.
const PATIENCE_IN_CALL: Duration = Duration::from_secs(1);
/// How long the main thread has to come by itself before a thread is made that speaks for it.
const BEFORE_HELP: Duration = Duration::from_millis(100);
/// How long a command may take before the user is told that it still runs.
const LONGEST_COMMAND: Duration = Duration::from_secs(30);
/// How often a flag is looked at while something is waited for.
const GLANCE: Duration = Duration::from_millis(50);

/// Where a thread stands still, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// As the process itself numbers it.
    pub thread: Tid,
}

pub(super) struct Held {
    pid: Pid,
    injection: Injection,
    channel: Channel,
    standing: Option<Standing>,
    /// When the main thread was asked to stop, until a helper speaks for it.
    asked: Option<Instant>,
}

impl From<AgentError> for SessionError {
    fn from(error: AgentError) -> SessionError {
        SessionError::NotHeld {
            why: error.to_string(),
        }
    }
}

impl Held {
    /// Brings the agent in and waits until the main thread stands still at a line.
    pub fn begin(
        process: &dyn Process,
        located: &Located,
        pid: Pid,
        interrupted: &AtomicBool,
    ) -> Result<(Held, Event), SessionError> {
        let sits_in_call = process.system_call(Tid(pid.0)).is_some();
        let patience = if sits_in_call {
            PATIENCE_IN_CALL
        } else {
            PATIENCE
        };
        let in_native = SessionError::InNative {
            pid,
            seconds: patience.as_secs(),
        };
        let (injection, channel) = Injection::begin(process, located, pid)?;
        let mut held = Held {
            pid,
            injection,
            channel,
            standing: None,
            asked: None,
        };
        let deadline = Instant::now() + patience;
        let mut is_in = false;
        let mut failed = None;
        held.asked = Some(Instant::now());
        while Instant::now() < deadline && !interrupted.load(Ordering::Relaxed) {
            let event = match held.next_event(GLANCE, interrupted) {
                Ok(event) => event,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            match event {
                Some(Event::Hello) => is_in = true,
                Some(event @ Event::Stopped { .. }) => return Ok((held, event)),
                Some(Event::Failed { text }) => {
                    return Err(SessionError::NotHeld {
                        why: format!("the agent could not start in process {pid}: {text}"),
                    });
                }
                Some(_) => {}
                None => failed = held.help_if_it_waits(process, located).err(),
            }
            if failed.is_some() {
                break;
            }
        }
        if is_in {
            held.leave_running(process, located);
        } else {
            // It must not come in later, when nobody waits for it.
            held.injection.withdraw(process, located)?;
        }
        Err(failed.unwrap_or(in_native))
    }

    /// Sends a thread that speaks for the main thread if that was asked to stop a while ago and still waits in C code.
    fn help_if_it_waits(
        &mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<(), SessionError> {
        let is_due = self
            .asked
            .is_some_and(|asked| asked.elapsed() > BEFORE_HELP);
        if !is_due || process.system_call(Tid(self.pid.0)).is_none() {
            return Ok(());
        }
        if self.injection.send_helper(process, located)? {
            self.asked = None;
        }
        Ok(())
    }

    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// The next event; nothing if none comes in time or the user gave up.
    pub fn next_event(
        &mut self,
        patience: Duration,
        interrupted: &AtomicBool,
    ) -> Result<Option<Event>, SessionError> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && !interrupted.load(Ordering::Relaxed) {
            if let Some(Message::Event(event)) = self.channel.receive(GLANCE)? {
                if let Event::Stopped { thread, .. } = &event {
                    self.standing = Some(Standing { thread: *thread });
                    self.asked = None;
                }
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Sends a command to the thread that stands still, and gives back its answer with what it printed meanwhile.
    pub fn command(
        &mut self,
        command: &Command,
        interrupted: &AtomicBool,
    ) -> Result<(Answer, String), SessionError> {
        if self.standing.is_none() {
            return Err(SessionError::Running { pid: self.pid });
        }
        let id = self.channel.send(command)?;
        let deadline = Instant::now() + LONGEST_COMMAND;
        let mut printed = String::new();
        loop {
            match self.channel.receive(GLANCE)? {
                Some(Message::Answer(answer)) if answer.id == id => return Ok((answer, printed)),
                Some(Message::Event(Event::Output { text })) => printed += &text,
                _ if interrupted.load(Ordering::Relaxed) => return Err(SessionError::Interrupted),
                _ if Instant::now() > deadline => {
                    return Err(SessionError::StillRunning { pid: self.pid });
                }
                _ => {}
            }
        }
    }

    /// What `repr()` in the process gives for an expression.
    pub fn evaluate(
        &mut self,
        frame: u32,
        text: &str,
        limits: &Limits,
        interrupted: &AtomicBool,
    ) -> Result<Value, SessionError> {
        let command = Command::Evaluate {
            frame,
            text: text.to_string(),
            limit: limits.characters,
        };
        let (answer, _) = self.command(&command, interrupted)?;
        if let Some(text) = answer.error {
            return Err(SessionError::Evaluation { text });
        }
        let mut text = answer.text.unwrap_or_default();
        if answer.length.is_some() {
            text.push('…');
        }
        Ok(Value {
            type_name: answer.type_name.unwrap_or_default(),
            text,
            truncated: answer.length.is_some(),
            ..Value::default()
        })
    }

    /// Lets the thread that stands still go on.
    pub fn resume(&mut self, frame: u32, how: Resume) -> Result<(), SessionError> {
        if self.standing.take().is_none() {
            return Err(SessionError::Running { pid: self.pid });
        }
        self.channel.send(&Command::Resume { frame, how })?;
        Ok(())
    }

    /// Makes the main thread stop at its next line.
    pub fn interrupt(
        &mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<(), SessionError> {
        self.injection.interrupt(process, located)?;
        self.asked = Some(Instant::now());
        Ok(())
    }

    /// Something has not happened for a while: what was asked for may need help.
    pub fn glance(&mut self, process: &dyn Process, located: &Located) -> Result<(), SessionError> {
        self.help_if_it_waits(process, located)
    }

    /// Takes the agent out again, and lets the process go on. Gives back whether it is out: a thread in C code cannot be asked.
    pub fn end(mut self, process: &dyn Process, located: &Located) -> Result<(), SessionError> {
        let never = AtomicBool::new(false);
        if self.standing.is_none() {
            self.interrupt(process, located)?;
            let deadline = Instant::now() + PATIENCE;
            while self.standing.is_none() && Instant::now() < deadline {
                if self.next_event(GLANCE, &never)?.is_none() {
                    self.help_if_it_waits(process, located)?;
                }
            }
        }
        if self.standing.is_none() {
            // It leaves by itself when it notices that the pipes have ended.
            return Err(SessionError::InNative {
                pid: self.pid,
                seconds: PATIENCE.as_secs(),
            });
        }
        self.command(&Command::Leave, &never)?;
        Ok(self.injection.tidy(process, located)?)
    }

    fn leave_running(self, process: &dyn Process, located: &Located) {
        // What cannot be taken out now takes itself out: its pipes end here.
        let _ = self.end(process, located);
    }
}
