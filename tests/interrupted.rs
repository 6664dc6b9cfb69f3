//! Ctrl-C, `stop`, `detach` and `quit` that meet code which a hook of the agent runs: the condition of a breakpoint, the message of a log, a
//! watched expression, a `repr()`. What is asked for comes about, and the program lives on.

use crate::support::{Fixture, Python, Terminal, on_each_python};

/// A program that calls `work` without end.
fn start(python: &Python) -> Fixture {
    Fixture::python(python, "hostile.py", &["ctypes"])
}

/// A prompt in a terminal, with some commands typed.
fn attach(fixture: &Fixture, commands: &str) -> Terminal {
    let mut terminal = Terminal::attach(fixture);
    terminal.type_keys(commands);
    terminal
}

/// The fixture goes on, and of pmdb nothing is left in it.
#[track_caller]
fn lives(fixture: &mut Fixture) {
    fixture.write_line("tell");
    assert_eq!(fixture.read_line(), "clean", "{}", fixture.pid());
}

/// How often it is interrupted, each time at another moment.
const ROUNDS: u64 = 25;

#[test]
fn an_interrupt_meets_a_condition_that_is_always_being_evaluated() {
    on_each_python(|python| {
        let mut fixture = start(python);
        let mut terminal = attach(&fixture, "b work, sum(range(3000)) < 0\r");
        terminal.wait_for("Breakpoint 1 at");
        terminal.wait_for("(pmdb) ");
        for round in 0..ROUNDS {
            terminal.type_keys("continue\r");
            // The echo; from here on it runs.
            terminal.wait_for("continue");
            terminal.wait_for("\n");
            // Standing still takes no time, so it has gone on by then.
            fixture.wait_until_it_has_computed(2 + round % 5);
            terminal.type_keys("\x03");
            terminal.wait_for("\n-> ");
            terminal.wait_for("(pmdb) ");
        }
        assert!(!terminal.seen.contains("***"), "{}", terminal.seen);
        terminal.type_keys("detach\r");
        terminal.wait_for("[the process goes on]");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("quit\r");
        terminal.wait();
        lives(&mut fixture);
    });
}

#[test]
fn what_a_hook_runs_is_interrupted() {
    let given_up = "*** Error in condition of breakpoint 1: KeyboardInterrupt";
    on_each_python(|python| {
        for (command, said) in [
            ("b work, endless()", given_up),
            ("b work, until_it_is_interrupted()", ""),
            ("log work {endless()}", "*** KeyboardInterrupt"),
        ] {
            let mut fixture = start(python);
            let mut terminal = attach(&fixture, &format!("{command}\r"));
            terminal.wait_for("point 1");
            terminal.wait_for("(pmdb) ");
            terminal.type_keys("continue\r");
            assert_eq!(fixture.read_line(), "begun");
            terminal.type_keys("\x03");
            terminal.wait_for(said);
            terminal.wait_for("\n-> ");
            terminal.wait_for("(pmdb) ");
            let complaints = terminal.seen.matches("***").count();
            assert_eq!(
                complaints,
                usize::from(said.contains("***")),
                "{}",
                terminal.seen
            );
            terminal.type_keys("p 'all ' + 'well'\rquit\r");
            terminal.wait_for("'all well'");
            terminal.wait();
            fixture.write_line("tell");
            assert_eq!(fixture.read_line(), "clean", "{}", terminal.seen);
        }
    });
}
