//! Finding CPython where no name and no symbol leads to it, and refusing by name what pmdb does not read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    Executable, Fixture, Python, dump_core, fixture_path, on_each_python, pmdb, skip,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = "\
import sys
def inner(number, text):
    print('ready', flush=True)
    sys.stdin.read()
def outer():
    inner(2 ** 100, 'h\\xe9llo')
outer()
";

/// Where an interpreter keeps what programs that embed it are linked with.
struct Library {
    archive: PathBuf,
    shared: PathBuf,
    home: String,
}

impl Library {
    fn of(python: &Python) -> Library {
        let said = python.eval(
            "import sysconfig, sys\n\
             get = sysconfig.get_config_var\n\
             print(get('LIBPL') + '/' + get('LIBRARY'), get('LIBDIR') + '/' + get('INSTSONAME'), sys.base_prefix, sep='\\n')",
        );
        let mut lines = said.lines();
        let mut next = || lines.next().expect("three lines").to_string();
        Library {
            archive: next().into(),
            shared: next().into(),
            home: next(),
        }
    }
}

/// A program with a name that says nothing, in a folder of its own.
struct Embedded {
    folder: TempDir,
    command: Command,
}

/// Builds a fixture as `worker` in a folder of its own, or says what the compiler complained of.
fn compile(name: &str, options: &[&str], inputs: &[&Path]) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(folder.path().join("worker"))
        .arg(fixture_path(name))
        .args(inputs)
        .args(options)
        .output()
        .expect("a C compiler");
    if output.status.success() {
        Ok(folder)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn embedded(library: &Library, folder: TempDir, arguments: &[&Path]) -> Embedded {
    let program = folder.path().join("program.py");
    std::fs::write(&program, PROGRAM).expect("it is ours");
    let mut command = Command::new(folder.path().join("worker"));
    command
        .arg(program)
        .args(arguments)
        .env("PYTHONHOME", &library.home);
    Embedded { folder, command }
}

/// The interpreter linked into the program, with no symbol exported; nothing if this Python has no archive.
fn linked(python: &Python, options: &[&str]) -> Option<Embedded> {
    let library = Library::of(python);
    if !library.archive.exists() {
        let what = format!("a program that has CPython {} in itself", python.version);
        skip(&what, "this interpreter comes without libpython.a");
        return None;
    }
    let hidden = [
        "-lpthread",
        "-ldl",
        "-lutil",
        "-lm",
        "-Wl,--exclude-libs,ALL",
    ];
    // A static interpreter's archive is not made for position-independent programs, and has more modules in it.
    let of_static = ["-no-pie", "-lexpat", "-lz"];
    let options = match python.executable {
        Executable::Shared => [&hidden, options].concat(),
        Executable::Static => [&hidden, options, &of_static].concat(),
    };
    let folder = match compile("embed.c", &options, &[&library.archive]) {
        Ok(folder) => folder,
        Err(complaint) => {
            assert_eq!(python.executable, Executable::Static, "{complaint}");
            skip(
                "a program that has the system's CPython in itself",
                "the libraries that it is linked with are not here",
            );
            return None;
        }
    };
    Some(embedded(&library, folder, &[]))
}

fn without_the_section(program: &Embedded) {
    let status = Command::new("objcopy")
        .args(["--rename-section", ".PyRuntime=.other"])
        .arg(program.folder.path().join("worker"))
        .status();
    assert!(status.expect("binutils").success());
}

#[track_caller]
fn assert_is_read(python: &Python, answer: &Value) {
    let process = &answer["processes"][0];
    let name = format!("CPython {}", python.version);
    assert_eq!(process["interpreter"], name.as_str(), "{process}");
    let frames = process["threads"][0]["frames"].as_array().expect("frames");
    let frames: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["file"] == "<string>")
        .collect();
    let names: Vec<&Value> = frames.iter().map(|frame| &frame["function"]).collect();
    assert_eq!(names, ["inner", "outer", "<module>"]);
    let value = |name: &str| {
        let locals = frames[0]["locals"].as_array().expect("locals");
        let found = locals.iter().find(|local| local["name"] == name);
        found.expect("it is an argument")["value"].clone()
    };
    assert_eq!(value("number"), (1_u128 << 100).to_string());
    assert_eq!(value("text"), "'héllo'");
}

