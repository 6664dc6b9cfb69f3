//! Real cores, damaged in many ways: pmdb answers or refuses, in bounded time and memory, and never panics.
//!
//! `PMDB_MUTATIONS=10000 cargo test look::mutated_cores` searches longer; the seed of a failure is in its message.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::support::mutate::{Damaged, Random};
use crate::support::{Answer, Core, dump_core, fixture_path, on_each_python, pmdb_within_memory};
use nix::sys::signal::Signal;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{LittleEndian, elf};

/// What pmdb may use of address space: the files that it maps, and its budget several times over. Bytes.
const ADDRESS_SPACE: u64 = 3 << 30;
/// What it may use of memory of its own, in bytes: the budget of an answer (256 MiB) and the text made from it. With more it fails.
const MEMORY: u64 = 900 << 20;

/// How many of each kind of damage are tried on each interpreter's core.
fn rounds() -> u64 {
    let asked = std::env::var("PMDB_MUTATIONS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(12)
}

fn each_core(test: impl Fn(&Core, &Layout)) {
    on_each_python(|python| {
        let mut command: Command = python.command();
        command.arg(fixture_path("rich.py"));
        if let Some(core) = dump_core(&command, Signal::SIGABRT) {
            let layout = Layout::of(&core);
            let whole = look(&core.path, 0);
            let known = ["wrong value", "containers", "_bootstrap_inner"];
            let all = known.iter().all(|text| whole.stdout.contains(text));
            assert!(all && whole.code == Some(0), "{}", whole.stderr);
            test(&core, &layout);
        }
    });
}

/// Where in a core what is.
struct Layout {
    length: u64,
    /// Address, offset, bytes.
    segments: Vec<(u64, u64, u64)>,
    headers: u64,
    notes: (u64, u64),
    /// What the fixture said.
    objects: Vec<(String, u64)>,
}

impl Layout {
    fn of(core: &Core) -> Layout {
        let bytes = std::fs::read(&core.path).expect("the core is there");
        let header = elf::FileHeader64::<LittleEndian>::parse(&*bytes).expect("an ELF file");
        let table = header.program_headers(LittleEndian, &*bytes).expect("ELF");
        let of_kind = |kind| {
            let place = |header: &elf::ProgramHeader64<LittleEndian>| {
                (
                    header.p_vaddr(LittleEndian),
                    header.p_offset(LittleEndian),
                    header.p_filesz(LittleEndian),
                )
            };
            let headers = table.iter();
            headers
                .filter(move |header| header.p_type(LittleEndian) == kind)
                .map(place)
        };
        let said: BTreeMap<String, u64> = serde_json::from_str(&core.ready).expect("JSON");
        let (_, notes, length) = of_kind(elf::PT_NOTE).next().expect("notes");
        Layout {
            length: bytes.len() as u64,
            segments: of_kind(elf::PT_LOAD).filter(|place| place.2 > 0).collect(),
            headers: 64 + 56 * table.len() as u64,
            notes: (notes, length),
            objects: said.into_iter().collect(),
        }
    }

    fn offset(&self, address: u64) -> Option<u64> {
        let of = |&(start, offset, length): &(u64, u64, u64)| {
            let within = address.checked_sub(start)?;
            (within < length).then_some(offset + within)
        };
        self.segments.iter().find_map(of)
    }
}

/// Runs pmdb on a core, in one of the ways that reach all of it.
fn look(core: &Path, seed: u64) -> Answer {
    const WAYS: [&[&str]; 3] = [
        &["--locals", "--tasks", "--json"],
        &["--locals", "--tasks"],
        &["--flat"],
    ];
    let way = WAYS[seed as usize % WAYS.len()];
    let words = ["stack", "--core"].map(OsString::from).into_iter();
    let words = words.chain([core.into()]);
    pmdb_within_memory(
        ADDRESS_SPACE,
        MEMORY,
        words.chain(way.iter().map(OsString::from)),
    )
}

/// It answered or refused, in words.
#[track_caller]
fn assert_sound(answer: &Answer, damage: &str) {
    let sound = match answer.code {
        Some(0) => !answer.stdout.is_empty(),
        Some(1) => answer.stderr.starts_with("pmdb: "),
        _ => false,
    };
    let panicked = answer.stderr.contains("panicked");
    assert!(
        sound && !panicked,
        "after {damage}: exit {:?}, {} bytes of answer, {}",
        answer.code,
        answer.stdout.len(),
        answer.stderr
    );
}

/// Damages a core in `rounds()` ways, each described by what `damage` gives back, and looks at each.
fn try_each(core: &Core, mut damage: impl FnMut(&mut Random, &mut Damaged) -> String) {
    let mut file = Damaged::open(&core.path);
    for seed in 0..rounds() {
        let what = damage(&mut Random::new(seed), &mut file);
        let answer = look(&core.path, seed);
        file.mend();
        assert_sound(&answer, &format!("damage {seed} ({what})"));
    }
}

#[test]
fn a_core_cut_anywhere_is_read_up_to_there() {
    each_core(|core, layout| {
        let mut random = Random::new(7);
        let edges = [
            0,
            3,
            63,
            64,
            65,
            layout.headers - 1,
            layout.headers,
            layout.notes.0 + 9,
        ];
        let mut lengths: Vec<u64> = edges
            .into_iter()
            .chain((0..rounds()).map(|_| random.below(layout.length)))
            .collect();
        // Each is shorter than the one before, so that the file need not be written anew.
        lengths.sort_unstable();
        let file = Damaged::open(&core.path);
        for (seed, &length) in (0..).zip(lengths.iter().rev()) {
            file.cut(length);
            let answer = look(&core.path, seed);
            assert_sound(
                &answer,
                &format!("the cut at {length} of {} bytes", layout.length),
            );
        }
    });
}

#[test]
fn damaged_headers_and_notes_are_refused_or_read() {
    each_core(|core, layout| {
        try_each(core, |random, file| {
            let (start, length) = *random.one_of(&[
                (0, 64),
                (64, layout.headers - 64),
                (64, layout.headers - 64),
                layout.notes,
            ]);
            let mut places = Vec::new();
            for _ in 0..=random.below(4) {
                let width = *random.one_of(&[1, 2, 4, 8]);
                let offset = start + random.below(length) / width * width;
                file.put(offset, &random.hostile().to_le_bytes()[..width as usize]);
                places.push(offset);
            }
            format!("garbage at {places:?}")
        });
    });
}

#[test]
fn garbage_in_objects_frames_and_states_is_told() {
    each_core(|core, layout| {
        try_each(core, |random, file| {
            let mut places = Vec::new();
            for _ in 0..=random.below(3) {
                let (name, address) = random.one_of(&layout.objects);
                let word = random.below(48) * 8;
                // Itself, another object, the middle of one, or no address at all.
                let value = match random.below(4) {
                    0 => *address,
                    1 => random.one_of(&layout.objects).1,
                    2 => random.one_of(&layout.objects).1 + random.below(200),
                    _ => random.hostile(),
                };
                if let Some(offset) = layout.offset(address + word) {
                    file.put(offset, &value.to_le_bytes());
                    places.push(format!("{value:#x} at {name} + {word}"));
                }
            }
            places.join(", ")
        });
    });
}

#[test]
fn garbage_behind_pointers_is_told() {
    each_core(|core, layout| {
        try_each(core, |random, file| {
            // Follows pointers from an object that the walk reaches, and changes what is there.
            let (name, mut address) = random.one_of(&layout.objects).clone();
            let bytes = std::fs::read(&core.path).expect("the core is there");
            for _ in 0..random.below(4) {
                let at = layout.offset(address + random.below(16) * 8);
                let word = at.and_then(|at| bytes.get(at as usize..at as usize + 8));
                let pointer =
                    word.map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")));
                address = pointer
                    .filter(|pointer| layout.offset(*pointer).is_some())
                    .unwrap_or(address);
            }
            let value = match random.below(3) {
                0 => address,
                _ => random.hostile(),
            };
            let address = address + random.below(16) * 8;
            if let Some(offset) = layout.offset(address) {
                file.put(offset, &value.to_le_bytes());
            }
            format!("{value:#x} at {address:#x}, reached from {name}")
        });
    });
}

#[test]
fn garbage_anywhere_in_memory_is_told() {
    each_core(|core, layout| {
        try_each(core, |random, file| {
            let &(address, offset, length) = random.one_of(&layout.segments);
            let start = random.below(length);
            let mut garbage = vec![0; 4096];
            garbage.fill_with(|| random.next() as u8);
            for page in 0..8 {
                file.put(
                    (offset + start + page * 65536).min(layout.length - 4096),
                    &garbage,
                );
            }
            format!("pages of garbage from {:#x} on", address + start)
        });
    });
}
