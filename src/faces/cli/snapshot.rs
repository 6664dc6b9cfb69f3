//! `pmdb snapshot`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::stack::pid;
use super::{Failure, print};
use crate::faces::render::quantity;
use crate::model::{CauseFacts, Pid, SharedFacts};
use crate::session::snapshot::{
    Bundled, Destination, Occasion, SnapshotOptions, Taken, take, take_together,
};
use crate::session::stack::families;

const EXAMPLES: &str = "\
Examples:
  pmdb snapshot 4242 -o stuck.pmdb          what there is to see, in a few MiB; the process goes on
  pmdb snapshot 4242 -o stuck.pmdb --full   all of its memory
  pmdb snapshot 4242 --tree -o all.pmdb     it and all its descendants, in one file
  pmdb open stuck.pmdb                      look at it, later and elsewhere
  gdb python3 stuck.pmdb                    it is a core, for other debuggers too";

/// Write down what a process is doing, to be looked at later: stacks, variables, exceptions and tasks, in a small core file.
///
/// The process stands still for some milliseconds and goes on.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A running process.
    #[arg(value_name = "PID", value_parser = pid)]
    pid: Pid,
    /// Its descendants too, all in one file.
    #[arg(long)]
    tree: bool,
    /// The file to write; PID.pmdb if it is not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A folder for a new file, `PID-1.pmdb`; it is made if it is not there, and nothing is written if its disk is nearly full.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["output", "tree"])]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// How many steps from the variables of each frame are kept: members of containers, attributes of objects.
    #[arg(long, value_name = "STEPS", default_value_t = SnapshotOptions::DEPTH)]
    depth: usize,
    /// Keep all memory, secrets included. The process stands still until that is written.
    #[arg(long, conflicts_with = "depth")]
    full: bool,
    /// Copy it by a fork of it, so that it stands still for no longer than that takes, even with --full. Not where memory for a copy may lack.
    #[arg(long, conflicts_with = "tree")]
    fork: bool,
    /// Keep the values of environment variables that look like secrets (KEY, TOKEN, PASSWORD …), which are masked otherwise.
    #[arg(long)]
    secrets: bool,
    /// How much of the shared memory is kept, beside what the variables lead to: `64M`, `2G`; small segments first, each once.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16M", conflicts_with = "full")]
    shared: u64,
    /// The number of a file that the process has opened itself as /proc/self/mem and handed on, for where nobody else may look.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["tree", "full", "fork"], hide = true)]
    memory: Option<i32>,
}

/// Why it is taken, as the facts of a snapshot have it: for a process that has itself written down. Not an argument, which all users see.
const CAUSE: &str = "PMDB_CAUSE";

fn cause() -> Result<Option<CauseFacts>, String> {
    let given = std::env::var_os(CAUSE).filter(|text| !text.is_empty());
    let read = |text: OsString| serde_json::from_slice(text.as_bytes());
    let cause = given.map(read).transpose();
    cause.map_err(|error| format!("{CAUSE} is not the cause of a snapshot: {error}"))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    /// What is not UTF-8 in it is replaced.
    path: Cow<'a, str>,
    processes: Vec<Process<'a>>,
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: Pid,
    name: &'a str,
    kept: u64,
    memory: u64,
    lost: u64,
    pause_us: Option<u64>,
    is_whole: bool,
    at_once: bool,
    shared: &'a [SharedFacts],
}

#[derive(Serialize)]
struct Refused {
    pid: Pid,
    error: String,
}

/// The version of [`Answer`].
const SCHEMA: u32 = 1;

/// Bytes: a number and `K`, `M` or `G`.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, &text[digits.len()..]),
        None => (text, ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let number: Option<u64> = digits.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "a size is a number of bytes, or of K, M or G of them: 64M".to_string())
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = SnapshotOptions {
        depth: arguments.depth,
        full: arguments.full,
        secrets: arguments.secrets,
        fork: arguments.fork,
        shared: arguments.shared,
    };
    let pid = arguments.pid;
    let failed = |error: String| Failure::Operation(vec![error]);
    let default = || PathBuf::from(format!("{pid}.pmdb"));
    let path = arguments.output.clone().unwrap_or_else(default);
    let bundled = if arguments.tree {
        let pids = families(&[pid]).map_err(|error| failed(error.to_string()))?;
        take_together(&pids, &path, options)
    } else {
        let destination = match &arguments.out {
            Some(folder) => Destination::New(folder),
            None => Destination::File(&path),
        };
        let occasion = Occasion {
            cause: cause().map_err(failed)?,
            memory: arguments.memory,
        };
        take(pid, destination, options, occasion).map(|taken| Bundled::of_one(pid, taken))
    };
    let bundled = bundled.map_err(|error| failed(error.to_string()))?;
    if arguments.json {
        let json = json(&path, &bundled).map_err(|error| failed(error.to_string()))?;
        return print(json.as_bytes());
    }
    let mut text: String = (bundled.taken.iter())
        .map(|(pid, taken)| said_of(*pid, taken))
        .collect();
    text += &apart(&bundled);
    for (pid, error) in &bundled.refused {
        text += &format!("process {pid} is not in it: {error}\n");
    }
    print(text.as_bytes())
}

