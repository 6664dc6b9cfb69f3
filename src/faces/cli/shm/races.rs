//! `pmdb shm races`.

use std::time::Duration;

use clap::ColorChoice;

use super::print_json;
use super::watch::{EngineName, STOP, Watched, end_at_interrupt};
use crate::faces::cli::stack::palette;
use crate::faces::cli::{Failure, print};
use crate::faces::complaint::complain;
use crate::faces::render::printable::one_line;
use crate::faces::render::races::write_races;
use crate::model::WatchEvent;
use crate::session::shm::watch::{WatchRequest, races};

const EXAMPLES: &str = "\
Examples:
  pmdb shm races psm_3f2a --as f64 --for 10s    elements that several threads have written in ten seconds
  pmdb shm races psm_3f2a[:1000] --as f64       until Ctrl-C";

/// Tell which elements several threads have written to without a lock that they all held. Ctrl-C ends the watch, and then it is told.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    watched: Watched,
    /// How writers are found; the best that will do without.
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    end_at_interrupt();
    let request = WatchRequest {
        part: arguments.watched.part.clone(),
        element: arguments.watched.element.clone(),
        engine: arguments.engine.map(EngineName::engine),
        duration: arguments.watched.duration,
        every: Duration::from_secs(1),
        most_per_second: u32::MAX,
        with_locks: true,
    };
    let mut begun = |event: &WatchEvent| {
        if matches!(event, WatchEvent::Begun(_)) {
            complain("pmdb: watching; Ctrl-C ends it");
        }
    };
    let report = races(&request, &STOP, &mut begun)
        .map_err(|why| Failure::Operation(vec![one_line(&why).into_owned()]))?;
    if arguments.json {
        return print_json(&report);
    }
    let mut text = Vec::new();
    write_races(&mut text, &report, palette(arguments.color))?;
    print(&text)
}
