//! Where the lines come from: `.pdbrc`, `-c`, a pipe, a terminal.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::attendant::SharedRepl;
use super::command_file::commands_in;
use super::prompt::{catch_interrupts, prompt};
use super::run::{Ending, Repl};
use super::termination;
use crate::faces::render::palette::Palette;
use crate::session::Session;

/// What is read at once from an input that is pmdb's alone. Bytes.
const USUAL_READ: usize = 8192;

/// How a conversation is held.
#[derive(Debug, Clone)]
pub struct Options {
    /// Commands to run first, as if typed.
    pub commands: Vec<String>,
    pub palette: Palette,
    /// It is about a program that pmdb has started and that has pmdb's standard streams. So the terminal is opened by its name,
    /// and from a pipe no more is read than the lines that are run: the rest is the program's.
    pub has_program: bool,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether all commands of a script succeeded.
    pub succeeded: bool,
    /// Of a program that pmdb started and that has ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that told pmdb to leave, if one did.
    pub terminated_by: Option<i32>,
}

/// Runs the user's `.pdbrc` files, then the commands; then it prompts in a terminal, and otherwise reads commands from
/// standard input, unless it was given any.
pub fn converse(session: Session, options: &Options, banner: &str) -> io::Result<Outcome> {
    let interrupted = session.interrupted();
    let repl = SharedRepl::new(Repl::new(session, options.palette));
    let mut out = answers(options);
    let in_terminal = if options.has_program {
        terminal().is_some()
    } else {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    };
    if in_terminal {
        write!(out, "{banner}")?;
        catch_interrupts(&interrupted);
    } else {
        termination::heed_interrupts();
    }
    let talked = if options.has_program {
        with_program(&repl, options, in_terminal, &mut *out)
    } else {
        with_processes(&repl, options, in_terminal, &mut *out)
    };
    end(&repl, talked, &mut *out)
}

/// Ends what pmdb has started, also if the terminal is gone.
pub(super) fn end(
    repl: &SharedRepl,
    talked: io::Result<bool>,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let exit_code = repl.lock().session.end_program();
    let terminated_by = termination::signal();
    // What was cut off by the signal has not failed.
    let flushed = talked.and_then(|succeeded| out.flush().map(|()| succeeded));
    let succeeded = match flushed {
        Ok(succeeded) => succeeded,
        Err(_) if terminated_by.is_some() => false,
        Err(error) => return Err(error),
    };
    Ok(Outcome {
        succeeded,
        exit_code,
        terminated_by,
    })
}

fn with_processes(
    repl: &SharedRepl,
    options: &Options,
    in_terminal: bool,
    out: &mut dyn Write,
) -> io::Result<bool> {
    for path in rc_files() {
        for line in lines_of_rc(&path) {
            if repl.lock().run(&line, out)? == Ending::Quit {
                return Ok(true);
            }
        }
    }
    let interrupted = repl.lock().session.interrupted();
    let mut succeeded = true;
    for command in &options.commands {
        match repl.lock().run(command, out)? {
            Ending::Done => {}
            Ending::Failed => succeeded = false,
            Ending::Quit => return Ok(succeeded),
        }
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    if in_terminal {
        interrupted.store(false, Ordering::Relaxed);
        repl.lock().show_focus(out)?;
        prompt(repl, out, false)?;
        return Ok(true);
    }
    if options.commands.is_empty() {
        let mut input = termination::input(USUAL_READ)?;
        succeeded = run_input(&mut repl.lock(), &mut input, out)?;
    }
    Ok(succeeded)
}

/// As in pdb, the first line is shown when there is nothing more to be run before it.
fn with_program(
    repl: &SharedRepl,
    options: &Options,
    in_terminal: bool,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut lines: Vec<String> = rc_files().iter().flat_map(lines_of_rc).collect();
    lines.extend(options.commands.iter().cloned());
    if repl.lock().begin(lines, out)? == Ending::Quit {
        return Ok(true);
    }
    if in_terminal {
        prompt(repl, out, true)?;
        return Ok(true);
    }
    out.flush()?;
    // Byte by byte: what lies behind the lines is the program's.
    let mut input = termination::input(1)?;
    run_input(&mut repl.lock(), &mut input, out)
}

/// The terminal that the user sits at, also if the standard streams are something else.
pub(super) fn terminal() -> Option<File> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    terminal.ok().filter(File::is_terminal)
}

/// Where answers go: not into a file that the output of the program is redirected to.
pub(super) fn answers(options: &Options) -> Box<dyn Write> {
    if options.has_program
        && !io::stdout().is_terminal()
        && let Some(terminal) = terminal()
    {
        return termination::output(terminal);
    }
    termination::to_standard_output()
}

/// Runs lines to their end.
fn run_input(repl: &mut Repl, input: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<bool> {
    let mut succeeded = true;
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = input.read_until(b'\n', &mut line)?;
        if termination::signal().is_some() {
            return Ok(succeeded);
        }
        if count == 0 {
            match repl.end_of_input(out)? {
                Ending::Done => continue,
                Ending::Failed | Ending::Quit => return Ok(succeeded),
            }
        }
        let text = String::from_utf8_lossy(&line);
        match repl.run(text.trim_end_matches(['\r', '\n']), out)? {
            Ending::Done => {}
            Ending::Failed => succeeded = false,
            Ending::Quit => return Ok(succeeded),
        }
        out.flush()?;
    }
}

/// pdb's: in the home folder and in the current one.
fn rc_files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pdbrc"));
    let here = std::env::current_dir()
        .ok()
        .map(|folder| folder.join(".pdbrc"));
    let mut files: Vec<PathBuf> = home.into_iter().chain(here).collect();
    files.dedup();
    files
}

/// Nothing if it is not there or is no file.
fn lines_of_rc(path: &PathBuf) -> Vec<String> {
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let lines = is_file.then(|| commands_in(path));
    lines.and_then(Result::ok).unwrap_or_default()
}
