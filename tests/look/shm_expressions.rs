//! `shm(NAME, DTYPE)` in expressions against numpy's own answers about the same memory, live, held and in dumps; and what dumps tell of segments.

use crate::support::{Fixture, any_python, gcore_of, pmdb, pmdb_with_input, skip};
use serde_json::Value;

use super::shm_show::with_newest_numpy;

/// Says what `repr()` gives for each expression, of which `A` is an array that lies in the segment.
const PROGRAM: &str = r#"
import json, os, sys, time
from multiprocessing import shared_memory
import numpy as np
EXPRESSIONS = ["A[10:20].mean()", "A.sum()", "A[3]", "A[3] > A[4]", "A.max() - A.min()", "A[::-250]", "A.shape", "A.argmax()", "len(A)",
    "[x > 0 for x in A[:3]]", "A.std(), A.var(ddof=1), A[1].item()", "A.tolist()[:2]"]
segment = shared_memory.SharedMemory(create=True, size=8000, name="pmdb-test-%d" % os.getpid())
whole = np.ndarray((1000,), dtype="f8", buffer=segment.buf)
whole[:] = np.random.default_rng(7).normal(size=1000)
said = {text: repr(eval(text, {"A": whole})) for text in EXPRESSIONS}
rows = np.ndarray((10, 100), dtype=">f4", buffer=segment.buf)
said["B[2, ::33]"] = repr(eval("B[2, ::33]", {"B": rows}))
def work(shm):
    print("ready " + json.dumps({"name": segment.name, "said": said}), flush=True)
    while True:
        time.sleep(0.01)
def begin():
    work("a name of the program's")
if sys.argv[1] == "plain":
    def work(nothing):
        print("ready " + json.dumps({"name": segment.name, "said": said}), flush=True)
        while not sys.stdin.readline():
            time.sleep(0.01)
begin()
"#;

fn asked(expression: &str, name: &str) -> String {
    let whole = format!("shm('{name}', 'f64')");
    let rows = format!("shm('{name}', '>f4', shape=(10, 100))");
    expression.replace('A', &whole).replace('B', &rows)
}

/// Without what is said of where arrays lie.
fn answers(target: &[&str], expressions: &[String], name: &str) -> String {
    let commands: Vec<String> = expressions
        .iter()
        .flat_map(|text| ["-c".to_string(), format!("p {text}")])
        .collect();
    let words = target
        .iter()
        .copied()
        .chain(commands.iter().map(String::as_str));
    let answer = pmdb(words);
    let without = |line: &str| match line.split_once(&format!("  [{name} +")) {
        Some((line, _)) => line.to_string(),
        None => line.to_string(),
    };
    let lines: Vec<String> = answer.stdout.lines().map(without).collect();
    lines.join("\n")
}

#[test]
fn a_segment_is_an_array_wherever_it_is_asked_for() {
    let Some(python) = with_newest_numpy() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = Fixture::python_text(&python, PROGRAM, &["plain"]);
    let ready: Value = serde_json::from_str(fixture.ready()).expect("JSON");
    let name = ready["name"].as_str().expect("text").to_string();
    let said = ready["said"].as_object().expect("an object");
    let expected: Vec<&str> = said.values().filter_map(Value::as_str).collect();
    let all = expected.join("\n");
    let mean = ready["said"]["A[10:20].mean()"].as_str().expect("text");
    let expressions: Vec<String> = said.keys().map(|text| asked(text, &name)).collect();
    let pid = fixture.pid().to_string();
    assert_eq!(answers(&["attach", &pid], &expressions, &name), all);

    // Of a process that has neither numpy nor the segment.
    if let Some(python) = any_python() {
        let other = Fixture::python_text(
            python,
            "print('ready', flush=True)\nimport time\nwhile True: time.sleep(0.01)",
            &[],
        );
        let other_pid = other.pid().to_string();
        assert_eq!(answers(&["attach", &other_pid], &expressions, &name), all);
        // While it stands still it is the process that computes; not this.
        let ours = asked("A[10:20].mean()", &name);
        let whole = asked("A", &name);
        let input = format!("stop\np {ours}\nwhatis {whole}\np time.sleep\n");
        let held = pmdb_with_input(["attach", &other_pid], &input).stdout;
        assert!(held.contains(mean), "{held}");
        assert!(
            held.contains("<class 'numpy.ndarray'>, dtype float64, shape (1000,)"),
            "{held}"
        );
        assert!(held.contains("<built-in function sleep>"), "{held}");
    }

    let snapshot = folder.path().join("it.pmdb").display().to_string();
    pmdb(["snapshot", &pid, "-o", &snapshot]).succeeded();
    let core = gcore_of(fixture.pid(), folder.path());
    let path = format!("/dev/shm/{name}");
    drop(fixture);
    std::fs::remove_file(&path).expect("it was there");
    assert_eq!(answers(&["open", &snapshot], &expressions, &name), all);
    in_dumps(&name, &snapshot, mean);
    match core {
        Some(core) => in_a_core_without_it(&name, &core.display().to_string()),
        None => skip("cores", "gcore is not there"),
    }
}

