//! The test harness itself: a test that rests on it can only fail if it works.

use std::io::Read;

use crate::support::{Fixture, any_python, dump_core, on_each_python, venv};
use nix::sys::signal::Signal;
use object::Endianness;
use object::elf::{ET_CORE, FileHeader64};
use object::read::elf::FileHeader;

#[test]
fn fixture_is_ready_answers_and_is_killed_with_its_children() {
    on_each_python(|python| {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = python.command();
        command.stderr(writer).arg("-c").arg(
            "import subprocess\n\
             subprocess.Popen(['sleep', '1000'])\n\
             print('noise')\n\
             print('ready', 42, flush=True)\n\
             print('heard', input(), flush=True)\n\
             input()",
        );
        let mut fixture = Fixture::start(command);
        assert_eq!(fixture.ready(), "42");
        fixture.write_line("hello");
        assert_eq!(fixture.read_line(), "heard hello");
        drop(fixture);
        // Its end comes when the last process that holds the writing end is gone: the child too.
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, "");
    });
}

#[test]
#[should_panic(expected = "the fixture closed its output")]
fn fixture_that_dies_early_fails_the_test() {
    let Some(python) = any_python() else {
        panic!("the fixture closed its output: there is no interpreter to try it with")
    };
    Fixture::python_text(python, "raise SystemExit(3)", &[]);
}

#[test]
#[should_panic(expected = "odd one")]
fn failure_on_one_interpreter_fails_the_test() {
    let count = crate::support::pythons().len();
    let ran = std::cell::Cell::new(0);
    on_each_python(|_| {
        ran.set(ran.get() + 1);
        assert!(ran.get() != 1, "odd one");
    });
    unreachable!("{count} interpreters, and the first one's failure was lost");
}

#[test]
fn core_is_an_elf_core_of_the_fixture() {
    let Some(python) = any_python() else { return };
    let mut command = python.command();
    command
        .arg("-c")
        .arg("print('ready', 40 + 2, flush=True); input()");
    let Some(core) = dump_core(&command, Signal::SIGABRT) else {
        return;
    };
    assert_eq!(core.ready, "42");
    let bytes = std::fs::read(&core.path).expect("the core is there");
    let header = FileHeader64::<Endianness>::parse(&*bytes).expect("an ELF file");
    let kind = header.e_type(Endianness::Little);
    assert_eq!(kind, ET_CORE);
}

#[test]
fn venv_has_the_package() {
    let Some(python) = any_python() else { return };
    let Some(python) = venv(python, &["six"]) else {
        return;
    };
    assert_eq!(python.eval("import six; print(six.__name__)"), "six\n");
}
