//! Stopping a followed thread where it comes to an instruction, once.

use nix::errno::Errno;
use nix::sys::ptrace;

use super::super::hold::{Hold, Release, raw};
use super::super::{TraceError, registers};
use super::event::TraceEvent;
use super::follower::Follower;
use super::watchpoint::set_debug_register;
use crate::model::{Addr, Pid, Tid};

/// Execution at the address in register 0, for this thread: bit L0 of register 7 (Intel SDM, volume 3, 19.2.4).
const ON: u64 = 1;
/// `int3`.
const BREAKPOINT: i64 = 0xcc;

/// A place at which a thread gets SIGTRAP instead of going on.
///
/// It is a register of the processor, which leaves the program's code alone and which no child inherits. Where there is none to
/// be had, it is a byte in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap {
    tid: Tid,
    address: Addr,
    /// The word that was there, if it is a byte.
    word: Option<i64>,
}

impl Trap {
    /// For a thread that stands still after an event.
    pub fn set(_: &Follower, tid: Tid, address: Addr) -> Result<Trap, TraceError> {
        let trap = |word| Trap { tid, address, word };
        if set_debug_register(tid, 0, address.0).is_ok() && set_debug_register(tid, 7, ON).is_ok() {
            return Ok(trap(None));
        }
        let word = read_word(tid, address)?;
        write_word(tid, address, (word & !0xff) | BREAKPOINT)?;
        Ok(trap(Some(word)))
    }

    /// Whether the thread, which is about to get SIGTRAP, stands there. If so the trap is gone, and the thread is about to run the
    /// instruction.
    pub fn is_sprung(&self, _: &Follower) -> Result<bool, TraceError> {
        let general = registers::general(self.tid)?;
        let behind = u64::from(self.word.is_some());
        if general.rip != self.address.0 + behind {
            return Ok(false);
        }
        match self.word {
            None => set_debug_register(self.tid, 7, 0).map_err(|errno| failed(self.tid, errno))?,
            Some(word) => {
                write_word(self.tid, self.address, word)?;
                let mut general = general;
                general.rip = self.address.0;
                registers::set_general(self.tid, general)?;
            }
        }
        Ok(true)
    }
}

fn failed(tid: Tid, errno: Errno) -> TraceError {
    let action = "given a place to stop at";
    TraceError::Thread { tid, action, errno }
}

fn read_word(tid: Tid, address: Addr) -> Result<i64, TraceError> {
    ptrace::read(raw(tid), address.0 as ptrace::AddressType).map_err(|errno| failed(tid, errno))
}

fn write_word(tid: Tid, address: Addr, word: i64) -> Result<(), TraceError> {
    ptrace::write(raw(tid), address.0 as ptrace::AddressType, word)
        .map_err(|errno| failed(tid, errno))
}

impl Follower {
    /// Does something with a process whose thread stands still after an event, all of it stopped, and then follows it no longer.
    /// The thread has run nothing meanwhile; its signal is not delivered.
    pub fn hold_and_release<T>(
        &mut self,
        pid: Pid,
        standing: Tid,
        what: impl FnOnce(&mut Hold) -> T,
    ) -> Result<T, TraceError> {
        let answer = self.hold_standing_for(pid, standing, Release::Detach, what)?;
        self.tracees.remove_process(pid);
        self.tell(TraceEvent::Released { pid });
        Ok(answer)
    }

    /// The same, and goes on to follow it.
    pub fn hold_standing<T>(
        &mut self,
        pid: Pid,
        standing: Tid,
        what: impl FnOnce(&mut Hold) -> T,
    ) -> Result<T, TraceError> {
        self.hold_standing_for(pid, standing, Release::Resume, what)
    }

    fn hold_standing_for<T>(
        &mut self,
        pid: Pid,
        standing: Tid,
        release: Release,
        what: impl FnOnce(&mut Hold) -> T,
    ) -> Result<T, TraceError> {
        // Asked to stop, it does so before it runs on.
        ptrace::interrupt(raw(standing)).map_err(|errno| failed(standing, errno))?;
        self.begin_hold(pid);
        self.go_on(standing, false)?;
        self.wait_until_stopped(pid);
        let mut hold = Hold::of_stopped(pid, self.held.iter().copied(), release);
        let answer = what(&mut hold);
        drop(hold);
        self.forget_hold();
        Ok(answer)
    }
}
