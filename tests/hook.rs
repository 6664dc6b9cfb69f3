//! The panic hook that Rust programs link, on the example and on panics of this program, which starts itself for that.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use serde_json::Value;

/// The line of the example that panics, and its text.
fn panicking_line() -> (usize, String) {
    let source = include_str!("../examples/panicking_worker.rs");
    let mut lines = source.lines().enumerate();
    let found = lines.find(|(_, line)| line.contains("batch[at]"));
    let (index, text) = found.expect("it is there");
    (index + 1, text.trim().to_string())
}

/// Where it lies. `cargo test` has built it, but `cargo test --test all` has not.
fn example() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let tests = std::env::current_exe().expect("this program has a path");
        let folder = tests.ancestors().nth(2).expect("target/debug");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--locked", "--offline"])
            .args(["--example", "panicking_worker", "--target-dir"])
            .arg(folder.parent().expect("target"))
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo has started this");
        assert!(status.success(), "{status}");
        folder.join("examples/panicking_worker")
    });
    BUILT.clone()
}

fn quiet(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .env_remove("RUST_BACKTRACE")
        .env_remove("PMDB_REPORT")
        .env_remove("PMDB_ON_PANIC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// This program, of which only [`inferior`] runs.
fn panics(how: &str) -> Command {
    let mut command = quiet(std::env::current_exe().expect("this program has a path"));
    command
        .args(["--exact", "hook::inferior", "--ignored", "--nocapture"])
        .env("PMDB_TEST_PANIC", how);
    command
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the second");
    }
}

#[test]
#[ignore = "the other tests start it in a process of its own, which panics; alone it is no test"]
fn inferior() {
    let how = std::env::var("PMDB_TEST_PANIC").unwrap_or_default();
    let chained = how == "chained";
    if chained {
        std::panic::set_hook(Box::new(|_| eprintln!("the earlier hook")));
    }
    pmdb::hook::Hook::new().calls_previous(chained).install();
    match how.as_str() {
        "twice" => {
            let _bomb = Bomb;
            panic!("the first\nin two lines");
        }
        "nameless" => {
            let thread = std::thread::spawn(|| panic!("in a thread without a name"));
            assert!(thread.join().is_err());
        }
        "value" => {
            let caught = std::panic::catch_unwind(|| std::panic::panic_any(42));
            assert!(caught.is_err());
        }
        "deep" => deep(10_000),
        "long" => {
            // SAFETY: no code is run for it. Nobody learns then how a child has ended.
            unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
            panic!("{}", "é".repeat(100_000));
        }
        "often" => {
            for _ in 0..22 {
                let caught = std::panic::catch_unwind(|| panic!("once more"));
                assert!(caught.is_err());
            }
        }
        _ => panic!("the only one"),
    }
}

fn deep(depth: u32) {
    assert!(depth > 0, "deep enough");
    deep(depth - 1);
    std::hint::black_box(depth);
}

fn ended(command: &mut Command) -> Output {
    command.output().expect("it starts")
}

#[test]
fn text_has_the_message_the_place_and_the_source_around_it() {
    let output = ended(quiet(example()).env("RANK", "3").env("LOCAL_RANK", "1"));
    let said = text(&output.stderr);
    let (line, source) = panicking_line();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let first = said.lines().next().unwrap_or_default();
    assert!(first.starts_with("[pmdb] panicking_worker (pid "), "{said}");
    let place = format!(
        " panicked at examples/panicking_worker.rs:{line}:5: index out of bounds: the len is 2 but the index is 2"
    );
    assert!(first.ends_with(&place), "{said}");
    assert!(said.contains("in thread reader-1 (tid "), "{said}");
    assert!(said.contains(", RANK=3 LOCAL_RANK=1\n"), "{said}");
    assert!(
        said.contains("\n   0:  panicking_worker::is_even\n"),
        "{said}"
    );
    assert!(
        said.contains(&format!("{line} ->     {source}\n")),
        "{said}"
    );
    // An inlined function has its name alone where the debug information is about lines.
    assert!(said.contains("even\n"), "{said}");
    for own in ["panicking::", "hook", "rust_begin_unwind", "waits"] {
        assert!(!said.contains(own), "{own}: {said}");
    }
}

#[test]
fn json_is_one_line_and_says_the_same() {
    let output = ended(
        quiet(example())
            .env("PMDB_REPORT", "json")
            .env("OMPI_COMM_WORLD_RANK", "12"),
    );
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let (line, source) = panicking_line();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["event"], "panic");
    let message = "index out of bounds: the len is 2 but the index is 2";
    assert_eq!(report["message"], message);
    assert_eq!(report["location"]["file"], "examples/panicking_worker.rs");
    assert_eq!(report["location"]["line"], line);
    assert_eq!(report["program"], "panicking_worker");
    assert_eq!(report["thread"]["name"], "reader-1");
    assert_ne!(report["thread"]["tid"], report["pid"]);
    assert_eq!(report["rank"], 12);
    assert_eq!(report["rank_variables"]["OMPI_COMM_WORLD_RANK"], "12");
    assert_eq!(report["attach"], Value::Null);
    let newest = &report["frames"][0];
    assert_eq!(newest["function"], "panicking_worker::is_even");
    assert_eq!(newest["line"], line);
    assert_eq!(newest["own"], true);
    let lines = newest["source"].as_array().expect("a list");
    let at = lines.iter().find(|one| one["line"] == line);
    let at = at.and_then(|one| one["text"].as_str()).expect("the line");
    assert_eq!(at.trim(), source);
}

