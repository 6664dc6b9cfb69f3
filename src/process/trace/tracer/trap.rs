//! Stopping a followed thread where it comes to one of some instructions, once.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;

use super::super::hold::{Hold, Release, raw};
use super::super::{TraceError, registers};
use super::event::{Birth, TraceEvent};
use super::follower::Follower;
use super::tracees::Doing;
use super::tripwire::Replaced;
use super::watchpoint::set_debug_register;
use crate::model::{Addr, Pid, Tid};

/// Places that one trap can have, and so registers of the processor that it takes (Intel SDM, volume 3, 19.2: there are four).
const MOST: usize = 4;
/// `int3`.
const BREAKPOINT: i64 = 0xcc;

/// Places at any of which a thread gets SIGTRAP instead of going on.
///
/// They are registers of the processor, which leave the program's code alone and which no child inherits. Where there are none to
/// be had, they are bytes in the code. A forked child gets a trap at the same places, where somebody [expects](Follower::tell_of_traps) it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    tid: Tid,
    places: Vec<Addr>,
    /// The words that were there, if they are bytes.
    words: Vec<i64>,
}

/// Who is told of what a process would die of if pmdb were killed, before it is there.
#[derive(Clone, Copy)]
pub struct Aftercare {
    /// A thread of the process has registers that are armed, or has them no longer.
    pub trapped: fn(Pid, bool),
    /// There are bytes in its code.
    pub replaced: fn(&Replaced),
}

/// Those that threads have not come to yet.
#[derive(Default)]
pub(super) struct Traps {
    set: BTreeMap<Tid, Trap>,
    /// Of forked children that have still to come to their first stop.
    inherited: BTreeMap<Tid, Trap>,
    aftercare: Option<Aftercare>,
}

impl Traps {
    /// Whether registers of a thread are taken.
    pub fn has(&self, tid: Tid) -> bool {
        self.set.contains_key(&tid) || self.inherited.contains_key(&tid)
    }

    /// It has ended, or executed another program.
    pub fn forget_thread(&mut self, tid: Tid) {
        self.set.remove(&tid);
        self.inherited.remove(&tid);
    }

    fn tell(&self, pid: Pid, is_trapped: bool) {
        if let Some(aftercare) = self.aftercare {
            (aftercare.trapped)(pid, is_trapped);
        }
    }
}

impl Trap {
    /// For a thread that stands still after an event, instead of the one that it has. Of more places than there are registers the first.
    pub fn set(follower: &mut Follower, tid: Tid, places: &[Addr]) -> Result<Trap, TraceError> {
        let pid = follower.tracees.get(tid).map(|tracee| tracee.pid);
        let pid = pid.ok_or(TraceError::Gone { pid: Pid(tid.0) })?;
        if let Some(former) = follower.traps.set.get(&tid).cloned() {
            former.take_out(follower)?;
        }
        let places = &places[..places.len().min(MOST)];
        let mut trap = Trap {
            tid,
            places: places.to_vec(),
            words: Vec::new(),
        };
        follower.traps.tell(pid, true);
        follower.watchpoints.forget_thread(tid);
        if set_registers(tid, places).is_err() {
            follower.traps.tell(pid, false);
            let words = places.iter().map(|place| read_word(tid, *place));
            trap.words = words.collect::<Result<_, _>>()?;
            follower.traps.set.insert(tid, trap.clone());
            follower.tell_of_bytes(pid);
            for place in places {
                // A word may have the bytes of two places.
                let now = read_word(tid, *place)?;
                write_word(tid, *place, (now & !0xff) | BREAKPOINT)?;
            }
        }
        follower.traps.set.insert(tid, trap.clone());
        Ok(trap)
    }

    /// Where a function goes back to that a thread stands at the first instruction of.
    pub fn at_return(follower: &mut Follower, tid: Tid) -> Result<Trap, TraceError> {
        let stack = registers::general(tid)?.rsp;
        let caller = read_word(tid, Addr(stack))?;
        Trap::set(follower, tid, &[Addr(caller.cast_unsigned())])
    }

    /// The one that a forked child has got from its parent.
    pub fn of_child(follower: &Follower, child: Pid) -> Option<Trap> {
        let traps = &follower.traps;
        let tid = Tid(child.0);
        traps
            .inherited
            .get(&tid)
            .or_else(|| traps.set.get(&tid))
            .cloned()
    }

    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// At which of the places the thread stands, which is about to get SIGTRAP; nothing if it is at none. Else all of them are gone,
    /// and the thread is about to run the instruction.
    pub fn sprung(&self, follower: &mut Follower) -> Result<Option<Addr>, TraceError> {
        let mut general = registers::general(self.tid)?;
        let behind = u64::from(!self.words.is_empty());
        let mut places = self.places.iter().copied();
        let Some(at) = places.find(|place| place.plus(behind) == Addr(general.rip)) else {
            return Ok(None);
        };
        self.take_out(follower)?;
        if !self.words.is_empty() {
            general.rip = at.0;
            registers::set_general(self.tid, general)?;
        }
        Ok(Some(at))
    }

