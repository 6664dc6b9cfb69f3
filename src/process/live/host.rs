//! What this machine and the shell that pmdb was started from say of cores and of tracing.

use std::fs;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sys::statvfs::statvfs;
use nix::unistd::getppid;

use super::proc_file;
use super::threads::status_field;

/// Bytes of the files that are read here.
const LONGEST: usize = 64 * 1024;
/// `CAP_SYS_PTRACE`, `include/uapi/linux/capability.h`.
const CAP_SYS_PTRACE: u64 = 1 << 19;

#[derive(Debug, Clone, Default)]
pub struct Host {
    /// `kernel.core_pattern`.
    pub core_pattern: String,
    /// `kernel.core_uses_pid`: `.PID` is added to a pattern without `%p`.
    pub core_uses_pid: bool,
    /// In bytes; nothing is no limit.
    pub core_limit: Option<u64>,
    pub hard_core_limit: Option<u64>,
    /// core(5).
    pub core_filter: Option<u64>,
    /// `kernel.yama.ptrace_scope`, where there is Yama.
    pub ptrace_scope: Option<u64>,
    pub may_trace_all: bool,
    /// A seccomp filter is in force, as in containers.
    pub is_filtered: bool,
}

impl Host {
    pub fn look() -> Host {
        let setting = |name: &str| -> String {
            let text = fs::read_to_string(format!("/proc/sys/kernel/{name}"));
            text.unwrap_or_default().trim_end_matches('\n').to_owned()
        };
        let status = proc_file::read("/proc/self/status", LONGEST).unwrap_or_default();
        let field = |name, radix| {
            let text = status_field(&status, name)?;
            u64::from_str_radix(text, radix).ok()
        };
        let limit = prlimit(0, None).unwrap_or_default();
        let filter = fs::read_to_string("/proc/self/coredump_filter");
        Host {
            core_pattern: setting("core_pattern"),
            core_uses_pid: setting("core_uses_pid") == "1",
            core_limit: limit.0,
            hard_core_limit: limit.1,
            core_filter: filter
                .ok()
                .and_then(|text| u64::from_str_radix(text.trim(), 16).ok()),
            ptrace_scope: setting("yama/ptrace_scope").parse().ok(),
            may_trace_all: field("CapEff", 16).is_some_and(|all| all & CAP_SYS_PTRACE != 0),
            is_filtered: field("Seccomp", 10) == Some(2),
        }
    }
}

/// Lets the shell that pmdb was started from, and what it starts from now on, write cores as long as it may.
pub fn raise_core_limit_of_parent() -> Result<(), String> {
    let parent = getppid().as_raw();
    let (_, hard) = prlimit(parent, None)?;
    prlimit(parent, Some((hard, hard))).map(drop)
}

/// Gives it another filter of what is written.
pub fn set_core_filter_of_parent(filter: u64) -> Result<(), String> {
    let path = format!("/proc/{}/coredump_filter", getppid());
    fs::write(path, format!("{filter:#x}")).map_err(|error| error.to_string())
}

/// The soft and the hard limit on cores of a process (0 for pmdb), before they were set.
fn prlimit(
    pid: i32,
    new: Option<(Option<u64>, Option<u64>)>,
) -> Result<(Option<u64>, Option<u64>), String> {
    let raw = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
    let new = new.map(|(soft, hard)| libc::rlimit {
        rlim_cur: raw(soft),
        rlim_max: raw(hard),
    });
    let mut old = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let pointer = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the kernel reads one structure, if there is one, and writes the other; both live until the call is over.
    let result = unsafe { libc::prlimit(pid, libc::RLIMIT_CORE, pointer, &raw mut old) };
    if result != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    let limit = |value| (value != libc::RLIM_INFINITY).then_some(value);
    Ok((limit(old.rlim_cur), limit(old.rlim_max)))
}

/// Bytes that are free in a folder.
pub fn free_in(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// The Pythons in the folders of a search path, each once, by the names that it goes by.
pub fn pythons_in(search_path: &std::ffi::OsStr) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in std::env::split_paths(search_path) {
        let names = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut names: Vec<PathBuf> = names
            .map(|entry| entry.path())
            .filter(|path| is_python(path))
            .collect();
        names.sort();
        for path in names {
            let Ok(file) = path.canonicalize() else {
                continue;
            };
            if !files.contains(&file) {
                files.push(file);
                found.push(path);
            }
        }
    }
    found
}

/// `python3`, `python3.12`.
fn is_python(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let rest = name.strip_prefix("python3");
    rest.is_some_and(|rest| {
        let minor = rest.strip_prefix('.').unwrap_or(rest);
        minor.chars().all(|digit| digit.is_ascii_digit())
    })
}
