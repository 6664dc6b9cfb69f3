//! Where a thread stands that waits for a protected page: at an instruction of the program, or in the kernel.

use std::time::{Duration, Instant};

use crate::model::{Addr, Tid};
use crate::process::Registers;

/// How long a thread may take from its fault to its wait.
const LONGEST_FAULT: Duration = Duration::from_millis(5);

/// Where a thread waits that is about to write.
pub(super) enum Place {
    /// At an instruction of the program.
    Program { at: Addr },
    /// In a system call.
    Kernel { number: i64, at: Registers },
}

/// From `/proc/TID/syscall`: `-1 0xSP 0xPC`, or `NUMBER 0xARGUMENT… 0xSP 0xPC`, or `running`, which it is for a moment on its way to the wait.
pub(super) fn place_of(tid: Tid) -> Option<Place> {
    let begun = Instant::now();
    while begun.elapsed() < LONGEST_FAULT {
        let text = std::fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let number: Option<i64> = words.first().and_then(|word| word.parse().ok());
        if let (Some(number), [.., stack, at]) = (number, &words[..]) {
            let hexadecimal = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
            let (rsp, rip) = (hexadecimal(stack)?, hexadecimal(at)?);
            return Some(match number {
                -1 => Place::Program { at: Addr(rip) },
                number => Place::Kernel {
                    number,
                    at: Registers {
                        rsp,
                        rip,
                        orig_rax: number,
                        ..Registers::default()
                    },
                },
            });
        }
        std::thread::yield_now();
    }
    None
}
