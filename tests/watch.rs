//! `watch` at the prompt: the process stops where a value changes, whoever changes it.

use crate::support::{Fixture, Python, any_python, on_each_python, told};

/// Where a call of `train` and of `fail` begins: a line of a loop could be reached in the middle of a call.
const FIRST_LINES: [u32; 2] = [22, 31];

/// The same from the moment on at which `train` or `fail` of the fixture has begun and come to a line.
fn told_from(fixture: &Fixture, line: u32, commands: &[&str]) -> String {
    let begin = FIRST_LINES.into_iter().rfind(|first| *first <= line);
    let begin = begin.expect("a line of one of them");
    let first = format!("tbreak watching.py:{begin}");
    let mut all = vec![first.as_str(), "continue"];
    all.extend((begin..line).map(|_| "next"));
    all.extend(commands);
    let text = told(fixture, &all);
    let place = format!("> watching.py({line})");
    // It may have been at that line when it was attached to, too.
    let (_, rest) = text.split_once("Deleted breakpoint 1").expect(&text);
    let (_, rest) = rest.split_once(&place).expect(&text);
    // The place where it stopped.
    let mut lines = rest.splitn(3, '\n');
    lines.nth(2).unwrap_or_default().to_string()
}

#[test]
fn each_change_stops_at_the_line_after_it() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let commands = [
            "watch best",
            "watch model.loss",
            "break",
            "continue",
            "continue",
            "p x, y",
            "continue",
            "continue",
            "break",
        ];
        let told = told_from(&fixture, 23, &commands);
        let expected = "\
Watchpoint 2: best = 0, in train until it returns
Watchpoint 3: model.loss = 1.0, in train until it returns
Num Type         Disp Enb   Where
2   watchpoint   keep yes   best
\tin train until it returns; it is 0
3   watchpoint   keep yes   model.loss
\tin train until it returns; it is 1.0
Watchpoint 3: model.loss: nan  [old: 1.0]
> watching.py(17)improve()
-> model.steps.append(x)
Watchpoint 2: best: 8  [old: 0]
> watching.py(23)train()
-> for x in range(6):
(4, 8)
Watchpoint 2: best: 10  [old: 8]
> watching.py(23)train()
-> for x in range(6):
Deleted watchpoint 2: best (train returns)
Deleted watchpoint 3: model.loss (train returns)
--Return--
> watching.py(27)train()->10
-> return best
";
        assert_eq!(told, expected, "{python:?}");
    });
}

#[test]
fn what_is_changed_in_place_has_changed() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let commands = [
            "watch model.steps",
            "continue",
            "continue",
            "clear 2",
            "up",
            "watch len(model.steps) > 4",
            "continue",
            "p model.steps",
            "up",
            "watch model",
            "clear 3",
            "continue",
            "p model.steps",
        ];
        let told = told_from(&fixture, 23, &commands);
        let told: Vec<&str> = told
            .lines()
            .filter(|line| !line.starts_with("Watchpoint 4"))
            .collect();
        let expected = "\
Watchpoint 2: model.steps = [], in train until it returns
Watchpoint 2: model.steps: [0]  [old: []]
> watching.py(18)improve()
-> return x * 2
Watchpoint 2: model.steps: [0, 1]  [old: [0]]
> watching.py(18)improve()
-> return x * 2
Deleted watchpoint 2: model.steps
> watching.py(24)train()
-> y = improve(model, x)
Watchpoint 3: len(model.steps) > 4 = False, in train until it returns
Watchpoint 3: len(model.steps) > 4: True  [old: False]
> watching.py(18)improve()
-> return x * 2
[0, 1, 2, 3, 4]
> watching.py(24)train()
-> y = improve(model, x)
Deleted watchpoint 3: len(model.steps) > 4
> watching.py(25)train()
-> if y > 6:
[0, 1, 2, 3, 4, 5]";
        assert_eq!(told.join("\n"), expected, "{python:?}");
    });
}

