//! `@SET COMMAND` asks several processes at once and shows equal answers once, in a family that was attached to and in a command that is
//! followed.

mod support;

use support::{
    Fixture, Terminal, any_python, fixture_path, on_each_python, pmdb, pmdb_alone, pmdb_of_user,
};

#[test]
fn equal_answers_are_shown_once_with_the_set_that_gave_them() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "ranks.py", &[]);
        let commands = [
            "proc w1",
            "@w0-w4 p parity",
            "@w0,w1,w2 p number",
            "@w0..4 p 'same'",
            "@w0,w2 p __name__, len('ab')",
            "@w1,w3 where 0",
            "@w7 args",
            "@w0 next",
            "@w0",
            "@raised where",
            "@running p 'runs'",
            "proc w3",
            "@w0 p 'there'",
            "args",
        ];
        let pid = fixture.pid().to_string();
        let mut words = vec!["attach", &pid, "--tree"];
        words.extend(commands.iter().flat_map(|line| ["-c", line]));
        let answer = pmdb(words);
        let said = &answer.stdout;
        assert!(said.contains("\nw0,w2,w4: 0\nw1,w3: 1\n"), "{answer:#?}");
        assert!(said.contains("\nw0: 0\nw1: 1\nw2: 2\n"), "{said}");
        assert!(said.contains("\nw0-w4: 'same'\n"), "{said}");
        assert!(said.contains("\nw0,w2: ('__main__', 2)\n"), "{said}");
        assert!(said.contains(": 'runs'\n"), "{said}");
        assert!(
            said.contains("*** No process 'w7'; `procs` lists them"),
            "{said}"
        );
        assert!(said.contains("*** a set can be looked at"), "{said}");
        assert!(said.contains("*** What is @w0 to be asked?"), "{said}");
        assert!(
            said.contains("*** @raised is empty at the moment\n"),
            "{said}"
        );
        assert!(said.contains("\nw1,w3:\n> "), "{said}");
        assert!(said.contains("\nw0: 'there'\nnumber = 3\n"), "{said}");
    });
}

#[test]
fn stopped_processes_are_asked_and_go_on_together() {
    let python = any_python().expect("there is a Python");
    let home = tempfile::tempdir().expect("a folder");
    let mut command = pmdb_of_user(["run", "--"], home.path());
    command
        .arg(&python.path)
        .arg(fixture_path("ranks.py"))
        .arg("ask");
    let mut terminal = Terminal::start(command);
    terminal.wait_for("(pmdb w");
    // The first has stopped; the other two come in their own time.
    loop {
        terminal.type_keys("procs\r");
        terminal.wait_for("COMMAND");
        let listed = terminal.wait_for("(pmdb w");
        if listed.matches(" stopped ").count() == 3 && listed.matches(" running ").count() == 3 {
            break;
        }
    }
    // Different answers come in the order in which the processes have stopped.
    terminal.type_keys("@stopped p parity < 2\r");
    terminal.wait_for("w0-w2: True\r\n");
    terminal.type_keys("@w0,w2 p parity\r");
    terminal.wait_for("w0,w2: 0\r\n");
    terminal.type_keys("@w1 p parity\r");
    terminal.wait_for("w1: 1\r\n");
    terminal.type_keys("@w3,w4 p number > 2\r");
    terminal.wait_for("w3,w4: True\r\n");
    // Statements run where a process stands still.
    terminal.type_keys("@w0,w1 !number += 40\r");
    terminal.type_keys("@w0 p number\r");
    terminal.wait_for("w0: 40\r\n");
    terminal.type_keys("@w1 p number\r");
    terminal.wait_for("w1: 41\r\n");
    terminal.type_keys("@stopped c\r");
    terminal.wait_for("[pmdb] w2 (pid ");
    terminal.wait_for(") raised ValueError: number is 2");
    terminal.wait_for("(pmdb w2) ");
    terminal.type_keys("@raised p number, parity\r");
    terminal.wait_for("w2: (2, 0)\r\n");
    terminal.type_keys("@w0,w3 p number\r");
    terminal.wait_for("w0: *** process ");
    terminal.type_keys("q\r");
    assert!(terminal.wait().success());
}

