//! `@SET COMMAND` asks several processes at once and shows equal answers once, in a family that was attached to and in a command that is
//! followed.

use crate::support::{
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
        assert!(
            said.contains("*** none of these processes stands still"),
            "{said}"
        );
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
            let commands = [
                "@all b work",
                "c",
                "p number",
                "c",
                "p number",
                "b",
                "@all clear 1",
                "b",
                "c",
            ];
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
            assert_eq!(stops, ["later.py", "waiting", "w0"], "{said}");
            assert!(
                said.contains("\n[processes that come later have it too]\n"),
                "{said}"
            );
            let values: Vec<&str> = said.lines().filter(|line| line.len() == 1).collect();
            assert_eq!(values, ["7", "0"], "{said}");
            assert!(said.contains("\tbreakpoint already hit 1 time\n"), "{said}");
            assert!(said.contains(", w0: Deleted breakpoint 1 at "), "{said}");
            // Neither the second worker nor anybody else has it any more.
            assert!(answer.stdout.ends_with("end\n"), "{answer:#?}");
        }
    });
}

/// In a process that is started anew the class is yet to come, and known by its name.
#[test]
fn catchpoint_for_all_is_in_those_that_come_later_too() {
    on_each_python(|python| {
        let commands = [
            "@all catch Odd",
            "c",
            "p 'first', number",
            "c",
            "p number, $_exception.args",
            "@all clear 1",
            "c",
        ];
        let (path, script) = (python.path.display().to_string(), fixture_path("later.py"));
        let script = script.display().to_string();
        let mut words = vec!["run"];
        words.extend(commands.iter().flat_map(|line| ["-c", line]));
        words.extend(["--", &path, &script, "spawn"]);
        let answer = pmdb_alone(words, "");
        let said = &answer.stderr;
        assert_eq!(answer.code, Some(0), "{answer:#?}");
        assert!(said.contains("('first', 7)\n"), "{said}");
        assert!(said.contains("(0, (0,))\n"), "{said}");
        let count = said.matches("\nCatchpoint 1: ").count();
        assert_eq!(count, 2, "{said}");
        assert!(answer.stdout.ends_with("end\n"), "{answer:#?}");
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

/// A terminal at the prompt of a program whose workers have all stopped.
fn terminal_on_workers(fixture: &str, arguments: &[&str], count: usize) -> Terminal {
    let python = any_python().expect("there is a Python");
    let home = tempfile::tempdir().expect("a folder");
    let mut command = pmdb_of_user(["run", "--"], home.path());
    command
        .arg(&python.path)
        .arg(fixture_path(fixture))
        .args(arguments);
    let mut terminal = Terminal::start(command);
    terminal.wait_for("(pmdb w");
    // The first has stopped; the others come in their own time.
    loop {
        terminal.type_keys("procs\r");
        terminal.wait_for("COMMAND");
        let listed = terminal.wait_for("(pmdb w");
        if listed.matches(" stopped ").count() == count {
            return terminal;
        }
    }
}

#[test]
fn processes_of_a_set_step_together() {
    let mut terminal = terminal_on_workers("lockstep.py", &[], 4);
    // Where the next line comes before or after the step's event, it is the same for all.
    terminal.type_keys("@w0-w3 until 9\r");
    let said = terminal.wait_for("-> barrier.wait()\r\n");
    assert_eq!(said.matches("w0-w3:").count(), 1, "{said}");
    assert!(said.contains("lockstep.py(9)work()\r\n"), "{said}");
    terminal.type_keys("@w0,w1,w2 p value\r");
    terminal.wait_for("w0-w2: True\r\n");
    // They wait for one that stands still.
    terminal.type_keys("@w0-w2 n\r");
    terminal.wait_for("[under way: w0-w2; Ctrl-C stops them where they are]\r\n");
    terminal.type_keys("\x03");
    terminal.wait_for("[the main thread is in C code");
    terminal.wait_for("(pmdb w");
    terminal.type_keys("@w0-w2 p value\r");
    terminal.wait_for("w0-w2: ");
    // With the fourth all come to the end of what they wait in, and one of them ends.
    terminal.type_keys("@w0-w3 c\r");
    terminal.wait_for("all ended [0, 0, 0, 0]");
    assert!(terminal.wait().success());
}

#[test]
fn commands_of_a_breakpoint_are_run_where_a_step_of_a_set_comes_to_it() {
    let mut terminal = terminal_on_workers("lockstep.py", &[], 4);
    terminal.type_keys("proc w1\r");
    terminal.wait_for("(pmdb w1) ");
    terminal.type_keys("break 8\r");
    terminal.wait_for("Breakpoint 1 at ");
    terminal.type_keys("commands 1\r");
    terminal.wait_for("(com) ");
    terminal.type_keys("p number + 100\r");
    terminal.wait_for("(com) ");
    terminal.type_keys("end\r");
    terminal.wait_for("(pmdb w1) ");
    terminal.type_keys("@w0-w3 until 9\r");
    let said = terminal.wait_for("(pmdb w1) ");
    assert_eq!(said.matches("101\r\n").count(), 1, "{said}");
    assert!(said.contains("-> value = number < 4"), "{said}");
    assert!(said.contains("w0,w2,w3:"), "{said}");
    terminal.type_keys("@w0-w3 c\r");
    terminal.wait_for("all ended [0, 0, 0, 0]");
    assert!(terminal.wait().success());
}

/// Ctrl-C is pmdb's then, and the barrier is whole afterwards.
#[test]
fn one_that_waits_for_those_who_are_held_is_stopped_by_ctrl_c() {
    let mut terminal = terminal_on_workers("lockstep.py", &[], 4);
    terminal.type_keys("proc w0\r");
    terminal.type_keys("hold @others\r");
    terminal.wait_for("held\r\n");
    terminal.wait_for("(pmdb w0) ");
    terminal.type_keys("@all c\r");
    terminal.wait_for("[others are held: if it waits for one of them, Ctrl-C stops it");
    terminal.type_keys("\x03");
    terminal.wait_for("[the main thread is in C code");
    terminal.wait_for("(pmdb w0) ");
    terminal.type_keys("release\r");
    terminal.wait_for("w1-w3: released; stands still as before");
    terminal.wait_for("(pmdb w0) ");
    terminal.type_keys("@all c\r");
    terminal.wait_for("all ended [0, 0, 0, 0]");
    assert!(terminal.wait().success());
}

#[test]
fn one_that_ends_in_its_step_is_said_to_have() {
    let mut terminal = terminal_on_workers("lockstep.py", &[], 4);
    terminal.type_keys("@stopped until 10\r");
    terminal.wait_for("w0-w3:");
    terminal.wait_for("-> if number == 3:");
    terminal.type_keys("@w0-w3 n\r");
    terminal.wait_for("w0-w2:");
    terminal.wait_for("-> return value");
    terminal.wait_for("(pmdb w");
    terminal.type_keys("@w3 n\r");
    terminal.wait_for("w3: [it has ended with exit code 0]");
    terminal.type_keys("@all c\r");
    terminal.wait_for("all ended [0, 0, 0, 0]");
    assert!(terminal.wait().success());
}

/// Others go on, or end it; when the command ends it is let go.
#[test]
fn who_is_held_stays_where_it_is_until_it_is_released() {
    let python = any_python().expect("there is a Python");
    let (path, script) = (python.path.display().to_string(), fixture_path("forked.py"));
    let script = script.display().to_string();
    let commands = [
        "hold @others",
        "procs",
        "@m-busy p 'first', locals()",
        "@all n",
        "n",
        "@m-busy p 'first', locals()",
        "release @m-sleeping,t-busy",
        "release @m-sleeping",
        "@held p 'still held'",
        "c",
    ];
    let mut words = vec!["run"];
    words.extend(commands.iter().flat_map(|line| ["-c", line]));
    words.extend(["--", &path, &script]);
    let answer = pmdb_alone(words, "");
    let said = &answer.stderr;
    let all = "\nm-busy, m-sleeping, m-locked, t-busy, t-sleeping, t-locked: held\n";
    assert!(said.contains(all), "{answer:#?}");
    assert_eq!(said.matches("  stopped, held  ").count(), 6, "{said}");
    let values: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("m-busy: ('first', "))
        .collect();
    assert_eq!(values.len(), 2, "{said}");
    assert_eq!(values[0], values[1], "{said}");
    assert!(said.contains("\nforked.py:\n> "), "{said}");
    assert!(said.contains("\nm-sleeping, t-busy: goes on\n"), "{said}");
    assert!(
        said.contains("*** none of these processes is held"),
        "{said}"
    );
    assert!(
        said.contains("\nm-busy, m-locked, t-sleeping, t-locked: 'still held'\n"),
        "{said}"
    );
    assert!(
        said.contains(", which stood still, has ended with signal SIGKILL]"),
        "{said}"
    );
    assert_eq!(answer.stdout, "[-9, -9, -9, -9, -9, -9]\n", "{answer:#?}");
    assert_eq!(answer.code, Some(0), "{answer:#?}");
}
