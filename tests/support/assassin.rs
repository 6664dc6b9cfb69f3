//! Kills a program at a chosen moment: after so many of its system calls that can do something to another process.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Killed,
    /// It made fewer calls of that kind.
    Ended,
}

/// Calls by which pmdb changes another process, or tells it something.
const CALLS: [libc::c_long; 4] = [
    libc::SYS_ptrace,
    libc::SYS_pwrite64,
    libc::SYS_process_vm_writev,
    libc::SYS_write,
];

/// Runs a command and kills it right after its call number `nth`, counted from 1.
#[allow(clippy::zombie_processes, reason = "waitpid(2) collects it")]
pub fn kill_at(mut command: Command, nth: usize) -> Fate {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: between fork and exec only ptrace(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(ptrace::traceme()?));
    }
    let child = command.spawn().expect("it was built");
    let main = Pid::from_raw(child.id().cast_signed());
    waitpid(main, None).expect("it stops at its exec");
    let options =
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(main, options).expect("it is stopped");
    ptrace::syscall(main, None).expect("it is stopped");
    let mut inside = BTreeSet::new();
    let mut calls = 0;
    loop {
        // Only what this thread traces: other tests have children too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let status = waitpid(None, Some(flags)).expect("it runs");
        let mut signal = None;
        match status {
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                inside.remove(&pid);
                if pid == main {
                    return if calls >= nth {
                        Fate::Killed
                    } else {
                        Fate::Ended
                    };
                }
                continue;
            }
            WaitStatus::PtraceSyscall(tid) if inside.remove(&tid) => {
                if is_counted(tid) {
                    calls += 1;
                }
                if calls == nth {
                    kill(main, Signal::SIGKILL).expect("it is our child");
                    continue;
                }
            }
            WaitStatus::PtraceSyscall(tid) => drop(inside.insert(tid)),
            // A new thread begins with one that it does not get.
            WaitStatus::Stopped(_, Signal::SIGSTOP) => {}
            WaitStatus::Stopped(_, other) => signal = Some(other),
            _ => {}
        }
        if let Some(tid) = status.pid() {
            // It may have ended meanwhile.
            let _ = ptrace::syscall(tid, signal);
        }
    }
}

fn is_counted(tid: Pid) -> bool {
    let Ok(registers) = ptrace::getregs(tid) else {
        return false;
    };
    let number = registers.orig_rax.cast_signed();
    // What it writes for its user does nothing to the other process.
    let to_the_user = number == libc::SYS_write && registers.rdi < 3;
    CALLS.contains(&number) && !to_the_user
}
