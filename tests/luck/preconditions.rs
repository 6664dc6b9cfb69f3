//! The agent comes in only where the interpreter can take it. Where it cannot, that is said at once, nothing stays, and later it can.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pmdb::model::Addr;
use pmdb::process::Memory;
use pmdb::process::live::LiveProcess;
use pmdb::python::layout::{PendingLock, PendingPlace};
use pmdb::python::locate;

use super::{session, start, state};
use crate::support::{Fixture, SHUTTING_DOWN, any_python, on_each_python};

/// Comes in, and leaves again.
#[track_caller]
fn can_be_stopped(pid: u32) {
    let told = session(pid, &["stop", "p 'in it'", "detach"]);
    assert!(
        told.ends_with("\n'in it'\n[the process goes on]\n"),
        "{told}"
    );
}

#[test]
fn a_full_list_of_calls_is_said_to_be_full() {
    let program = "\
import ctypes, os, sys, threading
reading_end, writing_end = os.pipe()
made = []
CALL = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
call = CALL(lambda nothing: made.append(1) or 0)
add = ctypes.pythonapi.Py_AddPendingCall
add.argtypes = [CALL, ctypes.c_void_p]
def obey():
    for line in sys.stdin:
        count = 0
        while add(call, None) == 0:
            count += 1
        print('full', len(os.listdir('/proc/self/fd')), flush=True)
        sys.stdin.readline()
        print('full', len(os.listdir('/proc/self/fd')), flush=True)
        os.write(writing_end, b'x')
        while len(made) < count:
            pass
        print('made', flush=True)
threading.Thread(target=obey, daemon=True).start()
print('ready', flush=True)
os.read(reading_end, 1)
while True:
    reading_end += 1
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        // The main thread makes no call as long as it reads.
        fixture.wait_until_in(|call| call.number == nix::libc::SYS_read);
        fixture.write_line("fill");
        let before = fixture.read_line();
        let told = session(fixture.pid(), &["stop", "detach"]);
        let full = format!(
            "the list of calls that process {} is still to make is full",
            fixture.pid()
        );
        assert!(told.contains(&full), "{told}");
        fixture.write_line("go");
        assert_eq!(fixture.read_line(), before);
        assert_eq!(fixture.read_line(), "made");
        can_be_stopped(fixture.pid());
    });
}

/// The lock of the list of calls: where it lies, and what is there when somebody has it.
fn lock_of(pid: u32) -> (Addr, Vec<u8>) {
    let process = LiveProcess::open(pmdb::model::Pid(pid)).expect("it lives");
    let located = locate(&process).expect("it is Python");
    let memory = Memory::new(&process);
    let pointer = |at: Addr| memory.pointer(at).expect("it is mapped");
    let (layout, runtime) = (located.layout, located.runtime);
    let ring = match layout.pending_calls.place {
        PendingPlace::Runtime(at) => runtime.plus(at),
        PendingPlace::Interpreter(at) => {
            pointer(runtime.plus(layout.runtime.interpreters_main)).plus(at)
        }
    };
    match layout.pending_calls.lock {
        PendingLock::Byte(at) => (ring.plus(at), vec![1]),
        PendingLock::Semaphore(at) => (pointer(ring.plus(at)), vec![0; 4]),
    }
}

#[test]
fn nobody_is_disturbed_who_has_the_lock_of_the_list() {
    on_each_python(|python| {
        let mut fixture = start(python);
        let before = state(&mut fixture);
        let (place, locked) = lock_of(fixture.pid());
        let memory = OpenOptions::new()
            .read(true)
            .write(true)
            .open(format!("/proc/{}/mem", fixture.pid()))
            .expect("it is ours");
        let mut free = locked.clone();
        memory
            .read_exact_at(&mut free, place.0)
            .expect("it is mapped");
        assert_ne!(free, locked);
        memory.write_all_at(&locked, place.0).expect("it is mapped");
        let told = session(fixture.pid(), &["stop", "detach"]);
        let why = format!(
            "process {} is putting a call of its own into the interpreter's list",
            fixture.pid()
        );
        assert!(told.contains(&why), "{told}");
        memory.write_all_at(&free, place.0).expect("it is mapped");
        can_be_stopped(fixture.pid());
        assert_eq!(state(&mut fixture), before);
    });
}

#[test]
fn a_child_in_the_middle_of_its_fork_is_only_looked_at() {
    // The child waits in fork(3), before the interpreter knows that it is another process.
    let program = "\
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None)
libc.__register_atfork(None, None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
signal.signal(signal.SIGUSR1, lambda number, frame: None)
def fork():
    child = os.fork()
    if child:
        print('ready', child, flush=True)
        threading.Event().wait()
    print('forked', flush=True)
    n = 0
    while True:
        n += 1
if sys.argv[1] == 'thread':
    threading.Thread(target=fork).start()
    threading.Event().wait()
fork()
";
    on_each_python(|python| {
        for forked_by in ["thread", "main"] {
            // It takes some seconds until that is said.
            if forked_by == "main" && Some(python) != any_python() {
                continue;
            }
            let mut fixture = Fixture::python_text(python, program, &[forked_by]);
            let child = fixture.ready().trim_start_matches("ready ").to_owned();
            let child: u32 = child.parse().expect("a pid");
            let told = session(child, &["stop", "detach"]);
            let why = match forked_by {
                "thread" => format!("the main thread of process {child} is gone"),
                _ => format!("the main thread of process {child} has been in C code"),
            };
            assert!(told.contains(&why), "{told}");
            let child_of_it = Pid::from_raw(child.cast_signed());
            kill(child_of_it, Signal::SIGUSR1).expect("it lives");
            assert_eq!(fixture.read_line(), "forked");
            can_be_stopped(child);
        }
    });
}

#[test]
fn an_interpreter_that_is_shutting_down_is_left_alone() {
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, SHUTTING_DOWN, &[]);
        let told = session(fixture.pid(), &["stop", "where", "detach"]);
        let why = format!("process {} is shutting its interpreter down", fixture.pid());
        assert!(told.contains(&why) && told.contains("__del__"), "{told}");
        fixture.write_line("go");
        assert!(fixture.wait().success());
    });
}
