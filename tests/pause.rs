//! `stack --pause`: a picture of one moment, and a target that goes on as it was.

use std::time::Instant;

use crate::support::{Fixture, PATIENCE, any_python, on_each_python, pmdb};
use nix::sys::signal::Signal;
use pmdb::model::{Pid, ThreadState};
use pmdb::process::Process;
use pmdb::process::live::LiveProcess;
use pmdb::process::trace::Hold;
use serde_json::Value;

/// Two numbers that are never more than one apart, far from each other in memory, changed all the time.
const COUNTING: &str = "\
import sys, threading
class Step:
    pass
def count(first, between, last):
    number = 0
    print('ready', flush=True)
    while True:
        number += 1
        first.text = 'step %d' % number
        last.text = 'step %d' % number
first = Step()
first.text = 'step 0'
between = [bytearray(100) for _ in range(20000)]
last = Step()
last.text = 'step 0'
threading.Thread(target=lambda: sys.stdin.read(), daemon=True).start()
count(first, between, last)
";

fn states(fixture: &Fixture) -> Vec<ThreadState> {
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    let threads = process.threads().expect("it lives");
    threads.iter().map(|thread| thread.state).collect()
}

fn step(answer: &Value, name: &str) -> i64 {
    let threads = answer["processes"][0]["threads"]
        .as_array()
        .expect("threads");
    let frames = threads
        .iter()
        .flat_map(|thread| thread["frames"].as_array().expect("frames"));
    let locals = frames
        .filter(|frame| frame["function"] == "count")
        .flat_map(|frame| frame["locals"].as_array().expect("locals"));
    let value = locals
        .filter(|local| local["name"] == name)
        .map(|local| local["value"].as_str().expect("a text"))
        .next()
        .expect("an argument of count()");
    let (_, number) = value
        .split_once("'step ")
        .unwrap_or_else(|| panic!("{value}"));
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("digits")
}

#[test]
fn what_is_seen_is_of_one_moment() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, COUNTING, &[]);
        let pid = fixture.pid().to_string();
        let mut before = -1;
        for _ in 0..8 {
            let answer = pmdb(["stack", "--pause", "--locals", "--json", &pid]);
            let answer = answer.succeeded().json();
            let (first, last) = (step(&answer, "first"), step(&answer, "last"));
            assert!((0..=1).contains(&(first - last)), "{first} and {last}");
            assert!(first > before, "it does not go on");
            before = first;
            fixture.wait_until_it_has_computed(1);
            let threads = answer["processes"][0]["threads"].as_array().unwrap();
            assert_eq!(threads.len(), 2);
            assert!(threads.iter().all(|thread| thread["state"] != "traced"));
        }
        assert!(!states(&fixture).contains(&ThreadState::Traced));
    });
}

/// A thread that was let go is back in the stop of its process once it has had a processor.
fn wait_until_stopped(fixture: &Fixture) {
    let begin = Instant::now();
    while states(fixture) != [ThreadState::Stopped; 2] {
        assert!(begin.elapsed() < PATIENCE, "{:?}", states(fixture));
        std::thread::yield_now();
    }
}

#[test]
fn a_stopped_process_stays_stopped() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, COUNTING, &[]);
    let pid = fixture.pid().to_string();
    fixture.signal(Signal::SIGSTOP);
    wait_until_stopped(&fixture);
    let answer = pmdb(["stack", "--pause", "--locals", "--json", &pid]);
    let first = step(&answer.succeeded().json(), "first");
    wait_until_stopped(&fixture);
    let answer = pmdb(["stack", "--locals", "--json", &pid]);
    assert_eq!(step(&answer.succeeded().json(), "first"), first);
    fixture.signal(Signal::SIGCONT);
    while states(&fixture).contains(&ThreadState::Stopped) {
        std::thread::yield_now();
    }
}

#[test]
fn another_tracer_is_named() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, COUNTING, &[]);
    let pid = fixture.pid().to_string();
    let held = Hold::seize(Pid(fixture.pid())).expect("nobody else does");
    let tracer = format!("is traced by process {}", std::process::id());
    pmdb(["stack", "--pause", &pid]).failed_with(&tracer);
    // Looking disturbs nobody.
    pmdb(["stack", &pid]).succeeded();
    drop(held);
    pmdb(["stack", "--pause", &pid]).succeeded();
}
