//! How a process says from inside that it waits for a debugger: a file without a place (memfd_create(2)) among those that it has open,
//! whose name says what it waits for. It can be found and written to from outside in whatever namespaces the process is.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::model::Pid;

/// Files of a process that are looked at. A service may have a million open.
const MOST_FILES: usize = 1 << 16;

/// What a process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be looked at, and then to be let go: a Rust program that has panicked (`hook::wait`).
    ToBeSeen,
    /// To be stopped once the agent is in: a Python program that has called `pmdb.set_trace()` or its like (`python/pmdb`).
    ToStop,
}

const NAMES: &[(&str, Wish)] = &[("pmdb-waits", Wish::ToBeSeen), ("pmdb-asks", Wish::ToStop)];

/// The file that says it.
#[derive(Debug)]
pub struct Mark {
    file: File,
    pub wish: Wish,
}

impl Mark {
    /// That of a process, if it waits.
    pub fn of(pid: Pid) -> Option<Mark> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        entries.take(MOST_FILES).flatten().find_map(|entry| {
            let path = entry.path();
            let wish = wish_of(&fs::read_link(&path).ok()?)?;
            let file = File::options().write(true).open(path).ok()?;
            Some(Mark { file, wish })
        })
    }

    /// The process goes on. It may have done so already, or have ended.
    pub fn answer(&self) {
        let _ = (&self.file).write_all(b"1");
    }
}

/// proc(5): the link of such a file is `/memfd:NAME (deleted)`.
fn wish_of(link: &Path) -> Option<Wish> {
    let name = link.to_str()?.strip_prefix("/memfd:")?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, wish)| *wish)
}