#[test]
fn reports_of_processes_that_share_a_pipe_do_not_mix() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let start = |_| {
        let mut command = quiet(example());
        command.env("PMDB_REPORT", "json");
        command.stderr(writer.try_clone().expect("a file descriptor"));
        command.spawn().expect("it starts")
    };
    let workers: Vec<Child> = (0..6).map(start).collect();
    drop(writer);
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("UTF-8");
    let mut pids: Vec<u64> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a report in a line"))
        .filter_map(|report| report["pid"].as_u64())
        .collect();
    let mut expected: Vec<u64> = workers.iter().map(|it| it.id().into()).collect();
    pids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pids, expected);
    for mut worker in workers {
        assert!(worker.wait().is_ok());
    }
}

#[test]
fn a_panic_within_a_panic_is_reported_too() {
    let output = ended(&mut panics("twice"));
    let said = text(&output.stderr);
    let signal = output.status.signal();
    assert_eq!(signal, Some(Signal::SIGABRT as i32), "{said}");
    assert!(
        said.contains(": the first\n       in two lines\n"),
        "{said}"
    );
    assert!(said.contains(": the second\n"), "{said}");
    assert!(
        said.contains("hook::Bomb as core::ops::drop::Drop>::drop"),
        "{said}"
    );
}

#[test]
fn threads_without_a_name_and_values_without_a_text_are_reported() {
    let said = text(&ended(&mut panics("nameless")).stderr);
    assert!(said.contains("in a thread without a name (tid "), "{said}");
    let said = text(&ended(&mut panics("value")).stderr);
    assert!(said.contains(": a value that is no text\n"), "{said}");
    let said = text(&ended(panics("value").env("PMDB_REPORT", "json")).stderr);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report["message"], Value::Null);
}

#[test]
fn a_deep_stack_is_cut() {
    let said = text(&ended(&mut panics("deep")).stderr);
    assert!(said.contains(" 127:  all::hook::deep\n"), "{said}");
    assert!(!said.contains(" 128:  "), "{said}");
    let last = said
        .lines()
        .rev()
        .find(|line| line.contains("older frames"));
    let count = last.and_then(|line| line.split_whitespace().nth(1)?.parse::<u32>().ok());
    assert!(count.is_some_and(|count| count > 9_000), "{said}");
}

#[test]
fn nobody_to_tell_is_no_other_failure() {
    let mut closed = quiet(example());
    // SAFETY: close(2) is async-signal-safe.
    unsafe {
        closed.pre_exec(|| {
            let _ = nix::unistd::close(2);
            Ok(())
        });
    }
    let output = ended(&mut closed);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("1 failed\n"));

    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = ended(quiet(example()).stderr(writer));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("1 failed\n"));
}

#[test]
fn without_symbols_the_places_in_the_file_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripped = folder.path().join("worker");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(example())
        .status();
    if !strip.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no strip(1)");
        return;
    }
    let said = text(&ended(&mut quiet(stripped.clone())).stderr);
    assert!(
        said.contains("panicked at examples/panicking_worker.rs:"),
        "{said}"
    );
    assert!(
        said.contains(&format!("{}+0x", stripped.display())),
        "{said}"
    );
}

