//! The lines that say whose stack follows.

use std::collections::HashMap;
use std::io;

use super::command;
use super::label::Labels;
use super::merge::{Unit, group};
use super::palette::Role;
use super::printable;
use super::printer::Printer;
use super::set_label::compress;
use super::state;
use crate::model::{ProcessReport, Thread, ThreadState};

/// Names processes and threads as one report needs it.
pub struct Headings<'r> {
    processes: &'r [ProcessReport],
    labels: Labels,
}

impl<'r> Headings<'r> {
    pub fn new(processes: &'r [ProcessReport]) -> Headings<'r> {
        Headings {
            processes,
            labels: Labels::new(processes),
        }
    }

    /// The processes of the report, those that run the same in one line.
    pub fn write_processes(&self, printer: &mut Printer<'_>) -> io::Result<()> {
        let alike = group((0..self.processes.len()).collect(), |&index| {
            let process = self.processes.get(index);
            process.map(|process| {
                (
                    process.interpreter.as_deref(),
                    command::shape(process),
                    (process.phase, word_of_unusual(process.state)),
                    process.error.as_deref(),
                    process.notes.as_slice(),
                )
            })
        });
        for indices in alike {
            self.write_alike(printer, &indices)?;
        }
        Ok(())
    }

    fn write_alike(&self, printer: &mut Printer<'_>, indices: &[usize]) -> io::Result<()> {
        let alike: Vec<&ProcessReport> = indices
            .iter()
            .filter_map(|&index| self.processes.get(index))
            .collect();
        let Some(&first) = alike.first() else {
            return Ok(());
        };
        let who = match alike.len() {
            1 => one_process(first),
            many => {
                let labels = self.labels_of(indices);
                let pids: Vec<String> = alike
                    .iter()
                    .filter_map(|process| process.pid)
                    .map(|pid| pid.to_string())
                    .collect();
                let pids = compress(pids.iter().map(String::as_str));
                if pids.is_empty() || pids == labels {
                    format!("{many} processes {labels}")
                } else {
                    format!("{many} processes {labels} (pids {pids})")
                }
            }
        };
        let mut parts = vec![printer.paint(Role::Heading, who).to_string()];
        parts.extend(
            first
                .interpreter
                .as_deref()
                .map(|name| printable::one_line(name).into_owned()),
        );
        let phase = first.phase.and_then(state::phase_word);
        parts.extend(phase.map(str::to_string));
        parts.extend(word_of_unusual(first.state).map(str::to_string));
        parts.push(command::common(&alike));
        parts.retain(|part| !part.is_empty());
        printer.line(parts.join(": "))?;
        let native: u64 = alike
            .iter()
            .map(|process| process.threads_without_python)
            .sum();
        if native > 0 {
            let threads = if native == 1 { "thread" } else { "threads" };
            let text = format!("and {native} {threads} without Python");
            printer.line(format_args!("  {}", printer.paint(Role::Faint, text)))?;
        }
        for text in first.error.iter().chain(&first.notes) {
            let text = printable::one_line(text);
            printer.line(format_args!("  {}", printer.paint(Role::Problem, text)))?;
        }
        Ok(())
    }

    fn labels_of(&self, indices: &[usize]) -> String {
        compress(indices.iter().map(|&index| self.labels.of(index)))
    }

    /// Threads as a set: `rank3 (pid 4245), MainThread (sleeping)`,
    /// `7 processes: rank0-rank6, MainThread (sleeping)`. In a report of one process, threads alone.
    pub fn threads(&self, units: &[Unit<'_>]) -> String {
        let who = match units {
            [one] if self.processes.len() == 1 => one_thread(one.thread),
            [one] => self.thread_of(one),
            many if self.processes.len() == 1 => {
                format!("{} threads: {}", many.len(), thread_names(many))
            }
            many => self.threads_of_several(many),
        };
        who + &state::in_parentheses(units)
    }

    fn thread_of(&self, unit: &Unit<'_>) -> String {
        let process = self.process_in_passing(unit.index);
        let is_main = unit.thread.tid.map(|tid| tid.0) == unit.process.pid.map(|pid| pid.0);
        match &unit.thread.name {
            Some(name) if is_main => format!("{process}, {}", printable::one_line(name)),
            _ => format!("{process}, {}", lowercase_first(&one_thread(unit.thread))),
        }
    }

    fn threads_of_several(&self, units: &[Unit<'_>]) -> String {
        let mut indices: Vec<usize> = units.iter().map(|unit| unit.index).collect();
        indices.dedup();
        let names = thread_names(units);
        match (units, indices.as_slice()) {
            ([first, ..], [_]) => format!(
                "{} threads of {}: {names}",
                units.len(),
                self.process_in_passing(first.index)
            ),
            (_, several) if several.len() == units.len() => {
                let labels = self.labels_of(several);
                format!("{} processes: {labels}, {names}", several.len())
            }
            (_, several) => format!(
                "{} threads of {} processes: {}, {names}",
                units.len(),
                several.len(),
                self.labels_of(several)
            ),
        }
    }

    /// `rank3 (pid 4245)`, or `process 4245` if that is all it is called.
    pub fn process_in_passing(&self, index: usize) -> String {
        let label = self.labels.of(index);
        let process = self.processes.get(index);
        match process
            .and_then(|process| process.pid)
            .map(|pid| pid.to_string())
        {
            Some(pid) if pid == label => format!("process {pid}"),
            Some(pid) => format!("{label} (pid {pid})"),
            None => label.to_string(),
        }
    }
}

fn one_process(process: &ProcessReport) -> String {
    let mut text = match (process.pid, &process.core) {
        (Some(pid), None) => format!("Process {pid}"),
        (Some(pid), Some(core)) => format!("Core {} of process {pid}", printable::one_line(core)),
        (None, Some(core)) => format!("Core {}", printable::one_line(core)),
        (None, None) => "Process".to_string(),
    };
    let mut names = Vec::new();
    if !process.name.is_empty() && !in_command(process) {
        names.push(printable::one_line(&process.name).into_owned());
    }
    names.extend(process.rank.map(|rank| format!("rank {rank}")));
    if !names.is_empty() {
        text.push_str(&format!(" ({})", names.join(", ")));
    }
    text
}

/// Whether the command line says the name already: `train.py` in `python /srv/train.py`.
fn in_command(process: &ProcessReport) -> bool {
    let mut words = process.command.iter();
    words.any(|word| word.rsplit('/').next() == Some(&process.name))
}

/// A state that is worth a word when nothing is said about threads.
fn word_of_unusual(state: ThreadState) -> Option<&'static str> {
    match state {
        ThreadState::Stopped | ThreadState::Traced | ThreadState::Zombie | ThreadState::Dead => {
            state::word(state)
        }
        _ => None,
    }
}

fn one_thread(thread: &Thread) -> String {
    let tid = thread.tid.map(|tid| format!(" {tid}")).unwrap_or_default();
    match &thread.name {
        Some(name) => format!("Thread{tid} \"{}\"", printable::one_line(name)),
        None => format!("Thread{tid}"),
    }
}

/// The names of threads as a set. Threads of one process that share a name go by their tid.
fn thread_names(units: &[Unit<'_>]) -> String {
    let mut users: HashMap<(usize, &str), usize> = HashMap::new();
    for unit in units {
        if let Some(name) = &unit.thread.name {
            *users.entry((unit.index, name)).or_default() += 1;
        }
    }
    let names: Vec<String> = units
        .iter()
        .map(|unit| {
            let name = unit.thread.name.as_deref();
            match (name, unit.thread.tid) {
                (Some(name), None) => printable::one_line(name).into_owned(),
                (Some(name), Some(_)) if users.get(&(unit.index, name)) == Some(&1) => {
                    printable::one_line(name).into_owned()
                }
                (_, Some(tid)) => tid.to_string(),
                (None, None) => "unnamed".to_string(),
            }
        })
        .collect();
    compress(names.iter().map(String::as_str))
}

fn lowercase_first(text: &str) -> String {
    text.replacen("Thread", "thread", 1)
}
