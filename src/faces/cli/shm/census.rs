//! `pmdb shm` without another word: who has which segment.

use std::path::PathBuf;

use clap::ColorChoice;

use super::json;
use crate::faces::cli::Failure;
use crate::faces::cli::stack::{palette, pid};
use crate::faces::render::segments::write_segments;
use crate::faces::render::table::line_width;
use crate::model::Pid;
use crate::session::shm::{ShmOptions, dumped_segments, segments};

#[derive(clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Only what these processes map or have open.
    #[arg(value_name = "PID", value_parser = pid)]
    pids: Vec<Pid>,
    /// What the processes in core dumps and snapshots shared, instead of those that live.
    #[arg(long, visible_alias = "core", value_name = "FILE", num_args = 1.., conflicts_with_all = ["pids", "tree"])]
    from: Vec<PathBuf>,
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

impl Arguments {
    /// Of these processes or dumps, if no others were said.
    pub(super) fn or_of(mut self, pids: &[Pid], files: &[PathBuf]) -> Arguments {
        if self.pids.is_empty() && !self.all && self.from.is_empty() && !files.is_empty() {
            self.from = files.to_vec();
            return self;
        }
        if self.pids.is_empty() && !self.all && self.from.is_empty() {
            self.pids = pids.to_vec();
        }
        self
    }
}

pub(super) fn answer(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let options = ShmOptions {
        pids: arguments.pids.clone(),
        tree: arguments.tree,
        all: arguments.all,
    };
    let found = match arguments.from.is_empty() {
        true => segments(&options),
        false => dumped_segments(&arguments.from, arguments.all),
    };
    let report = found.map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    if arguments.json {
        return json(&report);
    }
    let mut text = Vec::new();
    let palette = palette(arguments.color);
    write_segments(
        &mut text,
        &report,
        "No shared memory.",
        palette,
        line_width(),
    )?;
    Ok(text)
}
