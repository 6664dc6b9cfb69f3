//! A conversation about a command that runs: there is a prompt whenever something goes wrong in one of its processes.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use super::prompt::{catch_interrupts, prompt};
use super::run::{Ending, Queued, Repl, Trouble};
use super::script::{Options, Outcome, answers, terminal};
use crate::session::{Lines, Request, Response, Resume, Session};

/// Follows a command to its end. At each stop the commands that were given are run first, as if typed, and then there is a prompt in the
/// terminal. Without a terminal, or with `batch`, each stop is reported and the process goes on.
pub fn follow(session: Session, options: &Options, batch: bool) -> io::Result<Outcome> {
    let interrupted = session.interrupted();
    let repl = Rc::new(RefCell::new(Repl::new(session, options.palette)));
    let mut out = answers(options);
    let in_terminal = !batch && terminal().is_some();
    catch_interrupts(&interrupted);
    repl.borrow_mut()
        .follow(&options.commands, in_terminal, &mut *out)?;
    if in_terminal && !repl.borrow().session.is_over() {
        prompt(&repl, &mut *out, true)?;
    }
    let exit_code = repl.borrow_mut().session.end_program();
    out.flush()?;
    Ok(Outcome {
        succeeded: true,
        exit_code,
    })
}

impl Repl {
    /// Waits for the first stop and runs the commands. Comes back when a prompt is needed, or when the command has ended.
    fn follow(
        &mut self,
        commands: &[String],
        in_terminal: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let waited = self.wait_for_stop(None, out);
        self.report(waited, out)?;
        self.queue
            .extend(commands.iter().cloned().map(Queued::Line));
        if !commands.is_empty() || in_terminal {
            self.work_off(out)?;
        }
        while !in_terminal && !self.session.is_over() {
            let reported = self.report_stop(out);
            self.report(reported, out)?;
            let went_on = self
                .session
                .ask(Request::Resume {
                    how: Resume::Continue,
                })
                .map_err(Trouble::from)
                .and_then(|_| self.wait_for_stop(None, out));
            if self.report(went_on, out)? == Ending::Failed {
                // Nothing can be done for this one any more; others may stop.
                let waited = self.wait_for_stop(None, out);
                self.report(waited, out)?;
            }
        }
        Ok(())
    }

    /// Each frame with its source and its locals, the newest last.
    fn report_stop(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        self.forget_stop();
        self.session.ask(Request::Refresh)?;
        let Response::Stack(stack) = self.session.ask(Request::Stack)? else {
            return Ok(());
        };
        for entry in &stack.frames {
            let number = i64::try_from(entry.number).unwrap_or(i64::MAX);
            let step = crate::session::FrameStep::Number(number);
            self.session.ask(Request::SelectFrame { step })?;
            self.writer(out).frame(entry)?;
            if let Ok(Response::Variables(locals)) = self.session.ask(Request::Locals) {
                self.writer(out).variables(&locals)?;
            }
        }
        let newest = crate::session::FrameStep::Number(0);
        self.session.ask(Request::SelectFrame { step: newest })?;
        if let Ok(Response::Listing(listing)) = self.session.ask(Request::List {
            lines: Lines::Around,
        }) {
            self.writer(out).listing(&listing)?;
        }
        writeln!(out)?;
        Ok(())
    }
}
