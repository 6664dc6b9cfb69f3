//! Cores that lack something: what is there is shown, and what is not is named.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Answer, Core, Executable, Python, Terminal, any_python, copy_program, dump_core, pmdb, pythons,
    skip,
};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

/// What `coredump_filter` is set to by the program itself, before it stands still with values that a look must find.
const PROGRAM: &str = "\
import signal, sys
open('/proc/self/coredump_filter', 'w').write(sys.argv[1])
def deepest(number, data):
    print('ready', flush=True)
    while True:
        signal.pause()
deepest(2 ** 70, {'text': 'héllo', 'items': [1, 2.5]})
";

fn dump(python: &Python, filter: &str) -> Option<Core> {
    let mut command = python.command();
    command.args(["-c", PROGRAM, filter]);
    dump_core(&command, Signal::SIGABRT)
}

/// An interpreter that is all in its executable.
fn all_in_one() -> Option<&'static Python> {
    pythons()
        .iter()
        .find(|python| python.executable == Executable::Static)
}

fn stack(core: &Path, more: &[&str]) -> Answer {
    let words = ["stack", "--locals", "--core"].map(OsString::from);
    let words = words.into_iter().chain([core.into()]);
    pmdb(words.chain(more.iter().map(OsString::from)))
}

fn open(core: &Path, more: &[&str]) -> Answer {
    let words = [OsString::from("open"), core.into()].into_iter();
    pmdb(words.chain(more.iter().map(OsString::from)))
}

