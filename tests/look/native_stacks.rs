//! Native stacks, live and from cores, against what gdb says and what the program was made to do.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    Fixture, any_python, c_program_with, dump_core_after, gdb, on_each_python, pmdb,
};

const OPTIMISED: [&str; 3] = ["-O2", "-fomit-frame-pointer", "-fno-optimize-sibling-calls"];

/// The threads of the only process of an answer, by tid.
fn threads(arguments: &[&str]) -> BTreeMap<u32, Value> {
    let answer = pmdb(arguments);
    let answer = answer.succeeded().json();
    let threads = answer["processes"][0]["threads"]
        .as_array()
        .expect("a list");
    let tid = |thread: &Value| thread["tid"].as_u64().expect("a tid") as u32;
    threads
        .iter()
        .map(|thread| (tid(thread), thread.clone()))
        .collect()
}

fn frames(thread: &Value) -> &[Value] {
    thread["frames"].as_array().expect("a list")
}

/// The pc of each frame that is not only an inlined function.
fn program_counters(thread: &Value) -> Vec<u64> {
    let machine = frames(thread)
        .iter()
        .filter(|frame| frame["inlined"] != true);
    machine
        .map(|frame| frame["pc"].as_u64().expect("a native frame"))
        .collect()
}

fn functions(thread: &Value) -> Vec<&str> {
    let frames = frames(thread).iter();
    frames
        .map(|frame| frame["function"].as_str().expect("a name"))
        .collect()
}

/// Waits until all threads sit in pause(2), where the fixture parks them.
fn wait_until_parked(pid: u32) {
    let is_parked = |task: &fs::DirEntry| {
        let call = fs::read_to_string(task.path().join("syscall"));
        call.is_ok_and(|call| call.starts_with("34 "))
    };
    let tasks = || fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    while !tasks().flatten().all(|task| is_parked(&task)) {
        std::thread::yield_now();
    }
}

fn assert_same_as_gdb(threads: &BTreeMap<u32, Value>, target: &[&str]) {
    let Some(expected) = gdb::program_counters(target) else {
        return;
    };
    for (tid, thread) in threads {
        let found = program_counters(thread);
        assert_eq!(hex(&found), hex(&expected[tid]), "{:?}", functions(thread));
    }
    assert_eq!(threads.len(), expected.len());
}

fn hex(addresses: &[u64]) -> Vec<String> {
    addresses
        .iter()
        .map(|address| format!("{address:x}"))
        .collect()
}

/// That each place of the fixture is on the stack of one thread, below what it calls.
fn assert_all_places(threads: &BTreeMap<u32, Value>) {
    let places: [&[&str]; 8] = [
        &["park", "recurse", "recurse", "in_recursion"],
        &["on_signal", "<signal handler called>", "in_handler"],
        &[
            "on_signal",
            "<signal handler called>",
            "0x0",
            "call",
            "at_null",
        ],
        &[
            "on_signal",
            "<signal handler called>",
            "0x123456789abc",
            "call",
            "in_garbage",
        ],
        &["compare", "in_library"],
        &["park", "never_returns", "at_end"],
        &["on_signal", "<signal handler called>", "on_other_stack"],
        &["park", "main", "_start"],
    ];
    for place in places {
        let is_there = |thread: &Value| {
            let mut functions = functions(thread).into_iter();
            place
                .iter()
                .all(|wanted| functions.any(|function| function == *wanted))
        };
        assert!(threads.values().any(is_there), "{place:?} in {threads:#?}");
    }
}

#[test]
fn threads_of_an_optimised_program_have_the_frames_that_gdb_finds() {
    let program = c_program_with("native_stacks", &OPTIMISED);
    let fixture = Fixture::start(Command::new(program));
    wait_until_parked(fixture.pid());
    let pid = fixture.pid().to_string();
    let threads = threads(&["stack", &pid, "--native", "--json"]);
    assert_all_places(&threads);
    assert_same_as_gdb(&threads, &["-p", &pid]);
}

