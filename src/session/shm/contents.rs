//! What the processes that map a segment say of it: its table of contents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;

use super::dumps::dumps;

use crate::model::{Pid, SCHEMA, SegmentContents, SegmentObject, SegmentVariable};
use crate::process::Process;
use crate::process::family::ProcessTable;
use crate::process::live::LiveProcess;
use crate::python::{Effort, Locator, Look, SharedVariable, segment_name};
use crate::shm::{Census, Watched};

/// The variables of all processes that map a segment that point into it.
pub fn contents(name: &str) -> Result<SegmentContents, String> {
    let table = ProcessTable::read().map_err(|error| error.to_string())?;
    let census = Census::take(&table, Vec::new());
    let segment = census.watched(name).map_err(|error| error.to_string())?;
    let pids: BTreeSet<Pid> = segment.mappers.iter().map(|mapper| mapper.pid).collect();
    let locator = Locator::default();
    let look = |pid: Pid| {
        let process = LiveProcess::open(pid).map_err(|error| error.to_string())?;
        look_into(&process, pid, &segment, &locator)
    };
    let looked = pids.into_par_iter().map(|pid| (pid, look(pid))).collect();
    Ok(told(segment, looked))
}

/// The same of dumps.
pub fn dumped_contents(name: &str, files: &[PathBuf]) -> Result<SegmentContents, String> {
    let dumps = dumps(files).map_err(|error| error.to_string())?;
    let (segment, mapped_by) = dumps.mappers(name).map_err(|error| error.to_string())?;
    let locator = Locator::default();
    let looked = mapped_by
        .into_iter()
        .map(|dump| {
            let pid = dump.process.identity().pid.unwrap_or(Pid(0));
            (pid, look_into(&dump.process, pid, &segment, &locator))
        })
        .collect();
    Ok(told(segment, looked))
}

fn told(segment: Watched, looked: Vec<(Pid, Result<Vec<Found>, String>)>) -> SegmentContents {
    let mut objects: BTreeMap<(u64, String), Variables> = BTreeMap::new();
    let mut notes: BTreeMap<String, Vec<Pid>> = BTreeMap::new();
    for (pid, found) in looked {
        match found {
            Ok(found) => {
                for Found { offset, variable } in found {
                    let object = objects.entry((offset, variable.what)).or_default();
                    let name = (variable.expression, variable.place);
                    object.entry(name).or_default().insert(pid);
                }
            }
            Err(why) => notes.entry(why).or_default().push(pid),
        }
    }
    let variable =
        |((expression, function), pids): ((String, String), BTreeSet<Pid>)| SegmentVariable {
            expression,
            place: function,
            pids: pids.into_iter().collect(),
        };
    let objects = objects
        .into_iter()
        .map(|((offset, what), names)| SegmentObject {
            offset,
            what,
            variables: names.into_iter().map(variable).collect(),
        });
    SegmentContents {
        schema: SCHEMA,
        name: segment.name,
        inode: segment.inode,
        size: segment.size,
        objects: objects.collect(),
        notes: notes
            .into_iter()
            .map(|(why, pids)| {
                let pids: Vec<String> = pids.iter().map(Pid::to_string).collect();
                format!("process {}: {why}", pids.join(", "))
            })
            .collect(),
    }
}

/// Who has a variable, by its expression and place.
type Variables = BTreeMap<(String, String), BTreeSet<Pid>>;

struct Found {
    /// Bytes from the beginning of the segment.
    offset: u64,
    variable: SharedVariable,
}

fn look_into(
    process: &dyn Process,
    pid: Pid,
    segment: &Watched,
    locator: &Locator,
) -> Result<Vec<Found>, String> {
    let located = locator
        .locate(process, Effort::Thorough)
        .map_err(|error| error.to_string())?;
    let kernel = process.threads().map_err(|error| error.to_string())?;
    // As the values of this process call it.
    let own = segment.mappers.iter().filter(|mapper| mapper.pid == pid);
    let names: BTreeSet<String> = own
        .filter_map(|mapper| Some(segment_name(&process.mapping_at(mapper.address)?)?.0))
        .collect();
    let look = Look::new(process, &located);
    let (threads, broken) = look.threads(&kernel);
    let found: Vec<Found> = look
        .shared_variables(&threads)
        .into_iter()
        .filter_map(|variable| {
            let (name, offset) = variable.segment.rsplit_once(" +")?;
            let offset = offset.parse().ok().filter(|_| names.contains(name))?;
            Some(Found { offset, variable })
        })
        .collect();
    match broken {
        Some(error) if found.is_empty() => Err(error.to_string()),
        _ => Ok(found),
    }
}
