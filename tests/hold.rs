//! Stopping, stepping and breakpoints at the prompt, in processes that were started without a thought of debugging.

use std::process::{Command, Stdio};

use crate::support::{
    Conversation, Fixture, PATIENCE, Terminal, any_python, dump_core, on_each_python,
    pmdb_with_input, told,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What the fixture says of itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Asks until it is as it was: the guardian takes a moment.
#[track_caller]
fn becomes(fixture: &mut Fixture, before: &str) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let now = state(fixture);
        if now == before {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{now} not {before}");
    }
}

#[test]
fn a_session_of_pdb_commands() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let commands = [
            // Wherever it is, it comes by here.
            "tbreak working.py:11, x == 7",
            "continue",
            "p x",
            "next",
            "p x, y",
            "!y = 99",
            "!y += 1",
            "next",
            "p z",
            "!print('printed', x)",
            "x + 1",
            "step",
            "retval",
            "step",
            "up",
            "p total_is_not_here",
            "down",
            "break double, x % 2 == 0",
            "ignore 2 2",
            "condition 2 x % 4 == 0",
            "break",
            "continue",
            "p x",
            "clear 2",
            "log 12",
            "log 12 x is {x!r}",
            "until",
            "return",
            "jump 11",
            "whatis double",
            "break 9",
            "break nowhere.py:3",
            "break 99999",
            "condition 77 x",
            "detach",
        ];
        let session = told(&fixture, &commands);
        let (start, rest) = session
            .split_once("Breakpoint 1 at working.py:11\n")
            .expect(&session);
        assert!(start.starts_with("> working.py("), "{start}");
        let expected = "\
Deleted breakpoint 1 at working.py:11
> working.py(11)double()
-> y = x * 2
7
> working.py(12)double()
-> z = y + 1
(7, 14)
> working.py(13)double()
-> return z
101
printed 7
8
--Return--
> working.py(13)double()->101
-> return z
101
> working.py(18)work()
-> for i in range(rounds):
> working.py(45)main()
-> work(100)
*** NameError: name 'total_is_not_here' is not defined
> working.py(18)work()
-> for i in range(rounds):
Breakpoint 2 at working.py:11
Will ignore next 2 crossings of breakpoint 2.
New condition set for breakpoint 2.
Num Type         Disp Enb   Where
2   breakpoint   keep yes   at working.py:11
\tstop only if x % 4 == 0
\tignore next 2 hits
> working.py(11)double()
-> y = x * 2
16
Deleted breakpoint 2 at working.py:11
*** a log point needs a text to print, as in `log 95 loss is {loss}`
Log point 3 at working.py:12
x is 16
> working.py(12)double()
-> z = y + 1
--Return--
> working.py(13)double()->33
-> return z
";
        assert!(
            rest.starts_with(expected),
            "{rest}\n--- instead of\n{expected}"
        );
        let rest = &rest[expected.len()..];
        for (expected, why) in [
            ("Function double", "whatis"),
            ("*** Blank or comment", "an empty line"),
            ("*** nowhere.py: no such file", "no file"),
            ("End of file", "no such line"),
            ("*** Breakpoint number 77 out of range", "no such number"),
            ("[the process goes on]", "detach"),
        ] {
            assert!(rest.contains(expected), "{why}: {rest}");
        }
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn leaving_without_detach_leaves_nothing() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        told(&fixture, &["break 12, x == 3", "continue", "quit"]);
        assert_eq!(state(&mut fixture), before);
        told(&fixture, &["stop"]);
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn a_process_that_was_stopped_meanwhile_is_left_when_it_goes_on() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let pid = Pid::from_raw(fixture.pid().cast_signed());
        let mut prompt = Conversation::start(&["attach", &pid.to_string()]);
        prompt.ask("tbreak 12, x == 5");
        prompt.ask("continue");
        kill(pid, Signal::SIGSTOP).expect("it lives");
        let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        while !status().contains("State:\tT (stopped)") {
            std::thread::yield_now();
        }
        let left = prompt.ask("detach").join("\n");
        assert!(left.contains("is stopped by a signal"), "{left}");
        kill(pid, Signal::SIGCONT).expect("it lives");
        // What it could not take away now, the guardian does.
        drop(prompt);
        becomes(&mut fixture, &before);
    });
}

