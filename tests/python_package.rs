//! The module `pmdb` for Python programs, run from the source tree: with pmdb above it, with a terminal of its own, and without one.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::{Python, Terminal, any_python, fixture_path, on_each_python, pmdb_alone};

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn with_package(python: &Python) -> Command {
    let mut command = python.command();
    command
        .env("PYTHONPATH", package())
        .env("PMDB_BINARY", env!("CARGO_BIN_EXE_pmdb"))
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "1")
        .env_remove("RANK")
        .env_remove("PMDB_WAIT");
    command
}

/// Runs the fixture in a terminal, without pmdb above it.
fn in_terminal(python: &Python, what: &[&str]) -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = with_package(python);
    command
        .arg(fixture_path("asking_pmdb.py"))
        .args(what)
        .env("HOME", home.path())
        .env_remove("XDG_STATE_HOME");
    (home, Terminal::start(command))
}

/// Starts it where there is no terminal.
fn without_terminal(python: &Python, what: &str, variables: &[(&str, &str)]) -> Child {
    let mut command = with_package(python);
    command
        .arg(fixture_path("asking_pmdb.py"))
        .arg(what)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: setsid(2) is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    command.spawn().expect("it starts")
}

#[test]
fn the_prompt_comes_in_the_terminal_of_the_program() {
    on_each_python(|python| {
        let what = ["trace", "caught", "block", "thread"];
        let (_home, mut terminal) = in_terminal(python, &what);
        terminal.wait_for("[pmdb] asking_pmdb.py (pid ");
        terminal.wait_for(") called set_trace()");
        terminal.wait_for("traced()");
        terminal.wait_for("-> pmdb.set_trace()");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p square\n");
        terminal.wait_for("\n9\r\n");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("n\n");
        terminal.wait_for("-> square += 1");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("!square = 50\n");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("c\n");
        terminal.wait_for("it returned 51");

        terminal.wait_for(") raised IndexError: list index out of range");
        terminal.wait_for("failing()");
        terminal.wait_for("-> return items[total]");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p total, items\n");
        terminal.wait_for("(3, [1, 2])");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("up\n");
        terminal.wait_for("caught()");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("c\n");
        terminal.wait_for("it was caught");

        terminal.wait_for(") raised IndexError: list index out of range");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p total\n");
        terminal.wait_for("\n7\r\n");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("q\n");
        terminal.wait_for("it goes its way: list index out of range");

        terminal.wait_for(") called set_trace()");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p square\n");
        terminal.wait_for("\n16\r\n");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("c\n");
        terminal.wait_for("it returned 17");
        assert!(terminal.wait().success(), "{}", terminal.seen);
    });
}

#[test]
fn what_nobody_catches_comes_to_a_prompt_when_it_is_installed() {
    on_each_python(|python| {
        let what = [
            "not_any_more",
            "ends_thread",
            "pool",
            "process",
            "executor",
            "tasks",
            "ends_program",
        ];
        let (_home, mut terminal) = in_terminal(python, &what);
        for (fate, value) in [
            ("the thread ends with it", "[3]"),
            ("multiprocessing.pool hands it", "[7]"),
            ("the process ends with it", "[8]"),
            ("ThreadPoolExecutor keeps it", "[9]"),
            ("asyncio only reports it", "[11]"),
            ("asyncio only reports it", "[10]"),
            ("the program ends with it", "[5]"),
        ] {
            terminal.wait_for(") raised IndexError: list index out of range");
            terminal.wait_for(fate);
            terminal.wait_for("-> return items[total]");
            terminal.wait_for("(pmdb) ");
            terminal.type_keys("p items\n");
            terminal.wait_for(&format!("\n{value}\r\n"));
            terminal.wait_for("(pmdb) ");
            terminal.type_keys("c\n");
        }
        terminal.wait_for("IndexError: list index out of range");
        assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.seen);
        let printed = [
            "all is as it was: True",
            "the parent has it",
            "it is kept: list index out of range",
            "the loop goes on",
        ];
        for line in printed {
            assert!(terminal.seen.contains(line), "{line}: {}", terminal.seen);
        }
    });
}

#[test]
fn without_a_terminal_it_waits_for_somebody_to_attach() {
    on_each_python(|python| {
        for (what, square) in [("trace", 9), ("thread", 16)] {
            let mut child = without_terminal(python, what, &[]);
            let pid = child.id().to_string();
            let mut said = String::new();
            let stderr = child.stderr.take().expect("a pipe");
            BufReader::new(stderr).read_line(&mut said).expect("UTF-8");
            let sentence = format!("called set_trace() and waits: pmdb attach {pid}\n");
            assert!(said.ends_with(&sentence), "{said}");
            let commands = ["-c", "p square", "-c", "!square = 70", "-c", "c"];
            let answer = pmdb_alone([&["attach", &pid][..], &commands].concat(), "");
            answer.succeeded();
            // As with `--stop-at-entry`, the frame is shown when no command is left.
            assert!(
                (answer.stdout).ends_with(&format!(") called set_trace()\n{square}\n")),
                "{answer:#?}"
            );
            let mut printed = String::new();
            let mut stdout = child.stdout.take().expect("a pipe");
            stdout.read_to_string(&mut printed).expect("UTF-8");
            assert_eq!(printed, "it returned 71\n", "{answer:#?}");
            assert!(child.wait().expect("it is our child").success());
        }
    });
}

