//! Breakpoints in handlers of RecursionError, where there is hardly room for a call: the program lives, and what was passed is told.

use crate::support::{Fixture, Python, on_each_python, told};

const PROGRAM: &str = "\
import sys, time
armed = False
def deepest(n):
    try:
        return deepest(n + 1)
    except RecursionError:
        x = n
        return x
def done():
    pass
def higher(n):
    try:
        return higher(n + 1)
    except RecursionError:
        if n % 40:
            raise
        x = n
        return x
print('ready', flush=True)
while not armed:
    time.sleep(0.001)
deepest(0)
done()
higher(0)
done()
print('survived with', sys.getrecursionlimit(), flush=True)
time.sleep(1000)
";

fn start(python: &Python) -> (tempfile::TempDir, Fixture) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep.py");
    std::fs::write(&path, PROGRAM).expect("it is ours");
    let mut command = python.command();
    command.arg(&path);
    (folder, Fixture::start(command))
}

#[test]
fn program_near_its_recursion_limit_lives() {
    on_each_python(|python| {
        let (_folder, mut fixture) = start(python);
        let commands = [
            "log deep.py:7 came to {n}",
            "break deep.py:17",
            "break done",
            "!__import__('__main__').armed = True",
            "continue",
            "!print('first')",
            "continue",
            "p n % 40, n > 500, len(str(list(range(n))))",
            "next",
            "p x == n",
            "continue",
            "quit",
        ];
        let session = told(&fixture, &commands);
        let (_, rest) = session.split_once("first\n").expect(&session);
        for expected in [
            "deep.py(17)higher()\n-> x = n\n(0, True, ",
            "deep.py(18)higher()\n-> return x\nTrue\n",
            "deep.py(10)done()\n-> pass\n",
        ] {
            assert!(rest.contains(expected), "{python:?}: {session}");
        }
        assert_eq!(fixture.read_line(), "survived with 1000", "{session}");
    });
}

#[test]
fn stop_that_cannot_be_served_is_told_of() {
    on_each_python(|python| {
        let (_folder, mut fixture) = start(python);
        let commands = [
            "break deep.py:7",
            "break done",
            "!__import__('__main__').armed = True",
            "continue",
            // 3.8 gives a handler room for 50 levels more, and may serve the first.
            "clear 1",
            "continue",
            "clear 2",
            "quit",
        ];
        let session = told(&fixture, &commands);
        let is_told =
            session.contains("[a breakpoint or a step was passed: the thread was too near");
        let is_served = session.contains("deep.py(7)deepest()\n-> x = n\n");
        assert!(is_told || is_served, "{python:?}: {session}");
        assert_eq!(fixture.read_line(), "survived with 1000", "{session}");
    });
}
