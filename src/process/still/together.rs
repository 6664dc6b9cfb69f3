//! Several processes as they all were at one moment: none of them goes on before all are copied. What they tell each other, and the memory that
//! they share, then fits together.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::capture::{Captured, LookFor, Sitter, Sitting};
use super::moment::Moment;
use super::{MOST_COPIES, TraceError};
use crate::model::ThreadState;
use crate::process::Process;
use crate::process::trace::{Hold, Noted};

/// What is copied at most while all stand still, beside stacks: bytes. It is some 100 ms.
const MOST_BYTES: u64 = 512 << 20;

/// What became of one of several: nothing if it is to be copied at a moment of its own.
pub type OfOneMoment<T> = Option<Result<(T, Captured), TraceError>>;

/// Looks at several processes and keeps what the look read, all as they were at one moment; as [`super::capture`] does for one. One that changes at each look
/// or that a wait in the kernel keeps from being stopped is left to that, and so are all if they have too much.
pub fn capture_together<T: Send>(
    sitters: Vec<Sitter<'_>>,
    look: impl Fn(usize, &dyn Process, Option<Duration>) -> T + Sync,
) -> Vec<OfOneMoment<T>> {
    let mut kept: Vec<OfOneMoment<T>> = sitters.iter().map(|_| None).collect();
    let sitting = |(place, sitter)| {
        let look: LookFor<'_, T> = &|process, limit| look(place, process, limit);
        (place, Sitting::rehearse(sitter, look))
    };
    let sitters = sitters.into_par_iter().enumerate();
    let mut sittings: Vec<(usize, Sitting<'_>)> = sitters.map(sitting).collect();
    // It would keep all others waiting.
    sittings.retain(|(_, sitting)| {
        let mut threads = sitting.threads.iter();
        threads.all(|thread| thread.state != ThreadState::Blocked)
    });
    for round in 1..=MOST_COPIES {
        let bytes: u64 = sittings.iter().map(|(_, sitting)| sitting.bytes()).sum();
        if bytes > MOST_BYTES || sittings.len() < 2 {
            return kept;
        }
        let moments = sittings.iter_mut().map(|(_, sitting)| sitting.prepare());
        let mut moments: Vec<Moment<'_>> = moments.collect();
        let pauses = fill_all(&sittings, &mut moments);
        let looked = sittings.into_par_iter().zip(moments).zip(pauses);
        let looked = looked.map(|(((place, mut sitting), moment), pause)| {
            let pause = match pause {
                Ok(pause) => pause,
                Err(error) => return (place, sitting, Err(error)),
            };
            let answer = look(place, &moment, None);
            let lacked = sitting.lacked(&moment);
            (place, sitting, Ok((answer, moment, pause, lacked)))
        });
        let looked: Vec<_> = looked.collect();
        let is_sound = |lacked: bool, sitting: &Sitting<'_>| !lacked || sitting.is_cut();
        let is_last = round == MOST_COPIES
            || looked.iter().all(|(_, sitting, seen)| match seen {
                Ok((.., lacked)) => is_sound(*lacked, sitting),
                Err(_) => true,
            });
        sittings = Vec::new();
        for (place, sitting, seen) in looked {
            match seen {
                Err(error) => kept[place] = Some(Err(error)),
                Ok((answer, moment, pause, lacked)) if is_last && is_sound(lacked, &sitting) => {
                    let captured = Captured::of(moment, &sitting.threads, pause, !lacked);
                    kept[place] = Some(Ok((answer, captured)));
                }
                Ok(_) => sittings.push((place, sitting)),
            }
        }
        if is_last {
            break;
        }
    }
    kept
}

/// Stops all, copies what is wanted of them, and lets them go on. Says how long each stood still.
fn fill_all(
    sittings: &[(usize, Sitting<'_>)],
    moments: &mut [Moment<'_>],
) -> Vec<Result<Duration, TraceError>> {
    // One thread traces them all, and any can copy.
    let seize = |(_, sitting): &(usize, Sitting<'_>)| {
        let begin = Instant::now();
        Hold::seize(sitting.pid()).map(|hold| (begin, hold))
    };
    let held: Vec<Result<(Instant, Hold), TraceError>> = sittings.iter().map(seize).collect();
    let note = |held: &Result<(Instant, Hold), TraceError>| {
        let (_, hold) = held.as_ref().ok()?;
        Some(Noted::of(hold))
    };
    let noted: Vec<Option<Noted>> = held.iter().map(note).collect();
    moments
        .par_iter_mut()
        .zip(noted)
        .for_each(|(moment, noted)| {
            if let Some(noted) = noted {
                moment.fill(&noted);
            }
        });
    let let_go = |held: Result<(Instant, Hold), TraceError>| {
        let (begin, hold) = held?;
        drop(hold);
        Ok(begin.elapsed())
    };
    held.into_iter().map(let_go).collect()
}