#[test]
fn only_the_rank_that_is_meant_stops() {
    let Some(python) = any_python() else {
        return;
    };
    for (rank, stops) in [("0", false), ("1", true)] {
        let variables = [("RANK", rank), ("PMDB_WAIT", "0")];
        let child = without_terminal(python, "rank", &variables);
        let output = child.wait_with_output().expect("it is our child");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            said.contains("called set_trace() and waits"),
            stops,
            "{said}"
        );
        assert_eq!(
            said.contains("nobody has attached within 0 s"),
            stops,
            "{said}"
        );
        assert_eq!(output.stdout, b"the end\n");
    }
}

#[test]
fn under_pmdb_run_the_prompt_is_that_of_the_command() {
    on_each_python(|python| {
        let path = python.path.display().to_string();
        let script = fixture_path("asking_pmdb.py").display().to_string();
        let package = format!("PYTHONPATH={}", package().display());
        let run = |commands: &[&str], what: &str| {
            let program = ["--", "env", &package, &path, &script, what];
            pmdb_alone([&["run"], commands, &program].concat(), "")
        };
        let answer = run(
            &["-c", "p square", "-c", "!square = 30", "-c", "c"],
            "trace",
        );
        let said = &answer.stderr;
        assert!(said.contains("called set_trace()\n> "), "{said}");
        assert!(said.contains("-> pmdb.set_trace()\n9\n"), "{said}");
        assert_eq!(answer.stdout, "it returned 31\n", "{said}");
        let answer = run(&["-c", "p total, items", "-c", "c"], "block");
        let said = &answer.stderr;
        assert!(
            said.contains("raised IndexError: list index out of range\n> "),
            "{said}"
        );
        assert!(
            said.contains("-> return items[total]\n(7, [1, 2, 4])\n"),
            "{said}"
        );
        // It is one stop: the module leaves it to `pmdb run`.
        let answer = run(&["-c", "p items", "-c", "c"], "ends_program");
        let said = &answer.stderr;
        assert!(said.contains("the program ends with it\n> "), "{said}");
        assert_eq!(said.matches("[pmdb] asking_pmdb.py").count(), 1, "{said}");
    });
}

#[test]
fn workers_have_the_terminal_one_after_the_other() {
    let Some(python) = any_python() else {
        return;
    };
    let (_home, mut terminal) = in_terminal(python, &["several"]);
    let mut values = Vec::new();
    for _ in 0..2 {
        terminal.wait_for("[pmdb] worker-");
        terminal.wait_for(") called set_trace()");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("p 'it', 'has', number, 'here'\n");
        terminal.wait_for("('it', 'has', ");
        let value = terminal.wait_for(", 'here')\r\n");
        let value = value.chars().next().expect("a number");
        terminal.wait_for("(pmdb) ");
        values.push(value);
        terminal.type_keys("c\n");
    }
    terminal.wait_for("they ended with [0, 0]");
    values.sort_unstable();
    assert_eq!(values, ['5', '6'], "{}", terminal.seen);
}

#[test]
fn as_python_m_pdb_it_runs_a_program_from_its_first_line() {
    on_each_python(|python| {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = with_package(python);
        command
            .args(["-X", "dev", "-m", "pmdb", "-c", "b rank", "-c", "c"])
            .arg(fixture_path("asking_pmdb.py"))
            .arg("rank")
            .env("HOME", home.path())
            .env_remove("XDG_STATE_HOME");
        let mut terminal = Terminal::start(command);
        terminal.wait_for("rank()");
        terminal.wait_for("-> pmdb.set_trace(rank=1)");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("import sys; sys.flags.dev_mode, sys.argv[1:]\n");
        terminal.wait_for("(True, ['rank'])");
        terminal.type_keys("c\n");
        terminal.wait_for("the end");
    });
}

#[test]
fn a_missing_program_is_said_and_the_python_program_goes_on() {
    let Some(python) = any_python() else {
        return;
    };
    let home = tempfile::tempdir().expect("a folder");
    let mut command = with_package(python);
    command
        .env("PMDB_BINARY", "/nowhere/pmdb")
        .env("HOME", home.path())
        .arg(fixture_path("asking_pmdb.py"))
        .arg("trace");
    let mut terminal = Terminal::start(command);
    terminal.wait_for("called set_trace(), but PMDB_BINARY names /nowhere/pmdb");
    terminal.wait_for("it returned 10");
    assert!(terminal.wait().success());
}

