//! The processes that can be debugged, with what helps to choose one.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::stack::{Target, identify};
use super::who;
use crate::model::{Pid, ProcessReport, Report, Usage};
use crate::process::family::{ProcessTable, TableEntry, command_of, since_boot};
use crate::process::live::LiveProcess;
use crate::process::{Process, ProcessError};
use crate::python::{Effort, Locator, Look, PythonError};

/// Which processes are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PsOptions {
    /// These and their descendants; everybody, if empty.
    pub pids: Vec<Pid>,
    /// Also those that are no Python.
    pub all: bool,
}

/// Processes in the order of their trees: each after its parent, brothers by pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forest {
    pub report: Report,
    /// How many ancestors of each process are in the report too. A process hangs below the nearest of them, which
    /// need not be its parent.
    pub depths: Vec<usize>,
}

/// Lists processes. Fails only if the process table cannot be read, or a process that was asked for is not there.
pub fn processes(options: &PsOptions) -> Result<Forest, ProcessError> {
    let table = ProcessTable::read()?;
    for &pid in &options.pids {
        if table.get(pid).is_none() {
            // Says which it is: ended, hidden, a thread.
            LiveProcess::open(pid)?;
        }
    }
    let now = since_boot();
    let own = Pid(std::process::id());
    let candidates: Vec<&TableEntry> = wanted(&table, options)
        .into_iter()
        .filter_map(|pid| table.get(pid))
        .filter(|entry| !entry.is_kernel_thread && entry.pid != own)
        .collect();
    let locator = Locator::default();
    let rows: Vec<Row> = candidates
        .par_iter()
        .map(|entry| {
            let mut row = look_at(entry, &locator);
            row.report.usage = Some(Usage {
                threads: entry.threads,
                cpu_ms: milliseconds(entry.cpu),
                age_ms: milliseconds(now.saturating_sub(entry.started)),
            });
            row
        })
        .collect();
    let shown = shown(rows, options);
    Ok(in_trees(&table, shown))
}

