//! `pmdb shm leaks`: what nobody needs.

use std::io::{self, IsTerminal, Write};

use clap::ColorChoice;

use super::print_json;
use super::remove::{report, write_removals};
use crate::faces::cli::stack::palette;
use crate::faces::cli::{Failure, print};
use crate::faces::render::quantity::bytes;
use crate::faces::render::segments::write_segments;
use crate::faces::render::table::line_width;
use crate::model::{Certainty, SegmentReport};
use crate::session::shm::{leaks, remove_leaks};

const EXAMPLES: &str = "\
Examples:
  pmdb shm leaks                   what nobody needs, and why
  pmdb shm leaks --remove          removes it, after a question
  pmdb shm leaks --remove --yes    the same without the question, for scripts";

/// List segments and semaphores that nobody needs, with the reason, and remove them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Remove them, after a question on the terminal.
    #[arg(long)]
    remove: bool,
    /// Remove them without a question.
    #[arg(long, requires = "remove")]
    yes: bool,
    /// Remove also what is only perhaps leaked.
    #[arg(long, requires = "remove")]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let found = leaks().map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    if !arguments.remove && arguments.json {
        return print_json(&found);
    }
    if !arguments.json {
        let mut text = Vec::new();
        let nothing = "No shared memory is leaked.";
        write_segments(
            &mut text,
            &found,
            nothing,
            palette(arguments.color),
            line_width(),
        )?;
        print(&text)?;
    }
    let all = || found.segments.iter().chain(&found.semaphores);
    let is_sure = |certainty| certainty != Certainty::Unknown || arguments.force;
    let meant = all().filter(|leak| is_sure(leak.certainty)).count();
    let is_asked = arguments.remove && meant > 0 && !arguments.yes;
    if !arguments.remove || (is_asked && !agrees(&found, meant, arguments.force)?) {
        return Ok(());
    }
    let removals = remove_leaks(&found, arguments.force)
        .map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    if arguments.json {
        print_json(&removals)?;
        return report(&removals.removals, true);
    }
    let mut text = Vec::new();
    write_removals(&mut text, &removals.removals)?;
    print(&text)?;
    report(&removals.removals, false)
}

/// Asks on the terminal.
fn agrees(found: &SegmentReport, meant: usize, force: bool) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(
            "pmdb: nobody can be asked, since standard input is no terminal: --yes removes them without a question"
                .to_string(),
        ));
    }
    let all = found.segments.iter().chain(&found.semaphores);
    let meant_ones = all.filter(|leak| leak.certainty != Certainty::Unknown || force);
    let taken: u64 = meant_ones.filter_map(|leak| leak.resident).sum();
    let what = match meant {
        1 => "it".to_string(),
        count => format!("these {count}"),
    };
    let mut out = io::stderr();
    write!(out, "\nRemove {what} ({} of memory)? [y/N] ", bytes(taken))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
