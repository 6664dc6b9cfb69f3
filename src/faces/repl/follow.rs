//! A conversation about a command that runs: there is a prompt whenever something stops in one of its processes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::attendant::SharedRepl;
use super::prompt::{catch_interrupts, prompt};
use super::run::{Ending, Queued, Repl, Trouble};
use super::script::{Options, Outcome, answers, end, terminal};
use super::termination;
use crate::faces::complaint::Unheeded;
use crate::faces::render::html;
use crate::model::Language;
use crate::session::dump_report::dump_report;
use crate::session::stack::{Limits, in_files};
use crate::session::{FrameStep, Request, Response, Resume, Session};

/// How a command is followed beside that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Following {
    /// There is no prompt.
    pub batch: bool,
    /// Where there is no prompt, the command is ended when the commands are used up.
    pub kill: bool,
    /// Each process that stops is written down.
    pub snapshots: Option<Snapshots>,
}

/// Where snapshots go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    pub folder: PathBuf,
    /// Of the first stops.
    pub most: usize,
}

impl Snapshots {
    pub const MOST: usize = 20;
}

/// What a shell gives back for a command that SIGTERM has ended.
const TERMINATED: i32 = 128 + nix::libc::SIGTERM;

/// Follows a command to its end. At each stop the commands that were given are run first, as if typed, and then there is a prompt at the
/// terminal. Without a terminal, or in a batch, each further stop is reported and the process goes on, or the command is ended.
pub fn follow(session: Session, options: &Options, following: Following) -> io::Result<Outcome> {
    let Following {
        batch,
        kill,
        snapshots,
    } = following;
    let interrupted = session.interrupted();
    let repl = SharedRepl::new(Repl::new(session, options.palette));
    let in_terminal = !batch && terminal().is_some();
    // The command has the standard output: what is said without being asked does not get between its lines.
    let mut out = if in_terminal {
        answers(options)
    } else {
        Box::new(Unheeded(termination::to_standard_error()))
    };
    catch_interrupts(&interrupted);
    let talked = if in_terminal {
        let ending = repl.lock().until_first_prompt(&options.commands, &mut *out);
        match ending {
            Ok(Ending::Quit) => Ok(()),
            Ok(_) => repl.attended(|| prompt(&repl, &mut *out, true)),
            Err(error) => Err(error),
        }
    } else {
        repl.lock()
            .run_to_end(&options.commands, kill, snapshots, &mut *out)
    };
    let mut outcome = end(&repl, talked.map(|()| true), &mut *out)?;
    if kill && !in_terminal && outcome.terminated_by.is_none() && outcome.exit_code.is_none() {
        let ended = "[pmdb] the command was ended with all its processes (--kill)";
        repl.lock().writer(&mut *out).line(ended)?;
        out.flush()?;
        // Whoever called pmdb is to see that something went wrong.
        outcome.exit_code = Some(TERMINATED);
    }
    Ok(outcome)
}

/// Writes what a snapshot tells as a page of HTML beside it. As the snapshot itself, only its owner can read it.
fn write_page(snapshot: &Path) -> io::Result<PathBuf> {
    let targets = in_files(&[snapshot.to_path_buf()], None);
    let page = html::page(&dump_report(&targets, Limits::default()));
    let path = snapshot.with_extension("html");
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".pmdb-")
        .suffix(".part")
        .tempfile_in(folder)?;
    file.write_all(page.as_bytes())?;
    file.persist_noclobber(&path).map_err(|error| {
        let why = format!("{}: {}", path.display(), error.error);
        io::Error::new(error.error.kind(), why)
    })?;
    Ok(path)
}

impl Repl {
    fn until_first_prompt(
        &mut self,
        commands: &[String],
        out: &mut dyn Write,
    ) -> io::Result<Ending> {
        let waited = self.wait_for_stop(None, out);
        self.report(waited, out)?;
        if self.is_to_leave() {
            return Ok(Ending::Quit);
        }
        let lines = commands.iter().cloned();
        self.queue.extend(lines.map(Queued::Typed));
        let ending = self.work_off(out)?;
        Ok(if self.is_to_leave() {
            Ending::Quit
        } else {
            ending
        })
    }

    /// Runs the commands, the first at the first stop; whatever stops when they are used up is reported and goes on, or with `kill` ends
    /// it all.
    fn run_to_end(
        &mut self,
        commands: &[String],
        kill: bool,
        mut snapshots: Option<Snapshots>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if !commands.is_empty() {
            let ending = self.until_first_prompt(commands, out)?;
            if ending == Ending::Quit || kill {
                return Ok(());
            }
        }
        while !self.is_to_leave() {
            let went_on = if self.session.stands_still() {
                self.go_on(out)
            } else {
                self.wait_for_stop(None, out)
            };
            self.report(went_on, out)?;
            if self.session.stands_still() {
                let reported = self.locals_of_stack(out);
                self.report(reported, out)?;
                if let Some(snapshots) = &mut snapshots {
                    self.write_down(snapshots, out)?;
                }
                if kill {
                    return Ok(());
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    /// Writes a snapshot of the process that stands still.
    fn write_down(&mut self, snapshots: &mut Snapshots, out: &mut dyn Write) -> io::Result<()> {
        let Some(left) = snapshots.most.checked_sub(1) else {
            return self
                .writer(out)
                .line("[pmdb] no snapshot: as many as --most allows are written");
        };
        match self.session.write_down(&snapshots.folder) {
            Ok(path) => {
                snapshots.most = left;
                let line = format!("[pmdb] snapshot: pmdb open {}", path.display());
                self.writer(out).line(&line)?;
                match write_page(&path) {
                    Ok(page) => {
                        let line = format!("[pmdb] report: {}", page.display());
                        self.writer(out).line(&line)
                    }
                    Err(error) => self.writer(out).problem(&format!("no report: {error}")),
                }
            }
            Err(why) => self.writer(out).problem(&format!("no snapshot: {why}")),
        }
    }

    fn go_on(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        self.forget_stop();
        let how = Resume::Continue;
        self.session.ask(Request::Resume { how })?;
        self.wait_for_stop(None, out)
    }

    /// Each frame with its line and its variables, the newest last.
    fn locals_of_stack(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        self.forget_stop();
        self.session.ask(Request::Refresh)?;
        let Response::Stack(stack) = self.session.ask(Request::Stack)? else {
            return Ok(());
        };
        let select = |number| Request::SelectFrame {
            step: FrameStep::Number(number),
        };
        for entry in &stack.frames {
            self.session
                .ask(select(i64::try_from(entry.number).unwrap_or(i64::MAX)))?;
            self.writer(out).frame(entry)?;
            if entry.frame.language == Language::Native {
                continue;
            }
            match self.session.ask(Request::Locals) {
                Ok(Response::Variables(locals)) => self.writer(out).variables_within(&locals)?,
                Ok(_) => {}
                Err(error) => self.writer(out).problem(&error.to_string())?,
            }
        }
        self.session.ask(select(0))?;
        Ok(())
    }
}
