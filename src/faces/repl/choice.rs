//! What the words behind a command name: a thread, a process, a number, lines.

use super::run::{Repl, Trouble};
use crate::faces::render::label::Labels;
use crate::model::{Pid, ProcessReport};
use crate::session::{Lines, ProcessEntry, Request, Response, SessionError, ThreadEntry};

impl Repl {
    pub(super) fn thread_entries(&mut self) -> Result<Vec<ThreadEntry>, SessionError> {
        match self.session.ask(Request::Threads)? {
            Response::Threads(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn process_entries(&mut self) -> Vec<ProcessEntry> {
        match self.session.ask(Request::Processes) {
            Ok(Response::Processes(entries)) => entries,
            _ => Vec::new(),
        }
    }

    pub(super) fn find_thread(&mut self, wanted: &str) -> Result<crate::model::Addr, Trouble> {
        let entries = self.thread_entries()?;
        let matches = |entry: &&ThreadEntry| match wanted {
            "" => entry.focused,
            wanted => entry
                .thread
                .tid
                .is_some_and(|tid| tid.to_string() == wanted),
        };
        if let Some(entry) = entries.iter().find(matches) {
            return Ok(entry.id);
        }
        let named: Vec<&ThreadEntry> = entries
            .iter()
            .filter(|entry| entry.thread.name.as_deref() == Some(wanted))
            .collect();
        match named.as_slice() {
            [one] => Ok(one.id),
            [] => Err(Trouble::Words(format!(
                "No thread '{wanted}'; `threads` lists them"
            ))),
            several => {
                let tids = several.iter().filter_map(|entry| entry.thread.tid);
                let tids: Vec<String> = tids.map(|tid| tid.to_string()).collect();
                Err(Trouble::Words(format!(
                    "Several threads are called '{wanted}': say which of {}",
                    tids.join(", ")
                )))
            }
        }
    }

    pub(super) fn find_process(&mut self, wanted: &str) -> Result<usize, Trouble> {
        let entries = self.process_entries();
        let labels = process_labels(&entries);
        let of_pid = |entry: &ProcessEntry| {
            let pid = entry.report.pid;
            pid.is_some_and(|pid| pid.to_string() == wanted)
        };
        let found = labels.iter().position(|label| label == wanted);
        if let Some(index) = found.or_else(|| entries.iter().position(of_pid)) {
            return Ok(index);
        }
        let named: Vec<String> = entries
            .iter()
            .filter(|entry| entry.report.name == wanted)
            .filter_map(|entry| Some(entry.report.pid?.to_string()))
            .collect();
        Err(Trouble::Words(if named.is_empty() {
            format!("No process '{wanted}'; `procs` lists them")
        } else {
            let pids = named.join(", ");
            format!("Several processes are called '{wanted}': say which of {pids}")
        }))
    }

    /// How many pieces of code of `debug` are under way in the focused process.
    pub(super) fn levels(&mut self) -> usize {
        let entries = self.process_entries();
        let focused = entries.iter().find(|entry| entry.focused);
        focused.map_or(0, |entry| entry.levels)
    }

    pub(super) fn focused_pid(&mut self) -> Option<Pid> {
        let entries = self.process_entries();
        let focused = entries.iter().find(|entry| entry.focused);
        focused.and_then(|entry| entry.report.pid)
    }

    /// What stands in the prompt where there is, or may be, more than one process.
    pub(super) fn focus_label(&mut self) -> Option<String> {
        let entries = self.process_entries();
        let focused = entries.iter().position(|entry| entry.focused)?;
        let label = process_labels(&entries).into_iter().nth(focused);
        label.filter(|_| entries.len() > 1 || self.session.is_about_a_command())
    }
}

pub(super) fn process_labels(entries: &[ProcessEntry]) -> Vec<String> {
    let reports: Vec<ProcessReport> = entries.iter().map(|entry| entry.report.clone()).collect();
    let labels = Labels::new(&reports);
    (0..reports.len())
        .map(|index| labels.of(index).to_string())
        .collect()
}

pub(super) fn optional_number(text: &str, otherwise: &str) -> Result<Option<i64>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = number(text);
    number
        .map(Some)
        .ok_or_else(|| Trouble::Words(format!("{otherwise} ({text})")))
}

/// A whole number; one that is too large for us is the largest that is not.
pub(super) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let largest = if text.starts_with('-') {
        -i64::MAX
    } else {
        i64::MAX
    };
    Some(text.parse().unwrap_or(largest))
}

pub(super) fn exception_number(text: &str) -> Result<usize, Trouble> {
    let number =
        number(text).ok_or_else(|| Trouble::Words("Argument must be an integer".to_string()))?;
    usize::try_from(number).map_err(|_| SessionError::NoSuchException.into())
}

pub(super) fn lines(arguments: &str) -> Result<Lines, Trouble> {
    let wrong = || Trouble::Words(format!("Error in argument: '{arguments}'"));
    let clamp = |number: i64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    match arguments.split_once(',') {
        _ if arguments.is_empty() => Ok(Lines::Next),
        _ if arguments == "." => Ok(Lines::Around),
        None => number(arguments)
            .map(|line| Lines::AroundLine(clamp(line)))
            .ok_or_else(wrong),
        Some((first, last)) => {
            let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
            // As in pdb: a smaller one is a count.
            let last = if last < first {
                first.saturating_add(last)
            } else {
                last
            };
            Ok(Lines::Range {
                first: clamp(first),
                last: clamp(last),
            })
        }
    }
}
