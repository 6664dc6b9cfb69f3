//! Bad luck of the processes of a command: there are very many of them, they become somebody else, want to be traced by others, are all killed, or pmdb is.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Executable, Python, Terminal, any_python, fixture_path, pmdb_alone, pythons,
    run as run_command, skip,
};

/// As a keyboard sends it.
const CTRL_C: &str = "\x03";

/// Runs a piece of Python to its end.
fn run(python: &Python, program: &str) -> crate::support::Answer {
    let path = python.path.display().to_string();
    pmdb_alone(["run", "--batch", "--", &path, "-c", program], "")
}

/// Runs one at whose stops there is a prompt.
fn in_terminal(python: &Python, program: &str) -> Terminal {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command.args(["run", "--"]).arg(&python.path);
    command.args(["-u", "-c", program]);
    Terminal::start(command)
}

#[test]
fn thousands_of_short_lived_processes_are_no_hindrance() {
    let python = any_python().expect("there is a Python");
    let program = "\
import os, subprocess
for _ in range(1900):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
some = [subprocess.Popen(['true']) for _ in range(99)]
print(sum(one.wait() for one in some))
";
    let answer = run(python, program);
    let told = "[pmdb] the command has ended with exit code 0; 2000 processes\n";
    assert_eq!(
        (answer.stdout.as_str(), answer.stderr.as_str()),
        ("0\n", told)
    );
}

#[test]
fn who_becomes_somebody_else_or_hides_itself_still_stops() {
    if !nix::unistd::geteuid().is_root() {
        return skip("another user", "only root can become another user");
    }
    let python = any_python().expect("there is a Python");
    for before in [
        "os.setgid(65534); os.setuid(65534)",
        // PR_SET_DUMPABLE
        "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)",
        // PTRACE_TRACEME, which is refused to those who are traced.
        "assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == -1",
    ] {
        let program = format!(
            "\
import ctypes, os
if os.fork() == 0:
    {before}
    [][len('seen')]
print(os.wait()[1] >> 8)
"
        );
        let answer = run(python, &program);
        assert_eq!(answer.stdout, "1\n", "{before}: {answer:#?}");
        let told = ") raised IndexError: list index out of range\n";
        assert!(answer.stderr.contains(told), "{before}: {answer:#?}");
    }
}

#[test]
fn a_tree_that_is_killed_as_a_whole_is_no_hang() {
    let python = any_python().expect("there is a Python");
    let program = "\
import os, time
root = os.getpid()
workers = [os.fork() or breakpoint() or time.sleep(1000) for _ in range(3)] if os.getpid() == root else 0
";
    let mut terminal = in_terminal(python, &format!("{program}time.sleep(1000)\n"));
    terminal.wait_for(") called breakpoint()");
    terminal.wait_for("(pmdb ");
    let mut family = vec![terminal.pid().as_raw()];
    let mut place = 0;
    while let Some(parent) = family.get(place) {
        let path = format!("/proc/{parent}/task");
        let threads = std::fs::read_dir(path).expect("it is there").flatten();
        let children =
            threads.filter_map(|it| std::fs::read_to_string(it.path().join("children")).ok());
        let children: Vec<i32> = children
            .flat_map(|it| {
                it.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .filter(|pid| !is_pmdb(*pid))
            .collect();
        family.extend(children);
        place += 1;
    }
    assert!(family.len() >= 3, "{family:?}");
    for pid in &family[1..] {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).expect("it is there");
    }
    terminal.press_until("c\r", "the command has ended with signal SIGKILL");
    assert_eq!(terminal.wait().code(), Some(128 + 9));
}

/// The guardian.
fn is_pmdb(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.starts_with("pmdb"))
}

#[test]
fn ctrl_c_again_and_again_is_the_programs_while_it_runs() {
    let python = any_python().expect("there is a Python");
    let program = "\
import signal, time
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1) or print('got', len(got)))
print('waiting')
while len(got) < 3:
    time.sleep(0.01)
";
    let mut terminal = in_terminal(python, program);
    terminal.wait_for("waiting");
    for number in 1..=3 {
        terminal.type_keys(CTRL_C);
        terminal.wait_for(&format!("got {number}"));
    }
    terminal.wait_for("ended with exit code 0");
    assert!(terminal.wait().success());
}

#[test]
fn all_processes_live_when_pmdb_is_killed() {
    let python = any_python().expect("there is a Python");
    let program = "\
import os, sys, time
def traces():
    return [it for it in open('/proc/self/maps') if 'pmdb' in it or it.endswith('r-xp 00000000 00:00 0 \\n')]
print('begun with', len(traces()), flush=True)
if os.fork() == 0:
    breakpoint()
    os.write(1, b'the one that stood goes on\\n')
    os._exit(0)
os.wait()
sys.stdin.read()
while traces():
    time.sleep(0.01)
print('and its parent', flush=True)
";
    let mut pmdb = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args([
            "run",
            "-c",
            "p print('it stands', flush=True)",
            "-c",
            "p __import__('time').sleep(1000)",
            "--",
        ])
        .arg(&python.path)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let said = BufReader::new(pmdb.stderr.take().expect("a pipe"));
    let mut said = said.lines().map_while(Result::ok);
    assert!(said.any(|line| line == "it stands"));
    pmdb.kill().expect("it is there");
    drop(pmdb.stdin.take());
    let lines = BufReader::new(pmdb.stdout.take().expect("a pipe")).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    // The page of the text, and from 3.12 on one that has code, and belongs to no file.
    let pages = if python.minor < 12 { 1 } else { 2 };
    assert_eq!(
        lines,
        [
            &format!("begun with {pages}"),
            "the one that stood goes on",
            "and its parent"
        ]
    );
    pmdb.wait().expect("it was started");
}