/// The program has ended, and the segment is gone.
fn in_dumps(name: &str, snapshot: &str, mean: &str) {
    let census = pmdb(["shm", "--from", snapshot, "--json"])
        .succeeded()
        .json();
    let segments = census["segments"].as_array().expect("a list");
    let found = segments.iter().find(|segment| segment["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not in {census:#}"));
    assert_eq!(
        (&found["size"], &found["kept"]),
        (&8000.into(), &8192.into())
    );
    let from = ["--as", "f64", "--from", snapshot];
    let shown = pmdb(
        ["shm", "show", name, "[10:20]", "--json"]
            .iter()
            .chain(&from),
    );
    let shown = shown.succeeded().json();
    let told = shown["statistics"]["mean"].as_f64().expect("a number");
    let numpys: f64 = mean["np.float64(".len()..mean.len() - 1]
        .parse()
        .expect("a number");
    assert!((told - numpys).abs() < 1e-12, "{told} {numpys}");
    let hits = pmdb(["shm", "find", name, "0..", "--json"].iter().chain(&from));
    assert_eq!(hits.succeeded().json()["elements"], 1000);
    let plot = pmdb(["shm", "plot", name].iter().chain(&from));
    assert!(plot.succeeded().stdout.contains("at most"));
    let variables = pmdb(["shm", "where", name, "--json", "--from", snapshot]);
    let variables = variables.succeeded().stdout.clone();
    for variable in ["\"whole\"", "\"rows\"", "float64[1000]"] {
        assert!(variables.contains(variable), "{variables}");
    }
    // At the prompt the dump is what is meant.
    let command = format!("shm show {name} --as f64 '[:2]'");
    let at_prompt = pmdb(["open", snapshot, "-c", "shm", "-c", &command]);
    let at_prompt = &at_prompt.succeeded().stdout;
    assert!(
        at_prompt.contains("KEPT") && at_prompt.contains("count 2"),
        "{at_prompt}"
    );
}

/// The kernel's rule, which gdb follows: what has a name in a folder is left out.
fn in_a_core_without_it(name: &str, core: &str) {
    let census = pmdb(["shm", "--core", core]).succeeded().stdout.clone();
    let note = census
        .lines()
        .find(|line| line.starts_with(&format!("{name}: ")));
    let note = note.unwrap_or_else(|| panic!("{census}"));
    assert!(
        note.contains("8192 of its 8192 bytes")
            && note.contains("coredump_filter")
            && note.contains("It is gone now"),
        "{note}"
    );
    let answer = pmdb(["shm", "show", name, "--as", "f64", "--from", core]);
    answer.failed_with("the kernel leaves out what has a name in a folder");
    let expression = format!("p shm('{name}', 'f64')[0]");
    let prompt = pmdb(["open", core, "-c", &expression]);
    assert!(
        prompt.stdout.contains("the kernel leaves out"),
        "{prompt:?}"
    );
    pmdb(["shm", "show", "no-such-one", "--from", core])
        .failed_with("there is no shared memory called no-such-one in");
}

#[test]
fn a_name_of_the_program_comes_first() {
    let Some(python) = with_newest_numpy() else {
        return;
    };
    let fixture = Fixture::python_text(&python, PROGRAM, &["own"]);
    let ready: Value = serde_json::from_str(fixture.ready()).expect("JSON");
    let name = ready["name"].as_str().expect("text").to_string();
    let ours = format!("p ${}", asked("A[10:20].mean()", &name));
    let theirs = format!("p {}", asked("A", &name));
    let input = format!("where\n{theirs}\n{ours}\nstop\n{theirs}\n{ours}\n");
    let told = pmdb_with_input(["attach", &fixture.pid().to_string()], &input).stdout;
    drop(fixture);
    std::fs::remove_file(format!("/dev/shm/{name}")).expect("it was there");
    let mean = ready["said"]["A[10:20].mean()"].as_str().expect("text");
    assert_eq!(told.matches(mean).count(), 2, "{told}");
    assert_eq!(
        told.matches("$shm(NAME, DTYPE) opens a segment").count(),
        2,
        "{told}"
    );
}
