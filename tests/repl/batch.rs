//! Commands from `-c`, from a pipe and from `.pdbrc`: what is run, in which order, and the exit code.

use std::process::Command;

use crate::support::{Answer, Fixture, any_python, on_each_python, pmdb, pmdb_in, pmdb_with_input};

fn waiting() -> (Fixture, String) {
    let python = any_python().expect("there is a Python");
    let fixture = Fixture::python(python, "prompt.py", &["wait"]);
    let pid = fixture.pid().to_string();
    (fixture, pid)
}

fn ends_with_code(answer: &Answer, code: i32) {
    assert_eq!(answer.code, Some(code), "{answer:#?}");
}

#[test]
fn commands_are_run_in_their_order() {
    let (_fixture, pid) = waiting();
    let answer = pmdb([
        "attach",
        &pid,
        "-c",
        "p job",
        "-c",
        "p number ;; up;; p key",
    ]);
    let lines: Vec<&str> = answer.succeeded().stdout.lines().collect();
    assert_eq!(lines[..2], ["2", "7"]);
    assert!(
        lines[2].starts_with("> ") && lines[2].ends_with("run()"),
        "{lines:?}"
    );
    assert_eq!(lines[4], "'k'");
}

#[test]
fn command_that_fails_makes_the_exit_code_1_and_the_others_run() {
    let (_fixture, pid) = waiting();
    for commands in [["p nothing", "p job"], ["p job", "p nothing"]] {
        let answer = pmdb(["attach", &pid, "-c", commands[0], "-c", commands[1]]);
        ends_with_code(&answer, 1);
        assert!(answer.stdout.contains("*** NameError"), "{answer:?}");
        assert!(answer.stdout.lines().any(|line| line == "2"), "{answer:?}");
    }
    ends_with_code(&pmdb_with_input(["attach", &pid], "p nothing\np job\n"), 1);
    ends_with_code(&pmdb_with_input(["attach", &pid], "p job\n"), 0);
    ends_with_code(&pmdb_with_input(["attach", &pid], ""), 0);
}

#[test]
fn nothing_is_run_after_quit() {
    let (_fixture, pid) = waiting();
    for quit in ["q", "quit", "exit", "EOF"] {
        let answer = pmdb_with_input(["attach", &pid], &format!("p job\n{quit}\np number\n"));
        assert_eq!(answer.succeeded().stdout, "2\n");
        let answer = pmdb(["attach", &pid, "-c", quit, "-c", "p job"]);
        assert_eq!(answer.succeeded().stdout, "");
    }
}

#[test]
fn commands_of_an_option_leave_standard_input_alone() {
    let (_fixture, pid) = waiting();
    let answer = pmdb_with_input(["attach", &pid, "-c", "p job"], "p number\n");
    assert_eq!(answer.succeeded().stdout, "2\n");
}

#[test]
fn empty_line_repeats_the_last_command() {
    let (_fixture, pid) = waiting();
    let answer = pmdb_with_input(["attach", &pid], "p job\n\nlist 1, 2\n\n");
    let numbers: Vec<&str> = answer
        .succeeded()
        .stdout
        .lines()
        .map(|line| line.split('\t').next().unwrap_or_default().trim())
        .collect();
    let following: Vec<String> = (1..=13).map(|number| number.to_string()).collect();
    assert_eq!(numbers[..2], ["2", "2"]);
    assert_eq!(numbers[2..], following);
}

#[test]
fn statement_is_refused_in_a_sentence() {
    let (_fixture, pid) = waiting();
    for statement in [
        "job = 3",
        "del job",
        "import os",
        "for x in rest: pass",
        "!c = 1",
    ] {
        let answer = pmdb(["attach", &pid, "-c", statement]);
        ends_with_code(&answer, 1);
        assert!(
            answer
                .stdout
                .contains("a statement runs code in the process, which is running"),
            "{statement}: {answer:?}"
        );
    }
    let answer = pmdb(["attach", &pid, "-c", "p job", "-c", "None"]);
    assert_eq!(answer.succeeded().stdout, "2\n");
}

