//! A process that is held: the agent is in it, and one of its threads stands still or they all run.

mod beginning;
mod in_c;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) use self::in_c::{BEFORE_ASKING_AGAIN, BEFORE_HELP, is_in_c};
use super::error::SessionError;
use super::guardian;
use super::own_time::OwnTime;
use super::presence::Claim;
use crate::model::{GilState, Phase, Pid, ThreadState, Tid};
use crate::process::trace::Custody;
use crate::process::{Process, ThreadStatus, live};
use crate::python::agent::{
    AgentError, Answer, Channel, Command, Event, Heritage, Injection, Message, Resume, WantedStops,
    remains,
};
use crate::python::{Located, Look};

/// How long the main thread may take to notice that it is wanted, of the time of its process. It does when it runs Python code.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a command may take before the user is told that it still runs.
const LONGEST_COMMAND: Duration = Duration::from_secs(30);
/// How long one that is given up may take to end: on a machine that has much to do, a thread may wait long for a processor.
const PATIENCE_TO_GIVE_UP: Duration = Duration::from_secs(5);
/// Bytes of what one command prints that are kept. The agent stops at a megabyte of characters.
const MOST_PRINTED: usize = 8 << 20;
/// How long an answer is waited for behind a line that is none, which may have been the answer.
const AFTER_NONSENSE: Duration = Duration::from_millis(300);
/// How often a flag is looked at while something is waited for.
const GLANCE: Duration = Duration::from_millis(50);

/// How the agent comes into a process that runs already, and what it stops for by itself then.
pub(super) struct WayIn {
    pub custody: Custody,
    pub wanted: WantedStops,
}

impl Default for WayIn {
    /// Nobody follows the process, and it stops for what it is asked to.
    fn default() -> WayIn {
        WayIn {
            custody: Custody::Nobody,
            wanted: WantedStops::default(),
        }
    }
}

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
    /// No guardian comes in as long as pmdb is in.
    _presence: Option<Claim>,
    /// When the main thread was asked to stop, until a helper speaks for it.
    asked: Option<Instant>,
    /// Until when no helper is sent again, if none could be.
    without_helper: Option<Instant>,
    /// A command that was given up, and does not end.
    unanswered: Option<u64>,
}

/// Whether the whole process stands still because of SIGSTOP or its like, so that nothing in it can answer.
pub(super) fn is_suspended(process: &dyn Process, pid: Pid) -> bool {
    if !live::may_be_suspended(pid) {
        return false;
    }
    let stopped = |thread: &ThreadStatus| thread.state == ThreadState::Stopped;
    process
        .threads()
        .is_ok_and(|threads| !threads.is_empty() && threads.iter().all(stopped))
}

impl From<AgentError> for SessionError {
    fn from(error: AgentError) -> SessionError {
        SessionError::NotHeld {
            why: error.to_string(),
        }
    }
}

impl Held {
    pub fn custody(&self) -> Custody {
        self.injection.custody()
    }

    /// Somebody follows the process from now on.
    pub fn be_followed(&mut self, custody: Custody) {
        self.injection.be_followed(custody);
    }

    pub fn heritage(&self) -> Heritage {
        self.injection.heritage()
    }

    /// An agent that stops the program by itself, at the first line of its main program.
    pub fn arriving(pid: Pid, injection: Injection, channel: Channel) -> Held {
        guardian::look_after(injection.foothold());
        Held {
            pid,
            injection,
            channel,
            standing: None,
            _presence: None,
            asked: None,
            without_helper: None,
            unanswered: None,
        }
    }

