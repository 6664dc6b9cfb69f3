//! `pmdb diff`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ColorChoice;

use super::Failure;
use super::stack::palette;
use crate::faces::render::diff::write_diff;
use crate::model::Presence;
use crate::session::diff::diff;
use crate::session::stack::{Limits, in_files};

const EXAMPLES: &str = "\
Examples:
  pmdb snapshot 4242 --tree -o before.pmdb; sleep 10; pmdb snapshot 4242 --tree -o after.pmdb
  pmdb diff before.pmdb after.pmdb      who is stuck, and who goes on
  pmdb diff a.pmdb b.pmdb --json        for programs";

/// Compare two snapshots or cores of the same processes: which stacks have moved, and which variables have other values.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The first: a core, a snapshot, or one of several processes.
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The second.
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Characters of a value that are compared and shown.
    #[arg(long, value_name = "CHARS", default_value_t = Limits::default().characters)]
    limit: usize,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let limits = Limits {
        characters: arguments.limit,
        ..Limits::default()
    };
    let in_file = |path: &PathBuf| in_files(std::slice::from_ref(path), None);
    let found = diff(
        &in_file(&arguments.before),
        &in_file(&arguments.after),
        limits,
    );
    // What is missing in one of them for that reason has not ended.
    let alone = found
        .processes
        .iter()
        .filter(|process| process.presence != Presence::Both);
    let errors: Vec<String> = alone.filter_map(|process| process.error.clone()).collect();
    let compared = found.processes.iter();
    let compared = compared.filter(|process| process.presence == Presence::Both);
    if compared.count() == 0 && !errors.is_empty() {
        return Err(Failure::Operation(errors));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &found)
            .map_err(|error| Failure::Output(error.into()))?;
        out.write_all(b"\n")?;
    } else {
        write_diff(&mut out, &found, palette(arguments.color))?;
    }
    out.flush()?;
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operation(errors)),
    }
}
