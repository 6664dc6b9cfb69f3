//! `pmdb run -- COMMAND` stops where an exception is about to be lost with its frames, whatever takes it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use crate::support::{
    Answer, Fixture, Python, any_python, fixture_path, on_each_python, pmdb, pmdb_alone,
};

fn run(python: &Python, options: &[&str], how: &str) -> Answer {
    run_fixture(python, "losing.py", options, how)
}

/// Whether it stops where the exception is raised: the frames are those of the thread.
fn is_foreseen(python: &Python) -> bool {
    python.minor >= 12
}

fn commands<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines.iter().flat_map(|line| ["-c", line]).collect()
}

fn run_fixture(python: &Python, fixture: &str, options: &[&str], how: &str) -> Answer {
    let path = python.path.display().to_string();
    let script = fixture_path(fixture).display().to_string();
    let words = ["--", &path, &script, how];
    pmdb_alone([&["run"], options, &words].concat(), "")
}

/// How the fixture is called, who raises, what becomes of the exception, and what the command itself prints.
const PLACES: [(&str, &str, &str, &str); 14] = [
    (
        "fork",
        "ForkPoolWorker-",
        "multiprocessing.pool",
        "the parent got index 5\n",
    ),
    (
        "spawn",
        "SpawnPoolWorker-",
        "multiprocessing.pool",
        "the parent got index 5\n",
    ),
    (
        "forkserver",
        "ForkServerPoolWorker-",
        "multiprocessing.pool",
        "the parent got index 5\n",
    ),
    (
        "processes",
        "Process-1",
        "concurrent.futures hands",
        "the parent got index 5\n",
    ),
    (
        "threads",
        "losing.py",
        "concurrent.futures keeps",
        "the parent got index 5\n",
    ),
    (
        "process",
        "alone",
        "the process ends with it",
        "it ended with 1\n",
    ),
    ("thread", "losing.py", "the thread ends with it", ""),
    ("task", "losing.py", "asyncio", ""),
    ("callback", "losing.py", "asyncio", ""),
    ("deleted", "losing.py", "Python only prints it", ""),
    (
        "forked",
        "losing.py",
        "the program ends with it",
        "it ended with 1\n",
    ),
    ("main", "losing.py", "the program ends with it", ""),
    (
        "replaced",
        "losing.py",
        "the program ends with it",
        "its own hook has it: True\n",
    ),
    ("at_exit", "losing.py", "Python only prints it", ""),
];

#[test]
fn exceptions_are_stopped_at_before_they_are_lost() {
    on_each_python(|python| {
        // Most of their time they wait.
        for some in PLACES.chunks(4) {
            std::thread::scope(|scope| {
                for place in some {
                    scope.spawn(|| stops_at(python, *place));
                }
            });
        }
    });
}

/// By the thread that has raised it: other threads can be looked at meanwhile.
#[test]
fn the_frames_of_a_lost_exception_are_found_again() {
    on_each_python(|python| {
        let lines = [
            "thread MainThread",
            "p 'elsewhere'",
            "thread picker",
            "p local",
            "p $_exception",
        ];
        let said = run(python, &commands(&lines), "thread").stderr;
        let (first, back) = said.split_once("'elsewhere'\n").expect(&said);
        assert!(first.contains("/threading.py("), "{said}");
        let frame = back.lines().next().expect(&said);
        assert!(frame.ends_with("losing.py(16)pick()"), "{said}");
        assert!(back.contains("LookupError('index 5')"), "{said}");
    });
}

#[track_caller]
fn stops_at(python: &Python, (how, who, fate, printed): (&str, &str, &str, &str)) {
    let commands = [
        "-c",
        "p local, error.__class__.__name__",
        "-c",
        "up",
        "-c",
        "p 'up'",
        "-c",
        "next",
    ];
    let answer = run(python, &commands, how);
    let said = &answer.stderr;
    let index = if how == "deleted" { 8 } else { 5 };
    let mut lines = said.lines().skip_while(|line| !line.starts_with("[pmdb]"));
    let heading = lines.next().expect(said);
    assert!(heading.contains(who), "{how}: {said}");
    let raised = format!(") raised LookupError: index {index}");
    assert!(heading.ends_with(&raised), "{how}: {said}");
    let fate_line = lines.next().expect(said);
    assert!(
        fate_line.contains("nobody will catch it: "),
        "{how}: {said}"
    );
    assert!(fate_line.contains(fate), "{how}: {said}");
    let frame = lines.next().expect(said);
    assert!(frame.ends_with("losing.py(16)pick()"), "{how}: {said}");
    let value = "\n*** NameError: name 'error' is not defined\n";
    // `except … as` has taken the name away again.
    assert!(said.contains(value), "{how}: {said}");
    assert!(said.contains("\n'up'\n"), "{how}: {said}");
    assert_eq!(
        said.matches("nobody will catch it").count(),
        1,
        "{how}: {said}"
    );
    // Whether somebody awaits a task is not known before it is over.
    let is_alive = is_foreseen(python) && how != "task" && how != "at_exit";
    assert_eq!(
        said.contains("nothing can be stepped in them"),
        !is_alive,
        "{how}: {said}"
    );
    assert_eq!(answer.stdout, printed, "{how}: {said}");
    let failed = answer.code == Some(i32::from(how == "main" || how == "replaced"));
    assert!(failed, "{how}: {answer:#?}");
    let summary = format!(" raised LookupError: index {index}, and ");
    assert!(said.contains(&summary), "{how}: {said}");
}

