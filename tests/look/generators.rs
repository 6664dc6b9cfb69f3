//! Generators, coroutines and asynchronous generators against what the target says of them.

use crate::support::{Dumps, Fixture, fixture_path, on_each_python};
use pmdb::model::{Addr, Pid};
use pmdb::process::Process;
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::process::live::LiveProcess;
use pmdb::python::{Look, locate};
use serde_json::Value;

/// Each generator that the target described in `ready` is read as it said.
fn assert_read_as_said(process: &dyn Process, ready: &str) {
    let located = locate(process).expect("a Python");
    let look = Look::new(process, &located);
    let said: Vec<Value> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 15, "{}", said.len());
    for one in &said {
        let address = Addr(one["address"].as_u64().unwrap());
        let kind = look.generator_kind(address).unwrap().expect("a generator");
        let kind = format!("{kind:?}").to_lowercase();
        assert_eq!(kind, one["kind"].as_str().unwrap().replace('_', ""));
        let phase = look.generator_phase(address).unwrap();
        assert_eq!(
            format!("{phase:?}"),
            one["phase"].as_str().unwrap(),
            "{one}"
        );
        assert_eq!(look.generator_name(address).unwrap(), one["name"], "{one}");
        let frame = look.suspended_frame(address).unwrap();
        let file = frame.as_ref().map(|frame| frame.code.file.as_str());
        assert_eq!(file, one["file"].as_str(), "{one}");
        // A running one has gone on since it described itself.
        if phase != pmdb::python::GeneratorPhase::Running {
            let line = frame.and_then(|frame| frame.position.line);
            assert_eq!(line.map(u64::from), one["line"].as_u64(), "{one}");
        }
        let awaited = look.awaited(address).unwrap();
        assert_eq!(
            awaited.map(|object| object.0),
            one["awaited"].as_u64(),
            "{one}"
        );
    }
}

#[test]
fn generators_are_where_they_say() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "generators.py", &[]);
        let process = LiveProcess::open(Pid(fixture.pid())).expect("our child");
        assert_read_as_said(&process, fixture.ready());
    });
}

#[test]
fn generators_are_where_they_said_before_the_core() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("generators.py"));
        let Some(dumps) = Dumps::of(&command, python.is_oldest()) else {
            return;
        };
        for (path, _) in dumps.files() {
            let process = CoreProcess::open(&path, CoreOptions::default()).expect("a core");
            assert_read_as_said(&process, dumps.ready());
        }
    });
}