/// Builds `fixtures/embed.c` in a folder: linked with a library, or to load one.
fn embedding(folder: &Path, library: Option<&Path>) -> PathBuf {
    let program = folder.join(if library.is_some() {
        "linked"
    } else {
        "loading"
    });
    let mut compiler = Command::new("cc");
    compiler
        .args(["-O1", "-Wl,--no-as-needed", "-o"])
        .arg(&program);
    compiler.arg(fixture_path("embed.c"));
    match library {
        Some(library) => {
            let folder = library.parent().expect("it is in one").display();
            compiler.arg(library).arg(format!("-Wl,-rpath,{folder}"))
        }
        None => compiler.args(["-DLOADED", "-ldl"]),
    };
    assert!(compiler.status().expect("a C compiler").success());
    program
}

/// What `Py_Initialize()` makes is an interpreter of which no `main()` tells. The program goes on when Python code has failed.
#[test]
fn a_program_that_has_a_python_in_it_stops_as_a_python_does() {
    let script = "\
import threading
def read(settings):
    return settings['rate']
thread = threading.Thread(target=read, args=({'in': 'a thread'},))
thread.start()
thread.join()
breakpoint()
read({'in': 'the program'})
";
    let has_library = |python: &&Python| python.executable == Executable::Shared;
    let found = pythons();
    let shared: Vec<&Python> = found.iter().filter(has_library).collect();
    let (Some(oldest), Some(newest)) = (shared.first(), shared.last()) else {
        return skip(
            "programs with a Python in them",
            "no Python here is a library",
        );
    };
    // Where a Python is loaded for that program alone, its modules cannot be: up to 3.11 pmdb needs `ctypes` for what threads lose.
    for (python, is_linked) in [(oldest, true), (newest, false)] {
        let said = python.eval(
            "import sys, sysconfig; get = sysconfig.get_config_var\n\
             print(get('LIBDIR') + '/' + get('INSTSONAME'), sys.base_prefix)",
        );
        let (library, home) = said.trim().split_once(' ').expect("two paths");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("script.py");
        std::fs::write(&file, script).expect("it is ours");
        let linked = is_linked.then(|| Path::new(library));
        let program = embedding(folder.path(), linked);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
        command.env("PYTHONHOME", home).arg("run");
        for line in ["p settings", "c", "p 6*7", "c", "p settings"] {
            command.args(["-c", line]);
        }
        command
            .arg("--")
            .arg(program)
            .args([&file, Path::new(library)]);
        let answer = run_command(command, "");
        let name = if is_linked { "linked" } else { "loading" };
        let told = |line: &str| {
            let of_pmdb = line.starts_with("[pmdb] ") || line.starts_with('{') || line == "42";
            let is_fate = line.trim_start().starts_with("nobody will catch it");
            (of_pmdb || is_fate).then(|| match line.split_once("(pid ") {
                Some((before, after)) => {
                    before.to_string() + after.split_once(") ").expect("a number").1
                }
                None => line.trim_start().to_string(),
            })
        };
        let said: Vec<String> = answer.stderr.lines().filter_map(told).collect();
        assert_eq!(
            said,
            [
                &format!("[pmdb] {name} raised KeyError: 'rate'"),
                "nobody will catch it: the thread ends with it",
                "{'in': 'a thread'}",
                &format!("[pmdb] {name} called breakpoint()"),
                "42",
                &format!("[pmdb] {name} raised KeyError: 'rate'"),
                "nobody will catch it: Python only prints it and goes on",
                "{'in': 'the program'}",
                "[pmdb] the command has ended with exit code 1; 1 process",
            ],
            "{answer:#?}"
        );
    }
}

/// The library of a Python that is one, and where its modules are.
fn shared_python() -> Option<(PathBuf, String)> {
    let found = pythons();
    let shared = |python: &&Python| python.executable == Executable::Shared;
    let said = found.iter().rfind(shared)?.eval(
        "import sys, sysconfig; get = sysconfig.get_config_var\n\
         print(get('LIBDIR') + '/' + get('INSTSONAME'), sys.base_prefix)",
    );
    let (library, home) = said.trim().split_once(' ')?;
    Some((library.into(), home.to_string()))
}

