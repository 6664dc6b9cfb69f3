//! The native frames of a process's threads.

use std::sync::Arc;

use super::mixed_stack::{MachineFrame, PythonFrames, mix};
use crate::model::{Addr, Frame, GilState, Local, ProcessReport, Thread};
use crate::native::tokio::{TokioModule, TokioTasks, TokioThread, tokio_tasks};
use crate::native::values::Limits;
use crate::native::{LoadedModules, NativeFrame, NativeStack, describe, foresee, locals, unwind};
use crate::process::{Budget, Memory, Process, Registers, ThreadStatus};
use crate::python::Evaluation;

/// A thread that was found, and its native stack; or why it has none.
pub(super) struct Walked {
    status: ThreadStatus,
    stack: Result<NativeStack, &'static str>,
    /// Of each machine frame, those of its frames of the source; empty unless they were asked for.
    locals: Vec<Vec<Vec<Local>>>,
}

/// The tasks of tokio in a process whose threads were walked.
pub(super) fn tokio_tasks_of(
    walked: &[Walked],
    modules: &LoadedModules<'_>,
    of: &[TokioModule],
    memory: &Memory<'_>,
    limits: Option<&Limits>,
) -> TokioTasks {
    let threads: Vec<TokioThread<'_>> = walked
        .iter()
        .filter_map(|one| {
            Some(TokioThread {
                tid: one.status.tid,
                name: one.status.name.as_deref(),
                stack: one.stack.as_ref().ok()?,
            })
        })
        .collect();
    tokio_tasks(&threads, modules, of, memory, limits)
}

/// Walks the stacks of all threads of a process that stands still; with limits, also reads their variables.
pub(super) fn walk(
    process: &dyn Process,
    modules: &LoadedModules<'_>,
    limits: Option<&Limits>,
    budget: &Arc<Budget>,
) -> Vec<Walked> {
    let memory = Memory::within(process, budget.clone());
    let threads = process.threads().unwrap_or_default();
    let living = threads
        .into_iter()
        .filter(|status| !status.state.has_ended());
    living
        .map(|status| {
            let stack = match process.registers(status.tid) {
                Some(registers) => Ok(unwind(&registers, modules, &memory)),
                None => Err("its registers cannot be had: it has ended, or waits in the kernel and cannot be stopped"),
            };
            let locals = match (&stack, limits) {
                (Ok(stack), Some(limits)) => locals(stack, modules, &memory, limits),
                _ => Vec::new(),
            };
            Walked { status, stack, locals }
        })
        .collect()
}

/// The stack of one thread that stands still.
pub(super) fn walk_one(
    status: ThreadStatus,
    registers: &Registers,
    modules: &LoadedModules<'_>,
    memory: &Memory<'_>,
) -> Walked {
    Walked {
        status,
        stack: Ok(unwind(registers, modules, memory)),
        locals: Vec::new(),
    }
}

/// Puts the native frames into a report that has the Python ones. `evaluations` are those of its threads.
pub(super) fn add(
    walked: Vec<Walked>,
    modules: &LoadedModules<'_>,
    evaluations: &[Vec<Evaluation>],
    report: &mut ProcessReport,
) {
    let stacks = walked
        .iter()
        .filter_map(|walked| walked.stack.as_ref().ok());
    foresee(stacks.flat_map(|stack| &stack.frames), modules);
    for Walked {
        status,
        stack,
        locals,
    } in walked
    {
        let threads = &mut report.threads;
        let mut known: Vec<usize> = (0..threads.len())
            .filter(|&index| threads[index].tid == Some(status.tid))
            .collect();
        if known.is_empty() {
            known.push(threads.len());
            threads.push(without_python(&status));
        }
        match stack {
            Ok(stack) => {
                // One interpreter that runs another does so in the same thread, and was made before it.
                known.sort_by_key(|&index| std::cmp::Reverse(threads[index].interpreter));
                let python = known.iter().map(|&index| PythonFrames {
                    frames: std::mem::take(&mut threads[index].frames),
                    evaluations: evaluations.get(index).cloned().unwrap_or_default(),
                });
                let native = machine_frames(&stack, locals, modules);
                let mixed = mix(native, python.collect(), stack.broken.is_none());
                for (mixed, &index) in mixed.into_iter().zip(&known) {
                    threads[index].frames = mixed.frames;
                    add_note(&mut threads[index], mixed.note);
                }
                let broken = stack.broken.map(|broken| broken.to_string());
                let oldest = known.last().copied().unwrap_or_default();
                add_note(&mut threads[oldest], broken);
            }
            Err(why) => {
                for index in known {
                    add_note(
                        &mut threads[index],
                        Some(format!("no native frames: {why}")),
                    );
                }
            }
        }
    }
}

/// The frames of the machine, each with its part of the stack: up to where its caller's begins.
fn machine_frames(
    stack: &NativeStack,
    locals: Vec<Vec<Vec<Local>>>,
    modules: &LoadedModules<'_>,
) -> Vec<MachineFrame> {
    let begin = |frame: &NativeFrame| frame.registers.stack_pointer();
    let ends = stack.frames.iter().skip(1).map(begin);
    let ends = ends.chain([Addr(u64::MAX)]);
    let locals = locals.into_iter().chain(std::iter::repeat_with(Vec::new));
    let frame = |((frame, end), locals): ((&NativeFrame, Addr), Vec<Vec<Local>>)| {
        let locals = locals.into_iter().chain(std::iter::repeat_with(Vec::new));
        let described = describe(frame, modules).into_iter().zip(locals);
        MachineFrame {
            sources: described
                .map(|(frame, locals)| Frame { locals, ..frame })
                .collect(),
            stack: begin(frame)..end,
        }
    };
    stack
        .frames
        .iter()
        .zip(ends)
        .zip(locals)
        .map(frame)
        .collect()
}

fn add_note(thread: &mut Thread, note: Option<String>) {
    let notes = thread.note.take().into_iter().chain(note);
    thread.note = notes.reduce(|before, note| format!("{before}; {note}"));
}

pub(super) fn without_python(status: &ThreadStatus) -> Thread {
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
