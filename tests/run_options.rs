//! The options of `pmdb run`: how the command is written, where commands of the prompt come from, and how it ends.

mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use support::{Answer, Python, any_python, write_script};

/// Raises in a thread, and then waits for its child, which has said who it is.
const WAITING: &str = "\
import os, sys, threading, time
child = os.fork()
if child == 0:
    time.sleep(1000)
print(child, flush=True)
def work(number):
    raise ValueError('number %d' % number)
thread = threading.Thread(target=work, args=(7,))
thread.start()
thread.join()
os.wait()
";

/// Runs `pmdb run` without a terminal, in a folder, with the Python that the tests prefer as `python3`.
fn run(folder: &Path, words: &[&str]) -> Answer {
    let python = any_python().expect("there is a Python");
    run_on(python, folder, words)
}

fn run_on(python: &Python, folder: &Path, words: &[&str]) -> Answer {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).expect("a folder");
    let link = programs.join("python3");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(&python.path, &link).expect("a link");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .arg("run")
        .args(words)
        .current_dir(folder)
        .env("COLUMNS", "120");
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    // SAFETY: between fork and exec only setsid(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    support::run(command, "")
}

fn folder_with(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_script(&folder.path().join("script.py"), script);
    folder
}

#[test]
fn command_begins_at_its_first_word() {
    let folder = folder_with("import sys\nprint(__name__, sys.argv[1:])\n");
    let path = folder.path();
    let said = "__main__ ['-c', '--batch', '--', '-m']\n";
    let arguments = ["-c", "--batch", "--", "-m"];
    for begin in [
        &["python3", "script.py"][..],
        &["--", "python3", "script.py"],
        &["--batch", "python3", "script.py"],
        &["script.py"],
        &["-m", "script"],
        &["-m", "--", "script"],
        &["./script.py"],
    ] {
        let answer = run(path, &[begin, &arguments].concat());
        assert_eq!(answer.stdout, said, "{begin:?}: {answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    }
    let entry = ["--stop-at-entry", "-c", "n", "-c", "q", "script.py", "-q"];
    let answer = run(path, &entry);
    assert!(
        answer.stdout.contains("script.py(2)<module>()"),
        "{answer:#?}"
    );
}

#[test]
fn what_cannot_be_run_says_how_it_could() {
    let folder = folder_with("");
    fs::write(folder.path().join("tool"), "print(1)\n").expect("a file");
    let answer = run(folder.path(), &["./tool"]);
    assert!(
        answer
            .stderr
            .contains("not executable; if it is a script, put its interpreter before it")
    );
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    let answer = run(folder.path(), &["--no-such-option", "script.py"]);
    assert!(answer.stderr.contains("'--no-such-option'"), "{answer:#?}");
    assert_eq!(answer.code, Some(2), "{answer:#?}");
    let answer = run(folder.path(), &["--kill", "--stop-at-entry", "script.py"]);
    assert_eq!(answer.code, Some(2), "{answer:#?}");
}

#[test]
fn script_of_commands_comes_before_those_of_the_command_line() {
    let folder = folder_with("number = 41\nbreakpoint()\nprint('the end', number)\n");
    let commands = "# a comment\n\n  p 'first', number\n!number += 1\nalias twice p 2 * %1\n";
    fs::write(folder.path().join("commands"), commands).expect("a file");
    let words = ["--script", "commands", "-c", "twice number", "script.py"];
    let answer = run(folder.path(), &words);
    assert!(answer.stderr.contains("('first', 41)\n84\n"), "{answer:#?}");
    assert_eq!(answer.stdout, "the end 42\n", "{answer:#?}");
    let answer = run(folder.path(), &["--script", "nothing", "script.py"]);
    assert!(
        answer.stderr.contains("cannot read the script nothing: "),
        "{answer:#?}"
    );
    assert_eq!(
        (answer.stdout.as_str(), answer.code),
        ("", Some(1)),
        "{answer:#?}"
    );
}

#[test]
fn kill_ends_all_processes_when_the_commands_are_used_up() {
    let folder = folder_with(WAITING);
    for commands in [&[][..], &["-c", "p 'number', number"]] {
        let answer = run(
            folder.path(),
            &[&["--kill"], commands, &["script.py"]].concat(),
        );
        assert!(
            answer.stderr.contains("raised ValueError: number 7\n"),
            "{answer:#?}"
        );
        let shown = if commands.is_empty() {
            "number = 7\n"
        } else {
            "('number', 7)\n"
        };
        assert!(answer.stderr.contains(shown), "{answer:#?}");
        assert!(
            answer.stderr.ends_with("with all its processes (--kill)\n"),
            "{answer:#?}"
        );
        assert_eq!(answer.code, Some(128 + 15), "{answer:#?}");
        let child = answer.stdout.trim();
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
    // What ends by itself keeps its exit code.
    write_script(
        &folder.path().join("script.py"),
        "import sys\nsys.exit(3)\n",
    );
    let answer = run(folder.path(), &["--kill", "-c", "where", "script.py"]);
    assert_eq!(answer.code, Some(3), "{answer:#?}");
}