#[test]
fn conditions_ignoring_commands_and_disabling_apply() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let commands = [
            "watch y",
            "condition 2 x > 1",
            "ignore 2 1",
            "commands 2",
            "p 'seen', x",
            "end",
            "continue",
            "break",
            "disable 2",
            "tbreak 27",
            "continue",
            "enable 2",
            "watch best",
            "!best = 77",
            "continue",
            "p best",
        ];
        let told = told_from(&fixture, 23, &commands);
        let name = "NameError: name 'y' is not defined";
        let expected = format!(
            "\
Watchpoint 2: y = <{name}>, in train until it returns
New condition set for breakpoint 2.
Will ignore next 1 crossing of breakpoint 2.
Watchpoint 2: y: 6  [old: 4]
('seen', 3)
> watching.py(25)train()
-> if y > 6:
Num Type         Disp Enb   Where
2   watchpoint   keep yes   y
\tin train until it returns; it is 6
\tstop only if x > 1
\twatchpoint already hit 4 times
Disabled watchpoint 2: y
Breakpoint 3 at watching.py:27
Deleted breakpoint 3 at watching.py:27
> watching.py(27)train()
-> return best
Enabled watchpoint 2: y
Watchpoint 4: best = 10, in train until it returns
Deleted watchpoint 2: y (train returns)
Deleted watchpoint 4: best (train returns)
--Return--
> watching.py(27)train()->77
-> return best
77
"
        );
        assert_eq!(told, expected, "{python:?}");
    });
}

#[test]
fn a_breakpoint_and_a_step_at_the_same_line_are_one_stop_with_the_change() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let commands = [
            "watch y", "break 25", "continue", "clear 3", "next", "next", "next", "clear 2",
        ];
        let told = told_from(&fixture, 23, &commands);
        let expected = "\
Watchpoint 2: y = <NameError: name 'y' is not defined>, in train until it returns
Breakpoint 3 at watching.py:25
Watchpoint 2: y: 0  [old: <NameError: name 'y' is not defined>]
> watching.py(25)train()
-> if y > 6:
Deleted breakpoint 3 at watching.py:25
> watching.py(23)train()
-> for x in range(6):
> watching.py(24)train()
-> y = improve(model, x)
Watchpoint 2: y: 2  [old: 0]
> watching.py(25)train()
-> if y > 6:
Deleted watchpoint 2: y
";
        assert_eq!(told, expected, "{python:?}");
    });
}

#[test]
fn a_frame_that_is_left_by_an_exception_ends_its_watchpoints() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let told = told_from(
            &fixture,
            31,
            &["watch model.score", "watch score", "c", "c", "break"],
        );
        let expected = "\
Watchpoint 2: model.score = <AttributeError: 'Model' object has no attribute 'score'>, in fail until it returns
Watchpoint 3: score = <NameError: name 'score' is not defined>, in fail until it returns
Watchpoint 3: score: 1  [old: <NameError: name 'score' is not defined>]
> watching.py(32)fail()
-> model.score = score
Watchpoint 2: model.score: 1  [old: <AttributeError: 'Model' object has no attribute 'score'>]
> watching.py(33)fail()
-> raise ValueError(model)
";
        assert!(told.starts_with(expected), "{python:?}: {told}");
        let told = told_from(&fixture, 33, &["watch score", "watch model", "c", "break"]);
        let ends = "\
Deleted watchpoint 2: score (fail returns)
Deleted watchpoint 3: model (fail returns)
";
        assert!(told.contains(ends), "{python:?}: {told}");
        assert!(told.contains("> watching.py(33)fail()"), "{told}");
    });
}

