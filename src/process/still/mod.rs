//! A live process as it was at one moment, for the shortest pause: what is to be read is known before it is stopped,
//! and is copied while it stands still; decoding comes after it runs on. `docs/internals/pausing.md`.

mod capture;
mod forked;
mod moment;
mod observed;
mod together;
mod wanted;

use std::ops::Range;

pub use capture::{Captured, CapturedThread, SharedMemory, Sitter, capture};
pub use forked::{ForkError, Forked, capture_fork};
pub use together::capture_together;

use self::moment::Moment;
use self::observed::{Grain, Observed};
use self::wanted::Wanted;
use super::Process;
use super::trace::{Custody, TraceError, standing};
use crate::model::{Addr, Pid};

/// Times that a copy is made anew because it lacked something, before the process is held while it is looked at.
const MOST_COPIES: usize = 3;

/// What is copied at most, in bytes. Who looks at more holds the process meanwhile.
const MOST_BYTES: u64 = 64 << 20;

/// A process of which what is `blank` is not read: memory that it shares with others and that nobody has written to.
pub fn untouched<'p>(process: &'p dyn Process, blank: Vec<Range<Addr>>) -> impl Process + 'p {
    let mut observed = Observed::new(process, Grain::Asked);
    observed.blank = blank.into();
    observed
}

/// Looks at a process as it is at one moment.
///
/// `custody` says who can hold it: whoever traces it already, if somebody of this pmdb does. Another pmdb that does is asked.
///
/// `rehearse` does what `look` will do, and what it gives is thrown away: it shows what has to be read, while the process
/// runs. `look` may be called several times; its last answer counts. Both must ask nothing but the process that they
/// are given.
pub fn look_at_one_moment<T: Send>(
    process: &dyn Process,
    (pid, custody): (Pid, &Custody),
    rehearse: impl FnOnce(&dyn Process),
    look: impl Fn(&dyn Process) -> T + Sync,
) -> Result<T, TraceError> {
    let rehearsal = Observed::new(process, Grain::Asked);
    rehearse(&rehearsal);
    let mut wanted = rehearsal.into_wanted();
    // While it is stopped the state of every thread is that, and when it goes on it runs.
    let threads = process.threads().unwrap_or_default();
    for _ in 0..MOST_COPIES {
        if wanted.bytes() > MOST_BYTES {
            break;
        }
        let mut moment = Moment::prepare(process, Grain::Asked, &wanted, &threads);
        standing((pid, custody), |hold| moment.fill(hold))?;
        let answer = look(&moment);
        let missed = moment.process.into_wanted();
        if missed == Wanted::default() {
            return Ok(answer);
        }
        wanted.add(missed);
    }
    wanted.memory.clear();
    let mut moment = Moment::prepare(process, Grain::Asked, &wanted, &threads);
    standing((pid, custody), |hold| {
        moment.fill(hold);
        look(&moment)
    })
}