#[test]
fn a_core_has_the_stacks_that_the_process_had() {
    let program = c_program_with("native_stacks", &OPTIMISED);
    let look = |pid: u32| {
        wait_until_parked(pid);
        threads(&["stack", &pid.to_string(), "--native", "--json"])
    };
    let Some((core, living)) = dump_core_after(&Command::new(&program), Signal::SIGABRT, look)
    else {
        return;
    };
    let path = core.path.to_str().expect("UTF-8");
    let dead = threads(&["stack", "--core", path, "--native", "--json"]);
    assert_eq!(
        living.keys().collect::<Vec<_>>(),
        dead.keys().collect::<Vec<_>>()
    );
    for (tid, thread) in &living {
        assert_eq!(
            program_counters(thread),
            program_counters(&dead[tid]),
            "{tid}"
        );
    }
    assert_same_as_gdb(&dead, &[program.to_str().expect("UTF-8"), path]);
}

/// The threads of the fixture that are in the lock at the end of all its calls, with the native frames.
fn mixed_threads(pid: &str) -> Vec<Value> {
    let threads = threads(&["stack", pid, "--native", "--json"]);
    let calls = |thread: &Value| functions(thread).contains(&"leaf");
    let threads: Vec<Value> = threads.into_values().filter(calls).collect();
    assert_eq!(threads.len(), 2);
    threads
}

fn is_native(frame: &Value) -> bool {
    frame["language"] == "native"
}

#[test]
fn python_frames_stand_where_the_interpreter_runs_them() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "mixed.py", &[]);
        let pid = fixture.pid().to_string();
        let python_alone = threads(&["stack", &pid, "--json"]);
        for thread in mixed_threads(&pid) {
            assert_eq!(thread["note"], Value::Null, "{thread:#?}");
            let (native, of_python): (Vec<Value>, Vec<Value>) =
                frames(&thread).iter().cloned().partition(is_native);
            let tid = thread["tid"].as_u64().expect("a tid") as u32;
            assert_eq!(of_python, frames(&python_alone[&tid]), "{python:?}");
            let is_loop = |frame: &Value| {
                frame["function"]
                    .as_str()
                    .is_some_and(|name| name.contains("_PyEval_EvalFrameDefault"))
            };
            assert!(!native.iter().any(is_loop), "{native:#?}");
            // Whatever the version, C stands between these callers and those that they call.
            let names = functions(&thread);
            let place = |name: &str| {
                names
                    .iter()
                    .position(|other| other.rsplit('.').next() == Some(name))
                    .expect("it is called")
            };
            for (callee, caller) in [("leaf", "key"), ("key", "sort"), ("reduce", "begin")] {
                let between = &frames(&thread)[place(callee)..place(caller)];
                assert!(
                    between.iter().any(is_native),
                    "{callee} {caller}: {names:?}"
                );
            }
            assert!(is_native(&frames(&thread)[0]), "it waits in the kernel");
        }
    });
}

#[test]
fn native_frames_of_a_mixed_stack_are_those_that_gdb_finds() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python(python, "mixed.py", &[]);
    let pid = fixture.pid().to_string();
    let mixed = mixed_threads(&pid);
    let Some(expected) = gdb::program_counters(&["-p", &pid]) else {
        return;
    };
    for thread in mixed {
        let tid = thread["tid"].as_u64().expect("a tid") as u32;
        let native = frames(&thread)
            .iter()
            .filter(|frame| is_native(frame) && frame["inlined"] != true);
        let found: Vec<u64> = native
            .map(|frame| frame["pc"].as_u64().expect("a pc"))
            .collect();
        // All but those of the interpreter's loop, in their order.
        let mut all = expected[&tid].iter();
        let are_there = found.iter().all(|pc| all.any(|other| other == pc));
        assert!(are_there, "{:?} {:?}", hex(&found), hex(&expected[&tid]));
        assert_eq!(
            (found.first(), found.last()),
            (expected[&tid].first(), expected[&tid].last())
        );
    }
}
