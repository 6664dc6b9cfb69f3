//! `/proc/PID/stat`, proc_pid_stat(5): the one file that anybody may read of anybody's process.

use std::io;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use super::proc_file;
use crate::model::{Pid, ThreadState, Tid};

/// What pmdb uses of the line. Times are in clock ticks since boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::process) struct Stat {
    pub name: String,
    pub state: ThreadState,
    /// 0 if the parent lives outside of pmdb's pid namespace.
    pub parent: Pid,
    pub threads: u64,
    pub started: u64,
    /// In user mode and in the kernel, of all threads, also of those that have ended.
    pub cpu: u64,
    /// Where its code begins and its stack began: 0 if the reader may not know.
    pub image: (u64, u64),
    /// Where the environment lies that it was started with: begin and end, 0 if the reader may not know.
    pub environment: (u64, u64),
    /// The status as `waitpid` would give it; 0 while it lives, or if the reader may not know.
    pub exit_status: i32,
    /// The flags of `include/linux/sched.h`.
    flags: u32,
    /// The signal that the parent gets: -1 for a thread that is not the leader of its group.
    exit_signal: i32,
}

/// `PF_KTHREAD`, `include/linux/sched.h`.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// `PF_EXITING`: its memory is being given back.
const EXITING: u32 = 0x4;

/// The end of the clock tick that lies this many after boot, by the clock of the wall.
pub(in crate::process) fn time_of(ticks: u64) -> Option<SystemTime> {
    let since_boot = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    let boot = SystemTime::now().checked_sub(since_boot)?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let per_second = u64::try_from(per_second).ok().filter(|&ticks| ticks > 0)?;
    let seconds = ticks.saturating_add(1) as f64 / per_second as f64;
    boot.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// Clock ticks of `/proc/PID/stat` as time.
pub(in crate::process) fn ticks(count: u64) -> Duration {
    // 100 on every Linux of x86-64 (`USER_HZ`).
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second.and_then(|ticks| u32::try_from(ticks).ok());
    Duration::from_secs(count) / per_second.filter(|&ticks| ticks > 0).unwrap_or(100)
}

impl Stat {
    pub fn of_process(pid: Pid) -> io::Result<Stat> {
        Stat::read(&format!("/proc/{pid}/stat"))
    }

    pub fn of_thread(pid: Pid, tid: Tid) -> io::Result<Stat> {
        Stat::read(&format!("/proc/{pid}/task/{tid}/stat"))
    }

    fn read(path: &str) -> io::Result<Stat> {
        let line = proc_file::read_line(path)?;
        Stat::parse(&line).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The name is in parentheses and may itself hold spaces and parentheses, so the last `)` ends it.
    pub(super) fn parse(line: &[u8]) -> Option<Stat> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let name = String::from_utf8_lossy(line.get(open + 1..close)?).into_owned();
        let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
        // proc_pid_stat(5) counts from 1, and the state, the first after the name, is field 3.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |number: usize| -> u64 {
            field(number)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        Some(Stat {
            name,
            state: state(field(3)?),
            parent: Pid(field(4)?.parse().unwrap_or(0)),
            flags: field(9)?.parse().ok()?,
            threads: field(20)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
            cpu: number(14).saturating_add(number(15)),
            image: (number(26), number(28)),
            environment: (number(50), number(51)),
            exit_signal: field(38)?.parse().ok()?,
            exit_status: field(52).and_then(|text| text.parse().ok()).unwrap_or(0),
        })
    }

    pub fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// Whether this is the thread that gives the process its pid. `clone(CLONE_THREAD)` sets the exit signal of all
    /// others to -1 (`copy_process` in `kernel/fork.c`).
    pub fn is_leader(&self) -> bool {
        self.exit_signal >= 0
    }

    pub fn has_ended(&self) -> bool {
        self.state.has_ended()
    }

    pub fn is_exiting(&self) -> bool {
        self.flags & EXITING != 0
    }
}

fn state(letter: &str) -> ThreadState {
    match letter {
        "R" => ThreadState::Running,
        "S" => ThreadState::Sleeping,
        "D" => ThreadState::Blocked,
        "T" => ThreadState::Stopped,
        "t" => ThreadState::Traced,
        "Z" => ThreadState::Zombie,
        "X" | "x" => ThreadState::Dead,
        "I" => ThreadState::Idle,
        _ => ThreadState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "17 0 0 0 0 0 0 0 0 0 0 0 0 0 768";

    fn line(name: &str, exit_signal_on: &str) -> String {
        format!(
            "42 ({name}) Z 7 1 1 0 -1 4194304 0 0 0 0 1 2 0 0 20 0 3 0 999 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {exit_signal_on}"
        )
    }

    #[test]
    fn a_name_may_hold_parentheses_spaces_and_newlines() {
        let stat = Stat::parse(line("a) R (b\n", TAIL).as_bytes()).unwrap();
        assert_eq!(stat.name, "a) R (b\n");
        assert_eq!(stat.state, ThreadState::Zombie);
        assert_eq!(stat.parent, Pid(7));
        assert_eq!(stat.threads, 3);
        assert_eq!(stat.started, 999);
        assert_eq!(stat.cpu, 3);
        assert_eq!(stat.exit_status, 3 << 8);
        assert!(stat.is_leader());
    }

    #[test]
    fn a_line_cut_anywhere_is_no_panic() {
        let whole = line("python3", TAIL);
        for length in 0..whole.len() {
            let _ = Stat::parse(&whole.as_bytes()[..length]);
        }
    }
}
