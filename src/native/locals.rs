//! The variables of the frames of a stack.

use super::loaded::LoadedModules;
use super::unwind::{NativeFrame, NativeStack, Trust};
use super::values::{FrameState, Limits};
use crate::model::{Addr, Local};
use crate::process::Memory;

/// The variables of each machine frame of a stack, and of each of those the ones of its frames of the source, in the order of
/// [`super::describe`].
pub fn locals(
    stack: &NativeStack,
    modules: &LoadedModules<'_>,
    memory: &Memory<'_>,
    limits: &Limits,
) -> Vec<Vec<Vec<Local>>> {
    let callers = stack.frames.iter().skip(1).map(Some).chain([None]);
    let frames = stack.frames.iter().zip(callers);
    frames
        .map(|(frame, caller)| {
            let code = modules.find(frame.executed())?;
            let loaded = code.module.as_ref().ok()?;
            let information = loaded.module.debug_information()?;
            let state = FrameState {
                memory,
                bias: loaded.bias,
                register: &|register| frame.registers.get(register),
                cfa: caller.and_then(frame_address),
                thread_block: &|| modules.thread_block(loaded, memory, stack.thread_pointer),
            };
            Some(information.locals_at(loaded.svma(frame.executed()), &state, limits))
        })
        .map(Option::unwrap_or_default)
        .collect()
}

/// The canonical frame address of a frame: what the stack pointer is in its caller (System V ABI for x86-64, section 3.2.2), if that
/// one was found by rules and not by looking around.
pub(super) fn frame_address(caller: &NativeFrame) -> Option<Addr> {
    let is_known = !matches!(caller.trust, Trust::Scan | Trust::Interrupted);
    is_known.then(|| caller.registers.stack_pointer())
}
