//! Watching by the processor's debug registers, in every thread of every process that maps the segment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::plan::Chunk;
use super::polling;
use super::writer::Writers;
use super::{Range, WatchRequest, begun};
use crate::model::{Mapper, Pid, SegmentWrite, WatchEngine, WatchEvent};
use crate::process::family::ProcessTable;
use crate::process::trace::{Interests, TraceEvent, Tracer, WATCHPOINTS, Watchpoint, Write};
use crate::shm::{Census, Watched};

/// How often it is looked whether somebody else has begun to map the segment.
const BETWEEN_CENSUSES: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

const BLIND: &str = "what the kernel writes for a process (read(2) into the segment) is not seen";

/// What the tracing thread needs when somebody has written.
struct Scene {
    ledger: Ledger,
    writers: Writers,
    events: mpsc::Sender<WatchEvent>,
}

pub(super) fn watch(
    request: &WatchRequest,
    range: &Range,
    chunks: &[Chunk],
    stop: &AtomicBool,
    tell: &(dyn Fn(WatchEvent) + Sync),
) {
    let bytes = match range.read() {
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
        writers: Writers::default(),
        events,
    }));
    let on_scene = Arc::clone(&scene);
    let on_write = Box::new(move |write: Write| lock(&on_scene).note(&write));
    // It fails if the tracing thread has ended, and then nothing can be followed either.
    let _ = tracer.ask(move |follower| follower.on_write(on_write));
    let mut watch = Watch {
        tracer: &tracer,
        scene: &scene,
        chunks,
        followed: BTreeSet::new(),
        refused: BTreeSet::new(),
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
    remarks.push(BLIND.to_string());
    let processes = watch.followed.iter().copied().collect();
    tell(begun(range, WatchEngine::Hardware, remarks, processes));
    watch.follow(request, range, stop, &received, tell);
    let unarmed = tracer
        .ask(|follower| follower.unarmed())
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
            elements,
            frames: stack.frames,
            note: stack.note,
        }));
    }
}

struct Watch<'w> {
    tracer: &'w Tracer,
    scene: &'w Mutex<Scene>,
    chunks: &'w [Chunk],
    followed: BTreeSet<Pid>,
    refused: BTreeSet<Pid>,
}

impl Watch<'_> {
    /// Watches those that map the segment and are not watched yet, and says what is not seen.
    fn add(&mut self, segment: &Watched) -> Vec<String> {
        let mut remarks = Vec::new();
        let pids: BTreeSet<Pid> = segment.mappers.iter().map(|mapper| mapper.pid).collect();
        for pid in pids {
            if self.followed.contains(&pid) || self.refused.contains(&pid) {
                continue;
            }
            let (points, left_out) = places(self.chunks, &segment.mappers, pid);
            if points.is_empty() {
                continue;
            }
            let armed = self
                .tracer
                .follow(pid)
                .and_then(|()| self.tracer.ask(|follower| follower.watch(pid, &points))?);
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
                    self.refused.insert(pid);
                    remarks.push(format!("what process {pid} writes is not seen: {error}"));
                }
            }
        }
        remarks
    }

    /// Until the end that was asked for, or that of all who are watched.
    fn follow(
        &mut self,
        request: &WatchRequest,
        range: &Range,
        stop: &AtomicBool,
        received: &mpsc::Receiver<WatchEvent>,
        tell: &(dyn Fn(WatchEvent) + Sync),
    ) {
        let begun = Instant::now();
        let mut looked = Instant::now();
        let is_over = || request.duration.is_some_and(|most| begun.elapsed() >= most);
        while !stop.load(Ordering::Relaxed) && !is_over() && !self.followed.is_empty() {
            match received.recv_timeout(BETWEEN_LOOKS) {
                Ok(event) => tell(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            while let Ok(event) = self.tracer.events().try_recv() {
                if let Some(text) = self.heard(event) {
                    tell(WatchEvent::Note { text });
                }
            }
            if looked.elapsed() >= BETWEEN_CENSUSES {
                looked = Instant::now();
                self.look_for_others(range, tell);
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

    fn look_for_others(&mut self, range: &Range, tell: &(dyn Fn(WatchEvent) + Sync)) {
        let Ok(table) = ProcessTable::read() else {
            return;
        };
        let census = Census::take(&table, Vec::new());
        let which = format!("{}#{}", range.watched.name, range.watched.inode);
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
fn places(chunks: &[Chunk], mappers: &[Mapper], pid: Pid) -> (Vec<Watchpoint>, usize) {
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
