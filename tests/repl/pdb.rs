//! The same commands on the same program, once in pdb itself and once in pmdb from outside: the answers must be equal.

use std::io::Write;
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::support::{
    Fixture, Python, dump_core, fixture_path, on_each_python, on_pythons_from, pmdb_with_input,
    pythons, skip,
};

/// What pdb of every version answers in the same words.
const STACK: &str = "\
where
up
up 2
w
up 100
up
down 3
u x
down -1
down
d
bt
list
list
l .
l 1
list 3, 5
l 20, 3
l 1,2,3
l x
l 500
up
ll
longlist
down
ll
args
up
a
p key
p nothing
p rest
p others
key
job
!job
whatis job
whatis text
source square
source stop
list
";

/// Expressions, in a method and in the function that it calls.
const EXPRESSIONS: &str = "\
p job, number
p number ** 30, -job, job / 4, job // 4
number * 2 if job else None
p [number] * 3
up
p self.queue
p self.queue[1:], self.queue[-1]
p len(self.queue), sum(self.queue), sorted(self.queue), max(self.queue)
p [item * 2 for item in self.queue if item > 1]
p self.name.upper() + text
p {'a': self.kind, key: rest}
p text.split()
p f'{job=} {self.name!r:>6}'
p self.queue[7]
p others['none']
p self.nothing
p 1 / 0
p 'a' + 1
p isinstance(job, int), type(job)
p len
p key in ('k', 'l'), not rest
None
1, 2
pp {name: name * 30 for name in 'abcdef'}
pp self.queue
whatis self
whatis Worker
whatis self.run
whatis Worker.helper
whatis calls
whatis [1]
whatis None
whatis key + 1
source self.run
source Worker.run
source calls
source Worker
source 1 / 0
display job
display nothing
display
undisplay job
display
undisplay other
undisplay
";

/// What pdb has from 3.14 on.
const NEWER: &str = "\
where 2
where -2
where 0
w x
up 3
where 0
up 50
ll
list
p
ll x
";

/// On an exception; pdb takes one from 3.13 on.
const EXCEPTION: &str = "\
exceptions
exceptions 0
w
ll
args
p table, key
p $_exception
p $_exception.args[0], '$_exception'
p $nothing
exceptions 7
exceptions x
up
list
exceptions 1
l
ll
exceptions
";

/// What pdb itself answers. Before the first command it shows where it is, and it ends with an empty line.
fn of_pdb(python: &Python, mode: &str, commands: &str) -> Vec<String> {
    let mut child = python
        .command()
        .arg(fixture_path("prompt.py"))
        .arg(mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(commands.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_string).collect();
    assert!(
        lines.len() > 3 && lines.last().unwrap().is_empty(),
        "{text}"
    );
    lines[2..lines.len() - 1].to_vec()
}

/// Without what differs: the usage of a command, whose words are ours, and what follows the address of an object.
fn comparable(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line.split(" at 0x").next().unwrap_or_default().trim_end())
        .filter(|line| !line.trim_start().starts_with("Usage:"))
        .collect()
}

#[track_caller]
fn assert_same(pdb: &[String], pmdb: &str) {
    let pmdb: Vec<String> = pmdb.lines().map(str::to_string).collect();
    let (pdb, pmdb) = (comparable(pdb), comparable(&pmdb));
    for (number, (expected, found)) in pdb.iter().zip(&pmdb).enumerate() {
        assert_eq!(expected, found, "line {number} of {pmdb:#?}");
    }
    assert_eq!(pdb.len(), pmdb.len(), "{pmdb:#?}");
}

fn waiting(python: &Python) -> Fixture {
    Fixture::python(python, "prompt.py", &["wait"])
}

#[test]
fn live_process_answers_as_in_pdb() {
    on_each_python(|python| {
        let fixture = waiting(python);
        let answer = pmdb_with_input(["attach", &fixture.pid().to_string()], STACK);
        assert_same(&of_pdb(python, "live", STACK), &answer.stdout);
    });
}

#[test]
fn expressions_give_what_they_give_in_pdb() {
    on_each_python(|python| {
        let fixture = waiting(python);
        let answer = pmdb_with_input(["attach", &fixture.pid().to_string()], EXPRESSIONS);
        assert_same(&of_pdb(python, "live", EXPRESSIONS), &answer.stdout);
    });
}

#[test]
fn newer_commands_answer_as_in_pdb() {
    on_pythons_from(14, |python| {
        let fixture = waiting(python);
        let answer = pmdb_with_input(["attach", &fixture.pid().to_string()], NEWER);
        assert_same(&of_pdb(python, "live", NEWER), &answer.stdout);
    });
}

#[test]
fn exceptions_are_walked_as_in_pdb() {
    on_pythons_from(13, |python| {
        let fixture = waiting(python);
        let commands = format!("exceptions 1\n{EXCEPTION}");
        let answer = pmdb_with_input(["attach", &fixture.pid().to_string()], &commands);
        // pdb begins on the exception.
        let (_, ours) = answer.stdout.split_at(
            answer
                .stdout
                .match_indices('\n')
                .nth(1)
                .map_or(0, |(at, _)| at + 1),
        );
        assert_same(&of_pdb(python, "dead", EXCEPTION), ours);
    });
}

#[test]
fn core_answers_as_the_live_process_did() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("prompt.py")).arg("wait");
        let Some(core) = dump_core(&command, Signal::SIGABRT) else {
            skip("the prompt on a core", "no core could be made");
            return;
        };
        let answer = pmdb_with_input([std::ffi::OsStr::new("open"), core.path.as_os_str()], STACK);
        assert_same(&of_pdb(python, "live", STACK), &answer.stdout);
    });
}

#[test]
fn core_of_a_crash_begins_with_the_thread_that_crashed() {
    let program = "\
import ctypes, threading
def crash(address):
    ctypes.string_at(address)
worker = threading.Thread(target=crash, args=(8,))
print('ready', flush=True)
worker.start()
worker.join()
";
    on_each_python(|python| {
        let mut command = python.command();
        command.args(["-c", program]);
        // It ends by itself, by another signal.
        let Some(core) = dump_core(&command, Signal::SIGCONT) else {
            return;
        };
        let commands = "up\nargs\nthread MainThread\nup 100\n";
        let words = [std::ffi::OsStr::new("open"), core.path.as_os_str()];
        let answer = pmdb_with_input(words, commands);
        // CPython 3.13+ keeps the source of `-c`.
        let lines = answer.succeeded().stdout.lines();
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with("-> ")).collect();
        assert_eq!(lines[..2], ["> <string>(3)crash()", "address = 8"]);
        let oldest = lines.last().unwrap();
        assert!(oldest.ends_with(")<module>()"), "{lines:?}");
    });
}

/// No command of pdb is missing, whatever it is called.
#[test]
fn every_command_of_pdb_is_one_of_pmdb() {
    let Some(python) = pythons().iter().max_by_key(|python| python.minor) else {
        return;
    };
    let names = python.eval(
        "import pdb; print(*sorted(name[3:] for name in dir(pdb.Pdb) if name.startswith('do_')))",
    );
    let names: Vec<&str> = names.split_whitespace().collect();
    assert!(names.len() > 50, "{names:?}");
    let fixture = waiting(python);
    let input: String = names.iter().map(|name| format!("help {name}\n")).collect();
    let told = pmdb_with_input(["attach", &fixture.pid().to_string()], &input);
    assert!(!told.stdout.contains("***"), "{}", told.stdout);
    let count = told.stdout.matches("Usage: ").count();
    assert_eq!(count, names.len(), "{}", told.stdout);
}
