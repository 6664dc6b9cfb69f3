//! The agent in live processes: it comes in, stops, steps and executes, and leaves nothing behind.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::support::{
    Fixture, assert_same_code, fixture_path, machine_code, on_each_python, rounds,
};
use nix::libc;
use pmdb::model::Pid;
use pmdb::process::live::LiveProcess;
use pmdb::process::trace::Custody;
use pmdb::python::agent::{
    Answer, Channel, Command, Compiled, Event, Injection, Message, Resume, WantedBreakpoint,
    WantedStops,
};
use pmdb::python::locate;

const PATIENCE: Duration = crate::support::PATIENCE;

/// An agent that has stopped the main thread at a line.
struct Debugged {
    injection: Injection,
    channel: Channel,
    process: LiveProcess,
    located: pmdb::python::Located,
}

fn attach(fixture: &Fixture) -> Debugged {
    let pid = Pid(fixture.pid());
    let process = LiveProcess::open(pid).expect("it lives");
    let located = locate(&process).expect("it is Python");
    let (custody, wanted) = (Custody::Nobody, WantedStops::default());
    let (injection, channel) = Injection::begin(
        &process,
        &located,
        pid,
        &custody,
        &wanted,
        &Compiled::default(),
    )
    .expect("it computes");
    let mut debugged = Debugged {
        injection,
        channel,
        process,
        located,
    };
    assert_eq!(debugged.event(), Event::Hello);
    let stop = debugged.event();
    assert!(
        matches!(&stop, Event::Stopped { reason, .. } if ["attach", "return"].contains(&reason.as_str())),
        "{stop:?}"
    );
    debugged
}

impl Debugged {
    fn event(&mut self) -> Event {
        match self.channel.receive(PATIENCE).expect("it answers") {
            Some(Message::Event(event)) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    fn answer(&mut self, command: &Command) -> Answer {
        let id = self.channel.send(command).expect("it listens");
        match self.channel.receive(PATIENCE).expect("it answers") {
            Some(Message::Answer(answer)) if answer.id == id => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    fn value(&mut self, text: &str) -> String {
        let answer = self.answer(&Command::Evaluate {
            frame: 0,
            text: text.to_owned(),
            limit: 1000,
            width: None,
            lent: false,
        });
        answer
            .text
            .unwrap_or_else(|| answer.error.unwrap_or_default())
    }

    fn resume(&mut self, how: Resume) -> Event {
        self.channel
            .send(&Command::Resume { frame: 0, how })
            .expect("it listens");
        self.event()
    }

    fn leave(mut self) {
        let answer = self.answer(&Command::Leave { abandon: false });
        assert_eq!(answer.error, None);
        self.injection
            .tidy(&self.process, &self.located, false)
            .expect("it has left");
    }
}

fn breakpoint(line: u32, condition: Option<&str>) -> Command {
    Command::Breakpoints {
        frame: 0,
        list: vec![WantedBreakpoint {
            number: 1,
            file: Some(fixture_path("working.py").display().to_string()),
            line: Some(line),
            function: None,
            pattern: None,
            condition: condition.map(str::to_owned),
            ignore: 0,
            temporary: false,
            log: None,
            watch: None,
            catch: None,
            enabled: true,
        }],
    }
}

#[test]
fn it_stops_steps_and_leaves_nothing() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        fixture.write_line("tell");
        let before = fixture.read_line();
        for _ in 0..3 {
            let mut debugged = attach(&fixture);
            debugged.answer(&breakpoint(12, Some("x == 7")));
            let stop = debugged.resume(Resume::Continue);
            assert!(
                matches!(&stop, Event::Stopped { breakpoints, .. } if breakpoints == &[1]),
                "{stop:?}"
            );
            assert_eq!(debugged.value("x, y"), "(7, 14)");
            let assigned = debugged.answer(&Command::Execute {
                frame: 0,
                text: "y = 100".to_owned(),
            });
            assert_eq!(assigned.error, None);
            debugged.resume(Resume::Next);
            assert_eq!(debugged.value("z"), "101");
            let stop = debugged.resume(Resume::Next);
            assert!(
                matches!(&stop, Event::Stopped { value: Some(value), .. } if value == "101"),
                "{stop:?}"
            );
            debugged.leave();
        }
        fixture.write_line("tell");
        assert_eq!(fixture.read_line(), before);
    });
}

/// What the program says of itself, by name.
fn measured(fixture: &mut Fixture) -> HashMap<String, String> {
    fixture.write_line("tell");
    let line = fixture.read_line();
    let pairs = line.trim_matches(['[', ']']).split("), (");
    let pairs = pairs.filter_map(|pair| {
        let (name, value) = pair.trim_matches(['(', ')']).split_once(", ")?;
        Some((name.trim_matches('\'').to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn number(facts: &HashMap<String, String>, name: &str) -> u64 {
    let value = facts
        .get(name)
        .unwrap_or_else(|| panic!("{name}: {facts:?}"));
    value.parse().expect("a number")
}

#[test]
fn many_rounds_lose_no_signal_and_leave_nothing() {
    let rounds = rounds(20) as u64;
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "crowd.py", &[]);
        // The first rounds fill what the interpreter keeps for later.
        for _ in 0..3 {
            attach(&fixture).leave();
        }
        let before = loop {
            let before = measured(&mut fixture);
            // The last agent may just be leaving.
            if before["frames"] == "0" {
                break before;
            }
        };
        let code = machine_code(fixture.pid());
        for _ in 0..rounds {
            send_signal(&fixture);
            attach(&fixture).leave();
        }
        let begin = Instant::now();
        loop {
            let after = measured(&mut fixture);
            let same = [
                "fds", "maps", "threads", "tools", "trace", "frames", "modules", "wrong",
            ];
            // What grows for each round is left behind. A whole agent has thousands of blocks.
            let grown = |name| number(&after, name).saturating_sub(number(&before, name));
            let is_clean = same.iter().all(|name| after[*name] == before[*name])
                && grown("signals") == rounds
                && grown("objects") < rounds
                && grown("blocks") < 30 * rounds
                && grown("mappings") < rounds;
            if is_clean {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{before:?}\n{after:?}");
        }
        assert_same_code(&code, fixture.pid());
    });
}

fn send_signal(fixture: &Fixture) {
    // SAFETY: sigqueue(3) takes plain numbers.
    let sent = unsafe {
        let value = libc::sigval {
            sival_ptr: std::ptr::null_mut(),
        };
        libc::sigqueue(fixture.pid().cast_signed(), libc::SIGRTMIN() + 5, value)
    };
    assert_eq!(sent, 0);
}
