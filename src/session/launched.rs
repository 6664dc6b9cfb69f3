//! A program that pmdb has started.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};

use super::api::Event;
use super::arguments;
use super::error::SessionError;
use super::held::Held;
use super::inferior::Inferior;
use super::stack::Target;
use crate::process::trace::End;
pub use crate::process::trace::Program;
use crate::python::agent::{Launch, Start};
use crate::python::locate::Locator;

/// Why a program could not be stopped at its first line.
const NO_PYTHON: &str = "has ended without running a Python of which pmdb could have got hold";
const NO_LINE: &str = "has ended before the first line of its main program";

/// What is needed to start it again, and to know how it ended.
pub(super) struct Launched {
    program: Program,
    launch: Launch,
}

impl Inferior {
    /// Starts a program and waits until it stands still at the first line of its main program.
    pub fn launch(
        program: Program,
        interrupted: &AtomicBool,
    ) -> Result<(Inferior, Vec<Event>), SessionError> {
        let name = program.name.display().to_string();
        let no_program = |why: &str, end: Option<End>| SessionError::NoProgram {
            program: name.clone(),
            why: why.to_string(),
            how: end.map_or("it has ended".to_string(), describe),
            exit_code: end.map_or(1, End::exit_code),
        };
        let started = Launch::start(program.clone(), interrupted).map_err(|error| {
            SessionError::NotOpened {
                why: error.to_string(),
            }
        })?;
        let (mut launch, injection, channel) = match started {
            Start::Ready(ready) => *ready,
            Start::Ended(end) => return Err(no_program(NO_PYTHON, Some(end))),
        };
        let pid = launch.pid;
        let mut inferior = match Inferior::open(&Target::Live(pid), &Locator::default()) {
            Ok(inferior) => inferior,
            Err(error) => {
                return Err(match launch.wait_for_end() {
                    Some(end) => no_program(NO_LINE, Some(end)),
                    None => SessionError::NotOpened {
                        why: error.to_string(),
                    },
                });
            }
        };
        inferior.held = Some(Held::arriving(pid, injection, channel));
        inferior.launched = Some(Launched { program, launch });
        // It may import much before its main program begins (`-m`), and Ctrl-C stops it there.
        loop {
            match inferior.wait(interrupted) {
                Ok(events) if inferior.stands_still() => return Ok((inferior, events)),
                Ok(_) if inferior.ended => return Err(no_program(NO_LINE, inferior.end())),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            if interrupted.swap(false, Ordering::Relaxed) {
                inferior.hold(interrupted)?;
            }
        }
    }

    fn end(&mut self) -> Option<End> {
        self.launched.as_mut()?.launch.wait_for_end()
    }

    /// Of a program that has ended, if pmdb has started it.
    pub(super) fn how_it_ended(&mut self) -> Option<String> {
        self.end().map(describe)
    }

    /// Lets the process go on, and leaves it to itself if pmdb has started it.
    pub(super) fn let_go(&mut self) -> Result<(), SessionError> {
        self.release()?;
        if !self.ended {
            self.launched = None;
        }
        Ok(())
    }

    /// Ends a program that pmdb has started: from where it stands, as pdb does, or if it runs or does not end by that, with a
    /// signal. Gives back its exit code if it had ended by itself, or was about to, with an exception that nobody has caught.
    pub(super) fn end_program(&mut self) -> Option<i32> {
        let launch = &mut self.launched.as_mut()?.launch;
        if let Some(end) = launch.end() {
            return Some(end.exit_code());
        }
        let pid = nix::unistd::Pid::from_raw(launch.pid.0.cast_signed());
        if self.is_post_mortem() {
            let _ = self.release();
            if let Some(end) = self.end() {
                self.ended = true;
                return Some(end.exit_code());
            }
        }
        let located = self.located().ok().cloned();
        let asked = match self.held.take().zip(located) {
            Some((held, located)) if held.standing().is_some() => {
                held.abandon(&*self.process, &located).ok()
            }
            _ => None,
        };
        let signal = match asked {
            Some(false) => None,
            Some(true) => Some(Signal::SIGINT),
            None => Some(Signal::SIGTERM),
        };
        if let Some(signal) = signal {
            let _ = kill(pid, signal);
        }
        if self.end().is_none() {
            let _ = kill(pid, Signal::SIGKILL);
            self.end();
        }
        self.ended = true;
        None
    }

    /// Whether its main program is over, which an exception has left.
    fn is_post_mortem(&self) -> bool {
        // The code of `debug` lies within another stop.
        let outermost = self.levels.first().map(|outer| &outer.why_stopped);
        let why = outermost.unwrap_or(&self.why_stopped).as_ref();
        self.stands_still() && why.is_some_and(|(reason, _)| reason == "uncaught")
    }

    /// Starts the program again, with other arguments if there are some. Breakpoints stay. Says what it has started.
    pub(super) fn restart(
        &mut self,
        arguments: Option<&str>,
        interrupted: &AtomicBool,
    ) -> Result<(String, Vec<Event>), SessionError> {
        let launched = self.launched.as_ref().ok_or(SessionError::NotLaunched)?;
        let mut program = launched.program.clone();
        if let Some(text) = arguments {
            let words = arguments::split(text).map_err(|why| SessionError::BadArguments {
                arguments: text.to_string(),
                why: why.to_string(),
            })?;
            let kept = words_before_arguments(&program);
            program.arguments.truncate(kept);
            program
                .arguments
                .extend(words.into_iter().map(OsString::from));
        }
        self.end_program();
        let said = said_of_restart(&program);
        let (mut again, events) = Inferior::launch(program, interrupted)?;
        again.breakpoints = std::mem::take(&mut self.breakpoints);
        *self = again;
        self.send_breakpoints(interrupted)?;
        Ok((said, events))
    }
}

/// As pdb says it.
fn said_of_restart(program: &Program) -> String {
    let kept = words_before_arguments(program).min(program.arguments.len());
    let (before, behind) = program.arguments.split_at(kept);
    let name = before.last().unwrap_or(&program.name).display();
    let words: Vec<String> = behind
        .iter()
        .map(|word| word.display().to_string())
        .collect();
    format!("Restarting {name} with arguments:\n\t{}", words.join(" "))
}

/// `exit code 3`, `signal SIGKILL`.
pub(super) fn describe(end: End) -> String {
    match end {
        End::Exited { code } => format!("exit code {code}"),
        End::Killed { signal, .. } => match Signal::try_from(signal) {
            Ok(signal) => format!("signal {}", signal.as_str()),
            Err(_) => format!("signal {signal}"),
        },
    }
}

/// How many words behind the program's name are not its main program's: the options of an interpreter, and the script.
fn words_before_arguments(program: &Program) -> usize {
    let path = std::path::Path::new(&program.name);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with("python") {
        return 0;
    }
    let mut words = program.arguments.iter().enumerate();
    while let Some((index, word)) = words.next() {
        match word.to_string_lossy().as_ref() {
            // What stands behind these ends the options (`python --help`).
            "-c" | "-m" => return index + 2,
            "-W" | "-X" | "--check-hash-based-pycs" => drop(words.next()),
            option if option.starts_with('-') && option.len() > 1 => {}
            _ => return index + 1,
        }
    }
    program.arguments.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_begin_behind_the_script() {
        let before = |line: &str| {
            let mut words = line.split(' ').map(OsString::from);
            let name = words.next().unwrap_or_default();
            let arguments = words.collect();
            words_before_arguments(&Program { name, arguments })
        };
        assert_eq!(before("python3 a.py x y"), 1);
        assert_eq!(before("/usr/bin/python3.11 -X dev -u a.py x"), 4);
        assert_eq!(before("python -m pool x"), 2);
        assert_eq!(before("python -u -c pass x"), 3);
        assert_eq!(before("./tool x y"), 0);
        assert_eq!(before("python"), 0);
    }
}
