//! pmdb is killed at every moment at which it can have done something to a process: the process goes on as if nothing had been.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use crate::support::{
    Fate, Fixture, PATIENCE, Waiting, any_python, c_program, kill_at, on_each_python,
};
use nix::libc;
use pmdb::model::{Addr, Pid, Tid};
use pmdb::process::trace::{Call, Hold};

/// Threads of `busy.c` that are always there, without the one that makes others.
const LASTING: usize = 4;

/// This program again, to do one thing to a process and be killed for it.
fn accomplice(test: &str, target: &Fixture) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    command
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .env("PMDB_TEST_TARGET", target.pid().to_string())
        .env("PMDB_TEST_FUNCTION", target.ready());
    command
}

fn from_the_test(name: &str) -> u64 {
    let text = std::env::var(name).expect("the test that starts this one sets it");
    text.parse().expect("a number")
}

fn hold_the_target() -> Hold {
    let pid = u32::try_from(from_the_test("PMDB_TEST_TARGET")).expect("a pid");
    Hold::seize(Pid(pid)).expect("it lives")
}

// The two that are ignored are no tests by themselves: `kill_everywhere` starts this program again with one of them alone, in a process
// of its own, since what they are in the middle of is killed. They need the target that it names in the environment.
#[test]
#[ignore = "`kill_everywhere` starts it in a process of its own and kills that; alone it has no target"]
fn makes_system_calls() {
    let getpid = Call {
        number: libc::SYS_getpid,
        arguments: [0; 6],
    };
    let made = hold_the_target().system_calls(&[getpid, getpid]);
    assert_eq!(made.expect("they can be made").len(), 2);
}

#[test]
#[ignore = "`kill_everywhere` starts it in a process of its own and kills that; alone it has no target"]
fn calls_a_function() {
    let function = Addr(from_the_test("PMDB_TEST_FUNCTION"));
    let mut hold = hold_the_target();
    let threads: Vec<Tid> = hold.stopped().collect();
    // The first that waits, and the others that ended with the hold of them.
    let called = threads.iter().any(|&tid| {
        let called = hold.call_from_wait(tid, function, [1, 2, 3, 4]);
        called.expect("it can be called")
    });
    assert!(called);
}

/// What each of the threads blocks that are always there, without the one that makes others.
fn blocked_signals(fixture: &Fixture) -> BTreeMap<String, String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", fixture.pid())).expect("it lives");
    let blocked = tasks.flatten().filter_map(|task| {
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let field = |name| status.lines().find(|line| line.starts_with(name));
        let tid = task.file_name().to_str()?.to_owned();
        let is_lasting = !field("Name:")?.contains("brief");
        is_lasting.then_some((tid, field("SigBlk:")?.to_owned()))
    });
    blocked.collect()
}

/// Kills one who does something to threads that compute and wait, after each of its calls.
fn kill_everywhere(test: &str) {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    // Two of them wait: one in read(2) alone, and one for what it is asked.
    let waits = |tid: &String| {
        let tid = tid.parse().expect("a number");
        Waiting::of(fixture.pid(), tid).is_some_and(|call| call.number == libc::SYS_read)
    };
    let begin = Instant::now();
    while blocked_signals(&fixture)
        .keys()
        .filter(|tid| waits(tid))
        .count()
        < 2
    {
        assert!(begin.elapsed() < PATIENCE, "they do not wait");
    }
    let before = loop {
        let before = blocked_signals(&fixture);
        if before.len() == LASTING {
            break before;
        }
    };
    let mut points = 0;
    let mut fate = Fate::Killed;
    while fate == Fate::Killed {
        points += 1;
        fate = kill_at(accomplice(test, &fixture), points);
        fixture.write_line("tell");
        let state = fixture.read_line();
        let undisturbed = "signals 0 wrong 0 interrupted 0";
        assert_eq!(state, undisturbed, "{test}, after {points} calls");
        let begin = Instant::now();
        // It may still be on its way back.
        while blocked_signals(&fixture) != before {
            assert!(begin.elapsed() < PATIENCE, "{test}, after {points} calls");
        }
    }
    // Each thread is seized, asked to stop and let go; then there is what it does.
    assert!(points > 30, "{points}");
}

#[test]
fn system_calls_in_the_name_of_a_thread() {
    kill_everywhere("killed::makes_system_calls");
}

#[test]
fn a_function_called_by_a_thread() {
    kill_everywhere("killed::calls_a_function");
}

/// What the program says of itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Kills sessions with a process, one after so many calls as `first` and others after so many more (or `PMDB_TEST_STRIDE`). Each leaves nothing: the guardian takes away what
/// pmdb could not.
fn kill_sessions(fixture: &mut Fixture, commands: &[&str], first: usize, stride: usize) {
    let asked = std::env::var("PMDB_TEST_STRIDE").ok();
    let stride = asked.map_or(stride, |text| text.parse().expect("a number"));
    let mut nth = if stride == 1 { 1 } else { first };
    let before = state(fixture);
    loop {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
        command.args(["attach", &fixture.pid().to_string()]);
        command.args(commands.iter().flat_map(|command| ["-c", command]));
        if kill_at(command, nth) == Fate::Ended {
            break;
        }
        let begin = Instant::now();
        loop {
            let state = state(fixture);
            if state == before {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "after {nth} calls: {state}");
        }
        nth += stride;
    }
    assert!(nth > 60, "{nth}");
}

#[test]
fn sessions_with_python_that_computes() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let commands = ["stop", "break 12, x == 3", "continue", "detach"];
        let first = 1 + usize::from(python.minor) % 16;
        kill_sessions(&mut fixture, &commands, first, 29);
    });
}

#[test]
fn sessions_with_python_that_waits() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python(python, "waiting.py", &["lock"]);
    kill_sessions(&mut fixture, &["stop", "detach"], 2, 17);
    fixture.write_line("go");
    assert_eq!(fixture.read_line(), "result 2 None");
}
