//! Arrays, scalars and dtypes of numpy against what numpy says of them itself, on every interpreter that a numpy can be
//! had for: they come in all kinds of releases.

use std::ffi::OsString;
use std::path::Path;

use crate::support::{Dumps, Fixture, Python, dump_core, fixture_path, on_each_python, pmdb, venv};
use nix::sys::signal::Signal;
use serde_json::Value;

fn with_numpy(test: impl Fn(&Python)) {
    on_each_python(|python| {
        if let Some(python) = venv(python, &["numpy"]) {
            test(&python);
        }
    });
}

fn locals(answer: &Value) -> Vec<Value> {
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let frame = frames.find(|frame| frame["function"] == "show");
    let locals = frame.expect("the frame of show()")["locals"].as_array();
    locals.expect("locals").clone()
}

fn live(pid: u32) -> Vec<Value> {
    let pid = pid.to_string();
    let answer = pmdb(["stack", &pid, "--locals", "--json", "--limit", "1000000"]);
    locals(&answer.succeeded().json())
}

fn dead(core: &Path) -> Vec<Value> {
    let words = [
        "stack", "--locals", "--json", "--limit", "1000000", "--core",
    ];
    let words = words.map(OsString::from).into_iter();
    let answer = pmdb(words.chain([core.into()]));
    locals(&answer.succeeded().json())
}

fn named<'v>(locals: &'v [Value], name: &str) -> &'v Value {
    let found = locals.iter().find(|local| local["name"] == name);
    found.unwrap_or_else(|| panic!("no local {name}"))
}

fn assert_same_texts(said: &Value, locals: &[Value], at_least: usize) {
    let texts = said["texts"].as_object().expect("texts");
    assert!(texts.len() >= at_least, "{} values", texts.len());
    let differ: Vec<String> = texts
        .iter()
        .filter(|(name, text)| named(locals, name)["value"] != **text)
        .map(|(name, text)| format!("{name}\n{}\n{text}", named(locals, name)["value"]))
        .collect();
    assert!(
        differ.is_empty(),
        "numpy {}\n{}",
        said["numpy"],
        differ.join("\n")
    );
}

/// Python's own resource tracker may have been faster.
fn forget_segment(said: &Value) {
    let name = said["shm"].as_str().expect("a name");
    let _ = std::fs::remove_file(Path::new("/dev/shm").join(name));
}

fn said(ready: &str) -> Value {
    serde_json::from_str(ready).expect("JSON")
}

#[test]
fn arrays_scalars_and_dtypes_are_what_numpy_prints() {
    with_numpy(|python| {
        let fixture = Fixture::python(python, "values_numpy.py", &[]);
        assert_same_texts(&said(fixture.ready()), &live(fixture.pid()), 170);
    });
}

#[test]
fn a_core_a_snapshot_and_a_bundle_have_the_same_arrays() {
    with_numpy(|python| {
        let mut command = python.command();
        command.arg(fixture_path("values_numpy.py"));
        if let Some(dumps) = Dumps::of(&command, python.is_oldest()) {
            for (path, _) in dumps.files() {
                assert_same_texts(&said(dumps.ready()), &dead(&path), 170);
            }
        }
    });
}

#[test]
fn an_array_says_which_segment_it_lies_in() {
    with_numpy(|python| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mapped.bin");
        let fixture = Fixture::python(python, "shared_arrays.py", &[path.to_str().unwrap()]);
        let said = said(fixture.ready());
        let locals = live(fixture.pid());
        assert_same_texts(&said, &locals, 8);
        for (name, segment) in said["segments"].as_object().unwrap() {
            assert_eq!(named(&locals, name)["segment"], *segment, "{name}");
        }
        let nameless = named(&locals, "nameless")["segment"].as_str().unwrap();
        assert!(
            nameless.starts_with("anonymous shared memory #"),
            "{nameless}"
        );
        let text = pmdb(["stack", &fixture.pid().to_string(), "--locals"]);
        let place = format!("[/dev/shm/{} +4096]", said["shm"].as_str().unwrap());
        assert!(text.stdout.contains(&place), "{}", text.stdout);
        forget_segment(&said);
    });
}

/// The kernel leaves shared memory with a name out of a core (core(5), `coredump_filter`).
#[test]
fn what_a_core_lacks_of_an_array_is_said_and_the_rest_shown() {
    with_numpy(|python| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = python.command();
        command.arg(fixture_path("shared_arrays.py"));
        command.arg(folder.path().join("mapped.bin"));
        let Some(core) = dump_core(&command, Signal::SIGABRT) else {
            return;
        };
        let said = said(&core.ready);
        let locals = dead(&core.path);
        let whole = named(&locals, "whole");
        let text = whole["value"].as_str().unwrap();
        if whole["absence"].is_null() {
            // `coredump_filter` of this machine includes it.
            assert_eq!(text, said["texts"]["whole"]);
        } else {
            let address = whole["absence"]["address"].as_u64().unwrap();
            assert_eq!(
                text,
                format!("array(<not in this core: {address:#x}>, shape=(1000,), dtype=float64)")
            );
        }
        assert_eq!(whole["segment"], said["segments"]["whole"]);
        assert_eq!(named(&locals, "private")["value"], "array([0, 1, 2, 3])");
        forget_segment(&said);
    });
}
