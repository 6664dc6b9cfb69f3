//! Watchpoints on shared memory: whichever process of the session writes to the elements stops behind the instruction, is shown, and goes on.
//!
//! Debug registers of all threads of all processes that map the segment do it (`docs/internals/who-writes.md`). What was there before and
//! behind the write is read on the tracing thread, while the writer stands still.

mod arming;
mod seen;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use self::seen::{Seen, lock};
use super::breakpoints::{Breakpoint, BreakpointRequest, Change, Place, Watch};
use super::error::SessionError;
use super::evaluate::Asking;
use super::look::Session;
use super::shm::watch::{Chunk, chunks};
use crate::array::View;
use crate::model::Pid;
use crate::process::trace::{WATCHPOINTS, Watchpoint};

/// Bytes that one watchpoint can be about.
const MOST_BYTES: u64 = 8 * WATCHPOINTS as u64;

/// Those of a session.
#[derive(Default)]
pub(super) struct SegmentWatches {
    list: Vec<SegmentWatch>,
    seen: Arc<Mutex<Seen>>,
    armed: BTreeMap<Pid, Vec<Watchpoint>>,
    /// What was said of those that could not be armed.
    told: BTreeSet<String>,
    /// When it was looked who maps what is watched.
    looked: Option<Instant>,
}

struct SegmentWatch {
    breakpoint: Breakpoint,
    /// As a census finds it.
    segment: String,
    view: View,
    chunks: Vec<Chunk>,
}

impl SegmentWatches {
    pub fn last(&self) -> Option<u32> {
        self.list.iter().map(|watch| watch.breakpoint.number).max()
    }

    fn one(&self, number: u32) -> Option<&SegmentWatch> {
        self.list
            .iter()
            .find(|watch| watch.breakpoint.number == number)
    }

    fn one_mut(&mut self, number: u32) -> Option<&mut SegmentWatch> {
        self.list
            .iter_mut()
            .find(|watch| watch.breakpoint.number == number)
    }
}

/// The aligned pieces of memory that the elements of a view lie in; nothing if they are more than debug registers reach.
fn chunks_of(view: &View) -> Option<Vec<Chunk>> {
    let (size, count) = (view.element.size, view.size());
    if count == 0 || size.checked_mul(count)? > MOST_BYTES {
        return None;
    }
    let mut starts: Vec<u64> = (0..count)
        .map(|number| view.place(&view.indices(number)))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for start in starts {
        match runs.last_mut() {
            Some((first, length)) if *first + *length == start => *length += size,
            _ => runs.push((start, size)),
        }
    }
    let all: Vec<Chunk> = runs
        .into_iter()
        .flat_map(|(start, length)| chunks(start, length))
        .collect();
    (all.len() <= WATCHPOINTS).then_some(all)
}

fn refused(text: impl Into<String>) -> SessionError {
    SessionError::Evaluation { text: text.into() }
}

impl Session {
    /// Whether a request is about a watchpoint on shared memory; of which text.
    pub(super) fn about_segment(&self, request: &BreakpointRequest) -> Option<String> {
        let Place::Change(text) = &request.place else {
            return None;
        };
        let inferior = self.inferiors.get(self.focus)?;
        self.asking()
            .opens_segments(inferior, text)
            .then(|| text.clone())
    }

