//! What a process did that ends it: the signal, explained from where it points to and what is mapped there.

use std::fmt;

use nix::libc;
use nix::sys::signal::Signal;

use super::verdict::Verdict;
use super::{abort_message, bus, segment};
use crate::model::Addr;
use crate::process::trace::{Fault, Origin};
use crate::process::{Mapping, Process, ReadMemory};

/// `si_code`s of sigaction(2).
const FPE_INTDIV: i32 = 1;
const FPE_INTOVF: i32 = 2;
/// `ud2` (Intel SDM, volume 2).
const UD2: [u8; 2] = [0x0f, 0x0b];

/// A fatal signal, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub signal: i32,
    pub verdict: Verdict,
    /// The file whose code did it: its name without the folders.
    pub code: Option<String>,
}

/// `SIGSEGV`.
pub fn signal_name(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(signal) => signal.as_str().to_string(),
        Err(_) => format!("signal {signal}"),
    }
}

impl Crash {
    pub fn signal_name(&self) -> String {
        signal_name(self.signal)
    }

    /// What it did, and in which library.
    pub fn reason(&self) -> String {
        match &self.code {
            Some(code) => format!("{} (in {code})", self.verdict),
            None => self.verdict.to_string(),
        }
    }
}

/// `SIGSEGV: it touched 0x0, a null pointer (in libc.so.6)`.
impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.signal_name(), self.reason())
    }
}

/// Explains a fault of a process whose threads stand still.
pub fn explain(process: &dyn Process, fault: &Fault) -> Crash {
    let verdict = verdict(process, fault);
    // Where it was raised says nothing: that is libc.
    let is_own = matches!(verdict, Verdict::Aborted { .. } | Verdict::Raised);
    let code = process.mappings().find(fault.instruction);
    let code = code.filter(|_| !is_own).and_then(file_name);
    Crash {
        signal: fault.signal,
        verdict,
        code,
    }
}

fn file_name(mapping: &Mapping) -> Option<String> {
    let name = mapping.path()?.file_name()?;
    Some(name.display().to_string())
}

fn verdict(process: &dyn Process, fault: &Fault) -> Verdict {
    let (code, address) = match fault.origin {
        Origin::Kernel { code, address } => (code, address),
        Origin::Itself if fault.signal == libc::SIGABRT => {
            let message = abort_message::of(process);
            return Verdict::Aborted { message };
        }
        Origin::Itself => return Verdict::Raised,
    };
    match (fault.signal, address) {
        (libc::SIGSEGV, Some(address)) => {
            segment::explain(process.mappings(), fault, code, address)
        }
        (libc::SIGSEGV, None) => Verdict::NotCanonical,
        (libc::SIGBUS, _) => bus::explain(process, code, address),
        (libc::SIGFPE, _) => arithmetic(code),
        (libc::SIGILL, _) => illegal(process, fault.instruction),
        _ => Verdict::Unknown { code, address },
    }
}

fn arithmetic(code: i32) -> Verdict {
    let what = match code {
        FPE_INTDIV => return Verdict::DividedByZero,
        FPE_INTOVF => "an integer has overflowed",
        3 => "it divided a float by zero, which it had asked to be told of",
        4 => "a float has overflowed, which it had asked to be told of",
        5 => "a float has underflowed, which it had asked to be told of",
        6 => "a float was rounded, which it had asked to be told of",
        7 => "an operation on floats has no result, which it had asked to be told of",
        _ => {
            let address = None;
            return Verdict::Unknown { code, address };
        }
    };
    Verdict::Arithmetic { what }
}

fn illegal(memory: &(impl ReadMemory + ?Sized), instruction: Addr) -> Verdict {
    let mut bytes = [0; 2];
    let is_trap = memory.read(instruction, &mut bytes).is_ok() && bytes == UD2;
    if is_trap {
        Verdict::Trap { instruction }
    } else {
        Verdict::IllegalInstruction { instruction }
    }
}
