//! Times, paths, addresses, UUIDs and fractions against `repr()` in the target, and views on shared memory.

use crate::support::{Fixture, Python, on_each_python, pmdb};
use serde_json::Value;

fn locals(fixture: &Fixture) -> Vec<Value> {
    let answer = pmdb(["stack", &fixture.pid().to_string(), "--locals", "--json"]);
    let answer = answer.succeeded().json();
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let frame = frames.find(|frame| frame["function"] == "show");
    let locals = frame.expect("the frame of show()")["locals"].as_array();
    locals.expect("locals").clone()
}

fn named<'v>(locals: &'v [Value], name: &str) -> &'v Value {
    let found = locals.iter().find(|local| local["name"] == name);
    found.unwrap_or_else(|| panic!("no local {name}"))
}

fn compare(python: &Python, fixture: &Fixture) {
    let said: serde_json::Map<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
    assert!(said.len() > 40, "{} values", said.len());
    let locals = locals(fixture);
    for (name, text) in &said {
        let value = &named(&locals, name)["value"];
        assert_eq!(value, text, "{name} on {}", python.version);
    }
}

#[test]
fn times_paths_and_identifiers_are_what_repr_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "values_data.py", &[]);
        compare(python, &fixture);
    });
}

#[test]
fn views_on_shared_memory_say_which_segment_they_lie_in() {
    let program = "\
import mmap, sys
from multiprocessing import shared_memory
def show():
    named = shared_memory.SharedMemory(create=True, size=8192)
    part = named.buf[4096:]
    private = memoryview(bytearray(10))
    nameless = memoryview(mmap.mmap(-1, 4096))[16:]
    text = repr(named)
    print('ready', named.name, text, flush=True)
    sys.stdin.read()
    part.release()
    named.close()
    named.unlink()
show()
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, program, &[]);
        let (name, text) = fixture.ready().split_once(' ').expect("name and text");
        let (name, text) = (name.to_string(), text.to_string());
        let locals = locals(&fixture);
        assert_eq!(named(&locals, "named")["value"], text);
        let segment = |local: &str| named(&locals, local)["segment"].clone();
        assert_eq!(segment("named"), format!("/dev/shm/{name} +0"));
        assert_eq!(segment("part"), format!("/dev/shm/{name} +4096"));
        assert_eq!(segment("private"), Value::Null);
        let nameless = segment("nameless");
        let nameless = nameless.as_str().unwrap_or_default();
        assert!(
            nameless.starts_with("anonymous shared memory #"),
            "{nameless}"
        );
        assert!(nameless.ends_with(" +16"), "{nameless}");
        fixture.close_stdin();
        fixture.wait();
    });
}
