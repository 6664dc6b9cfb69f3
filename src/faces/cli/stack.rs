//! `pmdb stack`.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::ColorChoice;

use super::Failure;
use crate::faces::render::palette::Palette;
use crate::faces::render::stack::{Arrangement, write_report};
use crate::model::{Pid, ProcessReport, Report};
use crate::session::source::Sources;
use crate::session::stack::{Limits, StackOptions, Target, families, in_files, stacks};

/// Bytes that are written at once.
const PIECE: usize = 64 * 1024;

const EXAMPLES: &str = "\
Examples:
  pmdb stack 4242                     every thread of a running process
  pmdb stack 4242 --tree              it and all its descendants, merged
  pmdb stack 4242 4243 --locals       two processes, with the variables of every frame
  pmdb stack 4242 --native            C, C++ and Rust, too, in a process of any language
  pmdb stack --core core.4242         a process that has crashed
  pmdb stack 4242 --json | jq .       for programs";

/// Print the Python stack of every thread, most recent call last, without stopping the process.
///
/// Threads and processes with the same stack are shown once, as a tree with counts.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Running processes.
    #[arg(value_name = "PID", required_unless_present = "core", value_parser = pid)]
    pids: Vec<Pid>,
    /// Their descendants too.
    #[arg(long, requires = "pids")]
    tree: bool,
    /// Show the variables of every frame.
    #[arg(long)]
    locals: bool,
    /// Show the tasks of asyncio, or of tokio in Rust, too: where each waits, for what, and who waits for it.
    #[arg(long)]
    tasks: bool,
    /// Core dumps, also compressed ones, and snapshots.
    #[arg(long, visible_alias = "from", value_name = "FILE", num_args = 1..)]
    core: Vec<PathBuf>,
    /// The executable of the cores, where it is not at the path that they name.
    #[arg(long, value_name = "FILE", requires = "core")]
    exe: Option<PathBuf>,
    /// Stop each process for the moment at which it is looked at, for a picture that is consistent.
    #[arg(long, requires = "pids")]
    pause: bool,
    /// Show the frames of native code (C, C++, Rust), too. Stops each process for the moment at which it is looked at.
    #[arg(long)]
    native: bool,
    /// Show each thread by itself, also where several have the same stack.
    #[arg(long)]
    flat: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Characters of a value that are shown.
    #[arg(long, value_name = "CHARS", default_value_t = Limits::default().characters)]
    limit: usize,
    /// How deep containers in containers are shown; at most 100.
    #[arg(long, value_name = "LEVELS", default_value_t = Limits::default().depth)]
    depth: usize,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let targets = targets(arguments)?;
    let limits = Limits {
        characters: arguments.limit,
        depth: arguments.depth,
    };
    let mut report = stacks(
        &targets,
        &StackOptions {
            locals: arguments.locals.then_some(limits),
            pause: arguments.pause,
            native: arguments.native,
            tasks: arguments.tasks,
        },
    );
    let failures = failures(arguments, &report);
    let mut out = BufWriter::with_capacity(PIECE, io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)
            .map_err(|error| Failure::Output(error.into()))?;
        out.write_all(b"\n")?;
    } else {
        // They are told on standard error.
        report
            .processes
            .retain(|process| !failed(arguments, process));
        let palette = palette(arguments.color);
        let arrangement = arrangement(arguments);
        let mut sources = Sources::new();
        write_report(&mut out, &report, arrangement, palette, &mut sources)?;
    }
    out.flush()?;
    // The process ends, and all its memory goes at once.
    std::mem::forget(report);
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Operation(failures))
    }
}

pub(super) fn pid(text: &str) -> Result<Pid, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a pid is a number above 0".to_string()),
        Ok(number) => Ok(Pid(number)),
    }
}

fn targets(arguments: &Arguments) -> Result<Vec<Target>, Failure> {
    let pids = if arguments.tree {
        families(&arguments.pids).map_err(|error| Failure::Operation(vec![error.to_string()]))?
    } else {
        arguments.pids.clone()
    };
    let live = pids.into_iter().map(Target::Live);
    let cores = in_files(&arguments.core, arguments.exe.as_ref());
    Ok(live.chain(cores).collect())
}

fn arrangement(arguments: &Arguments) -> Arrangement {
    match (arguments.flat, arguments.locals) {
        (true, _) => Arrangement::Flat,
        (false, true) => Arrangement::Folded,
        (false, false) => Arrangement::Merged,
    }
}

/// Whether a process that the user named gave nothing. A descendant of one may be no Python process at all.
fn failed(arguments: &Arguments, process: &ProcessReport) -> bool {
    let is_named =
        process.core.is_some() || process.pid.is_none_or(|pid| arguments.pids.contains(&pid));
    is_named && process.error.is_some() && process.threads.is_empty()
}

fn failures(arguments: &Arguments, report: &Report) -> Vec<String> {
    let failed = report
        .processes
        .iter()
        .filter(|process| failed(arguments, process));
    failed.map(sentence).collect()
}

/// What went wrong with which process.
fn sentence(process: &ProcessReport) -> String {
    let error = process.error.as_deref().unwrap_or_default();
    let who = match (&process.core, process.pid) {
        (Some(core), _) => core.clone(),
        (None, Some(pid)) => format!("process {pid}"),
        (None, None) => return error.to_string(),
    };
    if error.contains(&who) {
        error.to_string()
    } else {
        format!("{who}: {error}")
    }
}

/// Colours only where somebody looks at them: `NO_COLOR` (no-color.org) turns them off.
pub(super) fn palette(choice: ColorChoice) -> Palette {
    let wanted = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            std::io::stdout().is_terminal() && !refused
        }
    };
    if wanted {
        Palette::Ansi
    } else {
        Palette::Plain
    }
}
