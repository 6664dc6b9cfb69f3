//! The agent in live processes: it comes in, stops, steps and executes, and leaves nothing behind.

mod support;

use std::time::Duration;

use pmdb::model::Pid;
use pmdb::process::live::LiveProcess;
use pmdb::python::agent::{
    Answer, Channel, Command, Event, Injection, Message, Resume, WantedBreakpoint,
};
use pmdb::python::locate;
use support::{Fixture, fixture_path, on_each_python};

const PATIENCE: Duration = support::PATIENCE;

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
    let (injection, channel) = Injection::begin(&process, &located, pid).expect("it computes");
    let mut debugged = Debugged {
        injection,
        channel,
        process,
        located,
    };
    assert_eq!(debugged.event(), Event::Hello);
    let stop = debugged.event();
    assert!(
        matches!(&stop, Event::Stopped { reason, .. } if reason == "attach"),
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
        let answer = self.answer(&Command::Leave);
        assert_eq!(answer.error, None);
        self.injection
            .tidy(&self.process, &self.located)
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
            condition: condition.map(str::to_owned),
            ignore: 0,
            temporary: false,
            log: None,
            watch: None,
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
