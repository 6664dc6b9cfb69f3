//! Places in the code of followed processes at which every thread stops that comes there.
//!
//! Each is an `int3` in the place of the first byte of an instruction. A thread that trips is put back to the instruction at once, so that
//! wherever it is looked at, and whatever ends pmdb, it stands where it would without. It gets past without anybody missing the place: the
//! first instruction of a function is mostly one that can be done for it; for any other the threads of its process stand still for a step.
//!
//! A forked child has the bytes in its copy of the memory, and so it has them here. While a process is kept still its memory is as it was:
//! the bytes are out.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::super::hold::{Hold, Release, raw};
use super::super::kernel::SignalNumber;
use super::super::{TraceError, registers};
use super::caller_chain::{CallerChain, CallerChains};
use super::event::{Birth, TraceEvent};
use super::first_instruction::{Code, Effect};
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Addr, Pid, Tid};
use crate::process::live::disposition;
use crate::process::live::refusal::is_traced;
use crate::process::live::stat::Stat;

/// `int3`.
const BREAKPOINT: u8 = 0xcc;
/// How often a thread is told to make a step that something else stops first.
const MOST_STEPS: usize = 16;
/// How often the threads of a process are moved from their tripwires before it is kept still: each has come to one more then.
const MOST_ROUNDS: usize = 1_000;

/// The bytes that tripwires have taken the place of in a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    pub pid: Pid,
    /// When it was started, in clock ticks since boot: tells it from a later process with the same number.
    pub started: u64,
    pub bytes: Vec<(Addr, u8)>,
}

impl Replaced {
    /// Whether the process is still there.
    pub fn is_there(&self) -> bool {
        Stat::of_process(self.pid)
            .is_ok_and(|stat| stat.started == self.started && !stat.has_ended())
    }

    /// The same bytes in a process of which nobody was told, if all of them are there: it is a copy of this one, and nobody traces it.
    pub fn in_copy(&self, pid: Pid) -> Option<Replaced> {
        let stat = Stat::of_process(pid).ok()?;
        let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
        let is_there = |(place, _): &(Addr, u8)| {
            let mut now = [0];
            memory.read_exact_at(&mut now, place.0).is_ok() && now == [BREAKPOINT]
        };
        let is_copy = !self.bytes.is_empty() && self.bytes.iter().all(is_there);
        (is_copy && !is_traced(pid)).then(|| Replaced {
            pid,
            started: stat.started,
            bytes: self.bytes.clone(),
        })
    }

    /// Puts them back, wherever a tripwire is still in their place: for when its tracer has ended and could not.
    pub fn put_back(&self) {
        let path = format!("/proc/{}/mem", self.pid);
        let Ok(memory) = OpenOptions::new().read(true).write(true).open(path) else {
            return;
        };
        if !self.is_there() {
            return;
        }
        for (place, byte) in &self.bytes {
            let mut now = [0];
            let is_read = memory.read_exact_at(&mut now, place.0).is_ok();
            if is_read && now == [BREAKPOINT] {
                // It fails if the process ends just now.
                let _ = memory.write_all_at(&[*byte], place.0);
            }
        }
    }
}

/// The tripwires of one process.
#[derive(Debug, Clone, Default)]
struct Strung {
    places: BTreeMap<Addr, Code>,
    /// Chains of callers from which a place is of no interest.
    passed_from: BTreeMap<Addr, CallerChains>,
    /// It has the memory of another process, which has put them there.
    is_borrowed: bool,
    /// It is kept still, and the bytes are out.
    is_lifted: bool,
}

/// Those of all processes that are followed.
#[derive(Debug, Default)]
pub(super) struct Tripwires {
    strung: BTreeMap<Pid, Strung>,
    /// Threads that stand at one, each with the number of its visit, and those that stand there with their process.
    standing: BTreeMap<Tid, (Addr, u64)>,
    visits: u64,
    kept: BTreeMap<Tid, Addr>,
    /// Threads that were on their way past when a signal came first: with the stack pointer by which they are known to come again.
    coming_again: BTreeMap<Tid, (Addr, u64)>,
}

