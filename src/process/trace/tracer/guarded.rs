//! Pages of followed processes that are protected from being written to: each thread that is about to is let through alone.
//!
//! To let it write, its page must be open, and then it is open for all threads of the process. So these stand still while it makes the one
//! instruction; other processes have page tables of their own, in which the page is closed. What the kernel writes for a
//! thread, in read(2), cannot be made step by step: the page is open until the kernel has gone on.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::ptrace;

use super::super::guarded_range::GuardedRange;
use super::super::hold::{Hold, Release, raw};
use super::super::lent_device::DeviceLoan;
use super::super::protection::{Fault, ProtectError, WriteProtection};
use super::super::{TraceError, registers};
use super::event::Birth;
use super::follower::Follower;
use super::passage::{Copied, OpenedPage, Passage};
use super::place::{Place, place_of};
use crate::model::{Addr, Pid, Tid};
use crate::process::Registers;
use crate::process::live::disposition::Disposition;

/// Faults that are answered before anything else is looked after.
const MOST_AT_ONCE: usize = 256;

/// Who writes, where, and how.
#[derive(Debug, Clone)]
pub struct GuardedWriter {
    /// Whose memory it is.
    pub pid: Pid,
    pub tid: Tid,
    /// The byte that it writes first, by the tag of what is guarded.
    pub tag: u64,
    /// Before the instruction. Of a thread in a system call only the stack pointer and where it goes on.
    pub registers: Registers,
    pub by: WrittenBy,
}

/// Who makes the write of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenBy {
    /// An instruction of the program.
    Instruction,
    /// The kernel, in a system call of this number, if that is known.
    Kernel(Option<i64>),
}

#[derive(Debug)]
pub enum GuardedMoment<'m> {
    /// The kernel is about to write for a thread, which runs on as soon as it has: now is the time to read its stack.
    Before(&'m GuardedWriter),
    /// It has written; an instruction's thread stands still, the kernel's does not.
    After(&'m GuardedWriter, &'m [OpenedPage]),
}

