//! `debug`: what becomes of its code when it is interrupted, left, forks, or ends the process. How it is stepped through is compared with pdb
//! in `conformance.rs`.

use nix::sys::signal::Signal;

use crate::support::{
    Conversation, Fixture, Terminal, Waiting, any_python, fixture_path, on_each_python, pmdb_alone,
    pmdb_with_input, told,
};

#[test]
fn its_code_is_interrupted_and_left() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "levels.py", &[]);
        let mut terminal = Terminal::attach(&fixture);
        terminal.type_keys("stop\r");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("debug spin()\r");
        terminal.wait_for("ENTERING RECURSIVE DEBUGGER");
        terminal.wait_for("((pmdb)) ");
        terminal.type_keys("continue\r");
        assert_eq!(fixture.read_line(), "spinning");
        terminal.type_keys("\x03");
        terminal.wait_for("spin()");
        terminal.wait_for("((pmdb)) ");
        // One in the other, which waits in C code.
        terminal.type_keys("debug wait()\r");
        terminal.wait_for("(((pmdb))) ");
        terminal.type_keys("continue\r");
        assert_eq!(fixture.read_line(), "waiting");
        fixture.wait_until_in(Waiting::is_for_a_lock);
        terminal.type_keys("\x03");
        terminal.wait_for("levels.py(32)wait()");
        terminal.wait_for("(((pmdb))) ");
        terminal.type_keys("!gate.release()\r");
        terminal.wait_for("(((pmdb))) ");
        terminal.type_keys("quit\r");
        terminal.wait_for("LEAVING RECURSIVE DEBUGGER");
        terminal.wait_for("((pmdb)) ");
        // It may have been stopped before its first turn.
        terminal.type_keys("p turns >= 0\r");
        terminal.wait_for("\nTrue");
        terminal.wait_for("((pmdb)) ");
        // Ctrl-D leaves it too.
        terminal.type_keys("\x04");
        terminal.wait_for("LEAVING RECURSIVE DEBUGGER");
        terminal.wait_for("(pmdb) ");
        // In another thread, which has no text of pmdb to run.
        terminal.type_keys("tbreak levels.py:53\rcontinue\r");
        terminal.wait_for("levels.py(53)work()");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("debug spin()\rcontinue\r");
        terminal.wait_for("((pmdb)) ");
        assert_eq!(fixture.read_line(), "spinning");
        terminal.type_keys("\x03");
        terminal.wait_for("spin()");
        terminal.wait_for("((pmdb)) ");
        terminal.type_keys("q\r");
        terminal.wait_for("LEAVING RECURSIVE DEBUGGER");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p number\r");
        terminal.wait_for("\n1\r");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("q\r");
        terminal.wait();
    });
}

#[test]
fn it_is_run_to_its_end_at_detach_and_nothing_stays() {
    on_each_python(|python| {
        for last in ["detach", "debug slow(0)\ndetach"] {
            let mut fixture = Fixture::python(python, "levels.py", &[]);
            let session = told(
                &fixture,
                &[
                    "stop",
                    "debug results.append(slow(3))",
                    "step",
                    "next",
                    "where",
                    last,
                ],
            );
            assert!(
                session.contains("  <string>(1)<module>()\n> levels.py(44)slow()\n"),
                "{session}"
            );
            assert!(session.contains("\n[the process goes on]\n"), "{session}");
            if last != "detach" {
                assert_eq!(fixture.read_line(), "done with 2");
            }
            assert_eq!(fixture.read_line(), "done with 5");
            assert_eq!(fixture.read_line(), "the end [5] None False False");
        }
    });
}

#[test]
fn a_child_that_it_forks_goes_on_by_itself() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "levels.py", &[]);
        let commands = [
            "stop",
            "debug pid = fork(); pid += 0",
            "next",
            "p pid > 0",
            "next",
            "next",
            "!results.append(0)",
        ];
        let session = told(&fixture, &commands);
        assert!(
            session.ends_with(
                "True\nLEAVING RECURSIVE DEBUGGER\n> levels.py(57)main()\n-> while not results:\n"
            ) || session.contains("True\nLEAVING RECURSIVE DEBUGGER\n"),
            "{session}"
        );
        assert_eq!(fixture.read_line(), "a child None False False");
        assert_eq!(fixture.read_line(), "the end [0] None False False");
    });
}

#[test]
fn the_process_ends_in_it() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "levels.py", &[]);
        let pid = fixture.pid();
        let lines = "stop\ndebug slow(1)\ndebug os._exit(3)\ncontinue\np 1 + 1\nalias over p 1\nalias over\nquit\n";
        let answer = pmdb_with_input(["attach", &pid.to_string()], lines);
        let (_, answers) = answer
            .stdout
            .rsplit_once("> <string>(1)<module>()\n")
            .unwrap_or_else(|| panic!("{}", answer.stdout));
        let ended = format!("[process {pid} has ended");
        assert!(answers.starts_with(&ended), "{answers}");
        assert!(answers.ends_with("\nover = p 1\n"), "{answers}");
    });
}

