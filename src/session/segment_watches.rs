//! Watchpoints on shared memory: whichever process of the session writes to the elements stops behind the instruction, is shown, and goes on.
//!
//! Debug registers of all threads of all processes that map the segment do it (`docs/internals/who-writes.md`). What was there before and
//! behind the write is read on the tracing thread, while the writer stands still.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::api::{Event, ValueChange};
use super::breakpoints::{Breakpoint, BreakpointRequest, Change, Place, Watch};
use super::crashed::Crashed;
use super::error::SessionError;
use super::evaluate::Asking;
use super::guardian;
use super::held::Held;
use super::look::{Session, segments_of};
use super::shm::watch::{Chunk, chunks, places};
use super::tree::Standstill;
use crate::array::array_text::{array_text, element_text};
use crate::array::text::Elements;
use crate::array::{Release, View};
use crate::model::{Pid, Tid};
use crate::process::ReadMemory;
use crate::process::family::ProcessTable;
use crate::process::live::LiveProcess;
use crate::process::trace::{AfterWrite, Follower, WATCHPOINTS, Watchpoint, Write};
use crate::python::layout::Minor;
use crate::python::{bytes_literal, text_literal};
use crate::session::alarms::NativeFailure;
use crate::shm::{Census, Reached};

/// Bytes that one watchpoint can be about.
const MOST_BYTES: u64 = 8 * WATCHPOINTS as u64;
/// How often it is looked whether others have come to map what is watched.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// The newest CPython that pmdb knows: strings are written as it would.
const NEWEST: Minor = Minor(15);

/// Those of a session.
#[derive(Default)]
pub(super) struct SegmentWatches {
    list: Vec<SegmentWatch>,
    seen: Arc<Mutex<Seen>>,
    armed: BTreeMap<Pid, Vec<Watchpoint>>,
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

/// What the tracing thread knows.
#[derive(Default)]
struct Seen {
    pieces: BTreeMap<Tag, Piece>,
    /// Threads that stand behind a write, and what that has changed.
    writes: BTreeMap<Tid, Vec<Changed>>,
}

/// The number of a watchpoint, and which of its pieces.
type Tag = (u32, u8);

#[derive(Clone)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

/// The elements of a watchpoint before a write, and behind it.
struct Changed {
    number: u32,
    old: Pieces,
    new: Pieces,
}

/// Bytes by their place in the segment.
struct Pieces(Vec<(u64, Vec<u8>)>);

fn tag_of((number, piece): Tag) -> u64 {
    u64::from(number) << 8 | u64::from(piece)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    // What a panic has left half done is a value that is told once more.
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// A thread stands behind the instruction with which it has written.
    fn note(&mut self, write: &Write) -> AfterWrite {
        let Ok(process) = LiveProcess::open(write.pid) else {
            return AfterWrite::GoesOn;
        };
        let mut now: BTreeMap<Tag, Vec<u8>> = BTreeMap::new();
        for point in &write.hit {
            let is_it = |(tag, _): &(&Tag, &Piece)| tag_of(**tag) == point.tag;
            let Some((&tag, piece)) = self.pieces.iter().find(is_it) else {
                continue;
            };
            let mut bytes = vec![0; usize::from(point.length)];
            if process.read(point.address, &mut bytes).is_ok() && bytes != piece.bytes {
                now.insert(tag, bytes);
            }
        }
        let numbers: BTreeSet<u32> = now.keys().map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return AfterWrite::GoesOn;
        }
        let before: Vec<Pieces> = numbers.iter().map(|&number| self.of(number)).collect();
        for (tag, bytes) in now {
            if let Some(piece) = self.pieces.get_mut(&tag) {
                piece.bytes = bytes;
            }
        }
        let changed = numbers.iter().zip(before).map(|(&number, old)| Changed {
            number,
            old,
            new: self.of(number),
        });
        let changed = changed.collect();
        self.writes.insert(write.tid, changed);
        AfterWrite::Stays
    }

    /// These are watched from now on. What is known of one already may be newer.
    fn take(&mut self, pieces: BTreeMap<Tag, Piece>) {
        self.pieces.retain(|tag, _| pieces.contains_key(tag));
        for (tag, piece) in pieces {
            self.pieces.entry(tag).or_insert(piece);
        }
    }

