//! The command line: one file per subcommand.

mod attach;
mod catchers;
mod completions;
mod debuginfo;
mod diff;
mod doctor;
mod failure;
mod open;
mod program;
mod ps;
mod report;
mod run;
mod selection;
pub(in crate::faces) mod shm;
mod snapshot;
mod stack;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use failure::Failure;

use crate::session::guardian;
use crate::session::shm::watch;

const EXAMPLES: &str = "\
Examples:
  pmdb ps
  pmdb stack 4242 --locals
  pmdb stack --core core.4242
  pmdb shm 4242 --tree
  pmdb attach 4242
  pmdb open core.4242
  pmdb snapshot 4242 -o stuck.pmdb
  pmdb diff before.pmdb after.pmdb
  pmdb run python3 train.py
  pmdb completions bash > ~/.local/share/bash-completion/completions/pmdb

Exit codes: 0 done, 1 the operation failed, 2 wrong usage.";

/// A debugger for programs made of many processes, live or dead.
#[derive(Parser)]
#[command(name = "pmdb", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ps(ps::Arguments),
    Stack(stack::Arguments),
    Shm(shm::Arguments),
    Attach(attach::Arguments),
    Open(open::Arguments),
    Snapshot(snapshot::Arguments),
    Diff(diff::Arguments),
    Doctor(doctor::Arguments),
    Debuginfo(debuginfo::Arguments),
    Run(run::Arguments),
    Completions(completions::Arguments),
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Command::Ps(arguments) => ps::run(&arguments),
            Command::Stack(arguments) => stack::run(&arguments),
            Command::Shm(arguments) => shm::run(&arguments),
            Command::Attach(arguments) => attach::run(&arguments),
            Command::Open(arguments) => open::run(&arguments),
            Command::Snapshot(arguments) => snapshot::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Doctor(arguments) => doctor::run(&arguments),
            Command::Debuginfo(arguments) => debuginfo::run(&arguments),
            Command::Run(arguments) => run::run(&arguments),
            Command::Completions(arguments) => completions::run(&arguments),
        }
    }
}

/// Does what the words say, and gives the exit code: 0 done, 1 the operation failed, 2 wrong usage.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_some_and(|word| word == guardian::WORD) {
        guardian::serve();
        return ExitCode::SUCCESS;
    }
    if words.get(1).is_some_and(|word| word == watch::WORD) {
        watch::serve();
        return ExitCode::SUCCESS;
    }
    guardian::want();
    let outcome = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments.command.run(),
        Err(error) => Err(answer_of_parser(&error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// `--help` and `--version` reach us as errors of the parser, and so does wrong usage.
fn answer_of_parser(error: &clap::Error) -> Failure {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => Failure::Answered,
            Err(error) => Failure::Output(error),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::Usage(error.render().to_string())
        }
        _ => {
            let text = error.render().to_string();
            let sentence = text.strip_prefix("error: ").unwrap_or(&text);
            Failure::Usage(format!("pmdb: {sentence}"))
        }
    }
}

/// Writes all of an answer to standard output.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}