/// Until then it would get SIGTRAP there, which pmdb takes.
#[test]
fn a_program_that_pmdb_has_left_initializes_its_python_as_ever() {
    let Some((library, home)) = shared_python() else {
        return skip("programs with a Python in them", "no Python is a library");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("script.py");
    std::fs::write(&file, "print('initialized')\n").expect("it is ours");
    let program = embedding(folder.path(), Some(&library));
    let shell = "trap 'exit 0' USR1; echo $$; exec 3<&0; \"$0\" \"$1\" <&3 & wait";
    for is_killed in [false, true] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
        command.env("PYTHONHOME", &home).env("WAITS", "");
        command.args(["run", "--batch", "--", "sh", "-c", shell]);
        command.arg(&program).arg(&file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut pmdb = command.spawn().expect("it was built");
        let mut said = BufReader::new(pmdb.stdout.take().expect("a pipe")).lines();
        let mut next = || said.next().transpose().expect("text");
        let shell = next().and_then(|pid| pid.parse().ok());
        let shell = Pid::from_raw(shell.expect("the shell's pid"));
        assert_eq!(next().as_deref(), Some("waiting"));
        let guardian = loop {
            // It has its name once it runs.
            if let Some(guardian) = guardian_of(pmdb.id()) {
                break guardian;
            }
            assert!(pmdb.try_wait().expect("it is our child").is_none());
        };
        match is_killed {
            true => pmdb.kill().expect("it is our child"),
            false => kill(shell, Signal::SIGUSR1).expect("it waits"),
        }
        let mut input = pmdb.stdin.take().expect("a pipe");
        let end = pmdb.wait().expect("it is our child");
        assert_eq!(end.success(), !is_killed);
        if is_killed {
            // It ends when it has done what there is to do.
            while is_guardian(guardian) {
                std::thread::yield_now();
            }
        }
        input.write_all(b"\n").expect("it waits for it");
        let name = format!("killed: {is_killed}");
        assert_eq!(next().as_deref(), Some("initialized"), "{name}");
    }
}

/// A server may fork its workers before they make an interpreter.
#[test]
fn a_forked_child_that_initializes_its_python_itself_is_watched_too() {
    let Some((library, home)) = shared_python() else {
        return skip("programs with a Python in them", "no Python is a library");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("script.py");
    std::fs::write(&file, "settings = {}\nsettings['rate']\n").expect("it is ours");
    let program = embedding(folder.path(), Some(&library));
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command.env("PYTHONHOME", &home).env("WAITS", "forks");
    command.args(["run", "-c", "p settings", "--"]);
    command.arg(&program).arg(&file);
    let answer = run_command(command, "\n");
    assert!(
        answer.stderr.contains(" raised KeyError: 'rate'\n"),
        "{answer:#?}"
    );
}

/// What a stop needs is brought in with what such a hook is asked about.
#[test]
fn a_program_that_lets_nobody_execute_code_ends_as_it_would_alone() {
    let program = "\
import sys
def refuse(event, arguments):
    if event in ('exec', 'marshal.loads'):
        raise PermissionError('not ' + event)
sys.addaudithook(refuse)
def read(settings):
    return settings['rate']
read({})
";
    let found = pythons();
    let (Some(oldest), Some(newest)) = (found.first(), found.last()) else {
        return;
    };
    for python in [oldest, newest] {
        let answer = run(python, program);
        assert!(answer.stderr.contains("KeyError: 'rate'"), "{answer:#?}");
        assert!(!answer.stderr.contains("PermissionError"), "{answer:#?}");
        assert_eq!(answer.code, Some(1), "{answer:#?}");
    }
}

/// The process that takes out what a pmdb leaves if that is killed.
fn guardian_of(pmdb: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pmdb}/task")).ok()?;
    let children = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<String> = children.collect();
    let mut children = children.iter().flat_map(|line| line.split_whitespace());
    children.find_map(|child| child.parse().ok().filter(|&child| is_guardian(child)))
}

/// Whether it is there, and has not ended.
fn is_guardian(pid: u32) -> bool {
    let told = |name| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    told("comm").starts_with(b"pmdb-guardian") && !told("cmdline").is_empty()
}

#[test]
fn other_interpreters_of_a_process_are_left_alone_and_told_of_once() {
    let found = pythons();
    let (Some(oldest), Some(newest)) = (found.first(), found.last()) else {
        return;
    };
    let program = "\
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
one, other = interpreters.create(), interpreters.create()
try:
    interpreters.run_string(one, 'settings = {}; settings[1]')
except Exception:
    pass
print('over')
settings = {}
settings['rate']
";
    for python in [oldest, newest] {
        let path = python.path.display().to_string();
        let answer = pmdb_alone(["run", "-c", "p settings", "--", &path, "-c", program], "");
        let note = "makes other interpreters beside its own, which are left alone: what fails in them does not stop]";
        assert_eq!(answer.stderr.matches(note).count(), 1, "{answer:#?}");
        let (before, after) = answer.stderr.split_once(note).expect("it is there");
        assert!(before.starts_with("[process "), "{answer:#?}");
        assert_eq!(
            after.matches("nobody will catch it").count(),
            1,
            "{answer:#?}"
        );
        assert!(after.contains(" raised KeyError: 'rate'\n"), "{answer:#?}");
        assert_eq!((answer.stdout.as_str(), answer.code), ("over\n", Some(1)));
    }
}
