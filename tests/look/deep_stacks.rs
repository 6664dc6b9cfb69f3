//! Stacks deeper than anybody reads: cut, said to be, and no reason to wait.

use crate::support::{Fixture, on_each_python, pmdb};

const PROGRAM: &str = "\
import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(1 << 30)
def dive(depth):
    if depth == 0:
        print('ready', flush=True); sys.stdin.read()
    else:
        dive(depth - 1)
thread = threading.Thread(target=dive, args=(60_000,), daemon=True)
thread.start()
thread.join()
";

#[test]
fn stack_deeper_than_the_limit_is_cut_and_said_to_be() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, PROGRAM, &[]);
        let answer = pmdb(["stack", &fixture.pid().to_string()]);
        let text = &answer.succeeded().stdout;
        // The oldest three of the newest 50,000, the others that are like them, and the one at the end.
        assert!(
            text.contains("[Previous line repeated 49996 more times]"),
            "{text}"
        );
        // From 3.13 on the process keeps the source of `-c`, which then stands below the frame, with a mark.
        let end: Vec<&str> = text.trim_end().lines().rev().take(4).collect();
        assert!(
            end[0].ends_with("deeper than 50000 frames, of which the newest are shown"),
            "{text}"
        );
        assert!(
            end[1..].iter().any(|line| line.contains("line 6, in dive")),
            "{text}"
        );
        assert!(!text.contains("not everything was read"), "{text}");
    });
}
