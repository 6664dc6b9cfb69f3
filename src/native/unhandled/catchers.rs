//! Who catches a panic: the first function on the way of the unwinder that lets nothing of it through.
//!
//! That is known before anything is unwound, as the unwinder itself finds it in its first phase: by the tables of the functions
//! ([`handling`](super::handlers::handling)). A program that catches a panic goes on; where a thread or the program
//! begins std catches it as well, and it ends with the panic.

use super::handlers::{Handling, handling};
use crate::model::Addr;
use crate::native::{LoadedModules, NativeFrame, NativeStack, Trust, unwind};
use crate::process::trace::CallerChain;
use crate::process::{Memory, Registers};

/// What becomes of a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Code of the program catches it: `catch_unwind`.
    Caught,
    /// The program ends with it: it leaves `main`.
    EndsProgram,
    /// It leaves the function that a thread runs.
    EndsThread,
    /// A library that runs work for others catches it, and its frames are gone when it is heard of.
    Kept(&'static str),
    /// It comes to a function that nothing may unwind through.
    Aborts,
    /// The way could not be followed to its end.
    Unknown,
}

/// Libraries that catch what the work panics with that they are given, by the beginning of the names of their functions, and what they do with it.
const KEEPERS: [(&str, &str); 3] = [
    (
        "tokio::",
        "tokio gives it to whoever awaits the task, without its frames",
    ),
    (
        "rayon_core::",
        "rayon hands it to the thread that waits, without its frames",
    ),
    ("test::", "the test fails with it"),
];
/// Functions around the one that catches that are asked for their names: `catch_unwind` is often one of its own.
const AROUND: usize = 4;

/// What marks the beginning of what std runs: the function that backtraces are cut at (`library/std/src/sys/backtrace.rs`).
const BEGIN: &str = "__rust_begin_short_backtrace";
/// std runs `main` from there (`library/std/src/rt.rs`).
const RUNS_MAIN: &str = "std::rt::lang_start";

/// What becomes of a panic of a thread that has just begun it; and if it is caught, the callers up to the one that does, by which it is known
/// the next time. That one catches what comes out of the same call again.
pub fn fate(
    registers: &Registers,
    modules: &LoadedModules<'_>,
    memory: &Memory<'_>,
) -> (Fate, Option<CallerChain>) {
    let stack = unwind(registers, modules, memory);
    let (fate, number) = fate_of(&stack, modules);
    let callers = stack.frames.get(1..=number);
    let callers = callers.filter(|_| fate == Fate::Caught);
    let chain = callers.and_then(|callers| chain(Addr(registers.rsp), callers, memory));
    (fate, chain)
}

/// Where the return addresses to some frames are; nothing if one is not known for sure.
fn chain(stack_pointer: Addr, callers: &[NativeFrame], memory: &Memory<'_>) -> Option<CallerChain> {
    let link = |frame: &NativeFrame| {
        // It lies below what the caller has of the stack.
        let at = frame.registers.stack_pointer().minus(8);
        let is_known = [Trust::Information, Trust::TopOfStack].contains(&frame.trust)
            && memory.pointer(at).ok() == Some(frame.pc());
        let distance = at.0.checked_sub(stack_pointer.0);
        distance.filter(|_| is_known).map(|it| (it, frame.pc()))
    };
    let links: Option<Vec<(u64, Addr)>> = callers.iter().map(link).collect();
    links.map(CallerChain)
}

/// And the number of the frame that decides it.
fn fate_of(stack: &NativeStack, modules: &LoadedModules<'_>) -> (Fate, usize) {
    let mut has_begun = false;
    // The newest frame is that of the panic's own function, which catches nothing.
    for (number, frame) in stack.frames.iter().enumerate().skip(1) {
        let at = frame.executed();
        has_begun |= name(modules, at).contains(BEGIN);
        match handling_at(modules, at) {
            Handling::Passes => {}
            Handling::Ends => return (Fate::Aborts, number),
            Handling::Catches => {
                let around = stack.frames.iter().skip(number).take(AROUND);
                let names: Vec<String> = around
                    .map(|frame| name(modules, frame.executed()))
                    .collect();
                return (catcher(&names, has_begun), number);
            }
        }
    }
    (Fate::Unknown, 0)
}

/// Of a function that catches and those that have called it.
fn catcher(names: &[String], has_begun: bool) -> Fate {
    let keeper = KEEPERS.iter().find(|(begin, _)| {
        names
            .iter()
            .any(|name| name.starts_with(begin) || name.starts_with(&format!("<{begin}")))
    });
    match keeper {
        Some((_, what)) => Fate::Kept(what),
        None if has_begun && names.iter().any(|name| name.starts_with(RUNS_MAIN)) => {
            Fate::EndsProgram
        }
        None if has_begun => Fate::EndsThread,
        None => Fate::Caught,
    }
}

fn name(modules: &LoadedModules<'_>, at: Addr) -> String {
    let code = modules.find(at);
    let loaded = code.as_ref().and_then(|code| code.module.as_ref().ok());
    let symbol = loaded.and_then(|loaded| loaded.module.symbol(loaded.svma(at)));
    symbol.map(|symbol| symbol.name).unwrap_or_default()
}

fn handling_at(modules: &LoadedModules<'_>, at: Addr) -> Handling {
    let code = modules.find(at);
    let loaded = code.as_ref().and_then(|code| code.module.as_ref().ok());
    loaded.map_or(Handling::Passes, |loaded| {
        handling(&loaded.module, loaded.svma(at))
    })
}