#[test]
fn commands_that_cannot_be_done_say_so() {
    let (_fixture, pid) = waiting();
    for (command, why) in [
        ("c", "the process is running"),
        ("rv", "Not yet returned!"),
        ("run", "starts a program again that pmdb has started"),
        (
            "interact",
            "interact runs code in the process, which is running",
        ),
    ] {
        let answer = pmdb(["attach", &pid, "-c", command]);
        ends_with_code(&answer, 1);
        assert!(answer.stdout.starts_with("*** "), "{answer:?}");
        assert!(answer.stdout.contains(why), "{answer:?}");
        assert_eq!(answer.stdout.lines().count(), 1, "{answer:?}");
    }
}

#[test]
fn pdbrc_of_home_and_folder_are_run_first() {
    let (_fixture, pid) = waiting();
    let home = tempfile::tempdir().unwrap();
    let here = tempfile::tempdir().unwrap();
    let rc = "# a comment\n\nalias two p %1 ;; p %2\nimport pprint\n";
    std::fs::write(home.path().join(".pdbrc"), rc).unwrap();
    std::fs::write(here.path().join(".pdbrc"), "alias one two %1 number\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args(["attach", &pid, "-c", "one job", "-c", "alias"])
        .env("HOME", home.path())
        .current_dir(here.path())
        .output()
        .unwrap();
    // A line of pdb's that is a statement is no failure of ours.
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("*** a statement runs code"),
        "{lines:?}"
    );
    let rest = ["2", "7", "one = two %1 number", "two = p %1 ;; p %2"];
    assert_eq!(lines[1..], rest);
}

#[test]
fn aliases_are_made_shown_and_removed() {
    let (_fixture, pid) = waiting();
    let commands = "\
alias pj p job
pj
alias pj
unalias pj
alias pj
alias bad p %2
pj 1
";
    let answer = pmdb_with_input(["attach", &pid], commands);
    let expected = "\
2
pj = p job
*** Unknown alias 'pj'
*** Replaceable parameters must be consecutive
";
    assert!(answer.stdout.starts_with(expected), "{answer:?}");
}

#[test]
fn displayed_expressions_are_listed_and_ended() {
    let (_fixture, pid) = waiting();
    let commands = "\
display
display job
display nothing
display
undisplay other
undisplay job
undisplay
display
display 1 +
";
    let answer = pmdb_with_input(["attach", &pid], commands);
    let expected = "\
No expression is being displayed
display job: 2
display nothing: ** raised NameError: name 'nothing' is not defined **
Currently displaying:
job: 2
nothing: ** raised NameError: name 'nothing' is not defined **
*** not displaying other
No expression is being displayed
*** Unable to display 1 +: ";
    assert!(answer.stdout.starts_with(expected), "{answer:#?}");
}

/// The program says what it did, so that the values before and after are known.
#[test]
fn running_process_is_looked_at_anew_for_each_command() {
    let program = "def step(number):
    # One line, so that it is known where it is once it has said so.
    input(f'ready {number}\\n')
def run():
    count = 0
    while True:
        count += 1
        step(count)
run()
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        let mut prompt =
            crate::support::Conversation::start(&["attach", &fixture.pid().to_string()]);
        assert_eq!(prompt.ask("p number"), ["1"]);
        assert_eq!(prompt.ask("up")[0], "> <string>(8)run()");
        assert_eq!(prompt.ask("display count"), ["display count: 1"]);
        fixture.write_line("");
        assert_eq!(fixture.read_line(), "ready 2");
        // The frame is still there, and its variable is another.
        assert_eq!(prompt.ask("p count"), ["display count: 2  [old: 1]", "2"]);
        assert_eq!(prompt.ask("p count"), ["2"]);
        fixture.signal(nix::sys::signal::Signal::SIGKILL);
        fixture.wait();
        let ended = prompt.ask("p count");
        assert!(
            ended[0].ends_with("has ended with signal SIGKILL; its stack as last seen is left]"),
            "{ended:?}"
        );
        assert!(ended[1].starts_with("*** process"), "{ended:?}");
        assert_eq!(prompt.ask("down")[0], "> <string>(3)step()");
        let stack = prompt.ask("where");
        let without_source = stack.iter().rfind(|line| !line.starts_with("-> "));
        assert_eq!(without_source.unwrap(), "> <string>(3)step()");
    });
}

