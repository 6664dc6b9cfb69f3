//! Whether what pmdb needs is to be had here: cores, the right to trace, interpreters; and what to do where it is not.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::process::live::host::{
    Host, free_in, pythons_in, raise_core_limit_of_parent, set_core_filter_of_parent,
};

/// Private memory, segments in `/dev/shm`, and the first pages of files: core(5).
const PRIVATE: u64 = 1;
const NAMED_SEGMENTS: u64 = 1 << 3;
const FIRST_PAGES: u64 = 1 << 4;
/// Less than this is soon used up. Bytes.
const LITTLE: u64 = 1 << 30;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// Something is missing that may be wanted.
    Note,
    Bad,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    pub verdict: Verdict,
    pub says: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What `--fix` does.
    #[serde(skip)]
    pub fix: Option<Fix>,
}

/// What a user may change: for the shell that pmdb was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    CoreLimit,
    CoreFilter { filter: u64 },
}

impl Fix {
    pub fn apply(self) -> Result<&'static str, String> {
        match self {
            Fix::CoreLimit => raise_core_limit_of_parent()
                .map(|()| "this shell, and what it starts, may write cores now"),
            Fix::CoreFilter { filter } => set_core_filter_of_parent(filter)
                .map(|()| "cores of what this shell starts hold shared memory with a name now"),
        }
    }
}

/// Looks at everything.
pub fn examine() -> Vec<Finding> {
    let host = Host::look();
    let mut findings = vec![core_limit(&host), core_pattern(&host)];
    findings.extend(disk(&host));
    findings.extend(core_filter(&host));
    findings.push(tracing(&host));
    findings.push(interpreters());
    findings
}

fn good(what: &'static str, says: String) -> Finding {
    Finding {
        what,
        verdict: Verdict::Good,
        says,
        remedy: None,
        fix: None,
    }
}

/// The program that cores are handed to.
fn receiver(host: &Host) -> Option<&str> {
    let program = host.core_pattern.strip_prefix('|')?;
    program.split_whitespace().next()
}

fn core_limit(host: &Host) -> Finding {
    let what = "limit on cores";
    let raised = match host.hard_core_limit {
        Some(0) => {
            "the hard limit is 0, too: root has to raise it (limits.conf(5), LimitCORE= of a service)"
        }
        _ => "ulimit -c unlimited, in the shell that starts the program; or pmdb doctor --fix",
    };
    let fix = (host.hard_core_limit != Some(0)).then_some(Fix::CoreLimit);
    match host.core_limit {
        _ if receiver(host).is_some() && host.core_limit != Some(1) => good(
            what,
            "does not count where a program receives them".to_owned(),
        ),
        Some(1) if receiver(host).is_some() => Finding {
            verdict: Verdict::Bad,
            remedy: Some(raised.to_owned()),
            fix,
            ..good(
                what,
                "is 1: the program that receives cores is given none (core(5))".to_owned(),
            )
        },
        None => good(what, "none".to_owned()),
        Some(0) => Finding {
            verdict: Verdict::Bad,
            remedy: Some(raised.to_owned()),
            fix,
            ..good(what, "is 0: the kernel writes none".to_owned())
        },
        Some(bytes) => Finding {
            verdict: Verdict::Note,
            remedy: Some(raised.to_owned()),
            fix: fix.filter(|_| host.hard_core_limit != Some(bytes)),
            ..good(
                what,
                format!("longer ones are cut at {} KiB", bytes.div_ceil(1024)),
            )
        },
    }
}

