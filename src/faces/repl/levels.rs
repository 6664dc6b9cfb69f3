//! `debug`: a prompt about code that is run while the process stands still. What was to be run behind the command waits for its end.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::run::{Ending, Queued, Repl, Trouble};
use crate::model::Pid;
use crate::session::{LevelLeft, Request, SessionError};

// As pdb says it.
const ENTERING: &str = "ENTERING RECURSIVE DEBUGGER";
const LEAVING: &str = "LEAVING RECURSIVE DEBUGGER";

/// What is run when the code of a `debug` has come to its end.
pub(super) struct Waiting {
    pid: Option<Pid>,
    queue: VecDeque<Queued>,
}

impl Repl {
    pub(super) fn debug(&mut self, text: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let text = text.to_string();
        let pid = self.focused_pid();
        // Where it cannot be, nothing is entered.
        if !self.session.stands_still() {
            self.session.ask(Request::Debug { text })?;
            return Ok(());
        }
        self.writer(out).line(ENTERING)?;
        if let Err(error) = self.session.ask(Request::Debug { text }) {
            let is_of_code = matches!(error, SessionError::Evaluation { .. });
            self.report(Err(error.into()), out)?;
            if is_of_code {
                self.writer(out).line(LEAVING)?;
            }
            return Err(Trouble::Said);
        }
        let is_typed = |queued: &Queued| matches!(queued, Queued::Typed(_));
        let rest = self.queue.iter().position(is_typed);
        let typed = self.queue.split_off(rest.unwrap_or(self.queue.len()));
        let queue = std::mem::replace(&mut self.queue, typed);
        self.waiting.push(Waiting { pid, queue });
        self.wait_for_stop(None, out)
    }

    /// Whether the focused process stands still in the code of a `debug`.
    pub(super) fn is_in_level(&mut self) -> bool {
        self.session.stands_still() && self.levels() > 0
    }

    /// `quit` in the code of a `debug` ends that alone.
    pub(super) fn quit_level(&mut self, out: &mut dyn Write) -> io::Result<Ending> {
        self.forget_stop();
        let left = (self.session.ask(Request::QuitLevel).map(drop)).map_err(Trouble::from);
        let left = left.and_then(|()| self.wait_for_stop(None, out));
        self.report(left, out)
    }

    /// Says how the code of a `debug` has ended, and goes on with what waited for that. Gives back whether the prompt comes back.
    pub(super) fn level_left(&mut self, left: &LevelLeft, out: &mut dyn Write) -> io::Result<bool> {
        let of_process = |waiting: &Waiting| waiting.pid == left.pid;
        if let Some(place) = self.waiting.iter().rposition(of_process) {
            let mut queue = self.waiting.remove(place).queue;
            queue.append(&mut self.queue);
            self.queue = queue;
        }
        if left.over {
            return Ok(false);
        }
        let mut writer = self.writer(out);
        if left.interrupted {
            writer.line("--KeyboardInterrupt--")?;
            return Ok(true);
        }
        if let Some(error) = &left.error {
            writer.problem(error)?;
        }
        writer.line(LEAVING)?;
        Ok(true)
    }
}
