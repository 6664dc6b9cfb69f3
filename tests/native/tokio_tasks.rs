//! tokio's tasks, beside what a program says of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::native::rust_program;
use crate::support::{Fixture, fixture_path, gcore_of, pmdb, told};

/// Readings until the tasks that were started last have come to where they wait.
const MOST_READINGS: usize = 100;

/// The program, made with the tokio that cargo has built for this test: there may be older ones beside it.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.parent().expect("target/debug/deps");
    let files = std::fs::read_dir(folder).expect("it is there");
    let is_tokio = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libtokio-") && name.ends_with(".rlib")
    };
    let paths = files.map(|file| file.expect("it can be listed").path());
    let newest = paths
        .filter(is_tokio)
        .max_by_key(|path| path.metadata().and_then(|it| it.modified()).ok());
    let tokio = format!("tokio={}", newest.expect("cargo built tokio").display());
    let dependencies = format!("dependency={}", folder.display());
    let arguments: [&str; 5] = ["-g", "--extern", &tokio, "-L", &dependencies];
    rust_program("tokio_tasks", "tokio", &arguments)
}

/// What the program says of itself.
struct Said {
    fixture: Fixture,
    /// Their numbers.
    tasks: BTreeMap<String, u64>,
    alive: u64,
    thread: Option<u64>,
}

fn start(kind: &str) -> Said {
    let mut command = Command::new(program());
    command.arg(kind);
    let mut said = Said {
        fixture: Fixture::start_without_waiting(command),
        tasks: BTreeMap::new(),
        alive: 0,
        thread: None,
    };
    loop {
        let line = said.fixture.read_line();
        let number = || line.rsplit(' ').next()?.parse().ok();
        match line.split(' ').next() {
            Some("task") => {
                let name = line.strip_prefix("task ").expect("seen");
                let (name, _) = name.rsplit_once(' ').expect("a number");
                said.tasks
                    .insert(name.to_owned(), number().expect("a number"));
            }
            Some("alive") => said.alive = number().expect("a number"),
            Some("thread") => said.thread = number(),
            _ => return said,
        }
    }
}

/// The line of the fixture that has these words in its comment.
fn line(words: &str) -> usize {
    let source = std::fs::read_to_string(fixture_path("tokio_tasks.rs")).expect("it is there");
    let is_it = |line: &str| line.ends_with(&format!("// {words}"));
    source.lines().position(is_it).expect("a comment") + 1
}

/// What pmdb reads of it when all wait but the functions that do not end.
fn read(fixture: &Fixture, endless: &str) -> Value {
    let pid = fixture.pid().to_string();
    for _ in 0..MOST_READINGS {
        let answer = pmdb(["stack", &pid, "--tasks", "--json"]);
        let answer = answer.succeeded().json();
        let loops = answer["processes"][0]["event_loops"].as_array();
        let loops = loops.expect("loops").iter();
        let mut tasks = loops.flat_map(|it| it["tasks"].as_array().expect("tasks"));
        let moves = |task: &Value| {
            let is_endless = task["coroutine"] == format!("tokio_tasks::{endless}");
            task["state"] == "running" && !is_endless
        };
        if !tasks.any(moves) {
            return answer;
        }
    }
    panic!("its tasks do not come to where they wait");
}

/// By name.
fn tasks(runtime: &Value) -> BTreeMap<String, Value> {
    let tasks = runtime["tasks"].as_array().expect("tasks").iter();
    let name = |task: &Value| task["name"].as_str().expect("a name").to_owned();
    tasks.map(|task| (name(task), task.clone())).collect()
}

/// The functions of the program that await each other, the outermost first, with the lines where they do.
fn awaits(task: &Value) -> Vec<(String, u64)> {
    let frames = task["frames"].as_array().expect("frames").iter().rev();
    let own = frames.filter_map(|frame| {
        let function = frame["function"].as_str()?.strip_prefix("tokio_tasks::")?;
        Some((function.to_owned(), frame["line"].as_u64().unwrap_or(0)))
    });
    own.collect()
}

fn assert_awaits(task: &Value, expected: &[(&str, &str)]) {
    let expected: Vec<(String, u64)> = expected
        .iter()
        .map(|(function, words)| ((*function).to_owned(), line(words) as u64))
        .collect();
    assert_eq!(awaits(task), expected, "{task:#}");
}

const MIDDLE: [(&str, &str); 2] = [("middle", "middle waits"), ("inner", "inner waits")];

