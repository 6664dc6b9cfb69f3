//! Whether what is read of a segment is of one moment: those who may write to it are held meanwhile, or it is looked at twice.

use std::time::Instant;

use super::show::ShowOptions;
use crate::array::View;
use crate::model::{Pid, Tid};
use crate::process::trace::{Borrowed, Custody};
use crate::shm::{Reached, SegmentBytes};

/// A piece that is looked at twice, and how many of them at most: 4 MiB in all. Bytes.
const PIECE: u64 = 4096;
const MOST_PIECES: u64 = 1024;

/// What is known of the moment that the elements are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// Nothing if others could write and were not seen to.
    pub consistent: Option<bool>,
    pub note: Option<String>,
}

impl Moment {
    const ALONE: Moment = Moment {
        consistent: Some(true),
        note: None,
    };
}

/// Reads what the options ask for, and says whether it is of one moment.
pub(super) fn read_at_one_moment<T: Send>(
    options: &ShowOptions,
    reached: &Reached,
    view: &View,
    read: impl FnOnce() -> T + Send,
) -> (T, Moment) {
    let writers = &reached.brief.writers;
    if reached.brief.from.is_some() {
        // The dump says what it knows.
        let unknown = Moment {
            consistent: None,
            note: None,
        };
        return (read(), unknown);
    }
    if writers.is_empty() {
        return (read(), Moment::ALONE);
    }
    if options.consistent {
        return held(writers, read);
    }
    let before = Pieces::of(&reached.bytes, view);
    let answer = read();
    let changed = before.changed(&reached.bytes);
    (answer, watched(writers.len(), &before, &changed))
}

fn held<T: Send>(pids: &[Pid], read: impl FnOnce() -> T + Send) -> (T, Moment) {
    let mut refused = Vec::new();
    let mut read = Some(read);
    let began = Instant::now();
    let mut answer = None;
    hold_all(pids, &mut Vec::new(), &mut refused, &mut || {
        answer = read.take().map(|read| read());
    });
    let took = began.elapsed();
    // It was called: holding calls it once, whoever could be held.
    let Some(answer) = answer else {
        unreachable!("what is read is read once")
    };
    let who = match pids.len() - refused.len() {
        0 => None,
        1 => Some("1 process was".to_string()),
        count => Some(format!("{count} processes were")),
    };
    let told = who.map(|who| {
        format!(
            "{who} held for the {:.1} ms that it took to read it",
            took.as_secs_f64() * 1000.0
        )
    });
    let note = match refused.is_empty() {
        true => told.map(|told| format!("consistent: {told}")),
        false => {
            let mut parts: Vec<String> = told.into_iter().collect();
            parts.extend(refused.iter().cloned());
            Some(format!("not consistent: {}", parts.join("; ")))
        }
    };
    // Nobody knows what those who could not be held have done.
    let consistent = refused.is_empty().then_some(true);
    (answer, Moment { consistent, note })
}

/// Stops one process after the other, and does it when all of them stand still.
///
/// A process that another pmdb traces is held by that one, which does so for one process at a time and not for long.
fn hold_all(
    pids: &[Pid],
    lenders: &mut Vec<Tid>,
    refused: &mut Vec<String>,
    then: &mut (dyn FnMut() + Send),
) {
    let Some((&pid, rest)) = pids.split_first() else {
        return then();
    };
    let could_write = |why: &str| format!("process {pid} could write meanwhile: {why}");
    let tracer = Borrowed::tracer_of(pid);
    if tracer.is_some_and(|tracer| lenders.contains(&tracer)) {
        let why = "the pmdb that traces it holds one process at a time for others";
        refused.push(could_write(why));
        return hold_all(rest, lenders, refused, then);
    }
    if let Some(borrowed) = Borrowed::of(pid) {
        lenders.push(borrowed.tracer);
        hold_all(rest, lenders, refused, then);
        if !borrowed.stands() {
            let why = "the pmdb that traces it did not hold it for as long as that took";
            refused.push(could_write(why));
        }
        return;
    }
    let mut is_done = false;
    let held = Custody::Nobody.hold(pid, |_| {
        hold_all(rest, lenders, refused, then);
        is_done = true;
    });
    if let Err(error) = held
        && !is_done
    {
        refused.push(could_write(&error.to_string()));
        hold_all(rest, lenders, refused, then);
    }
}

/// Copies of pieces, evenly over what a view reaches.
struct Pieces {
    pieces: Vec<(u64, Vec<u8>)>,
    /// They are all of it.
    are_all: bool,
}

impl Pieces {
    fn of(bytes: &SegmentBytes, view: &View) -> Pieces {
        let (start, end) = view.reach();
        let bound = |at: i128| u64::try_from(at).unwrap_or(0).min(bytes.size());
        let (start, end) = (bound(start), bound(end));
        let count = (end - start).div_ceil(PIECE);
        let step = count.div_ceil(MOST_PIECES).max(1);
        let starts = (0..count).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        let piece = |number: u64| {
            let at = start + number * PIECE;
            let mut piece = vec![0; usize::try_from(PIECE.min(end - at)).ok()?];
            bytes.read(at, &mut piece).ok()?;
            Some((at, piece))
        };
        Pieces {
            pieces: starts.filter_map(piece).collect(),
            are_all: step == 1,
        }
    }

    /// Where bytes are others now.
    fn changed(&self, bytes: &SegmentBytes) -> Vec<u64> {
        let mut changed = Vec::new();
        let mut now = Vec::new();
        for (at, before) in &self.pieces {
            now.clone_from(before);
            if bytes.read(*at, &mut now).is_err() {
                continue;
            }
            let differs = before.iter().zip(&now).position(|(a, b)| a != b);
            changed.extend(differs.map(|into| at + into as u64));
        }
        changed
    }
}

fn watched(writers: usize, pieces: &Pieces, changed: &[u64]) -> Moment {
    if let Some(first) = changed.first() {
        return Moment {
            consistent: Some(false),
            note: Some(format!(
                "it was written to while it was read: {} of {} pages that were looked at twice have changed, the first at byte {first}: what was \
                 read is of several moments (--consistent holds those who write)",
                changed.len(),
                pieces.pieces.len()
            )),
        };
    }
    let who = match writers {
        1 => "1 process may write".to_string(),
        writers => format!("{writers} processes may write"),
    };
    let seen = match pieces.are_all {
        true => "nothing of it has changed while it was read".to_string(),
        false => format!(
            "of {} pages that were looked at twice none has changed while it was read",
            pieces.pieces.len()
        ),
    };
    Moment {
        consistent: None,
        note: Some(format!(
            "{who} to it; {seen} (--consistent holds them meanwhile)"
        )),
    }
}
