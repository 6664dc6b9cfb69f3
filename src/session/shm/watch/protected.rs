//! Watching by write protection: whole pages of every process that maps the segment, however many there are.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Range;
use super::traced::Scene;
use super::writer::WriterStack;
use crate::model::{Mapper, Pid, SegmentWrite, Tid, WatchEvent};
use crate::process::trace::{
    GUARDED_PAGE, GuardedFile, GuardedMoment, GuardedRange, GuardedWriter, OpenedPage, WrittenBy,
};

pub(super) const BLIND: &str = "what a process writes to its file with write(2), and for up to a second through a mapping that is new, is not seen";
pub(super) const COSTS: &str = "each write to one of these pages stops the threads of its process for a moment: programs that write much are slowed down";

/// Elements of one write that are told one by one.
const MOST_ELEMENTS: usize = 64;

/// What was read of a thread before the kernel wrote for it.
pub(super) type StackBefore = Option<(Pid, Tid, WriterStack)>;

impl Scene {
    pub(super) fn note_guarded(&mut self, moment: &GuardedMoment<'_>) {
        match moment {
            GuardedMoment::Before(writer) => {
                let stack = self
                    .writers
                    .stack(writer.pid, writer.tid, &writer.registers);
                self.before = Some((writer.pid, writer.tid, stack));
            }
            GuardedMoment::After(writer, pages) => self.note_pages(writer, pages),
        }
    }

    fn note_pages(&mut self, writer: &GuardedWriter, pages: &[OpenedPage]) {
        let mut elements = Vec::new();
        for page in pages {
            let changed = self.ledger.changed(page.tag, &page.before, &page.after);
            elements.extend(changed);
        }
        if elements.is_empty()
            && let Some(page) = pages.first()
            && let Some(same) = self.ledger.same(writer.tag, page.tag, &page.after)
        {
            elements.push(same);
        }
        // Beside the range.
        if elements.is_empty() {
            return;
        }
        let (pid, tid) = (writer.pid, writer.tid);
        if !self.ledger.count_each(pid, tid, &elements) {
            return;
        }
        let stack = match (&self.before, writer.by) {
            (Some((its, thread, stack)), WrittenBy::Kernel(_)) if (*its, *thread) == (pid, tid) => {
                stack.clone()
            }
            _ => self.writers.stack(pid, tid, &writer.registers),
        };
        self.ledger
            .name(pid, tid, &stack.process, stack.thread.as_ref());
        let by_kernel = match writer.by {
            WrittenBy::Instruction => None,
            WrittenBy::Kernel(Some(number)) => Some(format!(
                "the kernel has written it for the thread, in system call {}",
                call_text(number)
            )),
            WrittenBy::Kernel(None) => Some(
                "the kernel has written it for the thread, or the thread is one that cannot be traced"
                    .to_string(),
            ),
        };
        let count = elements.len() as u64;
        // Races are looked for in all of them.
        if !self.writers.with_locks() {
            elements.truncate(MOST_ELEMENTS);
        }
        let notes: Vec<String> = by_kernel.into_iter().chain(stack.note).collect();
        // Nobody listens any more if that fails.
        let _ = self.events.send(WatchEvent::Written(SegmentWrite {
            at_ms: self.ledger.at_ms(),
            pid,
            process: stack.process,
            tid,
            thread: stack.thread,
            count,
            elements,
            frames: stack.frames,
            locks: stack.locks,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }));
    }
}

/// Those that copy into memory of their caller, by name.
fn call_text(number: i64) -> String {
    use nix::libc;
    let name = match number {
        libc::SYS_read => "read",
        libc::SYS_pread64 => "pread64",
        libc::SYS_readv => "readv",
        libc::SYS_preadv => "preadv",
        libc::SYS_preadv2 => "preadv2",
        libc::SYS_recvfrom => "recvfrom",
        libc::SYS_recvmsg => "recvmsg",
        libc::SYS_recvmmsg => "recvmmsg",
        libc::SYS_getrandom => "getrandom",
        libc::SYS_process_vm_readv => "process_vm_readv",
        libc::SYS_process_vm_writev => "process_vm_writev",
        other => return other.to_string(),
    };
    format!("{name}(2)")
}

/// The whole pages of a range in each mapping through which a process may write to it.
pub(super) fn pages(range: &Range, mappers: &[Mapper], pid: Pid) -> Vec<GuardedRange> {
    let own = mappers
        .iter()
        .filter(|mapper| mapper.pid == pid && mapper.protection.contains('w'));
    let file = GuardedFile {
        device: range.watched.device,
        inode: range.watched.inode,
    };
    let pages = own.filter_map(|mapper| {
        let end = mapper.offset.saturating_add(mapper.length);
        let first = range.start().max(mapper.offset) / GUARDED_PAGE * GUARDED_PAGE;
        let last = (range.start().saturating_add(range.length())).min(end);
        let length = last.checked_sub(first)?.next_multiple_of(GUARDED_PAGE);
        (length > 0).then(|| GuardedRange {
            start: mapper.address.plus(first - mapper.offset),
            length,
            tag: first,
            file,
        })
    });
    pages.collect()
}

/// Waits until somebody is about to write, or for so long.
pub(super) fn wait_for_writers(signal: Option<&OwnedFd>, longest: Duration) {
    let Some(signal) = signal else {
        return std::thread::sleep(longest);
    };
    let mut waits = [PollFd::new(signal.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
    // A signal may come first.
    let _ = poll(&mut waits, timeout);
}
