//! The processor's debug registers: every thread of a followed process stops after it has written to an address that is watched.
//!
//! There are four, each for 1, 2, 4 or 8 bytes that are aligned to their number (Intel SDM, volume 3B, 17.2). They belong to a thread: a new one
//! has none, though the kernel shows its parent's DR7 for it (`copy_thread`, `arch/x86/kernel/process.c`), so each is armed at its first stop. They
//! compare virtual addresses, and only what instructions of the program do: what the kernel writes for it is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::ptrace;

use super::super::hold::{Hold, Release, raw};
use super::super::kernel::{self, Resume};
use super::super::{TraceError, registers};
use super::event::Birth;
use super::follower::Follower;
use super::tracees::Doing;
use crate::model::{Addr, Pid, Tid};
use crate::process::Registers;
use crate::process::live::disposition;

/// How many there are.
pub const WATCHPOINTS: usize = 4;

/// `si_code` of a trap for a hardware breakpoint or watchpoint (`TRAP_HWBKPT`, `include/uapi/asm-generic/siginfo.h`).
const TRAP_HWBKPT: i32 = 4;

/// Bytes that are watched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchpoint {
    pub address: Addr,
    /// 1, 2, 4 or 8; the address is a multiple of it.
    pub length: u8,
    /// What it is to whom has set it.
    pub tag: u64,
}

/// A thread has written to what is watched, and stands behind the instruction.
#[derive(Debug, Clone)]
pub struct Write {
    pub pid: Pid,
    pub tid: Tid,
    /// What it has written to, of what is watched in its process; all of it, if that is not known.
    pub hit: Vec<Watchpoint>,
    pub registers: Registers,
}

/// What becomes of a thread that has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterWrite {
    GoesOn,
    /// It stands where it is, which is told ([`TraceEvent::Wrote`]), until its process is kept still for it and goes on.
    Stays,
}

/// What is done about a write, on the tracing thread.
pub type OnWrite = Box<dyn FnMut(Write) -> AfterWrite + Send>;

/// What is watched, and by whose threads.
#[derive(Default)]
pub(super) struct Watchpoints {
    by_process: BTreeMap<Pid, Vec<Watchpoint>>,
    armed: BTreeSet<Tid>,
    /// Processes in which something else was watched before: of a trap that was under way it is not known of which register it came.
    rearmed: BTreeSet<Pid>,
    on_write: Option<OnWrite>,
    /// Processes that have got a handler with which they survive the end of pmdb.
    surviving: BTreeSet<Pid>,
    /// Threads that could not be armed: their writes are missed.
    failed: BTreeMap<Tid, Errno>,
}

impl Watchpoints {
    /// It has got a handler with which it survives the end of pmdb.
    pub fn note_surviving(&mut self, pid: Pid) {
        self.surviving.insert(pid);
    }

    pub fn forget_thread(&mut self, tid: Tid) {
        self.armed.remove(&tid);
    }

    /// Its memory is gone, or is another.
    pub fn forget(&mut self, pid: Pid) {
        self.by_process.remove(&pid);
        self.rearmed.remove(&pid);
        self.surviving.remove(&pid);
    }

    /// A child maps at the same addresses what its parent shares.
    pub fn inherit(&mut self, parent: Pid, child: Pid, _: Birth) {
        if self.surviving.contains(&parent) {
            self.surviving.insert(child);
        }
        if let Some(points) = self.by_process.get(&parent) {
            self.by_process.insert(child, points.clone());
        }
    }
}

impl Follower {
    /// What is done about writes to what is watched in any process.
    pub fn on_write(&mut self, what: OnWrite) {
        self.watchpoints.on_write = Some(what);
    }

