//! `pmdb ps`.

use std::path::PathBuf;

use clap::ColorChoice;

use super::stack::{palette, pid};
use super::{Failure, print};
use crate::faces::render::processes::write_processes;
use crate::faces::render::table::line_width;
use crate::model::Pid;
use crate::session::ps::{PsOptions, dumped, processes};
use crate::session::stack::in_files;

const EXAMPLES: &str = "\
Examples:
  pmdb ps                    every Python process
  pmdb ps 4242               a process and its descendants
  pmdb ps --all --flat       every process of user space, as a list
  pmdb ps --core stuck.pmdb  those in a snapshot
  pmdb ps --json | jq '.processes[] | select(.rank == 3) | .pid'";

/// List the processes that can be debugged, as trees: pid, name, rank, interpreter, state.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only these processes and their descendants.
    #[arg(value_name = "PID", value_parser = pid)]
    pids: Vec<Pid>,
    /// The processes in core dumps and snapshots.
    #[arg(long, visible_alias = "from", value_name = "FILE", num_args = 1.., conflicts_with_all = ["pids", "all"])]
    core: Vec<PathBuf>,
    /// Also those that are not Python.
    #[arg(long)]
    all: bool,
    /// As a list, by pid.
    #[arg(long)]
    flat: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = PsOptions {
        pids: arguments.pids.clone(),
        all: arguments.all,
    };
    let (listed, refused) = match arguments.core.is_empty() {
        true => (processes(&options), Vec::new()),
        false => {
            let (forest, refused) = dumped(&in_files(&arguments.core, None));
            (Ok(forest), refused)
        }
    };
    let mut forest = listed.map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    if arguments.flat {
        forest.report.processes.sort_by_key(|process| process.pid);
    }
    let mut text = Vec::new();
    if arguments.json {
        serde_json::to_writer_pretty(&mut text, &forest.report)
            .map_err(|error| Failure::Output(error.into()))?;
        text.push(b'\n');
    } else if forest.report.processes.is_empty() && arguments.core.is_empty() {
        text.extend_from_slice(b"No Python process can be seen; --all lists the others.\n");
    } else {
        let palette = palette(arguments.color);
        if !forest.report.processes.is_empty() {
            write_processes(&mut text, &forest, arguments.flat, palette, line_width())?;
        }
    }
    print(&text)?;
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operation(refused)),
    }
}
