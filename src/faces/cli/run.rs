//! `pmdb run`.

use std::ffi::OsString;

use super::Failure;
use super::attach::{PromptArguments, session_options};
use super::stack::palette;
use crate::faces::repl::{Options, converse};
use crate::session::{Program, Session, SessionError};

const EXAMPLES: &str = "\
Examples:
  pmdb run --stop-at-entry -- python3 script.py --epochs 3     as `python3 -m pdb script.py --epochs 3`
  pmdb run --stop-at-entry -- python3 -m package               a module
  pmdb run --stop-at-entry -- gunicorn app:app                 a script that names its Python
  pmdb run --stop-at-entry -c 'b 20' -c c -- python3 a.py      commands first

The exit code is that of the program, 128 and the number of a signal that killed it, or 0 if it was quit.";

/// Start a Python program and stop it at the first line of its main program.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Stop before the first line of the main program.
    #[arg(long, required = true)]
    stop_at_entry: bool,
    #[command(flatten)]
    prompt: PromptArguments,
    /// The program and its arguments.
    #[arg(value_name = "COMMAND", required = true, last = true)]
    words: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut words = arguments.words.iter().cloned();
    let program = Program {
        name: words.next().unwrap_or_default(),
        arguments: words.collect(),
    };
    let palette = palette(arguments.prompt.color);
    let session = match Session::launch(program, session_options(&arguments.prompt, palette)) {
        Ok(session) => session,
        Err(error) => {
            Failure::Operation(vec![error.to_string()]).report();
            return Err(match error {
                SessionError::NoProgram { exit_code, .. } => Failure::Program(exit_code),
                _ => Failure::Said,
            });
        }
    };
    let options = Options {
        commands: arguments.prompt.commands.clone(),
        palette,
        has_program: true,
    };
    match converse(session, &options, "") {
        Ok(outcome) => match outcome.exit_code {
            Some(code) => Err(Failure::Program(code)),
            None => Ok(()),
        },
        Err(error) => Err(Failure::Output(error)),
    }
}
