//! Processes that do not stand still: pmdb ends, answers about the one that it was asked for, and does not mix moments.

use crate::support::{Answer, Fixture, on_each_python, pmdb};
use serde_json::Value;

/// How often each process is looked at.
const LOOKS: usize = 40;

/// It answered or refused, in words.
#[track_caller]
fn assert_sound(answer: &Answer) {
    let refused = answer.code == Some(1) && answer.stderr.starts_with("pmdb: ");
    let sound = answer.code == Some(0) || refused;
    assert!(sound && !answer.stderr.contains("panicked"), "{answer:#?}");
}

#[test]
fn threads_and_processes_that_come_and_go_are_no_hang_and_no_panic() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "restless.py", &[]);
        let pid = fixture.pid().to_string();
        let mut seen = 0;
        for look in 0..LOOKS {
            let way: &[&str] = if look % 2 == 0 {
                &["--tree"]
            } else {
                &["--locals"]
            };
            let answer = pmdb(["stack", &pid, "--json"].iter().chain(way));
            assert_sound(&answer);
            let report = answer.json();
            let first = &report["processes"][0];
            assert_eq!(first["pid"], fixture.pid());
            // A child has the stack of its parent until it executes something else.
            for process in report["processes"].as_array().expect("processes") {
                assert!(process["threads"].is_array(), "{process}");
            }
            let text = first["threads"].to_string();
            seen += usize::from(text.contains("start_processes"));
        }
        assert!(seen > LOOKS / 2, "the main thread was seen {seen} times");
    });
}

/// What is wrong with a stack of `tower.py`, from its oldest frame on.
fn contradiction(frames: &[Value]) -> Option<String> {
    let mut called: Option<&str> = None;
    for (depth, frame) in (0..).zip(frames.iter().rev()) {
        let name = frame["function"].as_str()?;
        let wrong = match depth {
            0 => name != "<module>",
            1 => name != "run",
            _ => {
                let is_deep = name.get(1..) == Some((depth - 2).to_string().as_str());
                !is_deep || called.is_some_and(|letter| !name.starts_with(letter))
            }
        };
        if wrong {
            return Some(format!(
                "{name} at depth {depth}, below a call of {called:?}"
            ));
        }
        // In a function: the line of the test, of one of the calls, or of the return. A caller is at a call.
        called = match (depth, frame["line"].as_u64()) {
            (1, _) => Some("a"),
            (2.., Some(4)) => Some("a"),
            (2.., Some(6)) => Some("b"),
            (2.., _) => Some("nothing"),
            _ => None,
        };
    }
    (frames.len() < 2).then(|| format!("{} frames", frames.len()))
}

#[test]
fn stacks_that_change_all_the_time_are_of_one_moment_or_said_not_to_be() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "tower.py", &[]);
        let pid = fixture.pid().to_string();
        let mut wrong = Vec::new();
        for _ in 0..LOOKS {
            let answer = pmdb(["stack", &pid, "--json"]);
            let report = answer.succeeded().json();
            let thread = &report["processes"][0]["threads"][0];
            let frames = thread["frames"].as_array().expect("frames");
            if thread["note"].is_null() {
                wrong.extend(contradiction(frames));
            }
        }
        // None of some thousand is wrong. Read word by word, it is one in four.
        assert!(wrong.len() <= 2, "{} of {LOOKS}: {wrong:#?}", wrong.len());
    });
}
