//! The options of `pmdb run`: how the command is written, where commands of the prompt come from, and how it ends.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Answer, Python, Terminal, any_python, on_each_python, pmdb_of_user, write_script,
};

/// Raises in a thread, and then waits for its child, which has said who it is.
const WAITING: &str = "\
import os, sys, threading, time
child = os.fork()
if child == 0:
    time.sleep(1000)
print(child, flush=True)
def work(number):
    raise ValueError('number %d' % number)
thread = threading.Thread(target=work, args=(7,))
thread.start()
thread.join()
os.wait()
";

/// Runs `pmdb run` without a terminal, in a folder, with the Python that the tests prefer as `python3`.
fn run(folder: &Path, words: &[&str]) -> Answer {
    let python = any_python().expect("there is a Python");
    run_on(python, folder, words)
}

fn run_on(python: &Python, folder: &Path, words: &[&str]) -> Answer {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).expect("a folder");
    let link = programs.join("python3");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(&python.path, &link).expect("a link");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .arg("run")
        .args(words)
        .current_dir(folder)
        .env("COLUMNS", "120");
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    // SAFETY: between fork and exec only setsid(2) is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    crate::support::run(command, "")
}

fn folder_with(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_script(&folder.path().join("script.py"), script);
    folder
}

#[test]
fn command_begins_at_its_first_word() {
    let folder = folder_with("import sys\nprint(__name__, sys.argv[1:])\n");
    let path = folder.path();
    let said = "__main__ ['-c', '--batch', '--', '-m']\n";
    let arguments = ["-c", "--batch", "--", "-m"];
    for begin in [
        &["python3", "script.py"][..],
        &["--", "python3", "script.py"],
        &["--batch", "python3", "script.py"],
        &["script.py"],
        &["-m", "script"],
        &["-m", "--", "script"],
        &["./script.py"],
    ] {
        let answer = run(path, &[begin, &arguments].concat());
        assert_eq!(answer.stdout, said, "{begin:?}: {answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    }
    let entry = [
        "--stop-at-entry",
        "-c",
        "where",
        "-c",
        "q",
        "script.py",
        "-q",
    ];
    let answer = run(path, &entry);
    assert!(
        answer.stdout.contains("script.py(1)<module>()"),
        "{answer:#?}"
    );
}

#[test]
fn what_cannot_be_run_says_how_it_could() {
    let folder = folder_with("");
    fs::write(folder.path().join("tool"), "print(1)\n").expect("a file");
    let answer = run(folder.path(), &["./tool"]);
    assert!(
        answer
            .stderr
            .contains("not executable; if it is a script, put its interpreter before it")
    );
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    let answer = run(folder.path(), &["--no-such-option", "script.py"]);
    assert!(answer.stderr.contains("'--no-such-option'"), "{answer:#?}");
    assert_eq!(answer.code, Some(2), "{answer:#?}");
    let answer = run(folder.path(), &["--kill", "--stop-at-entry", "script.py"]);
    assert_eq!(answer.code, Some(2), "{answer:#?}");
}

#[test]
fn script_of_commands_comes_before_those_of_the_command_line() {
    let folder = folder_with("number = 41\nbreakpoint()\nprint('the end', number)\n");
    let commands = "# a comment\n\n  p 'first', number\n!number += 1\nalias twice p 2 * %1\n";
    fs::write(folder.path().join("commands"), commands).expect("a file");
    let words = ["--script", "commands", "-c", "twice number", "script.py"];
    let answer = run(folder.path(), &words);
    assert!(answer.stderr.contains("('first', 41)\n84\n"), "{answer:#?}");
    assert_eq!(answer.stdout, "the end 42\n", "{answer:#?}");
    let answer = run(folder.path(), &["--script", "nothing", "script.py"]);
    assert!(
        answer.stderr.contains("cannot read the script nothing: "),
        "{answer:#?}"
    );
    assert_eq!(
        (answer.stdout.as_str(), answer.code),
        ("", Some(1)),
        "{answer:#?}"
    );
}

#[test]
fn kill_ends_all_processes_when_the_commands_are_used_up() {
    let folder = folder_with(WAITING);
    for commands in [&[][..], &["-c", "p 'number', number"]] {
        let answer = run(
            folder.path(),
            &[&["--kill"], commands, &["script.py"]].concat(),
        );
        assert!(
            answer.stderr.contains("raised ValueError: number 7\n"),
            "{answer:#?}"
        );
        let shown = if commands.is_empty() {
            "number = 7\n"
        } else {
            "('number', 7)\n"
        };
        assert!(answer.stderr.contains(shown), "{answer:#?}");
        assert!(
            answer.stderr.ends_with("with all its processes (--kill)\n"),
            "{answer:#?}"
        );
        assert_eq!(answer.code, Some(128 + 15), "{answer:#?}");
        let child = answer.stdout.trim();
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
    // What ends by itself keeps its exit code.
    write_script(
        &folder.path().join("script.py"),
        "import sys\nsys.exit(3)\n",
    );
    let answer = run(folder.path(), &["--kill", "-c", "where", "script.py"]);
    assert_eq!(answer.code, Some(3), "{answer:#?}");
}

/// Workers that go wrong one after the other, each in its own way.
const FAILING: &str = "\
import ctypes, multiprocessing, os, signal, sys, threading, time

class OwnError(ValueError):
    pass

def work(rank, what):
    os.environ['RANK'] = str(rank)
    local = 'local of %d' % rank
    if what == 'breakpoint':
        breakpoint()
    elif what == 'crash':
        ctypes.string_at(0)
    elif what == 'exit':
        os._exit(3)
    elif what == 'threads':
        for _ in range(3):
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        os._exit(4)
    elif what == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)
    elif what != 'nothing':
        raise {'own': OwnError, 'key': KeyError, 'value': ValueError, 'process': multiprocessing.ProcessError}[what](local)

if __name__ == '__main__':
    context = multiprocessing.get_context('fork')
    for rank, what in enumerate(sys.argv[1:]):
        worker = context.Process(target=work, args=(rank, what), name='w%d' % rank)
        worker.start()
        worker.join()
        print(what, worker.exitcode)
";

/// What each heading says, without the pid.
fn headings(answer: &Answer) -> Vec<String> {
    let lines = answer.stderr.lines();
    let of_line = |line: &str| {
        let (name, rest) = line.strip_prefix("[pmdb] ")?.split_once(" (pid ")?;
        Some(format!("{name} {}", rest.split_once(") ")?.1))
    };
    lines.filter_map(of_line).collect()
}

#[test]
fn kinds_of_stops_can_be_chosen() {
    let folder = folder_with(FAILING);
    let run = |options: &[&str], hows: &[&str]| {
        run(
            folder.path(),
            &[options, &["--batch", "script.py"], hows].concat(),
        )
    };
    let all = ["key", "nothing", "crash", "exit", "killed", "breakpoint"];
    let crashes = "w2 is about to die of SIGSEGV: it touched 0x0, a null pointer";
    for (kinds, expected) in [
        (
            "python-exception",
            &["w0 raised KeyError: 'local of 0'"][..],
        ),
        ("breakpoint", &["w5 called breakpoint()"]),
        ("crash", &[crashes]),
        (
            "exit,crash",
            &[
                "w0 is about to end with exit code 1",
                crashes,
                "w3 is about to end with exit code 3",
                "w4 is about to die of SIGKILL: sender unknown",
                "w5 is about to end with exit code 1",
            ],
        ),
    ] {
        // The debugger that `breakpoint()` calls without pmdb has no input, which is an exception too.
        let hows = if kinds == "python-exception" {
            &all[..5]
        } else {
            &all
        };
        let answer = run(&["--on", kinds], hows);
        let told = headings(&answer);
        let is_told = |(told, expected): (&String, &&str)| told.starts_with(expected);
        assert!(
            told.len() == expected.len() && told.iter().zip(expected).all(is_told),
            "{kinds}: {answer:#?}"
        );
        let printed = "key 1\nnothing 0\ncrash -11\nexit 3\nkilled -9\n";
        assert!(answer.stdout.starts_with(printed), "{answer:#?}");
        let last = match kinds {
            "breakpoint" => "breakpoint 0\n",
            "python-exception" => "",
            _ => "breakpoint 1\n",
        };
        assert!(answer.stdout.ends_with(last), "{answer:#?}");
    }
    let answer = run(&["--on", "crash,panik"], &["nothing"]);
    assert_eq!((answer.stdout.as_str(), answer.code), ("", Some(2)));
    assert!(
        answer.stderr.contains(
            "[possible values: python-exception, breakpoint, panic, caught-panic, crash, exit]"
        ),
        "{answer:#?}"
    );
}

#[test]
fn a_process_stands_still_with_its_frames_before_a_bad_end() {
    on_each_python(|python| {
        let folder = folder_with(FAILING);
        let words = [
            "--on",
            "exit",
            "-c",
            "p local, rank",
            "-c",
            "!rank += 1",
            "script.py",
            "exit",
        ];
        let answer = run_on(python, folder.path(), &words);
        assert_eq!(
            headings(&answer),
            ["w0 is about to end with exit code 3"],
            "{answer:#?}"
        );
        let said = &answer.stderr;
        assert!(
            said.contains("work()\n-> os._exit(3)\n('local of 0', 0)\n"),
            "{said}"
        );
        assert!(
            said.contains("about to end with exit code 3: nothing can be run in it"),
            "{said}"
        );
        assert_eq!(answer.stdout, "exit 3\n", "{said}");
        assert!(said.contains("first w0 (pid "), "{said}");
        let words = [
            "--on",
            "exit",
            "-c",
            "p local",
            "-c",
            "threads",
            "script.py",
            "threads",
        ];
        let answer = run_on(python, folder.path(), &words);
        let said = &answer.stderr;
        assert!(
            said.contains("work()\n-> os._exit(4)\n'local of 0'\n"),
            "{said}"
        );
        assert_eq!(said.matches(" Thread-").count(), 3, "{said}");
        // Before 3.12 nothing is left of its frames after `sys.exit()`.
        let script = "\
import sys, threading
def leave(code):
    sys.exit(code)
thread = threading.Thread(target=leave, args=(6,))
thread.start()
thread.join()
try:
    leave(7)
except SystemExit:
    leave(5)
";
        write_script(&folder.path().join("script.py"), script);
        let words = ["--on", "exit", "-c", "p code", "script.py"];
        let answer = run_on(python, folder.path(), &words);
        let (said, left) = if python.minor < 12 {
            let left = "has shut its Python down before this: no frames are left\n";
            ("script.py is about to end with exit code 5", left)
        } else {
            let left = "leave()\n-> sys.exit(code)\n5\n";
            ("script.py raised SystemExit: 5", left)
        };
        assert_eq!(headings(&answer), [said], "{answer:#?}");
        assert!(answer.stderr.contains(left), "{answer:#?}");
        assert_eq!(answer.code, Some(5), "{answer:#?}");
    });
}

#[test]
fn types_of_exceptions_can_be_let_pass() {
    on_each_python(|python| {
        let folder = folder_with(FAILING);
        let names = "LookupError,__main__.OwnError,multiprocessing.ProcessError,os.ValueError";
        let words = [
            "--except",
            names,
            "--batch",
            "script.py",
            "key",
            "own",
            "process",
            "value",
        ];
        let answer = run_on(python, folder.path(), &words);
        let told = headings(&answer);
        assert_eq!(told, ["w3 raised ValueError: local of 3"], "{answer:#?}");
        assert_eq!(
            answer.stdout, "key 1\nown 1\nprocess 1\nvalue 1\n",
            "{answer:#?}"
        );
    });
}

#[test]
fn ranks_names_and_the_first_failure_narrow_what_stops() {
    let folder = folder_with(FAILING);
    let hows = ["value", "breakpoint", "key", "crash", "value"];
    let run = |options: &[&str]| {
        let words = [options, &["--batch", "script.py"], &hows].concat();
        run(folder.path(), &words)
    };
    for (options, expected, let_pass) in [
        (
            &["--rank", "2"][..],
            &["w2"][..],
            "; 3 failures were let pass\n",
        ),
        (&["--rank=1"], &["w1"], "; 4 failures were let pass\n"),
        (
            &["--name", "w[03]"],
            &["w0", "w3"],
            "; 2 failures were let pass\n",
        ),
        (
            &["--only-first"],
            &["w0", "w1"],
            "; 3 failures were let pass\n",
        ),
        (
            &["--only-first", "--name=w3"],
            &["w3"],
            "; 3 failures were let pass\n",
        ),
        (&[], &["w0", "w1", "w2", "w3", "w4"], "; 6 processes\n"),
    ] {
        let answer = run(options);
        let told = headings(&answer);
        let who: Vec<&str> = told
            .iter()
            .filter_map(|told| told.split(' ').next())
            .collect();
        assert_eq!(who, expected, "{options:?}: {answer:#?}");
        assert!(answer.stderr.contains(let_pass), "{options:?}: {answer:#?}");
        let printed = "value 1\nbreakpoint 0\nkey 1\ncrash -11\nvalue 1\n";
        assert_eq!(answer.stdout, printed, "{options:?}: {answer:#?}");
        // All are told at the end, whether they stopped or not.
        for line in [
            "first w0 (pid ",
            "then  w2 (pid ",
            "then  w3 (pid ",
            "then  w4 (pid ",
        ] {
            assert!(answer.stderr.contains(line), "{options:?}: {answer:#?}");
        }
    }
    let answer = run(&["--name", "w[03"]);
    assert_eq!(answer.code, Some(2), "{answer:#?}");
    let answer = run(&["--except", "a b"]);
    assert_eq!(answer.code, Some(2), "{answer:#?}");
}

#[test]
fn functions_that_take_exceptions_can_be_told_of() {
    let module = "\
class Worker:
    def run(self, task):
        try:
            task()
        except Exception as error:
            self.on_error(error)
    def on_error(self, error):
        print('logged', error)
";
    let script = "\
import farm
def task():
    local = 5
    raise LookupError(local)
farm.Worker().run(task)
";
    on_each_python(|python| {
        let folder = folder_with(script);
        write_script(&folder.path().join("farm.py"), module);
        let row =
            "[[catcher]]\nfile = 'farm.py'\nfunction = 'Worker.on_error'\nargument = 'error'\n";
        let path = folder.path().join("catchers.toml");
        let words = ["-c", "p local", "script.py"];
        let told = [&["--catchers", "catchers.toml"][..], &words].concat();
        fs::write(&path, row).expect("a file");
        let answer = run_on(python, folder.path(), &words);
        assert_eq!(headings(&answer).len(), 0, "{answer:#?}");
        assert_eq!(answer.stdout, "logged 5\n", "{answer:#?}");
        let answer = run_on(python, folder.path(), &told);
        let said = &answer.stderr;
        assert_eq!(
            headings(&answer),
            ["script.py raised LookupError: 5"],
            "{said}"
        );
        assert!(
            said.contains("nobody will catch it: Worker.on_error takes it\n"),
            "{said}"
        );
        assert!(said.contains("-> raise LookupError(local)\n5\n"), "{said}");
        assert_eq!(answer.stdout, "logged 5\n", "{said}");

        let more = "caller = 'Worker.run'\nfate = 'farm \"only\" logs it'\n";
        fs::write(folder.path().join(".pmdb.toml"), format!("{row}{more}")).expect("a file");
        let answer = run_on(python, folder.path(), &words);
        assert!(
            answer.stderr.contains(": farm \"only\" logs it\n"),
            "{answer:#?}"
        );
        fs::write(&path, format!("\n{row}colour = 'red'\n")).expect("a file");
        let answer = run_on(python, folder.path(), &told);
        assert!(
            answer
                .stderr
                .contains("catchers.toml:6: unknown field `colour`"),
            "{answer:#?}"
        );
        assert_eq!((answer.stdout.as_str(), answer.code), ("", Some(1)));
    });
}

#[test]
fn next_failure_goes_round_those_that_wait() {
    let python = any_python().expect("there is a Python");
    let script = "\
import multiprocessing
def work(barrier, number):
    local = number * 10
    barrier.wait()
    raise ValueError(local)
if __name__ == '__main__':
    context = multiprocessing.get_context('fork')
    barrier = context.Barrier(3)
    workers = [context.Process(target=work, args=(barrier, number), name='w%d' % number) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print([worker.exitcode for worker in workers])
";
    let folder = folder_with(script);
    let mut command = pmdb_of_user(["run"], folder.path());
    command
        .arg(&python.path)
        .arg("script.py")
        .current_dir(folder.path());
    let mut terminal = Terminal::start(command);
    terminal.wait_for("(pmdb w");
    loop {
        terminal.type_keys("procs\r");
        terminal.wait_for("COMMAND");
        let listed = terminal.wait_for("(pmdb w");
        if listed.matches(" raised ValueError ").count() == 3 {
            break;
        }
    }
    // Each is met once, and then the first again.
    let mut seen = Vec::new();
    for _ in 0..4 {
        terminal.type_keys("next-failure\r");
        let heading = terminal.wait_for(") raised ValueError: ");
        let name = heading.rsplit("[pmdb] ").next().expect("a heading");
        let name = name.split(' ').next().expect("a name").to_string();
        terminal.wait_for("; 2 more processes wait");
        terminal.wait_for(&format!("(pmdb {name}) "));
        seen.push(name);
    }
    assert_eq!(seen[0], seen[3], "{seen:?}");
    let mut names = seen[..3].to_vec();
    names.sort();
    assert_eq!(names, ["w0", "w1", "w2"]);
    for left in ["; one more process waits", ") raised ValueError: "] {
        terminal.type_keys("c\r");
        terminal.wait_for(left);
        terminal.wait_for("(pmdb w");
    }
    terminal.type_keys("nf\r");
    terminal.wait_for("*** no other process waits with a failure");
    terminal.wait_for("(pmdb w");
    terminal.type_keys("c\r");
    terminal.wait_for("[1, 1, 1]");
    assert!(terminal.wait().success());
}

#[test]
fn processes_that_are_not_to_stop_do_not_wait_for_the_prompt() {
    let python = any_python().expect("there is a Python");
    let script = "\
import multiprocessing, os, time
def work(wanted):
    if not wanted:
        wanted_stops.wait()
    raise ValueError(wanted)
if __name__ == '__main__':
    context = multiprocessing.get_context('fork')
    wanted_stops = context.Event()
    other = context.Process(target=work, args=(False,), name='other')
    wanted = context.Process(target=work, args=(True,), name='wanted')
    other.start()
    wanted.start()
    while not os.path.exists('go'):
        time.sleep(0.01)
    wanted_stops.set()
    other.join()
    print('other ended with', other.exitcode, flush=True)
    wanted.join()
";
    let folder = folder_with(script);
    let mut command = pmdb_of_user(["run", "--name", "wanted"], folder.path());
    command
        .arg(&python.path)
        .arg("script.py")
        .current_dir(folder.path());
    let mut terminal = Terminal::start(command);
    terminal.wait_for("(pmdb wanted) ");
    // Somebody is at the prompt meanwhile.
    fs::write(folder.path().join("go"), "").expect("a file");
    terminal.wait_for("other ended with 1");
    terminal.type_keys("c\r");
    assert!(terminal.wait().success());
}

#[test]
fn a_process_that_was_let_go_is_stopped_again() {
    on_each_python(|python| {
        let script = "import time\nrounds = 0\nbreakpoint()\nwhile not rounds:\n    time.sleep(0.01)\nprint('over', rounds)\n";
        let folder = folder_with(script);
        let commands = ["p rounds", "detach", "stop", "!rounds = 7", "p rounds", "c"];
        let words: Vec<&str> = commands.iter().flat_map(|one| ["-c", one]).collect();
        let answer = run_on(
            python,
            folder.path(),
            &[&words[..], &["script.py"]].concat(),
        );
        assert_eq!(answer.stdout, "over 7\n", "{answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    });
}

#[test]
fn failures_are_written_down() {
    let folder = folder_with(
        "def work(number):\n    raise ValueError(number)\nimport subprocess\n\
        # It is not needed any more, and of no interest.\n\
        with subprocess.Popen(['sleep', '99']) as other:\n    other.kill()\nwork(41)\n",
    );
    let answer = run(
        folder.path(),
        &[
            "--on-failure",
            "snapshot",
            "--out",
            "crashes",
            "python3",
            "script.py",
        ],
    );
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let written = fs::read_dir(folder.path().join("crashes")).expect("it was made");
    let mut written: Vec<_> = written.map(|entry| entry.expect("a file").path()).collect();
    written.sort();
    let [page, snapshot] = &written[..] else {
        panic!("{written:?}: {answer:?}");
    };
    assert_eq!(page, &snapshot.with_extension("html"));
    let page = fs::read_to_string(page).expect("text");
    assert!(
        page.contains("ValueError: 41") && page.ends_with("</html>\n"),
        "{page}"
    );
    let said = format!(
        "crashes/{}",
        snapshot.file_name().expect("a name").to_string_lossy()
    );
    assert!(answer.stderr.contains(&said), "{answer:?}");
    // Its sources are inside.
    fs::write(folder.path().join("script.py"), "another = 1\n").expect("it was there");
    let asked = ["-c", "where", "-c", "exceptions", "-c", "p number + 1"];
    let file = ["open".as_ref(), snapshot.as_os_str()];
    let later = crate::support::pmdb(file.into_iter().chain(asked.iter().map(OsStr::new)));
    let text = &later.succeeded().stdout;
    assert!(text.ends_with("42\n"), "{later:?}");
    assert!(text.contains("ValueError(41)"), "{later:?}");
    assert!(text.contains("-> raise ValueError(number)"), "{later:?}");
    let stack = ["stack".as_ref(), "--core".as_ref(), snapshot.as_os_str()];
    let stack = crate::support::pmdb(stack);
    assert!(
        stack.succeeded().stdout.contains("ValueError: 41"),
        "{stack:?}"
    );
    assert_reports(snapshot);
}

/// Everything that a snapshot of `raise ValueError(number)` tells.
fn assert_reports(snapshot: &Path) {
    let report = |form: &str| {
        let words = ["--report".as_ref(), form.as_ref()];
        let answer = crate::support::pmdb(
            ["open".as_ref(), snapshot.as_os_str()]
                .into_iter()
                .chain(words),
        );
        answer.succeeded();
        answer.stdout
    };
    let failure = "it has raised ValueError: 41";
    let text = report("text");
    for expected in [failure, "raise ValueError(number)", "number = 41", "PATH="] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&report("json")).expect("JSON");
    let first = &json["processes"][0];
    assert_eq!(first["failure"], failure);
    let exception = &first["report"]["threads"][0]["exceptions"][0];
    let frame = &exception["frames"][0];
    assert_eq!(frame["locals"][0]["value"], "41", "{first}");
    let (file, line) = (frame["file"].as_str().expect("a file"), &frame["line"]);
    let source = &first["lines"][file][line.to_string()];
    assert_eq!(source, "    raise ValueError(number)");

    let page = report("html");
    assert!(page.starts_with("<!doctype html>") && page.contains("width=device-width"));
    for expected in [
        "What failed first",
        failure,
        "<mark><i>    2</i>     raise ValueError(number)",
        "<code>41</code>",
        "Timeline",
        "PATH",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // It loads and runs nothing.
    for never in [
        "<script", "<link", "<img", "src=", "href=", "url(", "@import", "onload",
    ] {
        assert!(!page.contains(never), "{never}");
    }
    let count = |text: &str| page.matches(text).count();
    for tag in [
        "details", "section", "table", "div", "ol", "pre", "p", "svg",
    ] {
        let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn what_is_killed_is_written_down_with_what_is_known_of_it() {
    let script = "import os, signal\ndef decode(number):\n    os.kill(os.getpid(), signal.SIGKILL)\ndecode(41)\n";
    let folder = folder_with(script);
    let words = [
        "--on-failure",
        "snapshot",
        "--out",
        "crashes",
        "python3",
        "script.py",
    ];
    let answer = run(folder.path(), &words);
    assert_eq!(answer.code, Some(137), "{answer:?}");
    let written = fs::read_dir(folder.path().join("crashes")).expect("it was made");
    let mut written = written.map(|entry| entry.expect("a file").path());
    let snapshot = written.find(|path| path.extension() == Some(OsStr::new("pmdb")));
    let snapshot = snapshot.unwrap_or_else(|| panic!("{answer:?}"));
    let asked = ["-c", "where", "-c", "p number + 1"];
    let file = ["open".as_ref(), snapshot.as_os_str()];
    let later = crate::support::pmdb(file.into_iter().chain(asked.iter().map(OsStr::new)));
    let text = &later.succeeded().stdout;
    assert!(text.ends_with("42\n"), "{later:?}");
    let told = crate::support::pmdb(["stack".as_ref(), "--core".as_ref(), snapshot.as_os_str()]);
    let cause = "before it ended; SIGKILL; sender unknown";
    assert!(told.succeeded().stdout.contains(cause), "{told:?}");
}