    /// Takes it from a thread that stands still, whose registers are then free for what is watched.
    fn take_out(&self, follower: &mut Follower) -> Result<(), TraceError> {
        follower.traps.set.remove(&self.tid);
        let pid = follower.tracees.get(self.tid).map(|tracee| tracee.pid);
        if self.words.is_empty() {
            set_debug_register(self.tid, 7, 0).map_err(|errno| failed(self.tid, errno))?;
            follower.watchpoints.forget_thread(self.tid);
            if let Some(pid) = pid {
                follower.traps.tell(pid, false);
            }
            return Ok(());
        }
        for (place, word) in self.places.iter().zip(&self.words) {
            let now = read_word(self.tid, *place)?;
            if now & 0xff == BREAKPOINT {
                write_word(self.tid, *place, (now & !0xff) | (word & 0xff))?;
            }
        }
        if let Some(pid) = pid {
            follower.tell_of_bytes(pid);
        }
        Ok(())
    }

    /// What its bytes have taken the place of.
    fn bytes(&self) -> impl Iterator<Item = (Addr, u8)> {
        let replaced = self.places.iter().zip(&self.words);
        replaced.map(|(place, word)| (*place, word.to_le_bytes()[0]))
    }
}

/// Execution at an address in each of the first registers, for this thread alone: bits L0 to L3 of register 7. All are switched off first: a
/// new thread seems to have its parent's.
fn set_registers(tid: Tid, places: &[Addr]) -> Result<(), Errno> {
    let mut control = 0;
    set_debug_register(tid, 7, 0)?;
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
    /// Tells somebody of all traps from now on, who also expects forked children to come to those of their parents.
    pub fn tell_of_traps(&mut self, aftercare: Aftercare) {
        self.traps.aftercare = Some(aftercare);
    }

    fn tell_of_bytes(&self, pid: Pid) {
        if let Some(aftercare) = self.traps.aftercare
            && let Some(replaced) = self.replaced(pid)
        {
            (aftercare.replaced)(&replaced);
        }
    }

    /// What the traps of a process have taken the place of in its code.
    pub(super) fn trapped_bytes(&self, pid: Pid) -> Vec<(Addr, u8)> {
        let traps = self.traps.set.values().chain(self.traps.inherited.values());
        let is_its = |trap: &&Trap| {
            let tracee = self.tracees.get(trap.tid);
            tracee.map_or(Pid(trap.tid.0), |tracee| tracee.pid) == pid
        };
        traps.filter(is_its).flat_map(Trap::bytes).collect()
    }

    /// Threads are gone without a word when another of their process executes a program.
    pub(super) fn forget_traps_of_ended(&mut self) {
        let tracees = &self.tracees;
        self.traps.set.retain(|tid, _| tracees.get(*tid).is_some());
    }

    /// A forked child comes to the places of its parent by itself.
    pub(super) fn inherit_trap(&mut self, parent: Pid, child: Pid, birth: Birth) {
        if birth != Birth::Fork {
            return;
        }
        let threads = self.tracees.of_process(parent).into_iter();
        let mut traps = threads.filter_map(|(tid, _)| self.traps.set.get(&tid));
        if let Some(trap) = traps.next().cloned() {
            let tid = Tid(child.0);
            let has_bytes = !trap.words.is_empty();
            self.traps.inherited.insert(tid, Trap { tid, ..trap });
            if has_bytes {
                self.tell_of_bytes(child);
            }
        }
    }

    /// A new process stands in its first stop. Bytes it has already.
    pub(super) fn trap_newborn(&mut self, tid: Tid) {
        let Some(trap) = self.traps.inherited.remove(&tid) else {
            return;
        };
        if self.traps.aftercare.is_none() {
            // Nobody waits for it. It fails if it was killed meanwhile.
            if !trap.words.is_empty() {
                let _ = trap.take_out(self);
            }
        } else if trap.words.is_empty() {
            // If there are no registers for it, it is as one in which nobody initializes a Python.
            let _ = self.trap_with_registers(tid, trap);
        } else {
            self.traps.set.insert(tid, trap);
        }
    }

    fn trap_with_registers(&mut self, tid: Tid, trap: Trap) -> Result<(), Errno> {
        let pid = Pid(tid.0);
        self.traps.tell(pid, true);
        self.watchpoints.forget_thread(tid);
        let set = set_registers(tid, &trap.places);
        match set {
            Ok(()) => drop(self.traps.set.insert(tid, trap)),
            Err(_) => self.traps.tell(pid, false),
        }
        set
    }

    /// Takes the traps out of a process that stands still: its threads would die of them once nobody traces them.
    pub(super) fn take_traps_out(&mut self, pid: Pid) {
        let has_trap = |follower: &Follower, tid: Tid| follower.traps.set.contains_key(&tid);
        let threads = self.tracees.of_process(pid);
        if !threads.iter().any(|(tid, _)| has_trap(self, *tid)) {
            return;
        }
        self.take_late_traps(pid);
        for (tid, doing) in self.tracees.of_process(pid) {
            let Some(trap) = self.traps.set.get(&tid).cloned() else {
                continue;
            };
            match trap.sprung(self) {
                Ok(Some(_)) if doing == Doing::Waiting(Some(libc::SIGTRAP)) => {
                    self.tracees.note(tid, Doing::Waiting(None));
                }
                // It fails for one that was killed meanwhile.
                Ok(None) => drop(trap.take_out(self)),
                _ => {}
            }
        }
    }

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