/// The processes in cores and snapshots, in trees; and why those are not there that cannot be read.
pub fn dumped(targets: &[Target]) -> (Forest, Vec<String>) {
    let locator = Locator::default();
    let (mut processes, mut refused) = (Vec::new(), Vec::new());
    for target in targets {
        match target.open() {
            Ok(process) => {
                let mut report = identify(&*process);
                look_into(&*process, &locator, Effort::Thorough, &mut report);
                processes.push(report);
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    let mut depths = vec![0; processes.len()];
    let mut trees: Vec<ProcessReport> = Vec::new();
    // Each behind its parent, if that was given.
    for report in processes {
        let parent = trees
            .iter()
            .position(|other| other.pid.is_some() && other.pid == report.parent);
        let (place, depth) = match parent {
            Some(parent) => {
                let deeper = |other: &usize| *other > depths[parent];
                let below = depths[parent + 1..trees.len()]
                    .iter()
                    .take_while(|it| deeper(it))
                    .count();
                (parent + 1 + below, depths[parent] + 1)
            }
            None => (trees.len(), 0),
        };
        trees.insert(place, report);
        depths.insert(place, depth);
        depths.pop();
    }
    let report = Report::new(trees);
    (Forest { report, depths }, refused)
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn wanted(table: &ProcessTable, options: &PsOptions) -> BTreeSet<Pid> {
    if options.pids.is_empty() {
        return table.iter().map(|entry| entry.pid).collect();
    }
    let families = options.pids.iter().flat_map(|&pid| table.family(pid));
    families.collect()
}

/// What was found out of one process.
struct Row {
    report: ProcessReport,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Python,
    /// Its command line looks like Python, and it may not be looked into.
    Perhaps,
    Other,
    Zombie,
    /// It ended while it was looked at.
    Gone,
}

fn look_at(entry: &TableEntry, locator: &Locator) -> Row {
    let mut report = ProcessReport {
        pid: Some(entry.pid),
        parent: entry.parent,
        name: entry.name.clone(),
        command: Vec::new(),
        rank: None,
        interpreter: None,
        state: entry.state,
        phase: None,
        core: None,
        error: None,
        began_ms: None,
        notes: Vec::new(),
        usage: None,
        threads_without_python: 0,
        threads: Vec::new(),
        event_loops: Vec::new(),
    };
    let kind = match LiveProcess::open(entry.pid) {
        Ok(process) => look_into(&process, locator, Effort::Quick, &mut report),
        Err(error) => {
            report.command = command_of(entry.pid);
            if !report.command.is_empty() {
                report.name = who::program(&report.command, None);
            }
            report.error = Some(error.to_string());
            match error {
                ProcessError::Zombie { .. } => Kind::Zombie,
                ProcessError::Gone { .. } | ProcessError::NoSuchProcess { .. } => Kind::Gone,
                ProcessError::NotPermitted { .. } if who::runs_python(&report.command) => {
                    Kind::Perhaps
                }
                _ => Kind::Other,
            }
        }
    };
    Row { report, kind }
}

fn look_into(
    process: &dyn Process,
    locator: &Locator,
    effort: Effort,
    report: &mut ProcessReport,
) -> Kind {
    let identity = process.identity();
    report.command.clone_from(&identity.command);
    report.state = identity.state;
    let located = locator.locate(process, effort);
    let look = located
        .as_ref()
        .ok()
        .map(|located| Look::new(process, located));
    let who = who::who(process, look.as_ref());
    report.name = who.name;
    report.rank = who.rank;
    report.phase = look.map(|look| look.phase());
    match located {
        Ok(located) => {
            report.interpreter = Some(located.name());
            Kind::Python
        }
        Err(PythonError::NotPython) => Kind::Other,
        Err(error) => match process.has_changed() {
            Some(ProcessError::Gone { .. }) => Kind::Gone,
            change => {
                let text = change.map_or(error.to_string(), |change| change.to_string());
                report.error = Some(text);
                Kind::Python
            }
        },
    }
}

/// Python by default. A process that was named is shown whatever it is, and so is what has died below a Python
/// process: a worker that is missing.
fn shown(rows: Vec<Row>, options: &PsOptions) -> Vec<ProcessReport> {
    let python: BTreeSet<Option<Pid>> = rows
        .iter()
        .filter(|row| row.kind == Kind::Python)
        .map(|row| row.report.pid)
        .collect();
    let is_shown = |row: &Row| {
        let is_named = row
            .report
            .pid
            .is_some_and(|pid| options.pids.contains(&pid));
        match row.kind {
            Kind::Gone => false,
            Kind::Python | Kind::Perhaps => true,
            Kind::Zombie if python.contains(&row.report.parent) => true,
            Kind::Zombie | Kind::Other => options.all || is_named,
        }
    };
    rows.into_iter()
        .filter(is_shown)
        .map(|row| row.report)
        .collect()
}

fn in_trees(table: &ProcessTable, shown: Vec<ProcessReport>) -> Forest {
    let mut by_pid: BTreeMap<Pid, ProcessReport> = BTreeMap::new();
    for report in shown {
        if let Some(pid) = report.pid {
            by_pid.insert(pid, report);
        }
    }
    let mut above: BTreeMap<Pid, Vec<Pid>> = BTreeMap::new();
    let mut roots = Vec::new();
    for &pid in by_pid.keys() {
        let mut ancestors = table.ancestors(pid);
        ancestors.retain(|ancestor| by_pid.contains_key(ancestor));
        if ancestors.is_empty() {
            roots.push(pid);
        }
        above.insert(pid, ancestors);
    }
    let (mut processes, mut depths) = (Vec::new(), Vec::new());
    let members = roots.into_iter().flat_map(|root| table.family(root));
    // Behind them what a circle of parents hides from every root.
    let all: Vec<Pid> = members.chain(above.keys().copied()).collect();
    for pid in all {
        if let Some(report) = by_pid.remove(&pid) {
            depths.push(above.get(&pid).map_or(0, Vec::len));
            processes.push(report);
        }
    }
    Forest {
        report: Report::new(processes),
        depths,
    }
}
