//! From a coroutine down to what it waits for in the end: each awaits the next.

use std::collections::HashSet;

use crate::model::{Addr, LocalKind};
use crate::python::layout::FrameLayout;
use crate::python::{GeneratorPhase, Look, LookError, PythonFrame};

/// Coroutines that await each other in one task. CPython's own limit on what it can resume is about 1,000.
const DEEPEST: usize = 10_000;
/// Cells of one closure that are looked at.
const MOST_CELLS: u64 = 1_000;

/// A coroutine and those that it awaits.
#[derive(Default)]
pub(in crate::python) struct Chain {
    /// The outermost first.
    pub frames: Vec<PythonFrame>,
    /// What the innermost awaits, if it is suspended at an `await`.
    pub end: Option<Addr>,
    /// Why it may be longer.
    pub broken: Option<LookError>,
}

impl Look<'_> {
    /// The chain that begins with a coroutine, or with another awaitable.
    pub(in crate::python) fn await_chain(&self, coroutine: Addr) -> Chain {
        let mut chain = Chain::default();
        let mut seen = HashSet::new();
        let mut next = Some(coroutine);
        while let Some(object) = next {
            if !seen.insert(object) || seen.len() > DEEPEST {
                chain.broken = Some(LookError::Torn {
                    what: "a chain of coroutines",
                    address: object,
                });
                break;
            }
            match self.link(object, &mut chain) {
                Ok(following) => next = following,
                Err(error) => {
                    chain.broken = Some(error);
                    break;
                }
            }
        }
        chain
    }

    fn link(&self, object: Addr, chain: &mut Chain) -> Result<Option<Addr>, LookError> {
        if self.generator_kind(object)?.is_some() {
            // What a finished one returned is on its way to whoever awaits it.
            if self.generator_phase(object)? == GeneratorPhase::Finished {
                return Ok(None);
            }
            self.memory.keep(object, size_of::<PythonFrame>())?;
            chain.frames.extend(self.suspended_frame(object)?);
            return self.awaited(object);
        }
        if let Some(behind) = self.behind_awaitable(object)? {
            return Ok(Some(behind));
        }
        chain.end = Some(object);
        Ok(None)
    }

    /// The value of a variable of a function's frame.
    pub(super) fn frame_variable(
        &self,
        frame: &PythonFrame,
        name: &str,
    ) -> Result<Option<Addr>, LookError> {
        let (slots, tag) = match self.layout().frame {
            FrameLayout::Object(layout) => (frame.address.plus(layout.localsplus), 0),
            FrameLayout::Interpreter(layout) => {
                (frame.address.plus(layout.localsplus), layout.reference_tag)
            }
        };
        let mut found = None;
        for (slot, variable) in (0_u64..).zip(&frame.code.variables) {
            if *variable.name != *name {
                continue;
            }
            let object = self.memory.u64(slots.plus(slot.wrapping_mul(8)))? & !tag;
            let object = self.through_cell(Addr(object), variable.kind)?;
            if !object.is_null() {
                found = Some(object);
            }
        }
        Ok(found)
    }

    /// The qualified name of a function written in Python; `None` for any other object.
    pub(super) fn python_function_name(&self, object: Addr) -> Result<Option<String>, LookError> {
        if self.type_of(object)?.name != "function" {
            return Ok(None);
        }
        let at = self.layout().function.qualname;
        self.name(self.memory.pointer(object.plus(at))?).map(Some)
    }

    /// The value of a variable that a function uses of the functions around it.
    pub(super) fn closure_variable(
        &self,
        function: Addr,
        name: &str,
    ) -> Result<Option<Addr>, LookError> {
        let layout = &self.layout().function;
        let closure = self.memory.pointer(function.plus(layout.closure))?;
        if closure.is_null() {
            return Ok(None);
        }
        let code = self.code(self.memory.pointer(function.plus(layout.code))?)?;
        let is_free = |variable: &&crate::python::code::Variable| variable.kind == LocalKind::Free;
        let cells = self.sequence(closure, MOST_CELLS)?;
        for (cell, variable) in cells.into_iter().zip(code.variables.iter().filter(is_free)) {
            if *variable.name == *name {
                let value = self.through_cell(cell, LocalKind::Free)?;
                return Ok((!value.is_null()).then_some(value));
            }
        }
        Ok(None)
    }
}