#[track_caller]
fn assert_live_is_read(python: &Python, program: Embedded) {
    let fixture = Fixture::start(program.command);
    let answer = pmdb(["stack", "--locals", "--json", &fixture.pid().to_string()]);
    assert_is_read(python, &answer.succeeded().json());
}

#[test]
fn a_program_that_has_python_in_itself() {
    on_each_python(|python| {
        for (options, keeps_section) in [
            // Only `.symtab` has the symbol.
            (&[][..], true),
            (&["-s", "-no-pie"], true),
            (&["-s", "-pie"], false),
        ] {
            let Some(program) = linked(python, options) else {
                return;
            };
            if !keeps_section {
                without_the_section(&program);
            }
            assert_live_is_read(python, program);
        }
    });
}

#[test]
fn a_program_that_loads_python_under_another_name() {
    on_each_python(|python| {
        let library = Library::of(python);
        if !library.shared.to_string_lossy().contains(".so") || !library.shared.exists() {
            return;
        }
        let folder = compile("embed.c", &["-DLOADED", "-ldl"], &[]).expect("it compiles");
        let copy = folder.path().join("engine.so");
        std::fs::copy(&library.shared, &copy).expect("a copy");
        assert_live_is_read(python, embedded(&library, folder, &[&copy]));
    });
}

/// What the core has of the program is its variables: no symbols, no names of types, no version but that in `sys`.
#[test]
fn a_core_whose_executable_is_gone() {
    on_each_python(|python| {
        let Some(program) = linked(python, &["-s"]) else {
            return;
        };
        let Some(core) = dump_core(&program.command, Signal::SIGABRT) else {
            return;
        };
        drop(program);
        let words = ["stack", "--locals", "--json", "--core"].map(OsString::from);
        let answer = pmdb(words.into_iter().chain([core.path.clone().into()]));
        assert_is_read(python, &answer.json());
    });
}

#[test]
fn odd_builds_are_refused_by_name() {
    let free_threaded = ["-DCOOKIE", "-DFREE_THREADED=1"];
    for (marks, sentence) in [
        (
            &free_threaded[..],
            "a free-threaded build of CPython 3.13.0",
        ),
        (&["-DCOOKIE", "-DDEBUG"], "a debug build of CPython"),
        (
            &["-DCOOKIE", "-DTRACE_REFS"],
            "lists all objects (Py_TRACE_REFS)",
        ),
        (&["-DPYPY"], "PyPy: pmdb reads CPython only"),
        (
            &["-DCOOKIE"],
            "runtime_state.interpreters_head is 0 and not 632",
        ),
        (
            &["-DCOOKIE", "-DVERSION=0x031300a1"],
            "CPython 3.19.0a1 is not supported: pmdb reads 3.8 to 3.15",
        ),
        (&[], "not a Python process"),
    ] {
        let folder = compile("odd.c", &[&["-rdynamic"], marks].concat(), &[]);
        let folder = folder.expect("it compiles");
        let fixture = Fixture::start(Command::new(folder.path().join("worker")));
        pmdb(["stack", &fixture.pid().to_string()]).failed_with(sentence);
    }
}

/// Interpreters of this machine that are too old, or debug builds.
#[test]
fn real_ones_are_refused_by_name() {
    let mut tried = 0;
    let versions = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv/versions"));
    for entry in versions
        .and_then(|folder| std::fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(minor) = ["2.7", "3.6", "3.7"]
            .into_iter()
            .find(|minor| name.starts_with(&format!("{minor}.")))
        else {
            continue;
        };
        let mut command = Command::new(entry.path().join("bin/python"));
        command.args([
            "-c",
            "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()",
        ]);
        let fixture = Fixture::start(command);
        pmdb(["stack", &fixture.pid().to_string()])
            .failed_with(&format!("CPython {minor} is not supported"));
        tried += 1;
    }
    if tried == 0 {
        skip("CPython before 3.8", "no such interpreter on this machine");
    }
}
