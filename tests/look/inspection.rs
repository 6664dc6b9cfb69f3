//! `whatis` of arrays and memoryviews, and `source` of classes, against what the program says of them.

use std::ffi::OsString;

use crate::support::{Python, any_python, dump_core, on_each_python, pmdb, venv};
use nix::sys::signal::Signal;
use serde_json::Value;

/// What commands at the prompt print on a core of a program, and what the program said before.
fn asked(python: &Python, program: &str, commands: &[&str]) -> Option<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("script.py");
    std::fs::write(&script, program).expect("the folder is ours");
    let mut command = python.command();
    command.arg(&script);
    let core = dump_core(&command, Signal::SIGABRT)?;
    let mut words = vec![OsString::from("open"), core.path.clone().into()];
    for command in commands {
        words.extend(["-c".into(), command.into()]);
    }
    let answer = pmdb(words);
    Some((answer.succeeded().stdout.clone(), core.ready))
}

#[test]
fn whatis_tells_the_form_of_arrays_and_views() {
    let program = "\
import json, signal
import numpy
def form(value, word, kind):
    return ', %s %s, shape %r, strides %r' % (word, kind, value.shape, value.strides)
def hold(array, part, view, table):
    said = [\"<class 'numpy.ndarray'>\" + form(each, 'dtype', each.dtype) for each in (array, part, array.T)]
    said += [\"<class 'memoryview'>\" + form(each, 'format', repr(each.format)) for each in (view, table)]
    said[-1] += ', read-only'
    print('ready', json.dumps(said), flush=True)
    signal.pause()
array = numpy.zeros((3, 4), 'float32')
hold(array, array[1, ::2], memoryview(bytearray(6))[::-2], memoryview(bytes(24)).cast('i', [2, 3]))
";
    let Some(python) = any_python().and_then(|python| venv(python, &["numpy"])) else {
        return;
    };
    let commands =
        ["array", "part", "array.T", "view", "table"].map(|name| format!("whatis {name}"));
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let Some((told, said)) = asked(&python, program, &commands) else {
        return;
    };
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let said = said.as_array().expect("a list").iter();
    let said: Vec<&str> = said.map(|line| line.as_str().expect("text")).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), said);
}

#[test]
fn source_of_a_class_is_what_inspect_finds() {
    let program = "\
import inspect, json, signal
class Bare:
    number = 1


class Outer:
    class Inner(Bare):
        text = 'x'

    def method(self):
        pass


def hold(names):
    print('ready', json.dumps([inspect.getsource(each) for each in names]), flush=True)
    signal.pause()
hold([Bare, Outer.Inner, Outer])
";
    on_each_python(|python| {
        let commands = ["source Bare", "source Outer.Inner", "source Outer"];
        let Some((told, said)) = asked(python, program, &commands) else {
            return;
        };
        let said: Vec<String> = serde_json::from_str(&said).expect("JSON");
        let lines = said.iter().flat_map(|text| text.lines());
        let told: Vec<&str> = told
            .lines()
            .map(|line| line.split_once('\t').map_or(line, |(_, text)| text))
            .collect();
        assert_eq!(told, lines.collect::<Vec<_>>());
    });
}
