//! The notes of a core as the kernel writes them (`fill_note_info` in its `fs/binfmt_elf.c`), and pmdb's own.
//!
//! Layouts: `struct elf_prstatus` and `elf_prpsinfo` of `include/linux/elfcore.h` and `include/uapi/linux/elfcore.h`, x86-64.

use std::os::unix::ffi::OsStrExt;

use object::elf;

use super::{Contents, FACTS, MAPS, OWNER, PLACES, SOURCES};
use crate::model::{Pid, ThreadState};
use crate::process::still::CapturedThread;
use crate::process::{Backing, Mapping, RegisterSets};

/// Bytes of `struct elf_prstatus`, and where its registers and `pr_fpvalid` are.
const STATUS: usize = 336;
const STATUS_REGISTERS: usize = 112;
const STATUS_FPVALID: usize = 328;
/// Bytes of `struct elf_prpsinfo`.
const PROCESS: usize = 136;
/// What FXSAVE writes, which is `NT_FPREGSET`. Bytes.
const FXSAVE: usize = 512;
/// `NT_FILE` counts offsets in these. Bytes.
const PAGE: u64 = 4096;

/// `places` is the note of that name: how long it is does not depend on what it says.
pub(super) fn notes(contents: &Contents<'_>, places: &[u8]) -> Vec<u8> {
    let mut notes = Notes::default();
    let core = elf::ELF_NOTE_CORE;
    let pid = contents.facts.process.pid;
    let mut threads: Vec<(&CapturedThread, &RegisterSets)> = (contents.threads.iter())
        .filter_map(|thread| Some((thread, thread.registers.as_ref()?)))
        .collect();
    threads.sort_by_key(|(thread, _)| thread.status.tid.0 != pid.0);
    let mut rest = threads.into_iter();
    if let Some((thread, registers)) = rest.next() {
        notes.add(
            core,
            elf::NT_PRSTATUS.0,
            &status(contents, thread, registers),
        );
        notes.add(core, elf::NT_PRPSINFO.0, &process(contents));
        notes.add_vectors(registers);
    } else {
        notes.add(core, elf::NT_PRPSINFO.0, &process(contents));
    }
    let auxiliary_vector = &contents.circumstances.auxiliary_vector;
    notes.add(core, elf::NT_AUXV.0, auxiliary_vector);
    notes.add(core, elf::NT_FILE.0, &files(contents));
    for (thread, registers) in rest {
        notes.add(
            core,
            elf::NT_PRSTATUS.0,
            &status(contents, thread, registers),
        );
        notes.add_vectors(registers);
    }
    // Plain data, which cannot fail to be written.
    let facts = serde_json::to_vec(contents.facts).unwrap_or_default();
    notes.add(OWNER, FACTS, &facts);
    notes.add(OWNER, MAPS, &contents.circumstances.maps);
    notes.add(OWNER, PLACES, places);
    if !contents.sources.is_empty() {
        notes.add(OWNER, SOURCES, contents.sources);
    }
    notes.0
}

#[derive(Default)]
struct Notes(Vec<u8>);

impl Notes {
    fn add(&mut self, name: &[u8], kind: u32, descriptor: &[u8]) {
        let Ok(size) = u32::try_from(descriptor.len()) else {
            return;
        };
        self.0.extend((name.len() as u32 + 1).to_le_bytes());
        self.0.extend(size.to_le_bytes());
        self.0.extend(kind.to_le_bytes());
        self.0.extend(name);
        self.0.push(0);
        self.align();
        self.0.extend(descriptor);
        self.align();
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn add_vectors(&mut self, registers: &RegisterSets) {
        let extended = &registers.extended;
        if let Some(floats) = extended.get(..FXSAVE) {
            self.add(elf::ELF_NOTE_CORE, elf::NT_FPREGSET.0, floats);
            self.add(b"LINUX", elf::NT_X86_XSTATE.0, extended);
        }
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn status(contents: &Contents<'_>, thread: &CapturedThread, registers: &RegisterSets) -> Vec<u8> {
    let circumstances = contents.circumstances;
    let parent = contents.facts.process.parent.map_or(0, |Pid(pid)| pid);
    let mut bytes = vec![0; STATUS];
    let ids = [
        thread.status.tid.0,
        parent,
        circumstances.process_group,
        circumstances.session,
    ];
    for (at, id) in (32..).step_by(4).zip(ids) {
        put(&mut bytes, at, &id.to_le_bytes());
    }
    for (at, word) in (STATUS_REGISTERS..).step_by(8).zip(registers.general) {
        put(&mut bytes, at, &word.to_le_bytes());
    }
    let has_floats = u32::from(registers.extended.len() >= FXSAVE);
    put(&mut bytes, STATUS_FPVALID, &has_floats.to_le_bytes());
    bytes
}

fn process(contents: &Contents<'_>) -> Vec<u8> {
    let (facts, circumstances) = (&contents.facts.process, contents.circumstances);
    let (number, letter) = state(facts.state);
    let mut bytes = vec![0; PROCESS];
    put(
        &mut bytes,
        0,
        &[number, letter, u8::from(letter == b'Z'), 0],
    );
    let ids = [
        circumstances.uid,
        circumstances.gid,
        facts.pid.0,
        facts.parent.map_or(0, |Pid(pid)| pid),
        circumstances.process_group,
        circumstances.session,
    ];
    for (at, id) in (16..).step_by(4).zip(ids) {
        put(&mut bytes, at, &id.to_le_bytes());
    }
    let leader = contents
        .threads
        .iter()
        .find(|one| one.status.tid.0 == facts.pid.0);
    let name = leader.and_then(|leader| leader.status.name.as_deref());
    put(&mut bytes, 40, clipped(name.unwrap_or_default(), 15));
    put(&mut bytes, 56, clipped(&facts.command.join(" "), 79));
    bytes
}

fn clipped(text: &str, most: usize) -> &[u8] {
    &text.as_bytes()[..text.len().min(most)]
}

/// `pr_state` and `pr_sname`: the place of the letter in `RSDTZW`.
fn state(state: ThreadState) -> (u8, u8) {
    match state {
        ThreadState::Running => (0, b'R'),
        ThreadState::Blocked | ThreadState::Idle => (2, b'D'),
        ThreadState::Stopped | ThreadState::Traced => (3, b'T'),
        ThreadState::Zombie | ThreadState::Dead => (4, b'Z'),
        ThreadState::Sleeping | ThreadState::Unknown => (1, b'S'),
    }
}

/// `NT_FILE`: a count, the size of a page, for each mapping of a file its start, end and offset, then the names.
fn files(contents: &Contents<'_>) -> Vec<u8> {
    let of_file = |mapping: &Mapping| match &mapping.backing {
        Backing::File {
            path,
            offset,
            deleted,
            ..
        } => {
            let mut name = path.as_os_str().as_bytes().to_vec();
            name.extend(if *deleted { &b" (deleted)"[..] } else { b"" });
            name.push(0);
            Some(([mapping.start.0, mapping.end.0, offset / PAGE], name))
        }
        _ => None,
    };
    let files: Vec<([u64; 3], Vec<u8>)> = contents.mappings.iter().filter_map(of_file).collect();
    let head = [files.len() as u64, PAGE];
    let words = head
        .into_iter()
        .chain(files.iter().flat_map(|(words, _)| *words));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    for (_, name) in &files {
        bytes.extend(name);
    }
    bytes
}