#[test]
fn globals_are_watched_in_all_threads() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "watching.py", &[]);
        let told = told_from(
            &fixture,
            23,
            &["watch counted", "c", "c", "threads", "clear 2", "break"],
        );
        let (first, rest) = told.split_once('\n').expect("lines");
        assert!(first.starts_with("Watchpoint 2: counted = "), "{told}");
        assert!(first.ends_with(", in all threads"), "{told}");
        let number = |text: &str| -> u64 { text.parse().expect("a number") };
        let value = first.trim_start_matches("Watchpoint 2: counted = ");
        let before = number(value.trim_end_matches(", in all threads"));
        for step in 1..=2 {
            let (new, old) = (before + step, before + step - 1);
            let said = format!("Watchpoint 2: counted: {new}  [old: {old}]\n");
            assert!(rest.contains(&said), "{python:?}: {told}");
        }
        // In the thread that changed it, at its next line.
        assert_eq!(
            rest.matches("(41)count()\n-> answer.release()").count(),
            2,
            "{told}"
        );
        assert!(told.ends_with("Deleted watchpoint 2: counted\n"), "{told}");
    });
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python(python, "watching.py", &[]);
    let told = told_from(
        &fixture,
        23,
        &["watch 3 + 4", "watch 1 +", "watch x = 1", "break"],
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert_eq!(lines[0], "*** Cannot watch a constant: 3 + 4");
    assert!(
        lines[1..]
            .iter()
            .all(|line| line.starts_with("*** SyntaxError")),
        "{told}"
    );
}

#[test]
fn nothing_is_left_in_the_process() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "working.py", &[]);
        fixture.write_line("tell");
        let before = fixture.read_line();
        for _ in 0..2 {
            let commands = [
                "tbreak working.py:12",
                "continue",
                "watch y",
                "watch progress",
                "watch x.real",
                "continue",
                "detach",
            ];
            let told = told(&fixture, &commands);
            assert!(told.contains("Watchpoint 2: y = "), "{told}");
        }
        fixture.write_line("tell");
        assert_eq!(fixture.read_line(), before, "{python:?}");
    });
}

