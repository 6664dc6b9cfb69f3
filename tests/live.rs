//! Looking into live processes: what pmdb reads is compared with what the process says of itself, and every refusal
//! is provoked.

mod family;
mod files;
mod memory;
mod refusals;

use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::support::{Fixture, any_python, skip};
use nix::sys::signal::Signal;
use pmdb::model::{Addr, Pid, ThreadState, Tid};
use pmdb::process::live::LiveProcess;
use pmdb::process::{Memory, Process, ProcessError, ReadError, ReadMemory};

fn open(fixture: &Fixture) -> LiveProcess {
    LiveProcess::open(Pid(fixture.pid())).unwrap_or_else(|error| panic!("{error}"))
}

/// What `attempt` gives once it gives something. For what a process does right after it said that it is ready.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(
            begin.elapsed() < crate::support::PATIENCE,
            "it never came to this: {what}"
        );
        std::thread::yield_now();
    }
}

#[test]
fn identity_and_environment() {
    let Some(python) = any_python() else { return };
    let mut command = python.command();
    command
        .args(["-c", "print('ready', flush=True); input()", "", "two words"])
        .env("RANK", "3=x")
        .env("EMPTY", "");
    let fixture = Fixture::start(command);
    let process = open(&fixture);
    let identity = process.identity();
    assert_eq!(identity.pid, Some(Pid(fixture.pid())));
    assert_eq!(identity.parent, Some(Pid(std::process::id())));
    assert_eq!(
        identity.command[1..],
        ["-c", "print('ready', flush=True); input()", "", "two words"]
    );
    assert_eq!(identity.executable, fs::canonicalize(&python.path).ok());
    eventually("it waits for input", || {
        (open(&fixture).identity().state == ThreadState::Sleeping).then_some(())
    });
    assert_eq!(process.environment("RANK").as_deref(), Some("3=x"));
    assert_eq!(process.environment("EMPTY").as_deref(), Some(""));
    assert_eq!(process.environment("RAN"), None);
}

#[test]
fn threads_are_those_of_the_process_with_the_leader_first() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(
        python,
        "import threading\n\
         for number in range(5):\n    threading.Thread(target=threading.Event().wait, daemon=True).start()\n\
         tids = sorted(t.native_id for t in threading.enumerate())\n\
         print('ready', *tids, flush=True)\n\
         input()",
        &[],
    );
    let process = open(&fixture);
    let threads = eventually("all wait", || {
        let threads = process.threads().expect("it lives");
        let all = threads
            .iter()
            .all(|thread| thread.state == ThreadState::Sleeping);
        all.then_some(threads)
    });
    let tids: Vec<String> = threads
        .iter()
        .map(|thread| thread.tid.to_string())
        .collect();
    assert_eq!(threads[0].tid, Tid(fixture.pid()));
    assert_eq!(tids.join(" "), fixture.ready());
    for thread in &threads {
        let comm = fs::read_to_string(format!("/proc/{}/task/{}/comm", fixture.pid(), thread.tid));
        assert_eq!(
            thread.name.as_deref(),
            Some(comm.expect("it lives").trim_end())
        );
        assert_eq!(thread.inner_tid, thread.tid);
    }
}

#[test]
fn a_blocked_thread_shows_its_system_call() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(
        python,
        "import os\n\
         print('ready', flush=True)\n\
         os.read(0, 77)\n\
         print('spinning', flush=True)\n\
         while True: pass",
        &[],
    );
    let process = open(&fixture);
    let leader = Tid(fixture.pid());
    // It prints `ready` just before it reads.
    let call = eventually("it reads", || {
        let call = process.system_call(leader)?;
        (call.number == nix::libc::SYS_read as u64).then_some(call)
    });
    assert_eq!((call.arguments[0], call.arguments[2]), (0, 77));
    fixture.write_line("go");
    assert_eq!(fixture.read_line(), "spinning");
    // Within its time slices it is running or between two calls, and the kernel may preempt it anywhere else.
    eventually("it is in no system call", || {
        process.system_call(leader).is_none().then_some(())
    });
    assert_eq!(process.system_call(Tid(1)), None);
}

#[test]
fn a_process_whose_leader_has_ended_is_read_through_another_thread() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(
        python,
        "import ctypes, os, threading, time\n\
         text = ctypes.create_string_buffer(b'still here')\n\
         def rest():\n\
         \x20   while open(f'/proc/self/task/{os.getpid()}/stat').read().split()[2] != 'Z': time.sleep(0.001)\n\
         \x20   print('ready', ctypes.addressof(text), flush=True)\n\
         \x20   input()\n\
         threading.Thread(target=rest).start()\n\
         ctypes.CDLL(None).syscall(60, 0)",
        &[],
    );
    let process = open(&fixture);
    let address = Addr(fixture.ready().parse().expect("an address"));
    assert_eq!(
        Memory::new(&process).c_string(address, 99).as_deref(),
        Ok(&b"still here"[..])
    );
    eventually("one zombie and one thread that waits for input", || {
        let threads = process.threads().expect("a thread lives");
        let states: Vec<ThreadState> = threads.iter().map(|thread| thread.state).collect();
        (states == [ThreadState::Zombie, ThreadState::Sleeping]).then_some(())
    });
    assert!(process.identity().command.len() >= 3);
    let first = process
        .mappings()
        .iter()
        .find(|mapping| mapping.path().is_some());
    process
        .open_file(first.expect("the executable"))
        .expect("it is there");
}

