//! The native frames of a process's threads.

use std::sync::Arc;

use crate::model::{GilState, ProcessReport, Thread};
use crate::native::{LoadedModules, NativeStack, describe, unwind};
use crate::process::{Budget, Memory, Process, ThreadStatus};

/// A thread that was found, and its native stack; or why it has none.
pub(super) struct Walked {
    status: ThreadStatus,
    stack: Result<NativeStack, &'static str>,
}

/// Walks the stacks of all threads of a process that stands still.
pub(super) fn walk(
    process: &dyn Process,
    modules: &LoadedModules<'_>,
    budget: &Arc<Budget>,
) -> Vec<Walked> {
    let memory = Memory::within(process, budget.clone());
    let threads = process.threads().unwrap_or_default();
    let living = threads
        .into_iter()
        .filter(|status| !status.state.has_ended());
    living
        .map(|status| Walked {
            stack: match process.registers(status.tid) {
                Some(registers) => Ok(unwind(&registers, modules, &memory)),
                None => Err("its registers cannot be had: it has ended, or waits in the kernel and cannot be stopped"),
            },
            status,
        })
        .collect()
}

/// Puts the native frames into a report.
pub(super) fn add(walked: Vec<Walked>, modules: &LoadedModules<'_>, report: &mut ProcessReport) {
    for Walked { status, stack } in walked {
        let mut thread = without_python(&status);
        match stack {
            Ok(stack) => {
                let frames = stack.frames.iter();
                thread.frames = frames.flat_map(|frame| describe(frame, modules)).collect();
                thread.note = stack.broken.map(|broken| broken.to_string());
            }
            Err(why) => thread.note = Some(why.to_owned()),
        }
        report.threads.push(thread);
    }
}

fn without_python(status: &ThreadStatus) -> Thread {
    Thread {
        tid: Some(status.tid),
        name: status.name.clone(),
        daemon: None,
        state: status.state,
        gil: GilState::Unknown,
        holds_gil: false,
        collecting_garbage: false,
        interpreter: 0,
        frames: Vec::new(),
        exceptions: Vec::new(),
        note: None,
    }
}