fn core_pattern(host: &Host) -> Finding {
    let what = "where cores go";
    let pattern = &host.core_pattern;
    if let Some(program) = receiver(host) {
        let name = Path::new(program).file_name().unwrap_or_default();
        let remedy = match &*name.to_string_lossy() {
            "systemd-coredump" => {
                "coredumpctl list shows them; coredumpctl dump PID -o core, then pmdb open core"
            }
            "apport" => {
                "they are in reports in /var/crash: apport-unpack REPORT FOLDER, then pmdb open FOLDER/CoreDump"
            }
            _ => "see its documentation, or run programs under pmdb run, which needs no core",
        };
        let verdict = match Path::new(program).exists() {
            true => Verdict::Note,
            false => Verdict::Bad,
        };
        let is_there = if verdict == Verdict::Bad {
            ", which is not there"
        } else {
            ""
        };
        return Finding {
            verdict,
            remedy: Some(remedy.to_owned()),
            ..good(what, format!("to the program {program}{is_there}"))
        };
    }
    if pattern.is_empty() && !host.core_uses_pid {
        return Finding {
            verdict: Verdict::Bad,
            remedy: Some("as root: sysctl kernel.core_pattern=core.%p".to_owned()),
            ..good(what, "nowhere: kernel.core_pattern is empty".to_owned())
        };
    }
    let added = if host.core_uses_pid && !pattern.contains("%p") {
        ".%p"
    } else {
        ""
    };
    let pattern = format!("{pattern}{added}");
    let names = explained(&pattern);
    let tells_apart = ["%p", "%P", "%i", "%I", "%t"];
    let overwrites = !tells_apart.iter().any(|it| pattern.contains(it));
    let replaced = overwrites.then(|| {
        "the next one replaces it; as root: sysctl kernel.core_pattern=core.%p".to_owned()
    });
    let unless_replaced = if overwrites {
        Verdict::Note
    } else {
        Verdict::Good
    };
    let folder = Path::new(&pattern).parent();
    match folder.filter(|_| pattern.starts_with('/')) {
        // A folder that the pattern itself makes up is not known before.
        Some(folder) if !folder.is_dir() && !folder.to_string_lossy().contains('%') => Finding {
            verdict: Verdict::Bad,
            remedy: Some(format!("make the folder {}", folder.display())),
            ..good(what, format!("to {names}"))
        },
        Some(_) => Finding {
            verdict: unless_replaced,
            remedy: replaced,
            ..good(what, format!("to {names}"))
        },
        None => Finding {
            verdict: unless_replaced,
            remedy: replaced,
            ..good(
                what,
                format!("to {names}, in the folder that the program is in"),
            )
        },
    }
}

/// A pattern with words in place of its letters: core(5).
fn explained(pattern: &str) -> String {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('p' | 'P') => text += "PID",
            Some('i' | 'I') => text += "TID",
            Some('e') => text += "NAME",
            Some('E') => text += "PATH",
            Some('t') => text += "TIME",
            Some('h') => text += "HOST",
            Some('u') => text += "UID",
            Some('g') => text += "GID",
            Some('s') => text += "SIGNAL",
            Some('c') => text += "LIMIT",
            Some('d') => text += "DUMPABLE",
            Some('%') => text.push('%'),
            _ => {}
        }
    }
    text
}

