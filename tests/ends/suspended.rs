//! A process that job control has stopped: pmdb says so instead of waiting in silence, and loses nothing.

use std::process::Command;

use crate::support::{Conversation, Fixture, Terminal, any_python, on_each_python};
use nix::sys::signal::Signal;

const SAID: &str = "is stopped by a signal of job control";

/// What the fixture says of itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Stops a process, all of it.
fn suspend(fixture: &Fixture) {
    fixture.signal(Signal::SIGSTOP);
    let tasks = format!("/proc/{}/task", fixture.pid());
    let is_stopped = |task: std::io::Result<std::fs::DirEntry>| {
        let status = task.map(|task| std::fs::read_to_string(task.path().join("status")));
        status.is_ok_and(|text| text.is_ok_and(|text| text.contains("State:\tT")))
    };
    while !std::fs::read_dir(&tasks).expect("it lives").all(is_stopped) {
        std::thread::yield_now();
    }
}

#[test]
fn before_pmdb_comes_and_at_its_prompt() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        suspend(&fixture);
        let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
        let where_it_is = prompt.ask("where").join("\n");
        assert!(where_it_is.contains("main()"), "{where_it_is}");
        let refused = prompt.ask("stop").join("\n");
        assert!(refused.contains(SAID), "{refused}");
        fixture.signal(Signal::SIGCONT);

        prompt.ask("tbreak 12, x == 5");
        assert!(prompt.ask("continue").join("\n").contains("double()"));
        suspend(&fixture);
        for command in ["p x", "!x = 77", "b 13"] {
            let refused = prompt.ask(command).join("\n");
            assert!(refused.contains(SAID), "{command}: {refused}");
        }
        fixture.signal(Signal::SIGCONT);
        // The statement was refused, not put off.
        assert_eq!(prompt.ask("p x"), ["5"]);
        prompt.ask("detach");
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn while_it_is_waited_for() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let mut terminal = Terminal::attach(&fixture);
        terminal.type_keys("tbreak 12, x == 5\rcontinue\r");
        terminal.wait_for("Deleted breakpoint 1");
        terminal.wait_for("(pmdb) ");
        suspend(&fixture);
        terminal.type_keys("continue\r");
        terminal.wait_for(SAID);
        // The prompt comes back, and the process goes on when it may.
        terminal.type_keys("\x03");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("continue\r");
        terminal.wait_for("until it goes on with");
        fixture.signal(Signal::SIGCONT);
        terminal.type_keys("stop\r");
        terminal.wait_for("\n-> ");
        terminal.wait_for("(pmdb) ");

        terminal.type_keys("b 12, x == -1\r");
        terminal.wait_for("Breakpoint 2");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("continue\r");
        // The echo; from here on it runs.
        terminal.wait_for("\n");
        suspend(&fixture);
        terminal.wait_for(SAID);
        fixture.signal(Signal::SIGCONT);
        terminal.type_keys("\x03");
        terminal.wait_for("\n-> ");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("quit\r");
        terminal.wait();
        assert_eq!(state(&mut fixture), before);
    });
}

/// What a shell does with them reaches a command and pmdb together.
#[test]
fn by_the_keyboard_while_a_command_runs_and_at_its_prompt() {
    const CTRL_Z: &str = "\x1a";
    let python = any_python().expect("there is a Python");
    let program = "\
import signal, sys, time
seen = []
signal.signal(signal.SIGCONT, lambda number, _: seen.append(number))
print('begun', flush=True)
while not seen:
    time.sleep(0.01)
print('continued', flush=True)
breakpoint()
sys.exit(3)
";
    let (pmdb, path) = (env!("CARGO_BIN_EXE_pmdb"), python.path.display());
    let script = format!(
        "set -m; {pmdb} run -- {path} -c \"$0\"; echo stopped $?; fg; echo once more $?; fg; echo ended with $?"
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script, program]);
    let mut terminal = Terminal::start(shell);
    terminal.wait_for("begun");
    terminal.type_keys(CTRL_Z);
    terminal.wait_for("stopped 148");
    terminal.wait_for("continued");
    terminal.wait_for("called breakpoint()");
    terminal.wait_for("(pmdb ");
    terminal.type_keys(CTRL_Z);
    terminal.wait_for("once more 148");
    terminal.press_until("p 6*7\r", "42");
    terminal.press_until("c\r", "ended with 3");
    assert!(terminal.wait().success());
}
