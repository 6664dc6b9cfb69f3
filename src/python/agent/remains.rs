//! What is left in a process of a pmdb that was killed: a page, the ends of pipes, files without a place. It is known by its marks, and taken away once nobody
//! needs it, by the guardian or by the next pmdb that leaves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::AgentError;
use super::furniture::{PAGE, RECORD_AT, close, unmap};
use super::helper;
use super::inject::{Functions, may_be_read};
use super::unwind_filter;
use crate::model::{Addr, Pid};
use crate::process::live::{self, LiveProcess};
use crate::process::trace::{Custody, Hold};
use crate::process::{Mapping, Process};
use crate::python::layout::Layout;
use crate::python::{Located, Look};

/// What the files without a place are called (memfd_create(2)): the one that the page is a private copy of, and the one with the agent's code.
pub(super) const PAGE_NAME: &[u8] = b"pmdb-page\0";
pub(super) const CODE_NAME: &[u8] = b"pmdb-code\0";
/// How proc(5) names them.
const NAMES: [&str; 2] = ["/memfd:pmdb-page", "/memfd:pmdb-code"];
/// Files of a process that are looked at. A service may have a million open.
const MOST_FILES: usize = 1 << 16;

const MAGIC: u64 = u64::from_le_bytes(*b"pmdb-1\0\0");

/// What lies in a page beside the texts: who has made it, and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Record {
    /// The inodes of the pipes, once there are any.
    pub(super) pipes: [u64; 2],
    /// The page with the stub of a helper thread.
    pub(super) code: Option<Addr>,
    /// That of the function that stands before a callback of the agent (`unwind_filter.rs`).
    pub(super) filter: Option<Addr>,
}

/// A pmdb: its number, when it was started (clock ticks since boot), and the pid namespace in which it has that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner([u64; 3]);

impl Owner {
    fn this() -> Owner {
        let pid = std::process::id();
        let started = live::started(Pid(pid)).unwrap_or(0);
        Owner([pid.into(), started, namespace()])
    }

    /// Whether it may still be there: who lives in another namespace cannot be asked for.
    fn may_live(self) -> bool {
        let Owner([pid, started, of]) = self;
        let found = u32::try_from(pid)
            .ok()
            .and_then(|pid| live::started(Pid(pid)));
        of != namespace() || found == Some(started)
    }
}

fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

impl Record {
    /// Words of eight bytes.
    pub(super) const LENGTH: usize = 8;

    /// Of this pmdb.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Owner([pid, started, namespace]) = Owner::this();
        let page = |page: Option<Addr>| page.map_or(0, |page| page.0);
        let words: [u64; Record::LENGTH] = [
            MAGIC,
            pid,
            started,
            namespace,
            self.pipes[0],
            self.pipes[1],
            page(self.code),
            page(self.filter),
        ];
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// That of a page. Without an owner if none has been written yet.
    fn of(hold: &Hold, page: Addr) -> Result<(Option<Owner>, Record), AgentError> {
        let mut bytes = [0; 8 * Record::LENGTH];
        hold.read(page.plus(RECORD_AT), &mut bytes)?;
        let word = |index: usize| {
            let bytes = bytes.iter().skip(8 * index).take(8).rev();
            bytes.fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        let owner = (word(0) == MAGIC).then_some(Owner([word(1), word(2), word(3)]));
        let written = |index| Some(Addr(word(index))).filter(|page| !page.is_null());
        let (code, filter) = (written(6), written(7));
        let mut pipes = [word(4), word(5)];
        if pipes == [0; 2] {
            pipes = made_just_now(hold, page)?;
        }
        let record = Record {
            pipes,
            code,
            filter,
        };
        Ok((owner, record))
    }
}

/// The pipes that pipe2(2) has told of in a page, and that nobody has written down yet: two different numbers each, and both are ends of one pipe. Where there
/// is but one so far, the page has zeros for the other.
fn made_just_now(hold: &Hold, page: Addr) -> Result<[u64; 2], AgentError> {
    let mut bytes = [0; 16];
    hold.read(page, &mut bytes)?;
    let (one, other) = bytes.split_at(8);
    let pipe = |ends: &[u8]| {
        let (near, far) = ends.split_at(4);
        let inode = |end: &[u8]| {
            let number = i32::from_le_bytes(end.try_into().ok()?);
            pipe_at(Path::new(&format!("/proc/{}/fd/{number}", hold.pid())))
        };
        let found = inode(near).filter(|found| near != far && inode(far) == Some(*found));
        found.unwrap_or(0)
    };
    Ok([pipe(one), pipe(other)])
}

/// The inode of the pipe that a link of `/proc/PID/fd` leads to.
fn pipe_at(link: &Path) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    let inode = target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?;
    inode.parse().ok()
}

