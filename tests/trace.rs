//! Holding processes: what a hold does to its target is nothing, whatever the target does meanwhile.

use std::process::Command;
use std::time::Instant;

use crate::support::{Fixture, assert_same_code, c_program, machine_code};
use nix::libc;
use nix::sys::signal::Signal;
use pmdb::model::{Pid, ThreadState, Tid};
use pmdb::process::Process;
use pmdb::process::live::LiveProcess;
use pmdb::process::trace::{Call, Hold, TraceError};

fn hold(fixture: &Fixture) -> Hold {
    Hold::seize(Pid(fixture.pid())).unwrap_or_else(|error| panic!("{error}"))
}

fn states(fixture: &Fixture) -> Vec<(Tid, ThreadState)> {
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    let threads = process.threads().expect("it lives");
    threads
        .iter()
        .map(|thread| (thread.tid, thread.state))
        .collect()
}

fn send_real_time_signal(fixture: &Fixture) {
    // SAFETY: sigqueue(3) takes plain numbers.
    let sent = unsafe {
        let value = libc::sigval {
            sival_ptr: std::ptr::null_mut(),
        };
        libc::sigqueue(fixture.pid().cast_signed(), libc::SIGRTMIN() + 5, value)
    };
    assert_eq!(sent, 0);
}

/// What the program says once it has counted so many signals. The threads that take them may still wait for a processor when the
/// program is asked; a signal that was lost never comes.
fn what_it_noticed(fixture: &mut Fixture, signals: usize) -> String {
    let begin = Instant::now();
    loop {
        fixture.write_line("tell");
        let said = fixture.read_line();
        if said.starts_with(&format!("signals {signals} "))
            || begin.elapsed() > crate::support::PATIENCE
        {
            return said;
        }
        std::thread::yield_now();
    }
}

#[test]
fn every_thread_is_stopped_and_goes_on() {
    let fixture = Fixture::start(Command::new(c_program("busy")));
    let held = hold(&fixture);
    let all = states(&fixture);
    assert!(all.len() >= 5, "{all:?}");
    assert!(
        all.iter().all(|(_, state)| *state == ThreadState::Traced),
        "{all:?}"
    );
    assert_eq!(held.stopped().count(), all.len());
    drop(held);
    let traced = |(_, state): &(Tid, ThreadState)| *state == ThreadState::Traced;
    assert!(!states(&fixture).iter().any(traced));
}

#[test]
fn a_thousand_holds_lose_no_signal_and_spoil_no_register() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    let code = machine_code(fixture.pid());
    for round in 0..1000 {
        send_real_time_signal(&fixture);
        let held = hold(&fixture);
        if round % 2 == 0 {
            send_real_time_signal(&fixture);
        }
        drop(held);
    }
    assert_eq!(
        what_it_noticed(&mut fixture, 1500),
        "signals 1500 wrong 0 interrupted 0"
    );
    assert_same_code(&code, fixture.pid());
}

#[test]
fn system_calls_are_made_in_its_name_and_leave_no_trace() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    let pid = u64::from(fixture.pid());
    let getpid = Call {
        number: libc::SYS_getpid,
        arguments: [0; 6],
    };
    let nonsense = Call {
        number: libc::SYS_close,
        arguments: [u64::MAX, 0, 0, 0, 0, 0],
    };
    for _ in 0..200 {
        let mut held = hold(&fixture);
        send_real_time_signal(&fixture);
        let results = held
            .system_calls(&[getpid, nonsense])
            .expect("they can be made");
        assert_eq!(results, [pid.cast_signed(), -i64::from(libc::EBADF)]);
    }
    assert_eq!(
        what_it_noticed(&mut fixture, 200),
        "signals 200 wrong 0 interrupted 0"
    );
}

#[test]
fn what_is_written_is_there() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    let mut held = hold(&fixture);
    let protection = (libc::PROT_READ | libc::PROT_EXEC) as u64;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
    let map = Call {
        number: libc::SYS_mmap,
        arguments: [0, 4096, protection, flags, u64::MAX, 0],
    };
    let address = held.system_calls(&[map]).expect("it can be made")[0];
    let address = pmdb::model::Addr(address.cast_unsigned());
    held.write(address, b"from pmdb")
        .expect("also what the process itself may not write");
    drop(held);
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    let read = pmdb::process::Memory::new(&process).bytes(address, 9);
    assert_eq!(read.expect("it is mapped"), b"from pmdb");
    assert_eq!(
        what_it_noticed(&mut fixture, 0),
        "signals 0 wrong 0 interrupted 0"
    );
}

/// Waits until all threads are stopped as by SIGSTOP: a thread goes back into that stop by itself after it was let go.
fn wait_until_stopped(fixture: &Fixture) {
    let begin = Instant::now();
    let stopped = |(_, state): &(Tid, ThreadState)| *state == ThreadState::Stopped;
    while !states(fixture).iter().all(stopped) {
        assert!(
            begin.elapsed() < crate::support::PATIENCE,
            "{:?}",
            states(fixture)
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_stopped_process_stays_stopped() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    fixture.signal(Signal::SIGSTOP);
    wait_until_stopped(&fixture);
    for _ in 0..50 {
        let mut held = hold(&fixture);
        let getpid = Call {
            number: libc::SYS_getpid,
            arguments: [0; 6],
        };
        held.system_calls(&[getpid])
            .expect("also while it is stopped");
        drop(held);
        wait_until_stopped(&fixture);
    }
    fixture.signal(Signal::SIGCONT);
    assert_eq!(
        what_it_noticed(&mut fixture, 0),
        "signals 0 wrong 0 interrupted 0"
    );
}

#[test]
fn the_other_tracer_is_named() {
    let fixture = Fixture::start(Command::new(c_program("busy")));
    let pid = Pid(fixture.pid());
    let held = hold(&fixture);
    // Another process than this one, since a tracer may not be told from itself.
    let other = std::thread::spawn(move || Hold::seize(pid).map(drop))
        .join()
        .expect("it does not panic");
    match other {
        Err(TraceError::TracedByAnother { tracer, .. }) => {
            assert_eq!(tracer, Pid(std::process::id()))
        }
        other => panic!("{other:?}"),
    }
    drop(held);
    drop(hold(&fixture));
}

#[test]
fn who_has_ended_is_gone() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    let pid = Pid(fixture.pid());
    fixture.signal(Signal::SIGKILL);
    fixture.wait();
    assert!(matches!(Hold::seize(pid), Err(TraceError::Gone { .. })));
}
