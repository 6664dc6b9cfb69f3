//! Any bytes as what pmdb itself notes in a snapshot: facts, mappings, places of memory, packed sources; alone, compressed, or in a bundle.
//!
//! The input: which of these (1 byte), how long each of the four notes is (2 bytes each), the notes, and the memory of the process.
#![no_main]

#[path = "../scratch.rs"]
mod scratch;

use libfuzzer_sys::fuzz_target;
use pmdb::process::core::bundle::{self, BLOCK};
use pmdb::process::core::own_notes::{FACTS, MAPS, OWNER, PLACES, SOURCES};
use pmdb::process::core::sources::{SOURCES_MEMBER, sources_of_bundle, sources_of_dump};
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::process::{Process, ReadMemory};
use pmdb::session::stack::{StackOptions, Target, stacks};

const KINDS: [u32; 4] = [FACTS, MAPS, PLACES, SOURCES];
/// `NT_PRSTATUS`, and its length on x86-64 in bytes.
const STATUS: (u32, usize) = (1, 336);
/// Bytes of sources that are unpacked.
const MOST: u64 = 1 << 20;
/// Where the memory of the process is said to be.
const MEMORY: u64 = 0x10_0000;

fn note(owner: &[u8], kind: u32, descriptor: &[u8]) -> Vec<u8> {
    let words = [owner.len() as u32 + 1, descriptor.len() as u32, kind];
    let mut note: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    for part in [&[owner, &[0]].concat(), descriptor] {
        note.extend(part);
        note.resize(note.len().next_multiple_of(4), 0);
    }
    note
}

/// A core with these notes, and with this memory.
fn core(notes: &[u8], memory: &[u8]) -> Vec<u8> {
    let notes_at = 64 + 2 * 56;
    let memory_at = notes_at + notes.len() as u64;
    let mut core = b"\x7fELF\x02\x01\x01".to_vec();
    core.resize(16, 0);
    // ET_CORE, EM_X86_64.
    core.extend([4, 0, 62, 0, 1, 0, 0, 0]);
    core.extend([0_u64, 64, 0].into_iter().flat_map(u64::to_le_bytes));
    let sizes = [0_u16, 0, 64, 56, 2, 64, 0, 0];
    core.extend(sizes.into_iter().flat_map(u16::to_le_bytes));
    // PT_NOTE and PT_LOAD.
    let headers = [
        (4_u32, notes_at, 0, notes.len() as u64),
        (1, memory_at, MEMORY, memory.len() as u64),
    ];
    for (kind, offset, address, length) in headers {
        core.extend([kind, 6].into_iter().flat_map(u32::to_le_bytes));
        let words = [offset, address, 0, length, length, 1];
        core.extend(words.into_iter().flat_map(u64::to_le_bytes));
    }
    core.extend(notes);
    core.extend(memory);
    core
}

fn member(name: &str, bytes: &[u8], into: &mut Vec<u8>) {
    into.extend(bundle::header(name, bytes.len() as u64, 1));
    into.extend(bytes);
    into.resize(into.len().next_multiple_of(BLOCK as usize), 0);
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([how, lengths @ ..], mut rest)) = bytes.split_first_chunk::<9>() else {
        return;
    };
    let mut notes = note(b"CORE", STATUS.0, &[0; STATUS.1]);
    let mut sources = Vec::new();
    for (kind, length) in KINDS.into_iter().zip(lengths.as_chunks().0) {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let mut descriptor;
        (descriptor, rest) = (rest[..length].to_vec(), &rest[length..]);
        if kind == SOURCES {
            if how & 4 == 4 {
                descriptor = zstd::encode_all(&descriptor[..], 1).expect("it is in memory");
            }
            sources.clone_from(&descriptor);
        }
        notes.extend(note(OWNER, kind, &descriptor));
    }
    let mut file = core(&notes, rest);
    if how & 1 == 1 {
        let mut members = Vec::new();
        member("1.core", &file, &mut members);
        member(SOURCES_MEMBER, &sources, &mut members);
        member("2.core", &file, &mut members);
        file = members;
    }
    if how & 2 == 2 {
        file = zstd::encode_all(&file[..], 1).expect("it is in memory");
    }
    let file = scratch::file_of(&file);
    let path = scratch::path_of(&file);
    sources_of_bundle(&path, MOST);
    for path in bundle::cores(&path).unwrap_or_else(|| vec![path.clone()]) {
        sources_of_dump(&path, MOST);
        let Ok(process) = CoreProcess::open(&path, CoreOptions::default()) else {
            continue;
        };
        process.notes();
        process.cause();
        process.lacks();
        for thread in process.threads().unwrap_or_default().iter().take(20) {
            process.registers(thread.tid);
        }
        for mapping in process.mappings().iter().take(50) {
            let mut bytes = [0; 5000];
            let _ = process.read(mapping.start, &mut bytes);
            process.lend(mapping.end.minus(100), 200);
        }
    }
    let target = Target::Core {
        path,
        executable: None,
    };
    stacks(&[target], &StackOptions::default());
});
