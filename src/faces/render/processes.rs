//! The answer of `pmdb ps` as text.

use std::io::{self, Write};

use super::merge::group;
use super::palette::{Palette, Role};
use super::quantity::duration;
use super::set_label::compress;
use super::state;
use super::table::{Align, Cell, Table, cut};
use crate::model::{ProcessReport, ThreadState};
use crate::session::ps::Forest;

/// A name, with the branch that it hangs on, is cut here. Columns.
const WIDEST_NAME: usize = 48;

/// Where something is not known because it could not be looked at. The reason stands below the table.
const MARK: &str = "?";

/// Writes the processes as a table, and below it why some could not be looked into.
pub fn write_processes(
    out: &mut dyn Write,
    forest: &Forest,
    is_flat: bool,
    palette: Palette,
    width: Option<usize>,
) -> io::Result<()> {
    let processes = &forest.report.processes;
    let mut table = Table::new(vec![
        ("PID", Align::Right),
        ("NAME", Align::Left),
        ("RANK", Align::Right),
        ("PYTHON", Align::Left),
        ("STATE", Align::Left),
        ("THREADS", Align::Right),
        ("CPU", Align::Right),
        ("AGE", Align::Right),
        ("COMMAND", Align::Left),
    ]);
    let branches = if is_flat {
        vec![String::new(); processes.len()]
    } else {
        branches(&forest.depths)
    };
    for (process, branch) in processes.iter().zip(&branches) {
        table.row(cells(process, branch));
    }
    table.write(out, palette, width)?;
    write_reasons(out, processes, palette)
}

fn cells(process: &ProcessReport, branch: &str) -> Vec<Cell> {
    let pid = process.pid.map(|pid| pid.to_string()).unwrap_or_default();
    let interpreter = match (&process.interpreter, &process.error) {
        (Some(name), _) => Cell::new(name.strip_prefix("CPython ").unwrap_or(name)),
        (None, Some(_)) if process.state != ThreadState::Zombie => {
            Cell::new(MARK).painted(Role::Problem)
        }
        (None, _) => Cell::new(""),
    };
    let usage = |text: fn(&crate::model::Usage) -> String| {
        Cell::new(process.usage.as_ref().map(text).unwrap_or_default())
    };
    vec![
        Cell::new(pid),
        Cell::new(cut(&format!("{branch}{}", process.name), WIDEST_NAME)).painted(Role::Heading),
        Cell::new(
            process
                .rank
                .map(|rank| rank.to_string())
                .unwrap_or_default(),
        ),
        interpreter,
        state(process),
        usage(|usage| usage.threads.to_string()),
        usage(|usage| duration(usage.cpu_ms)),
        usage(|usage| duration(usage.age_ms)),
        Cell::new(command(process)).painted(Role::Faint),
    ]
}

/// The command line, with an interpreter by its last name only: where it lies helps nobody to choose.
fn command(process: &ProcessReport) -> String {
    let mut words = process.command.clone();
    let is_python = process.interpreter.is_some() || process.error.is_some();
    if let Some(first) = words.first_mut().filter(|_| is_python)
        && let Some((_, name)) = first.rsplit_once('/')
        && !name.is_empty()
    {
        *first = name.to_string();
    }
    words.join(" ")
}

fn state(process: &ProcessReport) -> Cell {
    if let Some(words) = process.phase.and_then(state::phase_word) {
        return Cell::new(words).painted(Role::Problem);
    }
    let word = Cell::new(state::word(process.state).unwrap_or(MARK));
    match process.state {
        ThreadState::Stopped | ThreadState::Traced | ThreadState::Zombie | ThreadState::Blocked => {
            word.painted(Role::Problem)
        }
        _ => word,
    }
}

/// What is drawn in front of each name: `├─ `, `│  └─ `. `depths` are those of a tree whose parents come first.
fn branches(depths: &[usize]) -> Vec<String> {
    let mut branches = vec![String::new(); depths.len()];
    // From the end: whether a later line still hangs on the stem at each depth.
    let mut goes_on: Vec<bool> = Vec::new();
    for (branch, &depth) in branches.iter_mut().zip(depths).rev() {
        if depth > 0 {
            let stems = (1..depth).map(|at| match goes_on.get(at) {
                Some(true) => "│  ",
                _ => "   ",
            });
            *branch = stems.collect();
            let corner = match goes_on.get(depth) {
                Some(true) => "├─ ",
                _ => "└─ ",
            };
            branch.push_str(corner);
        }
        goes_on.resize(depth + 1, false);
        if let Some(stem) = goes_on.get_mut(depth) {
            *stem = true;
        }
    }
    branches
}

/// One sentence for each reason, and whom it concerns.
fn write_reasons(
    out: &mut dyn Write,
    processes: &[ProcessReport],
    palette: Palette,
) -> io::Result<()> {
    let failed: Vec<&ProcessReport> = processes
        .iter()
        .filter(|process| process.error.is_some())
        .collect();
    let reasons = group(failed, |process| without_pid(process));
    for (index, alike) in reasons.iter().enumerate() {
        let Some(reason) = alike.first().map(|process| without_pid(process)) else {
            continue;
        };
        if index == 0 {
            writeln!(out)?;
        }
        let pids: Vec<String> = alike
            .iter()
            .filter_map(|process| process.pid)
            .map(|pid| pid.to_string())
            .collect();
        let pids = compress(pids.iter().map(String::as_str));
        let who = if alike.len() == 1 {
            "process"
        } else {
            "processes"
        };
        let text = format!("{who} {pids} {reason}");
        let text = super::printable::one_line(&text).into_owned();
        writeln!(out, "{}", palette.paint(Role::Problem, text))?;
    }
    Ok(())
}

/// The reason, so that it is the same for all that share it.
fn without_pid(process: &ProcessReport) -> String {
    let error = process.error.as_deref().unwrap_or_default();
    let pid = process.pid.map(|pid| pid.to_string()).unwrap_or_default();
    match error.strip_prefix(&format!("process {pid} ")) {
        Some(reason) => reason.to_string(),
        None => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_of_a_tree() {
        assert_eq!(
            branches(&[0, 1, 2, 2, 1, 0, 1]),
            ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "", "└─ "]
        );
        assert_eq!(
            branches(&[0, 1, 2, 3, 1]),
            ["", "├─ ", "│  └─ ", "│     └─ ", "└─ "]
        );
        assert!(branches(&[]).is_empty());
    }
}
