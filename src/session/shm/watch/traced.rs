//! Watching every process that maps the segment, each traced: by the processor's debug registers in all its threads, or by write protection.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::plan::Chunk;
use super::polling;
use super::protected::{self, StackBefore};
use super::writer::Writers;
use super::{Range, WatchRequest, begun};
use crate::model::{Mapper, Pid, SegmentWrite, WatchEngine, WatchEvent};
use crate::process::family::ProcessTable;
use crate::process::trace::{
    AfterWrite, DeviceLoan, Follower, GuardedMoment, Interests, TraceEvent, Tracer, WATCHPOINTS,
    Watchpoint, Write,
};
use crate::shm::{Census, Watched};

/// How often it is looked whether somebody else has begun to map the segment.
const BETWEEN_CENSUSES: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

const BLIND: &str = "what the kernel writes for a process (read(2) into the segment) is not seen";

/// What is used to see a write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means<'c> {
    Registers(&'c [Chunk]),
    Protection,
}

impl Means<'_> {
    fn engine(self) -> WatchEngine {
        match self {
            Means::Registers(_) => WatchEngine::Hardware,
            Means::Protection => WatchEngine::Protection,
        }
    }

    /// What it cannot see, and what it costs.
    fn remarks(self) -> Vec<String> {
        let texts = match self {
            Means::Registers(_) => vec![BLIND],
            Means::Protection => vec![protected::BLIND, protected::COSTS],
        };
        texts.into_iter().map(str::to_string).collect()
    }
}

/// What the tracing thread needs when somebody has written.
pub(super) struct Scene {
    pub(super) ledger: Ledger,
    pub(super) writers: Writers,
    pub(super) events: mpsc::Sender<WatchEvent>,
    pub(super) before: StackBefore,
}

pub(super) fn watch(
    request: &WatchRequest,
    range: &Range,
    means: Means<'_>,
    stop: &AtomicBool,
    tell: &(dyn Fn(WatchEvent) + Sync),
) {
    let bytes = match means {
        Means::Registers(_) => range.read(),
        Means::Protection => Ok(Vec::new()),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(why) => return tell(WatchEvent::Failed { why }),
    };
    let tracer = match Tracer::start(Interests::default()) {
        Ok(tracer) => tracer,
        Err(error) => {
            let why = error.to_string();
            return tell(WatchEvent::Failed { why });
        }
    };
    let (events, received) = mpsc::channel();
    let scene = Arc::new(Mutex::new(Scene {
        ledger: Ledger::new(range, bytes, request.most_per_second),
        writers: Writers::new(request.with_locks),
        events,
        before: None,
    }));
    let on_scene = Arc::clone(&scene);
    // Only if protection was asked for by name: see there.
    let loan = match request.engine {
        Some(WatchEngine::Protection) => DeviceLoan::Permitted,
        _ => DeviceLoan::Withheld,
    };
    // It fails if the tracing thread has ended, and then nothing can be followed either.
    let _ = tracer.ask(move |follower| match means {
        Means::Registers(_) => {
            follower.on_write(Box::new(move |write: Write| {
                lock(&on_scene).note(&write);
                AfterWrite::GoesOn
            }));
        }
        Means::Protection => {
            let on_write = move |moment: GuardedMoment<'_>| lock(&on_scene).note_guarded(&moment);
            follower.on_guarded_write(Box::new(on_write), loan);
        }
    });
    let mut watch = Watch {
        tracer: &tracer,
        scene: &scene,
        range,
        means,
        followed: BTreeSet::new(),
        refused: BTreeSet::new(),
        told: BTreeSet::new(),
        arming: Duration::ZERO,
    };
    let mut remarks = watch.add(&range.watched);
    if watch.followed.is_empty() {
        if remarks.is_empty() {
            remarks.push(
                "no process maps this part of the segment so that it could write to it".to_string(),
            );
        }
        drop(tracer);
        if request.engine.is_some() {
            let why = remarks.join("; ");
            return tell(WatchEvent::Failed { why });
        }
        remarks.push("what has changed is seen, and not who has changed it".to_string());
        return polling::watch(request, range, remarks, stop, tell);
    }
    remarks.extend(means.remarks());
    let processes = watch.followed.iter().copied().collect();
    tell(begun(
        range,
        means.engine(),
        remarks,
        processes,
        watch.arming,
    ));
    watch.follow(request, stop, &received, tell);
    let unarmed = tracer
        .ask(|follower| {
            follower.unguard();
            follower.unarmed()
        })
        .unwrap_or_default();
    // Everything is disarmed before anything more is said.
    drop(tracer);
    received.try_iter().for_each(tell);
    let mut scene = lock(&scene);
    for (tid, errno) in unarmed {
        let text = format!(
            "what thread {tid} has written was not seen: the kernel did not arm it ({errno})"
        );
        scene.ledger.remark(text);
    }
    tell(WatchEvent::Ended(scene.ledger.summary()));
}