impl Tripwires {
    pub fn forget_thread(&mut self, tid: Tid) {
        self.standing.remove(&tid);
        self.kept.remove(&tid);
        self.coming_again.remove(&tid);
    }

    /// A thread that comes to a tripwire again is told of again.
    pub fn forget_coming_again(&mut self, tid: Tid) {
        self.coming_again.remove(&tid);
    }

    /// Its memory is gone, or is another.
    pub fn forget(&mut self, pid: Pid) {
        self.strung.remove(&pid);
    }

    /// A child has a copy of its parent's memory, or borrows it.
    pub fn inherit(&mut self, parent: Pid, child: Pid, birth: Birth) {
        let Some(strung) = self.strung.get(&parent) else {
            return;
        };
        let is_borrowed = match birth {
            Birth::Fork => strung.is_borrowed,
            Birth::Vfork => true,
            Birth::Clone => share_memory(parent, child),
        };
        let strung = Strung {
            is_borrowed,
            ..strung.clone()
        };
        self.strung.insert(child, strung);
    }
}

/// Whether two processes have one memory (`CLONE_VM`).
fn share_memory(one: Pid, other: Pid) -> bool {
    const KCMP_VM: libc::c_int = 1;
    // SAFETY: kcmp(2) compares, and touches no memory of pmdb.
    unsafe { libc::syscall(libc::SYS_kcmp, one.0, other.0, KCMP_VM, 0, 0) == 0 }
}

impl Follower {
    /// Puts tripwires into a process, beside those that it has. `before` is told of all of them before there is a byte in the process: whatever ends
    /// pmdb, somebody else knows of each.
    pub fn string(
        &mut self,
        pid: Pid,
        places: &[Addr],
        before: impl FnOnce(&Replaced),
    ) -> Result<(), TraceError> {
        let memory = self.memory(pid)?;
        let strung = self.tripwires.strung.entry(pid).or_default();
        let mut fresh = Vec::new();
        for &place in places {
            let mut code = Code::default();
            // The last instruction before the end of a mapping is shorter.
            let count = memory.read_at(&mut code, place.0);
            count.map_err(|error| failed(pid, place, "read", &error))?;
            // If there is one that is not ours, it is somebody else's.
            if code[0] != BREAKPOINT && !strung.places.contains_key(&place) {
                fresh.push((place, code));
            }
        }
        strung.places.extend(fresh.iter().copied());
        let is_lifted = strung.is_lifted;
        if let Some(replaced) = self.replaced(pid).filter(|_| !fresh.is_empty()) {
            before(&replaced);
        }
        for (at, (place, _)) in fresh.iter().enumerate().filter(|_| !is_lifted) {
            if let Err(error) = memory.write_all_at(&[BREAKPOINT], place.0) {
                let unset: Vec<Addr> = fresh[at..].iter().map(|(place, _)| *place).collect();
                self.forget_places(pid, &unset);
                return Err(failed(pid, *place, "changed", &error));
            }
        }
        Ok(())
    }

    /// The code at some places is gone, and the tripwires with it.
    pub fn forget_places(&mut self, pid: Pid, places: &[Addr]) {
        if let Some(strung) = self.tripwires.strung.get_mut(&pid) {
            strung.places.retain(|place, _| !places.contains(place));
            // Other code may come to where they lead to.
            strung.passed_from.clear();
        }
    }

    /// Leaves out some tripwires of a process that is kept still, whose bytes are out: they do not come back when it goes on.
    pub fn leave_out(&mut self, pid: Pid, places: &[Addr]) {
        if let Some(strung) = self.tripwires.strung.get_mut(&pid)
            && strung.is_lifted
        {
            strung.places.retain(|place, _| !places.contains(place));
        }
    }

    /// Whoever comes to a place from these callers gets past at once from now on, and it is not told.
    pub fn let_pass_from(&mut self, pid: Pid, place: Addr, callers: CallerChain) {
        if let Some(strung) = self.tripwires.strung.get_mut(&pid) {
            strung.passed_from.entry(place).or_default().add(callers);
        }
    }

