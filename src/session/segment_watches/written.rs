//! What becomes of a process a thread of which stands behind a write.

use super::SegmentWatch;
use super::seen::{Changed, lock};
use crate::model::{Pid, Tid};
use crate::session::alarms::NativeFailure;
use crate::session::api::{Event, ValueChange};
use crate::session::breakpoints::Change;
use crate::session::crashed::Crashed;
use crate::session::held::Held;
use crate::session::look::Session;
use crate::session::tree::Standstill;

impl Session {
    /// A process stands still for a thread of it that has written to what is watched. Nothing if it is not to stay so.
    pub(in crate::session) fn stops_behind_write(
        &mut self,
        place: usize,
        (pid, tid): (Pid, Tid),
        standstill: Standstill,
    ) -> Vec<Event> {
        // Others of it may have written before they were stopped.
        let written = self.running.as_ref().map(|running| {
            let mut seen = lock(&running.segment_watches.seen);
            seen.taken_of(pid, tid)
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
        let (mut focused, mut shown) = (tid, None);
        for (writer, changed) in written.unwrap_or_default() {
            // A condition is about the frame that has written.
            if writer != focused {
                events = self.shows_writer(place, writer);
                focused = writer;
            }
            for changed in changed {
                match self.counts(place, &changed) {
                    Ok(Some(change)) => changes.push(change),
                    Ok(None) => {}
                    Err((change, why)) => {
                        complaints.push((change.number, why));
                        changes.push(change);
                    }
                }
            }
            if !changes.is_empty() {
                shown.get_or_insert(writer);
            }
        }
        if let Some(writer) = shown.filter(|writer| *writer != focused) {
            events = self.shows_writer(place, writer);
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

    /// The same standstill, with the focus on another thread of it that has written.
    fn shows_writer(&mut self, place: usize, tid: Tid) -> Vec<Event> {
        let Some(inferior) = self.inferiors.get_mut(place) else {
            return Vec::new();
        };
        let Some(crashed) = inferior.crashed.take() else {
            return Vec::new();
        };
        let failure = NativeFailure::Written;
        inferior.crash(
            crashed.of_thread(tid),
            failure.reason(),
            failure.told(None),
            &self.interrupted,
        )
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
