//! Following processes: what they do is told, whatever they do, and they do what they would have done.

mod who_writes;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use crate::support::{Fixture, c_program};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd;
use pmdb::model::{Pid, ThreadState};
use pmdb::process::Process;
use pmdb::process::live::LiveProcess;
use pmdb::process::trace::{Birth, Call, End, Interests, Program, TraceEvent, Tracer};

fn tracer(interests: Interests) -> Tracer {
    Tracer::start(interests).unwrap_or_else(|error| panic!("{error}"))
}

fn launch(tracer: &Tracer, how: &str) -> Pid {
    let program = Program {
        name: c_program("family").into(),
        arguments: vec![how.into()],
    };
    tracer
        .launch(program)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn next(tracer: &Tracer) -> TraceEvent {
    let event = tracer.events().recv_timeout(crate::support::PATIENCE);
    event.expect("something happens")
}

/// Runs a program to its end; all that was told of it and its family.
fn told_of(how: &str) -> (Pid, Vec<TraceEvent>) {
    let tracer = tracer(Interests::default());
    let pid = launch(&tracer, how);
    let mut events = Vec::new();
    while !matches!(events.last(), Some(TraceEvent::Ended { pid: ended, .. }) if *ended == pid) {
        events.push(next(&tracer));
    }
    (pid, events)
}

fn end_of(pid: Pid, events: &[TraceEvent]) -> End {
    let ends = events.iter().filter_map(|event| match event {
        TraceEvent::Ended {
            pid: ended, end, ..
        } if *ended == pid => Some(*end),
        _ => None,
    });
    let ends: Vec<End> = ends.collect();
    assert_eq!(ends.len(), 1, "{pid} in {events:?}");
    ends[0]
}

/// The processes that were made, each after its parent had told of it and before anything else is told of it.
fn children(events: &[TraceEvent], expected: Birth) -> Vec<Pid> {
    let mut born = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if let TraceEvent::Forked { child, birth, .. } = event {
            assert_eq!(*birth, expected);
            let concerns = |event: &TraceEvent| match event {
                TraceEvent::Executed { pid, .. } | TraceEvent::Ended { pid, .. } => pid == child,
                _ => false,
            };
            assert!(!events[..at].iter().any(concerns), "{event:?} came late");
            born.push(*child);
        }
    }
    born
}

#[test]
fn every_forked_child_is_told_of_with_its_end() {
    for (how, count) in [("forks", 50), ("storm", 2000)] {
        let (pid, events) = told_of(how);
        assert_eq!(end_of(pid, &events), End::Exited { code: 0 });
        let born = children(&events, Birth::Fork);
        assert_eq!(born.len(), count);
        for (index, child) in born.iter().enumerate() {
            let code = i32::try_from(index % 7).expect("it is small");
            assert_eq!(end_of(*child, &events), End::Exited { code });
        }
    }
}

#[test]
fn children_that_threads_fork_at_once_are_each_told_of_before_their_end() {
    let (pid, events) = told_of("parallel");
    assert_eq!(end_of(pid, &events), End::Exited { code: 0 });
    let born = children(&events, Birth::Fork);
    assert_eq!(born.len(), 800);
    for child in born {
        assert!(matches!(end_of(child, &events), End::Exited { .. }));
    }
}

#[test]
fn a_child_of_vfork_executes_while_its_parent_waits() {
    let (pid, events) = told_of("vforks");
    assert_eq!(end_of(pid, &events), End::Exited { code: 0 });
    let born = children(&events, Birth::Vfork);
    assert_eq!(born.len(), 20);
    for child in born {
        assert_eq!(end_of(child, &events), End::Exited { code: 4 });
        let executed = |event: &&TraceEvent| matches!(event, TraceEvent::Executed { pid, .. } if *pid == child);
        assert_eq!(events.iter().filter(executed).count(), 1);
    }
}

#[test]
fn every_thread_begins_and_ends() {
    let (pid, events) = told_of("threads");
    assert_eq!(end_of(pid, &events), End::Exited { code: 3 });
    let mut threads = BTreeMap::new();
    for event in &events {
        match event {
            TraceEvent::ThreadStarted { tid, .. } => *threads.entry(*tid).or_insert(0) += 1,
            TraceEvent::ThreadEnded { tid, .. } => *threads.entry(*tid).or_insert(0) -= 1,
            _ => {}
        }
    }
    let started = |event: &&TraceEvent| matches!(event, TraceEvent::ThreadStarted { .. });
    assert_eq!(events.iter().filter(started).count(), 4 + 4 * 50);
    assert!(threads.values().all(|&open| open == 0), "{threads:?}");
}

#[test]
fn an_exec_by_a_thread_that_is_not_the_leader_is_one_of_the_process() {
    let (pid, events) = told_of("exec");
    assert_eq!(end_of(pid, &events), End::Exited { code: 7 });
    let formers = events.iter().filter_map(|event| match event {
        TraceEvent::Executed { former, .. } => Some(former.0),
        _ => None,
    });
    let formers: Vec<u32> = formers.collect();
    // The first is that of the launch.
    assert_eq!(formers.len(), 2);
    assert_eq!(formers[0], pid.0);
    assert_ne!(formers[1], pid.0);
}

#[test]
fn a_process_lives_on_when_its_leader_has_ended() {
    let (pid, events) = told_of("leader");
    assert_eq!(end_of(pid, &events), End::Exited { code: 5 });
    assert_eq!(children(&events, Birth::Fork).len(), 3);
}