fn assert_as_said(answer: &Value, said: &Said) {
    let loops = answer["processes"][0]["event_loops"]
        .as_array()
        .expect("loops");
    let [runtime] = loops.as_slice() else {
        panic!("{loops:#?}");
    };
    let kind = "tokio::runtime::scheduler::multi_thread::handle::Handle";
    assert_eq!(runtime["type"], kind);
    let read = tasks(runtime);
    // The future of `block_on` is no task, and what a task polls side by side is in none of tokio's lists.
    assert_eq!(runtime["task_count"], said.alive + 1);
    let of = |name: &str| {
        let number = said.tasks.get(name).expect(name);
        let read = read.get(&format!("Task-{number}"));
        read.unwrap_or_else(|| panic!("{name}: {:?}", answer["processes"][0]))
    };
    for (name, coroutine, kind) in [
        ("middle", "middle", "sleep"),
        ("locking 1", "locking", "lock"),
        ("locking 2", "locking", "lock"),
        ("through_a_box", "through_a_box", "sleep"),
        ("receiving", "receiving", "queue"),
        ("joining", "joining", "task"),
        ("side_by_side", "side_by_side", "gather"),
    ] {
        let task = of(name);
        assert_eq!(task["coroutine"], format!("tokio_tasks::{coroutine}"));
        assert_eq!(task["state"], "pending", "{task:#}");
        assert_eq!(task["awaits"]["kind"], kind, "{task:#}");
    }
    assert_awaits(of("middle"), &MIDDLE);
    assert_awaits(of("locking 1"), &[("locking", "locking waits")]);
    assert_awaits(of("receiving"), &[("receiving", "receiving waits")]);
    assert_awaits(of("joining"), &[("joining", "joining waits")]);
    let mut through = vec![
        ("through_a_box", "through_a_box waits"),
        ("boxed::{async_block#0}", "the block in boxed waits"),
    ];
    through.extend(MIDDLE);
    assert_awaits(of("through_a_box"), &through);
    // Who waits for the same lock waits for the same address.
    let text = |name: &str| {
        of(name)["awaits"]["text"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(text("locking 1"), text("locking 2"));
    assert!(
        text("locking 1").contains("semaphore at 0x"),
        "{}",
        text("locking 1")
    );
    let awaited = &of("joining")["awaits"];
    assert_eq!(
        awaited["tasks"],
        Value::from(vec![of("middle")["address"].clone()])
    );
    let waits = Value::from(vec![of("joining")["address"].clone()]);
    assert_eq!(of("middle")["awaited_by"], waits);
    let number = said.tasks["side_by_side"];
    let part = |index: u32| &read[&format!("Task-{number}/{index}")];
    assert_awaits(part(1), &[("inner", "inner waits")]);
    assert_awaits(part(2), &through[1..]);
    let busy = of("busy");
    assert_eq!(busy["state"], "running");
    assert_eq!(busy["tid"], Value::from(said.thread));
    let root = &read["block_on"];
    let mut scene = vec![("scene", "the scene waits")];
    scene.extend(MIDDLE);
    assert_awaits(root, &scene);
    assert_eq!(root["tid"], said.fixture.pid());
}

#[test]
fn tasks_of_several_threads_wait_where_they_say_live_and_in_a_core() {
    let said = start("multi");
    assert_as_said(&read(&said.fixture, "busy"), &said);
    let middle = said.tasks["middle"];
    let shown = told(&said.fixture, &["tasks"]);
    assert!(
        shown.contains(&format!(
            "Task-{middle}, awaiting tokio::time::sleep::Sleep"
        )),
        "{shown}"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    if let Some(core) = gcore_of(said.fixture.pid(), folder.path()) {
        let words = ["stack", "--tasks", "--json", "--locals", "--core"].map(OsString::from);
        let answer = pmdb(words.into_iter().chain([core.into()]));
        let answer = answer.succeeded().json();
        assert_as_said(&answer, &said);
        let read = tasks(&answer["processes"][0]["event_loops"][0]);
        let frames = &read[&format!("Task-{middle}")]["frames"];
        let doubled = frames[1]["locals"].as_array().expect("variables").iter();
        let doubled = doubled.clone().find(|it| it["name"] == "doubled");
        assert_eq!(doubled.expect("it is kept")["value"], "2");
    }
}

#[test]
fn tasks_of_one_thread_and_its_local_ones_wait_where_they_say() {
    let said = start("current");
    let answer = read(&said.fixture, "scene");
    let loops = answer["processes"][0]["event_loops"]
        .as_array()
        .expect("loops");
    let [runtime, set] = loops.as_slice() else {
        panic!("{loops:#?}");
    };
    assert_eq!(runtime["task_count"], said.alive + 1);
    assert_eq!(set["type"], "tokio::task::local::Shared");
    for one in [runtime, set] {
        assert_eq!(one["tid"], said.fixture.pid());
    }
    let of = |runtime: &Value, name: &str| {
        let number = said.tasks.get(name).expect(name);
        tasks(runtime)[&format!("Task-{number}")].clone()
    };
    assert_awaits(&of(runtime, "middle"), &MIDDLE);
    assert_awaits(&of(set, "local"), &MIDDLE);
    let late = of(runtime, "not begun");
    assert_eq!(late["awaits"]["kind"], "turn");
    assert_eq!(late["coroutine"], "tokio_tasks::inner");
    let root = &tasks(runtime)["block_on"];
    assert_eq!(root["state"], "running");
}
