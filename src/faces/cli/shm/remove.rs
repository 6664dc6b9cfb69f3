//! `pmdb shm rm`: removing segments by their names.

use std::io::{self, Write};

use super::print_json;
use crate::faces::cli::{Failure, print};
use crate::faces::render::printable::one_line;
use crate::faces::render::quantity::bytes;
use crate::model::{Removal, RemovalReport};
use crate::session::shm::{Caution, Designation, remove};

const EXAMPLES: &str = "\
Examples:
  pmdb shm rm psm_3f2a             a file in /dev/shm
  pmdb shm rm sysv:4 sem.mp-x1     memory of System V, a semaphore
  pmdb shm rm psm_3f2a#1234        by its inode, where several have the name
  pmdb shm rm psm_3f2a --force     its name, although it is in use";

/// Remove segments. One that somebody uses is left alone.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// As `pmdb shm` lists them.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Also while somebody uses them: their names go, and their memory with the last user.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let which: Vec<Designation> = arguments
        .names
        .iter()
        .map(|name| Designation::new(name))
        .collect();
    let caution = if arguments.force {
        Caution::Forced
    } else {
        Caution::WhileUsed
    };
    let outcomes =
        remove(&which, caution).map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    let mut unknown = Vec::new();
    let mut removals = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(removal) => removals.push(removal),
            Err(error) => unknown.push(error.to_string()),
        }
    }
    if arguments.json {
        print_json(&RemovalReport::new(removals.clone()))?;
    } else {
        let mut text = Vec::new();
        write_removals(&mut text, &removals)?;
        print(&text)?;
    }
    if unknown.is_empty() {
        return report(&removals, arguments.json);
    }
    if !arguments.json {
        unknown.extend(refusals(&removals));
    }
    Err(Failure::Operation(unknown))
}

/// A line for what was removed.
pub(super) fn write_removals(out: &mut dyn Write, removals: &[Removal]) -> io::Result<()> {
    for removal in removals.iter().filter(|removal| removal.removed) {
        let freed = match removal.freed {
            0 => String::new(),
            freed => format!(", {} free", bytes(freed)),
        };
        writeln!(out, "{}: removed{freed}", one_line(&removal.name))?;
    }
    Ok(())
}

/// Says what was not removed, if that is not in the answer already.
pub(super) fn report(removals: &[Removal], is_said: bool) -> Result<(), Failure> {
    match refusals(removals) {
        sentences if sentences.is_empty() => Ok(()),
        _ if is_said => Err(Failure::Said),
        sentences => Err(Failure::Operation(sentences)),
    }
}

/// Why each of those is there still that were to be removed.
fn refusals(removals: &[Removal]) -> Vec<String> {
    let refused = removals.iter().filter_map(|removal| {
        let why = removal.error.as_ref()?;
        let sentence = format!("{} is not removed: {why}", removal.name);
        Some(one_line(&sentence).into_owned())
    });
    refused.collect()
}
