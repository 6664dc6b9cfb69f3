//! Whose debug registers are armed: those of all who map what is watched, as they are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::seen::{Piece, Tag, lock, tag_of};
use super::{SegmentWatch, SegmentWatches};
use crate::model::Pid;
use crate::process::family::ProcessTable;
use crate::process::trace::{Follower, TraceError, WATCHPOINTS, Watchpoint, Write};
use crate::session::api::Event;
use crate::session::guardian;
use crate::session::look::Session;
use crate::session::shm::watch::{Chunk, places};
use crate::shm::{Census, Reached, Watched};

/// How often it is looked whether others have come to map what is watched.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What is to be armed for all watchpoints.
#[derive(Default)]
struct Plan {
    points: BTreeMap<Pid, Vec<Watchpoint>>,
    /// What is to be known of the elements.
    wanted: Vec<Wanted>,
    writers: BTreeMap<u32, Writers>,
    /// Why something is not watched: a sentence each.
    left_out: Vec<String>,
}

struct Wanted {
    tag: Tag,
    chunk: Chunk,
    file: (u64, u64),
    /// If what is there is not known yet.
    reached: Option<Arc<Reached>>,
}

/// Processes that may write to the elements of a watchpoint.
#[derive(Default)]
struct Writers {
    armed: BTreeSet<Pid>,
    left_out: BTreeSet<Pid>,
    not_followed: BTreeSet<Pid>,
}

impl Plan {
    fn add(
        &mut self,
        watch: &SegmentWatch,
        segment: &Watched,
        followed: &BTreeSet<Pid>,
        reached: Option<&Arc<Reached>>,
    ) {
        let number = watch.breakpoint.number;
        let can_write = segment.mappers.iter();
        let can_write = can_write.filter(|mapper| mapper.protection.contains('w'));
        let all: BTreeSet<Pid> = can_write.map(|mapper| mapper.pid).collect();
        let mut writers = Writers {
            not_followed: all.difference(followed).copied().collect(),
            ..Writers::default()
        };
        let tagged = || (0_u8..).zip(&watch.chunks);
        for &pid in all.intersection(followed) {
            let (mut own, mut needed) = (Vec::new(), 0);
            for (place, &chunk) in tagged() {
                let (mut points, more) = places(&[chunk], &segment.mappers, pid);
                let tag = tag_of((number, place));
                points.iter_mut().for_each(|point| point.tag = tag);
                needed += points.len() + more;
                own.extend(points);
            }
            let points = self.points.entry(pid).or_default();
            if points.len() + needed > WATCHPOINTS {
                writers.left_out.insert(pid);
                self.left_out.push(format!(
                    "process {pid} would need more than the {WATCHPOINTS} debug registers that there are: what it writes is not noticed by \
                     watchpoint {number}; delete or disable another watchpoint"
                ));
                continue;
            }
            points.extend(own);
            writers.armed.insert(pid);
        }
        self.writers.insert(number, writers);
        self.wanted.extend(tagged().map(|(place, &chunk)| Wanted {
            tag: (number, place),
            chunk,
            file: (segment.device, segment.inode),
            reached: reached.cloned(),
        }));
    }

    /// A process could not be armed.
    fn failed(&mut self, pid: Pid, why: String) {
        for writers in self.writers.values_mut() {
            if writers.armed.remove(&pid) {
                writers.left_out.insert(pid);
            }
        }
        self.left_out.push(why);
    }
}

impl SegmentWatches {
    /// What each process is to be armed with. What cannot be is left out, with why.
    fn plan(&self, census: &Census<'_>, followed: &BTreeSet<Pid>) -> Plan {
        let mut plan = Plan::default();
        for watch in self.list.iter().filter(|watch| watch.breakpoint.enabled) {
            let Ok(segment) = census.watched(&watch.segment) else {
                // It is gone, with all who mapped it.
                continue;
            };
            let number = watch.breakpoint.number;
            let is_known = lock(&self.seen).knows(number);
            let reached = (!is_known).then(|| census.reach(&watch.segment));
            match reached.transpose() {
                Ok(reached) => plan.add(watch, &segment, followed, reached.map(Arc::new).as_ref()),
                Err(error) => {
                    let why = format!("watchpoint {number} notices nothing: {error}");
                    plan.left_out.push(why);
                }
            }
        }
        plan
    }
}

