//! Whole answers, from reports made by hand. What real processes give is in `tests/`.

use super::palette::Palette;
use super::sample::{exception, frame, local, process, thread};
use super::stack::{Arrangement, write_report};
use crate::model::{
    ColumnRange, Exception, ExceptionState, GilState, ProcessReport, Report, ThreadState,
};
use crate::session::source::Sources;

fn text(processes: Vec<ProcessReport>, arrangement: Arrangement) -> String {
    let mut out = Vec::new();
    let report = Report::new(processes);
    let mut sources = Sources::new();
    write_report(&mut out, &report, arrangement, Palette::Plain, &mut sources).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn one_thread_is_a_traceback() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.py");
    std::fs::write(&file, "def step(x):\n    y = x + go(x)\nstep(1)\n").unwrap();
    let path = file.display().to_string();
    let mut main = thread(42, "MainThread", &["<module>", "step"]);
    main.gil = GilState::Holds;
    main.state = ThreadState::Running;
    for (frame, line) in main.frames.iter_mut().zip([2, 3]) {
        frame.file = Some(path.clone());
        frame.line = Some(line);
    }
    main.frames[0].columns = Some(ColumnRange {
        column: 12,
        end_line: 2,
        end_column: 17,
    });
    main.frames[0].locals = vec![
        local("x", "1"),
        local("a", "array([[1, 2],\n       [3, 4]])"),
    ];
    let mut one = process(42, "train.py", vec![main]);
    // A path of another process cannot be read through /proc; a core's is taken as it is.
    one.core = Some("core.42".to_string());
    assert_eq!(
        text(vec![one], Arrangement::Flat),
        format!(
            "\
Core core.42 of process 42: CPython 3.12.1: python train.py

Thread 42 \"MainThread\" (holds the GIL, running), most recent call last:
  File \"{path}\", line 3, in <module>
    step(1)
  File \"{path}\", line 2, in step
    y = x + go(x)
            ^^^^^
      x = 1
      a = array([[1, 2],
                 [3, 4]])
"
        )
    );
}

#[test]
fn threads_of_one_process_become_a_tree() {
    let mut threads = vec![thread(1, "MainThread", &["<module>", "join"])];
    for number in 0..4 {
        threads.push(thread(
            10 + number,
            &format!("worker_{number}"),
            &["run", "take"],
        ));
    }
    threads[4] = thread(13, "worker_3", &["run", "spinning"]);
    threads[4].gil = GilState::Holds;
    threads[4].state = ThreadState::Running;
    assert_eq!(
        text(vec![process(1, "pool", threads)], Arrangement::Merged),
        "\
Process 1 (pool): CPython 3.12.1: python train.py

Thread 1 \"MainThread\" (sleeping), most recent call last:
  File \"/nowhere/train.py\", line 8, in <module>
  File \"/nowhere/train.py\", line 4, in join

4 threads: worker_0..3 (3 sleeping, 1 holds the GIL, 1 running), most recent call last:
  File \"/nowhere/train.py\", line 3, in run
  ├─ 3 threads: worker_0..2 (sleeping)
  │   File \"/nowhere/train.py\", line 4, in take
  └─ Thread 13 \"worker_3\" (holds the GIL, running)
      File \"/nowhere/train.py\", line 8, in spinning
"
    );
}

/// Eight ranks of which one is elsewhere.
fn ranks() -> Vec<ProcessReport> {
    (0..8)
        .map(|rank| {
            let last = if rank == 3 { "load" } else { "barrier" };
            let main = thread(100 + rank, "MainThread", &["<module>", "step", last]);
            let mut process = process(100 + rank, "train.py", vec![main]);
            process.rank = Some(rank);
            process.command.push(format!("--local-rank={rank}"));
            process
        })
        .collect()
}

