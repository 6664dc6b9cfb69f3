//! Signals that end a process: those that it brings on itself, and who sends the others.

use std::collections::BTreeMap;

use nix::libc::{self, siginfo_t};
use nix::sys::ptrace;

use super::super::hold::raw;
use super::super::registers;
use super::event::End;
use crate::model::{Addr, Pid, Tid};
use crate::process::live::disposition::Disposition;
use crate::process::live::kernel_name;

/// What a program brings on itself: the kernel raises them for what an instruction did, and `abort()` raises the last.
const FAULTS: [i32; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
];
/// They do nothing unless somebody handles them.
const HARMLESS: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];

pub(super) fn is_fault(signal: i32) -> bool {
    FAULTS.contains(&signal)
}

/// A signal that a thread has brought on its process, and where the thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub signal: i32,
    pub origin: Origin,
    /// `rip` and `rsp`.
    pub instruction: Addr,
    pub stack: Addr,
}

/// Where it came from: sigaction(2), "The siginfo_t argument".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel raised it for an instruction.
    Kernel {
        /// `si_code`.
        code: i32,
        /// `si_addr`; None where the processor does not tell it.
        address: Option<Addr>,
    },
    /// The process sent it to itself: `abort()`, `raise()`.
    Itself,
}

/// Who sent a signal that ended a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    Itself,
    Process {
        pid: Pid,
        /// What the kernel calls it: 15 bytes. Empty if it had ended already.
        name: String,
    },
    /// One that pmdb does not see by that number: it is in another pid namespace.
    Elsewhere,
}

/// What is known of the faults of the threads.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The last one of a thread that had a handler. If that raises the signal anew, this was the reason.
    handled: BTreeMap<Tid, Fault>,
}

impl Faults {
    /// The fault that the process is about to die of, if it is one: it has no handler for the signal.
    pub fn fatal(&mut self, pid: Pid, tid: Tid, signal: i32) -> Option<Fault> {
        if !is_fault(signal) {
            return None;
        }
        let disposition = Disposition::of(pid)?;
        let fault = self.fault(&disposition, tid, signal)?;
        if disposition.is_default(signal) {
            return Some(fault);
        }
        self.handled.insert(tid, fault);
        None
    }

    pub fn forget(&mut self, tid: Tid) {
        self.handled.remove(&tid);
    }

    fn fault(&self, disposition: &Disposition, tid: Tid, signal: i32) -> Option<Fault> {
        let info = ptrace::getsiginfo(raw(tid)).ok()?;
        let at = registers::general(tid).ok()?;
        let fault = Fault {
            signal,
            origin: origin(&info, disposition)?,
            instruction: Addr(at.rip),
            stack: Addr(at.rsp),
        };
        let earlier = self.handled.get(&tid);
        let earlier = earlier.filter(|earlier| is_led_to(earlier, &fault));
        Some(earlier.copied().unwrap_or(fault))
    }
}

/// Whether a fault with a handler has led to this one. Handlers such as that of `faulthandler` raise the signal again when they are
/// done. For one that cannot be called, since there is no room on the stack, the kernel raises it again at the same instruction
/// (`force_sigsegv`, `kernel/signal.c`).
fn is_led_to(earlier: &Fault, now: &Fault) -> bool {
    let raised_again = now.origin == Origin::Itself;
    let not_called = matches!(now.origin, Origin::Kernel { address: None, .. })
        && earlier.instruction == now.instruction;
    earlier.signal == now.signal && (raised_again || not_called)
}

fn origin(info: &siginfo_t, disposition: &Disposition) -> Option<Origin> {
    match info.si_code {
        libc::SI_USER | libc::SI_TKILL | libc::SI_QUEUE => {
            let is_own = sent_by(info) == disposition.own_number();
            is_own.then_some(Origin::Itself)
        }
        code @ 1.. => {
            // SAFETY: the kernel has filled in the address for these codes, or left zeros.
            let address = Addr(unsafe { info.si_addr() } as u64);
            // A general protection, which is no access to a page: the processor tells no address.
            let is_known = code != libc::SI_KERNEL;
            let address = is_known.then_some(address);
            Some(Origin::Kernel { code, address })
        }
        _ => None,
    }
}

fn sent_by(info: &siginfo_t) -> Option<Pid> {
    // SAFETY: the kernel has filled in the pid, since the code is one of a signal that was sent.
    u32::try_from(unsafe { info.si_pid() }).ok().map(Pid)
}

/// Who sent the last signal to each process.
#[derive(Debug, Default)]
pub(super) struct Senders(BTreeMap<Pid, (i32, Sender)>);

impl Senders {
    /// A thread is about to get a signal, which may end its process. The sender's name is asked for now: later it may be gone.
    pub fn note(&mut self, pid: Pid, tid: Tid, signal: i32) {
        if HARMLESS.contains(&signal) {
            return;
        }
        let Ok(info) = ptrace::getsiginfo(raw(tid)) else {
            return;
        };
        let is_sent = [libc::SI_USER, libc::SI_QUEUE, libc::SI_TKILL].contains(&info.si_code);
        match sent_by(&info).filter(|_| is_sent) {
            Some(by) => drop(self.0.insert(pid, (signal, sender(pid, by)))),
            None => drop(self.0.remove(&pid)),
        }
    }

    /// Who sent the signal by which a process ends.
    pub fn of_end(&self, pid: Pid, end: End) -> Option<Sender> {
        let (sent, sender) = self.0.get(&pid)?;
        matches!(end, End::Killed { signal, .. } if signal == *sent).then(|| sender.clone())
    }

    pub fn forget(&mut self, pid: Pid) {
        self.0.remove(&pid);
    }
}

fn sender(of: Pid, by: Pid) -> Sender {
    let disposition = Disposition::of(of);
    if disposition.as_ref().and_then(Disposition::own_number) == Some(by) {
        return Sender::Itself;
    }
    let is_ours = disposition.is_some_and(|disposition| disposition.shares_our_numbers());
    if !is_ours || by.0 == 0 {
        return Sender::Elsewhere;
    }
    let name = kernel_name(by);
    Sender::Process { pid: by, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_raised_again_is_explained_by_what_it_was_raised_for() {
        let first = Fault {
            signal: libc::SIGSEGV,
            origin: Origin::Kernel {
                code: 1,
                address: Some(Addr(0x10)),
            },
            instruction: Addr(0x40_0000),
            stack: Addr(0x7000_0000),
        };
        let again = Fault {
            origin: Origin::Itself,
            instruction: Addr(0x50_0000),
            ..first
        };
        assert!(is_led_to(&first, &again));
        let another = Fault {
            signal: libc::SIGABRT,
            ..again
        };
        assert!(!is_led_to(&first, &another));
        let no_room = Origin::Kernel {
            code: libc::SI_KERNEL,
            address: None,
        };
        let not_called = Fault {
            origin: no_room,
            ..first
        };
        assert!(is_led_to(&first, &not_called));
        let elsewhere = Fault {
            origin: no_room,
            ..again
        };
        assert!(!is_led_to(&first, &elsewhere));
    }
}
