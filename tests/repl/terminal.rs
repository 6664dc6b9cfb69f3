//! The prompt in a real terminal: prompting, completion, history, Ctrl-C, colours.

use crate::support::{Fixture, Terminal, any_python, pmdb_of_user};

const UP_ARROW: &str = "\x1b[A";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

fn waiting() -> Fixture {
    let python = any_python().expect("there is a Python");
    Fixture::python(python, "prompt.py", &["wait"])
}

#[test]
fn prompt_completes_and_remembers() {
    let fixture = waiting();
    let pid = fixture.pid().to_string();
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(pmdb_of_user(["attach", &pid], home.path()));
    let greeting = terminal.wait_for("(pmdb) ");
    assert!(greeting.contains(&format!("Process {pid}")), "{greeting:?}");
    assert!(greeting.contains("stop()\r\n-> halt()\r\n"), "{greeting:?}");
    // A command, and a name in an expression.
    terminal.type_keys("where\t 0\r");
    terminal.wait_for("stop()\r\n-> halt()\r\n");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("p numb\t\r");
    terminal.wait_for("number");
    terminal.wait_for("\n7\r\n");
    terminal.wait_for("(pmdb) ");
    // Several ways to go on are listed.
    terminal.type_keys("w\t\t");
    terminal.wait_for("whatis");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("--KeyboardInterrupt--");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys(UP_ARROW);
    terminal.wait_for("p number");
    terminal.type_keys("\r");
    terminal.wait_for("\n7\r\n");
    terminal.wait_for("(pmdb) ");
    // An empty line repeats.
    terminal.type_keys("\r");
    terminal.wait_for("\n7\r\n");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys(CTRL_D);
    assert_eq!(terminal.wait().code(), Some(0), "{:?}", terminal.seen);

    let mut terminal = Terminal::start(pmdb_of_user(["attach", &pid], home.path()));
    terminal.wait_for("(pmdb) ");
    terminal.type_keys(UP_ARROW);
    terminal.wait_for("p number");
    terminal.type_keys("\r");
    terminal.wait_for("\n7\r\n");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("q\r");
    assert_eq!(terminal.wait().code(), Some(0), "{:?}", terminal.seen);
    let history = home.path().join(".local/state/pmdb/history");
    let permissions = std::fs::metadata(history).unwrap().permissions();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(permissions.mode() & 0o077, 0);
}

#[test]
fn several_lines_that_are_pasted_are_run_one_by_one() {
    let fixture = waiting();
    let home = tempfile::tempdir().unwrap();
    let pid = fixture.pid().to_string();
    let mut terminal = Terminal::start(pmdb_of_user(["attach", &pid], home.path()));
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("\x1b[200~p job\np number\n\x1b[201~\r");
    terminal.wait_for("\n2\r\n7\r\n");
    terminal.wait_for("(pmdb) ");
}

#[test]
fn commands_of_options_come_before_the_prompt() {
    let fixture = waiting();
    let home = tempfile::tempdir().unwrap();
    let pid = fixture.pid().to_string();
    let mut terminal = Terminal::start(pmdb_of_user(
        ["attach", &pid, "-c", "p number"],
        home.path(),
    ));
    let before = terminal.wait_for("(pmdb) ");
    assert!(before.contains("\n7\r\n"), "{before:?}");
}

#[test]
fn prompt_names_the_process_among_several() {
    let (one, other) = (waiting(), waiting());
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (one.pid().to_string(), other.pid().to_string());
    let mut terminal = Terminal::start(pmdb_of_user(["attach", &first, &second], home.path()));
    terminal.wait_for(&format!("(pmdb {first}) "));
    terminal.type_keys(&format!("proc {second}\r"));
    terminal.wait_for(&format!("(pmdb {second}) "));
}

/// The list is so long that printing it takes long, and its end is never seen.
#[test]
fn interrupt_ends_the_command_and_not_the_prompt() {
    let python = any_python().expect("there is a Python");
    let program = "def f(big):\n    input('ready\\n')\nf(list(range(20_000_000)))\n";
    let fixture = Fixture::python_text(python, program, &[]);
    let home = tempfile::tempdir().unwrap();
    let pid = fixture.pid().to_string();
    let words = ["attach", &pid, "--limit", "1000000000"];
    let mut terminal = Terminal::start(pmdb_of_user(words, home.path()));
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("p big\r");
    let shown = terminal.press_until(CTRL_C, "--KeyboardInterrupt--");
    assert!(!shown.contains("[0, 1, 2"), "it ended before");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("where 0\r");
    terminal.wait_for("f()");
}

#[test]
fn colours_are_there_unless_they_are_refused() {
    let fixture = waiting();
    let home = tempfile::tempdir().unwrap();
    let pid = fixture.pid().to_string();
    let mut plain = Terminal::start(pmdb_of_user(["attach", &pid], home.path()));
    plain.wait_for("(pmdb) ");
    plain.type_keys("longlist\r");
    plain.wait_for("def stop(job, total):");
    let mut command = pmdb_of_user(["attach", &pid], home.path());
    command.env_remove("NO_COLOR");
    let mut coloured = Terminal::start(command);
    coloured.wait_for("(pmdb)");
    coloured.type_keys("longlist\r");
    coloured.wait_for("\x1b[1m\x1b[34mdef\x1b[0m");
    coloured.wait_for("\x1b[31m# A line of its own for what stops here.\x1b[0m");
}