#[track_caller]
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part);
        let at = at.unwrap_or_else(|| panic!("{part} is not in {rest} of {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn catchpoints_count_in_it_and_the_program_is_started_again_out_of_it() {
    on_each_python(|python| {
        let script = fixture_path("pdb/levels.py").display().to_string();
        let path = python.path.display().to_string();
        let commands = "tbreak double\nc\ncatch ValueError\ndebug fails('one')\nc\np $_exception\nw\nc\np number\n\
            debug fails('two')\nc\ndebug fails('three')\nc\nrun again\np __import__('sys').argv[1:]\nb\n\
            tbreak double\nc\ndebug fails('four')\nc\np $_exception\nq\np number\nq\n";
        let words = ["run", "--stop-at-entry", "--", &path, "-u", &script];
        let answer = pmdb_alone(words, commands);
        let text = answer.stdout.replace(&script, "levels.py");
        let raised = "> levels.py(20)fails()\n-> raise ValueError(text)\n";
        assert_in_order(
            &text,
            &[
                "> levels.py(8)double()\n",
                "ENTERING RECURSIVE DEBUGGER\n",
                "Catchpoint 2: ValueError: one\n",
                raised,
                "ValueError('one')\n  <string>(1)<module>()\n> levels.py(20)fails()\n",
                "*** ValueError: one\nLEAVING RECURSIVE DEBUGGER\n4\n",
                "Catchpoint 2: ValueError: two\n",
                // One in the other.
                "ENTERING RECURSIVE DEBUGGER\n",
                "Catchpoint 2: ValueError: three\n",
                "Restarting levels.py with arguments:\n\tagain\n> levels.py(1)<module>()\n",
                "['again']\n",
                "catchpoint   keep yes   ValueError\n",
                "> levels.py(8)double()\n",
                "Catchpoint 2: ValueError: four\n",
                "ValueError('four')\nLEAVING RECURSIVE DEBUGGER\n4\n",
            ],
        );
        assert_eq!(answer.code, Some(0), "{answer:?}");
    });
}

#[test]
fn it_runs_in_any_process_of_a_command() {
    let program = "\
import os
def double(number):
    twice = number * 2
    return twice
for number in (1, 2, 3):
    if os.fork() == 0:
        breakpoint()
        os._exit(number)
    os.wait()
";
    on_each_python(|python| {
        let path = python.path.display().to_string();
        let commands = [
            "debug double(4)",
            "s",
            "n",
            "n",
            "p [twice]",
            "c",
            "p [number]",
            "c",
            // The second is killed in it.
            "debug os.kill(os.getpid(), 9)",
            "c",
            "p ['third', number]",
            "debug double(undefined)",
            "c",
            "p ['back', number]",
            "c",
        ];
        let commands = commands.iter().flat_map(|line| ["-c", line]);
        let words = ["run"].into_iter().chain(commands);
        let answer = pmdb_alone(words.chain(["--", &path, "-c", program]), "");
        assert_in_order(
            &answer.stderr,
            &[
                "called breakpoint()\n",
                "ENTERING RECURSIVE DEBUGGER\n",
                "> <string>(4)double()\n",
                "[8]\nLEAVING RECURSIVE DEBUGGER\n",
                "[1]\n",
                "called breakpoint()\n",
                "ENTERING RECURSIVE DEBUGGER\n",
                "called breakpoint()\n",
                "['third', 3]\n",
                "*** NameError: name 'undefined' is not defined\nLEAVING RECURSIVE DEBUGGER\n",
                "['back', 3]\n",
                "the command has ended with exit code 0; 4 processes",
                "ended with exit code 1 after",
                "died of SIGKILL after",
                "ended with exit code 3 after",
            ],
        );
    });
}

#[test]
fn a_process_that_is_killed_in_it_is_said_to_have_ended() {
    let python = any_python().expect("there is a Python");
    let mut fixture = Fixture::python(python, "levels.py", &[]);
    let pid = fixture.pid();
    let mut session = Conversation::start(&["attach", &pid.to_string()]);
    session.ask("stop");
    session.ask("debug slow(1)");
    let stepped = session.ask("step");
    assert!(stepped.concat().contains("--Call--"), "{stepped:?}");
    fixture.signal(Signal::SIGKILL);
    fixture.wait();
    let said = session.ask("next").join("\n");
    assert!(said.contains(&format!("process {pid} has ended")), "{said}");
    // There is no code to leave any more.
    let said = session.ask("debug slow(1)").join("\n");
    assert!(
        said.contains(&format!("*** process {pid} has ended")),
        "{said}"
    );
    assert!(!said.contains("RECURSIVE"), "{said}");
}
