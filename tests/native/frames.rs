//! Functions and lines by address, beside what the program says of itself and what addr2line says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pmdb::native::dwarf::{DebugInformation, demangled};
use pmdb::native::{SourceFrame, Svma};
use pmdb::process::elf::Elf;

use crate::support::native::{cpp_program, rust_program};
use crate::support::{run, skip};

pub fn open(program: &Path) -> DebugInformation {
    let file = std::fs::File::open(program).expect("it was built");
    let elf = Arc::new(Elf::open(&file).expect("ELF"));
    DebugInformation::open(elf, program, Path::new("/")).expect("it has debug information")
}

/// Linked at fixed addresses, so that those that it says are those of its file.
const FIXED: [&str; 2] = ["-Crelocation-model=static", "-Clink-arg=-no-pie"];

pub fn fixed(variant: &str, arguments: &[&str]) -> PathBuf {
    rust_program("frames", variant, &[&FIXED[..], arguments].concat())
}

/// Asks for the frames at each address that the program names, and compares.
pub fn agrees_with_itself(program: &Path, information: &DebugInformation) {
    let said = run(Command::new(program), "").stdout;
    assert_eq!(said.lines().count(), 5, "{said}");
    for line in said.lines() {
        let (pc, expected) = line.split_once(' ').expect("an address and frames");
        let pc = u64::from_str_radix(pc.trim_start_matches("0x"), 16).expect("hexadecimal");
        // The address behind the instruction, as a return address is.
        let frames = information.frames_at(Svma(pc - 1));
        let names: Vec<_> = frames
            .iter()
            .map(|frame| frame.function.as_deref().unwrap_or("?"))
            .collect();
        assert_eq!(names[0], "frames::pc", "{line}: {frames:#?}");
        let read: Vec<String> = frames[1..].iter().map(told).collect();
        assert_eq!(read.join(" "), expected, "{}", program.display());
        let (function, inlined) = frames.split_last().expect("two or more");
        assert!(
            !function.is_inlined && inlined.iter().all(|frame| frame.is_inlined),
            "{frames:#?}"
        );
        for frame in &frames {
            let file = frame.file.as_ref().expect("a file");
            assert!(
                Path::new(&file.path).ends_with("fixtures/frames.rs"),
                "{frames:#?}"
            );
            assert!(Path::new(&file.path).is_absolute(), "{frames:#?}");
        }
    }
    assert_eq!(information.problems(), [""; 0]);
}

fn told(frame: &SourceFrame) -> String {
    let line = frame.line.map_or("?".to_owned(), |line| line.to_string());
    format!("{}:{line}", frame.function.as_deref().unwrap_or("?"))
}

#[test]
fn frames_are_those_that_the_program_says() {
    let variants: [(&str, &[&str]); 5] = [
        ("debug", &["-g"]),
        ("optimised", &["-g", "-O"]),
        ("limited", &["-O", "-Cdebuginfo=1"]),
        ("dwarf5", &["-g", "-O", "-Cdwarf-version=5"]),
        ("v0", &["-g", "-O", "-Csymbol-mangling-version=v0"]),
    ];
    for (variant, arguments) in variants {
        let program = fixed(variant, arguments);
        agrees_with_itself(&program, &open(&program));
    }
}

/// What binutils' addr2line says at each address: function and `file:line`, innermost first.
fn addr2line(program: &Path, addresses: &[u64]) -> Option<Vec<Vec<(String, String)>>> {
    let mut command = Command::new("addr2line");
    command.args(["-a", "-f", "-i", "-e"]).arg(program);
    command.args(addresses.iter().map(|address| format!("{address:#x}")));
    let Ok(output) = command.output() else {
        skip("lines beside those of addr2line", "there is no addr2line");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut answers: Vec<Vec<(String, String)>> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            answers.push(Vec::new());
        } else if let (Some(place), Some(answer)) = (lines.next(), answers.last_mut()) {
            let place = place.split(" (discriminator").next().unwrap_or(place);
            answer.push((line.to_owned(), place.to_owned()));
        }
    }
    Some(answers)
}

