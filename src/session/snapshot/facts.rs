//! What a snapshot notes beside memory.

use std::path::Path;
use std::time::SystemTime;

use super::MAKER;
use crate::model::{Pid, ProcessFacts, ProcessReport, SNAPSHOT_SCHEMA, SnapshotFacts, ThreadFacts};
use crate::process::Process;
use crate::process::live::circumstances::Circumstances;
use crate::process::still::{Captured, CapturedThread};
use crate::session::inspection::gil_holder;
use crate::session::stack::milliseconds;
use crate::snapshot::secrets;

/// Puts values in the place of what was masked.
pub(super) fn reveal(facts: &mut SnapshotFacts, circumstances: &Circumstances) {
    let values = circumstances.environment.iter();
    for (variable, (_, value)) in facts.process.environment.iter_mut().zip(values) {
        variable.value = Some(value.clone());
    }
}

pub(super) fn facts(
    process: &dyn Process,
    report: &ProcessReport,
    captured: &Captured,
    circumstances: &Circumstances,
) -> SnapshotFacts {
    let identity = process.identity();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let thread = |thread: &CapturedThread| ThreadFacts {
        tid: thread.status.tid,
        inner_tid: thread.status.inner_tid,
        name: thread.status.name.clone(),
        state: thread.status.state,
    };
    SnapshotFacts {
        schema: SNAPSHOT_SCHEMA,
        made_by: MAKER.to_owned(),
        taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        pause_us: None,
        depth: None,
        is_whole: captured.is_whole,
        process: ProcessFacts {
            pid: identity.pid.unwrap_or(Pid(0)),
            parent: identity.parent,
            state: identity.state,
            name: report.name.clone(),
            rank: report.rank,
            interpreter: report.interpreter.clone(),
            command: identity.command.clone(),
            executable: identity.executable.as_deref().map(text),
            working_folder: process.working_folder().as_deref().map(text),
            started_ms: process.started().and_then(milliseconds),
            gil_holder: gil_holder(report),
            environment: secrets::masked(circumstances),
            limits: circumstances.limits.clone(),
            open_files: circumstances.open_files.clone(),
            control_groups: circumstances.control_groups.clone(),
        },
        threads: captured.threads.iter().map(thread).collect(),
        shared: Vec::new(),
        cause: None,
        at_once_with: Vec::new(),
        from_inside: false,
        by_fork: false,
    }
}
