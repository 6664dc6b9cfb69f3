//! The exceptions of a thread as one list, and where they came by, for somebody who walks through them.

use super::LookError;
use super::frame::PythonFrame;
use super::lines::Position;
use super::look::Look;
use crate::model::Addr;

/// Exceptions that are listed.
const MOST: usize = 999;

/// A frame of a traceback.
pub struct RaisedFrame {
    /// With the position that the frame is at: it may have gone on, into a `finally` or `except` block.
    pub frame: PythonFrame,
    /// The position that raised, or called what raised.
    pub raised: Position,
}

impl Look<'_> {
    /// The exceptions that the thread state at `thread` raises and handles, and those that led to them: each once,
    /// the oldest first. Along a chain the cause is followed, else the context, as a traceback does.
    pub fn chained_exceptions(&self, thread: Addr) -> Vec<Addr> {
        let raised = self.raised(thread).ok().flatten();
        self.chain_from(raised.into_iter().chain(self.handled(thread)))
    }

    /// An exception and those that led to it, in the same order.
    pub fn chain_of(&self, exception: Addr) -> Vec<Addr> {
        self.chain_from(std::iter::once(exception))
    }

    fn chain_from(&self, starts: impl Iterator<Item = Addr>) -> Vec<Addr> {
        let mut found: Vec<Addr> = Vec::new();
        for start in starts {
            let mut next = Some(start);
            while let Some(exception) = next {
                if found.contains(&exception) || found.len() >= MOST {
                    break;
                }
                found.push(exception);
                next = self.earlier(exception).unwrap_or(None);
            }
        }
        found.reverse();
        found
    }

    /// What an exception came from.
    fn earlier(&self, exception: Addr) -> Result<Option<Addr>, LookError> {
        let layout = &self.layout().exception;
        let cause = self.memory.pointer(exception.plus(layout.cause))?;
        if !cause.is_null() && self.is_exception(cause)? {
            return Ok(Some(cause));
        }
        let suppressed = self.memory.u8(exception.plus(layout.suppress_context))? != 0;
        let context = self.memory.pointer(exception.plus(layout.context))?;
        let follows = !suppressed && !context.is_null() && self.is_exception(context)?;
        Ok(follows.then_some(context))
    }

    /// The frames of an exception's traceback, the newest first; empty if it has none, or is none.
    pub fn raised_frames(&self, exception: Addr) -> Vec<RaisedFrame> {
        self.frames_in_traceback(self.traceback_of(exception).unwrap_or(Addr::NULL))
    }

    /// Those of a traceback by its first entry.
    pub fn frames_in_traceback(&self, first: Addr) -> Vec<RaisedFrame> {
        self.traceback_entries(first)
            .into_iter()
            .filter_map(|entry| {
                let raised = self.traceback_frame(entry).ok()?.position;
                let frame = self.frame_of_entry(entry).ok()?;
                Some(RaisedFrame { frame, raised })
            })
            .collect()
    }

    /// Whether it has a traceback.
    pub fn has_traceback(&self, exception: Addr) -> bool {
        self.traceback_of(exception)
            .is_ok_and(|traceback| !traceback.is_null())
    }

    fn traceback_of(&self, exception: Addr) -> Result<Addr, LookError> {
        if !self.is_exception(exception)? {
            return Ok(Addr::NULL);
        }
        let at = self.layout().exception.traceback;
        Ok(self.memory.pointer(exception.plus(at))?)
    }
}