/// Every few bytes of the functions whose symbol has a text in it.
pub fn addresses(program: &Path, text: &str) -> Vec<u64> {
    use object::{Object, ObjectSymbol};
    let bytes = std::fs::read(program).expect("it was built");
    let file = object::File::parse(&*bytes).expect("ELF");
    let functions = file
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    let wanted = functions.filter(|symbol| symbol.name().is_ok_and(|name| name.contains(text)));
    wanted
        .flat_map(|symbol| (symbol.address()..symbol.address() + symbol.size()).step_by(3))
        .take(3000)
        .collect()
}

/// The last part of a name, without arguments: g++ gives functions that no other unit sees no symbol in the debug information, and
/// addr2line takes the name from the symbol table then.
fn last_part(name: &str) -> String {
    let mut depth = 0_i32;
    let mut outside = String::new();
    for letter in name.chars() {
        depth += i32::from("(<{".contains(letter)) - i32::from(")>}".contains(letter));
        if depth == 0 && !")>}".contains(letter) {
            outside.push(letter);
        }
    }
    let last = outside.rsplit("::").next().unwrap_or_default();
    last.trim_end_matches(" const")
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// addr2line 2.40 names the unit's own file where code without optimisation comes from a header, with a line of the header.
fn is_impossible(place: &str) -> bool {
    let lines = || {
        let (path, line) = place.rsplit_once(':')?;
        let text = std::fs::read_to_string(path).ok()?;
        Some((line.parse().ok()?, text.lines().count()))
    };
    lines().is_some_and(|(line, count): (usize, usize)| line > count)
}

fn agrees_with_addr2line(program: &Path, text: &str) {
    let addresses = addresses(program, text);
    assert!(addresses.len() > 50, "{}", program.display());
    let Some(answers) = addr2line(program, &addresses) else {
        return;
    };
    assert_eq!(answers.len(), addresses.len());
    let information = open(program);
    let mut differences = Vec::new();
    for (address, answer) in addresses.iter().zip(&answers) {
        if answer
            .iter()
            .any(|(_, place)| place.starts_with("??") || is_impossible(place))
        {
            continue;
        }
        let theirs: Vec<String> = answer
            .iter()
            .map(|(name, place)| format!("{} {place}", last_part(&demangled(name))))
            .collect();
        let frames = information.frames_at(Svma(*address));
        let ours: Vec<String> = frames
            .iter()
            .map(|frame| {
                let name = frame.function.as_deref().unwrap_or("??");
                let path = frame.file.as_ref().map_or("??", |file| &file.path);
                let line = frame.line.map_or("?".to_owned(), |line| line.to_string());
                format!("{} {path}:{line}", last_part(name))
            })
            .collect();
        // It takes the name of an inlined call at the top from the symbol table, where that has no symbol: the name of the whole function.
        let of_call = theirs.len() > 1;
        let place = |frame: &String| frame.split_once(' ').map(|(_, place)| place.to_owned());
        let same_place = ours.first().and_then(place) == place(&theirs[0]);
        let same = theirs == ours || (of_call && same_place && theirs[1..] == ours[1..]);
        if !same {
            let (theirs, ours) = (theirs.join("\n  "), ours.join("\n  "));
            differences.push(format!("{address:#x} theirs\n  {theirs}\n ours\n  {ours}"));
        }
    }
    let some = &differences[..differences.len().min(8)];
    assert!(
        some.is_empty(),
        "{} of {} differ:\n{}",
        differences.len(),
        answers.len(),
        some.join("\n")
    );
}

#[test]
fn frames_are_those_of_addr2line() {
    agrees_with_addr2line(&fixed("optimised", &["-g", "-O"]), "6frames");
    let variants: [(&str, &[&str]); 3] = [
        ("cpp", &["-g", "-O0"]),
        (
            "cpp-optimised",
            &["-g", "-O2", "-gdwarf-4", "-fdebug-types-section"],
        ),
        ("cpp-dwarf5", &["-g", "-O2", "-gdwarf-5"]),
    ];
    for (variant, arguments) in variants {
        if let Some(program) = cpp_program("frames", variant, arguments) {
            agrees_with_addr2line(&program, "");
        }
    }
}
