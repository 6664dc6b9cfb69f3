//! Programs that do to a debugger what they can, and statements that do it to the program: each ends in a clear line and a living target.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{
    Conversation, Fixture, Python, Terminal, fixture_path, on_each_python, pmdb_with_input,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `fixtures/hostile.py`, which does the trick of that name to its interpreter before it is ready.
fn start(python: &Python, trick: &str) -> Fixture {
    Fixture::python(python, "hostile.py", &[trick])
}

/// What the prompt says to some commands, without the fixture's folder and without the first stop, which may be anywhere.
fn session(fixture: &Fixture, commands: &[&str]) -> String {
    let pid = fixture.pid().to_string();
    let answer = pmdb_with_input(["attach", &pid], &(commands.join("\n") + "\n"));
    assert_eq!(answer.stderr, "");
    let text = answer
        .stdout
        .replace(&fixture_path("").display().to_string(), "");
    text.replace(&pid, "PID")
}

/// The same from where `work` has been reached: the commands begin there.
fn session_in_work(fixture: &Fixture, commands: &[&str]) -> String {
    let text = session(fixture, &[&["tbreak work", "continue"], commands].concat());
    let stop = "Deleted breakpoint 1 at hostile.py:11\n> hostile.py(11)work()\n-> y = x + 1\n";
    let (_, rest) = text.split_once(stop).expect(&text);
    rest.to_string()
}

/// What the prompt says to each of some commands in `work`, and to `next` and `detach` after them.
fn answers(fixture: &Fixture, commands: &[&str]) -> Vec<String> {
    let marked = commands
        .iter()
        .flat_map(|command| [*command, "p 'the ' + 'mark'"]);
    let marked: Vec<&str> = marked.chain(["next", "detach"]).collect();
    let told = session_in_work(fixture, &marked);
    told.split("'the mark'\n").map(str::to_string).collect()
}

/// The fixture goes on, and of pmdb nothing is left in it.
#[track_caller]
fn lives(fixture: &mut Fixture) {
    fixture.write_line("tell");
    assert_eq!(fixture.read_line(), "clean", "{}", fixture.pid());
    fixture.write_line("tell");
    assert_eq!(fixture.read_line(), "clean");
}

#[test]
fn replaced_functions_of_the_interpreter_are_not_used() {
    on_each_python(|python| {
        for trick in [
            "settrace",
            "print",
            "open",
            "repr",
            "eval",
            "len",
            "isinstance",
            "getframe",
            "stdout_none",
            "stdout_closed",
            "stdout_raises",
            "hooks",
            "no_hooks",
            "getpid",
            "profile",
            "tools",
            "no_os",
            "no_posixpath",
        ] {
            let mut fixture = start(python, trick);
            let told = session_in_work(
                &fixture,
                &[
                    "p x + 0.5",
                    "!x = 70",
                    "next",
                    "p y",
                    "b 13, y % 2",
                    "continue",
                    "p y % 2",
                    "!(x, 'shown')[1]",
                    "detach",
                ],
            );
            let expected = "> hostile.py(12)work()\n-> z = y * 2\n71\nBreakpoint 2 at hostile.py:13\n> hostile.py(13)work()\n-> return z\n1\n'shown'\n[the process goes on]\n";
            let (value, rest) = told.split_once('\n').expect(&told);
            assert!(value.ends_with(".5"), "{trick}: {told}");
            assert_eq!(rest, expected, "{trick}");
            lives(&mut fixture);
        }
    });
}

#[test]
fn functions_that_are_replaced_while_it_is_held_are_not_used() {
    on_each_python(|python| {
        let all_at_once = [
            "settrace",
            "getframe",
            "monitoring",
            "len",
            "isinstance",
            "repr",
            "eval",
            "posix",
            "stdout_none",
            "no_posixpath",
        ];
        for tricks in [
            &all_at_once[..],
            &["print", "hooks", "stdout_raises", "no_os"],
        ] {
            // What a statement's function and an assignment need is loaded before.
            let mut fixture = start(python, "ctypes");
            let play = format!("!played = [TRICKS[trick]() for trick in {tricks:?}]");
            let told = session_in_work(
                &fixture,
                &[
                    "b 12, y % 2 == 5",
                    &play,
                    "p x - x",
                    "!x = 70",
                    "next",
                    "p y",
                    "clear 2",
                    "tbreak 13, y % 2",
                    "continue",
                    "p y % 2",
                    "detach",
                ],
            );
            let expected = "Breakpoint 2 at hostile.py:12\n0\n> hostile.py(12)work()\n-> z = y * 2\n71\nDeleted breakpoint 2 at hostile.py:12\nBreakpoint 3 at hostile.py:13\nDeleted breakpoint 3 at hostile.py:13\n> hostile.py(13)work()\n-> return z\n1\n[the process goes on]\n";
            assert_eq!(told, expected, "{tricks:?}");
            lives(&mut fixture);
        }
    });
}

