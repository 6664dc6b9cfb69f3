//! `debug`: what becomes of its code when it is interrupted, left, forks, or ends the process. How it is stepped through is compared with pdb
//! in `conformance.rs`.

mod support;

use support::{Fixture, Terminal, Waiting, on_each_python, pmdb_with_input, told};

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
