//! `pmdb snapshot`.

use std::path::{Path, PathBuf};

use super::stack::pid;
use super::{Failure, print};
use crate::faces::render::quantity;
use crate::model::{Pid, SharedFacts};
use crate::session::snapshot::{SnapshotOptions, Taken, take, take_together};
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
    /// How many steps from the variables of each frame are kept: members of containers, attributes of objects.
    #[arg(long, value_name = "STEPS", default_value_t = SnapshotOptions::DEPTH)]
    depth: usize,
    /// Keep all memory, secrets included. The process stands still until that is written.
    #[arg(long, conflicts_with = "depth")]
    full: bool,
    /// Keep the values of environment variables that look like secrets (KEY, TOKEN, PASSWORD …), which are masked otherwise.
    #[arg(long)]
    secrets: bool,
    /// How much of the shared memory is kept, beside what the variables lead to: `64M`, `2G`; small segments first, each once.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16M", conflicts_with = "full")]
    shared: u64,
}

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
        shared: arguments.shared,
    };
    let default = || PathBuf::from(format!("{}.pmdb", arguments.pid));
    let path = arguments.output.clone().unwrap_or_else(default);
    if arguments.tree {
        return together(arguments.pid, &path, options);
    }
    let taken = take(arguments.pid, &path, options)
        .map_err(|error| Failure::Operation(vec![error.to_string()]))?;
    print(said_of(arguments.pid, &taken).as_bytes())
}

fn together(root: Pid, path: &Path, options: SnapshotOptions) -> Result<(), Failure> {
    let failed = |error: String| Failure::Operation(vec![error]);
    let pids = families(&[root]).map_err(|error| failed(error.to_string()))?;
    let bundled = take_together(&pids, path, options).map_err(|error| failed(error.to_string()))?;
    let mut text: String = (bundled.taken.iter())
        .map(|(pid, taken)| said_of(*pid, taken))
        .collect();
    for (pid, error) in &bundled.refused {
        text += &format!("process {pid} is not in it: {error}\n");
    }
    print(text.as_bytes())
}

fn said_of(pid: Pid, taken: &Taken) -> String {
    let written = &taken.written;
    let mut text = format!(
        "{}: {} of process {pid} ({}), which has {} of memory and stood still for {:.1} ms\n",
        written.path.display(),
        quantity::bytes(written.kept),
        taken.name,
        quantity::bytes(written.memory),
        taken.pause.as_secs_f64() * 1000.0,
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
