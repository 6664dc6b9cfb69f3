//! Looking again and again: what has changed, for those who may not trace the writers, and for ranges of any length.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::ledger::Ledger;
use super::{Range, WatchRequest, begun};
use crate::model::{SegmentChange, WatchEngine, WatchEvent};
use crate::process::ReadMemory;
use crate::process::live::LiveProcess;
use crate::shm::Watched;

/// Of a range of this length a copy is kept. Bytes.
const LONGEST: u64 = 1 << 30;

/// A way to the bytes of a segment.
pub(super) struct Reader {
    /// Its file, or why it cannot be opened; nothing if it has no name.
    file: Option<std::io::Result<File>>,
    watched: Watched,
}

impl Reader {
    pub fn of(watched: &Watched) -> Reader {
        Reader {
            file: watched.path.as_ref().map(File::open),
            watched: watched.clone(),
        }
    }

    /// The bytes of the range as they are now.
    pub fn read(&self, range: &Range) -> Result<Vec<u8>, String> {
        let length = range.length();
        if length > LONGEST {
            return Err(format!(
                "{} bytes are too many to be compared with what they were before: take a range of at most 1 GiB, NAME[FIRST:END]",
                length
            ));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        if let Some(Ok(file)) = &self.file {
            return match file.read_exact_at(&mut bytes, range.start()) {
                Ok(()) => Ok(bytes),
                Err(error) => Err(format!(
                    "{} cannot be read any more: {error}",
                    self.watched.name
                )),
            };
        }
        self.read_memory(range.start(), &mut bytes)?;
        Ok(bytes)
    }

    /// Through a process that maps it.
    fn read_memory(&self, start: u64, bytes: &mut [u8]) -> Result<(), String> {
        let length = bytes.len() as u64;
        let mut why = match &self.file {
            Some(Err(error)) => format!(
                "its file cannot be opened ({error}), and no process that pmdb may look at maps all of the range"
            ),
            _ => "no process that pmdb may look at maps all of the range".to_string(),
        };
        for mapper in &self.watched.mappers {
            let Some(into) = start.checked_sub(mapper.offset) else {
                continue;
            };
            if into.saturating_add(length) > mapper.length {
                continue;
            }
            let process = LiveProcess::open(mapper.pid).map_err(|error| error.to_string());
            let read = process.and_then(|process| {
                let read = process.read(mapper.address.plus(into), bytes);
                read.map_err(|error| error.to_string())
            });
            match read {
                Ok(()) => return Ok(()),
                Err(error) => why = error,
            }
        }
        Err(format!("{} cannot be read: {why}", self.watched.name))
    }
}

pub(super) fn watch(
    request: &WatchRequest,
    range: &Range,
    remarks: Vec<String>,
    stop: &AtomicBool,
    tell: &(dyn Fn(WatchEvent) + Sync),
) {
    let reader = Reader::of(&range.watched);
    let bytes = match reader.read(range) {
        Ok(bytes) => bytes,
        Err(why) => return tell(WatchEvent::Failed { why }),
    };
    let most = usize::try_from(request.most_per_second).unwrap_or(usize::MAX);
    let mut ledger = Ledger::new(range, bytes, request.most_per_second);
    tell(begun(range, WatchEngine::Polling, remarks, Vec::new()));
    let start = Instant::now();
    let is_over = || request.duration.is_some_and(|most| start.elapsed() >= most);
    let mut next = start + request.every;
    while !stop.load(Ordering::Relaxed) && !is_over() {
        let wait = next.saturating_duration_since(Instant::now());
        // Not so long that the end is not heard.
        std::thread::sleep(wait.min(std::time::Duration::from_millis(50)));
        if Instant::now() < next {
            continue;
        }
        next = Instant::now() + request.every;
        match reader.read(range) {
            Ok(now) => {
                let (count, elements) = ledger.take_all(&now, most);
                if count > 0 {
                    tell(WatchEvent::Changed(SegmentChange {
                        at_ms: ledger.at_ms(),
                        count,
                        elements,
                    }));
                }
            }
            Err(why) => {
                ledger.remark(why);
                break;
            }
        }
    }
    tell(WatchEvent::Ended(ledger.summary()));
}
