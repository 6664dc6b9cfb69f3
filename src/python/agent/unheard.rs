//! A call in the ring that the main thread passes by although it runs Python code.
//!
//! Up to 3.12 the eval breaker is one word for several reasons, computed from them anew (`COMPUTE_EVAL_BREAKER`, `Python/ceval_gil.h`): what is
//! set between the reading of the reasons and the writing of the word is forgotten.
//!
//! 3.11 looks at the word before it tells a trace function of the first instruction of a function, and begins with that instruction again when
//! it has (`DO_TRACING` and `handle_eval_breaker` in `Python/ceval.c`). While it makes one call of the ring, the word stays set if there is
//! another (`busy` in `make_pending_calls`). So the first call, run in a thread that is traced, comes to no end: the second waits for it.

use super::AgentError;
use super::ring::Ring;
use crate::process::trace::Hold;
use crate::python::LookError;
use crate::python::layout::{Breaker, FrameLayout, PendingCount};
use crate::python::look::Look;

/// `RESUME`, the first instruction of a function (3.11, `Lib/opcode.py`).
const RESUME: u8 = 151;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unheard {
    /// The interpreter has forgotten to look into the ring.
    Forgotten,
    /// It makes an earlier call, and gets no further as long as it is to look into the ring, which it does after that anyway.
    Endless,
}

impl Look<'_> {
    /// Why a call that waits is not made, if that is known. The main thread may be in C code.
    pub(super) fn why_unheard(&self, ring: &Ring) -> Result<Option<Unheard>, LookError> {
        let layout = &self.layout().pending_calls;
        let (PendingCount::Flag(flag), Breaker::Runtime(_) | Breaker::Interpreter(_)) =
            (layout.count, layout.breaker)
        else {
            return Ok(None);
        };
        if self.memory.u32(ring.start.plus(flag))? == 0 {
            // It makes the calls of the ring at this moment.
            return Ok(None);
        }
        if self.memory.u32(ring.breaker)? == 0 {
            return Ok(Some(Unheard::Forgotten));
        }
        let is_endless = self.is_at_a_beginning(ring)?;
        Ok(is_endless.then_some(Unheard::Endless))
    }

    /// Whether the main thread is at the first instruction of a function, which it runs once it has looked into the ring.
    fn is_at_a_beginning(&self, ring: &Ring) -> Result<bool, LookError> {
        // Of those that tell of lines by trace functions, 3.11 is the one with such frames.
        let (Some(_), FrameLayout::Interpreter(layout)) =
            (&self.layout().thread.tracing, self.layout().frame)
        else {
            return Ok(false);
        };
        let frame = self.newest_frame(ring.thread)?;
        if frame.is_null() {
            return Ok(false);
        }
        let instruction = self.memory.pointer(frame.plus(layout.instruction))?;
        Ok(self.memory.u8(instruction)? == RESUME)
    }

    /// Has the call made, or what keeps it from being made come to its end.
    pub(super) fn have_heard(
        &self,
        hold: &Hold,
        ring: &Ring,
        why: Unheard,
    ) -> Result<(), AgentError> {
        match why {
            Unheard::Forgotten => hold.write(ring.breaker, &1_u32.to_le_bytes())?,
            Unheard::Endless => {
                if let PendingCount::Flag(flag) = self.layout().pending_calls.count {
                    hold.write(ring.start.plus(flag), &0_u32.to_le_bytes())?;
                    hold.write(ring.breaker, &0_u32.to_le_bytes())?;
                }
            }
        }
        Ok(())
    }
}