fn disk(host: &Host) -> Option<Finding> {
    let folder = match Path::new(&host.core_pattern).parent() {
        _ if receiver(host).is_some() => return None,
        Some(folder) if host.core_pattern.starts_with('/') => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let free = free_in(&folder)?;
    let says = format!(
        "{:.1} GiB are free for them",
        free as f64 / (1 << 30) as f64
    );
    let what = "disk";
    Some(if free < LITTLE {
        Finding {
            verdict: Verdict::Note,
            remedy: Some(
                "a core of a program with more memory is cut; a snapshot takes some MiB".to_owned(),
            ),
            ..good(what, says)
        }
    } else {
        good(what, says)
    })
}

fn core_filter(host: &Host) -> Option<Finding> {
    let what = "what cores hold";
    let filter = host.core_filter?;
    let lacks = [
        (
            PRIVATE,
            "the memory of the process itself, without which there is nothing to read",
        ),
        (
            NAMED_SEGMENTS,
            "shared memory with a name in /dev/shm, as Python's SharedMemory has",
        ),
        (
            FIRST_PAGES,
            "the first pages of files, by which they are recognised",
        ),
    ];
    let lacks: Vec<(u64, &str)> = lacks
        .into_iter()
        .filter(|(bit, _)| filter & bit == 0)
        .collect();
    if lacks.is_empty() {
        return Some(good(
            what,
            format!("all that is needed (coredump_filter {filter:#x})"),
        ));
    }
    let wanted = filter | PRIVATE | NAMED_SEGMENTS | FIRST_PAGES;
    let names: Vec<&str> = lacks.iter().map(|(_, name)| *name).collect();
    Some(Finding {
        verdict: match lacks.iter().any(|(bit, _)| *bit == PRIVATE) {
            true => Verdict::Bad,
            false => Verdict::Note,
        },
        remedy: Some(format!(
            "echo {wanted:#x} > /proc/$$/coredump_filter, in the shell that starts the program; or pmdb doctor --fix"
        )),
        fix: Some(Fix::CoreFilter { filter: wanted }),
        ..good(
            what,
            format!("not {} (coredump_filter {filter:#x})", names.join("; not ")),
        )
    })
}

fn tracing(host: &Host) -> Finding {
    let what = "right to look";
    let scope = host.ptrace_scope.unwrap_or(0);
    let mut finding = match scope {
        3 => Finding {
            verdict: Verdict::Bad,
            remedy: Some("it lasts until the next boot".to_owned()),
            ..good(what, "the kernel forbids all tracing (ptrace_scope 3)".to_owned())
        },
        _ if host.may_trace_all => good(what, "at every process".to_owned()),
        0 => good(what, "at every process of this user".to_owned()),
        1 => Finding {
            verdict: Verdict::Note,
            remedy: Some(
                "attach as root, or as root: sysctl kernel.yama.ptrace_scope=0; pmdb run works as it is".to_owned(),
            ),
            ..good(what, "only at processes that pmdb has started (ptrace_scope 1)".to_owned())
        },
        _ => Finding {
            verdict: Verdict::Bad,
            remedy: Some("run pmdb as root, or as root: sysctl kernel.yama.ptrace_scope=1".to_owned()),
            ..good(what, "at none: only root may trace (ptrace_scope 2)".to_owned())
        },
    };
    if host.is_filtered {
        finding.says += "; a seccomp filter is in force, as in a container, which may deny it";
    }
    finding
}

fn interpreters() -> Finding {
    let what = "interpreters";
    let found = pythons_in(&std::env::var_os("PATH").unwrap_or_default());
    if found.is_empty() {
        return Finding {
            verdict: Verdict::Note,
            remedy: Some(
                "none is needed to look at processes; pmdb run SCRIPT needs one".to_owned(),
            ),
            ..good(what, "there is no python3 on PATH".to_owned())
        };
    }
    let paths: Vec<String> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    good(what, paths.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pattern: &str, limit: Option<u64>) -> Host {
        Host {
            core_pattern: pattern.to_owned(),
            core_limit: limit,
            ..Host::default()
        }
    }

    #[test]
    fn patterns_are_explained() {
        let says = |pattern| core_pattern(&host(pattern, None)).says;
        assert_eq!(says("/tmp/c.%e.%p"), "to /tmp/c.NAME.PID");
        assert!(says("core").starts_with("to core, in the folder"));
        let receiver = "|/no/such/systemd-coredump %P %u";
        let finding = core_pattern(&host(receiver, None));
        assert_eq!(finding.verdict, Verdict::Bad);
        assert!(
            finding
                .remedy
                .is_some_and(|text| text.contains("coredumpctl"))
        );
        assert_eq!(core_pattern(&host("", None)).verdict, Verdict::Bad);
        let verdict = |pattern| core_pattern(&host(pattern, None)).verdict;
        assert_eq!(verdict("/tmp/%e/core.%p"), Verdict::Good);
        assert_eq!(verdict("/tmp/core-of-PID"), Verdict::Note);
        assert_eq!(verdict("/no/such/folder/core.%p"), Verdict::Bad);
    }

    #[test]
    fn a_limit_counts_where_no_program_receives_cores() {
        assert_eq!(core_limit(&host("core", Some(0))).verdict, Verdict::Bad);
        assert_eq!(core_limit(&host("core", None)).verdict, Verdict::Good);
        assert_eq!(core_limit(&host("|/bin/x", Some(0))).verdict, Verdict::Good);
        assert_eq!(core_limit(&host("|/bin/x", Some(1))).verdict, Verdict::Bad);
        let cut = core_limit(&host("core", Some(2048)));
        assert_eq!(
            (cut.verdict, cut.fix),
            (Verdict::Note, Some(Fix::CoreLimit))
        );
    }
}
