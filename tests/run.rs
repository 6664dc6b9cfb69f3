//! `pmdb run`: with `--stop-at-entry` a program stops at the first line of its main program, on every Python, however it is started;
//! without, it is followed with all its processes.

use crate::support::{
    Python, Terminal, any_python, fixture_path, on_each_python, pmdb_alone, pmdb_of_user,
    write_script,
};

const CTRL_C: &str = "\x03";

fn run(python: &Python, words: &[&str], input: &str) -> crate::support::Answer {
    let python = python.path.display().to_string();
    let mut arguments = vec!["run", "--stop-at-entry", "--", &python];
    arguments.extend(words);
    pmdb_alone(arguments, input)
}

fn script() -> String {
    fixture_path("started.py").display().to_string()
}

/// The first two lines that are shown.
fn entry(answer: &crate::support::Answer) -> (String, String) {
    let mut lines = answer.stdout.lines().map(str::to_string);
    let first = lines.next().unwrap_or_else(|| panic!("{}", answer.stderr));
    (first, lines.next().unwrap_or_default())
}

#[test]
fn first_line_is_never_missed() {
    on_each_python(|python| {
        let script = script();
        let (frame, line) = entry(&run(python, &[&script], "q\n"));
        assert_eq!(frame, format!("> {script}(1)<module>()"));
        assert!(line.starts_with("-> \"\"\"A program"), "{line}");
        for (words, file) in [
            (&["-c", "x = 1"][..], "<string>"),
            (&["-I", "-c", "import sys; sys.exit(0)"], "<string>"),
            (&["-S", &script], &script),
            (&["-m", "this"], "/this.py"),
        ] {
            let (frame, _) = entry(&run(python, words, "q\n"));
            assert!(frame.ends_with(&format!("{file}(1)<module>()")), "{frame}");
        }
    });
}

#[test]
fn program_ends_with_its_own_code_and_reads_what_pmdb_leaves() {
    on_each_python(|python| {
        let (path, script) = (python.path.display().to_string(), script());
        let commands = ["-c", "b 30", "-c", "c", "-c", "p line", "-c", "c"];
        let words = ["run", "--stop-at-entry"].into_iter().chain(commands);
        let words = words.chain(["--", &path, &script, "read"]);
        let answer = pmdb_alone(words, "its own line\n");
        assert!(
            answer.stdout.contains("line 'its own line'"),
            "{}",
            answer.stdout
        );
        assert!(
            answer.stdout.contains("'its own line'\nline"),
            "{}",
            answer.stdout
        );
        assert_eq!(answer.code, Some(7), "{}", answer.stdout);
        let killed = run(python, &["-c", "import os; os.kill(os.getpid(), 9)"], "c\n");
        assert_eq!(killed.code, Some(128 + 9), "{}", killed.stdout);
        assert!(
            killed.stdout.contains("has ended with signal SIGKILL"),
            "{}",
            killed.stdout
        );
    });
}

#[test]
fn quit_ends_the_program_in_its_own_way() {
    on_each_python(|python| {
        let answer = run(python, &[&script()], "b 25\nc\nq\n");
        assert!(answer.stdout.ends_with("finally\n"), "{}", answer.stdout);
        assert!(!answer.stdout.contains("line ''"), "{}", answer.stdout);
        assert_eq!(answer.code, Some(0));
    });
}

