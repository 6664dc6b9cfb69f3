//! Debug information that is damaged: nothing hangs or panics, and a unit that is bad is all that is lost.

use std::path::Path;
use std::sync::Arc;

use object::{Object, ObjectSection};
use pmdb::native::dwarf::DebugInformation;
use pmdb::native::{SourceFrame, Svma};
use pmdb::process::elf::Elf;

use crate::native::frames::{addresses, fixed};
use crate::support::mutate::Random;

fn open_image(image: Vec<u8>) -> Option<DebugInformation> {
    let nowhere = Path::new("/nonexistent");
    DebugInformation::open(Arc::new(Elf::copied(image)), Path::new("/frames"), nowhere).ok()
}

fn answers(information: &DebugInformation, addresses: &[u64]) -> Vec<Vec<SourceFrame>> {
    addresses
        .iter()
        .map(|&address| information.frames_at(Svma(address)))
        .collect()
}

/// Where in the file a section is.
fn section(image: &[u8], name: &str) -> std::ops::Range<usize> {
    let file = object::File::parse(image).expect("ELF");
    let section = file
        .section_by_name(name)
        .unwrap_or_else(|| panic!("{name}"));
    let (start, size) = section.file_range().expect("in the file");
    start as usize..(start + size) as usize
}

/// Some of the program and some of the standard library.
fn some_addresses(program: &Path) -> Vec<u64> {
    let mut some = addresses(program, "6frames");
    some.truncate(60);
    some.extend(addresses(program, "3std").into_iter().step_by(60));
    some
}

#[test]
fn bad_unit_is_all_that_is_lost() {
    let program = fixed("optimised", &["-g", "-O"]);
    let image = std::fs::read(&program).expect("it was built");
    let addresses = some_addresses(&program);
    let whole = answers(&open_image(image.clone()).expect("sound"), &addresses);
    let units = section(&image, ".debug_info");
    let mut begins = Vec::new();
    let mut at = units.start;
    while at < units.end {
        begins.push(at);
        at += 4 + u32::from_le_bytes(image[at..at + 4].try_into().expect("4 bytes")) as usize;
    }
    assert!(begins.len() > 5, "{begins:?}");
    let mut lost = vec![0; addresses.len()];
    for &begin in begins.iter().take(12) {
        let mut image = image.clone();
        // The version (DWARF 5, section 7.5.1).
        image[begin + 4] = 99;
        let information = open_image(image).expect("the other units are sound");
        for (index, (frames, whole)) in answers(&information, &addresses)
            .iter()
            .zip(&whole)
            .enumerate()
        {
            if frames != whole {
                assert_eq!(frames, &[], "{:#x}", addresses[index]);
                lost[index] += 1;
            }
        }
        let problems = information.problems();
        let offset = format!(
            "the unit at {:#x} of .debug_info is damaged",
            begin - units.start
        );
        assert!(
            problems.len() == 1 && problems[0].contains(&offset),
            "{problems:?}"
        );
    }
    assert!(
        lost.contains(&1) && lost.iter().all(|&times| times <= 1),
        "{lost:?}"
    );
}

#[test]
fn damage_anywhere_is_survived() {
    let program = fixed("dwarf5", &["-g", "-O", "-Cdwarf-version=5"]);
    let image = std::fs::read(&program).expect("it was built");
    let addresses = some_addresses(&program);
    let names = [
        ".debug_info",
        ".debug_abbrev",
        ".debug_line",
        ".debug_str",
        ".debug_aranges",
        ".debug_rnglists",
    ];
    let sections = names.map(|name| section(&image, name));
    let mut random = Random::new(5);
    let rounds = std::env::var("PMDB_MUTATIONS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(40);
    for _ in 0..rounds {
        let mut image = image.clone();
        for _ in 0..1 + random.below(20) {
            let section = random.one_of(&sections);
            let at = section.start + random.below(section.len() as u64) as usize;
            let hostile = random.hostile().to_le_bytes();
            let length = 1 << random.below(4);
            let end = image.len().min(at + length);
            image[at..end].copy_from_slice(&hostile[..end - at]);
        }
        let Some(information) = open_image(image) else {
            continue;
        };
        answers(&information, &addresses);
        assert!(information.problems().len() <= 20);
    }
}

#[test]
fn cut_file_is_an_error() {
    let program = fixed("optimised", &["-g", "-O"]);
    let image = std::fs::read(&program).expect("it was built");
    for eighths in 0..8 {
        let cut = image[..image.len() * eighths / 8].to_vec();
        if let Some(information) = open_image(cut) {
            answers(&information, &some_addresses(&program));
        }
    }
}
