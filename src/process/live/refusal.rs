//! Why a process may not be looked into, and what would permit it.
//!
//! The kernel's rule is `__ptrace_may_access` in `kernel/ptrace.c`, described under "Ptrace access mode checking"
//! in ptrace(2): same user and group, a dumpable process, no capability that the reader lacks, and then what the
//! security modules say (Yama).

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{getegid, geteuid, getpid};

use super::proc_file;
use super::stat::Stat;
use super::threads::status_field;
use crate::model::{Pid, Tid};
use crate::process::ProcessError;
use crate::process::user::user;

/// `CAP_SYS_PTRACE`, `include/uapi/linux/capability.h`.
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// Why `/proc/PID/stat` is not there.
pub(super) fn missing(pid: Pid) -> ProcessError {
    let exists = i32::try_from(pid.0)
        .ok()
        .filter(|&number| number > 0)
        .is_some_and(|number| kill(nix::unistd::Pid::from_raw(number), None) != Err(Errno::ESRCH));
    if exists {
        return ProcessError::NotPermitted {
            pid,
            why: "it exists, but /proc hides it (mounted with hidepid): run pmdb as the user it belongs to, or as root"
                .to_owned(),
        };
    }
    ProcessError::NoSuchProcess { pid }
}

/// Why the process cannot be looked into although it is there: a thread's id, a kernel thread, a zombie.
pub(super) fn unsuitable(pid: Pid, stat: &Stat) -> Option<ProcessError> {
    if stat.is_kernel_thread() {
        return Some(ProcessError::KernelThread { pid });
    }
    if !stat.is_leader() {
        return Some(match Status::of(pid).and_then(|status| status.leader()) {
            Some(process) => ProcessError::NotAProcess { pid, process },
            None => ProcessError::Gone { pid },
        });
    }
    // The leader may end before its threads, and is a zombie until the last of them ends.
    (stat.has_ended() && stat.threads <= 1).then(|| ProcessError::Zombie {
        pid,
        parent: stat.parent,
        how: how_it_ended(pid, stat.exit_status),
    })
}

/// The wait status in words. The kernel shows it only to those who may read the process, and 0 to all others.
/// Of a zombie, by what its `/proc/PID/stat` shows, which is 0 to those who may not know.
pub(super) fn how_it_ended(pid: Pid, status: i32) -> String {
    let is_known = geteuid().is_root() || Status::of(pid).is_some_and(|status| status.is_ours());
    if status == 0 && !is_known {
        "an exit status that only its user may see".to_owned()
    } else {
        end_of(status)
    }
}

/// What a status of `waitpid(2)` means.
pub(super) fn end_of(status: i32) -> String {
    let signal = status & 0x7f;
    if signal == 0 {
        return format!("exit code {}", (status >> 8) & 0xff);
    }
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(signal) => format!("signal {}", signal.as_str()),
        Err(_) => format!("signal {signal}"),
    }
}

/// The whole error for a process whose memory or mappings the kernel refused.
pub(super) fn not_permitted(pid: Pid, errno: Errno) -> ProcessError {
    match why_not_permitted(pid, errno) {
        Some(why) => ProcessError::NotPermitted { pid, why },
        None => ProcessError::Gone { pid },
    }
}

/// Why the kernel refused, and what would permit it; nothing if the process has ended.
pub(in crate::process) fn why_not_permitted(pid: Pid, errno: Errno) -> Option<String> {
    let (target, pmdb) = (Status::of(pid)?, Status::of_pmdb()?);
    Some(reason(pid, &target, &pmdb, errno))
}

/// The process that a thread belongs to.
pub(in crate::process) fn process_of(tid: Tid) -> Option<Pid> {
    Status::of(Pid(tid.0))?.leader()
}

/// The process that traces a thread, if one does.
pub(in crate::process) fn tracer_of(tid: Tid) -> Option<Pid> {
    let thread = tracing_thread_of(tid)?;
    Some(process_of(thread).unwrap_or(Pid(thread.0)))
}

/// Which thread of that process does: the kernel names it.
pub(in crate::process) fn tracing_thread_of(tid: Tid) -> Option<Tid> {
    let tracer = Status::of(Pid(tid.0))?.tracer?;
    Some(Tid(tracer.0))
}

/// Whether a process has the same users and groups as pmdb, and the same files and powers: it is in no container of its own. Not if that
/// cannot be known.
pub fn runs_as_pmdb(pid: Pid) -> bool {
    let is_outside = ["user", "mnt"].map(|kind| is_in_another_namespace(pid, kind));
    Status::of(pid).is_some_and(|status| status.is_ours()) && is_outside == [Some(false); 2]
}

