//! Elements that several threads write to, without a lock that they hold in common.
//!
//! What is seen in one watch is an observation and no proof, in both directions: threads that take turns by other means than locks, a queue or a
//! barrier, do nothing wrong; and what did not happen while it was watched may happen later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use super::{WatchRequest, watch};
use crate::model::{
    Frame, HeldLock, Pid, RaceReport, RaceSide, RacingElements, SCHEMA, SegmentWrite, Tid,
    WatchEngine, WatchEvent,
};

/// Elements that are told apart.
const MOST_ELEMENTS: usize = 1 << 20;

/// The writes of one thread to one element.
#[derive(Debug, Clone)]
struct Side {
    writes: u64,
    /// Held at each of its writes.
    locks: BTreeSet<HeldLock>,
}

/// A thread that has written.
#[derive(Debug, Clone, Default)]
struct Known {
    process: String,
    thread: Option<String>,
    /// From where it has written first.
    frames: Vec<Frame>,
}

#[derive(Debug, Default)]
struct Observed {
    elements: BTreeMap<u64, BTreeMap<(Pid, Tid), Side>>,
    threads: BTreeMap<(Pid, Tid), Known>,
    left_out: u64,
}

/// Watches as it is asked, and tells what was seen to race. What happens meanwhile is told too.
pub fn races(
    request: &WatchRequest,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&WatchEvent),
) -> Result<RaceReport, String> {
    let request = WatchRequest {
        most_per_second: u32::MAX,
        with_locks: true,
        ..request.clone()
    };
    let mut observed = Observed::default();
    let mut report = RaceReport::default();
    let mut failed = None;
    watch(&request, stop, &mut |event| {
        tell(&event);
        match event {
            WatchEvent::Begun(begun) => {
                report.name = begun.name;
                report.inode = begun.inode;
                report.dtype = begun.dtype;
                report.remarks = begun.remarks;
                if begun.engine == WatchEngine::Polling {
                    failed = Some(format!(
                        "who writes cannot be seen, and so no race: {}",
                        report.remarks.join("; ")
                    ));
                }
            }
            WatchEvent::Written(write) => observed.note(write),
            WatchEvent::Ended(summary) => {
                report.writes = summary.writes;
                report.remarks.extend(summary.remarks);
                let missing = summary.writes.saturating_sub(summary.shown);
                if missing > 0 {
                    let text = format!("{missing} writes came too fast to be looked at");
                    report.remarks.push(text);
                }
            }
            WatchEvent::Failed { why } => failed = Some(why),
            WatchEvent::Changed(_) | WatchEvent::Note { .. } => {}
        }
    })
    .map_err(|error| error.to_string())?;
    if let Some(why) = failed {
        return Err(why);
    }
    report.schema = SCHEMA;
    report.elements = observed.elements.len() as u64;
    if observed.left_out > 0 {
        report.remarks.push(format!(
            "{} writes were to elements beyond the first {MOST_ELEMENTS} that were written, and are not looked at",
            observed.left_out
        ));
    }
    report.races = observed.races();
    Ok(report)
}

impl Observed {
    fn note(&mut self, write: SegmentWrite) {
        let who = (write.pid, write.tid);
        let locks: BTreeSet<HeldLock> = write.locks.into_iter().collect();
        self.threads.entry(who).or_insert_with(|| Known {
            process: write.process,
            thread: write.thread,
            frames: write.frames,
        });
        for element in &write.elements {
            let is_known = self.elements.contains_key(&element.index);
            if !is_known && self.elements.len() >= MOST_ELEMENTS {
                self.left_out += 1;
                continue;
            }
            let sides = self.elements.entry(element.index).or_default();
            let side = sides.entry(who).or_insert_with(|| Side {
                writes: 0,
                locks: locks.clone(),
            });
            side.writes += 1;
            side.locks.retain(|lock| locks.contains(lock));
        }
    }

    /// Elements next to each other that the same threads have written to in the same way are told together.
    fn races(&self) -> Vec<RacingElements> {
        let mut found: Vec<RacingElements> = Vec::new();
        for (&index, sides) in &self.elements {
            if !is_race(sides) {
                continue;
            }
            let sides: Vec<RaceSide> = sides
                .iter()
                .map(|(&who, side)| self.side(who, side))
                .collect();
            let is_same = |race: &&mut RacingElements| race.end == index && race.sides == sides;
            match found.last_mut().filter(is_same) {
                Some(race) => race.end = index + 1,
                None => found.push(RacingElements {
                    first: index,
                    end: index + 1,
                    sides,
                }),
            }
        }
        found
    }

    fn side(&self, who: (Pid, Tid), side: &Side) -> RaceSide {
        let (pid, tid) = who;
        let Known {
            process,
            thread,
            frames,
        } = self.threads.get(&who).cloned().unwrap_or_default();
        RaceSide {
            pid,
            process,
            tid,
            thread,
            writes: side.writes,
            locks: side.locks.iter().map(|lock| lock.name.clone()).collect(),
            frames,
        }
    }
}

/// Whether two threads have no lock in common that each held whenever it wrote.
fn is_race(sides: &BTreeMap<(Pid, Tid), Side>) -> bool {
    let identities = |side: &Side| -> BTreeSet<String> {
        let locks = side.locks.iter();
        locks.map(|lock| lock.identity.clone()).collect()
    };
    let locks: Vec<BTreeSet<String>> = sides.values().map(identities).collect();
    locks.iter().enumerate().any(|(number, one)| {
        let mut others = locks.iter().skip(number + 1);
        others.any(|other| one.is_disjoint(other))
    })
}
