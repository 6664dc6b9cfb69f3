//! Registers, instructions, memory, symbols and lines at the prompt: beside what the program says of itself, and beside gdb.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::native::prompt::{Prompt, rust};
use crate::native::values::Waiting;
use crate::support::native::rust_program;
use crate::support::{pmdb, skip};

/// What gdb answers to commands in a function of a process, one text for each; nothing without gdb.
fn gdb(pid: u32, function: &str, commands: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"]);
    command.args(["-iex", "set disassembly-flavor intel", "-p"]);
    command.arg(pid.to_string());
    command.args(["-ex", &format!("frame function {function}")]);
    for of_user in commands {
        command.args(["-ex", "echo --\\n", "-ex", of_user]);
    }
    let Ok(output) = command.output() else {
        skip("native code beside another debugger", "there is no gdb");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts = text.split("--\n").skip(1).map(str::to_string);
    Some(parts.collect())
}

/// The addresses at the beginnings of the lines of a listing.
fn addresses(text: &str) -> Vec<String> {
    // A line in brackets is about the listing.
    let listed = text.lines().filter(|line| !line.starts_with('['));
    let words = listed.filter_map(|line| {
        let line = line.trim_start_matches("=>").trim_start();
        line.split([' ', ':']).find(|word| word.starts_with("0x"))
    });
    let plain = |word: &str| {
        let digits = word.trim_start_matches("0x").trim_start_matches('0');
        digits.to_string()
    };
    words.map(plain).collect()
}

#[test]
fn registers_are_as_the_program_says() {
    let waiting = Waiting::start(&rust());
    let prompt = Prompt::on(&waiting, "values::show");
    let answer = prompt.ask(&["registers".to_string()]);
    let mut compared = 0;
    for (name, expected) in waiting.named_registers() {
        let line = answer
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in {answer:#?}"));
        let value = line.split_whitespace().nth(1).expect("a value");
        assert_eq!(value, format!("{expected:#x}"), "{name}: {answer:#?}");
        compared += 1;
    }
    assert_eq!(compared, 7);
    assert!(answer.stdout.contains("rax    <not known"), "{answer:#?}");
    assert!(answer.stdout.contains("<values::show+"), "{answer:#?}");
}

#[test]
fn instructions_and_memory_are_as_gdb_has_them() {
    let waiting = Waiting::start(&rust());
    let prompt = Prompt::on(&waiting, "values::show");
    let ask = |line: &str| {
        let stdout = prompt.ask(&[line.to_string()]).stdout;
        // The frame that was chosen comes first.
        stdout.lines().skip(2).collect::<Vec<_>>().join("\n")
    };
    let commands = [
        "disassemble values::show",
        "x/6xg $rsp",
        "x/8xb $rsp",
        "x/3dw $rsp",
        "x/4i $pc",
    ];
    let Some(theirs) = gdb(waiting.pid(), "values::show", &commands) else {
        return;
    };
    let own = ask("disas values::show");
    // Of a very long function not all are shown, but those around the next one.
    let (shown, all) = (addresses(&own), addresses(&theirs[0]));
    assert!(shown.len() > 100, "{own}");
    let first = all.iter().position(|address| *address == shown[0]);
    let first = first.expect("an instruction of gdb's");
    assert_eq!(shown, all[first..first + shown.len()]);
    assert_eq!(
        shown.len() < all.len(),
        own.contains("\n[the function goes from ")
    );
    assert!(own.contains("\n=> 0x"), "{own}");
    assert!(own.contains("\nvalues.rs:"), "{own}");
    assert!(
        own.contains("call   0x") && own.contains("<values::say"),
        "{own}"
    );
    let words = |text: &str| -> Vec<String> {
        let behind = text.lines().filter_map(|line| line.split_once(":\t"));
        let words = behind
            .flat_map(|(_, values)| values.split('\t').map(str::to_string).collect::<Vec<_>>());
        words.collect()
    };
    for (command, theirs) in commands.iter().zip(&theirs).skip(1).take(3) {
        assert_eq!(words(&ask(command)), words(theirs), "{command}");
    }
    assert_eq!(addresses(&ask("x/4i $pc")), addresses(&theirs[4]));
    assert_eq!(
        ask("x/s \"text\""),
        "*** it was computed and has no address; this is text"
    );
    let unreadable = ask("x/4xg 16");
    assert!(
        unreadable.contains("<not readable at 0x10>"),
        "{unreadable}"
    );
}

#[test]
fn names_and_places_are_found() {
    let program = rust();
    let waiting = Waiting::start(&program);
    let prompt = Prompt::on(&waiting, "values::show");
    let lines: Vec<String> = [
        "modules values",
        "sections",
        "symbols values::show",
        "info functions values::say*",
        "info types *::Point",
        "info line $pc",
        "info registers",
        "symbols no such name",
        "info nonsense",
    ]
    .iter()
    .map(|line| (*line).to_string())
    .collect();
    let answer = prompt.ask(&lines);
    for expected in [
        "debug information  /",
        " .text\n",
        " function     values::show  (values)\n",
        "\nvalues::say\n",
        "\nvalues::Point\n",
        "fixtures/values.rs:",
        "\nrsp ",
        "*** no symbol suits 'no such name'",
        "*** `info nonsense` is nothing",
    ] {
        assert!(answer.stdout.contains(expected), "{expected}: {answer:#?}");
    }
    // A line's place is in the function that it is of, and an address in it is of that line.
    let source =
        std::fs::read_to_string(crate::support::fixture_path("values.rs")).expect("it is there");
    let line = 1 + source
        .lines()
        .position(|line| line.contains("show(12345"))
        .expect("it is there");
    let answer = prompt.ask(&[format!("info line values.rs:{line}")]);
    assert!(answer.stdout.contains("<values::main+"), "{answer:#?}");
    let place = answer
        .stdout
        .lines()
        .find(|it| it.contains(" is from "))
        .expect("a place");
    let address = place
        .split(" is from ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let answer = prompt.ask(&[format!("info line {}", address.expect("an address"))]);
    assert!(
        answer.stdout.contains(&format!("values.rs:{line} is from")),
        "{answer:#?}"
    );
}

#[test]
fn a_source_that_was_changed_since_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let source: PathBuf = folder.path().join("changing.rs");
    let text = "fn main() {\n    println!(\"ready\");\n    let _ = std::io::stdin().read_line(&mut String::new());\n}\n";
    std::fs::write(&source, text).expect("a file");
    let build = |extra: &[&str]| {
        let program = folder.path().join("changing");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(rustc);
        command
            .arg("-g")
            .args(extra)
            .arg("-o")
            .arg(&program)
            .arg(&source);
        assert!(command.status().expect("rustc made this test").success());
        program
    };
    // With a checksum, and with the times of the files alone.
    for extra in [&["-Cdwarf-version=5"][..], &[]] {
        std::fs::write(&source, text).expect("a file");
        let program = build(extra);
        let waiting = Waiting::start(Path::new(&program));
        let prompt = Prompt::on(&waiting, "changing::main");
        let list = || prompt.ask(&["list".to_string(), "list 1,2".to_string()]);
        assert!(
            !list().stdout.contains("WARNING"),
            "{extra:?}: {:#?}",
            list()
        );
        std::fs::write(&source, format!("// Another line.\n{text}")).expect("a file");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
        let file = std::fs::File::options()
            .append(true)
            .open(&source)
            .expect("it is ours");
        file.set_modified(later).expect("it is ours");
        let warnings = list()
            .stdout
            .matches("not the one that this code was compiled from")
            .count();
        assert_eq!(warnings, 1, "{extra:?}: {:#?}", list());
    }
}

#[test]
fn code_without_debug_information_has_registers_and_instructions() {
    let program = rust_program("values", "stripped-prompt", &["-Cstrip=debuginfo"]);
    let waiting = Waiting::start(&program);
    let pid = waiting.pid().to_string();
    let answer = pmdb([
        "attach",
        &pid,
        "-c",
        "up",
        "-c",
        "p $rip == $pc",
        "-c",
        "x/i $pc",
        "-c",
        "disas",
        "-c",
        "locals",
        "-c",
        "p *(u8 *)$rsp + 0 >= 0",
    ]);
    assert!(answer.stdout.contains("true\n"), "{answer:#?}");
    assert!(answer.stdout.contains("=> 0x"), "{answer:#?}");
}
