//! Stopping a followed thread where it comes to one of some instructions, once.

use nix::errno::Errno;
use nix::sys::ptrace;

use super::super::hold::{Hold, Release, raw};
use super::super::{TraceError, registers};
use super::event::TraceEvent;
use super::follower::Follower;
use super::watchpoint::set_debug_register;
use crate::model::{Addr, Pid, Tid};

/// Places that one trap can have, and so registers of the processor that it takes (Intel SDM, volume 3, 19.2: there are four).
const MOST: usize = 3;
/// `int3`.
const BREAKPOINT: i64 = 0xcc;

/// Places at any of which a thread gets SIGTRAP instead of going on.
///
/// They are registers of the processor, which leave the program's code alone and which no child inherits. Where there are none to
/// be had, they are bytes in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    tid: Tid,
    places: Vec<Addr>,
    /// The words that were there, if they are bytes.
    words: Vec<i64>,
}

impl Trap {
    /// For a thread that stands still after an event. Of more places than there are registers the first.
    pub fn set(_: &Follower, tid: Tid, places: &[Addr]) -> Result<Trap, TraceError> {
        let places = &places[..places.len().min(MOST)];
        let mut trap = Trap {
            tid,
            places: places.to_vec(),
            words: Vec::new(),
        };
        if set_registers(tid, places).is_ok() {
            return Ok(trap);
        }
        for &place in places {
            let word = read_word(tid, place)?;
            write_word(tid, place, (word & !0xff) | BREAKPOINT)?;
            trap.words.push(word);
        }
        Ok(trap)
    }

    /// Where a function goes back to that a thread stands at the first instruction of.
    pub fn at_return(follower: &Follower, tid: Tid) -> Result<Trap, TraceError> {
        let stack = registers::general(tid)?.rsp;
        let caller = read_word(tid, Addr(stack))?;
        Trap::set(follower, tid, &[Addr(caller.cast_unsigned())])
    }

    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// At which of the places the thread stands, which is about to get SIGTRAP; nothing if it is at none. Else all of them are gone,
    /// and the thread is about to run the instruction.
    pub fn sprung(&self, _: &Follower) -> Result<Option<Addr>, TraceError> {
        let mut general = registers::general(self.tid)?;
        let behind = u64::from(!self.words.is_empty());
        let mut places = self.places.iter().copied();
        let Some(at) = places.find(|place| place.plus(behind) == Addr(general.rip)) else {
            return Ok(None);
        };
        if self.words.is_empty() {
            set_debug_register(self.tid, 7, 0).map_err(|errno| failed(self.tid, errno))?;
            return Ok(Some(at));
        }
        // A word may have the bytes of two places: the last that was changed is put back first.
        for (place, word) in self.places.iter().zip(&self.words).rev() {
            write_word(self.tid, *place, *word)?;
        }
        general.rip = at.0;
        registers::set_general(self.tid, general)?;
        Ok(Some(at))
    }
}

/// Execution at an address in each of the first registers, for this thread alone: bits L0, L1 and L2 of register 7.
fn set_registers(tid: Tid, places: &[Addr]) -> Result<(), Errno> {
    let mut control = 0;
    for (number, place) in places.iter().enumerate() {
        set_debug_register(tid, number, place.0)?;
        control |= 1 << (2 * number);
    }
    set_debug_register(tid, 7, control)
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
