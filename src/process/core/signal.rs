//! The signal that ended a process.

use std::fmt;

use nix::libc;
use nix::sys::signal::Signal;

use super::field;
use super::notes::Notes;
use crate::model::{Addr, Pid, Tid};

/// What `NT_SIGINFO` tells: `siginfo_t`, sigaction(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignalInfo {
    signal: i32,
    code: i32,
    /// `si_addr`, or `si_pid` and `si_uid`.
    detail: u64,
}

/// The signal that ended the process, or that it was stopped at when it was dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FatalSignal {
    pub number: i32,
    /// The thread that got it.
    pub thread: Tid,
    /// `si_code`, if the core tells.
    pub code: Option<i32>,
    pub cause: SignalCause,
}

/// Where a signal came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalCause {
    /// The thread's own instruction: what it touched, or the instruction itself (`si_addr`).
    Fault(Addr),
    /// A fault of which the processor does not tell the address: one that is not canonical.
    UnknownFault,
    /// The process raised it: `abort()`.
    Itself,
    /// Another process sent it.
    Sender { pid: Pid, uid: u32 },
    /// The core does not tell.
    Unknown,
}

impl SignalInfo {
    pub(super) fn parse(bytes: &[u8]) -> Option<SignalInfo> {
        Some(SignalInfo {
            signal: field::i32(bytes, 0)?,
            code: field::i32(bytes, 8)?,
            detail: field::u64(bytes, 16)?,
        })
    }

    fn cause(self, own: Option<Pid>) -> SignalCause {
        let sender = Pid(self.detail as u32);
        match (self.signal, self.code) {
            (libc::SIGSEGV | libc::SIGBUS, libc::SI_KERNEL) => SignalCause::UnknownFault,
            (libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE, 1..) => {
                SignalCause::Fault(Addr(self.detail))
            }
            (_, libc::SI_USER | libc::SI_TKILL | libc::SI_QUEUE) if own == Some(sender) => {
                SignalCause::Itself
            }
            (_, libc::SI_USER | libc::SI_TKILL | libc::SI_QUEUE) => SignalCause::Sender {
                pid: sender,
                uid: (self.detail >> 32) as u32,
            },
            _ => SignalCause::Unknown,
        }
    }
}

impl FatalSignal {
    /// The signal of the first thread that has one of those that make a core (signal(7)). Others, such as the
    /// `SIGSTOP` that a debugger stops a process with, did not end it.
    pub(super) fn find(notes: &Notes) -> Option<FatalSignal> {
        let thread = notes
            .threads
            .iter()
            .find(|thread| makes_core(thread.signal))?;
        let own = notes.process.as_ref().map(|process| process.pid);
        let info = thread
            .signal_info()
            .filter(|info| info.signal == thread.signal);
        Some(FatalSignal {
            number: thread.signal,
            thread: thread.tid,
            code: info.map(|info| info.code),
            cause: info.map_or(SignalCause::Unknown, |info| info.cause(own)),
        })
    }

    /// `SIGSEGV`.
    pub fn name(&self) -> &'static str {
        Signal::try_from(self.number).map_or("an unknown signal", Signal::as_str)
    }

    /// What `si_code` means, for the signals where that helps.
    fn reason(&self) -> Option<&'static str> {
        Some(match (self.number, self.code?) {
            (libc::SIGSEGV, 1) => "nothing was mapped there",
            (libc::SIGSEGV, 2) => "the mapping there does not permit it",
            (libc::SIGBUS, 1) => "a misaligned address",
            (libc::SIGBUS, 2) => "the file behind the mapping ends before, or its disk is full",
            (libc::SIGBUS, 4 | 5) => "a fault of the memory hardware",
            (libc::SIGFPE, 1) => "an integer divided by zero",
            (libc::SIGFPE, 2) => "an integer overflowed",
            (libc::SIGILL, _) => "an instruction that the processor does not have",
            _ => return None,
        })
    }
}

fn makes_core(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGQUIT
            | libc::SIGILL
            | libc::SIGTRAP
            | libc::SIGABRT
            | libc::SIGBUS
            | libc::SIGFPE
            | libc::SIGSEGV
            | libc::SIGXCPU
            | libc::SIGXFSZ
            | libc::SIGSYS
    )
}

/// `SIGSEGV at 0x10 in thread 4242 (nothing was mapped there)`.
impl fmt::Display for FatalSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match self.cause {
            SignalCause::Fault(address) => write!(f, " at {address}")?,
            SignalCause::UnknownFault => write!(f, " at an address that is not canonical")?,
            SignalCause::Sender { pid, uid } => write!(f, " from process {pid} (user {uid})")?,
            SignalCause::Itself => write!(f, ", which it raised itself,")?,
            SignalCause::Unknown => {}
        }
        write!(f, " in thread {}", self.thread)?;
        match self.reason() {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}