    /// Whether a thread at a place has come there from callers from which that is of no interest.
    fn is_let_pass(&mut self, pid: Pid, tid: Tid, place: Addr, stack_pointer: u64) -> bool {
        let strung = self.tripwires.strung.get_mut(&pid);
        let chains = strung.and_then(|strung| strung.passed_from.get_mut(&place));
        chains.is_some_and(|chains| chains.have(tid, Addr(stack_pointer)))
    }

    /// What its tripwires have taken the place of; nothing for one that borrows its memory, or has ended.
    pub fn replaced(&self, pid: Pid) -> Option<Replaced> {
        let trapped = self.trapped_bytes(pid);
        let strung = self.tripwires.strung.get(&pid);
        if strung.map_or(trapped.is_empty(), |strung| strung.is_borrowed) {
            return None;
        }
        let strung = strung.into_iter().flat_map(|strung| &strung.places);
        let bytes = strung.map(|(place, code)| (*place, code[0])).chain(trapped);
        Some(Replaced {
            pid,
            started: Stat::of_process(pid).ok()?.started,
            bytes: bytes.collect(),
        })
    }

    fn memory(&self, pid: Pid) -> Result<File, TraceError> {
        // A leader that has ended before the others has no memory any more.
        let threads = self.tracees.of_process(pid);
        let files = threads.iter().map(|(tid, _)| {
            let path = format!("/proc/{pid}/task/{tid}/mem");
            OpenOptions::new().read(true).write(true).open(path)
        });
        let mut opened = files.filter_map(Result::ok);
        opened.next().ok_or(TraceError::Gone { pid })
    }

    /// Takes the bytes out, or puts them in again.
    fn set_bytes(&mut self, pid: Pid, lift: bool) {
        let Ok(memory) = self.memory(pid) else {
            return;
        };
        let Some(strung) = self.tripwires.strung.get_mut(&pid) else {
            return;
        };
        if strung.is_lifted == lift || (strung.is_borrowed && lift) {
            return;
        }
        strung.is_lifted = lift;
        for (place, code) in &strung.places {
            let byte = if lift { code[0] } else { BREAKPOINT };
            // It fails where the program has unmapped the code: nothing is left of the byte.
            let _ = memory.write_all_at(&[byte], place.0);
        }
    }

    /// A thread is about to get SIGTRAP: whether that comes of a tripwire. If so it is put back to the instruction.
    pub(super) fn trips(&mut self, pid: Pid, tid: Tid) -> bool {
        let Some(strung) = self.tripwires.strung.get(&pid) else {
            return false;
        };
        let Ok(mut general) = registers::general(tid) else {
            return false;
        };
        let place = Addr(general.rip.wrapping_sub(1));
        let is_trap = ptrace::getsiginfo(raw(tid)).is_ok_and(|info| info.si_code == SI_KERNEL);
        if !is_trap || !strung.places.contains_key(&place) {
            return false;
        }
        general.rip = place.0;
        if registers::set_general(tid, general).is_err() {
            // It was killed meanwhile, which is told next.
            return true;
        }
        if self.is_let_pass(pid, tid, place, general.rsp) && self.do_instruction(pid, tid, place) {
            self.carry_on(tid, None);
            return true;
        }
        self.tracees.note(tid, Doing::Tripped);
        self.tripwires.visits += 1;
        let visit = self.tripwires.visits;
        self.tripwires.standing.insert(tid, (place, visit));
        let again = self.tripwires.coming_again.remove(&tid);
        if again == Some((place, general.rsp)) && self.holding.is_none() {
            let _ = self.pass(tid, visit);
            return true;
        }
        self.tell(TraceEvent::Tripped {
            pid,
            tid,
            place,
            visit,
            registers: general.into(),
        });
        true
    }

    /// A thread stands behind an instruction that has written to what is watched, as it would at a tripwire.
    pub(super) fn stays_behind_write(&mut self, pid: Pid, tid: Tid, place: Addr) {
        self.tracees.note(tid, Doing::Tripped);
        self.tripwires.visits += 1;
        let visit = self.tripwires.visits;
        self.tripwires.standing.insert(tid, (place, visit));
        self.tell(TraceEvent::Wrote { pid, tid, visit });
    }

