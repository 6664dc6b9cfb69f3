//! Interpreters, the GIL and the garbage collector, against what the inferior was made to do.

use crate::support::{Fixture, Python, on_each_python, on_pythons_from, pmdb};
use serde_json::Value;

fn threads_of(fixture: &Fixture) -> Vec<Value> {
    let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
    let answer = answer.succeeded().json();
    answer["processes"][0]["threads"]
        .as_array()
        .expect("a list")
        .clone()
}

fn newest_function(thread: &Value) -> &str {
    thread["frames"][0]["function"].as_str().unwrap_or_default()
}

/// Looks until an answer is as wanted. What a running program shows differs from look to look.
fn eventually(fixture: &Fixture, wanted: impl Fn(&[Value]) -> bool) {
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let threads = threads_of(fixture);
        if wanted(&threads) {
            return;
        }
        assert!(std::time::Instant::now() < end, "never: {threads:#?}");
    }
}

#[test]
fn subinterpreters_are_shown_with_their_ids() {
    on_each_python(|python: &Python| {
        let fixture = Fixture::python(python, "subinterpreters.py", &[]);
        let inner: i64 = fixture.ready().parse().expect("an id");
        assert!(inner > 0);
        let threads = threads_of(&fixture);
        let ids: Vec<(i64, &str)> = threads
            .iter()
            .map(|thread| {
                (
                    thread["interpreter"].as_i64().unwrap(),
                    newest_function(thread),
                )
            })
            .collect();
        assert!(ids.contains(&(inner, "wait_inside")), "{threads:#?}");
        assert!(ids.contains(&(0, "run_inner")), "{threads:#?}");
        let text = pmdb(["stack", &fixture.pid().to_string()]);
        let said = format!("in interpreter {inner}");
        assert!(text.succeeded().stdout.contains(&said), "{}", text.stdout);
    });
}

#[test]
fn interpreters_with_locks_of_their_own_hold_them_at_the_same_time() {
    on_pythons_from(12, |python| {
        let fixture = Fixture::python(python, "subinterpreters.py", &["busy"]);
        eventually(&fixture, |threads| {
            let holders = threads.iter().filter(|thread| thread["holds_gil"] == true);
            let holding: Vec<&str> = holders.map(newest_function).collect();
            holding.contains(&"spin") && holding.contains(&"compute")
        });
    });
}

#[test]
fn one_thread_holds_the_gil_and_others_wait() {
    let program = "\
import sys, threading
up = threading.Barrier(4)
def compute():
    up.wait()
    while True: pass
for _ in range(3):
    threading.Thread(target=compute, daemon=True).start()
up.wait()
print('ready', flush=True)
sys.stdin.read()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        // On its way there it has the lock once more.
        fixture.wait_until_it_reads();
        eventually(&fixture, |threads| {
            let with = |state: &str| {
                let found = threads.iter().filter(|thread| thread["gil"] == state);
                found.map(newest_function).collect::<Vec<_>>()
            };
            // The lock goes from hand to hand: never two at once, and never the one that waits for input.
            let holding = with("holds");
            assert!(holding.len() <= 1, "{threads:#?}");
            assert!(!with("waits").contains(&"read"), "{threads:#?}");
            assert!(!holding.contains(&"<module>"), "{threads:#?}");
            holding == ["compute"] && with("waits") == ["compute", "compute"]
        });
    });
}

#[test]
fn collecting_garbage_is_said_of_the_thread_that_does() {
    let program = "\
import gc, os, sys, threading
def on_collection(phase, info):
    os.write(1, b'ready\\n')
    if sys.argv[1:] == ['busy']:
        while True: pass
    os.read(0, 1)
if sys.argv[1:] == ['busy']:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
gc.callbacks.append(on_collection)
gc.collect()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &["busy"]);
        eventually(&fixture, |threads| {
            let collectors = threads
                .iter()
                .filter(|thread| thread["collecting_garbage"] == true);
            let collectors: Vec<&str> = collectors.map(newest_function).collect();
            assert!(collectors.len() <= 1);
            collectors == ["on_collection"]
        });
        // A finalizer or callback may let go of the lock.
        let fixture = Fixture::python_text(python, program, &[]);
        assert_eq!(threads_of(&fixture)[0]["collecting_garbage"], true);
        let idle = Fixture::python_text(
            python,
            "import os; print('ready', flush=True); os.read(0, 1)",
            &[],
        );
        assert_eq!(threads_of(&idle)[0]["collecting_garbage"], Value::Null);
    });
}