#[test]
fn a_process_that_ends_is_gone() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(
        python,
        "import sys; print('ready', id(sys), flush=True); input()",
        &[],
    );
    let pid = Pid(fixture.pid());
    let address = Addr(fixture.ready().parse().expect("an address"));
    let process = open(&fixture);
    let unasked = open(&fixture);
    let mapping = process.mapping_at(address).expect("it is mapped");
    process.mappings();
    let check = |what: &str| {
        assert_eq!(
            process.read(address, &mut [0; 8]),
            Err(ReadError::Gone { pid, address }),
            "{what}"
        );
        assert!(
            matches!(process.threads(), Err(ProcessError::Gone { .. })),
            "{what}"
        );
        assert_eq!(process.system_call(Tid(pid.0)), None, "{what}");
        assert_eq!(process.mapping_at(address), None, "{what}");
        assert!(process.open_file(&mapping).is_err(), "{what}");
        assert!(unasked.mappings().is_empty(), "{what}");
        assert_eq!(unasked.extent(address), None, "{what}");
    };
    fixture.signal(Signal::SIGKILL);
    eventually("it is a zombie", || {
        let stat =
            fs::read_to_string(format!("/proc/{pid}/stat")).expect("nobody collected it yet");
        stat.contains(") Z ").then_some(())
    });
    check("as a zombie");
    fixture.wait();
    check("after its parent collected it");
    assert!(matches!(
        LiveProcess::open(pid),
        Err(ProcessError::NoSuchProcess { .. })
    ));
}

#[test]
fn after_an_exec_the_old_address_space_is_gone() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(
        python,
        "import os, sys\n\
         print('ready', id(sys), flush=True)\n\
         input()\n\
         os.execvp('sh', ['sh', '-c', 'echo done; read line'])",
        &[],
    );
    let address = Addr(fixture.ready().parse().expect("an address"));
    let process = open(&fixture);
    assert!(process.mapping_at(address).is_some());
    fixture.write_line("go");
    assert_eq!(fixture.read_line(), "done");
    assert_eq!(process.mapping_at(address), None);
    assert!(process.mappings().is_empty());
    assert_eq!(process.threads().expect("it lives").len(), 1);
    assert_eq!(open(&fixture).identity().command[0], "sh");
}

/// Processes are opened and read while they are born and die, thousands of them.
#[test]
fn short_lived_processes_are_read_or_refused_in_order() {
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(
        python,
        "import os\n\
         print('ready', flush=True)\n\
         for number in range(600):\n\
         \x20   pid = os.fork()\n\
         \x20   if not pid:\n\
         \x20       if number % 3: os._exit(3)\n\
         \x20       os.execv('/bin/true', ['true'])\n\
         \x20   print(pid, flush=True)\n\
         \x20   os.waitpid(pid, 0)\n\
         print('done', flush=True)\n\
         input()",
        &[],
    );
    loop {
        let line = fixture.read_line();
        let Ok(pid) = line.parse() else { break };
        match LiveProcess::open(Pid(pid)) {
            Ok(process) => {
                let memory = Memory::new(&process);
                for mapping in process.mappings() {
                    let _ = memory.u64(mapping.start);
                }
                let _ = process.threads();
            }
            Err(
                ProcessError::NoSuchProcess { .. }
                | ProcessError::Gone { .. }
                | ProcessError::Zombie { .. },
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_process_in_another_pid_namespace_has_two_numbers_for_each_thread() {
    let Some(python) = any_python() else { return };
    let program = "import os, threading\n\
         tids = []\n\
         def run():\n    tids.append(threading.get_native_id())\n    print('ready', os.getpid(), *tids, flush=True)\n    input()\n\
         threading.Thread(target=run, daemon=True).start()\n\
         threading.Event().wait()";
    let works = Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "pid namespaces",
            "`unshare --pid` is not permitted or not there",
        );
    }
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--fork", "--kill-child"])
        .arg(&python.path)
        .args(["-c", program]);
    let fixture = Fixture::start(command);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", fixture.pid()));
    let pid = children
        .expect("the kernel tells")
        .trim()
        .parse()
        .expect("one child");
    let process = LiveProcess::open(Pid(pid)).expect("it lives");
    let threads = process.threads().expect("it lives");
    let inner: Vec<String> = threads
        .iter()
        .map(|thread| thread.inner_tid.to_string())
        .collect();
    assert_eq!(threads[0].tid, Tid(pid));
    assert_eq!(inner.join(" "), fixture.ready());
}
