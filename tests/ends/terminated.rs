//! SIGTERM, SIGHUP and a terminal that is closed: pmdb leaves as with `quit`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::support::{
    Fixture, PATIENCE, Terminal, any_python, fixture_path, on_each_python, with_usual_signals,
};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What the fixture says of itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

fn pmdb(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command.args(arguments).env("NO_COLOR", "1");
    command
}

#[track_caller]
fn ended_by(status: ExitStatus, signal: Signal) {
    assert_eq!(status.code(), Some(128 + signal as i32), "{status:?}");
}

/// Waits until a process has ended; a zombie has.
fn wait_for_end(pid: &str) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status"));
        if status.is_err() || status.is_ok_and(|text| text.contains("State:\tZ")) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{pid} lives");
        std::thread::yield_now();
    }
}

#[test]
fn a_process_that_stands_at_the_prompt_goes_on_untouched() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        let before = state(&mut fixture);
        let mut terminal = Terminal::attach(&fixture);
        terminal.type_keys("tbreak 12, x == 5\rcontinue\r");
        terminal.wait_for("Deleted breakpoint 1");
        terminal.wait_for("(pmdb) ");
        kill(terminal.pid(), Signal::SIGTERM).expect("it is our child");
        ended_by(terminal.wait(), Signal::SIGTERM);
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn a_terminal_is_closed_while_a_process_runs_with_breakpoints() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python(python, "working.py", &[]);
    let before = state(&mut fixture);
    let mut terminal = Terminal::attach(&fixture);
    terminal.type_keys("log 12 x is {x}\rcontinue\r");
    terminal.wait_for("x is 3");
    terminal.hang_up();
    ended_by(terminal.wait(), Signal::SIGHUP);
    assert_eq!(state(&mut fixture), before);
}

#[test]
fn a_statement_that_runs_is_given_up() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python(python, "hostile.py", &["ctypes"]);
    let mut terminal = Terminal::attach(&fixture);
    terminal.type_keys("stop\r");
    terminal.wait_for("\n-> ");
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("!endless()\r");
    assert_eq!(fixture.read_line(), "begun");
    kill(terminal.pid(), Signal::SIGTERM).expect("it is our child");
    ended_by(terminal.wait(), Signal::SIGTERM);
    fixture.write_line("tell");
    assert_eq!(fixture.read_line(), "clean");
}

/// pmdb whose answers go to a pipe.
fn start_at_pipe(fixture: &Fixture) -> Child {
    let mut command = pmdb(&["attach", &fixture.pid().to_string()]);
    with_usual_signals(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("it was built")
}

#[test]
fn at_a_pipe_that_says_no_more() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python(python, "working.py", &[]);
    let before = state(&mut fixture);
    // Nobody else could tell pmdb of a Ctrl-C there.
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut child = start_at_pipe(&fixture);
        let mut input = child.stdin.take().expect("piped");
        input
            .write_all(b"tbreak 12, x == 5\ncontinue\np 'here'\n")
            .expect("it reads");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("it says more").expect("text");
        while !line().contains("here") {}
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it is our child");
        ended_by(child.wait().expect("it is our child"), signal);
        assert_eq!(state(&mut fixture), before);
    }
}

#[test]
fn at_a_pipe_that_nobody_reads() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python(python, "working.py", &[]);
    let before = state(&mut fixture);
    let mut child = start_at_pipe(&fixture);
    let mut input = child.stdin.take().expect("piped");
    let output = child.stdout.take().expect("piped");
    let words = "stop\n".to_string() + &"help\n".repeat(400);
    std::thread::spawn(move || {
        let _ = input.write_all(words.as_bytes());
        input
    });
    // It waits for room once the pipe has none left, which is so with some bytes less than the 65,536 that it could hold.
    let held = |fd: &std::process::ChildStdout| {
        let mut count: libc::c_int = 0;
        // SAFETY: the kernel writes an int.
        let failed = unsafe {
            libc::ioctl(
                std::os::fd::AsRawFd::as_raw_fd(fd),
                libc::FIONREAD,
                &raw mut count,
            )
        };
        assert_eq!(failed, 0);
        count
    };
    while held(&output) < 48_000 {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("it is our child");
    ended_by(child.wait().expect("it is our child"), Signal::SIGTERM);
    assert_eq!(state(&mut fixture), before);
}

#[test]
fn what_run_has_started_ends_with_it() {
    let Some(python) = any_python() else { return };
    let program = "\
import os, sys, time
child = os.fork()
if child == 0:
    time.sleep(600)
print('these', os.getpid(), child, 'run', flush=True)
if sys.argv[1:]:
    breakpoint()
time.sleep(600)
";
    for (asks, hangs_up) in [(false, false), (false, true), (true, false), (true, true)] {
        let path = python.path.display().to_string();
        let mut words = vec!["run", "--", &path, "-c", program];
        words.extend(asks.then_some("ask"));
        let mut terminal = Terminal::start(pmdb(&words));
        terminal.wait_for("these ");
        let pids = terminal.wait_for(" run");
        if asks {
            terminal.wait_for("(pmdb");
        }
        let signal = if hangs_up {
            terminal.hang_up();
            Signal::SIGHUP
        } else {
            kill(terminal.pid(), Signal::SIGTERM).expect("it is our child");
            Signal::SIGTERM
        };
        ended_by(terminal.wait(), signal);
        pids.split_whitespace().take(2).for_each(wait_for_end);
    }
}

#[test]
fn a_program_that_was_to_stop_at_its_first_line_ends_too() {
    let Some(python) = any_python() else { return };
    let script = fixture_path("started.py").display().to_string();
    let path = python.path.display().to_string();
    let mut terminal = Terminal::start(pmdb(&["run", "--stop-at-entry", "--", &path, &script]));
    terminal.wait_for("(pmdb) ");
    terminal.type_keys("import os\rp 'it is', os.getpid()\r");
    terminal.wait_for("('it is', ");
    let pid = terminal.wait_for(")").replace(')', "");
    terminal.wait_for("(pmdb) ");
    kill(terminal.pid(), Signal::SIGTERM).expect("it is our child");
    ended_by(terminal.wait(), Signal::SIGTERM);
    wait_for_end(&pid);

    // It never becomes a Python.
    let line = "echo it is $$; exec sleep 600";
    let mut terminal = Terminal::start(pmdb(&["run", "--stop-at-entry", "--", "sh", "-c", line]));
    terminal.wait_for("it is ");
    let pid = terminal.wait_for("\r").trim().to_string();
    kill(terminal.pid(), Signal::SIGHUP).expect("it is our child");
    ended_by(terminal.wait(), Signal::SIGHUP);
    wait_for_end(&pid);
}

#[test]
fn a_command_is_followed_to_its_end_although_nobody_reads_what_is_said() {
    let mut command = pmdb(&["run", "--batch", "--", "sh", "-c", "exit 7"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = command.stdin(Stdio::null()).stderr(writer).status();
    assert_eq!(status.expect("it was built").code(), Some(7));
}

#[test]
fn standard_error_that_nobody_reads_is_no_failure() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python(python, "working.py", &[]);
    let pid = fixture.pid().to_string();
    // One of the two processes is not there, which is said.
    let mut command = pmdb(&["attach", &pid, "4194304", "-c", "p 6 * 7"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = command.stderr(writer).spawn().expect("it was built");
    let mut said = String::new();
    let mut output = child.stdout.take().expect("piped");
    output.read_to_string(&mut said).expect("text");
    let status = child.wait().expect("it is our child");
    assert_eq!((status.code(), status.signal()), (Some(1), None), "{said}");
    assert!(said.contains("42"), "{said}");
}