fn reason(pid: Pid, target: &Status, pmdb: &Status, errno: Errno) -> String {
    let privileged = pmdb.effective & CAP_SYS_PTRACE != 0;
    if privileged && is_in_another_namespace(pid, "user") == Some(true) {
        return "it is in a user namespace that pmdb has no power over: run pmdb outside of its own container, \
                or inside of the process's"
            .to_owned();
    }
    if privileged {
        return match yama() {
            Some(3) => {
                "the kernel forbids all tracing until the next boot (kernel.yama.ptrace_scope is 3)"
                    .to_owned()
            }
            _ => format!(
                "the kernel says {errno} although pmdb has CAP_SYS_PTRACE: a seccomp filter or a security \
                 module (SELinux, AppArmor) denies it; in a container, start it with --security-opt seccomp=unconfined"
            ),
        };
    }
    if geteuid().is_root() {
        return "pmdb is root but lacks CAP_SYS_PTRACE, as in a container: start the container with \
                --cap-add=SYS_PTRACE, or run pmdb on the host"
            .to_owned();
    }
    if !target.is_ours() {
        return format!(
            "it belongs to {} and pmdb runs as {}: run pmdb as that user or as root, or give it CAP_SYS_PTRACE",
            user(target.users.first().copied()),
            user(Some(geteuid().as_raw()))
        );
    }
    if target.permitted & !pmdb.permitted != 0 {
        return "it has capabilities that pmdb lacks: run pmdb as root, or give it CAP_SYS_PTRACE"
            .to_owned();
    }
    if is_undumpable(pid) {
        return "it is not dumpable (its executable is setuid, setgid or not readable, or it called \
                prctl(PR_SET_DUMPABLE, 0)): run pmdb as root"
            .to_owned();
    }
    if is_in_another_namespace(pid, "user") == Some(true) {
        return "it is in another user namespace (a container): run pmdb inside of the container, or as root".to_owned();
    }
    match yama() {
        Some(1) => "the kernel lets only ancestors look (kernel.yama.ptrace_scope is 1): run pmdb as root, or allow \
                    it with `sudo sysctl kernel.yama.ptrace_scope=0`"
            .to_owned(),
        Some(2) => "the kernel lets only root look (kernel.yama.ptrace_scope is 2): run pmdb as root".to_owned(),
        Some(3) => "the kernel forbids all tracing until the next boot (kernel.yama.ptrace_scope is 3)".to_owned(),
        _ => format!(
            "the kernel says {errno}, though user, group and capabilities agree: a seccomp filter or a security \
             module (SELinux, AppArmor) denies it; in a container, start it with --cap-add=SYS_PTRACE"
        ),
    }
}

fn yama() -> Option<u32> {
    let text = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?;
    text.trim().parse().ok()
}

/// The files of a process that is not dumpable belong to root, whoever runs it: proc(5).
fn is_undumpable(pid: Pid) -> bool {
    fs::metadata(format!("/proc/{pid}/stat")).is_ok_and(|file| file.uid() != geteuid().as_raw())
}

/// Known only where the link may be read, which the same check forbids for most; then the root-owned files of
/// [`is_undumpable`] answer.
/// Nothing if that cannot be known. The kinds are those of namespaces(7).
fn is_in_another_namespace(pid: Pid, kind: &str) -> Option<bool> {
    let link = |of: u32| fs::read_link(format!("/proc/{of}/ns/{kind}")).ok();
    let ours = link(getpid().as_raw().cast_unsigned())?;
    Some(ours != link(pid.0)?)
}

/// What the check looks at, from `/proc/PID/status`, which everybody may read.
struct Status {
    leader: Option<Pid>,
    tracer: Option<Pid>,
    /// Real, effective, saved.
    users: Vec<u32>,
    groups: Vec<u32>,
    permitted: u64,
    effective: u64,
}

/// Whether somebody traces a process, which then is theirs.
pub(in crate::process) fn is_traced(pid: Pid) -> bool {
    Status::of(pid).is_some_and(|status| status.tracer.is_some())
}

impl Status {
    fn of(pid: Pid) -> Option<Status> {
        let text = proc_file::read(format!("/proc/{pid}/status"), 64 * 1024).ok()?;
        let numbers = |name: &str| -> Vec<u32> {
            let words = status_field(&text, name).unwrap_or_default();
            let numbers = words
                .split_ascii_whitespace()
                .filter_map(|word| word.parse().ok());
            numbers.take(3).collect()
        };
        let capabilities = |name: &str| {
            status_field(&text, name)
                .and_then(|mask| u64::from_str_radix(mask, 16).ok())
                .unwrap_or(0)
        };
        Some(Status {
            leader: numbers("Tgid").first().copied().map(Pid),
            tracer: numbers("TracerPid")
                .first()
                .filter(|&&tracer| tracer != 0)
                .copied()
                .map(Pid),
            users: numbers("Uid"),
            groups: numbers("Gid"),
            permitted: capabilities("CapPrm"),
            effective: capabilities("CapEff"),
        })
    }

    fn of_pmdb() -> Option<Status> {
        Status::of(Pid(getpid().as_raw().cast_unsigned()))
    }

    fn leader(&self) -> Option<Pid> {
        self.leader
    }

    /// All of its user and group ids are pmdb's.
    fn is_ours(&self) -> bool {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        self.users.iter().all(|&id| id == user) && self.groups.iter().all(|&id| id == group)
    }
}
