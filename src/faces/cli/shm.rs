//! `pmdb shm`.

use clap::ColorChoice;

use super::stack::{palette, pid};
use super::{Failure, print};
use crate::faces::render::segments::write_segments;
use crate::faces::render::table::line_width;
use crate::model::Pid;
use crate::session::shm::{ShmOptions, segments};

const EXAMPLES: &str = "\
Examples:
  pmdb shm                   all shared memory of this machine
  pmdb shm 4242              what a process maps or has open, and who else does
  pmdb shm 4242 --tree       the same of a process and its descendants
  pmdb shm --json | jq '.segments[] | select(.verdict == \"leaked\") | .name'";

/// List shared memory: what it is, how large, who maps it, and whether anybody still needs it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only what these processes map or have open.
    #[arg(value_name = "PID", value_parser = pid)]
    pids: Vec<Pid>,
    /// Also what their descendants do.
    #[arg(long, requires = "pids")]
    tree: bool,
    /// Also files that are mapped shared and that nobody may write to.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = ShmOptions {
        pids: arguments.pids.clone(),
        tree: arguments.tree,
        all: arguments.all,
    };
    let report = segments(&options).map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    let mut text = Vec::new();
    if arguments.json {
        serde_json::to_writer_pretty(&mut text, &report)
            .map_err(|error| Failure::Output(error.into()))?;
        text.push(b'\n');
    } else {
        write_segments(&mut text, &report, palette(arguments.color), line_width())?;
    }
    print(&text)
}
