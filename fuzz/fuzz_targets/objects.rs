//! A real core, which `PMDB_FUZZ_CORE` names, in which words that a walk reads are replaced. Each 16 bytes of the input are
//! which place (4), where in it (2), how (2) and by what (8).
#![no_main]
#![allow(dead_code, reason = "the tests use more of these modules")]

#[path = "../../tests/support/mutate.rs"]
mod mutate;
#[path = "../../tests/support/overlay.rs"]
mod overlay;
#[path = "../../tests/support/walk.rs"]
mod walk;

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use overlay::Overlay;
use pmdb::model::Addr;
use pmdb::process::ReadMemory;
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::python::{Located, locate};
use walk::walk_all;

struct Sound {
    process: CoreProcess,
    located: Located,
    /// Address and length of each.
    reads: Vec<(u64, usize)>,
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let path = std::env::var_os("PMDB_FUZZ_CORE").expect("PMDB_FUZZ_CORE names a core");
        let process = CoreProcess::open(Path::new(&path), CoreOptions::default());
        let process = process.expect("a core");
        let located = locate(&process).expect("a core of Python");
        let reads = Overlay::reads_of(&process, |process| walk_all(process, &located));
        Sound {
            process,
            located,
            reads,
        }
    })
}

fuzz_target!(|damage: &[u8]| {
    let Sound {
        process,
        located,
        reads,
    } = sound();
    let mut damaged = Overlay::over(process);
    for change in damage.chunks_exact(16).take(16) {
        let number = |from: usize, to: usize| {
            let mut bytes = [0; 8];
            bytes[..to - from].copy_from_slice(&change[from..to]);
            u64::from_le_bytes(bytes)
        };
        let (address, length) = reads[number(0, 4) as usize % reads.len()];
        let at = address + number(4, 6) % length as u64;
        let value = number(8, 16);
        let other = reads[value as usize % reads.len()].0;
        let mut word = [0; 8];
        let value = match number(6, 8) % 4 {
            0 => other,
            // What another place holds: a pointer to something sound, of another type.
            1 if process.read(Addr(other), &mut word).is_ok() => u64::from_le_bytes(word),
            _ => value,
        };
        damaged.put(at, &value.to_le_bytes()[..length.min(8)]);
    }
    walk_all(&damaged, located);
});