    /// Watches addresses in all threads of a followed process, instead of those before: at most [`WATCHPOINTS`]. The process is stopped
    /// for a moment.
    pub fn watch(&mut self, pid: Pid, points: &[Watchpoint]) -> Result<(), TraceError> {
        // Before any thread is armed: pmdb may be killed at any moment.
        self.have_survive(pid)?;
        let before = self.watchpoints.by_process.insert(pid, points.to_vec());
        if before.is_some_and(|before| before != points) {
            self.watchpoints.rearmed.insert(pid);
        }
        for (tid, doing) in self.tracees.of_process(pid) {
            self.watchpoints.forget_thread(tid);
            // Of a process that is kept still none comes to a stop now.
            if doing.stands_still() {
                self.arm(tid);
            }
        }
        let threads: Vec<Tid> = self.hold(pid, |hold| hold.stopped().collect())?;
        // Those that did not stop are armed at their next stop, and so are those that are made now.
        for tid in threads {
            if !self.watchpoints.armed.contains(&tid) {
                // It has ended or was not armed when it stopped.
                self.watchpoints.failed.entry(tid).or_insert(Errno::ESRCH);
            }
        }
        Ok(())
    }

    /// Has a process survive a trap that comes when pmdb was killed. Where it cannot be made to, it is watched all the same.
    fn have_survive(&mut self, pid: Pid) -> Result<(), TraceError> {
        if self.watchpoints.surviving.contains(&pid) {
            return Ok(());
        }
        // Of one that is kept still none comes to a stop now.
        let stopped = self.stopped_on_request(pid);
        let survives = match stopped.is_empty() {
            true => self.hold(pid, Hold::survive_traps)?,
            false => Hold::of_stopped(pid, stopped, Release::Keep).survive_traps(),
        };
        if let Ok(true) = survives {
            self.watchpoints.surviving.insert(pid);
        }
        Ok(())
    }

    /// Threads of a process that stand still where they were asked to: a system call can be made in such a stop. In one within a call of
    /// the program's the kernel would go on with that.
    fn stopped_on_request(&self, pid: Pid) -> Vec<Tid> {
        let threads = self.tracees.of_process(pid).into_iter();
        let waiting = threads.filter(|(_, doing)| *doing == Doing::Waiting(None));
        let is_asked = |tid: &Tid| {
            let code = ptrace::getsiginfo(raw(*tid)).map(|info| info.si_code >> 8);
            code == Ok(libc::PTRACE_EVENT_STOP)
        };
        waiting.map(|(tid, _)| tid).filter(is_asked).collect()
    }

    /// Those that are watched.
    pub fn watched(&self) -> Vec<Pid> {
        self.watchpoints.by_process.keys().copied().collect()
    }

    /// Threads whose writes are missed, since the kernel did not arm them.
    pub fn unarmed(&self) -> Vec<(Tid, Errno)> {
        let lives = |(tid, _): &(&Tid, &Errno)| self.tracees.get(**tid).is_some();
        let failed = self.watchpoints.failed.iter().filter(lives);
        failed.map(|(tid, errno)| (*tid, *errno)).collect()
    }

    /// Arms a thread that stands still, if its process is watched and it is not armed yet.
    pub(super) fn arm(&mut self, tid: Tid) {
        if self.watchpoints.by_process.is_empty() || self.watchpoints.armed.contains(&tid) {
            return;
        }
        let Some(pid) = self.tracees.get(tid).map(|tracee| tracee.pid) else {
            return;
        };
        let Some(points) = self.watchpoints.by_process.get(&pid) else {
            return;
        };
        // It is armed once it has come there.
        if self.traps.has(tid) {
            self.watchpoints.failed.insert(tid, Errno::EBUSY);
            return;
        }
        match set(tid, points) {
            Ok(()) => {
                self.watchpoints.armed.insert(tid);
                self.watchpoints.failed.remove(&tid);
            }
            Err(errno) => drop(self.watchpoints.failed.insert(tid, errno)),
        }
    }

    /// Disarms the threads of a process that stand still: they would die of what they write once nobody traces them.
    pub(super) fn disarm(&mut self, pid: Pid) {
        let survives = self.watchpoints.surviving.contains(&pid);
        if self.watchpoints.by_process.contains_key(&pid) {
            self.take_late_traps(pid);
            self.watchpoints.forget(pid);
            for (tid, _) in self.tracees.of_process(pid) {
                if self.watchpoints.armed.remove(&tid) {
                    let _ = set_debug_register(tid, 7, 0);
                }
            }
        }
        if survives {
            self.watchpoints.surviving.remove(&pid);
            let mut stopped = self.stopped_on_request(pid);
            stopped.extend(&self.held);
            let mut hold = Hold::of_stopped(pid, stopped, Release::Keep);
            // It fails if it ends just now.
            let _ = hold.end_surviving_traps();
        }
    }

