//! Loops that are one line: a breakpoint there stops at each turn, and `next` goes behind them, as in pdb 3.14.

use crate::support::{Fixture, Python, on_each_python, told};

const PROGRAM: &str = "\
import time
armed, x = False, 0
def turns():
    for i in range(3): pass
    return i
def endless():
    global x
    while True: x += 1
print('ready', flush=True)
while not armed:
    time.sleep(0.001)
turns()
turns()
endless()
";

fn start(python: &Python) -> (tempfile::TempDir, Fixture) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loops.py");
    std::fs::write(&path, PROGRAM).expect("it is ours");
    let mut command = python.command();
    command.arg(&path);
    (folder, Fixture::start(command))
}

#[test]
fn each_turn_of_a_loop_in_one_line_counts() {
    on_each_python(|python| {
        let (_folder, fixture) = start(python);
        let commands = [
            "break loops.py:4",
            "break endless",
            "!__import__('__main__').armed = True",
            "continue",
            "continue",
            "continue",
            "!print('at', i)",
            // Once more, behind the last turn.
            "continue",
            "next",
            "!print('behind', i)",
            // The second call.
            "continue",
            "next",
            "!print('over', i)",
            "continue",
            "break",
            "clear 1",
            "!before = x",
            "continue",
            "!print('turned', x - before)",
            "quit",
        ];
        let session = told(&fixture, &commands);
        for expected in [
            "-> for i in range(3): pass\nat 1\n",
            "loops.py(5)turns()\n-> return i\nbehind 2\n",
            "loops.py(5)turns()\n-> return i\nover 2\n",
            "breakpoint already hit 5 times\n",
            "-> while True: x += 1\nturned 1\n",
        ] {
            assert!(
                session.contains(expected),
                "{python:?} {expected}: {session}"
            );
        }
    });
}
