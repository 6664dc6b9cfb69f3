//! Bad luck of a process that is debugged: its main thread ends, it closes all files, executes another program, lives in other
//! namespaces, or as somebody else. Each ends in a clear line and a living target.

mod commands;
mod kept_code;
mod libraries;
mod preconditions;

use std::fs::{Permissions, read_to_string, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::{
    Conversation, Fixture, PATIENCE, Python, c_program, copy_program, fixture_path, on_each_python,
    pmdb_alone, pmdb_with_input, skip,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `fixtures/unlucky.py`, which runs a statement before it is ready.
fn command(python: &Python, before: &str) -> Command {
    let mut command = python.command();
    command.arg(fixture_path("unlucky.py")).arg(before);
    command
}

fn start(python: &Python) -> Fixture {
    Fixture::start(command(python, ""))
}

/// What the prompt says to some commands.
fn session(pid: u32, commands: &[&str]) -> String {
    let input = commands.join("\n") + "\n";
    pmdb_with_input(["attach", &pid.to_string()], &input).stdout
}

/// What it sees of a debugger in itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("gc.collect(); print(sorted(tell().items()), flush=True)");
    fixture.read_line()
}

/// Waits until something is so.
#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}

#[test]
fn a_main_thread_that_has_ended_is_said_to_be_gone() {
    on_each_python(|python| {
        let mut fixture = start(python);
        fixture.write_line("is_over = True");
        let status = format!("/proc/{}/status", fixture.pid());
        wait_until(|| {
            let status = read_to_string(&status).expect("others go on");
            status.contains("State:\tZ")
        });
        let told = session(fixture.pid(), &["stop", "b step", "where", "detach"]);
        let why = format!("the main thread of process {} is gone", fixture.pid());
        assert_eq!(told.matches(&why).count(), 2, "{told}");
        assert!(told.ends_with("[the process goes on]\n"), "{told}");
        fixture.write_line("print('others go on', flush=True)");
        assert_eq!(fixture.read_line(), "others go on");
    });
}

#[test]
fn one_that_closes_all_files_loses_the_agent_and_gets_it_again() {
    on_each_python(|python| {
        let mut fixture = start(python);
        let before = state(&mut fixture);
        let commands = [
            // Done where the process runs, and nobody is at the prompt.
            "break step, closing and closing.pop()(3, 10000) or is_back",
            "continue",
            "p 'after ' + 'it'",
            "stop",
            "!globals()['is_back'] = True",
            "continue",
            "clear 1",
            "next",
            "p x - 2 * n",
            "detach",
        ];
        let told = session(fixture.pid(), &commands);
        let gone = format!("*** what pmdb had in process {} is gone", fixture.pid());
        assert_eq!(told.matches(&gone).count(), 1, "{told}");
        let (_, rest) = told.split_once("'after it'\n").expect(&told);
        assert!(
            rest.contains("-> x = n * 2\nDeleted breakpoint 1"),
            "{told}"
        );
        assert!(
            rest.ends_with("-> return x\n0\n[the process goes on]\n"),
            "{told}"
        );
        assert_eq!(state(&mut fixture), before);
        // The agent leaves also where pmdb ends without another word.
        fixture.write_line("closing = [os.closerange]");
        let told = session(fixture.pid(), &[commands[0], commands[1], "quit"]);
        assert!(told.contains(&gone), "{told}");
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn an_exec_by_another_thread_takes_the_prompt_away_from_nobody() {
    on_each_python(|python| {
        let mut fixture = start(python);
        let mut prompt = Conversation::start(&["attach", &fixture.pid().to_string()]);
        prompt.ask("tbreak step");
        prompt.ask("continue");
        fixture.write_line("os.execv('/bin/sleep', ['sleep', '1000'])");
        let name = format!("/proc/{}/comm", fixture.pid());
        wait_until(|| read_to_string(&name).expect("it lives") == "sleep\n");
        let told = prompt.ask("next").join("\n");
        let replaced = "[the process has executed another program: not a Python process";
        assert!(told.starts_with(replaced), "{told}");
        let told = prompt.ask("stop").join("\n");
        assert!(told.contains("not a Python process"), "{told}");
        assert_eq!(prompt.ask("detach"), ["[the process goes on]"]);
        assert_eq!(read_to_string(&name).expect("it lives"), "sleep\n");
    });
}

/// A session that stops, steps and leaves in `step`, and what it assigned there.
fn debugged(pid: u32) -> String {
    let commands = [
        "tbreak step",
        "continue",
        "next",
        "p x - 2 * n",
        "!x = 'assigned'",
        "p str(x).isdigit()",
        "detach",
    ];
    let told = session(pid, &commands);
    let (_, rest) = told.split_once("\n0\n").expect(&told);
    rest.to_string()
}

#[test]
fn namespaces_of_its_own_are_no_hindrance() {
    let own = [
        "-U",
        "-r",
        "-p",
        "-m",
        "-n",
        "-i",
        "-u",
        "-f",
        "--mount-proc",
    ];
    let can = Command::new("unshare").args(own).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        return skip("namespaces of its own", "unshare makes none here");
    }
    on_each_python(|python| {
        let inner = command(python, "");
        let mut outer = Command::new("unshare");
        outer.args(own).arg(inner.get_program());
        outer.args(inner.get_args());
        let mut fixture = Fixture::start(outer);
        let before = state(&mut fixture);
        let unshare = fixture.pid();
        let children = read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
        let pid = children.expect("it lives").trim().parse();
        let told = debugged(pid.expect("the number of one child"));
        assert_eq!(told, "False\n[the process goes on]\n", "{python:?}");
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn one_in_an_empty_root_as_nobody_is_debugged() {
    if !nix::unistd::geteuid().is_root() {
        return skip("another user", "only root can become another user");
    }
    on_each_python(|python| {
        let folder = tempfile::tempdir().expect("a folder");
        let change = format!(
            "os.chroot({:?}); os.chdir('/'); os.setgid(65534); os.setuid(65534)",
            folder.path()
        );
        let mut fixture = Fixture::start(command(python, &change));
        let told = debugged(fixture.pid());
        let refused = "*** RuntimeError: up to Python 3.12 a function's variables are assigned by `ctypes`, which this process cannot import";
        if told.starts_with("***") {
            assert!(python.minor <= 12 && told.starts_with(refused), "{told}");
            assert!(told.ends_with("\nTrue\n[the process goes on]\n"), "{told}");
        } else {
            assert_eq!(told, "False\n[the process goes on]\n");
        }
        fixture.write_line("print('it goes on', flush=True)");
        assert_eq!(fixture.read_line(), "it goes on");
    });
}

#[test]
fn who_closes_all_files_still_stops_where_it_loses_an_exception() {
    let daemon = "\
import os
if os.fork():
    os.wait()
    os._exit(3)
os.setsid()
lost = os.fork()
if lost:
    os._exit(os.waitpid(lost, 0)[1] >> 8)
os.closerange(3, 10_000)
files = [os.open(os.devnull, os.O_RDWR) for _ in range(9)]
def work(secret):
    raise ValueError(secret)
work('of the daemon')
";
    let alone = "import os; os.closerange(3, 10_000); secret = 'alone'; 1 / 0";
    on_each_python(|python| {
        let path = python.path.display().to_string();
        let told = pmdb_alone(["run", "--batch", "--", &path, "-c", daemon], "").stderr;
        assert!(
            told.contains("raised ValueError: of the daemon\n"),
            "{told}"
        );
        assert!(told.contains("     secret = 'of the daemon'\n"), "{told}");
        let told = pmdb_alone(["run", "--batch", "--", &path, "-c", alone], "").stderr;
        assert!(
            told.contains("raised ZeroDivisionError: division by zero\n"),
            "{told}"
        );
        assert!(told.contains("     secret = 'alone'\n"), "{told}");
    });
}

#[test]
fn the_agent_comes_into_a_process_and_not_into_what_it_forks_meanwhile() {
    let forking = "\
import os, sys, threading, warnings
warnings.simplefilter('ignore')
def step(n):
    x = n * 2
    return x
def fork():
    for n in range(1 << 60):
        child = os.fork()
        if child == 0:
            step(n)
            os._exit(n % 100)
        if os.waitpid(child, 0)[1] != n % 100 << 8:
            os._exit(1)
        step(n)
print('ready', flush=True)
for work in (fork, fork):
    threading.Thread(target=work).start()
fork()
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, forking, &[]);
        let pid = fixture.pid();
        for _ in 0..3 {
            let commands = ["break step", "continue", "next", "p x - 2 * n", "clear 1"];
            let told = session(pid, &[&commands[..], &["detach"]].concat());
            assert!(told.contains("\n0\nDeleted breakpoint 1"), "{told}");
        }
        // Its children have ended as they should all the time.
        let status = read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        assert!(!status.contains("State:\tZ"), "{:?}", fixture.wait());
    });
}

#[test]
fn a_program_that_gets_no_rights_since_it_is_followed_is_told() {
    if !nix::unistd::geteuid().is_root() {
        return skip("another user", "only root can become another user");
    }
    // Where nobody can come to them.
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str, from: &Path, mode: u32| {
        let path = folder.path().join(name);
        copy_program(from, &path);
        set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        path
    };
    let pmdb = place("pmdb", Path::new(env!("CARGO_BIN_EXE_pmdb")), 0o755);
    let program = place("raised", &c_program("family"), 0o4755);
    set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let mut command = Command::new(pmdb);
    command.args(["run", "--batch", "--"]).arg(&program);
    command.args(["code", "4"]).current_dir("/");
    let note = format!(
        "has no more rights than before: {} is set-user-ID",
        program.display()
    );
    let as_root = crate::support::run(command, "");
    assert_eq!(
        (as_root.code, as_root.stderr.contains(&note)),
        (Some(4), false)
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--clear-groups"]);
    command
        .arg(folder.path().join("pmdb"))
        .args(["run", "--batch", "--"]);
    command.arg(&program).args(["code", "4"]).current_dir("/");
    let as_nobody = crate::support::run(command, "");
    assert_eq!(as_nobody.code, Some(4), "{as_nobody:#?}");
    assert_eq!(as_nobody.stderr.matches(&note).count(), 1, "{as_nobody:#?}");
}

#[test]
fn those_that_come_at_one_moment_take_turns() {
    on_each_python(|python| {
        let mut fixture = start(python);
        let before = state(&mut fixture);
        let pid = fixture.pid().to_string();
        let commands = ["stop", "p 'in it'", "detach"];
        let come = || {
            Command::new(env!("CARGO_BIN_EXE_pmdb"))
                .args(["attach", &pid])
                .args(commands.iter().flat_map(|command| ["-c", command]))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .expect("it was built")
        };
        let all = [come(), come(), come()];
        let pids = all.each_ref().map(|one| one.id());
        let told = all.map(|one| one.wait_with_output().expect("it is our child").stdout);
        let told = told.map(|text| String::from_utf8_lossy(&text).into_owned());
        let taken = pids
            .map(|other| format!("*** process {pid} is held by another pmdb (process {other})"));
        let was_in = |text: &String| text.ends_with("'in it'\n[the process goes on]\n");
        for text in &told {
            let is_taken = taken.iter().any(|taken| text.starts_with(taken));
            assert!(
                is_taken || (was_in(text) && !text.contains("***")),
                "{told:?}"
            );
        }
        assert!(told.iter().any(was_in), "{told:?}");
        assert_eq!(state(&mut fixture), before);
        assert_eq!(
            session(fixture.pid(), &commands).matches("'in it'").count(),
            1
        );
    });
}

#[test]
fn a_call_that_waits_for_ours_comes_to_its_end() {
    let is_meant = |python: &&Python| python.minor == 11;
    let Some(python) = crate::support::pythons().iter().find(is_meant) else {
        return skip(
            "the endless call of 3.11",
            "no such interpreter on this machine",
        );
    };
    let mut fixture = Fixture::python(python, "endless_call.py", &[]);
    let told = session(fixture.pid(), &["stop", "p 'in it'", "detach"]);
    assert!(
        told.contains("\n'in it'\n[the process goes on]\n"),
        "{told}"
    );
    assert_eq!(fixture.read_line(), "finished");
}

#[test]
fn an_agent_without_pmdb_and_guardian_leaves_at_one_of_the_next_hits() {
    let Some(python) = crate::support::any_python() else {
        return;
    };
    let program = "
import sys

def work(n):
    return n

print('ready', flush=True)
for line in sys.stdin:
    work(0)
    print('_pmdb_agent' in vars(sys), flush=True)
";
    let mut fixture = Fixture::python_text(python, program, &[]);
    let mut pmdb = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args(["attach", &fixture.pid().to_string()])
        .args(["-c", "stop", "-c", "b work, n < 0", "-c", "continue"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it was built");
    let mut is_in = || {
        fixture.write_line("");
        fixture.read_line() == "True"
    };
    wait_until(&mut is_in);
    let children = format!("/proc/{0}/task/{0}/children", pmdb.id());
    let guardian = read_to_string(children).expect("it runs");
    let guardian = guardian.trim().parse().expect("it has one child");
    kill(Pid::from_raw(guardian), Signal::SIGKILL).expect("it is there");
    pmdb.kill().expect("it is our child");
    pmdb.wait().expect("it is our child");
    // Hits that nobody counts for it any more.
    assert!((0..100).any(|_| !is_in()));
    // The page that it needed stays, until another pmdb comes by.
    let pid = fixture.pid();
    let is_marked = || {
        let maps = read_to_string(format!("/proc/{pid}/maps")).expect("it lives");
        maps.contains("pmdb")
    };
    assert!(is_marked());
    session(pid, &["stop", "detach"]);
    assert!(!is_marked());
}