    /// Ends the program from where a thread of it stands still, as if it had raised `SystemExit` there.
    /// Says whether it waits for a SIGINT to do that, since it is not the main thread that stands still.
    pub fn abandon(
        mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<bool, SessionError> {
        let never = AtomicBool::new(false);
        self.command(&Command::Leave { abandon: true }, process, located, &never)
            .map(|(answer, _)| answer.text.is_some())
    }

    /// It was asked to stop before its agent could be talked with.
    pub fn was_asked(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// Whether job control has stopped the process, so that nothing in it can answer.
    pub fn is_suspended(&self, process: &dyn Process) -> bool {
        is_suspended(process, self.pid) || self.injection.is_suspended()
    }

    /// Whether the pipes to the agent have ended.
    pub fn is_lost(&self) -> bool {
        self.channel.has_ended()
    }

    /// The agent has taken itself out: the pages go too.
    pub fn forget(self, process: &dyn Process, located: &Located) {
        let _ = self.injection.tidy(process, located, false);
    }

    /// Whether it is this thread that stands still.
    pub fn stands_in(&self, process: &dyn Process, tid: Tid) -> bool {
        let threads = process.threads().unwrap_or_default();
        let inner = threads.iter().find(|thread| thread.tid == tid);
        let standing = self.standing.as_ref().map(|standing| standing.thread);
        inner.is_some_and(|thread| Some(thread.inner_tid) == standing)
    }

    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// A thread stands still from now on, if that is what the event tells.
    pub fn note(&mut self, event: &Event) {
        if let Event::Stopped { thread, .. }
        | Event::Left {
            thread,
            over: false,
            ..
        } = event
        {
            self.standing = Some(Standing { thread: *thread });
            self.asked = None;
        }
    }

    /// An event that has come already.
    pub fn heard_event(&mut self) -> Result<Option<Event>, SessionError> {
        let Some(Message::Event(event)) = self.channel.receive(Duration::ZERO)? else {
            return Ok(None);
        };
        self.note(&event);
        Ok(Some(event))
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
                self.note(&event);
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Sends a command to the thread that stands still, and gives back its answer with what it printed meanwhile. One that takes too
    /// long or that the user gives up is ended by a KeyboardInterrupt in it.
    pub fn command(
        &mut self,
        command: &Command,
        process: &dyn Process,
        located: &Located,
        interrupted: &AtomicBool,
    ) -> Result<(Answer, String), SessionError> {
        if self.standing.is_none() {
            return Err(SessionError::Running { pid: self.pid });
        }
        if self.is_suspended(process) {
            return Err(SessionError::Suspended { pid: self.pid });
        }
        let mut printed = String::new();
        if let Some(id) = self.unanswered
            && self.answer_in_time(id, GLANCE, &mut printed)?.is_none()
        {
            self.give_up(process, located)?;
            if self.answer_in_time(id, GLANCE, &mut printed)?.is_none() {
                return Err(SessionError::StillRunning { pid: self.pid });
            }
        }
        self.unanswered = None;
        let id = self.channel.send(command)?;
        let deadline = Instant::now() + LONGEST_COMMAND;
        while Instant::now() < deadline && !interrupted.load(Ordering::Relaxed) {
            if let Some(answer) = self.answer_in_time(id, GLANCE, &mut printed)? {
                return Ok((answer, printed));
            }
            // A child that it forked may still have the other ends of the pipes, which then tell no end.
            if process.has_changed().is_some() {
                return Err(AgentError::Ended { pid: self.pid }.into());
            }
            // What was asked for may panic: then it is its own matter what becomes of that. Another thread that does is shown later, unless it has the
            // interpreter, for which what was asked for may wait.
            if let Some(tid) = self.injection.kept_at_tripwire() {
                let goes_on = self.stands_in(process, tid)
                    || in_c::lock_of(process, located, tid) == Some(GilState::Holds);
                self.injection.leave_tripwire(goes_on);
            }
            if self.injection.is_crashing() {
                return Err(SessionError::Crashed { pid: self.pid });
            }
            if self.is_suspended(process) {
                // It is answered, and its answer passed over, once the process goes on.
                self.unanswered = Some(id);
                return Err(SessionError::Suspended { pid: self.pid });
            }
        }
        self.unanswered = Some(id);
        let deadline = Instant::now() + PATIENCE_TO_GIVE_UP;
        while Instant::now() < deadline {
            self.give_up(process, located)?;
            if let Some(answer) = self.answer_in_time(id, 4 * GLANCE, &mut printed)? {
                self.unanswered = None;
                return Ok((answer, printed));
            }
        }
        Err(SessionError::StillRunning { pid: self.pid })
    }

    /// Makes the main thread raise a KeyboardInterrupt in what the standing thread runs.
    fn give_up(&mut self, process: &dyn Process, located: &Located) -> Result<(), SessionError> {
        Ok(self.injection.interrupt(process, located)?)
    }

    fn answer_in_time(
        &mut self,
        id: u64,
        patience: Duration,
        printed: &mut String,
    ) -> Result<Option<Answer>, SessionError> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.channel.receive(left) {
                Err(spoilt @ AgentError::Nonsense { .. }) => {
                    // The program wrote into the pipe. Its statement has not come to its end for all that.
                    let _ = self.answer_in_time(id, AFTER_NONSENSE, printed)?;
                    return Err(spoilt.into());
                }
                other => other?,
            };
            match message {
                Some(Message::Answer(answer)) if answer.id == id => return Ok(Some(answer)),
                Some(Message::Event(Event::Output { text })) if printed.len() < MOST_PRINTED => {
                    *printed += &text;
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The thread that stands still runs code, and stops in it.
    pub fn runs(&mut self) {
        self.standing = None;
    }

    /// Ends the code that the thread which stands still has stopped in.
    pub fn quit_level(&mut self) -> Result<(), SessionError> {
        if self.standing.take().is_none() {
            return Err(SessionError::Running { pid: self.pid });
        }
        self.channel.send(&Command::Quit)?;
        Ok(())
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

    /// Takes the agent out again, and lets the process go on. Gives back whether it is out: a thread in C code cannot be asked.
    pub fn end(mut self, process: &dyn Process, located: &Located) -> Result<(), SessionError> {
        if self.is_suspended(process) {
            // It leaves when it reads this, or finds that the pipes have ended.
            if self.standing.is_some() {
                self.channel.send(&Command::Leave { abandon: false })?;
            }
            return Err(SessionError::LeftStopped { pid: self.pid });
        }
        let never = AtomicBool::new(false);
        match self.have_it_stand(process, located, &never) {
            // Nothing runs in it any more: the agent goes with the interpreter.
            Err(_) if Look::new(process, located).phase() == Phase::Finalizing => return Ok(()),
            other => other?,
        }
        if self.standing.is_none() {
            // It leaves by itself when it notices that the pipes have ended.
            return Err(SessionError::InNative {
                pid: self.pid,
                seconds: PATIENCE.as_secs(),
            });
        }
        let leave = Command::Leave { abandon: false };
        let (answer, _) = self.command(&leave, process, located, &never)?;
        let has_given_back = answer.gives_back == Some(true);
        self.injection.tidy(process, located, has_given_back)?;
        // What a pmdb has left that was killed with its guardian. It stays if it is still needed, or somebody else just comes.
        let is_alone = guardian::is_this_one() || Claim::is_alone(self.pid);
        if is_alone && remains::are_in(self.pid) {
            let _ = remains::clear(process, located, self.pid, &self.custody());
        }
        Ok(())
    }

    /// Makes the main thread stop, so that the agent can be asked to leave. Gives up after a while.
    fn have_it_stand(
        &mut self,
        process: &dyn Process,
        located: &Located,
        never: &AtomicBool,
    ) -> Result<(), SessionError> {
        if self.standing.is_some() {
            return Ok(());
        }
        self.interrupt(process, located)?;
        let mut own_time = OwnTime::begin(self.pid);
        while self.standing.is_none() && own_time.passed(process) < PATIENCE {
            if self.next_event(GLANCE, never)?.is_none() {
                self.glance(process, located)?;
            }
        }
        Ok(())
    }

    fn leave_running(self, process: &dyn Process, located: &Located) {
        // What cannot be taken out now takes itself out: its pipes end here.
        let _ = self.end(process, located);
    }
}
