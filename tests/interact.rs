//! `interact`: an interpreter in the process that stands still.

use crate::support::{Fixture, Terminal, on_each_python, pmdb, pmdb_with_input, told};

const STOP: [&str; 2] = ["tbreak working.py:12, x == 7", "continue"];

#[test]
fn statements_have_a_namespace_of_their_own() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "working.py", &[]);
        let commands = [
            "x",
            "x = 100",
            "def scaled(factor):",
            "    return x * factor",
            "",
            "scaled(2)",
            "_ + 1",
            "for _ in range(2):",
            "    _",
            "    print('at', _)",
            "",
            "scaled('no number', 2)",
            "exit",
            "exit()",
            "p x, 'scaled' in globals(), '_' in globals()",
            "!import builtins",
            "p hasattr(builtins, '_')",
            "next",
            "p z",
        ];
        let session = told(&fixture, &[&STOP[..], &["interact"], &commands].concat());
        let (_, answers) = session.split_once("*pdb interact start*\n").expect("begun");
        let (before, behind) = answers
            .split_once("Traceback (most recent call last):\n")
            .unwrap_or_else(|| panic!("{answers}"));
        assert_eq!(before, "7\n200\n201\n0\nat 0\n1\nat 1\n");
        assert!(
            behind.starts_with("  File \"<console>\", line 1, in <module>\nTypeError: "),
            "{behind}"
        );
        let (_, rest) = behind.split_once("\nUse exit ").expect("a hint");
        assert_eq!(
            rest,
            "or Ctrl-D (i.e. EOF) to exit\n\n*exit from pdb interact command*\n(7, False, False)\nFalse\n\
             > working.py(13)double()\n-> return z\n15\n"
        );
    });
}

#[test]
fn it_ends_with_its_input_or_with_the_process() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "working.py", &[]);
        let session = told(&fixture, &["stop", "interact", "if True:", "    1"]);
        assert!(
            session.ends_with("*pdb interact start*\n\n*exit from pdb interact command*\n"),
            "{session}"
        );
        let pid = fixture.pid().to_string();
        let lines = ["stop", "interact", "2 ** 10", "quit()", "whatis 1"];
        let words = lines.iter().flat_map(|line| ["-c", line]);
        let answer = pmdb(["attach", &pid].into_iter().chain(words));
        answer.succeeded();
        assert!(
            answer
                .stdout
                .ends_with("1024\n\n*exit from pdb interact command*\n<class 'int'>\n"),
            "{}",
            answer.stdout
        );
        let lines = "stop\ninteract\nimport os\nos._exit(3)\nalias over p 1\nalias over\n";
        let answer = pmdb_with_input(["attach", &pid], lines);
        // The last lines are commands again.
        assert!(
            answer.stdout.contains("\nover = p 1\n"),
            "{}",
            answer.stdout
        );
    });
}

#[test]
fn it_is_refused_where_nothing_can_run() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "working.py", &[]);
        let session = told(&fixture, &["interact", "whatis 1"]);
        let refused = "*** interact runs code in the process, which is running: `stop` it first\n";
        assert!(session.starts_with(refused), "{session}");
        // The process runs: it may be said that the frame has returned meanwhile.
        assert!(session.contains("\n<class 'int'>\n"), "{session}");
        let pid = fixture.pid().to_string();
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
        let mut threads = threads.map(|one| one.expect("it is").file_name().into_string());
        let other = threads.find_map(|tid| tid.ok().filter(|tid| *tid != pid));
        let other = format!("thread {}", other.expect("the one that reads"));
        let threads = told(&fixture, &["stop", &other, "interact", "x = 1"]);
        let elsewhere = format!(
            "*** code runs in the thread that stands still, and something else is looked at: `thread {}` leads back to it\n",
            fixture.pid()
        );
        assert!(threads.ends_with(&elsewhere.repeat(2)), "{threads}");
    });
}

#[test]
fn in_a_terminal_it_completes_and_stays_at_ctrl_c() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let mut terminal = Terminal::attach(&fixture);
        for line in [STOP[0], STOP[1], "interact"] {
            terminal.type_keys(&format!("{line}\r"));
        }
        terminal.wait_for("*pdb interact start*");
        terminal.wait_for(">>> ");
        terminal.type_keys("remarkable = 'abc'\r");
        terminal.wait_for(">>> ");
        terminal.type_keys("remark\t.upp\t() + 'D'\r");
        terminal.wait_for("\n'ABCD'");
        terminal.wait_for(">>> ");
        terminal.type_keys("if x:\r");
        terminal.wait_for("... ");
        terminal.type_keys("\x03");
        terminal.wait_for("KeyboardInterrupt");
        terminal.wait_for(">>> ");
        terminal.type_keys("import os\r");
        terminal.wait_for(">>> ");
        terminal.type_keys("while True: written = os.write(1, b'running\\n')\r");
        terminal.wait_for("... ");
        terminal.type_keys("\r");
        assert_eq!(fixture.read_line(), "running");
        terminal.type_keys("\x03");
        // With a traceback, unless it was given up between two lines.
        terminal.wait_for("KeyboardInterrupt");
        terminal.type_keys("remarkable\r");
        terminal.wait_for("\n'abc'");
        // Outside of the prompt Ctrl-D would be an end of input for the terminal itself.
        terminal.wait_for(">>> ");
        terminal.type_keys("\x04");
        terminal.wait_for("*exit from pdb interact command*");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p 'x' + 'y'\rquit\r");
        terminal.wait_for("\n'xy'");
        terminal.wait();
    });
}