#[test]
fn what_cannot_be_done_is_said_and_does_no_harm() {
    on_each_python(|python| {
        for (trick, why) in [
            (
                "exec",
                "the agent could not start in process PID: RuntimeError('replaced')",
            ),
            (
                "no_modules",
                "the agent could not start in process PID, which has taken away",
            ),
            (
                "no_files",
                "process PID cannot make two pipes for pmdb: Too many open files",
            ),
            ("no_memory", "process PID cannot map a page for pmdb: "),
        ] {
            let mut fixture = start(python, trick);
            let told = session(&fixture, &["stop"]);
            assert!(told.contains(why), "{trick}: {told}");
            lives(&mut fixture);
        }
    });
}

#[test]
fn values_that_misbehave() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let cases = [
            ("p Raises()", "*** ValueError: no\n"),
            ("Raises()", "*** ValueError: no\n"),
            (
                "p Recurses()",
                "*** RecursionError: maximum recursion depth exceeded",
            ),
            ("p Prints()", "from repr\nprints\n"),
            (
                "p Breaks()",
                "[breakpoint() is passed over: the process stands still]\nbreaks\n",
            ),
            ("p State(), State()", "(state 1, state 2)\n"),
            ("p Number()", "*** TypeError: "),
            ("p Liar('one\"two\\nthree')", "one\"two\nthree\n"),
            ("p NoName()", "<__main__.NoName object at 0x"),
            ("pp Raises()", "*** ValueError: no\n"),
            (
                "!print('first'); 1 / 0",
                "first\n*** ZeroDivisionError: division by zero\n",
            ),
            ("!sys.exit(3)", "*** SystemExit: 3\n"),
            ("!raise KeyboardInterrupt", "*** KeyboardInterrupt\n"),
            ("!threading.Thread(target=int).start()", ""),
        ];
        let told = answers(&fixture, &cases.map(|(command, _)| command));
        for ((command, expected), told) in cases.iter().zip(told) {
            assert!(told.starts_with(expected), "{command}: {told}");
        }
        lives(&mut fixture);
    });
}

#[test]
fn conditions_that_misbehave() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        for (condition, expected) in [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("sys.exit(3)", "SystemExit: 3"),
            ("Raises()", ""),
            ("missing", "NameError: name 'missing' is not defined"),
        ] {
            let told = session(
                &fixture,
                &[
                    &format!("b work, {condition}"),
                    "continue",
                    "clear 1",
                    "detach",
                ],
            );
            let complaint = format!(
                "*** Error in condition of breakpoint 1: {expected}\n> hostile.py(11)work()"
            );
            assert!(
                expected.is_empty() || told.contains(&complaint),
                "{condition}: {told}"
            );
            assert!(
                told.contains("-> y = x + 1\nDeleted breakpoint 1"),
                "{condition}: {told}"
            );
        }
        lives(&mut fixture);
    });
}

#[test]
fn huge_values_take_little() {
    on_each_python(|python| {
        // Each takes seconds to make them.
        if python.minor != 8 && python.minor != 12 {
            return;
        }
        let mut fixture = start(python, "nothing");
        let commands = [
            "!global text, numbers",
            "!text = 'x' * (1 << 30)",
            "!numbers = list(range(10_000_000))",
            "!before = peak()",
            "p text",
            "!text",
            "pp text",
            "p numbers",
            "!numbers",
            "pp numbers",
            "p [numbers, 1]",
            "whatis numbers",
            "p peak() - before < 30_000",
            "!for i in range(600_000): print('y')",
            "detach",
        ];
        let told = session_in_work(&fixture, &commands);
        assert!(told.contains("\nTrue\n"), "{:.3000}", told);
        // The limit of a value is 1,000 characters, that of what a statement prints a million.
        assert!(told.len() < 3 << 20, "{}", told.len());
        assert!(told.contains("[more than 1048576 characters: the rest is left out]"));
        assert!(
            told.contains("(str of 1,073,741,824 characters)") || told.contains("1,073,741,824"),
            "{:.3000}",
            told
        );
        lives(&mut fixture);
    });
}

#[test]
fn what_takes_without_end_is_given_up_by_an_interrupt() {
    on_each_python(|python| {
        let mut fixture = start(python, "ctypes");
        let mut terminal = Terminal::attach(&fixture);
        terminal.type_keys("tbreak work\rcontinue\r");
        terminal.wait_for("-> y = x + 1");
        for text in ["!while True: begun()", "p Endless()"] {
            terminal.wait_for("(pmdb) ");
            terminal.type_keys(&format!("{text}\r"));
            assert_eq!(fixture.read_line(), "begun");
            terminal.type_keys("\x03");
            terminal.wait_for("*** KeyboardInterrupt");
        }
        terminal.type_keys("b work, endless()\rcontinue\r");
        assert_eq!(fixture.read_line(), "begun");
        terminal.type_keys("\x03");
        terminal.wait_for("*** Error in condition of breakpoint 2: KeyboardInterrupt");
        terminal.wait_for("-> y = x + 1");
        terminal.type_keys("p 'all ' + 'well'\rquit\r");
        terminal.wait_for("'all well'");
        terminal.wait();
        lives(&mut fixture);
    });
}

