//! A table of values: the text that pmdb shows of each against what `repr()` gives for it in the target.

use std::ffi::OsString;

use crate::support::{Fixture, dump_core, fixture_path, on_each_python, pmdb};
use nix::sys::signal::Signal;
use serde_json::{Map, Value};

/// No text is cut at this many characters.
const ALL: &str = "--limit=1000000";

/// The texts by name in the frame that has the table as its names.
fn texts_of(answer: &Value) -> Map<String, Value> {
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let table = frames
        .find(|frame| frame["file"] == "<table>")
        .expect("the frame with the table");
    let locals = table["locals"].as_array().expect("locals").iter();
    locals
        .map(|local| {
            let name = local["name"].as_str().expect("a name").to_string();
            (name, local["value"].clone())
        })
        .collect()
}

fn assert_same(ready: &str, answer: &Value) {
    let said: Map<String, Value> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 400, "{} values", said.len());
    let shown = texts_of(answer);
    let wrong: Vec<String> = said
        .iter()
        .filter(|(name, text)| shown.get(*name) != Some(text))
        .map(|(name, text)| format!("{name}\n  is    {text}\n  shown {:?}", shown.get(name)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        said.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_value_has_the_text_that_the_target_gives_it() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "table_of_values", &[]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals", "--json", ALL]);
        assert_same(fixture.ready(), &answer.succeeded().json());
    });
}

#[test]
fn every_value_has_the_same_text_in_a_core() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("table_of_values"));
        let Some(core) = dump_core(&command, Signal::SIGABRT) else {
            return;
        };
        let words = ["stack", "--locals", "--json", ALL, "--core"].map(OsString::from);
        let answer = pmdb(words.into_iter().chain([core.path.clone().into()]));
        assert_same(&core.ready, &answer.succeeded().json());
    });
}
