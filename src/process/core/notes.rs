//! The notes of a core: what the kernel, gdb's `gcore` and others wrote of the process beside its memory.
//!
//! Layouts: `struct elf_prstatus`, `elf_prpsinfo` and `siginfo_t` of the kernel's `include/uapi/linux/elfcore.h`
//! and `fs/binfmt_elf.c` on x86-64. Writers differ in the order of notes, so none is relied upon, but for this:
//! `NT_SIGINFO` follows the `NT_PRSTATUS` of the thread that it belongs to.

use std::ops::Range;

use object::elf;

use super::field;
use super::own_notes;
use super::signal::SignalInfo;
use crate::model::{Pid, Tid};
use crate::process::Registers;

/// Threads beyond this many are not read. Linux allows 4,194,304 (`PID_MAX_LIMIT`); a garbage core could hold
/// more notes than that.
const MOST_THREADS: usize = 1 << 18;

/// A thread as its `NT_PRSTATUS` tells. The registers stay in the core until they are asked for.
#[derive(Debug, Clone)]
pub(super) struct ThreadNote {
    pub tid: Tid,
    /// `pr_cursig`: the signal that it got, or 0.
    pub signal: i32,
    status: Range<usize>,
    info: Option<SignalInfo>,
}

/// `NT_PRPSINFO`.
#[derive(Debug, Clone)]
pub(super) struct ProcessNote {
    pub pid: Pid,
    /// `pr_ppid`. The kernel writes the tid of the parent's thread that forked (`fill_psinfo`), gdb its pid.
    pub parent: Pid,
    /// `pr_fname`: the kernel's name of the thread-group leader.
    pub name: String,
    /// `pr_psargs`: the first 80 bytes of the command line, its arguments joined by spaces.
    pub arguments: String,
}

/// Notes beyond this many are not read: eight for each thread, twice what the kernel writes. Many program headers may
/// name the same stretch of a core.
const MOST_NOTES: usize = MOST_THREADS * 8;

#[derive(Debug, Default)]
pub(super) struct Notes {
    /// In the order of the core: the kernel puts the thread that died first.
    pub threads: Vec<ThreadNote>,
    pub process: Option<ProcessNote>,
    /// Where `NT_AUXV`'s descriptor is.
    pub auxiliary_vector: Range<usize>,
    /// Where `NT_FILE`'s descriptor is.
    pub mapped_files: Range<usize>,
    /// Where the descriptors of pmdb's own notes are.
    pub own_facts: Range<usize>,
    pub own_maps: Range<usize>,
    pub own_places: Range<usize>,
    pub own_sources: Range<usize>,
}

impl Notes {
    pub(super) fn parse(core: &[u8], ranges: &[Range<usize>]) -> Notes {
        let mut notes = Notes::default();
        let mut left = MOST_NOTES;
        for range in ranges {
            let mut at = range.start;
            while let Some(note) = Note::parse(core, at, range.end) {
                if left == 0 {
                    return notes;
                }
                left -= 1;
                notes.take(core, &note);
                at = note.end;
            }
        }
        notes
    }

    fn take(&mut self, core: &[u8], note: &Note<'_>) {
        let bytes = &core[note.descriptor.clone()];
        if note.name == own_notes::OWNER {
            match note.kind {
                own_notes::FACTS => self.own_facts = note.descriptor.clone(),
                own_notes::MAPS => self.own_maps = note.descriptor.clone(),
                own_notes::PLACES => self.own_places = note.descriptor.clone(),
                own_notes::SOURCES => self.own_sources = note.descriptor.clone(),
                _ => {}
            }
        }
        if note.name != elf::ELF_NOTE_CORE {
            return;
        }
        match elf::NoteType(note.kind) {
            elf::NT_PRSTATUS if self.threads.len() < MOST_THREADS => {
                self.threads
                    .extend(ThreadNote::parse(bytes, note.descriptor.clone()));
            }
            elf::NT_SIGINFO => {
                if let Some(thread) = self.threads.last_mut() {
                    thread.info = SignalInfo::parse(bytes);
                }
            }
            elf::NT_PRPSINFO => self.process = ProcessNote::parse(bytes).or(self.process.take()),
            elf::NT_AUXV => self.auxiliary_vector = note.descriptor.clone(),
            elf::NT_FILE => self.mapped_files = note.descriptor.clone(),
            _ => {}
        }
    }
}

impl ThreadNote {
    fn parse(bytes: &[u8], status: Range<usize>) -> Option<ThreadNote> {
        Some(ThreadNote {
            signal: field::u16(bytes, 12)?.into(),
            tid: Tid(field::u32(bytes, 32)?),
            status,
            info: None,
        })
    }

    pub(super) fn registers(&self, core: &[u8]) -> Option<Registers> {
        Registers::parse(core.get(self.status.clone())?.get(112..)?)
    }

    pub(super) fn signal_info(&self) -> Option<&SignalInfo> {
        self.info.as_ref()
    }
}

impl ProcessNote {
    fn parse(bytes: &[u8]) -> Option<ProcessNote> {
        let text = |range: Range<usize>| {
            let bytes = field::until_nul(bytes.get(range)?);
            Some(String::from_utf8_lossy(bytes).into_owned())
        };
        Some(ProcessNote {
            pid: Pid(field::u32(bytes, 24)?),
            parent: Pid(field::u32(bytes, 28)?),
            name: text(40..56)?,
            arguments: text(56..136)?.trim_end_matches(' ').to_owned(),
        })
    }
}

/// One note. Its descriptor is clipped to what is there.
struct Note<'a> {
    kind: u32,
    /// Without its NUL.
    name: &'a [u8],
    descriptor: Range<usize>,
    end: usize,
}

impl Note<'_> {
    /// The note at `at`, unless not even its name lies before `limit`, which is within `core`.
    fn parse(core: &[u8], at: usize, limit: usize) -> Option<Note<'_>> {
        let within = core.get(at..limit)?;
        let name_size = field::u32(within, 0)? as usize;
        let size = field::u32(within, 4)? as usize;
        let kind = field::u32(within, 8)?;
        let name = within.get(12..12_usize.checked_add(name_size)?)?;
        let start = 12 + name_size.checked_next_multiple_of(4)?;
        let end = start.checked_add(size)?.min(within.len());
        let descriptor = at + start.min(end)..at + end;
        Some(Note {
            kind,
            name: field::until_nul(name),
            end: at + end.checked_next_multiple_of(4)?,
            descriptor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(core: &[u8]) -> Notes {
        Notes::parse(core, std::slice::from_ref(&(0..core.len())))
    }

    fn note(kind: u32, descriptor: &[u8], size: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(5_u32.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(b"CORE\0\0\0\0");
        bytes.extend(descriptor);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_note_that_claims_more_than_is_there_is_cut() {
        let core = note(elf::NT_AUXV.0, &[7; 16], u32::MAX);
        let notes = parse(&core);
        assert_eq!(notes.auxiliary_vector, 20..36);
    }

    #[test]
    fn a_note_without_a_descriptor_does_not_stop_those_after_it() {
        let mut core = note(elf::NT_PRSTATUS.0, &[], 0);
        core.extend(note(elf::NT_FILE.0, &[1; 5], 5));
        let notes = parse(&core);
        assert!(notes.threads.is_empty());
        assert_eq!(notes.mapped_files.len(), 5);
    }

    #[test]
    fn notes_of_zeros_end() {
        let core = [0; 4096];
        assert!(parse(&core).threads.is_empty());
    }
}
