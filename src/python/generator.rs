//! Generators, coroutines and asynchronous generators: where they are suspended, and what they wait for.
//!
//! See `docs/internals/coroutines.md`.

use std::sync::Arc;

use super::LookError;
use super::code::Code;
use super::frame::PythonFrame;
use super::layout::{
    Bytecode, Delegation, FrameLayout, GeneratorFrame, GeneratorState, InstructionMeaning, StackTop,
};
use super::look::Look;
use crate::model::Addr;

/// Bytes of one instruction, without its argument's extensions and caches.
const CODE_UNIT: u64 = 2;
/// Deeper value stacks are damage; the compiler's own limit is far below.
const MOST_SLOTS: i32 = 1 << 20;

/// The three kinds of `PyGenObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorKind {
    Generator,
    Coroutine,
    AsyncGenerator,
}

/// What `inspect.getgeneratorstate()` and its like tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorPhase {
    /// No instruction of it has run.
    Created,
    Suspended,
    Running,
    Finished,
}

impl Look<'_> {
    /// Which kind of generator an object is; `None` for any other object.
    pub fn generator_kind(&self, object: Addr) -> Result<Option<GeneratorKind>, LookError> {
        // Cython has types of the same names, with a module in front and another layout.
        Ok(match self.type_of(object)?.static_name() {
            Some("generator") => Some(GeneratorKind::Generator),
            Some("coroutine") => Some(GeneratorKind::Coroutine),
            Some("async_generator") => Some(GeneratorKind::AsyncGenerator),
            _ => None,
        })
    }

    /// The qualified name of a generator, coroutine or asynchronous generator.
    pub fn generator_name(&self, generator: Addr) -> Result<String, LookError> {
        let at = self.layout().generator.qualname;
        self.name(self.memory.pointer(generator.plus(at))?)
    }

    /// The state of a generator, coroutine or asynchronous generator.
    pub fn generator_phase(&self, generator: Addr) -> Result<GeneratorPhase, LookError> {
        let torn = LookError::Torn {
            what: "the state of a generator",
            address: generator,
        };
        match self.layout().generator.running {
            GeneratorState::Running(running) => {
                let frame = self.generator_frame(generator)?;
                let running = self.memory.u8(generator.plus(running))? != 0;
                if frame.is_null() {
                    return Ok(GeneratorPhase::Finished);
                }
                if running {
                    return Ok(GeneratorPhase::Running);
                }
                let FrameLayout::Object(layout) = self.layout().frame else {
                    return Err(torn);
                };
                let begun = self.memory.i32(frame.plus(layout.lasti))? >= 0;
                Ok(if begun {
                    GeneratorPhase::Suspended
                } else {
                    GeneratorPhase::Created
                })
            }
            GeneratorState::OfFrame { state } => {
                let frame = self.generator_frame(generator)?;
                if frame.is_null() {
                    return Ok(GeneratorPhase::Finished);
                }
                // `_framestate`, `Include/cpython/frameobject.h` of CPython 3.10.
                Ok(match self.memory.u8(frame.plus(state))?.cast_signed() {
                    -2 => GeneratorPhase::Created,
                    -1 => GeneratorPhase::Suspended,
                    0 => GeneratorPhase::Running,
                    1.. => GeneratorPhase::Finished,
                    _ => return Err(torn),
                })
            }
            GeneratorState::Own {
                state,
                created,
                suspended,
                executing,
                cleared,
            } => {
                let state = self.memory.u8(generator.plus(state))?.cast_signed();
                if state == created {
                    Ok(GeneratorPhase::Created)
                } else if suspended.contains(&state) {
                    Ok(GeneratorPhase::Suspended)
                } else if state == executing {
                    Ok(GeneratorPhase::Running)
                } else if state >= cleared || state > executing {
                    Ok(GeneratorPhase::Finished)
                } else {
                    Err(torn)
                }
            }
        }
    }

    /// Where the frame of a generator lies: NULL for a finished one up to 3.10.
    pub(super) fn generator_frame(&self, generator: Addr) -> Result<Addr, LookError> {
        Ok(match self.layout().generator.frame {
            GeneratorFrame::Pointer(at) => self.memory.pointer(generator.plus(at))?,
            GeneratorFrame::Inline(at) => generator.plus(at),
        })
    }

    /// The code of a generator, also of a finished one: a frame that is a part of it keeps its code.
    pub(super) fn generator_code(&self, generator: Addr) -> Result<Arc<Code>, LookError> {
        let address = match (self.layout().generator.code, self.layout().frame) {
            (Some(at), _) => self.memory.pointer(generator.plus(at))?,
            (None, FrameLayout::Interpreter(layout)) => {
                let frame = self.generator_frame(generator)?;
                Addr(self.memory.u64(frame.plus(layout.code))? & !layout.reference_tag)
            }
            (None, FrameLayout::Object(_)) => Addr::NULL,
        };
        self.code(address)
    }

    /// The frame of a generator, coroutine or asynchronous generator that has begun and not ended, or has yet to
    /// begin. `None` for a finished one and for any other object.
    pub fn suspended_frame(&self, object: Addr) -> Result<Option<PythonFrame>, LookError> {
        if self.generator_kind(object)?.is_none()
            || self.generator_phase(object)? == GeneratorPhase::Finished
        {
            return Ok(None);
        }
        self.frame(self.generator_frame(object)?)
    }

    /// What a suspended generator, coroutine or asynchronous generator delegates to by `yield from`, `await`,
    /// `async for` or `async with`: `gi_yieldfrom`, `cr_await`, `ag_await`. `None` if it is not suspended there, or is
    /// no generator.
    pub fn awaited(&self, object: Addr) -> Result<Option<Addr>, LookError> {
        if self.generator_kind(object)?.is_none()
            || self.generator_phase(object)? != GeneratorPhase::Suspended
        {
            return Ok(None);
        }
        let frame = self.generator_frame(object)?;
        if !self.delegates(object, frame)? {
            return Ok(None);
        }
        let layout = &self.layout().generator;
        let top = self.top_of_stack(frame)?;
        let tag = match self.layout().frame {
            FrameLayout::Object(_) => 0,
            FrameLayout::Interpreter(layout) => layout.reference_tag,
        };
        let value = self.memory.u64(top.minus(layout.awaited_below_top))? & !tag;
        Ok((value != 0).then_some(Addr(value)))
    }

    /// The awaitable behind one that only passes on to it: of `async_generator_asend` and `async_generator_athrow` the
    /// generator, of `coroutine_wrapper` the coroutine, of `anext_awaitable` what it wraps, of `FutureIter` the future.
    pub fn behind_awaitable(&self, object: Addr) -> Result<Option<Addr>, LookError> {
        let layout = &self.layout().generator;
        let at = match self.type_of(object)?.name.as_str() {
            "async_generator_asend" => Some(layout.asend_generator),
            "async_generator_athrow" => Some(layout.athrow_generator),
            "coroutine_wrapper" => Some(layout.coroutine_wrapper),
            "anext_awaitable" => layout.anext_wrapped,
            "FutureIter" => Some(self.layout().asyncio.future_iter),
            _ => None,
        };
        let Some(at) = at else { return Ok(None) };
        let behind = self.memory.pointer(object.plus(at))?;
        Ok((!behind.is_null()).then_some(behind))
    }

    fn delegates(&self, generator: Addr, frame: Addr) -> Result<bool, LookError> {
        match (self.layout().generator.delegation, self.layout().frame) {
            (Delegation::State(states), _) => {
                let GeneratorState::Own { state, .. } = self.layout().generator.running else {
                    return Ok(false);
                };
                let state = self.memory.u8(generator.plus(state))?.cast_signed();
                Ok(states.contains(&state))
            }
            (Delegation::ResumeArgument, FrameLayout::Interpreter(layout)) => {
                debug_assert_eq!(layout.instruction_meaning, InstructionMeaning::Previous);
                let previous = self.memory.pointer(frame.plus(layout.instruction))?;
                let argument = self.memory.u8(previous.plus(CODE_UNIT + 1))?;
                Ok(argument & 3 >= 2)
            }
            (Delegation::YieldFrom(opcode), FrameLayout::Object(layout)) => {
                let Bytecode::BytesObject(at) = self.layout().code.bytecode else {
                    return Ok(false);
                };
                let lasti = i64::from(self.memory.i32(frame.plus(layout.lasti))?);
                let next = lasti * layout.lasti_unit as i64 + CODE_UNIT as i64;
                let code = self.memory.pointer(frame.plus(layout.code))?;
                let bytecode = self.memory.pointer(code.plus(at))?;
                let instructions = bytecode.plus(self.layout().object.bytes_data);
                let next = instructions.plus(next.cast_unsigned());
                Ok(lasti >= 0 && self.memory.u8(next)? == opcode)
            }
            _ => Ok(false),
        }
    }

    /// Behind the topmost value of a frame that does not run.
    fn top_of_stack(&self, frame: Addr) -> Result<Addr, LookError> {
        let (form, slots) = match self.layout().frame {
            FrameLayout::Object(layout) => (layout.stack_top, layout.localsplus),
            FrameLayout::Interpreter(layout) => (layout.stack_top, layout.localsplus),
        };
        let (base, count) = match form {
            StackTop::Pointer(at) => (self.memory.pointer(frame.plus(at))?, 0),
            StackTop::Depth { stack, depth } => (
                self.memory.pointer(frame.plus(stack))?,
                self.memory.i32(frame.plus(depth))?,
            ),
            StackTop::SlotsUsed(at) => (frame.plus(slots), self.memory.i32(frame.plus(at))?),
        };
        if !(0..MOST_SLOTS).contains(&count) {
            return Err(LookError::Torn {
                what: "the value stack of a frame",
                address: frame,
            });
        }
        Ok(base.plus(u64::from(count.unsigned_abs()) * 8))
    }
}
