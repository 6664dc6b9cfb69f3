//! Programs that somebody else traces already, or that turn the interpreter into something else: pmdb comes, stops and steps, and leaves all as
//! it was.

use std::process::Command;

use crate::support::{Fixture, Python, any_python, fixture_path, pythons, run, venv};

/// The newest of the plain releases, with packages from PyPI.
fn python_with(packages: &[&str]) -> Option<Python> {
    any_python().and_then(|python| venv(python, packages))
}

fn in_library(python: &Python, before: &[&str], kind: &[&str]) -> Command {
    let mut command = python.command();
    command
        .args(before)
        .arg(fixture_path("in_library.py"))
        .args(kind);
    command
}

/// Breaks and steps in `work`, and leaves again.
fn visit(pid: u32) {
    let commands = [
        "stop", "b work", "continue", "next", "p x - n", "step", "detach",
    ];
    let told = super::session(pid, &commands);
    let folder = fixture_path("").display().to_string();
    let told = told.replace(&folder, "");
    // `stop` may have met it at this very line.
    let (_, after) = told.split_once("Breakpoint 1 at ").expect(&told);
    let (_, stop) = after
        .split_once("> in_library.py(10)work()\n")
        .expect(&told);
    let (asked, rest) = stop.split_once("> in_library.py(11)work()\n").expect(&told);
    assert_eq!(asked, "-> x = n + 1\n");
    assert!(rest.starts_with("-> return x\n1\n--Return--\n"), "{told}");
    assert!(rest.ends_with("[the process goes on]\n"), "{told}");
}

fn traces(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Visits it, and compares what it sees of tracing before and after.
fn visited(command: Command) -> Fixture {
    let mut fixture = Fixture::start(command);
    let before = traces(&mut fixture);
    visit(fixture.pid());
    assert_eq!(traces(&mut fixture), before);
    fixture.write_line("over");
    fixture
}

#[test]
fn greenlets_and_another_event_loop_are_no_hindrance() {
    for kind in ["gevent", "uvloop"] {
        let Some(python) = python_with(&[kind]) else {
            continue;
        };
        let mut fixture = visited(in_library(&python, &[], &[kind]));
        assert_eq!(fixture.read_line(), "7", "{kind}");
        assert!(fixture.wait().success(), "{kind}");
    }
}

/// What coverage has seen of the program: visited by pmdb, or left alone.
fn covered(python: &Python, is_visited: bool) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let coverage = |words: &[&str]| {
        let mut command = python.command();
        command.args(["-m", "coverage"]).args(words);
        command.env("COVERAGE_FILE", &data);
        command
    };
    let mut command = coverage(&["run", "--branch"]);
    command.arg(fixture_path("in_library.py"));
    let mut fixture = if is_visited {
        visited(command)
    } else {
        let mut fixture = Fixture::start(command);
        traces(&mut fixture);
        fixture.write_line("over");
        fixture
    };
    assert_eq!(fixture.read_line(), "7");
    assert!(fixture.wait().success());
    run(coverage(&["report", "-m"]), "").stdout
}

/// Its data are about each line and branch: none is missing, and none is there that would not be without pmdb.
#[test]
fn coverage_is_whole() {
    // One in whose trace function pmdb comes, and one where it has tools of its own.
    let older = pythons().iter().rev().find(|python| python.minor < 12);
    let all = [older, any_python()].into_iter().flatten();
    for python in all.filter_map(|python| venv(python, &["coverage"])) {
        let alone = covered(&python, false);
        assert!(alone.contains("in_library.py"), "{alone}");
        assert_eq!(covered(&python, true), alone, "{}", python.version);
    }
}

#[test]
fn pdb_keeps_its_breakpoints() {
    let Some(python) = any_python() else {
        return;
    };
    let pdb = ["-m", "pdb", "-c", "break later", "-c", "continue"];
    let mut fixture = visited(in_library(python, &pdb, &[]));
    let stop = [fixture.read_line(), fixture.read_line()];
    assert!(stop[0].ends_with("in_library.py(15)later()"), "{stop:?}");
    assert_eq!(stop[1], "-> return n - n + 7");
    // Only now: the program would read them before.
    for command in ["p n - n + 5", "continue"] {
        fixture.write_line(command);
    }
    let told = [fixture.read_line(), fixture.read_line()];
    assert_eq!(told, ["(Pdb) 5", "(Pdb) 7"]);
}

#[test]
fn debugpy_keeps_its_breakpoints() {
    let Some(python) = python_with(&["debugpy"]) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = python.command();
    command
        .arg(fixture_path("under_debugpy.py"))
        .arg(folder.path());
    let mut fixture = Fixture::start(command);
    let pid = fixture
        .ready()
        .rsplit(' ')
        .next()
        .and_then(|pid| pid.parse().ok());
    visit(pid.expect("it says the pid"));
    fixture.write_line("");
    let told = [
        fixture.read_line(),
        fixture.read_line(),
        fixture.read_line(),
    ];
    assert_eq!(told, ["later True 5", "7", "0"]);
}