fn lock(scene: &Mutex<Scene>) -> std::sync::MutexGuard<'_, Scene> {
    // What a panic has left half done is a count at most.
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scene {
    /// A thread stands behind the instruction with which it has written.
    fn note(&mut self, write: &Write) {
        let mut elements = Vec::new();
        for point in &write.hit {
            let mut now = vec![0; usize::from(point.length)];
            if self.writers.read(write.pid, point.address, &mut now) {
                let (offset, length) = (point.tag, point.length);
                elements.extend(self.ledger.take(Chunk { offset, length }, &now));
            }
        }
        elements.dedup_by_key(|element| element.index);
        if !self.ledger.count(write.pid, write.tid, &elements) {
            return;
        }
        let stack = self.writers.stack(write.pid, write.tid, &write.registers);
        let (process, thread) = (&stack.process, stack.thread.as_ref());
        self.ledger.name(write.pid, write.tid, process, thread);
        // Nobody listens any more if that fails.
        let _ = self.events.send(WatchEvent::Written(SegmentWrite {
            at_ms: self.ledger.at_ms(),
            pid: write.pid,
            process: stack.process,
            tid: write.tid,
            thread: stack.thread,
            count: elements.len() as u64,
            elements,
            frames: stack.frames,
            locks: stack.locks,
            note: stack.note,
        }));
    }
}

/// Arms a process on the tracing thread.
type Arm = Box<dyn FnOnce(&mut Follower) -> Result<(), String> + Send>;

struct Watch<'w> {
    tracer: &'w Tracer,
    scene: &'w Mutex<Scene>,
    range: &'w Range,
    means: Means<'w>,
    followed: BTreeSet<Pid>,
    refused: BTreeSet<Pid>,
    /// What was said of those that are followed and could not be guarded whole: it is tried again at each look.
    told: BTreeSet<String>,
    /// How long it took so far to arm those that are followed.
    arming: Duration,
}