/// Under one number in one that runs, without stopping it for longer than a moment, and in all that come, until it is cleared.
#[test]
fn breakpoint_for_all_is_in_those_that_come_later_too() {
    on_each_python(|python| {
        for method in ["fork", "spawn"] {
            let mut commands = vec!["@all b work", "c"];
            if method == "spawn" {
                commands.extend(["p number", "c"]);
            }
            commands.extend(["p number", "b", "@all clear 1", "b", "c"]);
            let (path, script) = (python.path.display().to_string(), fixture_path("later.py"));
            let script = script.display().to_string();
            let mut words = vec!["run"];
            words.extend(commands.iter().flat_map(|line| ["-c", line]));
            words.extend(["--", &path, &script, method]);
            let answer = pmdb_alone(words, "");
            assert_eq!(answer.code, Some(0), "{answer:#?}");
            let said = &answer.stderr;
            let stops: Vec<&str> = said
                .lines()
                .filter_map(|line| line.strip_prefix("[pmdb] ")?.split_once(" (pid "))
                .map(|(name, _)| name)
                .collect();
            let expected: &[&str] = match method {
                "spawn" => &["later.py", "waiting", "w0"],
                _ => &["later.py", "w0"],
            };
            assert_eq!(stops, expected, "{said}");
            assert!(
                said.contains("\n[processes that come later have it too]\n"),
                "{said}"
            );
            let values: Vec<&str> = said.lines().filter(|line| line.len() == 1).collect();
            let expected: &[&str] = if method == "spawn" {
                &["7", "0"]
            } else {
                &["0"]
            };
            assert_eq!(values, expected, "{said}");
            assert!(said.contains("\tbreakpoint already hit 1 time\n"), "{said}");
            assert!(said.contains("later.py, w0"), "{said}");
            // Neither the second worker nor anybody else has it any more.
            assert!(answer.stdout.ends_with("end\n"), "{answer:#?}");
        }
    });
}

/// In a process that is started anew the class is yet to come, and known by its name.
#[test]
fn catchpoint_for_all_is_in_those_that_come_later_too() {
    on_each_python(|python| {
        for method in ["fork", "spawn"] {
            let stops = ["p number, $_exception.args", "@all clear 1", "c"];
            let mut commands = vec!["@all catch Odd", "c"];
            if method == "spawn" {
                commands.extend(["p 'first', number", "c"]);
            }
            commands.extend(stops);
            let (path, script) = (python.path.display().to_string(), fixture_path("later.py"));
            let script = script.display().to_string();
            let mut words = vec!["run"];
            words.extend(commands.iter().flat_map(|line| ["-c", line]));
            words.extend(["--", &path, &script, method]);
            let answer = pmdb_alone(words, "");
            let said = &answer.stderr;
            assert_eq!(answer.code, Some(0), "{answer:#?}");
            let first = said.contains("('first', 7)\n");
            assert_eq!(first, method == "spawn", "{said}");
            assert!(said.contains("(0, (0,))\n"), "{said}");
            let count = said.matches("\nCatchpoint 1: ").count();
            assert_eq!(count, 1 + usize::from(first), "{said}");
            assert!(answer.stdout.ends_with("end\n"), "{answer:#?}");
        }
    });
}

/// Nothing was heard from any of them: they are reached through the agent that they have from their parent.
#[test]
fn forked_children_are_stopped_wherever_they_are() {
    on_each_python(|python| {
        let mut commands = vec!["@all b beat".to_string()];
        let waiting = ["m-sleeping", "m-locked", "t-sleeping", "t-locked"];
        for name in waiting {
            commands.push(format!("proc {name}"));
            commands.push("stop".to_string());
            commands.push(format!("p lock.locked(), '{name}'"));
        }
        for name in ["m-busy", "t-busy"] {
            commands.push(format!("proc {name}"));
            commands.push(format!("p number >= 0, '{name}'"));
        }
        commands.push("q".to_string());
        let (path, script) = (python.path.display().to_string(), fixture_path("forked.py"));
        let script = script.display().to_string();
        let mut words = vec!["run"];
        words.extend(commands.iter().flat_map(|line| ["-c", line]));
        words.extend(["--", &path, &script]);
        let answer = pmdb_alone(words, "");
        let said = &answer.stderr;
        let all = "\nforked.py, m-busy, m-sleeping, m-locked, t-busy, t-sleeping, t-locked: Breakpoint 1 at ";
        assert!(said.contains(all), "{answer:#?}");
        for name in waiting.iter().chain(&["m-busy", "t-busy"]) {
            assert!(
                said.contains(&format!("\n(True, '{name}')\n")),
                "{name}: {said}"
            );
        }
        assert!(!said.contains("Warning"), "{said}");
    });
}