#[test]
fn if_pmdb_is_killed_the_process_goes_on() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(["attach", &fixture.pid().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut input = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut input, b"tbreak 12, x == 5\ncontinue\np 'here'\n")
            .expect("it reads");
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
        while !lines
            .next()
            .expect("it comes to this")
            .expect("text")
            .contains("here")
        {}
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        kill(pid, Signal::SIGKILL).expect("it is our child");
        child.wait().expect("it is our child");
        becomes(&mut fixture, &before);
    });
}

#[test]
fn if_pmdb_is_killed_while_the_process_runs_nothing_stays_either() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let mut terminal = Terminal::attach(&fixture);
        // It never holds, and is hit too seldom for the agent to look whether pmdb is there.
        terminal.type_keys("b tell, sys is None\r");
        terminal.wait_for("Breakpoint 1");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("continue\r");
        // The echo; from here on it runs.
        terminal.wait_for("\n");
        kill(terminal.pid(), Signal::SIGKILL).expect("it is our child");
        terminal.wait();
        becomes(&mut fixture, &before);
    });
}

#[test]
fn a_process_that_ends_while_it_is_waited_for_has_ended() {
    let program = "\
import sys
print('ready', flush=True)
sys.stdin.readline()
for i in range(3):
    x = i
";
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(python, program, &[]);
    let pid = fixture.pid().to_string();
    fixture.write_line("go");
    let answer = pmdb_with_input(["attach", &pid], "stop\ncontinue\ncontinue\n");
    // It may be over before it could be stopped.
    let text = format!("{}{}", answer.stdout, answer.stderr);
    assert!(
        ["ended", "no process", "shutting its interpreter down"]
            .iter()
            .any(|end| text.contains(end)),
        "{text}"
    );
}

#[test]
fn the_dead_are_not_stepped() {
    let Some(python) = any_python() else { return };
    let mut command = python.command();
    command
        .arg("-c")
        .arg("print('ready', flush=True); import sys; sys.stdin.read()");
    let Some(core) = dump_core(&command, Signal::SIGABRT) else {
        return;
    };
    let path = core.path.display().to_string();
    let answer = pmdb_with_input(["open", &path], "interact\nx = 1\nnext\n");
    let dead = "is dead: nothing can be run or stepped in it, only looked at\n";
    assert_eq!(answer.stdout.matches(dead).count(), 3, "{}", answer.stdout);
}

#[test]
fn a_trace_function_that_was_there_is_put_back() {
    let program = "\
import select, sys
calls = 0
def watch(frame, event, argument):
    global calls
    calls += 1
    return watch
def work():
    x = 1
    return x + 1
def main():
    while True:
        work()
        if select.select([sys.stdin], [], [], 0)[0]:
            sys.stdin.readline()
            before = calls
            work()
            here = sys._getframe()
            print(sys.gettrace() is watch, calls - before, here.f_trace is watch, here.f_back.f_trace, flush=True)
sys.settrace(watch)
print('ready', flush=True)
main()
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        let before = state(&mut fixture);
        assert!(
            before.starts_with("True") && before.contains("True None"),
            "{before}"
        );
        for last in ["quit", "detach"] {
            let commands = [
                "stop",
                "tbreak work",
                "continue",
                "step",
                "next",
                "return",
                "next",
                last,
            ];
            let session = told(&fixture, &commands);
            assert!(session.contains("--Return--"), "{session}");
            assert_eq!(state(&mut fixture), before, "{last}");
        }
    });
}
