//! `pmdb stack`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::ColorChoice;

use super::{Failure, print};
use crate::faces::render::palette::Palette;
use crate::faces::render::stack::{Arrangement, write_report};
use crate::model::Pid;
use crate::python::Limits;
use crate::session::source::Sources;
use crate::session::stack::{StackOptions, Target, stacks};

const EXAMPLES: &str = "\
Examples:
  pmdb stack 4242                     every thread of a running process
  pmdb stack 4242 4243 --locals       two processes, with the variables of every frame
  pmdb stack --core core.4242         a process that has crashed
  pmdb stack 4242 --json | jq .       for programs (docs/guide/json.md)";

/// Print the Python stack of every thread, most recent call last, without stopping the process.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Running processes.
    #[arg(value_name = "PID", required_unless_present = "core")]
    pids: Vec<u32>,
    /// Core dumps.
    #[arg(long, value_name = "FILE")]
    core: Vec<PathBuf>,
    /// The executable of the cores, where it is not at the path that they name.
    #[arg(long, value_name = "FILE", requires = "core")]
    exe: Option<PathBuf>,
    /// Show the variables of every frame.
    #[arg(long)]
    locals: bool,
    /// Characters of a value that are shown.
    #[arg(long, value_name = "CHARACTERS", default_value_t = Limits::default().characters)]
    limit: usize,
    /// Show each thread by itself, also where several have the same stack.
    #[arg(long)]
    flat: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let live = arguments.pids.iter().map(|pid| Target::Live(Pid(*pid)));
    let cores = arguments.core.iter().map(|path| Target::Core {
        path: path.clone(),
        executable: arguments.exe.clone(),
    });
    let targets: Vec<Target> = live.chain(cores).collect();
    let limits = Limits {
        characters: arguments.limit,
        ..Limits::default()
    };
    let report = stacks(
        &targets,
        &StackOptions {
            locals: arguments.locals.then_some(limits),
        },
    );
    let mut text = Vec::new();
    if arguments.json {
        serde_json::to_writer_pretty(&mut text, &report)
            .map_err(|error| Failure::Output(error.into()))?;
        text.push(b'\n');
    } else {
        let arrangement = match (arguments.flat, arguments.locals) {
            (true, _) => Arrangement::Flat,
            (false, true) => Arrangement::Folded,
            (false, false) => Arrangement::Merged,
        };
        let palette = palette(arguments.color);
        write_report(
            &mut text,
            &report,
            arrangement,
            palette,
            &mut Sources::new(),
        )?;
    }
    print(&text)?;
    let failures: Vec<String> = report
        .processes
        .into_iter()
        .filter_map(|process| process.error)
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Operation(failures))
    }
}

/// Colours only where somebody looks at them: `NO_COLOR` (no-color.org) turns them off.
fn palette(choice: ColorChoice) -> Palette {
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