/// A program that waits until `armed`, then does something, and tells with `said` at `done`.
fn program_that_tells(python: &Python, body: &str) -> (tempfile::TempDir, Fixture) {
    let program = format!(
        "import os, sys, threading, _thread, time
armed, said, watched = False, None, 0
def lines(x):
    y = x + 1
    return y
def traces():
    frame, found = sys._getframe(1), [sys.gettrace()]
    while frame is not None:
        found.append(frame.f_trace)
        frame = frame.f_back
    if hasattr(sys, 'monitoring'):
        found += [sys.monitoring.get_tool(tool) for tool in range(6)]
    return [one for one in found if one is not None]
def done():
    pass
{body}
print('ready', flush=True)
while not armed:
    time.sleep(0.001)
said = work()
done()
time.sleep(1000)
"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("telling.py");
    std::fs::write(&path, program).expect("it is ours");
    let mut command = python.command();
    command.arg(&path);
    let fixture = Fixture::start(command);
    (folder, fixture)
}

const ARM: &str = "!__import__('__main__').armed = True";

#[test]
fn a_forked_child_is_not_traced_on() {
    let body = "\
def work():
    source, sink = os.pipe()
    if os.fork() == 0:
        try:
            lines(lines(1))
            os.write(sink, repr(traces()).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with open(source) as told:
        return told.read()
";
    on_each_python(|python| {
        let (_folder, fixture) = program_that_tells(python, body);
        let commands = [
            "watch __import__('__main__').watched",
            "break done",
            ARM,
            "continue",
            "p __import__('__main__').said",
            "quit",
        ];
        let told = told(&fixture, &commands);
        assert!(told.contains("Watchpoint 1: "), "{told}");
        assert!(told.ends_with("\n'[]'\n"), "{python:?}: {told}");
    });
}

#[test]
fn globals_are_watched_in_threads_that_start_later() {
    let body = "\
def count(go, is_over):
    global watched
    go.acquire()
    watched += 1
    is_over.release()
def work():
    for by_library in (True, False):
        go, is_over, began = [threading.Semaphore(0) for _ in range(3)]
        def begin():
            began.release()
            count(go, is_over)
        if by_library:
            threading.Thread(target=begin).start()
        else:
            _thread.start_new_thread(begin, ())
        began.acquire()
        go.release()
        is_over.acquire()
    return [one for one in traces() if one is not sys.gettrace()]
";
    on_each_python(|python| {
        let (_folder, fixture) = program_that_tells(python, body);
        let commands = [
            "break done",
            ARM,
            "watch watched",
            "c",
            "c",
            "clear 2",
            "c",
            "quit",
        ];
        let told = told(&fixture, &commands);
        for (new, old) in [(1, 0), (2, 1)] {
            let said = format!("Watchpoint 2: watched: {new}  [old: {old}]\n> ");
            let (_, rest) = told.split_once(&said).expect(&told);
            assert!(
                rest.split_once('\n')
                    .is_some_and(|(first, _)| first.ends_with("telling.py(20)count()")),
                "{python:?}: {told}"
            );
        }
    });
}

/// Its workers write to elements of a segment that they have from it, and one that it maps by its name.
const WRITERS: &str = r#"
import multiprocessing, os, sys
from multiprocessing import shared_memory

name = "pmdb-test-%d" % os.getpid()
segment = shared_memory.SharedMemory(create=True, size=4096, name=name)
view = segment.buf.cast("d")

def add(index, amount):
    view[index] += amount
    return index

def main():
    breakpoint()
    for index, amount in [(9, 1.0), (10, 1.5), (11, 2.0), (10, 0.0), (10, 0.25), (10, 4.0)]:
        worker = multiprocessing.get_context("fork").Process(target=add, args=(index, amount))
        worker.start()
        worker.join()
    view[10] += 0.5
    print("at the end", view[9], view[10], view[11], flush=True)
    view.release()
    segment.close()
    segment.unlink()

main()
"#;

#[test]
fn whichever_process_writes_to_shared_memory_stops() {
    let python = any_python().expect("there is a Python");
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("writers.py");
    std::fs::write(&script, WRITERS).expect("it can be written");
    let (path, script) = (
        python.path.display().to_string(),
        script.display().to_string(),
    );
    let commands = [
        "up",
        "watch shm(name, 'f64')[10]",
        "commands",
        "p 'its list', 6 * 7",
        "end",
        "watch $shm(name, 'f64')[10:20]",
        "break",
        "continue",
        "p index, amount",
        "up",
        "next",
        "condition 1 amount > 1",
        "continue",
        "p amount",
        "condition 1",
        "continue",
        "p shm(name, 'f64')[10]",
        "clear 1",
        "continue",
    ];
    let words: Vec<&str> = ["run"]
        .into_iter()
        .chain(commands.iter().flat_map(|line| ["-c", line]))
        .chain(["--", &path, &script])
        .collect();
    let answer = crate::support::pmdb_alone(words, "");
    // Where the program itself does not speak.
    let said = &answer.stderr;
    let begins: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("atchpoint"))
        .collect();
    let expected = [
        "Watchpoint 1: shm(name, 'f64')[10] = 0.0, whatever process ",
        "1   watchpoint   keep yes   shm(name, 'f64')[10]",
        "Watchpoint 1: shm(name, 'f64')[10]: 1.5  [old: 0.0]",
        "Watchpoint 1: shm(name, 'f64')[10]: 5.75  [old: 1.75]",
        "Watchpoint 1: shm(name, 'f64')[10]: 6.25  [old: 5.75]",
        "Deleted watchpoint 1: shm(name, 'f64')[10]",
    ];
    assert_eq!(begins.len(), expected.len(), "{answer:#?}");
    for (line, expected) in begins.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{expected}\n{said}");
    }
    assert!(
        said.contains("*** that is more than the debug registers reach"),
        "{said}"
    );
    // They belong to what was set last.
    assert_eq!(said.matches("\n('its list', 42)\n").count(), 3, "{said}");
    for answer in ["(10, 1.5)", "\n4.0\n", "np.float64(6.25)"] {
        assert!(said.contains(answer), "{answer}: {said}");
    }
    assert!(
        answer.stdout.contains("at the end 1.0 6.25 2.0"),
        "{answer:#?}"
    );
    assert!(
        said.contains("go on behind a write to shared memory"),
        "{said}"
    );
}
