//! Looking again and again: what has changed, for those who may not trace the writers, and for ranges of any length.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::{Range, WatchRequest, begun};
use crate::model::{SegmentChange, WatchEngine, WatchEvent};

pub(super) fn watch(
    request: &WatchRequest,
    range: &Range,
    remarks: Vec<String>,
    stop: &AtomicBool,
    tell: &(dyn Fn(WatchEvent) + Sync),
) {
    let bytes = match range.read() {
        Ok(bytes) => bytes,
        Err(why) => return tell(WatchEvent::Failed { why }),
    };
    let most = usize::try_from(request.most_per_second).unwrap_or(usize::MAX);
    let mut ledger = Ledger::new(range, bytes, request.most_per_second);
    tell(begun(
        range,
        WatchEngine::Polling,
        remarks,
        Vec::new(),
        Duration::ZERO,
    ));
    let start = Instant::now();
    let is_over = || request.duration.is_some_and(|most| start.elapsed() >= most);
    let mut next = start + request.every;
    while !stop.load(Ordering::Relaxed) && !is_over() {
        let wait = next.saturating_duration_since(Instant::now());
        // Not so long that the end is not heard.
        std::thread::sleep(wait.min(Duration::from_millis(50)));
        if Instant::now() < next {
            continue;
        }
        next = Instant::now() + request.every;
        match range.read() {
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