    /// Keeps a process still, all of it, one thread of which stands behind a write. False as for [`freeze_tripped`](Self::freeze_tripped).
    pub fn freeze_written(&mut self, pid: Pid, tid: Tid, visit: u64) -> Result<bool, TraceError> {
        if self.stands_at_tripwire(tid, visit).is_none() || self.frozen.contains_key(&pid) {
            return Ok(false);
        }
        self.freeze_without_tripwires(pid)?;
        self.frozen.insert(pid, tid);
        Ok(true)
    }

    /// Where a thread stands, if it has stood there since a visit that was told.
    pub fn stands_at_tripwire(&self, tid: Tid, visit: u64) -> Option<Addr> {
        let (place, last) = self.tripwires.standing.get(&tid)?;
        (*last == visit).then_some(*place)
    }

    /// Lets a thread go on that stands at a tripwire. Nothing is done with one that does not: it was kept still with its process since, and
    /// comes there again. Not from within [`hold`](Follower::hold).
    pub fn pass(&mut self, tid: Tid, visit: u64) -> Result<(), TraceError> {
        let Some(place) = self.stands_at_tripwire(tid, visit) else {
            return Ok(());
        };
        self.tripwires.standing.remove(&tid);
        let Some(pid) = self.tracees.get(tid).map(|tracee| tracee.pid) else {
            return Ok(());
        };
        self.tracees.note(tid, Doing::Running);
        if self.do_instruction(pid, tid, place) {
            self.carry_on(tid, None);
            return Ok(());
        }
        self.tracees.note(tid, Doing::Waiting(None));
        self.stop_all(pid)?;
        self.set_bytes(pid, true);
        let is_done = self.step(tid, place);
        self.set_bytes(pid, false);
        drop(Hold::of_stopped(
            pid,
            self.held.iter().copied(),
            Release::Resume,
        ));
        self.forget_hold();
        if is_done {
            self.go_on(tid, false)?;
        }
        Ok(())
    }

    /// Does the instruction at a tripwire in a thread's place, if it is as simple as those that functions begin with.
    fn do_instruction(&self, pid: Pid, tid: Tid, place: Addr) -> bool {
        let strung = self.tripwires.strung.get(&pid);
        let Some(code) = strung.and_then(|strung| strung.places.get(&place)) else {
            return false;
        };
        let Ok(mut general) = registers::general(tid) else {
            return false;
        };
        let stack = general.rsp as ptrace::AddressType;
        let is_done = match Effect::of(code, &mut general) {
            Some(Effect::Registers) => true,
            // The stack may have to grow: then it is not done.
            Some(Effect::Push { at, word }) => {
                ptrace::write(raw(tid), at as ptrace::AddressType, word).is_ok()
            }
            Some(Effect::Return) if !disposition::has_shadow_stack(pid, tid) => {
                let caller = ptrace::read(raw(tid), stack);
                caller.is_ok_and(|caller| {
                    general.rip = caller.cast_unsigned();
                    general.rsp = general.rsp.wrapping_add(8);
                    true
                })
            }
            _ => false,
        };
        is_done && registers::set_general(tid, general).is_ok()
    }

