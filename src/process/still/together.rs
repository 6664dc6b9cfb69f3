//! Several processes as they all were at one moment: none of them goes on before all are copied. What they tell each other, and the memory that
//! they share, then fits together.

use std::time::{Duration, Instant};

use nix::unistd::{self, gettid};
use rayon::prelude::*;

use super::capture::{Captured, LookFor, Sitter, Sitting};
use super::moment::Moment;
use super::{MOST_COPIES, TraceError};
use crate::model::{Pid, ThreadState, Tid};
use crate::process::Process;
use crate::process::live::refusal::tracer_of;
use crate::process::trace::{Hold, Noted};

/// What is copied at most while all stand still: bytes, of the stacks as many as there are. It is some 100 ms.
const MOST_BYTES: u64 = 512 << 20;

/// How long it may take until all stand still. The first do so meanwhile.
const PATIENCE: Duration = Duration::from_millis(250);

/// What became of one of several: nothing if it is to be copied at a moment of its own.
pub type OfOneMoment<T> = Option<Result<(T, Captured), TraceError>>;

/// Looks at several processes and keeps what the look read, all as they were at one moment; as [`super::capture`] does for one. One that changes at each look,
/// that somebody traces already or that does not stop soon is left to that, and so are all if they have too much.
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
        threads.all(|thread| thread.state != ThreadState::Blocked) && !is_traced(sitting.pid())
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
        let looked = looked.filter_map(|(((place, mut sitting), moment), pause)| {
            let pause = match pause? {
                Ok(pause) => pause,
                Err(error) => return Some((place, sitting, Err(error))),
            };
            let answer = look(place, &moment, None);
            let lacked = sitting.lacked(&moment);
            Some((place, sitting, Ok((answer, moment, pause, lacked))))
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

/// Stops all, copies what is wanted of them, and lets them go on. Says how long each stood still; nothing of one that did not stop soon.
fn fill_all(
    sittings: &[(usize, Sitting<'_>)],
    moments: &mut [Moment<'_>],
) -> Vec<Option<Result<Duration, TraceError>>> {
    // One thread traces them all, and any can copy. The kernel lets go of what has not stopped when that thread ends.
    let fill = || {
        let deadline = Instant::now() + PATIENCE;
        let seize = |(_, sitting): &(usize, Sitting<'_>)| {
            let begin = Instant::now();
            let hold = Hold::seize_until(sitting.pid(), deadline).transpose()?;
            Some(hold.map(|hold| (begin, hold)))
        };
        let held: Vec<Option<Result<(Instant, Hold), TraceError>>> =
            sittings.iter().map(seize).collect();
        let note = |held: &Option<Result<(Instant, Hold), TraceError>>| {
            let (_, hold) = held.as_ref()?.as_ref().ok()?;
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
        let let_go = |held: Option<Result<(Instant, Hold), TraceError>>| {
            Some(held?.map(|(begin, hold)| {
                drop(hold);
                begin.elapsed()
            }))
        };
        let pauses: Vec<_> = held.into_iter().map(let_go).collect();
        (pauses, gettid())
    };
    let filled = std::thread::scope(|scope| {
        let tracer = std::thread::Builder::new().spawn_scoped(scope, fill);
        tracer.ok()?.join().ok()
    });
    match filled {
        Some((pauses, tracer)) => {
            if pauses.iter().any(Option::is_none) {
                until_gone(tracer);
            }
            pauses
        }
        // It could not be started: each is looked at alone.
        None => sittings.iter().map(|_| None).collect(),
    }
}

/// A thread can be joined before the kernel has let go of what it traced (`do_exit`: `exit_mm` comes before `exit_notify`). It is listed until then.
fn until_gone(thread: unistd::Pid) {
    let listed = format!("/proc/self/task/{thread}");
    let deadline = Instant::now() + PATIENCE;
    while std::path::Path::new(&listed).exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

/// By another debugger, or by a pmdb that would have to be waited for.
fn is_traced(pid: Pid) -> bool {
    tracer_of(Tid(pid.0)).is_some()
}