/// What is done about a write, on the tracing thread.
pub type OnGuardedWrite = Box<dyn FnMut(GuardedMoment<'_>) + Send>;

#[derive(Default)]
pub(super) struct Guards {
    by_process: BTreeMap<Pid, WriteProtection>,
    /// New processes, with what is to be protected in them at their first stop.
    newborn: BTreeMap<Pid, Vec<GuardedRange>>,
    /// Threads for which the kernel waits to write, and cannot be stopped before it has.
    parked: BTreeMap<Tid, (Pid, Fault)>,
    /// Those of whose faults was read while their process was being stopped.
    faulting: BTreeMap<Tid, (Pid, Fault)>,
    /// Those whose threads have other numbers in their own pid namespace.
    in_namespaces: BTreeSet<Pid>,
    /// Why a new process is not guarded.
    failed: BTreeMap<Pid, String>,
    on_write: Option<OnGuardedWrite>,
    loan: DeviceLoan,
    ready: Option<Epoll>,
}

impl Guards {
    /// Its memory is gone, or is another.
    pub fn forget(&mut self, pid: Pid) {
        // Closing it is what lets those go on who wait.
        self.by_process.remove(&pid);
        self.newborn.remove(&pid);
        self.parked.retain(|_, (owner, _)| *owner != pid);
    }

    pub fn forget_thread(&mut self, tid: Tid) {
        self.parked.remove(&tid);
        self.faulting.remove(&tid);
    }

    /// A forked child has the mappings, and no protection (`dup_userfaultfd`, without `UFFD_FEATURE_EVENT_FORK`).
    pub fn inherit(&mut self, parent: Pid, child: Pid, birth: Birth) {
        if birth == Birth::Vfork {
            return;
        }
        if let Some(guard) = self.by_process.get(&parent) {
            self.newborn.insert(child, guard.ranges().to_vec());
        }
    }

    fn add(&mut self, pid: Pid, guard: WriteProtection) -> Result<(), Errno> {
        if self.ready.is_none() {
            self.ready = Some(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        }
        if let Some(ready) = &self.ready {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::from(pid.0));
            ready.add(&guard, event)?;
        }
        self.by_process.insert(pid, guard);
        if Disposition::of(pid).is_some_and(|it| !it.shares_our_numbers()) {
            self.in_namespaces.insert(pid);
        }
        Ok(())
    }

    /// Whether a thread cannot write, although it does not stand still.
    pub fn is_parked(&self, tid: Tid, waited_long: bool) -> bool {
        self.parked.contains_key(&tid) || (waited_long && self.faulting.contains_key(&tid))
    }
}

impl Follower {
    /// What is done about writes to what is guarded in any process.
    pub fn on_guarded_write(&mut self, what: OnGuardedWrite, loan: DeviceLoan) {
        self.guards.on_write = Some(what);
        self.guards.loan = loan;
    }

    /// Guards whole pages of a followed process, instead of those before. It is stopped for a moment the first time.
    pub fn guard(&mut self, pid: Pid, ranges: &[GuardedRange]) -> Result<(), ProtectError> {
        if !self.guards.by_process.contains_key(&pid) {
            // A step ends with a trap. Where it cannot be made to survive one, it is guarded all the same.
            let loan = self.guards.loan;
            let held = self.hold(pid, |hold| {
                // To bring a thread onto its detour and back takes longer than the calls that it makes there.
                hold.on_one_detour(|hold| {
                    let guard = WriteProtection::of(hold, loan);
                    let survives = guard.is_ok() && hold.survive_traps().unwrap_or(false);
                    (guard, survives)
                })
            })?;
            let (guard, survives) = held?;
            if survives {
                self.watchpoints.note_surviving(pid);
            }
            let guard = guard?;
            self.guards
                .add(pid, guard)
                .map_err(|errno| ProtectError::Unsupported { errno })?;
        }
        match self.guards.by_process.get_mut(&pid) {
            Some(guard) => guard.protect(ranges),
            None => Ok(()),
        }
    }

    /// Those that are guarded.
    pub fn guarded(&self) -> Vec<Pid> {
        self.guards.by_process.keys().copied().collect()
    }

    /// Why new processes are not guarded that should be; each is said once.
    pub fn unguarded(&mut self) -> BTreeMap<Pid, String> {
        std::mem::take(&mut self.guards.failed)
    }

    /// Takes all protection off. Who waits goes on.
    pub fn unguard(&mut self) {
        self.guards = Guards::default();
    }

    /// What can be read from as soon as somebody waits to write.
    pub fn guard_signal(&self) -> Option<OwnedFd> {
        let ready = self.guards.ready.as_ref()?;
        ready.0.as_fd().try_clone_to_owned().ok()
    }

    /// A new process stands in its first stop.
    pub(super) fn guard_newborn(&mut self, pid: Pid, tid: Tid) {
        let Some(ranges) = self.guards.newborn.remove(&pid) else {
            return;
        };
        // It stays where it is.
        let mut hold = Hold::of_stopped(pid, [tid], Release::Keep);
        let guard = WriteProtection::of(&mut hold, self.guards.loan).and_then(|mut guard| {
            guard.protect(&ranges)?;
            Ok(guard)
        });
        drop(hold);
        let added = guard.map_err(|error| error.to_string()).and_then(|guard| {
            self.guards
                .add(pid, guard)
                .map_err(|errno| errno.to_string())
        });
        if let Err(why) = added {
            self.guards.failed.insert(pid, why);
        }
    }

    /// Lets those write who wait to, one after the other, and tells of each. True if some may be left.
    pub fn let_write(&mut self) -> bool {
        for _ in 0..MOST_AT_ONCE {
            let parked = self.guards.parked.pop_first();
            let next = parked.map(|(tid, (pid, fault))| (pid, tid, fault, true));
            let Some((pid, tid, fault, is_parked)) = next.or_else(|| self.next_fault()) else {
                return false;
            };
            let answered = match place_of(tid) {
                _ if !self.is_guarded(pid, fault) => Err(TraceError::Gone { pid }),
                Some(Place::Kernel { number, at }) => {
                    self.let_kernel_write(pid, tid, fault, Some(number), at)
                }
                Some(Place::Program { at }) if !is_parked => {
                    self.let_thread_write(pid, tid, fault, at)
                }
                // It went on meanwhile, or waits and nobody has answered it: it comes to its instruction again.
                Some(Place::Program { .. }) if self.ask_to_stop(tid) => Ok(()),
                // It is on its way to its wait for long, and stops there if it is at an instruction: then it is looked at once more.
                None if !is_parked && self.ask_to_stop(tid) => {
                    self.guards.parked.insert(tid, (pid, fault));
                    Ok(())
                }
                _ => self.let_kernel_write(pid, tid, fault, None, Registers::default()),
            };
            // Its process ends just now, or cannot be stopped: it is not to wait for ever.
            if answered.is_err()
                && let Some(guard) = self.guards.by_process.get(&pid)
            {
                let _ = guard.open(fault.page());
            }
        }
        true
    }

    /// Whether a page is still one of the segment: others that are protected by mistake are opened for good.
    fn is_guarded(&self, pid: Pid, fault: Fault) -> bool {
        let guard = self.guards.by_process.get(&pid);
        guard.is_some_and(|guard| guard.tag_of(fault.address).is_some())
    }

    /// False for one that is not traced, or has ended.
    fn ask_to_stop(&self, tid: Tid) -> bool {
        self.tracees.get(tid).is_some() && ptrace::interrupt(raw(tid)).is_ok()
    }

    fn next_fault(&mut self) -> Option<(Pid, Tid, Fault, bool)> {
        let guards = self.guards.by_process.iter();
        let (pid, fault) = guards
            .filter_map(|(pid, guard)| Some((*pid, guard.next()?)))
            .next()?;
        Some((pid, self.thread(pid, fault.thread), fault, false))
    }

    /// A thread by the number that the kernel tells, which is that of its own pid namespace.
    fn thread(&self, pid: Pid, number: u32) -> Tid {
        if !self.guards.in_namespaces.contains(&pid) {
            return Tid(number);
        }
        let own_number = |tid: Tid| Disposition::of(Pid(tid.0)).and_then(|it| it.own_number());
        let threads = self.tracees.of_process(pid);
        let mut threads = threads.into_iter().map(|(tid, _)| tid);
        threads
            .find(|tid| own_number(*tid) == Some(Pid(number)))
            .unwrap_or(Tid(number))
    }

    /// Reads of those who have come to wait while their process is being stopped.
    pub(super) fn read_faults(&mut self, pid: Pid) {
        while let Some(fault) = self
            .guards
            .by_process
            .get(&pid)
            .and_then(WriteProtection::next)
        {
            let tid = self.thread(pid, fault.thread);
            self.guards.faulting.insert(tid, (pid, fault));
        }
    }

    /// Those who stand still by now come to their instruction again; for the others the kernel is to write.
    pub(super) fn sort_faults(&mut self) {
        for (tid, fault) in std::mem::take(&mut self.guards.faulting) {
            if !self.held.contains(&tid) {
                self.guards.parked.insert(tid, fault);
            }
        }
    }

    fn let_thread_write(
        &mut self,
        pid: Pid,
        tid: Tid,
        fault: Fault,
        at: Addr,
    ) -> Result<(), TraceError> {
        let owner = self.tracees.get(tid).map_or(pid, |tracee| tracee.pid);
        self.stop_all(owner)?;
        self.sort_faults();
        let mut hold = Hold::of_stopped(owner, self.held.iter().copied(), Release::Resume);
        let page = (pid, fault.page());
        let mut parked = self.guards.parked.values();
        // The kernel would write there too while the page is open: that comes first, and this thread to its instruction again.
        let waits_for_kernel = parked.any(|(pid, fault)| (*pid, fault.page()) == page);
        let is_held = self.held.contains(&tid);
        if waits_for_kernel || !is_held {
            drop(hold);
            self.forget_hold();
            return match is_held {
                true => Ok(()),
                // It is no tracee, or works for the kernel (io_uring(7)).
                false => self.let_kernel_write(pid, tid, fault, None, Registers::default()),
            };
        }
        let mut failed = None;
        let general = registers::general(tid);
        // A signal may have come first, and it is in its handler.
        if let Ok(general) = general
            && general.rip == at.0
            && let Some(guard) = self.guards.by_process.get(&pid)
        {
            let mut passage = Passage::new(guard, fault.thread);
            let passed = passage.through(&mut hold, tid, fault);
            let pages = passage.closed();
            failed = passage.failed;
            let others = passage.others;
            let writer = GuardedWriter {
                pid,
                tid,
                tag: guard.tag_of(fault.address).unwrap_or(0),
                registers: general.into(),
                by: WrittenBy::Instruction,
            };
            // Also a part of an instruction that is repeated, if a signal has come in between.
            if (passed || pages.iter().any(OpenedPage::has_changed))
                && let Some(on_write) = &mut self.guards.on_write
            {
                on_write(GuardedMoment::After(&writer, &pages));
            }
            for other in others {
                let thread = self.thread(pid, other.thread);
                self.guards.parked.insert(thread, (pid, other));
            }
        }
        drop(hold);
        self.forget_hold();
        self.end_guard_that_failed(pid, failed);
        Ok(())
    }

    /// Who waits for a page that cannot be opened goes on when nothing is protected any more.
    fn end_guard_that_failed(&mut self, pid: Pid, failed: Option<Errno>) {
        if let Some(errno) = failed {
            self.guards.forget(pid);
            let why = format!("one of its pages could not be made writable again ({errno})");
            self.guards.failed.insert(pid, why);
        }
    }

    /// The kernel copies page after page, each of which is open for as long as it needs. The thread is asked to stop meanwhile: it does so
    /// when the system call is over, before it could write to a page itself. Until then it does not wait for a page but tries again and again.
    fn let_kernel_write(
        &mut self,
        pid: Pid,
        tid: Tid,
        fault: Fault,
        number: Option<i64>,
        at: Registers,
    ) -> Result<(), TraceError> {
        let tag_of = |guards: &Guards, address| {
            let guard = guards.by_process.get(&pid);
            guard.and_then(|guard| guard.tag_of(address)).unwrap_or(0)
        };
        let mut writer = GuardedWriter {
            pid,
            tid,
            tag: tag_of(&self.guards, fault.address),
            registers: at,
            by: WrittenBy::Kernel(number),
        };
        if let Some(on_write) = &mut self.guards.on_write {
            on_write(GuardedMoment::Before(&writer));
        }
        self.guards.parked.insert(tid, (pid, fault));
        self.stop_all(pid)?;
        self.sort_faults();
        self.guards.parked.remove(&tid);
        let hold = Hold::of_stopped(pid, self.held.iter().copied(), Release::Resume);
        let is_traced = self.tracees.get(tid).is_some();
        let mut next = Some(fault);
        let mut has_stopped = false;
        let mut failed = None;
        while let Some(fault) = next.take()
            && let Some(guard) = self.guards.by_process.get(&pid)
        {
            let mut passage = Passage::new(guard, fault.thread);
            passage.open(fault.page());
            let copied = passage.wait_for_kernel(tid, is_traced, fault.page());
            let pages = passage.closed();
            failed = failed.or(passage.failed);
            let others = passage.others;
            let has_written = match copied {
                Copied::Page(following) => {
                    next = Some(following);
                    true
                }
                Copied::All => {
                    has_stopped = true;
                    true
                }
                Copied::Perhaps => pages.iter().any(OpenedPage::has_changed),
            };
            if has_written && let Some(on_write) = &mut self.guards.on_write {
                on_write(GuardedMoment::After(&writer, &pages));
            }
            for other in others {
                let thread = self.thread(pid, other.thread);
                self.guards.parked.insert(thread, (pid, other));
            }
            if let Some(fault) = next {
                writer.tag = tag_of(&self.guards, fault.address);
            }
        }
        drop(hold);
        self.forget_hold();
        if has_stopped {
            self.stopped_itself(tid);
        }
        self.end_guard_that_failed(pid, failed);
        Ok(())
    }
}
