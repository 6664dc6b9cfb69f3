//! Processes whose main thread waits in C code: a thread that is made for it speaks for it, and is gone afterwards.

use std::fs;
use std::time::Instant;

use crate::support::{Conversation, Fixture, Terminal, Waiting, any_python, on_each_python};
use nix::libc;
use nix::sys::signal::Signal;

/// A fixture whose main thread is in the call that it is to wait in.
fn waiting(python: &crate::support::Python, kind: &str) -> Fixture {
    let fixture = Fixture::python(python, "waiting.py", &[kind]);
    match kind {
        "lock" | "join" => fixture.wait_until_in(Waiting::is_for_a_lock),
        // It waits for the lock of the interpreter only on its way there.
        _ => fixture.wait_until_in(|call| call.number != libc::SYS_futex),
    }
    fixture
}

/// A fixture whose main thread computes in C code: `match` has the lock of the interpreter, `hash` has not.
fn computing(python: &crate::support::Python, kind: &str) -> Fixture {
    let fixture = Fixture::python(python, "waiting.py", &[kind]);
    // Coming to it takes a few thousandths of a second.
    fixture.wait_until_it_has_computed(10);
    fixture
}

fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Asks until the answer is as expected: a thread takes a moment to end after it has done its work.
fn becomes(fixture: &mut Fixture, expected: &str) {
    let begin = Instant::now();
    loop {
        let found = state(fixture);
        if found == expected {
            break;
        }
        assert!(
            begin.elapsed() < crate::support::PATIENCE,
            "{found}\n--- instead of\n{expected}"
        );
    }
    let maps = fs::read_to_string(format!("/proc/{}/maps", fixture.pid())).expect("it lives");
    let code = maps
        .lines()
        .find(|line| line.ends_with("r-xp 00000000 00:00 0 "));
    assert_eq!(code.map(str::trim), None);
}

fn attach(fixture: &Fixture) -> Conversation {
    let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
    let answer = prompt.ask("stop").join("\n");
    assert!(
        answer.contains("[the main thread is in C code: it stops when it is back]"),
        "{answer}"
    );
    prompt
}

/// What waits may be called by functions of the standard library.
fn go_up_to_wait_for_it(prompt: &mut Conversation) {
    for _ in 0..10 {
        if prompt.ask("p answer") == ["1"] {
            return;
        }
        prompt.ask("up");
    }
    panic!("no frame has it");
}

#[test]
fn statements_run_while_it_waits_and_it_stops_when_it_is_back() {
    on_each_python(|python| {
        for kind in ["lock", "poll", "join", "read", "select", "child"] {
            let mut undisturbed = waiting(python, kind);
            undisturbed.write_line("go");
            assert_eq!(undisturbed.read_line(), "result 2 None");
            let mut fixture = waiting(python, kind);
            let mut prompt = attach(&fixture);
            let frames = prompt.ask("where").join("\n");
            assert!(frames.contains("wait_for_it()\n-> how()"), "{frames}");
            go_up_to_wait_for_it(&mut prompt);
            assert_eq!(prompt.ask("p answer, how is WAITS[kind]"), ["(1, True)"]);
            prompt.ask("!answer = 40");
            fixture.write_line("go");
            // It waits for its turn, also when it is back.
            assert_eq!(prompt.ask("p answer"), ["40"], "{kind}");
            let stop = prompt.ask("next").join("\n");
            assert!(
                stop.ends_with("wait_for_it()\n-> answer += 1"),
                "{kind}: {stop}"
            );
            assert_eq!(prompt.ask("p answer"), ["40"]);
            assert_eq!(prompt.ask("detach")[0], "[the process goes on]");
            assert_eq!(fixture.read_line(), "result 41 None", "{kind}");
            becomes(&mut fixture, &state(&mut undisturbed));
        }
    });
}

#[test]
fn it_is_left_waiting_as_it_was() {
    on_each_python(|python| {
        for kind in ["sleep", "lock"] {
            let mut fixture = waiting(python, kind);
            let before = state(&mut fixture);
            for _ in 0..3 {
                let mut prompt = attach(&fixture);
                go_up_to_wait_for_it(&mut prompt);
                assert_eq!(prompt.ask("p answer"), ["1"]);
                assert_eq!(prompt.ask("detach")[0], "[the process goes on]");
                becomes(&mut fixture, &before);
            }
        }
    });
}