#[test]
fn an_uncaught_exception_stops_once_more_and_keeps_its_exit_code() {
    let program = "\
import atexit, sys, threading
def fails():
    value = 7
    sys.missing
def hook(*arguments):
    print('hooked', flush=True)
    before(*arguments)
before, sys.excepthook = sys.excepthook, hook
atexit.register(print, 'at its end')
try:
    fails()
except AttributeError:
    # Who handles it, and shows it in the interpreter's way, has caught it.
    sys.excepthook(*sys.exc_info())
thread = threading.Thread(target=fails)
thread.start()
thread.join()
fails()
";
    on_each_python(|python| {
        for (last, said) in [
            (
                "c",
                "has ended with exit code 1; its stack as last seen is left, and `run` starts it again]\n",
            ),
            ("q", ""),
            // The end of the commands.
            (
                "next",
                "*** the exception has left these frames: they can be looked at",
            ),
        ] {
            let input = format!("c\np value\nup\n!value = 8\np value, thread.name[:6]\n{last}\n");
            let answer = run(python, &["-u", "-c", program], &input);
            let text = &answer.stdout;
            let (before, after) = text.split_once("Uncaught exception.").expect(text);
            assert_eq!(before.matches("hooked\n").count(), 2, "{text}");
            assert!(!before.contains("at its end"), "{text}");
            for part in [
                "> <string>(4)fails()\n",
                "\n7\n> <string>(18)<module>()\n",
                "\n(8, 'Thread')\n",
                "at its end\n",
                said,
            ] {
                assert!(after.contains(part), "{part}: {text}");
            }
            assert!(!after.contains("hooked"), "{text}");
            assert_eq!(answer.code, Some(1), "{last}: {answer:?}");
        }
    });
}

#[test]
fn restart_keeps_the_breakpoints_and_takes_arguments() {
    on_each_python(|python| {
        let script = script();
        let input = "b 30\nc\nrun 'a b' c\nc\np visible()['argv']\nb\nrun\nb 30\np 'again'\nq\n";
        let answer = run(python, &[&script, "first"], input);
        let text = &answer.stdout;
        let said =
            format!("Restarting {script} with arguments:\n\ta b c\n> {script}(1)<module>()\n");
        assert!(text.contains(&said), "{text}");
        assert_eq!(text.matches("(30)<module>()\n").count(), 2, "{text}");
        assert!(text.contains("['a b', 'c']\n"), "{text}");
        assert!(text.contains("breakpoint already hit"), "{text}");
        let kept = "with arguments:\n\ta b c\n";
        assert_eq!(text.matches(kept).count(), 2, "{text}");
    });
}

#[test]
fn program_sees_nothing_of_pmdb_after_detach() {
    on_each_python(|python| {
        let program = "import sys, os, threading, signal\nx = 1\nsys.stdin.readline()\nprint('seen', sys.gettrace(), \
                       sorted(sys.modules), threading.active_count(), signal.getsignal(2), sorted(globals()), \
                       os.listdir('/proc/self/fd'))";
        let alone = python.eval(program);
        // pmdb ends before the program reads on.
        let answer = run(python, &["-c", program], "n\nn\ndetach\nq\ngo\n");
        let seen = answer.stdout.lines().find(|line| line.starts_with("seen"));
        let without_addresses = |text: &str| text.split(" at 0x").next().map(str::to_string);
        let seen = seen.unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(without_addresses(seen), without_addresses(alone.trim()));
        let fds = |text: &str| text.rsplit('>').next().map(str::to_string);
        assert_eq!(fds(seen), fds(alone.trim()));
    });
}