#[test]
fn frame_that_has_returned_moves_the_focus_once() {
    let program = "def first():
    input('ready\\n')

def second(x):
    y = x

    input('second\\n')
first()
second(5)
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid();
        let mut prompt = crate::support::Conversation::start(&["attach", &pid.to_string()]);
        assert_eq!(prompt.ask("where 0")[0], "> <string>(2)first()");
        fixture.write_line("");
        assert_eq!(fixture.read_line(), "second");
        let moved = format!("[thread {pid} has moved on]");
        assert_eq!(prompt.ask("p y"), [moved.as_str(), "5"]);
        assert_eq!(prompt.ask("where 0")[0], "> <string>(7)second()");
    });
}

#[test]
fn threads_are_listed_and_gone_to() {
    let program = "\
import sys, threading
started = threading.Barrier(3)
never = threading.Event()
def work(number):
    started.wait()
    never.wait()
for number in (1, 2):
    threading.Thread(target=work, args=(number,), name=f'w{number}', daemon=True).start()
started.wait()
print('ready', ' '.join(str(t.native_id) for t in threading.enumerate()), flush=True)
sys.stdin.read()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let tids: Vec<&str> = fixture.ready().split(' ').collect();
        let answer = pmdb(["attach", &pid, "-c", "threads"]);
        let lines: Vec<&str> = answer.succeeded().stdout.lines().collect();
        assert_eq!(lines.len(), 4, "{answer:?}");
        let columns =
            |line: &&str| -> Vec<String> { line.split_whitespace().map(str::to_string).collect() };
        assert_eq!(columns(&lines[0]), ["TID", "NAME", "STATE", "FRAME"]);
        assert_eq!(columns(&lines[1])[..3], [">", tids[0], "MainThread"]);
        assert_eq!(columns(&lines[2])[..2], [tids[1], "w1"]);
        assert_eq!(columns(&lines[3])[..2], [tids[2], "w2"]);
        let go = format!("thread {}", tids[2]);
        let answer = pmdb(["attach", &pid, "-c", &go, "-c", "up 100", "-c", "threads"]);
        let text = &answer.succeeded().stdout;
        let mut rows = text.lines().map(|line| columns(&line));
        let focused = rows.find(|row| row.len() > 3 && row[0] == ">" && row[1] == tids[2]);
        assert!(focused.is_some(), "{text}");
        let answer = pmdb(["attach", &pid, "-c", "thread nobody"]);
        ends_with_code(&answer, 1);
        assert!(
            answer.stdout.starts_with("*** No thread 'nobody'"),
            "{answer:?}"
        );
    });
}

