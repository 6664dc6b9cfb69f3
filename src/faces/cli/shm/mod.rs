//! `pmdb shm`.

mod census;
mod edit;
mod find;
mod leaks;
mod place;
mod plot;
mod progress;
mod races;
mod remove;
mod show;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use serde::Serialize;

use super::{Failure, print};
use crate::model::Pid;

const EXAMPLES: &str = "\
Examples:
  pmdb shm                   all shared memory of this machine
  pmdb shm 4242              what a process maps or has open, and who else does
  pmdb shm 4242 --tree       the same of a process and its descendants
  pmdb shm show psm_3f2a --as f64 --shape 1000,64    what is in a segment, and its statistics
  pmdb shm find psm_3f2a --as f64 nan                where the NaNs are, and how many
  pmdb shm plot psm_3f2a --as f32 --shape 512,512    a heat map
  pmdb shm --from stuck.pmdb what the processes in a snapshot, a bundle or a core shared
  pmdb shm leaks             what nobody needs, and why
  pmdb shm leaks --remove    removes it, after a question
  pmdb shm rm psm_3f2a       removes one, if nobody uses it
  pmdb shm where psm_3f2a    which variables of which processes lie in it
  pmdb shm watch psm_3f2a[100] --as f64    who writes there
  pmdb shm races psm_3f2a --as f64         which elements several threads write without a lock
  pmdb shm diff psm_3f2a --as f32          what changes in it
  pmdb shm edit psm_3f2a[100] 0.5 --as f64 writes an element, after a question
  pmdb shm --json | jq '.segments[] | select(.verdict == \"leaked\") | .name'";

/// List shared memory: what it is, how large, who maps it, and whether anybody still needs it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    census: census::Arguments,
}

#[derive(Subcommand)]
enum Action {
    Show(show::Arguments),
    Find(find::Arguments),
    Plot(plot::Arguments),
    Leaks(leaks::Arguments),
    Rm(remove::Arguments),
    Watch(watch::Arguments),
    Diff(watch::DiffArguments),
    Races(races::Arguments),
    Edit(edit::Arguments),
    Where(place::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        None => print(&census::answer(&arguments.census)?),
        Some(Action::Show(arguments)) => print(&show::answer(arguments)?),
        Some(Action::Find(arguments)) => print(&find::answer(arguments)?),
        Some(Action::Plot(arguments)) => print(&plot::answer(arguments)?),
        Some(Action::Leaks(arguments)) => leaks::run(arguments),
        Some(Action::Rm(arguments)) => remove::run(arguments),
        Some(Action::Watch(arguments)) => watch::run(arguments),
        Some(Action::Diff(arguments)) => watch::diff(arguments),
        Some(Action::Races(arguments)) => races::run(arguments),
        Some(Action::Edit(arguments)) => edit::run(arguments),
        Some(Action::Where(arguments)) => print(&place::answer(arguments)?),
    }
}

/// `shm …` as it is typed at the prompt.
#[derive(Parser)]
#[command(name = "shm", no_binary_name = true, disable_version_flag = true)]
struct Typed {
    #[command(flatten)]
    arguments: Arguments,
}

/// What `shm` with these words answers at the prompt: of these processes or dumps, if the words name none.
pub(in crate::faces) fn answer(
    words: &[String],
    pids: &[Pid],
    files: &[PathBuf],
) -> Result<Vec<u8>, String> {
    let words = words.iter().map(OsString::from);
    let typed = Typed::try_parse_from(words);
    let arguments = match typed {
        Ok(typed) => typed.arguments,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(error.to_string().into_bytes());
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Err(first.trim_start_matches("error: ").to_string());
        }
    };
    let answer = match arguments.action {
        None => census::answer(&arguments.census.or_of(pids, files)),
        Some(Action::Show(mut arguments)) => {
            arguments.elements.or_from(files);
            show::answer(&arguments)
        }
        Some(Action::Find(mut arguments)) => {
            arguments.elements.or_from(files);
            find::answer(&arguments)
        }
        Some(Action::Plot(mut arguments)) => {
            arguments.elements.or_from(files);
            plot::answer(&arguments)
        }
        Some(Action::Where(mut arguments)) => {
            if arguments.from.is_empty() {
                arguments.from = files.to_vec();
            }
            place::answer(&arguments)
        }
        Some(_) => {
            return Err(
                "it is no command of the prompt: type it into a shell, as pmdb shm …".to_string(),
            );
        }
    };
    answer.map_err(|failure| match failure {
        Failure::Usage(text) => text.trim_start_matches("pmdb: ").to_string(),
        Failure::Operation(sentences) => sentences.join("; "),
        Failure::Output(error) => error.to_string(),
        _ => "it failed".to_string(),
    })
}

/// Prints an answer as JSON.
fn print_json(answer: &impl Serialize) -> Result<(), Failure> {
    print(&json(answer)?)
}

fn json(answer: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    serde_json::to_writer_pretty(&mut text, answer)
        .map_err(|error| Failure::Output(error.into()))?;
    text.push(b'\n');
    Ok(text)
}
