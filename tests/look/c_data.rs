//! Values of `ctypes`, and those of `multiprocessing` in shared memory, against what the target says of them.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::{Map, Value};

#[test]
fn values_of_ctypes_show_what_they_hold_and_where() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "values_ctypes.py", &[]);
        let said: Map<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
        assert!(said.len() >= 40, "{} values", said.len());
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals", "--json", "--limit=1000000"]);
        let answer = answer.succeeded().json();
        let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
        let mut frames = frames.expect("frames").iter();
        let frame = frames.find(|frame| frame["function"] == "show");
        let locals = frame.expect("the frame of show()")["locals"].as_array();
        let locals = locals.expect("locals");
        let named = |name: &str| {
            let found = locals.iter().find(|local| local["name"] == name);
            found.unwrap_or_else(|| panic!("no local {name}"))
        };
        let differ: Vec<String> = said
            .iter()
            .filter(|(name, text)| named(name)["value"] != **text)
            .map(|(name, text)| format!("{name}\n{}\n{text}", named(name)["value"]))
            .collect();
        assert!(
            differ.is_empty(),
            "{}\n{}",
            python.version,
            differ.join("\n")
        );
        // `multiprocessing` maps a file that it has already removed.
        for name in said.keys() {
            let segment = named(name)["segment"].as_str();
            if name.starts_with("shared_") {
                assert!(
                    segment.is_some_and(|at| at.contains("(deleted) +")),
                    "{name}: {segment:?}"
                );
            } else {
                assert_eq!(segment, None, "{name}");
            }
        }
    });
}