#[test]
fn several_processes_are_listed_and_gone_to() {
    let (one, first) = waiting();
    let (_other, second) = waiting();
    let go = format!("proc {second}");
    let answer = pmdb([
        "attach", &first, &second, "-c", "procs", "-c", &go, "-c", "procs",
    ]);
    let lines: Vec<&str> = answer.succeeded().stdout.lines().collect();
    let begins_with = |line: usize, words: &[&str]| {
        let found: Vec<&str> = lines[line].split_whitespace().take(words.len()).collect();
        assert_eq!(found, words, "{lines:?}");
    };
    begins_with(1, &[">", &first]);
    begins_with(2, &[&second]);
    assert!(lines[3].ends_with("stop()"), "{lines:?}");
    begins_with(6, &[&first]);
    begins_with(7, &[">", &second]);
    let answer = pmdb(["attach", &first, &second, "-c", "proc prompt.py"]);
    let expected =
        format!("Several processes are called 'prompt.py': say which of {first}, {second}");
    assert_eq!(answer.stdout, format!("*** {expected}\n"), "{answer:?}");
    // One that is named and cannot be read is a failure; the other is looked at.
    let nobody = i32::MAX.to_string();
    let answer = pmdb(["attach", &nobody, &first, "-c", "p job"]);
    ends_with_code(&answer, 1);
    assert_eq!(answer.stdout, "2\n");
    assert!(answer.stderr.starts_with("pmdb: no process"), "{answer:?}");
    drop(one);
    pmdb(["attach", &nobody]).failed_with("no process");
}

#[test]
fn what_cannot_be_opened_is_a_sentence() {
    let own = std::process::id().to_string();
    // It has native code at the prompt.
    pmdb(["attach", &own, "-c", "where"]).succeeded();
    pmdb(["open", "/dev/null"]).failed_with("/dev/null");
    pmdb(["open", "/does/not/exist"]).failed_with("/does/not/exist");
    let answer = pmdb(["attach"]);
    ends_with_code(&answer, 2);
}

#[test]
fn edited_source_is_warned_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edited.py");
    let program = "import sys\nprint('ready', flush=True)\nsys.stdin.read()\n";
    std::fs::write(&path, program).unwrap();
    // Further than the clocks of files and of processes are apart.
    let far = std::time::Duration::from_secs(3600);
    let now = std::time::SystemTime::now();
    let set_modified = |when| {
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(when).unwrap();
    };
    set_modified(now - far);
    let mut command = any_python().expect("there is a Python").command();
    command.arg(&path);
    let fixture = Fixture::start(command);
    let pid = fixture.pid().to_string();
    let words = ["attach", &pid, "-c", "list", "-c", "list"];
    let answer = pmdb_in(folder.path(), words);
    assert!(!answer.succeeded().stdout.contains("WARNING"), "{answer:?}");
    set_modified(now + far);
    let answer = pmdb_in(folder.path(), words);
    let warnings = answer
        .succeeded()
        .stdout
        .matches("*** WARNING: file")
        .count();
    assert_eq!(warnings, 1, "{answer:?}");
}

#[test]
fn process_that_executes_another_program_is_looked_at_anew() {
    let program = "\
import os, sys
def first():
    input('ready\\n')
first()
os.execv(sys.executable, [sys.executable, '-c', \"def second(): input('second\\\\n')\\nsecond()\"])
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let mut prompt = crate::support::Conversation::start(&["attach", &pid]);
        assert_eq!(prompt.ask("where 0")[0], "> <string>(3)first()");
        fixture.write_line("");
        assert_eq!(fixture.read_line(), "second");
        let answer = prompt.ask("where 0");
        assert!(
            answer[0].starts_with("[the process has executed another program: CPython"),
            "{answer:?}"
        );
        assert_eq!(answer[1], "> <string>(1)second()");
    });
}