#[test]
fn a_statement_that_forks_leaves_the_child_alone() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let told = session_in_work(
            &fixture,
            &[
                "!global child",
                "!child = os.fork()",
                "p child > 0",
                "next",
                "p os.waitpid(child, 0)[1]",
                "detach",
            ],
        );
        // The child goes on with the program, finds that it is one, and ends.
        let expected = "True\n> hostile.py(12)work()\n-> z = y * 2\n10752\n[the process goes on]\n";
        assert_eq!(told, expected);
        lives(&mut fixture);
    });
}

#[test]
fn a_statement_that_takes_the_agent_away() {
    on_each_python(|python| {
        let gone = "*** what pmdb had in process PID is gone";
        for (statement, expected) in [
            ("!os.execv('/bin/sleep', ['sleep', '100'])", gone),
            ("!os.kill(os.getpid(), 9)", "*** "),
            ("!os._exit(3)", "*** "),
        ] {
            let fixture = start(python, "nothing");
            let told = session_in_work(&fixture, &[statement, "p 1", "next"]);
            assert!(told.contains(expected), "{statement}: {told}");
        }
        let mut fixture = start(python, "nothing");
        let told = session_in_work(
            &fixture,
            &[
                "!os.closerange(3, 10_000)",
                "p 'again'",
                "stop",
                "p x - x",
                "detach",
            ],
        );
        assert!(
            told.contains(gone) && told.ends_with("\n0\n[the process goes on]\n"),
            "{told}"
        );
        lives(&mut fixture);
    });
}

#[test]
fn messages_that_the_agent_did_not_write() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let commands = [
            r"b'garbage \xff\xfe\n'",
            r"b'{}\n'",
            r#"b'{"id":99999999999999999999999,"text":5}\n'"#,
            r#"b'{"id":77,"text":"not asked for"}\n'"#,
            r#"b'{"event":"output","text":7}\n'"#,
            r"b'half a line'",
            r"b'\x00' * 3000 + b'\n'",
        ]
        .map(|bytes| format!("!os.write(own_agent().answers, {bytes}) and None"));
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let told = answers(&fixture, &commands);
        assert_eq!(told.len(), commands.len() + 1, "{told:?}");
        // The line that the last one spoilt is the only one that is lost.
        assert_eq!(
            told.last().map(String::as_str),
            Some("> hostile.py(12)work()\n-> z = y * 2\n[the process goes on]\n")
        );
        lives(&mut fixture);
    });
}

#[test]
fn what_a_signal_handler_raises_meanwhile_reaches_the_program() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let pid = fixture.pid().to_string();
        let mut prompt = Conversation::start(&["attach", &pid]);
        prompt.ask("tbreak work");
        prompt.ask("continue");
        kill(Pid::from_raw(fixture.pid().cast_signed()), Signal::SIGALRM).expect("it is our child");
        // The handler runs while the thread waits for commands, and raises.
        while prompt.ask("p alarms") != ["1"] {}
        assert_eq!(prompt.ask("p x - x"), ["0"]);
        prompt.ask("detach");
        // It ended the call of `work`, whose caller has caught it.
        fixture.write_line("caught");
        assert_eq!(fixture.read_line(), "1");
        lives(&mut fixture);
    });
}

#[test]
fn the_second_pmdb_is_told_of_the_first() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let pid = fixture.pid().to_string();
        let mut first = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(["attach", &pid])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut input = first.stdin.take().expect("piped");
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(first.stdout.take().expect("piped")));
        let mut wait_for = |text: &str| {
            while !lines
                .next()
                .expect("it comes to this")
                .expect("text")
                .contains(text)
            {}
        };
        input
            .write_all(b"tbreak work\ncontinue\np 'here'\n")
            .expect("it reads");
        wait_for("'here'");
        let taken = format!(
            "*** process PID is held by another pmdb (process {})",
            first.id()
        );
        // While a thread stands still, and while all of them run.
        assert!(session(&fixture, &["stop"]).starts_with(&taken));
        assert!(session(&fixture, &["where"]).contains("-> y = x + 1"));
        input
            .write_all(b"p 'still'\nb work, x < 0\ncontinue\n")
            .expect("it reads");
        wait_for("Breakpoint 2");
        assert!(session(&fixture, &["stop"]).starts_with(&taken));
        kill(Pid::from_raw(first.id().cast_signed()), Signal::SIGKILL).expect("it is our child");
        first.wait().expect("it is our child");
        // What it left, which nobody has noticed yet, gives way.
        let told = session_in_work(&fixture, &["p x - x", "detach"]);
        assert_eq!(told, "0\n[the process goes on]\n");
        lives(&mut fixture);
    });
}

#[test]
fn output_that_nobody_reads() {
    on_each_python(|python| {
        let mut fixture = start(python, "nothing");
        let pid = fixture.pid().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(["attach", &pid, "-c", "tbreak work", "-c", "continue"])
            .args(std::iter::repeat_n(["-c", "where"], 300).flatten())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it is our child");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("panicked"),
            "{output:?}"
        );
        lives(&mut fixture);
    });
}