#[test]
fn scripts_that_name_their_python_are_followed() {
    let python = any_python().expect("there is a Python");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        write_script(&path, &text);
        path.display().to_string()
    };
    let python_path = python.path.display();
    let tool = file(
        "tool",
        format!("#!{python_path}\nimport sys\nsys.exit(len(sys.argv))\n"),
    );
    let wrapper = file(
        "wrapper",
        format!("#!/bin/sh\nls / > /dev/null\nexec {tool} \"$@\"\n"),
    );
    for program in [&tool, &wrapper] {
        let answer = pmdb_alone(["run", "--stop-at-entry", "--", program, "a", "b"], "c\n");
        assert_eq!(entry(&answer).0, format!("> {tool}(2)<module>()"));
        assert_eq!(answer.code, Some(3));
    }
    let lost = file("lost", "#!/nowhere/python3\n".to_string());
    for (words, why, code) in [
        (&["true"][..], "without running a Python", 0),
        (&["sh", "-c", "exit 9"], "exit code 9", 9),
        (&["nothing-there"], "there is no such command in PATH", 1),
        (&["/"], "cannot be started", 1),
        (&[&lost], "the interpreter that its first line", 1),
    ] {
        let answer = pmdb_alone([&["run", "--stop-at-entry", "--"], words].concat(), "c\n");
        assert!(answer.stderr.contains(why), "{}", answer.stderr);
        assert_eq!(answer.code, Some(code), "{}", answer.stderr);
    }
    let broken = file("broken.py", "x = = 1\n".to_string());
    let answer = run(python, &[&broken], "c\n");
    assert!(
        answer
            .stderr
            .contains("before the first line of its main program"),
        "{}",
        answer.stderr
    );
    assert_eq!(answer.code, Some(1));
}

#[test]
fn keyboard_of_the_terminal_stops_the_program() {
    let python = any_python().expect("there is a Python");
    let home = tempfile::tempdir().unwrap();
    let mut command = pmdb_of_user(["run", "--stop-at-entry", "--"], home.path());
    command.arg(&python.path).args([&script(), "read", "count"]);
    let mut terminal = Terminal::start(command);
    terminal.wait_for("(1)<module>()");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("c\r");
    // The program has the terminal while it runs: pmdb has put it back into the mode in which it was.
    terminal.wait_for("\x1b[?2004l");
    terminal.type_keys("some line\r");
    terminal.wait_for("counting");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("-> ");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("p line\r");
    terminal.wait_for("'some line'");
    terminal.wait_for("(pmdb) ");
    // What is typed while a statement runs comes next.
    terminal.type_keys("p count(3_000_000)\rp 'typed', 'ahead'\rp 'and', 'this'\r");
    terminal.wait_for("\n2999999\r\n");
    terminal.wait_for("('typed', 'ahead')");
    terminal.wait_for("('and', 'this')");
    terminal.type_keys("q\r");
    terminal.wait_for("finally");
    assert!(terminal.wait().success());
}

#[test]
fn all_processes_of_a_command_are_followed_and_failures_are_told() {
    let program = "\
import os, subprocess, sys
forked = os.fork()
if forked == 0:
    os._exit(5)
os.waitpid(forked, 0)
print(subprocess.run(['sh', '-c', 'true; kill -9 $$']).returncode)
print(subprocess.run(['sh', '-c', 'grep -q x /dev/null; true']).returncode)
print(subprocess.run([sys.executable, '-c', 'import sys; sys.exit(6)']).returncode)
print(subprocess.run([sys.executable, '-c', '']).returncode, sys.stdin.read())
sys.exit(7)
";
    on_each_python(|python| {
        let path = python.path.display().to_string();
        let answer = pmdb_alone(["run", "--", &path, "-c", program], "its own input");
        assert_eq!(answer.code, Some(7), "{}", answer.stderr);
        assert_eq!(answer.stdout, "-9\n0\n6\n0 its own input\n");
        let summary = answer.stderr.strip_prefix("[pmdb] ");
        // What a shell asks of a program is no failure.
        let last = answer.stderr.lines().last();
        let told = "       also  grep (exit code 1): a shell started it";
        assert_eq!(last, Some(told));
        let mut lines = summary.expect(&answer.stderr).lines();
        let first = lines.next();
        assert_eq!(
            first,
            Some("the command has ended with exit code 7; 7 processes")
        );
        let ends: Vec<&str> = lines
            .filter_map(|line| line.split_once(") ")?.1.split_once(" after "))
            .map(|(how, _)| how)
            .collect();
        assert_eq!(
            ends,
            [
                "ended with exit code 5",
                "died of SIGKILL",
                "ended with exit code 6",
                "ended with exit code 7"
            ]
        );
    });
}
