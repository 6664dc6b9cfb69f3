//! `pmdb shm watch` and `pmdb shm diff`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{ColorChoice, ValueEnum};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::faces::cli::Failure;
use crate::faces::cli::stack::palette;
use crate::faces::render::watch::WatchLog;
use crate::model::{WatchEngine, WatchEvent};
use crate::session::shm::watch::{WatchRequest, watch};

const EXAMPLES: &str = "\
Examples:
  pmdb shm watch psm_3f2a[100] --as f64        who writes element 100, from where, what
  pmdb shm watch psm_3f2a[8:12] --as f64       four elements
  pmdb shm watch psm_3f2a --as f64 --for 10s   any of its elements, for ten seconds
  pmdb shm watch psm_3f2a[0] --as i64 --json   for programs, one object a line";

/// What is watched, and for how long.
#[derive(clap::Args)]
pub(super) struct Watched {
    /// A segment as `pmdb shm` lists it or the beginning of its name, with its elements: NAME, NAME[5], NAME[5:9].
    #[arg(value_name = "NAME[FIRST:END]")]
    pub part: String,
    /// The type of its elements: u8 to u64, i8 to i64, f32, f64, bool.
    #[arg(long = "as", value_name = "TYPE", default_value = "u8")]
    pub element: String,
    /// End after so long: 10s, 500ms, 2m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
}

/// Tell who writes to a part of a segment: process, thread, stack, the old and the new element. Ctrl-C ends it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    watched: Watched,
    /// How writers are found; the best that will do without.
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// With polling: between two looks.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10ms")]
    every: Duration,
    /// How many writes are shown in a second. All are counted.
    #[arg(long, value_name = "COUNT", default_value = "100")]
    limit: u32,
    /// How many frames of each stack are shown, the newest.
    #[arg(long, value_name = "COUNT", default_value = "5")]
    frames: usize,
    /// Show native frames of Python processes, too.
    #[arg(long)]
    native: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum EngineName {
    /// The debug registers of the processor: up to four times 8 aligned bytes.
    Hardware,
    /// Pages that nobody may write to unless pmdb lets them, by userfaultfd(2): as many elements as you like.
    Protection,
    /// Looking again and again.
    Polling,
}

impl EngineName {
    pub(super) fn engine(self) -> WatchEngine {
        match self {
            EngineName::Hardware => WatchEngine::Hardware,
            EngineName::Protection => WatchEngine::Protection,
            EngineName::Polling => WatchEngine::Polling,
        }
    }
}

const DIFF_EXAMPLES: &str = "\
Examples:
  pmdb shm diff psm_3f2a --as f32                 what has changed in each second
  pmdb shm diff psm_3f2a[:100] --every 100ms --for 1s";

/// Tell what changes in a segment, by its elements. Ctrl-C ends it.
#[derive(clap::Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub(super) struct DiffArguments {
    #[command(flatten)]
    watched: Watched,
    /// Between two looks.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    every: Duration,
    /// How many elements are shown of each look. All are counted.
    #[arg(long, value_name = "COUNT", default_value = "20")]
    limit: u32,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let request = WatchRequest {
        part: arguments.watched.part.clone(),
        element: arguments.watched.element.clone(),
        engine: arguments.engine.map(EngineName::engine),
        duration: arguments.watched.duration,
        every: arguments.every,
        most_per_second: arguments.limit,
        with_locks: false,
    };
    let log = WatchLog {
        frames: arguments.frames,
        native: arguments.native,
        palette: palette(arguments.color),
        last: BTreeMap::new(),
    };
    follow(&request, arguments.json, log)
}

pub(super) fn diff(arguments: &DiffArguments) -> Result<(), Failure> {
    let request = WatchRequest {
        part: arguments.watched.part.clone(),
        element: arguments.watched.element.clone(),
        engine: Some(WatchEngine::Polling),
        duration: arguments.watched.duration,
        every: arguments.every,
        most_per_second: arguments.limit,
        with_locks: false,
    };
    let log = WatchLog {
        frames: 0,
        native: false,
        palette: palette(arguments.color),
        last: BTreeMap::new(),
    };
    follow(&request, arguments.json, log)
}

fn follow(request: &WatchRequest, json: bool, mut log: WatchLog) -> Result<(), Failure> {
    end_at_interrupt();
    let mut failed = None;
    let mut outcome = Ok(());
    let mut tell = |event: WatchEvent| {
        if let WatchEvent::Failed { why } = event {
            failed = Some(why);
            return;
        }
        if outcome.is_ok() {
            outcome = write(&event, json, &mut log);
        }
        if outcome.is_err() {
            STOP.store(true, Ordering::Relaxed);
        }
    };
    watch(request, &STOP, &mut tell)?;
    outcome?;
    match failed {
        Some(why) => Err(Failure::Operation(vec![why])),
        None => Ok(()),
    }
}

fn write(event: &WatchEvent, json: bool, log: &mut WatchLog) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, event)?;
        writeln!(out)?;
    } else {
        log.write_event(&mut out, event)?;
    }
    out.flush()
}

pub(super) static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn note_interrupt(_: i32) {
    STOP.store(true, Ordering::Relaxed);
}

/// Ctrl-C, and being told to leave, end the watch and not pmdb: what was seen is summed up.
pub(super) fn end_at_interrupt() {
    let action = SigAction::new(
        SigHandler::Handler(note_interrupt),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler stores to an atomic.
        let _ = unsafe { sigaction(signal, &action) };
    }
}

/// `10s`, `500ms`, `2m`, `1.5s`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is no time: 10s, 500ms, 2m");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}