/// Which of several are not of the moment of the others.
fn apart(bundled: &Bundled) -> String {
    /// Processes that are named.
    const MOST: usize = 8;
    if bundled.taken.len() < 2 {
        return String::new();
    }
    if bundled.at_once.len() < 2 {
        return "not of one moment: each process is as it was when it was copied\n".to_owned();
    }
    let taken = bundled.taken.iter().map(|(pid, _)| pid);
    let apart: Vec<String> = taken
        .filter(|pid| !bundled.at_once.contains(pid))
        .map(Pid::to_string)
        .collect();
    match apart.len() {
        0 => "of one moment: all stood still together\n".to_owned(),
        1..=MOST => format!("of one moment, but for process {}\n", apart.join(", ")),
        count => format!("of one moment, but for {count} processes\n"),
    }
}

fn json(path: &Path, bundled: &Bundled) -> Result<String, serde_json::Error> {
    let written = bundled.taken.first();
    let processes = bundled.taken.iter().map(|(pid, taken)| Process {
        pid: *pid,
        name: &taken.name,
        kept: taken.written.kept,
        memory: taken.written.memory,
        lost: taken.written.lost,
        pause_us: (!taken.from_inside)
            .then(|| u64::try_from(taken.pause.as_micros()).ok())
            .flatten(),
        is_whole: taken.is_whole,
        at_once: bundled.at_once.contains(pid),
        shared: &taken.shared,
    });
    let refused = bundled.refused.iter().map(|(pid, error)| Refused {
        pid: *pid,
        error: error.to_string(),
    });
    let answer = Answer {
        schema: SCHEMA,
        path: written
            .map_or(path, |(_, taken)| &taken.written.path)
            .to_string_lossy(),
        processes: processes.collect(),
        refused: refused.collect(),
    };
    serde_json::to_string(&answer).map(|text| text + "\n")
}

fn said_of(pid: Pid, taken: &Taken) -> String {
    let written = &taken.written;
    let stood = match taken.from_inside {
        true => "could not be stopped: there are no registers in it".to_owned(),
        false => format!(
            "stood still for {:.1} ms",
            taken.pause.as_secs_f64() * 1000.0
        ),
    };
    let mut text = format!(
        "{}: {} of process {pid} ({}), which has {} of memory and {stood}\n",
        written.path.display(),
        quantity::bytes(written.kept),
        taken.name,
        quantity::bytes(written.memory),
    );
    if !taken.is_whole {
        text += "  it changed each time it was looked at: some of what its frames lead to may be missing\n";
    }
    text += &left_out(taken);
    if written.lost > 0 {
        text += &format!("  {} could not be read\n", quantity::bytes(written.lost));
    }
    text
}

/// What is not in it of the memory that it shares with others.
fn left_out(taken: &Taken) -> String {
    /// Segments that are named.
    const MOST: usize = 4;
    let cut: Vec<&SharedFacts> = (taken.shared.iter())
        .filter(|segment| segment.kept < segment.there)
        .collect();
    let named = cut.iter().take(MOST).map(|segment| {
        let part = quantity::bytes(segment.kept);
        format!(
            "{part} of {} of {}",
            quantity::bytes(segment.there),
            segment.path
        )
    });
    let named = named.collect::<Vec<_>>().join(", ");
    match cut.len() {
        0 => String::new(),
        1..=MOST => {
            format!("  shared memory is kept in part (--shared SIZE keeps more): {named}\n")
        }
        count => format!(
            "  shared memory is kept in part (--shared SIZE keeps more): {named} and {} more\n",
            count - MOST
        ),
    }
}