fn is_marked(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| NAMES.contains(&path.strip_suffix(" (deleted)").unwrap_or(path)))
}

/// The pages that are marked.
fn pages(pid: Pid) -> Vec<Addr> {
    let Ok(process) = LiveProcess::open(pid) else {
        return Vec::new();
    };
    let of_pmdb = |mapping: &&Mapping| {
        mapping.length() == PAGE && !mapping.shared && mapping.path().is_some_and(is_marked)
    };
    let found = process.mappings().iter().filter(of_pmdb);
    found.map(|mapping| mapping.start).collect()
}

/// File descriptors of a process, with where their links lead.
fn descriptors(pid: Pid) -> impl Iterator<Item = (i32, std::path::PathBuf)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    entries.take(MOST_FILES).flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path()))
    })
}

fn is_marked_file(link: &Path) -> bool {
    fs::read_link(link).is_ok_and(|target| is_marked(&target))
}

/// Whether there is anything in a process that is marked as pmdb's.
pub fn are_in(pid: Pid) -> bool {
    !pages(pid).is_empty() || descriptors(pid).any(|(_, link)| is_marked_file(&link))
}

/// Takes away what no living pmdb has put there. Only for who is alone with the process: another that is just coming has not written down yet what is its own.
/// Gives back whether all of it is gone.
pub fn clear(
    process: &dyn Process,
    located: &Located,
    pid: Pid,
    custody: &Custody,
) -> Result<bool, AgentError> {
    let functions = Functions::of(process, pid)?;
    custody.hold(pid, |hold| {
        let look = Look::new(process, located);
        let ring = look.pending_calls(pid)?;
        let mut is_all = true;
        for page in pages(pid) {
            let (owner, record) = Record::of(hold, page)?;
            if owner.is_some_and(Owner::may_live) {
                is_all = false;
                continue;
            }
            let range = page..page.plus(PAGE);
            let mut is_needed = false;
            for call in look.waiting_calls(&ring, &range)? {
                is_needed |= !look.withdraw(hold, &ring, call, functions.harmless)?;
            }
            if is_needed
                || !helper::is_over(hold, process, page, record.code)?
                || may_be_read(hold, process, page)?
                || !is_filter_over(hold, look.layout(), page, record.filter)?
            {
                is_all = false;
                continue;
            }
            let is_of_it = |link: &Path| {
                pipe_at(link).is_some_and(|inode| inode != 0 && record.pipes.contains(&inode))
            };
            close_all(hold, is_of_it);
            unmap(hold, page);
            let pages = record.code.into_iter().chain(record.filter);
            pages.for_each(|page| unmap(hold, page));
        }
        if is_all {
            close_all(hold, is_marked_file);
        }
        Ok(is_all)
    })?
}

fn is_filter_over(
    hold: &Hold,
    layout: &Layout,
    text: Addr,
    filter: Option<Addr>,
) -> Result<bool, AgentError> {
    filter.map_or(Ok(true), |filter| {
        unwind_filter::is_over(hold, layout, text, filter)
    })
}

fn close_all(hold: &mut Hold, is_meant: impl Fn(&Path) -> bool) {
    let found = descriptors(hold.pid()).filter(|(_, link)| is_meant(link));
    let found: Vec<i32> = found.map(|(number, _)| number).collect();
    if !found.is_empty() {
        close(hold, &found);
    }
}