/// What a person reads before the first prompt, with each line break a space: a terminal breaks lines.
fn greeting_of(core: &Path, more: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command.arg("open").arg(core).args(more);
    command
        .env("HOME", home.path())
        .env_remove("XDG_STATE_HOME");
    command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
    let mut terminal = Terminal::start(command);
    let text = terminal.wait_for("(pmdb) ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether all that `PROGRAM` holds is there.
#[track_caller]
fn shows_all(answer: &Answer) {
    let text = &answer.succeeded().stdout;
    for part in [
        "in deepest\n",
        "number = 1180591620717411303424\n",
        "data = {'text': 'héllo', 'items': [1, 2.5]}\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
}

/// The bits of core(5): 0 private memory without a file, 1 shared without, 2 private of a file, 3 shared of a file,
/// 4 the first page of an ELF file, 5 and 6 huge pages.
#[test]
fn what_a_filter_keeps_is_enough_or_the_filter_is_named() {
    // One with a library, and one that is all in its executable.
    for python in [any_python(), all_in_one()].into_iter().flatten() {
        for filter in ["0x1", "0x11", "0x33", "0x7f"] {
            let Some(core) = dump(python, filter) else {
                return;
            };
            let answer = stack(&core.path, &[]);
            shows_all(&answer);
            // Without first pages no build-id tells that the files are the right ones.
            let unproven = answer.stdout.contains("without a build-id to compare");
            assert_eq!(unproven, filter == "0x1", "{filter}: {}", answer.stdout);
        }
        for filter in ["0", "0x2", "0x10"] {
            let Some(core) = dump(python, filter) else {
                return;
            };
            for answer in [stack(&core.path, &[]), open(&core.path, &[])] {
                answer.failed_with("of the process's own memory are not in the core");
                answer.failed_with("/proc/PID/coredump_filter");
            }
        }
    }
}

fn cut(core: &Core, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(&core.path);
    file.and_then(|file| file.set_len(length))
        .expect("the core is ours");
}

#[test]
fn a_core_that_is_cut_says_that_first() {
    let Some(core) = any_python().and_then(|python| dump(python, "0x33")) else {
        return;
    };
    let whole = fs::metadata(&core.path).expect("the core is ours").len();
    for length in [whole / 2, 300 << 10, 64 << 10] {
        cut(&core, length);
        for answer in [stack(&core.path, &[]), open(&core.path, &["-c", "where"])] {
            if answer.code != Some(0) {
                let complaint = answer
                    .stderr
                    .replace(&core.path.display().to_string(), "core");
                assert!(
                    complaint.starts_with("pmdb: core: truncated: "),
                    "{length} bytes: {complaint}"
                );
            }
        }
        let answer = stack(&core.path, &[]);
        let text = answer.stdout + &answer.stderr;
        assert!(text.contains("truncated: "), "{length} bytes: {text}");
    }
}

/// Through the tool itself, as a crash handler compresses.
#[test]
fn a_compressed_core_opens_and_a_cut_one_says_so() {
    let Some(core) = any_python().and_then(|python| dump(python, "0x33")) else {
        return;
    };
    let bytes = fs::read(&core.path).expect("the core is ours");
    for tool in ["gzip", "xz", "zstd", "lz4"] {
        let Some(packed) = filter(tool, &bytes) else {
            skip("compressed cores", &format!("{tool} is not there"));
            continue;
        };
        let path = core.folder().join(tool);
        fs::write(&path, &packed).expect("the folder is ours");
        shows_all(&stack(&path, &[]));
        for length in [packed.len() / 2, 20_000, 30, 8] {
            fs::write(&path, &packed[..length]).expect("the folder is ours");
            let answer = stack(&path, &[]);
            assert!(matches!(answer.code, Some(0 | 1)), "{tool}: {answer:?}");
            let text = answer.stdout + &answer.stderr;
            let said = [
                "damaged or cut off",
                "is damaged",
                "truncated",
                "it is empty",
            ];
            assert!(
                said.iter().any(|part| text.contains(part)),
                "{tool}, {length} bytes: {text}"
            );
        }
    }
}

/// What a program makes of bytes; nothing if it is not there.
fn filter(tool: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(tool)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().expect("piped above");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("its pipes are ours");
    writer.join().expect("it does not panic").expect("it reads");
    output.status.success().then_some(output.stdout)
}

/// A copy of an interpreter that has all in one file, run from a place of its own.
fn core_of_a_copy(python: &Python) -> Option<(Core, std::path::PathBuf)> {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let copy = folder.join("worker");
    let original = fs::canonicalize(&python.path).expect("it is there");
    fs::copy(original, &copy).expect("it fits");
    let mut command = Command::new(&copy);
    command.args(["-c", PROGRAM, "0x33"]);
    let home = python.eval("import sys; print(sys.base_prefix, end='')");
    command.env("PYTHONHOME", home);
    Some((dump_core(&command, Signal::SIGABRT)?, copy))
}

#[test]
fn the_executable_may_be_gone_or_another_or_elsewhere() {
    let Some(python) = all_in_one() else {
        return skip("executables of cores", "no static interpreter");
    };
    let Some((core, copy)) = core_of_a_copy(python) else {
        return;
    };
    shows_all(&stack(&core.path, &[]));
    let moved = copy.with_file_name("moved");
    fs::rename(&copy, &moved).expect("the folder is ours");
    let gone = stack(&core.path, &[]);
    shows_all(&gone);
    let sentence = format!(
        "the executable {} is not used: it is not there",
        copy.display()
    );
    assert!(gone.stdout.contains(&sentence), "{}", gone.stdout);
    let greeting = greeting_of(&core.path, &[]);
    assert!(greeting.contains(&sentence), "{greeting}");

    let right = moved.display().to_string();
    let found = stack(&core.path, &["--exe", &right]);
    shows_all(&found);
    assert!(!found.stdout.contains("is not used"), "{}", found.stdout);

    // Of another build: its code is not taken for that of the process.
    let other = "/bin/sh";
    let wrong = stack(&core.path, &["--exe", other]);
    shows_all(&wrong);
    for text in [wrong.stdout, greeting_of(&core.path, &["--exe", other])] {
        let sentence = format!("the executable {other} is not used: it ");
        assert!(text.contains(&sentence), "{text}");
        assert!(text.contains("name the right one with --exe"), "{text}");
    }
    stack(&core.path, &["--exe", "/"]).failed_with("/ cannot be the executable: it is a directory");
    stack(&core.path, &["--exe", "/no/such"]).failed_with("cannot open /no/such: No such file");
    fs::remove_dir_all(copy.parent().expect("it has one")).expect("the folder is ours");
}

#[test]
fn a_core_that_may_not_be_read_says_whose_it_is() {
    if !geteuid().is_root() {
        return skip("unreadable cores", "needs root, to be somebody else");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // As the kernel writes it for a program that had privileges.
    let core = folder.path().join("core");
    fs::write(&core, b"\x7fELF").expect("the folder is ours");
    let mode = |path: &Path, mode: u32| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, permissions).expect("it is ours");
    };
    mode(folder.path(), 0o755);
    mode(&core, 0o600);
    // The binary may lie where nobody else may look.
    let binary = folder.path().join("pmdb");
    copy_program(Path::new(env!("CARGO_BIN_EXE_pmdb")), &binary);
    mode(&binary, 0o755);
    let somebody_else = |verb: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let output = command.arg(&binary).args(verb).arg(&core).output();
        output
            .ok()
            .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for verb in [&["open"][..], &["stack", "--core"]] {
        let Some(complaint) = somebody_else(verb) else {
            return skip("unreadable cores", "setpriv is not there");
        };
        assert!(
            complaint.contains("may not be read: it belongs to root (uid 0), its mode is 600"),
            "{complaint}"
        );
        assert!(
            complaint.contains("run pmdb as its owner or as root"),
            "{complaint}"
        );
    }
    mode(folder.path(), 0o700);
}

/// A process with more mappings than `e_phnum` can count: 65,535 stands there, and the first section header has it (elf(5)).
#[test]
fn more_program_headers_than_fit_are_counted_in_the_section_header() {
    const HEADER: usize = 56;
    let Some(core) = any_python().and_then(|python| dump(python, "0x33")) else {
        return;
    };
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&core.path);
    let file = file.expect("the core is ours");
    let number = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).expect("it has a header");
        u64::from_le_bytes(bytes)
    };
    let (table, count) = (number(0x20), number(0x38) & 0xffff);
    let mut headers = vec![0; count as usize * HEADER];
    file.read_exact_at(&mut headers, table)
        .expect("it is there");
    // Empty ones, then the real ones, so that all of them must be counted.
    let total = 0x1_0000 + count;
    let mut longer = vec![0; (total - count) as usize * HEADER];
    longer.extend(headers);
    let mut section = vec![0; 64];
    section[0x2c..0x30].copy_from_slice(&(total as u32).to_le_bytes());
    let end = file.metadata().expect("the core is ours").len();
    let put = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("it fits");
    put(end, &longer);
    put(end + longer.len() as u64, &section);
    put(0x20, &end.to_le_bytes());
    put(0x28, &(end + longer.len() as u64).to_le_bytes());
    put(0x38, &0xffff_u16.to_le_bytes());
    put(0x3c, &1_u16.to_le_bytes());
    shows_all(&stack(&core.path, &[]));
}
