//! asyncio's tasks against what the target says of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::support::{Dumps, Fixture, Python, fixture_path, on_each_python, pmdb};
use serde_json::Value;

/// The tasks of the only event loop, by name.
fn tasks(answer: &Value) -> BTreeMap<String, Value> {
    let loops = answer["processes"][0]["event_loops"].as_array();
    let loops = loops.expect("event loops");
    assert_eq!(loops.len(), 1, "{loops:#?}");
    let tasks = loops[0]["tasks"].as_array().expect("tasks");
    assert_eq!(loops[0]["task_count"], tasks.len());
    tasks
        .iter()
        .map(|task| (task["name"].as_str().unwrap().to_string(), task.clone()))
        .collect()
}

/// Names and lines, the outermost first.
fn stack_of(task: &Value) -> Value {
    let frames = task["frames"].as_array().expect("frames");
    let places = frames.iter().rev();
    places
        .map(|frame| Value::from(vec![frame["function"].clone(), frame["line"].clone()]))
        .collect()
}

fn assert_read_as_said(answer: &Value, ready: &str) {
    let read = tasks(answer);
    let said: Vec<Value> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 30, "{}", said.len());
    assert_eq!(read.len(), said.len(), "{:?}", read.keys());
    for one in &said {
        let name = one["name"].as_str().unwrap();
        let task = read.get(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(task["coroutine"], one["coroutine"], "{name}");
        assert_eq!(task["state"], one["state"], "{name}");
        let cancelling = task["cancelling"] == Value::Bool(true);
        assert_eq!(cancelling, one["cancelling"], "{name}");
        if one["state"] == "running" {
            let outermost = task["frames"].as_array().unwrap().last().unwrap();
            assert_eq!(outermost["function"], one["coroutine"], "{name}");
            assert_eq!(task["awaits"], Value::Null, "{name}");
        } else {
            assert_eq!(stack_of(task), one["stack"], "{name}");
        }
        if let Some(kind) = one["kind"].as_str() {
            let awaits = &task["awaits"];
            assert_eq!(awaits["kind"], kind, "{name}: {awaits}");
            let words = one["words"].as_str().unwrap();
            let text = awaits["text"].as_str().unwrap();
            assert!(text.contains(words), "{name}: {text} for {words}");
        }
    }
    let address = |name: &str| read[name]["address"].clone();
    for (waiting, awaited) in [
        ("gathering", "gathered 1"),
        ("gathering", "gathered 2"),
        ("waiting", "waited 2"),
        ("shielding", "shielded"),
        ("awaiting", "awaited task"),
        ("deadlock_1", "deadlock 2"),
        ("deadlock 2", "deadlock_1"),
    ] {
        let by = read[awaited]["awaited_by"].as_array().expect(awaited);
        assert_eq!(by, &[address(waiting)], "{awaited}");
    }
    let circles = &answer["processes"][0]["event_loops"][0]["circles"];
    let circle = circles[0].as_array().expect("a circle");
    assert_eq!(circles.as_array().unwrap().len(), 1);
    assert!(circle.contains(&address("deadlock_1")) && circle.contains(&address("deadlock 2")));
    assert_eq!(circle.len(), 2);
}

fn live(python: &Python, arguments: &[&str]) -> (Fixture, Value) {
    let fixture = Fixture::python(python, "tasks.py", arguments);
    let answer = pmdb(["stack", &fixture.pid().to_string(), "--tasks", "--json"]);
    let answer = answer.succeeded().json();
    (fixture, answer)
}

#[test]
fn tasks_are_where_they_say_and_wait_for_what_they_say() {
    on_each_python(|python| {
        let (fixture, answer) = live(python, &[]);
        assert_read_as_said(&answer, fixture.ready());
        let event_loop = &answer["processes"][0]["event_loops"][0];
        assert_eq!(event_loop["tid"], fixture.pid());
    });
}

#[test]
fn tasks_written_in_python_are_read_like_those_in_c() {
    on_each_python(|python| {
        let (fixture, answer) = live(python, &["pure"]);
        assert_read_as_said(&answer, fixture.ready());
        let event_loop = &answer["processes"][0]["event_loops"][0];
        assert_eq!(event_loop["tid"], fixture.pid());
    });
}

#[test]
fn a_core_a_snapshot_and_a_bundle_have_the_same_tasks() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("tasks.py"));
        let Some(dumps) = Dumps::of(&command, python.is_oldest()) else {
            return;
        };
        for (path, _) in dumps.files() {
            let words = ["stack", "--tasks", "--json", "--core"].map(OsString::from);
            let answer = pmdb(words.into_iter().chain([path.into()]));
            assert_read_as_said(&answer.succeeded().json(), dumps.ready());
        }
    });
}
