//! `pmdb run -- COMMAND`: `breakpoint()` in any of its processes comes to pmdb, and the keyboard belongs to who is meant.

use crate::support::{
    Answer, Python, Terminal, any_python, fixture_path, on_each_python, pmdb_alone, pmdb_of_user,
    write_script,
};

const CTRL_C: &str = "\x03";

fn run(python: &Python, options: &[&str], how: &str) -> Answer {
    let path = python.path.display().to_string();
    let script = fixture_path("asking.py").display().to_string();
    let words = ["--", &path, &script, how];
    pmdb_alone([&["run"], options, &words].concat(), "")
}

/// Runs the fixture in a terminal.
fn in_terminal(python: &Python, how: &str) -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = pmdb_of_user(["run", "--"], home.path());
    command
        .arg(&python.path)
        .arg(fixture_path("asking.py"))
        .arg(how);
    (home, Terminal::start(command))
}

#[test]
fn workers_of_each_start_method_stop_where_they_ask_to() {
    on_each_python(|python| {
        for (how, name) in [
            ("fork", "ForkPoolWorker-"),
            ("spawn", "SpawnPoolWorker-"),
            ("forkserver", "ForkServerPoolWorker-"),
        ] {
            let commands = [
                "-c",
                "p number, square",
                "-c",
                "next",
                "-c",
                "next",
                "-c",
                "!square = 99",
            ];
            let answer = run(python, &commands, how);
            let said = &answer.stderr;
            assert!(said.starts_with(&format!("[pmdb] {name}")), "{answer:#?}");
            assert!(said.contains(") called breakpoint()\n> "), "{said}");
            assert!(said.contains("work()\n-> breakpoint()\n(3, 9)\n"), "{said}");
            assert!(said.contains("\n-> square += 1\n"), "{said}");
            assert!(said.contains("\n-> return square\n"), "{said}");
            assert_eq!(answer.stdout, "[0, 1, 4, 99, 16]\n", "{said}");
            assert!(said.contains("ended with exit code 0"), "{said}");
            assert_eq!(answer.code, Some(0));
        }
    });
}

#[test]
fn programs_and_threads_without_a_terminal_stop_too() {
    on_each_python(|python| {
        let answer = run(
            python,
            &["-c", "p secret", "-c", "!secret = 43"],
            "subprocess",
        );
        assert!(answer.stderr.contains("\n42\n"), "{answer:#?}");
        assert_eq!(answer.stdout, "secret 43\n", "{answer:#?}");
        let answer = run(python, &["-c", "threads", "-c", "p square"], "thread");
        assert!(answer.stderr.contains("\n9\n"), "{answer:#?}");
        assert!(answer.stderr.contains("asking"), "{answer:#?}");
        assert_eq!(answer.code, Some(0));
    });
}

#[test]
fn those_that_stop_at_once_wait_for_each_other_and_are_reported() {
    on_each_python(|python| {
        let answer = run(python, &["--batch"], "several");
        let said = &answer.stderr;
        for number in 0..3 {
            assert!(said.contains(&format!("[pmdb] w{number} (pid ")), "{said}");
            assert!(
                said.contains(&format!("     mine = 'worker {number}'\n")),
                "{said}"
            );
        }
        assert_eq!(said.matches(") called breakpoint()").count(), 3, "{said}");
        assert_eq!(answer.stdout, "[8, 8, 8]\n", "{said}");
        assert!(said.contains("; 4 processes\n"), "{said}");
        assert_eq!(answer.code, Some(0));
    });
}

#[test]
fn a_step_stays_in_its_process_though_others_wait() {
    let python = any_python().expect("there is a Python");
    let (_home, mut terminal) = in_terminal(python, "several");
    let heading = terminal.wait_for(") called breakpoint()");
    let worker = heading.split("[pmdb] ").nth(1).expect("the heading");
    let worker = worker.split(' ').next().expect("a name").to_string();
    let prompt = format!("(pmdb {worker}) ");
    terminal.wait_for(&prompt);
    terminal.type_keys("n\r");
    terminal.wait_for("-> sys.exit(len(mine))");
    terminal.wait_for(&prompt);
    terminal.type_keys("p mine[:6], mine[7:]\r");
    terminal.wait_for(&format!("('worker', '{}')", &worker[1..]));
    for _ in 0..2 {
        terminal.wait_for("(pmdb ");
        terminal.type_keys("c\r");
        terminal.wait_for(") called breakpoint()");
    }
    terminal.wait_for("(pmdb ");
    terminal.type_keys("c\r");
    terminal.wait_for("[8, 8, 8]");
    assert!(terminal.wait().success());
}

#[test]
fn keyboard_is_the_programs_while_it_runs_and_pmdbs_at_the_prompt() {
    let python = any_python().expect("there is a Python");
    let (_home, mut terminal) = in_terminal(python, "interrupted");
    terminal.wait_for("waiting");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("the program itself got it");
    let shown = terminal.wait_for("ended with exit code 1");
    assert!(!shown.contains("(pmdb"), "{shown}");
    assert_eq!(terminal.wait().code(), Some(1));

    let (_home, mut terminal) = in_terminal(python, "fork");
    terminal.wait_for("(pmdb ForkPoolWorker-");
    terminal.type_keys("!os.write(1, b'it ' + b'runs') and all(iter(lambda: 1, 2))\r");
    // It has left the line editor, whose Ctrl-C is no signal.
    terminal.wait_for("it runs");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("KeyboardInterrupt");
    terminal.wait_for("(pmdb ForkPoolWorker-");
    terminal.type_keys("c\r");
    terminal.wait_for("[0, 1, 4, 10, 16]");
    assert!(terminal.wait().success());
}

#[test]
fn what_the_program_wants_of_breakpoint_is_done() {
    on_each_python(|python| {
        let path = python.path.display().to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("own.py");
        write_script(
            &script,
            "\
import os, sys
os.environ['PYTHONBREAKPOINT'] = '0'
breakpoint()
os.environ['PYTHONBREAKPOINT'] = 'builtins.print'
breakpoint('their', 'own')
before = sys.breakpointhook
sys.breakpointhook = lambda *words: print('hooked', *words)
breakpoint('once')
sys.breakpointhook = before
os.environ['PYTHONBREAKPOINT'] = ''
stopped = 1
breakpoint()
",
        );
        let words = [
            "run",
            "-c",
            "p stopped",
            "--",
            &path,
            &script.display().to_string(),
        ];
        let answer = pmdb_alone(words, "");
        assert_eq!(answer.stdout, "their own\nhooked once\n", "{answer:#?}");
        assert!(answer.stderr.contains("\n1\n"), "{answer:#?}");
        assert_eq!(answer.stderr.matches("called breakpoint()").count(), 1);
    });
}

#[test]
fn set_trace_of_pdb_comes_to_pmdb() {
    on_each_python(|python| {
        let commands = [
            "-c",
            "p number, square",
            "-c",
            "step",
            "-c",
            "next",
            "-c",
            "p square",
        ];
        let answer = run(python, &commands, "set_trace");
        let said = &answer.stderr;
        assert!(said.contains(") called set_trace()\n> "), "{answer:#?}");
        assert!(
            said.contains("work_with_pdb()\n-> pdb.set_trace()\n(3, 9)\n"),
            "{said}"
        );
        // Not into what is left to be done in pdb.
        assert!(
            said.contains("-> square += 1\n") && said.contains("-> return square\n10\n"),
            "{said}"
        );
        assert_eq!(answer.stdout, "[0, 1, 4, 10, 16]\n", "{said}");
        assert_eq!(answer.code, Some(0));
    });
}
