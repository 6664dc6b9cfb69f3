//! What keeps a program alive that is armed when its tracer is killed.
//!
//! The kernel then delivers the traps that the tracer would have taken, and by default SIGTRAP ends a program. So it gets a handler that does
//! nothing, for as long as it is armed: the `ret` behind the program's own `syscall`, which returns to its own restorer. Who comes after the
//! tracer takes both away ([`disarm`]).
//!
//! A program that ignores SIGTRAP gets it too, since the kernel sets the action of a signal that it forces on a thread to the default where it is
//! ignored (`force_sig_info_to_task`, `kernel/signal.c`). That it was ignored is kept in the handler itself, where whoever takes it away finds it: it
//! has SIGTRAP in its mask, which the kernel blocks anyway while the handler runs.

use nix::errno::Errno;
use nix::libc;

use super::TraceError;
use super::hold::Hold;
use super::system_call::Call;
use super::tracer::set_debug_register;
use crate::model::{Addr, Pid};
use crate::process::live::disposition::{self, Disposition};
use crate::process::live::stat::Stat;

/// `SA_RESTORER`, `arch/x86/include/uapi/asm/signal.h`: the kernel returns from a handler through `sa_restorer`.
const SA_RESTORER: u64 = 0x0400_0000;
/// Bytes of `struct sigaction` as the kernel has it: handler, flags, restorer, mask. Each is a word.
const ACTION: usize = 32;
/// Bytes of a signal mask.
const MASK: u64 = 8;
/// The mask of a handler that stands for ignoring the signal.
const WAS_IGNORED: u64 = 1 << (libc::SIGTRAP - 1);
/// Bytes from `syscall` to the `ret` behind it.
const TO_RETURN: u64 = 2;
/// How often it is looked whether a thread has taken the trap that it was about to get.
const MOST_LOOKS: usize = 50;

impl Hold {
    /// Gives the process a handler for SIGTRAP that does nothing. False if it has one of its own, which is left alone.
    pub(super) fn survive_traps(&mut self) -> Result<bool, TraceError> {
        let mask = match Disposition::of(self.pid) {
            Some(now) if now.is_default(libc::SIGTRAP) => 0,
            Some(now) if now.is_ignored(libc::SIGTRAP) => WAS_IGNORED,
            _ => return Ok(false),
        };
        let restorer = self.way_back()?.restorer;
        let words = [
            self.surviving_handler()?.0,
            SA_RESTORER | libc::SA_RESTART.cast_unsigned() as u64,
            restorer.0,
            mask,
        ];
        let mut action: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let results = self.system_calls_on(&mut action, |place| vec![set(place)])?;
        Ok(results == [0])
    }

    /// Takes that handler away again, if it is still there.
    pub(super) fn end_surviving_traps(&mut self) -> Result<(), TraceError> {
        if Disposition::of(self.pid).is_some_and(|it| it.is_default(libc::SIGTRAP)) {
            return Ok(());
        }
        let handler = self.surviving_handler()?;
        let mut actions = vec![0; ACTION];
        self.system_calls_on(&mut actions, |place| {
            let arguments = [libc::SIGTRAP as u64, 0, place.0, MASK, 0, 0];
            let number = libc::SYS_rt_sigaction;
            vec![Call { number, arguments }]
        })?;
        if actions.starts_with(&handler.0.to_le_bytes()) {
            let before = match actions.ends_with(&WAS_IGNORED.to_le_bytes()) {
                true => libc::SIG_IGN,
                false => libc::SIG_DFL,
            };
            let mut action = [0; ACTION];
            let [word, ..] = action.as_chunks_mut().0 else {
                return Ok(());
            };
            *word = (before as u64).to_le_bytes();
            self.system_calls_on(&mut action, |place| vec![set(place)])?;
        }
        Ok(())
    }

    fn surviving_handler(&mut self) -> Result<Addr, TraceError> {
        Ok(self.way_back()?.system_call.plus(TO_RETURN))
    }
}

/// Of the action that lies at a place.
fn set(place: Addr) -> Call {
    Call {
        number: libc::SYS_rt_sigaction,
        arguments: [libc::SIGTRAP as u64, place.0, 0, MASK, 0, 0],
    }
}

/// A process whose threads are armed, for whoever is to disarm it if its tracer is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Armed {
    pub pid: Pid,
    /// In clock ticks since boot: tells it from a later process with the same number.
    pub started: u64,
}

impl Armed {
    /// Nothing if it has ended.
    pub fn of(pid: Pid) -> Option<Armed> {
        let started = Stat::of_process(pid).ok()?.started;
        Some(Armed { pid, started })
    }

    /// Disarms it. False if it is still there and could not be: somebody traces it.
    pub fn disarm(self) -> bool {
        Armed::of(self.pid) != Some(self) || disarm(self.pid).is_ok()
    }
}

/// Disarms a process whose tracer was killed: its threads have debug registers that are armed, and it has the handler that has kept it alive.
pub fn disarm(pid: Pid) -> Result<(), TraceError> {
    let mut late = None;
    for _ in 0..MOST_LOOKS {
        let mut hold = Hold::seize(pid)?;
        let threads: Vec<_> = hold.stopped().collect();
        for &tid in &threads {
            // It fails for one that has ended.
            let _ = set_debug_register(tid, 7, 0);
        }
        // It would die of the trap without the handler.
        let is_late = |tid: &_| disposition::is_pending(pid, *tid, libc::SIGTRAP);
        late = threads.iter().copied().find(is_late);
        if late.is_none() {
            return hold.end_surviving_traps();
        }
        drop(hold);
        std::thread::yield_now();
    }
    match late {
        Some(tid) => Err(TraceError::Thread {
            tid,
            action: "freed of a trap that it has still to take, so its process keeps a handler for SIGTRAP",
            errno: Errno::EAGAIN,
        }),
        None => Ok(()),
    }
}
