//! The resource trackers of Python programs, and what they have on their lists.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::model::Pid;
use crate::process::family::{ProcessTable, command_of};
use crate::process::live::LiveProcess;
use crate::process::live::sharing::pipe_of;
use crate::process::{Process, ProcessError};
use crate::python::{Effort, Locator, Look};
use crate::shm::Tracker;

/// What is in the command line of one: `from multiprocessing.resource_tracker import main;main(7)`, and the same of
/// `loky.backend` with a blank.
const IMPORT: &str = "resource_tracker import main;";

/// Those of the machine.
pub(super) fn trackers(table: &ProcessTable) -> Vec<Tracker> {
    let pids: Vec<Pid> = table
        .iter()
        .filter(|entry| !entry.is_kernel_thread && !entry.state.has_ended())
        .map(|entry| entry.pid)
        .collect();
    let locator = Locator::default();
    pids.into_par_iter()
        .filter_map(|pid| {
            let descriptor = descriptor(&command_of(pid))?;
            Some(Tracker {
                pid,
                pipe: pipe_of(pid, descriptor),
                list: list(pid, &locator)?,
            })
        })
        .collect()
}

/// The descriptor that a tracker reads from, if the command is that of one.
fn descriptor(command: &[String]) -> Option<u32> {
    let script = command.iter().find(|word| word.contains(IMPORT))?;
    let (_, arguments) = script.split_once("main(")?;
    let digits = arguments.find(|c: char| !c.is_ascii_digit())?;
    arguments.get(..digits)?.parse().ok()
}

/// Nothing if it has ended or does not track yet.
fn list(pid: Pid, locator: &Locator) -> Option<Result<BTreeSet<String>, String>> {
    let process = match LiveProcess::open(pid) {
        Ok(process) => process,
        Err(ProcessError::NotPermitted { why, .. }) => return Some(Err(why)),
        Err(_) => return None,
    };
    let located = match locator.locate(&process, Effort::Thorough) {
        Ok(located) => located,
        Err(error) => return Some(Err(error.to_string())),
    };
    let threads = match process.threads() {
        Ok(threads) => threads,
        Err(_) => return None,
    };
    match Look::new(&process, &located).tracked_resources(&threads) {
        Ok(resources) => {
            let files = resources?
                .into_iter()
                .filter_map(|resource| Tracker::file_of(&resource.kind, &resource.name));
            Some(Ok(files.collect()))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_trackers_are_known() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            descriptor(&words)
        };
        let script = "from multiprocessing.resource_tracker import main;main(17)";
        assert_eq!(of(&["python3", "-B", "-c", script]), Some(17));
        let of_loky = "from loky.backend.resource_tracker import main; main(8, False)";
        assert_eq!(of(&["python3", "-c", of_loky]), Some(8));
        assert_eq!(of(&["grep", "resource_tracker import main;main("]), None);
        assert_eq!(of(&["python3", "resource_tracker.py"]), None);
    }
}
