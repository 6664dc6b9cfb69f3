//! `pmdb run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Failure;
use super::attach::{PromptArguments, session_options};
use super::program::program;
use super::selection::SelectionArguments;
use super::stack::palette;
use crate::faces::repl::{
    Following, Options, Snapshots, converse, follow, heed_termination, termination,
};
use crate::session::{Session, SessionError, StopKind};

const EXAMPLES: &str = "\
Examples:
  pmdb run python3 train.py --workers 8                     a prompt where any of its processes loses an exception
  pmdb run -m package --option                              as `python3 -m package --option`
  pmdb run --batch pytest -n 4                              no prompt: the stack and the variables of each stop
  pmdb run --on-failure snapshot --out crashes train.py     no prompt: a snapshot of each process that fails
  pmdb run --kill -c where -c 'p x' -- python3 train.py     commands at the first stop, and the end of it all
  pmdb run --rank 0 --except HTTPError torchrun train.py    one rank alone, and not for these exceptions
  pmdb run --stop-at-entry script.py --epochs 3             as `python3 -m pdb script.py --epochs 3`
  pmdb run --stop-at-entry gunicorn app:app                 a script that names its Python
  pmdb run --stop-at-entry -c 'b 20' -c c a.py              commands first

The exit code is that of the program, 128 and the number of a signal that killed it, 0 if it was quit, or 143 if --kill ended it.";

/// What is done about a failure.
#[derive(Clone, Copy, clap::ValueEnum)]
enum OnFailure {
    Snapshot,
}

/// Follow a command with all its processes, with a prompt where one loses an exception, calls `breakpoint()` or crashes, and tell which
/// of them failed; or stop a Python program at its first line.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Follow one process alone, and stop before the first line of its main program.
    #[arg(long, conflicts_with = "batch")]
    stop_at_entry: bool,
    /// Without a prompt: print the stack and the variables of each stop, and go on.
    #[arg(long)]
    batch: bool,
    /// Without a prompt: end all processes when the commands are used up, or at the first stop if there are none.
    #[arg(long, conflicts_with = "stop_at_entry")]
    kill: bool,
    /// Without a prompt: write a snapshot of each process that fails, into the folder of --out.
    #[arg(
        long,
        value_name = "WHAT",
        requires = "out",
        conflicts_with = "stop_at_entry"
    )]
    on_failure: Option<OnFailure>,
    /// The folder for snapshots of processes that fail. It is made if it is not there.
    #[arg(long, value_name = "FOLDER", requires = "on_failure")]
    out: Option<PathBuf>,
    /// Snapshots that are written at most: of the first failures.
    #[arg(long, value_name = "NUMBER", requires = "on_failure", default_value_t = Snapshots::MOST)]
    most: usize,
    /// The command is a module and its arguments: `python3 -m` stands before it.
    #[arg(short = 'm')]
    is_module: bool,
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    prompt: PromptArguments,
    /// The program and its arguments. Options of pmdb stand before it.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    words: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let commands = arguments.prompt.commands()?;
    let mut selection = arguments.selection.selection()?;
    if arguments.on_failure.is_some() && arguments.selection.is_usual() {
        // Nobody waits at a prompt: also how they end is written down.
        selection.kinds.push(StopKind::Exit);
    }
    let program = program(&arguments.words, arguments.is_module);
    let palette = palette(arguments.prompt.color);
    let options = session_options(&arguments.prompt, palette);
    let interrupted = Arc::new(AtomicBool::new(false));
    heed_termination(&interrupted)?;
    let started = if arguments.stop_at_entry {
        Session::launch(program, options, interrupted)
    } else {
        Session::run(program, options, selection, interrupted)
    };
    let session = match started {
        Ok(session) => session,
        Err(error) => {
            if let Some(signal) = termination() {
                return Err(Failure::Terminated(signal));
            }
            Failure::Operation(vec![error.to_string()]).report();
            return Err(match error {
                SessionError::NoProgram { exit_code, .. } => Failure::Program(exit_code),
                _ => Failure::Said,
            });
        }
    };
    let options = Options {
        commands,
        palette,
        has_program: true,
    };
    let outcome = if arguments.stop_at_entry {
        converse(session, &options, "")
    } else {
        let snapshots = arguments.out.as_ref().map(|folder| Snapshots {
            folder: folder.clone(),
            most: arguments.most,
        });
        let following = Following {
            batch: arguments.batch || snapshots.is_some(),
            kill: arguments.kill,
            snapshots,
        };
        follow(session, &options, following)
    };
    match outcome {
        Ok(outcome) => match (outcome.terminated_by, outcome.exit_code) {
            (Some(signal), _) => Err(Failure::Terminated(signal)),
            (None, Some(code)) => Err(Failure::Program(code)),
            (None, None) => Ok(()),
        },
        Err(error) => Err(Failure::Output(error)),
    }
}