#[test]
fn it_knows_the_ranks_that_the_debugger_knows() {
    let Some(python) = any_python() else {
        return;
    };
    let program = "from pmdb import _ranks; print(*_ranks.VARIABLES)";
    let output = with_package(python).args(["-c", program]).output();
    let output = output.expect("it starts");
    let known = String::from_utf8_lossy(&output.stdout);
    let known: Vec<&str> = known.split_whitespace().collect();
    assert_eq!(known, pmdb::ranks::RANK_VARIABLES);
}

/// Half of it with a filter of system calls that forbids ptrace(2) and process_vm_readv(2), as a container may.
const WRITES_ITSELF_DOWN: &str = r#"
import ctypes, json, os, signal, struct, sys, threading
import pmdb

def forbid_tracing():
    # BPF: the number of the call; EPERM for two of them, else it is allowed (seccomp(2)).
    def op(code, jt, jf, k):
        return struct.pack("HBBI", code, jt, jf, k)
    program = op(0x20, 0, 0, 0) + op(0x15, 2, 0, 101) + op(0x15, 1, 0, 310) + op(0x06, 0, 0, 0x7fff0000) + op(0x06, 0, 0, 0x00050001)
    text = ctypes.create_string_buffer(program)
    filter = struct.pack("HxxxxxxQ", 5, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, filter, 0, 0) == 0

def work(number):
    secret = number * 111
    # As the handler of a signal would, while one is written.
    with pmdb._snapshots.writing:
        return pmdb.snapshot(os.path.join(sys.argv[1], "%s.pmdb" % number))

def fail():
    items = [9999]
    raise IndexError("list index out of range \ud800")

def run(number):
    print(work(number))
    thread = threading.Thread(target=fail, name="failing")
    thread.start()
    thread.join()

threading.excepthook = lambda about: None
pmdb.install(snapshot=sys.argv[1])
run(1)
forbid_tracing()
# Nobody collects children then, and the waiting for one is interrupted.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
run(2)
signal.setitimer(signal.ITIMER_REAL, 0)
try:
    pmdb.snapshot("/no/such/folder/x.pmdb")
except pmdb.NotTaken as why:
    print(why)
program = os.path.join(sys.argv[1], "program")
with open(program, "wb") as file:
    file.write(b"\0")
os.chmod(program, 0o755)
os.environ["PMDB_BINARY"] = program
pmdb.install(snapshot=sys.argv[1])
fail_silently = threading.Thread(target=fail)
fail_silently.start()
fail_silently.join()
"#;

#[test]
fn a_program_writes_itself_down_also_where_nobody_may_trace() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = with_package(python);
    command.args(["-c", WRITES_ITSELF_DOWN]).arg(folder.path());
    let answer = crate::support::run(command, "");
    let said: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!((answer.code, said.len()), (Some(0), 3), "{answer:?}");
    assert!(
        said[2].contains("cannot write /no/such/folder/x.pmdb"),
        "{answer:?}"
    );
    for (number, said) in [("1", said[0]), ("2", said[1])] {
        let path = folder.path().join(format!("{number}.pmdb"));
        assert_eq!(path.to_str(), Some(said));
        let expected = format!("\n{}\n{number}\n", number.repeat(3));
        let looks = ["up 99", "where", "down 1", "down 1", "p secret", "p number"];
        let looks = looks.iter().flat_map(|look| ["-c", look]);
        let answer = crate::support::pmdb(["open", said].into_iter().chain(looks));
        let text = &answer.stdout;
        assert!(
            text.contains("work()") && text.ends_with(&expected),
            "{answer:?}"
        );
        let told = crate::support::pmdb(["stack", "--core", said]);
        let is_from_inside = told.stdout.contains("it was written from inside");
        assert_eq!(is_from_inside, number == "2", "{told:?}");
    }
    let mut lost: Vec<&str> = answer.stderr.lines().collect();
    assert_eq!(lost.len(), 3, "{answer:?}");
    let last = lost.pop().unwrap_or_default();
    let why = "; no snapshot: [Errno 8] Exec format error";
    assert!(last.contains(why), "{last}");
    for line in lost {
        let (told, path) = line.split_once(": pmdb open ").expect("where it is");
        assert!(
            told.contains(") raised IndexError: list index out of range"),
            "{line}"
        );
        let looks = ["-c", "where", "-c", "p items"];
        let answer = crate::support::pmdb(["open", path].into_iter().chain(looks));
        let text = &answer.stdout;
        assert!(
            text.contains("fail()") && text.ends_with("\n[9999]\n"),
            "{answer:?}"
        );
    }
}
