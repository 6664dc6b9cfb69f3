//! Where the lines come from: `.pdbrc`, `-c`, a pipe, a terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::prompt::{catch_interrupts, prompt};
use super::run::{Ending, Repl};
use crate::faces::render::palette::Palette;
use crate::session::Session;

/// A longer `.pdbrc` is not read. Bytes.
const LONGEST_RC: u64 = 1 << 20;

/// How a conversation is held.
#[derive(Debug, Clone)]
pub struct Options {
    /// Commands to run first, as if typed.
    pub commands: Vec<String>,
    pub palette: Palette,
}

/// Runs the user's `.pdbrc` files, then the commands; then it prompts in a terminal, and otherwise reads commands from
/// standard input, unless it was given any. Says whether all commands of a script succeeded.
pub fn converse(session: Session, options: &Options, banner: &str) -> io::Result<bool> {
    let interrupted = session.interrupted();
    let mut repl = Repl::new(session, options.palette);
    let mut out = io::stdout();
    let in_terminal = io::stdin().is_terminal() && out.is_terminal();
    if in_terminal {
        write!(out, "{banner}")?;
        catch_interrupts(&interrupted);
    }
    for path in rc_files() {
        if run_rc(&mut repl, &path, &mut out)? == Ending::Quit {
            return Ok(true);
        }
    }
    let mut succeeded = true;
    for command in &options.commands {
        match repl.run(command, &mut out)? {
            Ending::Done => {}
            Ending::Failed => succeeded = false,
            Ending::Quit => return Ok(succeeded),
        }
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    if in_terminal {
        prompt(repl)?;
        return Ok(true);
    }
    if options.commands.is_empty() {
        succeeded = run_input(&mut repl, &mut out)?;
    }
    out.flush()?;
    Ok(succeeded)
}

/// Runs the lines of standard input to its end.
fn run_input(repl: &mut Repl, out: &mut dyn Write) -> io::Result<bool> {
    let mut succeeded = true;
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
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

/// Runs the lines of a file that are neither empty nor comments. What fails is said, and is no failure of ours.
fn run_rc(repl: &mut Repl, path: &PathBuf, out: &mut dyn Write) -> io::Result<Ending> {
    let is_small = |path: &PathBuf| {
        let metadata = std::fs::metadata(path);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LONGEST_RC)
    };
    if !is_small(path) {
        return Ok(Ending::Done);
    }
    let Ok(bytes) = std::fs::read(path) else {
        return Ok(Ending::Done);
    };
    let text = String::from_utf8_lossy(&bytes);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if repl.run(line, out)? == Ending::Quit {
            return Ok(Ending::Quit);
        }
    }
    Ok(Ending::Done)
}