impl Watch<'_> {
    /// Watches those that map the segment and are not watched yet, and says what is not seen.
    fn add(&mut self, segment: &Watched) -> Vec<String> {
        let mut remarks = Vec::new();
        let pids: BTreeSet<Pid> = segment.mappers.iter().map(|mapper| mapper.pid).collect();
        for pid in pids {
            let is_new = !self.followed.contains(&pid);
            // Pages of a mapping that is new are guarded too.
            let is_done = matches!(self.means, Means::Registers(_)) && !is_new;
            if is_done || self.refused.contains(&pid) {
                continue;
            }
            let Some((arm, left_out)) = self.arming(&segment.mappers, pid) else {
                continue;
            };
            let started = Instant::now();
            let armed = self.tracer.ask(move |follower| {
                if is_new {
                    follower.follow(pid).map_err(|error| error.to_string())?;
                }
                let armed = arm(follower);
                if armed.is_err() && is_new {
                    let _ = follower.release(pid);
                }
                armed
            });
            self.arming += started.elapsed();
            let armed = armed.unwrap_or_else(|error| Err(error.to_string()));
            match armed {
                Ok(()) => {
                    self.followed.insert(pid);
                    if left_out > 0 {
                        remarks.push(format!(
                            "process {pid} maps the range more than once, and what it writes through {left_out} of these mappings is not seen"
                        ));
                    }
                }
                Err(error) => {
                    let text = match is_new {
                        true => format!("what process {pid} writes is not seen: {error}"),
                        false => format!("not all that process {pid} writes is seen: {error}"),
                    };
                    if is_new {
                        self.refused.insert(pid);
                    }
                    if self.told.insert(text.clone()) {
                        remarks.push(text);
                    }
                }
            }
        }
        remarks
    }

    /// What is to be done so that a process is watched, and how many places of it are left out; nothing, if it cannot write.
    fn arming(&self, mappers: &[Mapper], pid: Pid) -> Option<(Arm, usize)> {
        match self.means {
            Means::Registers(chunks) => {
                let (points, left_out) = places(chunks, mappers, pid);
                (!points.is_empty()).then(|| {
                    let arm = move |follower: &mut Follower| {
                        let watched = follower.watch(pid, &points);
                        watched.map_err(|error| error.to_string())
                    };
                    (Box::new(arm) as Arm, left_out)
                })
            }
            Means::Protection => {
                let pages = protected::pages(self.range, mappers, pid);
                (!pages.is_empty()).then(|| {
                    let arm = move |follower: &mut Follower| {
                        let guarded = follower.guard(pid, &pages);
                        guarded.map_err(|error| error.to_string())
                    };
                    (Box::new(arm) as Arm, 0)
                })
            }
        }
    }

    /// Waits for a moment, unless some are left who are to write, and lets them.
    fn wait(
        &self,
        signal: Option<&OwnedFd>,
        are_left: &mut bool,
        received: &mpsc::Receiver<WatchEvent>,
    ) -> Vec<WatchEvent> {
        match self.means {
            Means::Registers(_) => received.recv_timeout(BETWEEN_LOOKS).into_iter().collect(),
            Means::Protection => {
                if !*are_left {
                    protected::wait_for_writers(signal, BETWEEN_LOOKS);
                }
                // Also if nothing was told: of some it was read while their process was held for something else.
                *are_left = self.tracer.ask(Follower::let_write).unwrap_or(false);
                received.try_iter().collect()
            }
        }
    }

    /// Until the end that was asked for, or that of all who are watched.
    fn follow(
        &mut self,
        request: &WatchRequest,
        stop: &AtomicBool,
        received: &mpsc::Receiver<WatchEvent>,
        tell: &(dyn Fn(WatchEvent) + Sync),
    ) {
        let begun = Instant::now();
        let mut looked = Instant::now();
        let signal = self.tracer.ask(|follower| follower.guard_signal());
        let signal = signal.ok().flatten();
        let mut are_left = false;
        let is_over = || request.duration.is_some_and(|most| begun.elapsed() >= most);
        while !stop.load(Ordering::Relaxed) && !is_over() && !self.followed.is_empty() {
            self.wait(signal.as_ref(), &mut are_left, received)
                .into_iter()
                .for_each(tell);
            while let Ok(event) = self.tracer.events().try_recv() {
                if let Some(text) = self.heard(event) {
                    tell(WatchEvent::Note { text });
                }
            }
            if looked.elapsed() >= BETWEEN_CENSUSES {
                looked = Instant::now();
                self.look_for_others(tell);
            }
        }
    }

    fn heard(&mut self, event: TraceEvent) -> Option<String> {
        match event {
            TraceEvent::Forked { parent, child, .. } => {
                if !self.followed.contains(&parent) {
                    return None;
                }
                self.followed.insert(child);
                Some(format!(
                    "process {parent} has forked {child}, which is watched too"
                ))
            }
            TraceEvent::Executed { pid, .. } => {
                lock(self.scene).writers.forget(pid);
                self.followed.remove(&pid).then(|| {
                    format!("process {pid} runs another program now, which does not map it")
                })
            }
            TraceEvent::Ended { pid, .. } => {
                lock(self.scene).writers.forget(pid);
                self.followed
                    .remove(&pid)
                    .then(|| format!("process {pid} has ended"))
            }
            _ => None,
        }
    }

    fn look_for_others(&mut self, tell: &(dyn Fn(WatchEvent) + Sync)) {
        let Ok(table) = ProcessTable::read() else {
            return;
        };
        let census = Census::take(&table, Vec::new());
        let unguarded = self.tracer.ask(Follower::unguarded).unwrap_or_default();
        for (pid, why) in unguarded {
            let text = format!("what process {pid} writes is not seen: {why}");
            tell(WatchEvent::Note { text });
        }
        let watched = &self.range.watched;
        let which = format!("{}#{}", watched.name, watched.inode);
        let Ok(now) = census.watched(&which) else {
            return;
        };
        let before = self.followed.clone();
        let remarks = self.add(&now);
        for pid in self.followed.difference(&before) {
            let text = format!("process {pid} has begun to map it, and is watched from now on");
            tell(WatchEvent::Note { text });
        }
        for text in remarks {
            tell(WatchEvent::Note { text });
        }
    }
}

/// Where a process has the pieces, as many as there are registers; and how many more places there are.
pub(in crate::session) fn places(
    chunks: &[Chunk],
    mappers: &[Mapper],
    pid: Pid,
) -> (Vec<Watchpoint>, usize) {
    let own = mappers
        .iter()
        .filter(|mapper| mapper.pid == pid && mapper.protection.contains('w'));
    let mut points: Vec<Watchpoint> = own
        .flat_map(|mapper| {
            chunks.iter().filter_map(|chunk| {
                let into = chunk.offset.checked_sub(mapper.offset)?;
                (into + u64::from(chunk.length) <= mapper.length).then(|| Watchpoint {
                    address: mapper.address.plus(into),
                    length: chunk.length,
                    tag: chunk.offset,
                })
            })
        })
        .collect();
    let left_out = points.len().saturating_sub(WATCHPOINTS);
    points.truncate(WATCHPOINTS);
    (points, left_out)
}