    /// A thread that was asked to stop just when it had written has still to be told of its trap, and would die of it.
    pub(super) fn take_late_traps(&mut self, pid: Pid) {
        let has_written = |tid: &Tid| {
            (self.watchpoints.armed.contains(tid) || self.traps.has(*tid))
                && disposition::is_pending(pid, *tid, libc::SIGTRAP)
        };
        let late: Vec<Tid> = self.held.iter().copied().filter(has_written).collect();
        for tid in &late {
            self.held.remove(tid);
            self.tracees.note(*tid, Doing::Running);
            // Without asking it to stop: that would come before the signal again. It stops with that, and runs nothing before.
            let _ = kernel::resume(*tid, Resume::Continue, None);
        }
        if !late.is_empty() {
            self.wait_until_stopped(pid);
        }
    }

    /// A thread is about to get SIGTRAP: whether that comes of a watchpoint. If so it is told, and the thread has gone on.
    pub(super) fn has_written(&mut self, pid: Pid, tid: Tid) -> bool {
        if !self.watchpoints.armed.contains(&tid) {
            return false;
        }
        let is_trap = ptrace::getsiginfo(raw(tid)).is_ok_and(|info| info.si_code == TRAP_HWBKPT);
        let status = read(tid, 6).unwrap_or(0);
        // The kernel keeps the bits until somebody clears them.
        let _ = set_debug_register(tid, 6, 0);
        let which: Vec<usize> = (0..WATCHPOINTS)
            .filter(|which| status & 1 << which != 0)
            .collect();
        if !is_trap || which.is_empty() {
            return false;
        }
        let points = self.watchpoints.by_process.get(&pid);
        let points = points.map_or(&[][..], Vec::as_slice);
        let is_any = self.watchpoints.rearmed.contains(&pid);
        let all = points.iter().copied().enumerate();
        let hit = all.filter(|(number, _)| is_any || which.contains(number));
        let hit: Vec<Watchpoint> = hit.map(|(_, point)| point).collect();
        if let Ok(general) = registers::general(tid)
            && let Some(on_write) = &mut self.watchpoints.on_write
        {
            let after = on_write(Write {
                pid,
                tid,
                hit,
                registers: general.into(),
            });
            if after == AfterWrite::Stays {
                self.stays_behind_write(pid, tid, Addr(general.rip));
                return true;
            }
        }
        self.carry_on(tid, None);
        true
    }
}

/// Of a thread that stands still. Everything is switched off first: see above on new threads.
fn set(tid: Tid, points: &[Watchpoint]) -> Result<(), Errno> {
    set_debug_register(tid, 7, 0)?;
    let mut control: u64 = 0;
    for (number, point) in points.iter().enumerate().take(WATCHPOINTS) {
        set_debug_register(tid, number, point.address.0)?;
        // DR7: enabled for this thread; on writes; the length.
        let length: u64 = match point.length {
            1 => 0b00,
            2 => 0b01,
            4 => 0b11,
            _ => 0b10,
        };
        control |= 1 << (2 * number) | (0b01 | length << 2) << (16 + 4 * number);
    }
    set_debug_register(tid, 7, control)
}

fn offset(number: usize) -> ptrace::AddressType {
    (offset_of!(libc::user, u_debugreg) + number * size_of::<u64>()) as ptrace::AddressType
}

fn read(tid: Tid, number: usize) -> Result<u64, Errno> {
    ptrace::read_user(raw(tid), offset(number)).map(c_long::cast_unsigned)
}

/// `struct user` of `sys/user.h`.
pub(in super::super) fn set_debug_register(
    tid: Tid,
    number: usize,
    value: u64,
) -> Result<(), Errno> {
    ptrace::write_user(raw(tid), offset(number), value.cast_signed())
}
