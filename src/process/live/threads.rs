//! The threads of a live process: `/proc/PID/task`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::proc_file;
use super::stat::Stat;
use crate::model::{Pid, Tid};
use crate::process::{SystemCall, ThreadStatus};

/// The threads, the leader first and the others by tid. One that ends meanwhile is left out.
pub(super) fn list(pid: Pid, task: Tid) -> io::Result<Vec<(ThreadStatus, Stat)>> {
    let elsewhere = is_in_another_pid_namespace(task);
    let mut tids = tids(pid)?;
    tids.sort_unstable_by_key(|tid| (tid.0 != pid.0, *tid));
    Ok(tids
        .into_iter()
        .filter_map(|tid| {
            let stat = Stat::of_thread(pid, tid).ok()?;
            let inner_tid = elsewhere.then(|| innermost(pid, tid)).flatten();
            let status = ThreadStatus {
                tid,
                inner_tid: inner_tid.unwrap_or(tid),
                name: Some(stat.name.clone()),
                state: stat.state,
            };
            Some((status, stat))
        })
        .collect())
}

pub(super) fn tids(pid: Pid) -> io::Result<Vec<Tid>> {
    let mut tids = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        if let Some(tid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            tids.push(Tid(tid));
        }
    }
    Ok(tids)
}

/// A thread whose address space is still there: the leader may have ended before its threads, and then it has none.
pub(super) fn one_with_memory(pid: Pid, leader: &Stat) -> Tid {
    if !leader.has_ended() {
        return Tid(pid.0);
    }
    let live = |tid: &Tid| Stat::of_thread(pid, *tid).is_ok_and(|stat| !stat.has_ended());
    let others = tids(pid).unwrap_or_default();
    others.into_iter().find(live).unwrap_or(Tid(pid.0))
}

/// `Some(link)` where it may be read.
fn pid_namespace(of: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{of}/ns/pid")).ok()
}

fn is_in_another_pid_namespace(task: Tid) -> bool {
    static OURS: OnceLock<Option<PathBuf>> = OnceLock::new();
    let ours = OURS.get_or_init(|| pid_namespace("self"));
    let theirs = pid_namespace(&task.to_string());
    theirs.is_some() && theirs != *ours
}

/// The last of `NSpid:` in `/proc/PID/task/TID/status`.
fn innermost(pid: Pid, tid: Tid) -> Option<Tid> {
    let status = proc_file::read(format!("/proc/{pid}/task/{tid}/status"), 64 * 1024).ok()?;
    let numbers = status_field(&status, "NSpid")?;
    numbers
        .split_ascii_whitespace()
        .last()?
        .parse()
        .ok()
        .map(Tid)
}

/// What stands behind `NAME:` in a `status` file.
pub(super) fn status_field<'s>(status: &'s [u8], name: &str) -> Option<&'s str> {
    status
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))
        .and_then(|value| std::str::from_utf8(value).ok())
        .map(str::trim)
}

/// The system call that a thread is blocked in. The file says `running`, or `-1 SP PC` outside of a call, or
/// `NUMBER 0xARGUMENT… 0xSP 0xPC`.
pub(super) fn system_call(pid: Pid, tid: Tid) -> Option<SystemCall> {
    parse_system_call(&proc_file::read_line(format!("/proc/{pid}/task/{tid}/syscall")).ok()?)
}

pub(super) fn parse_system_call(text: &[u8]) -> Option<SystemCall> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(SystemCall { number, arguments })
}