    fn of(&self, number: u32) -> Pieces {
        let own = self.pieces.range((number, 0)..=(number, u8::MAX));
        Pieces(
            own.map(|(_, piece)| (piece.offset, piece.bytes.clone()))
                .collect(),
        )
    }
}

impl Elements for &Pieces {
    type Error = Infallible;

    fn bytes(&self, place: u64, length: usize) -> Result<Vec<u8>, Infallible> {
        let byte = |at: u64| {
            let mut pieces = self.0.iter();
            pieces.find_map(|(start, bytes)| {
                let into = usize::try_from(at.checked_sub(*start)?).ok()?;
                bytes.get(into).copied()
            })
        };
        let all = (0..length as u64).map(|into| byte(place.wrapping_add(into)).unwrap_or(0));
        Ok(all.collect())
    }

    fn object(&mut self, _: u64) -> Result<String, Infallible> {
        Ok("<object>".to_string())
    }

    fn bytes_literal(&self, bytes: &[u8]) -> String {
        bytes_literal(bytes, NEWEST)
    }

    fn text_literal(&self, points: &[u32]) -> String {
        text_literal(points, NEWEST)
    }
}

impl SegmentWatch {
    fn text(&self, pieces: &Pieces) -> String {
        let (release, mut pieces) = (Release::of_major(2), pieces);
        let text = match self.view.shape.is_empty() {
            true => element_text(&self.view.element, self.view.offset, release, &mut pieces),
            false => array_text(&self.view, release, &mut pieces),
        };
        // There are 32 bytes of it at most.
        text.unwrap_or_default()
    }
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
            segments: segments_of(&self.inferiors),
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
        if let Err(why) = self.arm_segments() {
            if let Some(running) = &mut self.running {
                running.segment_watches.list.pop();
            }
            let _ = self.arm_segments();
            return Err(refused(why));
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

    /// Arms the threads of all who map what is watched, as they are now, and disarms those who need not be any more.
    fn arm_segments(&mut self) -> Result<(), String> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let watches = &mut running.segment_watches;
        let table = ProcessTable::read().map_err(|error| error.to_string())?;
        let census = Census::take(&table, Vec::new());
        watches.looked = Some(Instant::now());
        let followed: BTreeSet<Pid> = running.tree.processes().into_iter().collect();
        let mut points: BTreeMap<Pid, Vec<Watchpoint>> = BTreeMap::new();
        let mut wanted: Vec<(Tag, Chunk, Rc<Reached>)> = Vec::new();
        for watch in &mut watches.list {
            let number = watch.breakpoint.number;
            if !watch.breakpoint.enabled {
                continue;
            }
            let Ok(segment) = census.watched(&watch.segment) else {
                // It is gone, with all who mapped it.
                continue;
            };
            let can_write = segment
                .mappers
                .iter()
                .filter(|mapper| mapper.protection.contains('w'));
            let writers: BTreeSet<Pid> = can_write.map(|mapper| mapper.pid).collect();
            let reached = census.reach(&watch.segment);
            let reached = Rc::new(reached.map_err(|error| error.to_string())?);
            for (place, &chunk) in (0_u8..).zip(&watch.chunks) {
                let tag = (number, place);
                wanted.push((tag, chunk, Rc::clone(&reached)));
                for &pid in writers.intersection(&followed) {
                    let (mut own, _) = places(&[chunk], &segment.mappers, pid);
                    own.iter_mut().for_each(|point| point.tag = tag_of(tag));
                    points.entry(pid).or_default().extend(own);
                }
            }
            if let Some(told) = &mut watch.breakpoint.watch {
                told.writers = Some(who(&writers, &followed));
            }
        }
        if let Some(pid) =
            (points.iter()).find_map(|(pid, own)| (own.len() > WATCHPOINTS).then_some(pid))
        {
            return Err(format!(
                "process {pid} would need more than the {WATCHPOINTS} debug registers that there are: delete or disable another watchpoint"
            ));
        }
        let seen = Arc::clone(&watches.seen);
        let orders = running.tree.orders();
        let listen = move |follower: &mut Follower| {
            follower.on_write(Box::new(move |write: Write| lock(&seen).note(&write)));
        };
        orders.ask(listen).map_err(|error| error.to_string())?;
        // Those who have written to nothing that is watched any more are disarmed.
        let before = std::mem::take(&mut watches.armed);
        for pid in before.keys().copied().filter(|pid| followed.contains(pid)) {
            points.entry(pid).or_default();
        }
        let mut failed = Vec::new();
        for (pid, own) in points {
            if !own.is_empty() {
                watches.armed.insert(pid, own.clone());
            }
            // Arming stops it for a moment.
            if before.get(&pid) == Some(&own) {
                continue;
            }
            guardian::look_after_armed(pid);
            let armed = orders.ask(move |follower| follower.watch(pid, &own));
            if let Ok(Err(error)) = armed {
                failed.push(format!("process {pid}: {error}"));
            }
        }
        // Only now: what was written before is not seen.
        let mut pieces: BTreeMap<Tag, Piece> = BTreeMap::new();
        for (tag, chunk, reached) in wanted {
            let known = lock(&watches.seen).pieces.get(&tag).cloned();
            let piece = match known {
                Some(piece) => piece,
                None => {
                    let mut bytes = vec![0; usize::from(chunk.length)];
                    let read = reached.bytes.read(chunk.offset, &mut bytes);
                    read.map_err(|error| format!("{}: {error}", reached.brief.name))?;
                    Piece {
                        offset: chunk.offset,
                        bytes,
                    }
                }
            };
            pieces.insert(tag, piece);
        }
        lock(&watches.seen).take(pieces);
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.join("; ")),
        }
    }

    /// Before processes go on: those that have come to map what is watched are armed, too.
    pub(super) fn arm_newcomers(&mut self) {
        let running = self.running.as_ref();
        let watches = running.map(|running| &running.segment_watches);
        if watches.is_some_and(|watches| watches.list.iter().any(|it| it.breakpoint.enabled)) {
            // What could be armed is; the others have just ended, mostly.
            let _ = self.arm_segments();
        }
    }

    /// The same while they run, now and then.
    pub(super) fn look_for_newcomers(&mut self) {
        let running = self.running.as_ref();
        let looked = running.and_then(|running| running.segment_watches.looked);
        if looked.is_some_and(|looked| looked.elapsed() > BETWEEN_LOOKS) {
            self.arm_newcomers();
        }
    }

    /// Watchpoints on shared memory, which no process has by itself.
    pub(super) fn segment_breakpoints(&self) -> Vec<Breakpoint> {
        let running = self.running.iter();
        let all = running.flat_map(|running| &running.segment_watches.list);
        all.map(|watch| watch.breakpoint.clone()).collect()
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
        if matches!(change, Change::Enable | Change::Disable | Change::Clear)
            && let Err(why) = self.arm_segments()
        {
            return Some(Err(refused(why)));
        }
        Some(Ok(changed))
    }

    /// A process stands still for a thread of it that has written to what is watched. Nothing if it is not to stay so.
    pub(super) fn stops_behind_write(
        &mut self,
        place: usize,
        (_, tid): (Pid, Tid),
        standstill: Standstill,
    ) -> Vec<Event> {
        let changed = self.running.as_ref().map(|running| {
            let mut seen = lock(&running.segment_watches.seen);
            seen.writes.remove(&tid).unwrap_or_default()
        });
        let Some(inferior) = self.inferiors.get_mut(place) else {
            standstill.end();
            return Vec::new();
        };
        let outer = inferior.held.as_ref().and_then(Held::standing).is_some();
        let outer = outer.then(|| inferior.outer());
        let agent = inferior.held.take();
        let failure = NativeFailure::Written;
        let crashed = Crashed::failing(tid, &failure, agent, outer, standstill);
        let mut events = inferior.crash(
            crashed,
            failure.reason(),
            failure.told(None),
            &self.interrupted,
        );
        let (mut changes, mut complaints, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
        for changed in changed.unwrap_or_default() {
            match self.counts(place, &changed) {
                Ok(Some(change)) => changes.push(change),
                Ok(None) => {}
                Err((change, why)) => {
                    complaints.push((change.number, why));
                    changes.push(change);
                }
            }
        }
        if changes.is_empty() {
            if let Some(inferior) = self.inferiors.get_mut(place) {
                inferior.let_crash();
            }
            return Vec::new();
        }
        for change in &changes {
            let is_temporary = |one: &SegmentWatch| one.breakpoint.temporary;
            let watches = self
                .running
                .as_ref()
                .map(|running| &running.segment_watches);
            let one = watches.and_then(|watches| watches.one(change.number));
            deleted.extend(
                one.filter(|one| is_temporary(one))
                    .map(|one| one.breakpoint.clone()),
            );
        }
        for one in &deleted {
            self.change_segment_watch(one.number, &Change::Clear);
        }
        for event in &mut events {
            if let Event::Stopped(stop) = event {
                stop.breakpoints = changes.iter().map(|change| change.number).collect();
                stop.error = None;
                stop.changes = std::mem::take(&mut changes);
                stop.complaints = std::mem::take(&mut complaints);
                stop.deleted = std::mem::take(&mut deleted);
            }
        }
        events
    }

    /// What a watchpoint says of a write, if that counts: it is enabled, and its condition holds in the frame that has written. If the
    /// condition cannot be evaluated, with why.
    fn counts(
        &mut self,
        place: usize,
        changed: &Changed,
    ) -> Result<Option<ValueChange>, (ValueChange, String)> {
        let watches = self.running.as_mut().map(|it| &mut it.segment_watches);
        let Some(watch) = watches.and_then(|watches| watches.one_mut(changed.number)) else {
            return Ok(None);
        };
        let (old, new) = (watch.text(&changed.old), watch.text(&changed.new));
        if let Some(told) = &mut watch.breakpoint.watch {
            told.value.clone_from(&new);
        }
        if !watch.breakpoint.enabled {
            return Ok(None);
        }
        let change = ValueChange {
            number: changed.number,
            expression: watch.breakpoint.place(),
            old,
            new,
        };
        let condition = watch.breakpoint.condition.clone();
        if let (Some(condition), Some(inferior)) = (condition, self.inferiors.get(place)) {
            let truth = self.asking().value(inferior, &format!("bool({condition})"));
            match truth {
                Ok(value) if value.text == "False" => return Ok(None),
                Ok(_) => {}
                Err(error) => return Err((change, error.to_string())),
            }
        }
        let watches = self.running.as_mut().map(|it| &mut it.segment_watches);
        if let Some(watch) = watches.and_then(|watches| watches.one_mut(changed.number)) {
            watch.breakpoint.hits += 1;
            if watch.breakpoint.ignore > 0 {
                watch.breakpoint.ignore -= 1;
                return Ok(None);
            }
        }
        Ok(Some(change))
    }
}