impl Session {
    /// Arms the threads of all who map what is watched, as they are now, and disarms those who need not be any more. Gives back what of
    /// it could not be done; the rest is.
    pub(super) fn arm_segments(&mut self) -> Vec<String> {
        let Some(running) = &mut self.running else {
            return Vec::new();
        };
        let watches = &mut running.segment_watches;
        let table = match ProcessTable::read() {
            Ok(table) => table,
            Err(error) => return vec![error.to_string()],
        };
        let census = Census::take(&table, Vec::new());
        watches.looked = Some(Instant::now());
        let followed: BTreeSet<Pid> = running.tree.processes().into_iter().collect();
        let mut plan = watches.plan(&census, &followed);
        let seen = Arc::clone(&watches.seen);
        let orders = running.tree.orders();
        let listen = move |follower: &mut Follower| {
            follower.on_write(Box::new(move |write: Write| lock(&seen).note(&write)));
        };
        if let Err(error) = orders.ask(listen) {
            return vec![error.to_string()];
        }
        // Those who have written to nothing that is watched any more are disarmed.
        let before = std::mem::take(&mut watches.armed);
        for pid in before.keys().copied().filter(|pid| followed.contains(pid)) {
            plan.points.entry(pid).or_default();
        }
        for (pid, own) in std::mem::take(&mut plan.points) {
            // Arming stops it for a moment.
            if before.get(&pid).map_or(&[][..], Vec::as_slice) != own.as_slice() {
                if !own.is_empty() {
                    guardian::look_after_armed(pid);
                }
                let points = own.clone();
                match orders.ask(move |follower| follower.watch(pid, &points)) {
                    Ok(Ok(())) => {}
                    // It has just ended.
                    Ok(Err(TraceError::Gone { .. })) => continue,
                    Ok(Err(_)) if !running.tree.processes().contains(&pid) => continue,
                    Ok(Err(error)) => {
                        plan.failed(pid, format!("process {pid} is not watched: {error}"));
                        continue;
                    }
                    Err(error) => {
                        plan.failed(pid, error.to_string());
                        continue;
                    }
                }
            }
            if !own.is_empty() {
                watches.armed.insert(pid, own);
            }
        }
        let known = watches.read_pieces(&plan.wanted);
        plan.left_out.extend(known.err());
        for (number, writers) in &plan.writers {
            let watch = watches.one_mut(*number);
            if let Some(told) = watch.and_then(|watch| watch.breakpoint.watch.as_mut()) {
                told.writers = Some(who(writers));
            }
        }
        plan.left_out
    }

    /// Before processes go on: those that have come to map what is watched are armed, too. Of those that cannot be is told once.
    pub(in crate::session) fn arm_newcomers(&mut self) {
        let running = self.running.as_ref();
        let watches = running.map(|running| &running.segment_watches);
        if !watches.is_some_and(|watches| watches.list.iter().any(|it| it.breakpoint.enabled)) {
            return;
        }
        let left_out = self.arm_segments();
        let Some(running) = &mut self.running else {
            return;
        };
        let told = &mut running.segment_watches.told;
        let news = left_out.iter().filter(|why| !told.contains(*why));
        let news = news.map(|why| Event::Unwatched { why: why.clone() });
        self.events.extend(news);
        *told = left_out.into_iter().collect();
    }

    /// The same while they run, now and then.
    pub(in crate::session) fn look_for_newcomers(&mut self) {
        let running = self.running.as_ref();
        let looked = running.and_then(|running| running.segment_watches.looked);
        if looked.is_some_and(|looked| looked.elapsed() > BETWEEN_LOOKS) {
            self.arm_newcomers();
        }
    }
}

impl SegmentWatches {
    /// What the elements are, of those that are not known yet. When all are armed: what was written before is not seen.
    fn read_pieces(&mut self, wanted: &[Wanted]) -> Result<(), String> {
        let mut failed = Ok(());
        let mut pieces: BTreeMap<Tag, Piece> = BTreeMap::new();
        for one in wanted {
            let mut bytes = vec![0; usize::from(one.chunk.length)];
            if let Some(reached) = &one.reached {
                let read = reached.bytes.read(one.chunk.offset, &mut bytes);
                if let Err(error) = read {
                    failed = Err(format!("{}: {error}", reached.brief.name));
                    continue;
                }
            }
            let piece = Piece {
                offset: one.chunk.offset,
                file: one.file,
                bytes,
            };
            pieces.insert(one.tag, piece);
        }
        lock(&self.seen).take(pieces);
        failed
    }
}

/// `whatever process 12 writes; 14 may write too, and is not followed`.
fn who(writers: &Writers) -> String {
    let listed = |pids: &BTreeSet<Pid>| {
        let pids: Vec<String> = pids.iter().map(Pid::to_string).collect();
        pids.join(",")
    };
    let mut text = match writers.armed.len() {
        0 => "which no process of this session maps yet so that it could write".to_string(),
        1 => format!("whatever process {} writes", listed(&writers.armed)),
        _ => format!("whichever of processes {} writes", listed(&writers.armed)),
    };
    if !writers.left_out.is_empty() {
        let pids = listed(&writers.left_out);
        text += &format!("; {pids} may write too, and could not be armed");
    }
    if !writers.not_followed.is_empty() {
        let pids = listed(&writers.not_followed);
        text += &format!("; {pids} may write too, and is not followed");
    }
    text
}
