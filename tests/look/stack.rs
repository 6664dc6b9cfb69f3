//! `pmdb stack` against what the target says of itself: every value's text against `repr()` in the target.

use std::ffi::OsString;

use crate::support::{Dumps, Fixture, fixture_path, on_each_python, pmdb};
use serde_json::Value;

/// The frame that holds the values. Where `sys.stdin.read()` is itself Python code (`codecs`) it is not the newest.
fn frame_of_show(answer: &Value) -> &Value {
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let frame = frames.find(|frame| frame["function"] == "show");
    frame.expect("the frame of show()")
}

/// Every local that the target printed a text for is there, and has that text.
fn assert_same_texts(ready: &str, frame: &Value) {
    let said: serde_json::Map<String, Value> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 40, "{} values", said.len());
    let locals = frame["locals"].as_array().expect("locals");
    for (name, text) in &said {
        let local = locals.iter().find(|local| local["name"] == *name);
        let value = local.map(|local| &local["value"]);
        assert_eq!(value, Some(text), "{name}");
    }
}

#[test]
fn values_are_what_repr_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "values.py", &[]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals", "--json"]);
        let answer = answer.succeeded().json();
        assert_same_texts(fixture.ready(), frame_of_show(&answer));
    });
}

#[test]
fn frames_name_function_file_and_line() {
    let program = "\
import sys
class Worker:
    def run(self, depth):
        if depth:
            return self.run(
                depth - 1)
        [print('ready', flush=True) or sys.stdin.read() for _ in range(1)]
Worker().run(2)
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
        let answer = answer.succeeded().json();
        let frames = answer["processes"][0]["threads"][0]["frames"]
            .as_array()
            .unwrap();
        let lines: Vec<(bool, u64)> = frames
            .iter()
            .filter(|frame| !frame["file"].as_str().unwrap().contains("codecs"))
            .filter(|frame| !frame["function"].as_str().unwrap().contains("listcomp"))
            .map(|frame| {
                let run = frame["function"].as_str().unwrap().ends_with("run");
                (run, frame["line"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(lines, [(true, 7), (true, 5), (true, 5), (false, 8)]);
    });
}

#[test]
fn threads_are_all_there_by_their_tids() {
    let program = "\
import os, sys, threading
up = threading.Barrier(4)
def wait():
    up.wait()
    threading.Event().wait()
for _ in range(3):
    threading.Thread(target=wait, daemon=True).start()
up.wait()
print('ready', flush=True)
sys.stdin.read()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
        let answer = answer.succeeded().json();
        let threads = answer["processes"][0]["threads"].as_array().unwrap();
        let mut read: Vec<u64> = threads
            .iter()
            .map(|thread| thread["tid"].as_u64().unwrap())
            .collect();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", fixture.pid())).unwrap();
        let mut there: Vec<u64> = tasks
            .map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        read.sort_unstable();
        there.sort_unstable();
        assert_eq!(read, there);
    });
}

#[test]
fn exceptions_have_their_chain_and_frames() {
    let program = "\
import sys
def read(table, key):
    wanted = key
    return table[wanted]
def load(name):
    try:
        return read({}, name)
    except KeyError as error:
        raise ValueError('no such thing', 7) from error
try:
    load('lamp')
except ValueError:
    try:
        open('/does/not/exist')
    except OSError as error:
        print('ready', flush=True)
        sys.stdin.read()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json", "--locals"]);
        let answer = answer.succeeded().json();
        let exceptions = &answer["processes"][0]["threads"][0]["exceptions"];
        let handled = &exceptions[0];
        assert_eq!(handled["type"], "FileNotFoundError");
        assert_eq!(handled["state"], "handled");
        let message = "[Errno 2] No such file or directory: '/does/not/exist'";
        assert_eq!(handled["message"], message);
        let context = &handled["context"];
        assert_eq!(context["type"], "ValueError");
        assert_eq!(context["message"], "('no such thing', 7)");
        assert_eq!(context["frames"][0]["function"], "load");
        let cause = &context["cause"];
        assert_eq!(cause["message"], "'lamp'");
        let newest = &cause["frames"][0];
        assert_eq!(
            (&newest["function"], &newest["line"]),
            (&"read".into(), &4.into())
        );
        let locals = newest["locals"].as_array().unwrap();
        let wanted = locals.iter().find(|local| local["name"] == "wanted");
        assert_eq!(wanted.unwrap()["value"], "'lamp'");
    });
}

#[test]
fn a_core_a_snapshot_and_a_bundle_have_the_same_values() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("values.py"));
        let Some(dumps) = Dumps::of(&command, python.is_oldest()) else {
            return;
        };
        for (path, _) in dumps.files() {
            let words = ["stack", "--locals", "--json", "--core"].map(OsString::from);
            let answer = pmdb(words.into_iter().chain([path.into()]));
            let answer = answer.succeeded().json();
            assert_same_texts(dumps.ready(), frame_of_show(&answer));
        }
    });
}

#[test]
fn what_cannot_be_read_is_a_sentence() {
    let nobody = i32::MAX.to_string();
    pmdb(["stack", &nobody]).failed_with("no process");
    pmdb(["stack", "--core", "/dev/null"]).failed_with("/dev/null");
    let own = std::process::id().to_string();
    let answer = pmdb(["stack", &own]);
    answer.failed_with("not a Python process");
    answer.failed_with("`--native` shows its native frames");
}