#[test]
fn odd_rank_out_stands_alone() {
    assert_eq!(
        text(ranks(), Arrangement::Merged),
        "\
8 processes rank0-rank7 (pids 100-107): CPython 3.12.1: python train.py --local-rank=*

8 processes: rank0-rank7, MainThread (sleeping), most recent call last:
  File \"/nowhere/train.py\", line 8, in <module>
  File \"/nowhere/train.py\", line 4, in step
  ├─ 7 processes: rank0-rank2,rank4-rank7, MainThread (sleeping)
  │   File \"/nowhere/train.py\", line 7, in barrier
  └─ rank3 (pid 103), MainThread (sleeping)
      File \"/nowhere/train.py\", line 4, in load
"
    );
}

#[test]
fn equal_stacks_with_equal_values_fold() {
    let mut processes = ranks();
    processes.truncate(3);
    for (process, value) in processes.iter_mut().zip(["1", "2", "1"]) {
        process.threads[0].frames[0].locals = vec![local("x", value)];
    }
    assert_eq!(
        text(processes, Arrangement::Folded),
        "\
3 processes rank0-rank2 (pids 100-102): CPython 3.12.1: python train.py --local-rank=*

2 processes: rank0,rank2, MainThread (sleeping), most recent call last:
  File \"/nowhere/train.py\", line 8, in <module>
  File \"/nowhere/train.py\", line 4, in step
  File \"/nowhere/train.py\", line 7, in barrier
      x = 1

rank1 (pid 101), MainThread (sleeping), most recent call last:
  File \"/nowhere/train.py\", line 8, in <module>
  File \"/nowhere/train.py\", line 4, in step
  File \"/nowhere/train.py\", line 7, in barrier
      x = 2
"
    );
}

#[test]
fn exceptions_of_threads_at_one_place_are_told_apart() {
    let mut processes = ranks();
    processes.truncate(2);
    processes.push(processes[1].clone());
    processes[2].rank = Some(2);
    processes[2].pid = Some(crate::model::Pid(102));
    processes[1].threads[0].exceptions = vec![exception("OSError", "disk")];
    let answer = text(processes, Arrangement::Merged);
    assert!(
        answer.ends_with(
            "\
  File \"/nowhere/train.py\", line 7, in barrier
  └─ rank1 (pid 101), MainThread (sleeping)
      Handling:
        OSError: disk
"
        ),
        "{answer}"
    );
}

#[test]
fn several_threads_of_several_processes_are_counted() {
    let processes = [10, 20, 30].map(|pid| {
        let threads = (1..4).map(|n| thread(pid + n, &format!("io_{n}"), &["poll"]));
        process(pid, "python", threads.collect())
    });
    let answer = text(processes.to_vec(), Arrangement::Merged);
    let expected =
        "\n9 threads of 3 processes: 10,20,30, io_1..3 (sleeping), most recent call last:\n";
    assert!(answer.contains(expected), "{answer}");
}

#[test]
fn recursion_is_counted() {
    let mut names = vec!["<module>"];
    names.extend(["fact"; 50]);
    let deep = thread(1, "MainThread", &names);
    let answer = text(vec![process(1, "p", vec![deep])], Arrangement::Merged);
    assert_eq!(answer.matches("in fact").count(), 3);
    assert!(
        answer.ends_with("in fact\n  [Previous line repeated 47 more times]\n"),
        "{answer}"
    );
}

#[test]
fn recursion_with_different_values_is_shown() {
    let mut deep = thread(1, "MainThread", &["fact"; 5]);
    for (number, frame) in deep.frames.iter_mut().enumerate() {
        frame.locals = vec![local("n", &number.to_string())];
    }
    let answer = text(vec![process(1, "p", vec![deep])], Arrangement::Flat);
    assert_eq!(answer.matches("in fact").count(), 5, "{answer}");
}