    pub(super) fn asking(&self) -> Asking<'_> {
        Asking {
            limits: &self.limits,
            interrupted: &self.interrupted,
            segments: self.segments(),
        }
    }

    /// Watches elements in all processes of the session that map the segment.
    pub(super) fn watch_segment(
        &mut self,
        request: &BreakpointRequest,
        text: &str,
    ) -> Result<Breakpoint, SessionError> {
        let known = |session: &Session| {
            let running = session.running.as_ref()?;
            let one = running.segment_watches.one(request.scope.number()?)?;
            Some(one.breakpoint.clone())
        };
        if let Some(known) = known(self) {
            return Ok(known);
        }
        if self.running.is_none() && self.is_family {
            self.join()?;
        }
        if self.running.is_none() {
            return Err(refused(
                "whoever maps it may write to it: that is watched for in `pmdb run -- COMMAND` and `pmdb attach PID --tree`; `pmdb shm watch` logs \
                 the writes of all",
            ));
        }
        let inferior = (self.inferiors.get(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        let part = self.asking().segment_part(inferior, text)?;
        let (segment, view) = part.ok_or_else(|| {
            refused("what is watched are elements as they lie there: shm('NAME', 'f64')[10]")
        })?;
        let chunks = chunks_of(&view).ok_or_else(|| {
            refused(format!(
                "that is more than the debug registers reach, which are {WATCHPOINTS} for 8 aligned bytes each: take fewer elements, or `pmdb shm \
                 watch` for a log"
            ))
        })?;
        let number = 1 + self.last_number();
        let breakpoint = Breakpoint {
            number,
            file: None,
            line: None,
            function: None,
            pattern: None,
            matching: None,
            condition: request.condition.clone(),
            temporary: request.temporary,
            log: None,
            enabled: true,
            ignore: 0,
            hits: 0,
            commands: Vec::new(),
            watch: Some(Watch {
                expression: text.trim().to_string(),
                function: None,
                value: String::new(),
                writers: None,
            }),
            catch: None,
        };
        let Some(running) = &mut self.running else {
            return Err(SessionError::NoSuchProcess);
        };
        running.segment_watches.list.push(SegmentWatch {
            breakpoint,
            segment,
            view,
            chunks,
        });
        let left_out = self.arm_segments();
        if !left_out.is_empty() {
            if let Some(running) = &mut self.running {
                running.segment_watches.list.pop();
            }
            self.arm_segments();
            return Err(refused(left_out.join("; ")));
        }
        let running = self.running.as_mut().ok_or(SessionError::NoSuchProcess)?;
        let watches = &mut running.segment_watches;
        let pieces = lock(&watches.seen).of(number);
        let watch = watches.one_mut(number).ok_or(SessionError::NoSuchProcess)?;
        let value = watch.text(&pieces);
        if let Some(told) = &mut watch.breakpoint.watch {
            told.value = value;
        }
        Ok(watch.breakpoint.clone())
    }

    /// Watchpoints on shared memory, which no process has by itself.
    pub(super) fn segment_breakpoints(&self) -> Vec<Breakpoint> {
        let running = self.running.iter();
        let all = running.flat_map(|running| &running.segment_watches.list);
        all.map(|watch| watch.breakpoint.clone()).collect()
    }

    /// The number of the one that was set last, if no other breakpoint of the focused process was set later.
    pub(super) fn newest_segment_watch(&self) -> Option<u32> {
        let newest = self.running.as_ref()?.segment_watches.last()?;
        let other = self.inferiors.get(self.focus)?.breakpoints.last();
        (newest > other).then_some(newest)
    }

    /// Changes one; nothing if there is none of that number.
    pub(super) fn change_segment_watch(
        &mut self,
        number: u32,
        change: &Change,
    ) -> Option<Result<Breakpoint, SessionError>> {
        let watches = &mut self.running.as_mut()?.segment_watches;
        let one = &mut watches.one_mut(number)?.breakpoint;
        match change {
            Change::Enable => one.enabled = true,
            Change::Disable => one.enabled = false,
            Change::Ignore(count) => one.ignore = *count,
            Change::Condition(condition) => one.condition.clone_from(condition),
            Change::Commands(commands) => one.commands.clone_from(commands),
            Change::Clear => {}
        }
        let changed = one.clone();
        if *change == Change::Clear {
            watches
                .list
                .retain(|watch| watch.breakpoint.number != number);
        }
        match change {
            Change::Enable => {
                let left_out = self.arm_segments();
                if !left_out.is_empty() {
                    return Some(Err(refused(left_out.join("; "))));
                }
            }
            // What cannot be armed beside it is told when they go on.
            Change::Disable | Change::Clear => drop(self.arm_segments()),
            _ => {}
        }
        Some(Ok(changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype;
    use crate::array::view::Order;

    #[test]
    fn elements_are_covered_by_the_fewest_registers() {
        let of = |dtype: &str, shape: &[i64], strides: Option<&[i64]>| {
            let element = dtype::parse(dtype).expect("a type");
            let view = View::new(element, 16, Some(shape), strides, Order::C, 4096);
            let chunks = chunks_of(&view.expect("it fits"))?.into_iter();
            Some(
                chunks
                    .map(|chunk| (chunk.offset, chunk.length))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(of("f64", &[1], None), Some(vec![(16, 8)]));
        let four = vec![(16, 8), (24, 8), (32, 8), (40, 8)];
        assert_eq!(of("f32", &[8], None), Some(four.clone()));
        assert_eq!(of("c128", &[2], None), Some(four));
        assert_eq!(
            of("f32", &[3], Some(&[100])),
            Some(vec![(16, 4), (116, 4), (216, 4)])
        );
        assert_eq!(of("f64", &[10], None), None);
        assert_eq!(of("u8", &[5], Some(&[100])), None);
        assert_eq!(of("f64", &[0], None), None);
    }
}