#[test]
fn frames_of_a_lost_exception_are_looked_at_and_changed() {
    on_each_python(|python| {
        let lines = [
            "where",
            "p local",
            "!local = 'another'",
            "p local",
            "p $_exception",
            "exceptions",
            "exceptions 0",
            "p index",
            "exceptions 1",
            "p index + 1",
            "jump 10",
            "next",
            "next",
            "p 'a last command'",
        ];
        let answer = run(python, &commands(&lines), "main");
        let said = &answer.stderr;
        assert!(
            said.contains("<module>()\n-> main(sys.argv[1])\n"),
            "{said}"
        );
        assert!(said.contains("main()\n-> pick(5)\n"), "{said}");
        assert!(said.contains("\n'index 5'\n'another'\n"), "{said}");
        assert!(said.contains("\nLookupError('index 5')\n"), "{said}");
        assert!(
            said.contains("    0 IndexError('list index out of range')\n"),
            "{said}"
        );
        assert!(said.contains(">   1 LookupError('index 5')\n"), "{said}");
        assert!(
            said.contains("losing.py(14)pick()\n-> return [10, 11][index]\n5\n"),
            "{said}"
        );
        assert!(said.contains("\n6\n"), "{said}");
        // Where the exception has left the frames nothing can be stepped in them; else it comes to the caller.
        let (refusals, at_caller) = if is_foreseen(python) { (0, 1) } else { (3, 0) };
        let refused = said.matches("nothing can be stepped in them").count();
        assert_eq!(refused, refusals, "{said}");
        let came = said.matches("\nLookupError: index 5\n> ").count();
        assert_eq!(came, at_caller, "{said}");
        assert!(said.contains("LookupError: index 5\n[pmdb]"), "{said}");
        assert_eq!(answer.code, Some(1));
    });
}

