//! What each command says once the process has ended: how it ended, and what is left; and that it never says that it runs.

use std::time::Instant;

use crate::support::{Conversation, Fixture, PATIENCE, any_python};
use nix::sys::signal::Signal;

/// Commands that need a process, in each of the ways in which they need it.
const COMMANDS: [&str; 37] = [
    "stop",
    "step",
    "next",
    "until",
    "until 30",
    "return",
    "continue",
    "retval",
    "jump 12",
    "break 12",
    "tbreak double",
    "log 12 x is {x}",
    "watch x",
    "clear 1",
    "disable 1",
    "enable 1",
    "ignore 1 2",
    "condition 1 x",
    "detach",
    "interact",
    "args",
    "p x",
    "pp x",
    "whatis x",
    "source double",
    "locals",
    "globals",
    "display x",
    "threads",
    "tasks",
    "thread 1",
    "exceptions",
    "exceptions 0",
    "x + 1",
    "!x = 3",
    "for i in range(3): pass",
    "await x",
];

#[track_caller]
fn says_how_it_ended(prompt: &mut Conversation, how: &str, rest: &str) {
    for command in COMMANDS {
        let said = prompt.ask(command);
        let said = said.last().map(String::as_str).unwrap_or_default();
        let is_it = said.starts_with("*** process ")
            && said.ends_with(&format!(" has ended with {how}; {rest}"));
        assert!(is_it, "{command}: {said}");
    }
}

#[track_caller]
fn shows_what_is_left(prompt: &mut Conversation) {
    // One that was not stopped may have been between two calls of its functions.
    let stack = prompt.ask("where").join("\n");
    assert!(stack.contains("(54)<module>()"), "{stack}");
    let listing = prompt.ask("list 9, 13").join("\n");
    assert!(listing.contains("y = x * 2"), "{listing}");
}

const LEFT: &str = "only its stack as last seen is left";

#[test]
fn each_command_says_how_a_process_has_ended() {
    let Some(python) = any_python() else { return };
    for (stands, is_collected) in [(true, true), (true, false), (false, false)] {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
        prompt.ask("where");
        if stands {
            prompt.ask("break 12, x == 5");
            prompt.ask("continue");
        }
        fixture.signal(Signal::SIGKILL);
        if is_collected {
            fixture.wait();
        }
        // Told once, and it may take a moment until it has.
        let news = "has ended with signal SIGKILL; its stack as last seen is left]";
        let deadline = Instant::now() + PATIENCE;
        while !prompt.ask("where").join("\n").contains(news) {
            assert!(Instant::now() < deadline, "it lives");
        }
        says_how_it_ended(&mut prompt, "signal SIGKILL", LEFT);
        shows_what_is_left(&mut prompt);
        let restart = prompt.ask("run").join("\n");
        assert!(restart.contains("this one it was attached to"), "{restart}");
    }
}

#[test]
fn the_exit_code_of_a_process_that_is_not_pmdbs_child() {
    let Some(python) = any_python() else { return };
    let program = "\
import sys
print('ready', flush=True)
sys.stdin.readline()
sys.exit(37)
";
    let mut fixture = Fixture::python_text(python, program, &[]);
    let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
    prompt.ask("where");
    fixture.write_line("go");
    fixture.wait();
    let said = prompt.ask("p 1").join("\n");
    assert!(
        said.contains("has ended with exit code 37; its stack as last seen is left]"),
        "{said}"
    );
}

#[test]
fn a_program_that_pmdb_has_started_can_be_started_again() {
    let Some(python) = any_python() else { return };
    let path = python.path.display().to_string();
    let mut prompt = Conversation::start(&[
        "run",
        "--stop-at-entry",
        "--",
        &path,
        "-c",
        "x = 1\nexit(3)",
    ]);
    prompt.ask("next");
    prompt.ask("continue");
    says_how_it_ended(
        &mut prompt,
        "exit code 3",
        "only its stack as last seen is left, and `run` starts it again",
    );
    let again = prompt.ask("run").join("\n");
    assert!(again.contains("Restarting "), "{again}");
    assert_eq!(prompt.ask("p 'here'"), ["'here'"]);
}
