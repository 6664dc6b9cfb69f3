//! A thread on its way through pages that are open for it alone.

use std::time::{Duration, Instant};

use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;

use super::super::detour::{set_signal_mask, signal_mask};
use super::super::hold::{Hold, raw};
use super::super::kernel::{self, Resume, SignalNumber, Status};
use super::super::protection::{Fault, WriteProtection};
use super::super::registers;
use super::watchpoint::set_debug_register;
use crate::model::{Addr, Pid, ThreadState, Tid};
use crate::process::live::stat::Stat;

/// Pages that are open at once: an instruction may write across the border of two.
const MOST_OPEN: usize = 2;
/// How long one instruction may take.
const LONGEST_STEP: Duration = Duration::from_secs(2);
/// How long a page is open for the kernel, which copies a page in less.
const LONGEST_COPY: Duration = Duration::from_millis(20);
/// How long it mostly is on its way to the next page. A thread that is asked to stop before may get less from its system call than it could
/// have: that of `/dev/urandom` looks for signals after each page (`get_random_bytes_user`, `drivers/char/random.c`).
const USUAL_COPY: Duration = Duration::from_micros(200);
/// Bytes of the longest instruction.
const LONGEST_INSTRUCTION: usize = 15;
/// Instructions that write to memory and may be repeated (Intel SDM, volume 2B, "REP").
const REPEATED: [Mnemonic; 8] = [
    Mnemonic::Movsb,
    Mnemonic::Movsw,
    Mnemonic::Movsd,
    Mnemonic::Movsq,
    Mnemonic::Stosb,
    Mnemonic::Stosw,
    Mnemonic::Stosd,
    Mnemonic::Stosq,
];

/// A page before and after.
#[derive(Debug, Clone)]
pub struct OpenedPage {
    /// Of its first byte.
    pub tag: u64,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

impl OpenedPage {
    pub(super) fn has_changed(&self) -> bool {
        self.before != self.after
    }
}

/// What the kernel has written, once it was let.
pub(super) enum Copied {
    /// All of a page, and it comes to the next.
    Page(Fault),
    /// All that it has; the thread has stopped.
    All,
    /// It waits for something, or the thread has gone on.
    Perhaps,
}

/// A page, with what was in it before.
struct Open {
    page: Addr,
    before: Vec<u8>,
}

/// A thread on its way through pages that are open for it.
pub(super) struct Passage<'g> {
    guard: &'g WriteProtection,
    pages: Vec<Open>,
    /// Of other threads that wait for the kernel to write.
    pub others: Vec<Fault>,
    /// Why a page could not be opened: who waits for it would wait for ever.
    pub failed: Option<Errno>,
    own_number: u32,
    /// The signals that the thread blocks, if SIGTRAP is one and is let through for the step.
    mask: Option<u64>,
}

