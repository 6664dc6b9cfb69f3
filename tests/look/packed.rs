//! Decimals, arrays and mappings against `repr()` in the target.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::{Map, Value};

/// The locals of the frame of `show()`, by name.
fn locals(fixture: &Fixture, more: &[&str]) -> Map<String, Value> {
    let pid = fixture.pid().to_string();
    let mut words = vec!["stack", &pid, "--locals", "--json"];
    words.extend(more);
    let answer = pmdb(words).succeeded().json();
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let frame = frames.find(|frame| frame["function"] == "show");
    let locals = frame.expect("the frame of show()")["locals"].as_array();
    let named = |local: &Value| {
        (
            local["name"].as_str().expect("a name").to_string(),
            local.clone(),
        )
    };
    locals.expect("locals").iter().map(named).collect()
}

#[test]
fn decimals_arrays_and_mappings_are_what_repr_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "values_packed.py", &[]);
        let said: Map<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
        assert!(said.len() > 120, "{} values", said.len());
        let locals = locals(&fixture, &["--limit=1000000"]);
        let differ: Vec<String> = said
            .iter()
            .filter(|(name, text)| locals[*name]["value"] != **text)
            .map(|(name, text)| format!("{name}\n{}\n{text}", locals[name]["value"]))
            .collect();
        assert!(
            differ.is_empty(),
            "{}\n{}",
            python.version,
            differ.join("\n")
        );
        // A private mapping is no shared memory.
        assert_eq!(locals["mapped_copy"]["segment"], Value::Null);
        assert_eq!(locals["mapped_closed"]["segment"], Value::Null);
        let segment = locals["mapped_default"]["segment"].as_str().unwrap();
        assert!(segment.ends_with("(deleted) +4096"), "{segment}");
    });
}

#[test]
fn cut_decimals_and_arrays_begin_as_the_whole_and_say_its_length() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "values_packed.py", &[]);
        let said: Map<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
        for limit in [0, 1, 9, 10, 11, 28, 29, 30, 31, 47, 48, 49, 67, 200] {
            let locals = locals(&fixture, &[&format!("--limit={limit}")]);
            for name in [
                "long_decimal",
                "long_fraction",
                "negative_long",
                "nines",
                "many",
                "array_u",
            ] {
                let whole: Vec<char> = said[name].as_str().unwrap().chars().collect();
                let expected = match whole.len() > limit {
                    true => whole[..limit].iter().chain(['…'].iter()).collect(),
                    false => whole.iter().collect::<String>(),
                };
                assert_eq!(locals[name]["value"], expected, "{name} at {limit}");
            }
            assert_eq!(locals["many"]["length"], 10_000);
            assert_eq!(locals["many"]["unit"], "items");
            let digits = said["long_decimal"].as_str().unwrap().len() - "Decimal('')".len();
            assert_eq!(locals["long_decimal"]["length"], digits);
            assert_eq!(locals["long_decimal"]["unit"], "digits");
        }
    });
}
