//! The prompt in a terminal: line editing, history, completion, Ctrl-C.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use nix::poll::PollFlags;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Behavior, CompletionType, Config, Context, Editor};

use super::attendant::SharedRepl;
use super::run::{Ending, Repl};
use super::termination;
use crate::faces::complaint::complain;
use crate::faces::render::palette::{Palette, Role};

/// Lines of the history that are kept.
const LONGEST_HISTORY: usize = 10_000;

/// What the handler of SIGINT sets.
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

#[derive(rustyline::Helper, rustyline::Hinter, rustyline::Highlighter, rustyline::Validator)]
struct Assistant(SharedRepl);

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let mut repl = self.0.lock();
        let (start, names) = repl.complete(line, cursor);
        let pair = |name: String| Pair {
            display: name.clone(),
            replacement: name,
        };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

/// Reads and runs lines until the user leaves. Fails only if the terminal does. `by_name`: the terminal is opened by its name, since
/// the standard streams may be something else.
pub(super) fn prompt(repl: &SharedRepl, out: &mut dyn Write, by_name: bool) -> io::Result<()> {
    let interrupted = repl.lock().session.interrupted();
    let mut editor = editor(repl, by_name).map_err(io::Error::other)?;
    let is_plain = is_plain_terminal();
    let history = history_file();
    if let Some(path) = &history {
        // There is none yet, or it cannot be read: the prompt works without.
        let _ = editor.load_history(path);
    }
    loop {
        out.flush()?;
        let question = repl.lock().question();
        let (prompt, indent, is_kept) = match question {
            Some(asked) => (
                (asked.prompt.clone(), asked.prompt),
                asked.indent,
                asked.is_kept,
            ),
            None => (prompts(&mut repl.lock()), String::new(), true),
        };
        if termination::signal().is_some() {
            break;
        }
        let read = if is_plain {
            // The editor only reads a line then, and a signal would not end that.
            out.write_all(prompt.0.as_bytes())?;
            out.flush()?;
            if !termination::wait_for(io::stdin().as_fd(), PollFlags::POLLIN) {
                break;
            }
            editor.readline("")
        } else {
            termination::while_editing(|| editor.readline_with_initial(&prompt, (&indent, "")))
        };
        if termination::signal().is_some() {
            break;
        }
        match read {
            Ok(line) => {
                if is_kept && !line.trim().is_empty() {
                    let _ = editor.add_history_entry(line.as_str());
                }
                if run(repl, &interrupted, &line, out)? == Ending::Quit {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => repl.lock().give_up(out)?,
            Err(ReadlineError::Eof) => {
                if repl.lock().question().is_none() {
                    writeln!(out)?;
                }
                if repl.lock().end_of_input(out)? == Ending::Quit {
                    break;
                }
            }
            Err(ReadlineError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    if let Some(path) = &history {
        save(&mut editor, path);
    }
    Ok(())
}

/// Runs what was typed, or pasted: that may have several lines.
fn run(
    repl: &SharedRepl,
    interrupted: &AtomicBool,
    text: &str,
    out: &mut dyn Write,
) -> io::Result<Ending> {
    interrupted.store(false, Ordering::Relaxed);
    let mut lines = text.trim_end_matches('\n').split('\n');
    let mut ending = Ending::Done;
    while let Some(line) = lines.next().filter(|_| ending != Ending::Quit) {
        ending = repl.lock().run(line, out)?;
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(ending)
}

fn editor(repl: &SharedRepl, by_name: bool) -> rustyline::Result<Editor<Assistant, FileHistory>> {
    let behavior = if by_name {
        Behavior::PreferTerm
    } else {
        Behavior::Stdio
    };
    let config = Config::builder()
        .max_history_size(LONGEST_HISTORY)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .behavior(behavior)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant(repl.clone())));
    Ok(editor)
}

/// `(pmdb) `, with the process that has the focus where there is more than one; in the code of `debug` as pdb has it: `((pmdb)) `.
fn prompts(repl: &mut Repl) -> (String, String) {
    let words = match repl.focus_label() {
        Some(label) => format!("(pmdb {label})"),
        None => "(pmdb)".to_string(),
    };
    let levels = repl.levels();
    let plain = format!("{}{words}{} ", "(".repeat(levels), ")".repeat(levels));
    let painted = match repl.palette {
        Palette::Plain => plain.clone(),
        Palette::Ansi => {
            let text = repl.palette.paint(Role::Prompt, plain.trim_end());
            format!("{text} ")
        }
    };
    (plain, painted)
}

/// Whether it can do no more than show lines: those that the line editor names.
fn is_plain_terminal() -> bool {
    let name = std::env::var("TERM").unwrap_or_default();
    ["dumb", "cons25", "emacs"]
        .iter()
        .any(|plain| name.eq_ignore_ascii_case(plain))
}

/// While a command runs, Ctrl-C ends the command and not pmdb.
pub(super) fn catch_interrupts(interrupted: &Arc<AtomicBool>) {
    extern "C" fn handler(_: nix::libc::c_int) {
        if let Some(flag) = INTERRUPTED.get() {
            flag.store(true, Ordering::Relaxed);
        }
    }
    let _ = INTERRUPTED.set(interrupted.clone());
    let action = SigAction::new(
        SigHandler::Handler(handler),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing but to store into an atomic that lives as long as the program.
    let _ = unsafe { sigaction(Signal::SIGINT, &action) };
}

/// Below the folder for what programs remember (XDG Base Directory Specification).
fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("pmdb").join("history"))
}

/// Somebody else's business is in it: only the user may read it.
fn save(editor: &mut Editor<Assistant, FileHistory>, path: &PathBuf) {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(folder) = path.parent() {
        let created = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        let saved = created
            .map_err(|error| error.to_string())
            .and_then(|()| editor.save_history(path).map_err(|error| error.to_string()));
        if let Err(error) = saved {
            complain(&format!(
                "pmdb: the history was not kept in {}: {error}",
                path.display()
            ));
        }
    }
}
