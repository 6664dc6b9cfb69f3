//! `pmdb stack`.

use std::fmt::Write;
use std::path::PathBuf;

use super::{Failure, print};
use crate::faces::render::printable::{lines, one_line};
use crate::model::{Frame, GilState, Pid, ProcessReport, Report, Thread};
use crate::python::Limits;
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
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| Failure::Output(error.into()))? + "\n"
    } else {
        text_of(&report)
    };
    print(text.as_bytes())?;
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

fn text_of(report: &Report) -> String {
    let mut text = String::new();
    let readable = report
        .processes
        .iter()
        .filter(|process| process.interpreter.is_some());
    for process in readable {
        if !text.is_empty() {
            text.push('\n');
        }
        write_process(&mut text, process);
    }
    text
}

fn write_process(text: &mut String, process: &ProcessReport) {
    let pid = process.pid.map_or("?".to_string(), |pid| pid.to_string());
    let interpreter = process.interpreter.as_deref().unwrap_or_default();
    let command = process.command.join(" ");
    put(
        text,
        format_args!("Process {pid}: {interpreter}: {}", one_line(&command)),
    );
    for note in &process.notes {
        put(text, format_args!("  note: {}", one_line(note)));
    }
    for thread in &process.threads {
        write_thread(text, thread);
    }
}

fn write_thread(text: &mut String, thread: &Thread) {
    let tid = thread.tid.map_or("?".to_string(), |tid| tid.to_string());
    let name = thread.name.as_deref().unwrap_or("?");
    let gil = match thread.gil {
        GilState::Holds => ", holds the GIL",
        GilState::Waits => ", waits for the GIL",
        GilState::Released | GilState::Unknown => "",
    };
    let garbage = if thread.collecting_garbage {
        ", collects garbage"
    } else {
        ""
    };
    let state = format!("{:?}", thread.state).to_lowercase();
    put(
        text,
        format_args!(
            "\nThread {tid} \"{}\" ({state}{gil}{garbage})",
            one_line(name)
        ),
    );
    if let Some(note) = &thread.note {
        put(text, format_args!("  note: {}", one_line(note)));
    }
    for frame in thread.frames.iter().rev() {
        write_frame(text, frame);
    }
}

fn write_frame(text: &mut String, frame: &Frame) {
    let file = frame.file.as_deref().unwrap_or("?");
    let line = frame.line.map_or("?".to_string(), |line| line.to_string());
    let function = one_line(&frame.function);
    put(
        text,
        format_args!("  File \"{}\", line {line}, in {function}", one_line(file)),
    );
    for local in &frame.locals {
        let value = lines(&local.value.text);
        put(
            text,
            format_args!("      {} = {value}", one_line(&local.name)),
        );
    }
    if let Some(note) = &frame.note {
        put(text, format_args!("      note: {}", one_line(note)));
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
