//! Breakpoints in all threads: those that ran before, in the middle of an endless loop, and those that are started later.

use std::time::Instant;

use crate::support::{Fixture, PATIENCE, on_each_python, told};

/// What the fixture says of itself.
fn state(fixture: &mut Fixture) -> String {
    fixture.write_line("tell");
    fixture.read_line()
}

/// Fails the test if the program does not come to be as it was. A thread that came to a breakpoint while another was at the prompt is
/// in the agent's code until it gets the interpreter's lock.
#[track_caller]
fn has_left_nothing(fixture: &mut Fixture, before: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = state(fixture);
        if now == before {
            return;
        }
        assert!(Instant::now() < deadline, "{now}\n--- instead of\n{before}");
    }
}

/// Waits, in the process, until another thread has come to a breakpoint and waits for its turn.
const UNTIL_ANOTHER_WAITS: &str = "!while not any(frame.f_code.co_name == 'take_turn' \
     for frame in __import__('sys')._current_frames().values()): pass";

#[test]
fn they_stop_and_step_in_threads_and_leave_nothing() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "thread_workers.py", &[]);
        let before = state(&mut fixture);
        let commands = [
            // In the endless loop of a worker.
            "tbreak thread_workers.py:28",
            "continue",
            "step",
            "step",
            "p x == x > 0",
            "return",
            "next",
            "next",
            // In what a worker calls.
            "tbreak Job.handle, self.number == 2",
            "continue",
            "p self.number",
            "until 20",
            "up",
            "p number, turns",
            "threads",
            // In a function that is made again and again.
            "break thread_workers.py:34, x == 3",
            "continue",
            "p x",
            "next",
            "p y",
            "clear 3",
            // In a generator that has begun.
            "tbreak thread_workers.py:45",
            "continue",
            "p got",
            "detach",
        ];
        let session = told(&fixture, &commands);
        for expected in [
            "> thread_workers.py(28)loop()\n-> job.handle(i)\n--Call--\n> thread_workers.py(16)handle()\n",
            "> thread_workers.py(17)handle()\n-> a = x + 1\nTrue\n--Return--\n> thread_workers.py(20)handle()->",
            "> thread_workers.py(29)loop()\n-> pause.wait(0.001)\n> thread_workers.py(26)loop()\n",
            "> thread_workers.py(17)handle()\n-> a = x + 1\n2\n> thread_workers.py(20)handle()\n-> return b\n",
            "> thread_workers.py(28)loop()\n-> job.handle(i)\n(2, None)\n",
            "worker-2",
            "> thread_workers.py(34)inner()\n-> y = x * 3\n3\n> thread_workers.py(35)inner()\n-> return y\n9\n",
            "> thread_workers.py(45)sequence()\n-> last = got\n'sent'\n",
            "[the process goes on]",
        ] {
            assert!(session.contains(expected), "{expected}\n---\n{session}");
        }
        has_left_nothing(&mut fixture, &before);
    });
}

#[test]
fn threads_that_are_started_later_stop_too() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "thread_workers.py", &[]);
        let before = state(&mut fixture);
        let commands = [
            "break Job.handle, self.number == 9",
            "!__import__('__main__').answer('start')",
            "continue",
            "p self.number",
            "quit",
        ];
        let session = told(&fixture, &commands);
        assert!(
            session.ends_with("> thread_workers.py(17)handle()\n-> a = x + 1\n9\n"),
            "{session}"
        );
        has_left_nothing(&mut fixture, &before);
    });
}

#[test]
fn a_step_stays_with_its_thread_while_another_waits() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "thread_workers.py", &[]);
        let commands = [
            "break Job.handle",
            "continue",
            "!print('first', self.number)",
            UNTIL_ANOTHER_WAITS,
            "next",
            "next",
            "!print('still', self.number)",
            "continue",
            "!print('second', self.number)",
            "detach",
        ];
        let session = told(&fixture, &commands);
        let number = |word: &str| {
            let (_, rest) = session.split_once(word).expect(&session);
            rest.split_whitespace().next().expect(&session).to_owned()
        };
        assert_eq!(number("first"), number("still"), "{session}");
        assert_ne!(number("first"), number("second"), "{session}");
    });
}

#[test]
fn hits_of_threads_are_all_counted() {
    let program = "\
import threading, time
armed = False
def hot(i):
    x = i
    return x
def work():
    for i in range(2000):
        hot(i)
def done():
    pass
def main():
    print('ready', flush=True)
    while not armed:
        time.sleep(0.001)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done()
main()
";
    on_each_python(|python| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("counted.py");
        std::fs::write(&path, program).expect("it is ours");
        let mut command = python.command();
        command.arg(&path);
        let fixture = Fixture::start(command);
        let commands = [
            "break hot, x == -1 if 'x' in dir() else i == -1",
            "break done",
            "!__import__('__main__').armed = True",
            "continue",
            "break",
            "quit",
        ];
        let session = told(&fixture, &commands);
        assert!(
            session.contains("breakpoint already hit 8000 times"),
            "{session}"
        );
    });
}

#[test]
fn functions_that_are_not_there_yet_stop_when_they_are() {
    let program = "\
import threading, time
armed = False
def handle_early(x):
    y = x
    return y
def work():
    import later
    later.Tool().use(5)
    later.handle_late(6)
    handle_early(7)
def main():
    print('ready', flush=True)
    while not armed:
        time.sleep(0.001)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
main()
";
    let module = "\
loaded = 'yes'
class Tool:
    def use(self, n):
        m = n + 1
        return m
def handle_late(x):
    def handle_inner(y):
        z = y
        return z
    return handle_inner(x)
";
    on_each_python(|python| {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("library");
        std::fs::create_dir(&library).expect("it is ours");
        std::fs::write(library.join("later.py"), module).expect("it is ours");
        let path = folder.path().join("main.py");
        std::fs::write(&path, program).expect("it is ours");
        let mut command = python.command();
        command.arg(&path).env("PYTHONPATH", &library);
        let fixture = Fixture::start(command);
        let commands = [
            "break /^handle_.*y|^handle_l/",
            "break later.Tool.use, n == 5",
            "break later:1",
            "!__import__('__main__').armed = True",
            "continue",
            "continue",
            "p n",
            "continue",
            "p x",
            "continue",
            "p y",
            "continue",
            "p x",
            "break",
            "quit",
        ];
        let folder = folder.path().canonicalize().expect("it is there");
        let session = told(&fixture, &commands).replace(&format!("{}/", folder.display()), "");
        for expected in [
            "Breakpoint 1 at /^handle_.*y|^handle_l/ (1 function so far)\n",
            "Breakpoint 2 at later.Tool.use (pending: wherever a function of that name runs)\n",
            "Breakpoint 3 at library/later.py:1\n",
            "> library/later.py(1)<module>()\n-> loaded = 'yes'\n",
            "> library/later.py(4)use()\n-> m = n + 1\n5\n",
            "> library/later.py(7)handle_late()\n-> def handle_inner(y):\n6\n",
            "> main.py(4)handle_early()\n-> y = x\n7\n",
        ] {
            assert!(session.contains(expected), "{expected}\n---\n{session}");
        }
        // The qualified name of the inner function has its outer function's name in it, and begins like that.
        assert!(
            session.contains("> library/later.py(8)handle_inner()\n-> z = y\n6\n"),
            "{session}"
        );
    });
}