/// `by processes 12,13; 14 may write to it too, and is not followed`.
fn who(writers: &BTreeSet<Pid>, followed: &BTreeSet<Pid>) -> String {
    let listed = |pids: Vec<&Pid>| {
        let pids: Vec<String> = pids.into_iter().map(Pid::to_string).collect();
        pids.join(",")
    };
    let own: Vec<&Pid> = writers.intersection(followed).collect();
    let others: Vec<&Pid> = writers.difference(followed).collect();
    let mut text = match own.len() {
        0 => "which no process of this session maps yet so that it could write".to_string(),
        1 => format!("whatever process {} writes", listed(own)),
        _ => format!("whichever of processes {} writes", listed(own)),
    };
    if !others.is_empty() {
        text += &format!("; {} may write too, and is not followed", listed(others));
    }
    text
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

    #[test]
    fn an_element_may_lie_in_several_pieces() {
        let watch = |dtype: &str, shape: &[i64]| {
            let element = dtype::parse(dtype).expect("a type");
            let view = View::new(element, 8, Some(shape), None, Order::C, 4096);
            view.expect("it fits")
        };
        let one = (1.5_f64).to_le_bytes().to_vec();
        let two = (2.5_f64).to_le_bytes().to_vec();
        let pieces = Pieces(vec![(8, one), (16, two)]);
        let array = array_text(&watch("f64", &[2]), Release::of_major(2), &mut &pieces);
        assert_eq!(array.ok().as_deref(), Some("array([1.5, 2.5])"));
        let view = watch("c128", &[1]);
        let number = element_text(&view.element, 8, Release::of_major(2), &mut &pieces);
        assert_eq!(number.ok().as_deref(), Some("(1.5+2.5j)"));
    }
}