#[test]
fn failures_and_notes_are_said() {
    let mut gone = process(7, "sh", Vec::new());
    gone.interpreter = None;
    gone.error = Some("process 7 is not a Python process".to_string());
    let mut torn = thread(8, "MainThread", &["f"]);
    torn.note = Some("the stack moved while it was read".to_string());
    torn.frames[0].note = Some("the line is not known".to_string());
    let mut stopped = process(8, "p", vec![torn, thread(9, "idle", &[])]);
    stopped.state = ThreadState::Stopped;
    stopped.notes = vec!["truncated".to_string()];
    assert_eq!(
        text(vec![gone, stopped], Arrangement::Merged),
        "\
Process 7 (sh): python train.py
  process 7 is not a Python process
Process 8 (p): CPython 3.12.1: stopped: python train.py
  truncated

p (pid 8), MainThread (sleeping), most recent call last:
  File \"/nowhere/train.py\", line 1, in f
    note: the line is not known
  note: the stack moved while it was read

p (pid 8), thread 9 \"idle\" (sleeping): no Python frames
"
    );
}

#[test]
fn names_cannot_reach_the_terminal_as_escape_sequences() {
    let evil = "\x1b]0;x\x07";
    let mut thread = thread(1, evil, &[evil]);
    thread.frames[0].file = Some(evil.to_string());
    thread.frames[0].locals = vec![local(evil, evil)];
    thread.frames[0].note = Some(evil.to_string());
    thread.note = Some(evil.to_string());
    let mut problem = exception(evil, evil);
    problem.notes = vec![evil.to_string()];
    thread.exceptions = vec![problem];
    let mut process = process(1, evil, vec![thread]);
    process.command = vec![evil.to_string()];
    process.interpreter = Some(evil.to_string());
    process.error = Some(evil.to_string());
    process.notes = vec![evil.to_string()];
    process.core = Some(evil.to_string());
    for arrangement in [Arrangement::Merged, Arrangement::Folded, Arrangement::Flat] {
        let answer = text(vec![process.clone(), process.clone()], arrangement);
        assert!(!answer.contains(['\x1b', '\x07']), "{answer:?}");
    }
}

fn raised(type_name: &str, message: &str) -> Exception {
    let mut exception = exception(type_name, message);
    exception.state = ExceptionState::Raised;
    exception.frames = vec![frame("f")];
    exception
}

#[test]
fn cause_and_context_come_first() {
    let mut last = raised("RuntimeError", "three");
    let mut middle = raised("KeyError", "'two'");
    middle.context = Some(Box::new(raised("OSError", "")));
    last.cause = Some(Box::new(middle));
    // With a cause the context is not shown.
    last.context = Some(Box::new(raised("Hidden", "")));
    last.notes = vec!["hint: look\nthere".to_string()];
    let mut main = thread(1, "MainThread", &[]);
    main.exceptions = vec![last];
    let answer = text(vec![process(1, "p", vec![main])], Arrangement::Flat);
    let expected = "\
  Raising:
    Traceback (most recent call last):
      File \"/nowhere/train.py\", line 1, in f
    OSError

    During handling of the above exception, another exception occurred:

    Traceback (most recent call last):
      File \"/nowhere/train.py\", line 1, in f
    KeyError: 'two'

    The above exception was the direct cause of the following exception:

    Traceback (most recent call last):
      File \"/nowhere/train.py\", line 1, in f
    RuntimeError: three
    hint: look
    there
";
    assert!(answer.ends_with(expected), "{answer}");
}

#[test]
fn colours_are_only_where_asked_for() {
    let report = Report::new(ranks());
    let mut out = Vec::new();
    write_report(
        &mut out,
        &report,
        Arrangement::Merged,
        Palette::Ansi,
        &mut Sources::new(),
    )
    .unwrap();
    let coloured = String::from_utf8(out).unwrap();
    assert!(coloured.contains("\x1b[35mstep\x1b[0m"), "{coloured:?}");
    assert!(!text(ranks(), Arrangement::Merged).contains('\x1b'));
}
