//! `pmdb shm where` against what the programs say of their variables.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::{Value, json};

/// Its worker has the segment too. Says its own pid and that of the worker.
const PROGRAM: &str = "\
import mmap, os, struct, sys
shared = mmap.mmap(-1, 8192)
class Model:
    pass
model = Model()
model.weights = memoryview(shared)[4096:4096 + 80].cast('d')
def work(rows):
    child = os.fork()
    if child:
        print('ready', os.getpid(), child, flush=True)
    sys.stdin.read()
work(memoryview(shared)[16:32])
";

#[test]
fn variables_that_lie_in_a_segment_are_named_with_those_who_have_them() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, PROGRAM, &[]);
        let pids: Vec<u64> = fixture
            .ready()
            .split(' ')
            .map(|word| word.parse().expect("a pid"))
            .collect();
        let census: Value = pmdb(["shm", "--json", &pids[0].to_string()])
            .succeeded()
            .json();
        let segments = census["segments"].as_array().expect("a list");
        let is_it = |segment: &&Value| segment["kind"] == "anonymous" && segment["size"] == 8192;
        let segment = segments.iter().find(is_it).expect("it is mapped");
        let name = segment["name"].as_str().expect("text");
        let answer: Value = pmdb(["shm", "where", name, "--json"]).succeeded().json();
        assert_eq!(answer["notes"], json!([]), "{answer:#}");
        let objects = answer["objects"].as_array().expect("a list");
        let found = |offset: u64, expression: &str| -> &Value {
            let mut variables = objects
                .iter()
                .filter(|object| object["offset"] == offset)
                .flat_map(|object| object["variables"].as_array().expect("a list"));
            variables
                .find(|variable| variable["expression"] == expression)
                .unwrap_or_else(|| panic!("{expression} at +{offset} is not in {answer:#}"))
        };
        let mut sorted = pids.clone();
        sorted.sort_unstable();
        assert_eq!(found(0, "shared")["pids"], json!(sorted), "{answer:#}");
        assert_eq!(found(4096, "model.weights")["pids"], json!(sorted));
        let rows = found(16, "rows");
        assert_eq!(
            (&rows["pids"], &rows["place"]),
            (&json!(sorted), &json!("work"))
        );
    });
}