#[test]
fn how_it_was_killed_is_told() {
    let (pid, events) = told_of("killed");
    let end = End::Killed {
        signal: libc::SIGKILL,
        dumped_core: false,
    };
    assert_eq!(end_of(pid, &events), end);
    assert_eq!(end.exit_code(), 137);
}

#[test]
fn signals_keep_their_order_also_when_each_is_stopped_at() {
    let wanted = libc::SIGRTMIN() + 5;
    let tracer = tracer(Interests {
        signals: [wanted].into(),
        ..Interests::default()
    });
    let pid = launch(&tracer, "signals");
    let mut stops = 0;
    loop {
        match next(&tracer) {
            TraceEvent::Signal {
                tid,
                signal,
                sender,
                ..
            } => {
                assert_eq!((signal, sender), (wanted, Some(pid)));
                stops += 1;
                tracer.go_on(tid, true).expect("it stands still");
            }
            TraceEvent::Ended { end, .. } => {
                assert_eq!(end, End::Exited { code: 0 });
                break;
            }
            _ => {}
        }
    }
    assert_eq!(stops, 100);
}

#[test]
fn a_signal_that_is_kept_back_never_comes() {
    for (deliver, code) in [(true, 8), (false, 9)] {
        let tracer = tracer(Interests {
            signals: [libc::SIGUSR1].into(),
            ..Interests::default()
        });
        launch(&tracer, "signalled");
        loop {
            match next(&tracer) {
                TraceEvent::Signal { tid, .. } => {
                    tracer.go_on(tid, deliver).expect("it stands still");
                }
                TraceEvent::Ended { end, .. } => {
                    assert_eq!(end, End::Exited { code });
                    break;
                }
                _ => {}
            }
        }
    }
}

fn state(pid: Pid) -> Option<ThreadState> {
    let process = LiveProcess::open(pid).ok()?;
    Some(process.threads().ok()?.first()?.state)
}

fn wait_for(pid: Pid, wanted: ThreadState) {
    let begin = Instant::now();
    while state(pid) != Some(wanted) {
        assert!(
            begin.elapsed() < crate::support::PATIENCE,
            "{:?}",
            state(pid)
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_process_stopped_by_a_signal_stays_stopped_until_sigcont() {
    let tracer = tracer(Interests::default());
    let pid = launch(&tracer, "stops");
    // The kernel shows a tracee that is stopped with its process as traced or stopped, by the moment.
    let begin = Instant::now();
    while !matches!(state(pid), Some(ThreadState::Stopped | ThreadState::Traced)) {
        assert!(begin.elapsed() < crate::support::PATIENCE);
        std::thread::yield_now();
    }
    let held = tracer.ask(move |follower| follower.hold(pid, |hold| hold.stopped().count()));
    assert_eq!(held.expect("it answers").expect("it lives"), 1);
    tracer.release(pid).expect("it lives");
    wait_for(pid, ThreadState::Stopped);
    kill(unistd::Pid::from_raw(pid.0.cast_signed()), Signal::SIGCONT).expect("it lives");
    loop {
        if let TraceEvent::Ended { end, .. } = next(&tracer) {
            assert_eq!(end, End::Exited { code: 6 });
            break;
        }
    }
}

#[test]
fn a_new_program_stands_still_before_its_first_instruction() {
    let tracer = tracer(Interests {
        exec: true,
        ..Interests::default()
    });
    let pid = launch(&tracer, "code");
    let TraceEvent::Executed { pid: executed, .. } = next(&tracer) else {
        panic!("an exec comes first");
    };
    assert_eq!(executed, pid);
    wait_for(pid, ThreadState::Traced);
    tracer
        .go_on(pmdb::model::Tid(pid.0), true)
        .expect("it stands still");
    assert!(matches!(next(&tracer), TraceEvent::Ended { .. }));
}

#[test]
fn what_cannot_be_started_says_why() {
    let tracer = tracer(Interests::default());
    let failure = |name: &str| {
        let program = Program {
            name: name.into(),
            arguments: Vec::new(),
        };
        let error = tracer.launch(program).expect_err("it cannot be started");
        error.to_string()
    };
    let missing = failure("/nowhere/at-all");
    assert!(
        missing.contains("No such file") && !missing.contains("interpreter"),
        "{missing}"
    );
    assert!(failure("/etc").contains("Permission denied"));
    assert!(failure("no-such-command-anywhere").contains("no such command"));
}

#[test]
fn a_followed_process_is_held_and_let_go_without_a_trace() {
    let mut fixture = Fixture::start(Command::new(c_program("busy")));
    let pid = Pid(fixture.pid());
    let tracer = tracer(Interests::default());
    tracer.follow(pid).expect("it may be followed");
    let getpid = Call {
        number: libc::SYS_getpid,
        arguments: [0; 6],
    };
    for _ in 0..200 {
        let answer = tracer.ask(move |follower| {
            follower.hold(pid, |hold| {
                assert!(hold.stopped().count() >= 5);
                hold.system_calls(&[getpid])
            })
        });
        let answer = answer.expect("it answers").expect("it lives");
        assert_eq!(answer.expect("it can be made"), [i64::from(pid.0)]);
    }
    tracer.release(pid).expect("it lives");
    fixture.write_line("tell");
    assert_eq!(fixture.read_line(), "signals 0 wrong 0 interrupted 0");
}