#[test]
fn the_environment_and_the_program_decide_what_comes_then() {
    let output = ended(quiet(example()).env("PMDB_ON_PANIC", "abort"));
    let said = text(&output.stderr);
    assert_eq!(
        output.status.signal(),
        Some(Signal::SIGABRT as i32),
        "{said}"
    );
    assert!(said.contains("is_even"), "{said}");
    let said = text(&ended(&mut panics("chained")).stderr);
    let report = said.find("[pmdb] ").expect("a report");
    assert!(said[report..].contains("\nthe earlier hook\n"), "{said}");
    let output = ended(quiet(example()).env("PMDB_REPORT", "yaml"));
    let said = text(&output.stderr);
    let complaint = "pmdb: PMDB_REPORT=yaml is none of text, json\n[pmdb] panicking_worker";
    assert!(said.starts_with(complaint), "{said}");
}

/// Starts the example so that it waits. Gives back what it said.
fn waiting() -> (Child, String) {
    let mut child = quiet(example())
        .env("PMDB_ON_PANIC", "wait")
        .spawn()
        .expect("it starts");
    let attach = format!(
        "[pmdb] the thread waits for a debugger: pmdb attach {0}, or gdb -p {0}\n",
        child.id()
    );
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    while !said.ends_with(&attach) {
        let count = stderr.read_line(&mut said).expect("UTF-8");
        assert_ne!(count, 0, "{said}");
    }
    (child, said)
}

#[test]
fn a_thread_waits_until_a_debugger_has_attached() {
    let (mut child, said) = waiting();
    assert!(said.contains("is_even"), "{said}");
    assert_eq!(child.try_wait().expect("it is our child"), None);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    ptrace::seize(pid, ptrace::Options::empty()).expect("attached");
    assert_eq!(child.wait().expect("it is our child").code(), Some(1));
}

#[test]
fn a_thread_waits_until_it_is_let_go() {
    let (mut child, _) = waiting();
    let files = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("its files");
    let mut links = files.flatten().map(|file| file.path());
    let is_mark = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|link| link.starts_with("/memfd:pmdb-waits (deleted)"))
    };
    let mark = links.find(is_mark).expect("a mark");
    fs::write(mark, "1").expect("written");
    assert_eq!(child.wait().expect("it is our child").code(), Some(1));
}

#[test]
fn a_panicking_program_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = ended(
        quiet(example())
            .env("PMDB_ON_PANIC", "snapshot")
            .env("PMDB_SNAPSHOTS", folder.path())
            .env("PMDB_BINARY", env!("CARGO_BIN_EXE_pmdb")),
    );
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut files = fs::read_dir(folder.path()).expect("it was made");
    let path = files.next().expect("a snapshot").expect("readable").path();
    let told = format!("[pmdb] snapshot: {}: ", path.display());
    assert!(said.contains(&told), "{said}");
    let answer = crate::support::pmdb(["open", path.to_str().expect("UTF-8"), "--report"]);
    let told = &answer.succeeded().stdout;
    let cause = "it was written down since it panicked; panicked at examples/panicking_worker.rs:";
    assert!(
        told.contains(cause) && told.contains("index out of bounds"),
        "{answer:?}"
    );
    assert!(told.contains("panicking_worker::is_even"), "{answer:?}");
    let missing = ended(
        quiet(example())
            .env("PMDB_ON_PANIC", "snapshot")
            .env("PMDB_BINARY", "/no/pmdb"),
    );
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("[pmdb] no snapshot: /no/pmdb: "), "{said}");
    assert_eq!(missing.status.code(), Some(1), "{said}");
}

#[test]
fn a_long_message_many_panics_and_unknown_ends_of_children_are_no_trouble() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = ended(
        panics("long")
            .env("PMDB_ON_PANIC", "snapshot")
            .env("PMDB_SNAPSHOTS", folder.path())
            .env("PMDB_BINARY", env!("CARGO_BIN_EXE_pmdb")),
    );
    let said = text(&output.stderr);
    assert_eq!(said.matches("[pmdb] snapshot: ").count(), 1, "{said:.3000}");
    let files = fs::read_dir(folder.path()).expect("it was made");
    assert_eq!(files.count(), 1);
    let output = ended(
        panics("often")
            .env("PMDB_ON_PANIC", "snapshot")
            .env("PMDB_BINARY", "/no/pmdb"),
    );
    let said = text(&output.stderr);
    assert_eq!(said.matches("[pmdb] no snapshot: ").count(), 20, "{said}");
    assert_eq!(
        said.matches("[pmdb] no more snapshots: ").count(),
        1,
        "{said}"
    );
}