impl<'g> Passage<'g> {
    pub fn new(guard: &'g WriteProtection, own_number: u32) -> Passage<'g> {
        Passage {
            guard,
            pages: Vec::new(),
            others: Vec::new(),
            failed: None,
            own_number,
            mask: None,
        }
    }

    pub fn open(&mut self, page: Addr) {
        let before = self.guard.read(page).unwrap_or_default();
        self.pages.push(Open { page, before });
        if let Err(errno) = self.guard.open(page) {
            self.failed = Some(errno);
        }
    }

    /// Closes the pages again.
    pub fn closed(&mut self) -> Vec<OpenedPage> {
        let closed = std::mem::take(&mut self.pages).into_iter();
        let closed = closed.filter_map(|Open { page, before }| {
            // One that is not guarded any more stays open.
            let tag = self.guard.tag_of(page)?;
            let _ = self.guard.close(page);
            Some(OpenedPage {
                tag,
                before,
                after: self.guard.read(page).unwrap_or_default(),
            })
        });
        closed.collect()
    }

    /// Waits until the kernel has written what it has for a page that is open.
    pub fn wait_for_kernel(&mut self, tid: Tid, is_traced: bool, page: Addr) -> Copied {
        let mut is_asked = false;
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_COPY {
            if is_traced && !is_asked && begun.elapsed() > USUAL_COPY {
                is_asked = true;
                // It fails for one that was killed.
                let _ = ptrace::interrupt(raw(tid));
            }
            match is_traced.then(|| kernel::status(tid)) {
                Some(Status::Interrupted | Status::SystemCall | Status::Other) => {
                    return Copied::All;
                }
                Some(Status::Signal(signal)) => {
                    // It is asked again: any stop makes the kernel forget that.
                    let _ = ptrace::interrupt(raw(tid));
                    let _ = kernel::resume(tid, Resume::Continue, Some(signal));
                }
                Some(Status::Ended) => return Copied::Perhaps,
                Some(Status::Unchanged) => {}
                // Another process writes into this one, and is nobody's tracee: it waits for something, or has gone on.
                None if !is_running(tid) => return Copied::Perhaps,
                None => {}
            }
            while let Some(next) = self.guard.next() {
                if next.thread != self.own_number {
                    self.others.push(next);
                } else if next.page() != page {
                    return Copied::Page(next);
                }
            }
            std::thread::yield_now();
        }
        Copied::Perhaps
    }

    /// Has the thread make the instruction, and brings it to a stop behind it. False if it may not have made it.
    pub fn through(&mut self, hold: &mut Hold, tid: Tid, fault: Fault) -> bool {
        self.let_traps_through(tid);
        let passed = self.step(hold, tid, fault);
        self.block_traps_again(tid);
        passed
    }

    /// A trap that a thread blocks is forced on it: the kernel then unblocks it for good, and sets what the program does on SIGTRAP to the default
    /// (`force_sig_info_to_task`, `kernel/signal.c`).
    fn let_traps_through(&mut self, tid: Tid) {
        const TRAP: u64 = 1 << (libc::SIGTRAP - 1);
        let Ok(mask) = signal_mask(tid) else {
            return;
        };
        if mask & TRAP != 0 && set_signal_mask(tid, mask & !TRAP).is_ok() {
            self.mask = Some(mask);
        }
    }

    fn block_traps_again(&mut self, tid: Tid) {
        if let Some(mask) = self.mask.take() {
            // It fails for one that was killed.
            let _ = set_signal_mask(tid, mask);
        }
    }

    fn step(&mut self, hold: &mut Hold, tid: Tid, fault: Fault) -> bool {
        self.open(fault.page());
        let behind = end_of_repetition(hold, tid);
        let is_trapped = behind.is_some_and(|behind| stop_at(tid, behind).is_ok());
        let go_on = || match is_trapped {
            true => kernel::resume(tid, Resume::Continue, None),
            false => ptrace::step(raw(tid), None),
        };
        let mut way = go_on();
        let begun = Instant::now();
        let passed = loop {
            if way.is_err() {
                break false;
            }
            match kernel::status(tid) {
                Status::Signal(SignalNumber(libc::SIGTRAP)) if is_of_processor(tid) => {
                    let _ = hold.stop_again(tid);
                    break true;
                }
                Status::Signal(signal) => {
                    // The instruction is made when its handler is done, after which the mask is the one of now.
                    self.block_traps_again(tid);
                    let _ = ptrace::interrupt(raw(tid));
                    let _ = kernel::resume(tid, Resume::Continue, Some(signal));
                    hold.stop_running(tid);
                    break false;
                }
                Status::Interrupted | Status::SystemCall | Status::Other => way = go_on(),
                Status::Ended => break false,
                Status::Unchanged => {}
            }
            while let Some(next) = self.guard.next() {
                if next.thread != self.own_number {
                    self.others.push(next);
                } else if self.pages.len() < MOST_OPEN {
                    self.open(next.page());
                } else {
                    // What it has written so far is one write, the rest another.
                    hold.stop_running(tid);
                    if is_trapped {
                        let _ = set_debug_register(tid, 7, 0);
                    }
                    return true;
                }
            }
            if begun.elapsed() > LONGEST_STEP {
                hold.stop_running(tid);
                break false;
            }
            std::thread::yield_now();
        };
        if is_trapped {
            let _ = set_debug_register(tid, 7, 0);
        }
        passed
    }
}

/// Behind an instruction that is repeated, as in a copy of many bytes: a step would be one repetition only.
fn end_of_repetition(hold: &Hold, tid: Tid) -> Option<Addr> {
    let at = registers::general(tid).ok()?.rip;
    let mut code = [0; LONGEST_INSTRUCTION];
    hold.read(Addr(at), &mut code).ok()?;
    let instruction = Decoder::with_ip(64, &code, at, DecoderOptions::NONE).decode();
    let is_repeated = instruction.has_rep_prefix() || instruction.has_repne_prefix();
    (is_repeated && REPEATED.contains(&instruction.mnemonic())).then(|| Addr(instruction.next_ip()))
}

/// By the first debug register; bit L0 of register 7 switches it on (Intel SDM, volume 3, 19.2.4).
fn stop_at(tid: Tid, address: Addr) -> Result<(), Errno> {
    set_debug_register(tid, 0, address.0)?;
    set_debug_register(tid, 7, 1)
}

/// Whether the signal that a thread is about to get comes of the processor, and nobody has sent it (`sigaction(2)`, `si_code`).
fn is_of_processor(tid: Tid) -> bool {
    ptrace::getsiginfo(raw(tid)).is_ok_and(|info| info.si_code > 0)
}

/// Whether a thread runs, wherever. `/proc/TID` is there for every thread, though it is not listed.
fn is_running(tid: Tid) -> bool {
    Stat::of_process(Pid(tid.0)).is_ok_and(|stat| stat.state == ThreadState::Running)
}