/// A family with a worker that has a name, and a child that is no Python process.
#[test]
fn whole_family_is_one_set() {
    let program = "\
import multiprocessing, subprocess, sys
def work(number, ready, never):
    ready.wait()
    never.wait()
context = multiprocessing.get_context('fork')
ready = context.Barrier(3)
workers = [context.Process(target=work, args=(n, ready, context.Event()), name=f'Worker{n}') for n in (1, 2)]
for worker in workers:
    worker.start()
child = subprocess.Popen(['sleep', '1000'])
ready.wait()
print('ready', *(worker.pid for worker in workers), child.pid, flush=True)
for worker in workers:
    worker.join()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let pids: Vec<&str> = fixture.ready().split(' ').collect();
        let mut words = vec!["attach", &pid, "--tree", "-c", "procs"];
        words.extend([
            "-c",
            "proc Worker2",
            "-c",
            "up 100",
            "-c",
            "thread",
            "-c",
            "procs",
        ]);
        let answer = pmdb(words);
        let lines: Vec<&str> = answer.succeeded().stdout.lines().collect();
        let row_of = |pid: &str| {
            let row = lines
                .iter()
                .find(|line| line.split_whitespace().any(|w| w == pid));
            row.unwrap_or_else(|| panic!("no {pid}: {answer:#?}"))
                .to_string()
        };
        assert!(row_of(pids[0]).contains("Worker1"), "{answer:#?}");
        assert!(row_of(pids[1]).contains("Worker2"), "{answer:#?}");
        assert!(row_of(pids[2]).contains(" native "), "{answer:#?}");
        assert!(row_of(&pid).trim_start().starts_with('>'), "{answer:#?}");
        let last = lines.iter().rev().find(|line| line.starts_with('>'));
        assert!(last.unwrap().contains("Worker2"), "{answer:#?}");
    });
}

#[test]
fn traceback_of_an_exception_is_walked_and_left() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "prompt.py", &["wait"]);
        let pid = fixture.pid().to_string();
        let commands = "\
exceptions
exceptions 0
args
p key, $_exception
where 0
up
exceptions
thread
exceptions 9
";
        let answer = pmdb_with_input(["attach", &pid], commands);
        ends_with_code(&answer, 1);
        let lines: Vec<&str> = answer.stdout.lines().collect();
        assert_eq!(lines[0], "    0 KeyError('missing')");
        assert_eq!(lines[1], "    1 ValueError('no such thing', 7)");
        assert!(lines[2].ends_with(")fail()"), "{lines:?}");
        assert_eq!(lines[3], "-> return table[\"missing\"]");
        assert_eq!(lines[4], "table = {}");
        assert_eq!(lines[5], "(1, KeyError('missing'))");
        assert_eq!(lines[6..8], lines[2..4]);
        assert!(lines[8].ends_with(")<module>()"), "{lines:?}");
        assert_eq!(lines[9], "-> fail({})");
        assert_eq!(lines[10], ">   0 KeyError('missing')");
        assert_eq!(lines[13], "-> halt()");
        assert_eq!(lines[14], "*** No exception with that number");
    });
}

#[test]
fn shared_memory_is_looked_at_from_the_prompt() {
    const PROGRAM: &str = "\
import mmap, struct, sys
shared = mmap.mmap(-1, 1 << 12)
shared[:80] = struct.pack('10d', *range(10))
print('ready', flush=True)
sys.stdin.readline()
";
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, PROGRAM, &[]);
    let pid = fixture.pid().to_string();
    let answer = pmdb(["attach", &pid, "-c", "shm"]);
    let listed = &answer.succeeded().stdout;
    let name = listed
        .split_whitespace()
        .find(|word| word.starts_with("anonymous:"));
    let name = name.expect(listed);
    let show = format!("shm show {name} --as f64 '[2:6]'");
    let find = format!("shm find {name} --as f64 7");
    let watch = format!("shm watch {name}");
    let words = [
        "attach",
        &pid,
        "-c",
        &show,
        "-c",
        &find,
        "-c",
        "shm show nothing-like-it",
    ];
    let answer = pmdb(words);
    let text = &answer.stdout;
    for expected in [
        "[2., 3., 4., 5.]",
        "[7]",
        "there is no shared memory called nothing-like-it",
    ] {
        assert!(text.contains(expected), "{expected}: {answer:#?}");
    }
    let refused = pmdb(["attach", &pid, "-c", &watch, "-c", "shm show"]);
    for expected in ["type it into a shell, as pmdb shm", "required"] {
        assert!(refused.stdout.contains(expected), "{refused:#?}");
    }
}