    /// Lets a thread run one instruction, while all others of its process stand still and the bytes are out. False if a signal came first,
    /// which is then taken as ever.
    fn step(&mut self, tid: Tid, place: Addr) -> bool {
        for _ in 0..MOST_STEPS {
            if ptrace::step(raw(tid), None).is_err() {
                return true;
            }
            match waitpid(raw(tid), Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Stopped(_, Signal::SIGTRAP)) => return true,
                Ok(WaitStatus::Stopped(_, signal)) => {
                    if let Ok(general) = registers::general(tid) {
                        let again = (place, general.rsp);
                        self.tripwires.coming_again.insert(tid, again);
                    }
                    self.tracees.note(tid, Doing::Running);
                    self.about_to_get(tid, SignalNumber(signal as i32));
                    return false;
                }
                // It was asked to stop by the way.
                Ok(WaitStatus::PtraceEvent(..)) => {}
                // It was killed, which the end of its process tells.
                _ => return false,
            }
        }
        true
    }

    /// Keeps a process still, all of it, one thread of which stands at a tripwire. False if that does not stand there any more, or if the
    /// process is kept still already.
    pub fn freeze_tripped(&mut self, pid: Pid, tid: Tid, visit: u64) -> Result<bool, TraceError> {
        let Some(place) = self.stands_at_tripwire(tid, visit) else {
            return Ok(false);
        };
        if self.frozen.contains_key(&pid) {
            return Ok(false);
        }
        self.freeze_without_tripwires(pid)?;
        self.tripwires.kept.insert(tid, place);
        self.frozen.insert(pid, tid);
        Ok(true)
    }

    /// Stops the threads of a process, none of them before the signal of a tripwire, and takes the bytes out.
    pub(super) fn freeze_without_tripwires(&mut self, pid: Pid) -> Result<(), TraceError> {
        // While the others are asked to stop, they may come to one too.
        for _ in 0..MOST_ROUNDS {
            self.move_from_tripwires(pid);
            self.stop_all(pid)?;
            self.take_traps(pid);
            self.keep_stopped();
            let threads = self.tracees.of_process(pid);
            if threads.iter().all(|(_, doing)| *doing != Doing::Tripped) {
                break;
            }
        }
        self.set_bytes(pid, true);
        Ok(())
    }

    /// From before a signal, which they would get if pmdb ended, into a stop that was asked for; they run nothing in between. What they stand
    /// for is not told yet, or is forgotten: they come there again when the process goes on.
    fn move_from_tripwires(&mut self, pid: Pid) {
        let threads = self.tracees.of_process(pid);
        for (tid, _) in threads.iter().filter(|(_, doing)| *doing == Doing::Tripped) {
            self.tripwires.standing.remove(tid);
            self.leave_signal(*tid);
        }
    }

    /// From before a signal into a stop that is asked for.
    pub(super) fn leave_signal(&mut self, tid: Tid) {
        // It fails for one that was killed meanwhile.
        let _ = ptrace::interrupt(raw(tid));
        self.tracees.note(tid, Doing::Running);
        self.carry_on(tid, None);
    }

    /// The thread that has come to a tripwire for which a process is kept still.
    pub fn kept_at_tripwire(&self, pid: Pid) -> Option<Tid> {
        let tid = *self.frozen.get(&pid)?;
        let stands = self.tracees.get(tid)?.doing == Doing::Waiting(None);
        stands.then_some(tid)
    }

    /// A process that was kept still goes on: the thread for which it was gets past its tripwire first.
    pub(super) fn leave_tripwire(&mut self, pid: Pid) {
        for (tid, _) in self.tracees.of_process(pid) {
            if let Some(place) = self.tripwires.kept.remove(&tid) {
                self.step(tid, place);
            }
        }
        self.set_bytes(pid, false);
    }

    /// Takes all tripwires out of a process whose threads stand still, before it is left to itself.
    pub(super) fn cut(&mut self, pid: Pid) {
        if !self.tripwires.strung.contains_key(&pid) {
            return;
        }
        self.take_traps(pid);
        self.set_bytes(pid, true);
        self.tripwires.forget(pid);
    }

    /// A thread that was asked to stop just when it had run an `int3` has still to be told of that. It is put back to the instruction.
    fn take_traps(&mut self, pid: Pid) {
        let Some(strung) = self.tripwires.strung.get(&pid) else {
            return;
        };
        let has_run_one = |tid: &Tid| {
            let at = registers::general(*tid).map(|at| Addr(at.rip.wrapping_sub(1)));
            at.is_ok_and(|at| strung.places.contains_key(&at))
                && disposition::is_pending(pid, *tid, libc::SIGTRAP)
        };
        let late: Vec<Tid> = self.held.iter().copied().filter(has_run_one).collect();
        for tid in &late {
            self.held.remove(tid);
            self.tracees.note(*tid, Doing::Running);
            self.carry_on(*tid, None);
        }
        if !late.is_empty() {
            self.wait_until_stopped(pid);
        }
    }
}

/// `si_code` of an `int3` (`arch/x86/kernel/traps.c`).
const SI_KERNEL: i32 = libc::SI_KERNEL;

fn failed(pid: Pid, address: Addr, action: &'static str, error: &std::io::Error) -> TraceError {
    TraceError::Memory {
        pid,
        address,
        length: 1,
        action,
        errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
    }
}
