//! A table of values: the text that pmdb shows of each against what `repr()` gives for it in the target.

use std::ffi::OsString;

use crate::support::{Dumps, Fixture, fixture_path, on_each_python, pmdb, says_not_kept};
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

/// `spared` texts at most may be not kept.
fn assert_same(ready: &str, answer: &Value, spared: usize) {
    let said: Map<String, Value> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 400, "{} values", said.len());
    let shown = texts_of(answer);
    let is_spared = |name: &String| {
        let text = shown.get(name).and_then(Value::as_str);
        text.is_some_and(says_not_kept)
    };
    let count = said.keys().filter(|name| is_spared(name)).count();
    assert!(count <= spared, "{count} are not kept");
    let wrong: Vec<String> = said
        .iter()
        .filter(|(name, text)| shown.get(*name) != Some(text) && !is_spared(name))
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
        assert_same(fixture.ready(), &answer.succeeded().json(), 0);
    });
}

#[test]
fn every_value_has_the_same_text_in_a_core_a_snapshot_and_a_bundle() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("table_of_values"));
        let Some(dumps) = Dumps::of(&command, python.is_at_an_end()) else {
            return;
        };
        for (path, is_snapshot) in dumps.files() {
            // As long as they are, three of them are kept in part.
            let spared = if is_snapshot { 3 } else { 0 };
            let words = ["stack", "--locals", "--json", ALL, "--core"].map(OsString::from);
            let answer = pmdb(words.into_iter().chain([path.into()]));
            assert_same(dumps.ready(), &answer.succeeded().json(), spared);
        }
    });
}
