//! `pmdb attach`.

use std::path::PathBuf;

use clap::ColorChoice;

use super::Failure;
use super::stack::{palette, pid};
use crate::faces::complaint::complain;
use crate::faces::render::heading::Headings;
use crate::faces::render::palette::Palette;
use crate::faces::render::printer::Printer;
use crate::faces::repl::{Options, Outcome, commands_in, converse, heed_termination};
use crate::model::{Pid, ProcessReport};
use crate::session::source::Sources;
use crate::session::stack::{Limits, Target, families};
use crate::session::{Request, Response, Session, SessionOptions};

const EXAMPLES: &str = "\
Examples:
  pmdb attach 4242                          a prompt on a running process
  pmdb attach 4242 --tree                   on it and all its descendants
  pmdb attach 4242 -c where -c 'p x' -c q   the answers alone
  echo 'p len(queue)' | pmdb attach 4242    commands from a pipe";

/// Look into running processes from a prompt with the commands of pdb. They go on running.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Running processes.
    #[arg(value_name = "PID", required = true, value_parser = pid)]
    pids: Vec<Pid>,
    /// Their descendants too.
    #[arg(long)]
    tree: bool,
    #[command(flatten)]
    prompt: PromptArguments,
}

/// What every command with a prompt takes.
#[derive(clap::Args)]
pub(super) struct PromptArguments {
    /// Run a command of the prompt first; can be given several times.
    #[arg(short, long = "command", value_name = "COMMAND")]
    commands: Vec<String>,
    /// Run the commands of a file first, one a line, before those of -c; can be given several times.
    #[arg(long = "script", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    scripts: Vec<PathBuf>,
    /// Characters of a value that are shown.
    #[arg(long, value_name = "CHARS", default_value_t = Limits::default().characters)]
    pub(super) limit: usize,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,
}

impl PromptArguments {
    /// What is run before anything is typed.
    pub(super) fn commands(&self) -> Result<Vec<String>, Failure> {
        let mut commands = Vec::new();
        for path in &self.scripts {
            let lines = commands_in(path).map_err(|error| {
                let why = format!("cannot read the script {}: {error}", path.display());
                Failure::Operation(vec![why])
            })?;
            commands.extend(lines);
        }
        commands.extend(self.commands.iter().cloned());
        Ok(commands)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let pids = if arguments.tree {
        families(&arguments.pids).map_err(|error| Failure::Operation(vec![error.to_string()]))?
    } else {
        let mut pids: Vec<Pid> = Vec::new();
        for pid in &arguments.pids {
            if !pids.contains(pid) {
                pids.push(*pid);
            }
        }
        pids
    };
    let targets: Vec<Target> = pids.into_iter().map(Target::Live).collect();
    let named = |target: &Target| match target {
        Target::Live(pid) => arguments.pids.contains(pid),
        Target::Core { .. } => true,
    };
    prompt(&targets, arguments.tree, named, &arguments.prompt)
}

/// Talks about the targets. A target that the user named and that cannot be read is a failure; the others are looked
/// at all the same. `is_family`: with all that they make, once one of them goes on.
pub(super) fn prompt(
    targets: &[Target],
    is_family: bool,
    named: impl Fn(&Target) -> bool,
    arguments: &PromptArguments,
) -> Result<(), Failure> {
    let commands = arguments.commands()?;
    let palette = palette(arguments.color);
    let options = SessionOptions {
        is_family,
        ..session_options(arguments, palette)
    };
    let (session, refused) = Session::open(targets, options);
    let mut failures: Vec<String> = refused
        .iter()
        .filter(|(target, _)| named(target))
        .map(|(_, error)| error.to_string())
        .collect();
    let Some(mut session) = session else {
        return Err(Failure::Operation(failures));
    };
    let reports = reports(&mut session);
    let unreadable = |report: &ProcessReport| {
        let why = report.error.as_ref()?;
        Some(match (&report.core, report.pid) {
            (Some(core), _) => format!("{core}: {why}"),
            (None, Some(pid)) => format!("process {pid}: {why}"),
            (None, None) => why.clone(),
        })
    };
    if reports.iter().all(|report| report.error.is_some()) {
        failures.extend(reports.iter().filter_map(unreadable));
        return Err(Failure::Operation(failures));
    }
    let is_asked_for = session.was_asked_for();
    let options = Options {
        commands,
        palette,
        // One that has started this pmdb has its standard streams.
        has_program: is_asked_for,
    };
    let banner = if is_asked_for {
        String::new()
    } else {
        banner(&reports, palette)?
    };
    heed_termination(&session.interrupted())?;
    if is_asked_for && let Err(error) = session.ask(Request::Meet) {
        return Err(Failure::Operation(vec![error.to_string()]));
    }
    for failure in &failures {
        complain(&format!("pmdb: {failure}"));
    }
    match converse(session, &options, &banner) {
        Ok(Outcome {
            terminated_by: Some(signal),
            ..
        }) => Err(Failure::Terminated(signal)),
        Ok(outcome) if outcome.succeeded && failures.is_empty() => Ok(()),
        Ok(_) => Err(Failure::Said),
        Err(error) => Err(Failure::Output(error)),
    }
}

pub(super) fn session_options(arguments: &PromptArguments, palette: Palette) -> SessionOptions {
    SessionOptions {
        limits: Limits {
            characters: arguments.limit,
            ..Limits::default()
        },
        syntax: palette == Palette::Ansi,
        is_family: false,
    }
}

fn reports(session: &mut Session) -> Vec<ProcessReport> {
    match session.ask(Request::Processes) {
        Ok(Response::Processes(entries)) => entries.into_iter().map(|entry| entry.report).collect(),
        _ => Vec::new(),
    }
}

/// Which processes these are.
fn banner(reports: &[ProcessReport], palette: Palette) -> Result<String, Failure> {
    let mut text = Vec::new();
    let mut sources = Sources::new();
    let mut printer = Printer::new(&mut text, palette, &mut sources);
    Headings::new(reports).write_processes(&mut printer)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