/// The thread that speaks for it is made by another thread, which waits.
#[test]
fn one_that_computes_without_the_lock_of_the_interpreter_is_spoken_for() {
    on_each_python(|python| {
        let mut fixture = computing(python, "hash");
        let before = state(&mut fixture);
        let mut prompt = attach(&fixture);
        go_up_to_wait_for_it(&mut prompt);
        assert_eq!(prompt.ask("p answer, kind"), ["(1, 'hash')"]);
        assert_eq!(prompt.ask("(lambda: answer).__qualname__"), ["'<lambda>'"]);
        let set = prompt.ask("break waiting.py:62").join("\n");
        assert!(set.starts_with("Breakpoint 1 at"), "{set}");
        assert_eq!(prompt.ask("detach")[0], "[the process goes on]");
        becomes(&mut fixture, &before);
    });
}

#[test]
fn breakpoints_can_be_set_while_it_waits() {
    on_each_python(|python| {
        let mut fixture = waiting(python, "read");
        let before = state(&mut fixture);
        let mut prompt = attach(&fixture);
        let set = prompt.ask("break waiting.py:62").join("\n");
        assert!(set.starts_with("Breakpoint 1 at"), "{set}");
        fixture.write_line("go");
        let stop = prompt.ask("continue").join("\n");
        assert!(stop.ends_with("wait_for_it()\n-> return answer"), "{stop}");
        assert_eq!(prompt.ask("p answer"), ["2"]);
        prompt.ask("detach");
        assert_eq!(fixture.read_line(), "result 2 None");
        becomes(&mut fixture, &before);
    });
}

#[test]
fn if_pmdb_is_killed_it_comes_back_undisturbed() {
    on_each_python(|python| {
        let mut undisturbed = waiting(python, "read");
        undisturbed.write_line("go");
        assert_eq!(undisturbed.read_line(), "result 2 None");
        let mut fixture = waiting(python, "read");
        // Dropping it kills pmdb.
        drop(attach(&fixture));
        fixture.write_line("go");
        assert_eq!(fixture.read_line(), "result 2 None");
        // What it was about to do in the main thread's name has no agent any more, and reads no file that is not its own.
        let expected = state(&mut undisturbed);
        let begin = Instant::now();
        while state(&mut fixture) != expected {
            assert!(
                begin.elapsed() < crate::support::PATIENCE,
                "{}",
                state(&mut fixture)
            );
        }
    });
}

#[test]
fn one_that_keeps_the_lock_of_the_interpreter_can_only_be_looked_at() {
    on_each_python(|python| {
        let (mut undisturbed, mut fixture) =
            (computing(python, "match"), computing(python, "match"));
        let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
        let answer = prompt.ask("stop").join("\n");
        // For how long depends on what else the machine does.
        let said = [
            "the main thread of process",
            "has been in C code for ",
            " s: read-only;",
        ];
        assert!(said.iter().all(|part| answer.contains(part)), "{answer}");
        let frames = prompt.ask("where").join("\n");
        assert!(frames.contains("wait_for_it()"), "{frames}");
        // What was asked of it is taken back: nothing happens when it comes back.
        for fixture in [&mut undisturbed, &mut fixture] {
            fixture.signal(Signal::SIGINT);
            assert_eq!(fixture.read_line(), "result 2 None");
        }
        becomes(&mut fixture, &state(&mut undisturbed));
        // Then it can be stopped.
        let answer = prompt.ask("stop").join("\n");
        assert!(!answer.contains("***"), "{answer}");
    });
}

#[test]
fn waiting_for_one_that_does_not_come_can_be_given_up() {
    let Some(python) = any_python() else { return };
    let fixture = computing(python, "match");
    let ends = || {
        let folder = format!("/proc/{}/fd", fixture.pid());
        std::fs::read_dir(folder).expect("it lives").count()
    };
    let before = ends();
    let mut terminal = Terminal::attach(&fixture);
    terminal.type_keys("stop\r");
    // It has been asked to stop when it has got the pipes.
    let begin = Instant::now();
    while ends() == before {
        assert!(
            begin.elapsed() < crate::support::PATIENCE,
            "it is not asked"
        );
        std::thread::yield_now();
    }
    terminal.press_until("\u{3}", "--KeyboardInterrupt--");
    assert_eq!(ends(), before);
}
