//! What `/proc` tells of a process beside its memory and threads, for those who write it down.

use std::fs;
use std::ops::Range;

use nix::unistd::{getpgid, getsid};

use super::proc_file;
use super::stat::Stat;
use super::threads::status_field;
use super::{LONGEST_ARGUMENTS, maps};
use crate::model::{Addr, Limit, OpenFile, Pid};

/// Descriptors that are told of. A process may have a million.
const MOST_FILES: usize = 10_000;
/// Bytes of the files that have no more than a page as a rule.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// `/proc/PID/auxv`, as `NT_AUXV` has it.
    pub auxiliary_vector: Vec<u8>,
    /// `/proc/PID/maps`.
    pub maps: Vec<u8>,
    pub uid: u32,
    pub gid: u32,
    pub process_group: u32,
    pub session: u32,
    /// Names and values, as they were when it was started; where they lie in its memory.
    pub environment: Vec<(String, String)>,
    pub environment_at: Option<Range<Addr>>,
    pub limits: Vec<Limit>,
    pub open_files: Vec<OpenFile>,
    pub control_groups: Vec<String>,
}

impl Circumstances {
    /// What may not be read, or is gone, is left out.
    pub fn of(pid: Pid) -> Circumstances {
        let read = |name: &str, limit| {
            proc_file::read(format!("/proc/{pid}/{name}"), limit).unwrap_or_default()
        };
        let status = read("status", LONGEST);
        let first = |name| -> u32 {
            let numbers = status_field(&status, name).unwrap_or_default();
            let first = numbers.split_ascii_whitespace().next();
            first.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        let raw = nix::unistd::Pid::from_raw(pid.0.cast_signed());
        let number = |id: Result<nix::unistd::Pid, _>| {
            id.map_or(0, |id: nix::unistd::Pid| id.as_raw().cast_unsigned())
        };
        let place = Stat::of_process(pid).map(|stat| stat.environment);
        Circumstances {
            auxiliary_vector: read("auxv", LONGEST),
            maps: read("maps", maps::LONGEST),
            uid: first("Uid"),
            gid: first("Gid"),
            process_group: number(getpgid(Some(raw))),
            session: number(getsid(Some(raw))),
            environment: environment(pid),
            environment_at: place
                .ok()
                .filter(|(start, end)| 0 < *start && start < end)
                .map(|(start, end)| Addr(start)..Addr(end)),
            limits: limits(&read("limits", LONGEST)),
            open_files: open_files(pid),
            control_groups: lines(&read("cgroup", LONGEST)),
        }
    }
}

/// Names and values, as they were when it was started; nothing if they may not be read.
pub fn environment(pid: Pid) -> Vec<(String, String)> {
    let text = proc_file::read(format!("/proc/{pid}/environ"), LONGEST_ARGUMENTS);
    variables(&text.unwrap_or_default())
}

fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().map(str::to_owned).collect()
}

fn variables(text: &[u8]) -> Vec<(String, String)> {
    let each = text
        .split(|&byte| byte == 0)
        .filter(|text| !text.is_empty());
    each.filter_map(|variable| {
        let text = String::from_utf8_lossy(variable);
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    })
    .collect()
}

/// How large a file a process may make (RLIMIT_FSIZE), in bytes; nothing if that is not limited, or not known.
pub fn largest_file(pid: Pid) -> Option<u64> {
    let text = fs::read(format!("/proc/{pid}/limits")).ok()?;
    let limits = limits(&text);
    let limit = limits.iter().find(|limit| limit.name == "Max file size")?;
    limit.soft.parse().ok()
}

/// Lines of columns, below their names: `Max open files            1024                 1048576              files`.
fn limits(text: &[u8]) -> Vec<Limit> {
    let text = String::from_utf8_lossy(text);
    let line = |line: &str| {
        let column = |range: Range<usize>| {
            let end = range.end.min(line.len());
            Some(line.get(range.start.min(end)..end)?.trim().to_owned())
        };
        Some(Limit {
            name: column(0..26)?,
            soft: column(26..47)?,
            hard: column(47..68)?,
            unit: column(68..usize::MAX)?,
        })
    };
    text.lines().skip(1).filter_map(line).collect()
}

fn open_files(pid: Pid) -> Vec<OpenFile> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let numbers = folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = numbers.take(MOST_FILES).collect();
    numbers.sort_unstable();
    let file = |number: u32| {
        let target = fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
        let info = proc_file::read(format!("/proc/{pid}/fdinfo/{number}"), LONGEST);
        let info = info.unwrap_or_default();
        Some(OpenFile {
            number,
            target: target.to_string_lossy().into_owned(),
            position: status_field(&info, "pos").and_then(|text| text.parse().ok()),
            flags: status_field(&info, "flags").map(str::to_owned),
        })
    };
    numbers.into_iter().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_columns() {
        let text =
            b"Limit                     Soft Limit           Hard Limit           Units     \n\
            Max cpu time              unlimited            unlimited            seconds   \n\
            Max nice priority         0                    0                    \n\xff\n";
        let limits = limits(text);
        assert_eq!(limits[0].name, "Max cpu time");
        assert_eq!(
            (&*limits[0].soft, &*limits[0].unit),
            ("unlimited", "seconds")
        );
        assert_eq!((&*limits[1].hard, &*limits[1].unit), ("0", ""));
    }

    #[test]
    fn a_variable_may_hold_equals_signs_and_one_without_is_none() {
        let found = variables(b"A=1=2\0no\0B=\0");
        let expected = [("A", "1=2"), ("B", "")];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }
}