#[test]
fn what_is_caught_stops_nothing_however_it_is_caught() {
    on_each_python(|python| {
        let answer = run_fixture(python, "raising.py", &["--batch"], "caught");
        assert_eq!(answer.stdout, "all of them\n", "{answer:#?}");
        assert!(!answer.stderr.contains("raised"), "{answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    });
}

/// The fixture puts a function of its own before pmdb's callback, and counts.
#[test]
fn what_is_caught_again_and_again_is_not_looked_at_again() {
    on_each_python(|python| {
        if !is_foreseen(python) {
            return;
        }
        let lines = commands(&["p [kind.__name__]"]);
        let answer = run_fixture(python, "caught_often.py", &lines, "");
        let expected =
            "at_once 1\ndeep 1\nfrom_c 1\nfrom_generator 1\ntwo_classes 2\nkept_by_c 1\n";
        assert_eq!(answer.stdout, expected, "{answer:#?}");
        let said = &answer.stderr;
        let is_alive = !said.contains("nothing can be stepped in them");
        assert!(is_alive && said.contains("refuse()\n"), "{said}");
        assert!(said.contains("['RuntimeError']\n"), "{said}");
    });
}

#[test]
fn what_was_compiled_is_kept_and_not_believed_where_it_is_damaged() {
    let Some(python) = any_python() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    // The number of the file that is there after a run: a new one if it was written anew.
    let kept_after_run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(["run", "--batch", "--"])
            .arg(&python.path)
            .arg(fixture_path("losing.py"))
            .arg("main")
            .env("XDG_CACHE_HOME", folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(") raised LookupError: index 5"), "{said}");
        let files = fs::read_dir(folder.path().join("pmdb")).expect("a folder");
        let files: Vec<_> = files.map(|file| file.expect("a file")).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let about = files[0].metadata().expect("it is there");
        assert_eq!(about.mode() & 0o777, 0o600);
        (files[0].path(), about.ino())
    };
    let (path, first) = kept_after_run();
    assert_eq!(kept_after_run().1, first);
    let mut bytes = fs::read(&path).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, &bytes).expect("it can be written");
    let (_, second) = kept_after_run();
    assert_ne!(fs::read(&path).expect("it can be read"), bytes);
    // What others may write is not taken either, nor what is cut short.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).expect("it is ours");
    let (_, third) = kept_after_run();
    assert_ne!(third, second);
    fs::write(&path, &bytes[..middle]).expect("it can be written");
    assert_ne!(kept_after_run().1, third);
}

/// Of the functions of `Losing` in the fixture that run each in a thread.
const LOSING: usize = 7;

#[test]
fn the_stop_comes_before_anything_was_cleaned_up() {
    on_each_python(|python| {
        let lines = ["p [f'{len(cleaned)} cleaned']", "continue"].repeat(LOSING);
        let answer = run_fixture(python, "raising.py", &commands(&lines), "lost");
        let said = &answer.stderr;
        let stops = said
            .matches("nobody will catch it: the thread ends")
            .count();
        assert_eq!(stops, LOSING, "{said}");
        // What the manager in the fixture notes comes in between, from the fourth on.
        let cleaned = |stop: usize| {
            let noted = usize::from(stop > 3);
            let left = usize::from(!is_foreseen(python));
            stop + noted + left + usize::from(stop == 3) * left
        };
        for stop in 0..LOSING {
            let line = format!("['{} cleaned']\n", cleaned(stop));
            assert!(said.contains(&line), "{stop}: {said}");
        }
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    });
}

#[test]
fn a_step_stops_once_where_an_exception_is_raised_and_goes_on_with_it() {
    on_each_python(|python| {
        if !is_foreseen(python) {
            return;
        }
        let lines = [
            "next",
            "next",
            "p 'at the raise'",
            "next",
            "next",
            "next",
            "p len(cleaned)",
            "continue",
        ];
        let answer = run_fixture(python, "raising.py", &commands(&lines), "step_by_step");
        let said = &answer.stderr;
        let expected = [
            "called breakpoint()",
            "-> breakpoint()",
            "-> numbers[5]",
            "raised IndexError: list index out of range",
            "nobody will catch it: the program ends with it",
            "-> numbers[5]",
            "'at the raise'",
            "--Return--",
            "step_by_step()->None",
            "-> numbers[5]",
            "IndexError: list index out of range",
            "lose()",
            "-> function()",
            "lose()",
            "-> cleaned.append(function)",
            "0",
        ];
        let mut rest = said.as_str();
        for part in expected {
            let at = rest.find(part);
            let at = at.unwrap_or_else(|| panic!("{part} is not in {rest} of {said}"));
            rest = &rest[at + part.len()..];
        }
        assert_eq!(said.matches("nobody will catch it").count(), 1, "{said}");
    });
}

/// A worker that waits until somebody is there who could tell of what it loses.
const BEFORE_PMDB: &str = "\
import multiprocessing, sys, threading, time
def work(n):
    while '_pmdb_agent' not in vars(sys):
        time.sleep(0.01)
    return [10, 20][n]
if __name__ == '__main__':
    pool = multiprocessing.get_context('fork').Pool(2)
    answer = pool.apply_async(work, (5,))
    print('ready', flush=True)
    try:
        answer.get()
    except IndexError:
        print('told', flush=True)
    pool.terminate()
";

#[test]
fn a_family_that_runs_already_stops_where_it_loses_an_exception() {
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, BEFORE_PMDB, &[]);
        let pid = fixture.pid().to_string();
        let words = ["attach", &pid, "--tree", "-c", "c", "-c", "p n", "-c", "c"];
        let said = pmdb(words).stdout;
        for part in [
            ") raised IndexError: list index out of range\n",
            "multiprocessing.pool hands it to the parent",
            "work()\n",
            "\n5\n",
            "[pmdb] all of them have ended; 3 processes\n",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(fixture.read_line(), "told");
        assert!(fixture.wait().success());
    });
}

#[test]
fn what_leaves_a_program_on_purpose_is_let_pass() {
    on_each_python(|python| {
        let answer = run(python, &["--batch"], "on_purpose");
        assert_eq!(answer.stdout, "[1]\n", "{answer:#?}");
        assert!(!answer.stderr.contains("raised"), "{answer:#?}");
        assert_eq!(answer.code, Some(4), "{answer:#?}");
    });
}

#[test]
fn a_process_is_as_it_was_after_detach() {
    on_each_python(|python| {
        let answer = run(python, &["-c", "detach"], "detached");
        // The last are mappings of code of no file.
        let expected = "[True, True, True] None [] True\n[]\n";
        assert_eq!(answer.stdout, expected, "{answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    });
}
