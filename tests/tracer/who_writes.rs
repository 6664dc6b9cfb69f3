//! `pmdb shm watch` and `pmdb shm diff` against what the programs that write say of themselves.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd;
use serde_json::{Value, json};

use crate::support::{Fixture, PATIENCE, Python, any_python, on_each_python, pmdb, skip};

const PROCESSES: u64 = 4;
const THREADS: u64 = 4;

/// Processes that write to a segment once they may.
struct Writing {
    fixture: Fixture,
    name: String,
    /// By element: the pid and tid of the thread that writes it.
    writers: Vec<(u64, u64)>,
}

impl Writing {
    fn start(python: &Python, count: u64) -> Writing {
        let arguments = [PROCESSES, THREADS, count].map(|number| number.to_string());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let fixture = Fixture::python(python, "writing.py", &arguments);
        let told: Value = serde_json::from_str(fixture.ready()).expect("JSON");
        let writer = |element: u64| {
            let worker = &told["workers"][(element / THREADS) as usize];
            let tid = &worker[2][element.to_string()];
            (
                worker[1].as_u64().expect("a pid"),
                tid.as_u64().expect("a tid"),
            )
        };
        Writing {
            name: told["name"].as_str().expect("text").to_string(),
            writers: (0..PROCESSES * THREADS).map(writer).collect(),
            fixture,
        }
    }

    fn go(&mut self) {
        self.fixture.write_line("go");
    }

    /// Waits until all have written, and sees that each did what it was to do.
    fn has_done(&mut self, count: u64) {
        let line = self.fixture.read_line();
        let told: Value = serde_json::from_str(line.trim_start_matches("done")).expect("JSON");
        let all = (PROCESSES * THREADS) as usize;
        assert_eq!(told[0], json!(vec![0; PROCESSES as usize]), "{line}");
        assert_eq!(told[1], json!(vec![count as f64; all]), "{line}");
        self.fixture.wait();
    }
}

impl Drop for Writing {
    /// What a program that is killed has left.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/dev/shm/{}", self.name));
    }
}

/// `pmdb shm …` that goes on, and what it says in JSON.
struct Watching {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Watching {
    /// Waits until it watches.
    fn start(arguments: &[&str]) -> (Watching, Value) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .arg("shm")
            .args(arguments)
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let stdout = child.stdout.take().expect("piped above");
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            for line in lines {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut watching = Watching { child, lines };
        let begun = watching.next();
        assert_eq!(begun["event"], "begun", "{begun:#}");
        (watching, begun)
    }

    fn next(&mut self) -> Value {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .expect("it says something");
        serde_json::from_str(&line).expect("JSON")
    }

    /// All that it still says.
    fn rest(mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next();
            let is_last = event["event"] == "ended";
            events.push(event);
            if is_last {
                break;
            }
        }
        assert!(self.child.wait().expect("it is our child").success());
        events
    }

    /// The process that watches, which is a child of pmdb.
    fn watcher(&self) -> unistd::Pid {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let watcher = std::fs::read_to_string(children).expect("it lives");
        unistd::Pid::from_raw(watcher.trim().parse().expect("one"))
    }

    fn signal(&self, signal: Signal) {
        let pid = unistd::Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("it is our child");
    }
}

#[test]
fn every_writer_of_a_watched_element_is_named_and_every_write_counted() {
    // Two threads of one process, and two of another; all threads of all.
    for (elements, engine) in [(2..6, "hardware"), (0..16, "protection")] {
        every_writer_is_named(elements, engine);
    }
}

fn every_writer_is_named(elements: std::ops::Range<u64>, engine: &str) {
    on_each_python(|python| {
        const COUNT: u64 = 5;
        let mut writing = Writing::start(python, COUNT);
        let part = format!("{}[{}:{}]", writing.name, elements.start, elements.end);
        let (watching, begun) = Watching::start(&["watch", &part, "--as", "f64"]);
        assert_eq!(begun["engine"], engine, "{begun:#}");
        writing.go();
        writing.has_done(COUNT);
        let events = watching.rest();
        let summary = events.last().expect("it has ended");
        let count = elements.end - elements.start;
        assert_eq!(summary["writes"], count * COUNT, "{summary:#}");
        let writers = summary["writers"].as_array().expect("a list");
        assert_eq!(writers.len() as u64, count, "{summary:#}");
        for writer in writers {
            let index = writer["index"].as_u64().expect("a number");
            let (pid, tid) = writing.writers[index as usize];
            assert_eq!((&writer["pid"], &writer["tid"]), (&json!(pid), &json!(tid)));
            assert_eq!(writer["writes"], COUNT, "{writer:#}");
            assert_eq!(writer["offset"], 8 * index, "{writer:#}");
            assert_eq!(writer["thread"], format!("adder-{}", index % THREADS));
        }
        let written: Vec<&Value> = events
            .iter()
            .filter(|event| event["event"] == "written")
            .collect();
        assert!(
            written.len() as u64 >= count,
            "the first of each at least: {events:#?}"
        );
        for write in written {
            let [element] = &write["elements"].as_array().expect("a list")[..] else {
                panic!("one element: {write:#}");
            };
            let number = |text: &Value| -> f64 {
                text.as_str()
                    .and_then(|text| text.parse().ok())
                    .expect("a number")
            };
            assert_eq!(
                number(&element["new"]),
                number(&element["old"]) + 1.0,
                "{write:#}"
            );
            let frames = write["frames"].as_array().expect("a list");
            let is_writer = |frame: &&Value| frame["language"] == "python";
            let newest = frames.iter().find(is_writer).expect("a Python frame");
            assert_eq!(newest["function"], "add", "{write:#}");
            let source = "        view[index] += 1.0";
            let file = std::fs::read_to_string(newest["file"].as_str().expect("a path"));
            let line = newest["line"].as_u64().expect("a number") as usize;
            let text = file
                .expect("the fixture")
                .lines()
                .nth(line - 1)
                .map(str::to_string);
            assert_eq!(text.as_deref(), Some(source), "{write:#}");
        }
    });
}

#[test]
fn those_who_write_go_on_if_pmdb_is_killed() {
    let Some(python) = any_python() else { return };
    const COUNT: u64 = 400;
    for range in ["[2:6]", "[2:12]"] {
        let mut writing = Writing::start(python, COUNT);
        let part = format!("{}{range}", writing.name);
        let words = ["watch", &part, "--as", "f64", "--limit", "1"];
        let (mut watching, _) = Watching::start(&words);
        writing.go();
        while watching.next()["event"] != "written" {}
        watching.signal(Signal::SIGKILL);
        watching.child.wait().expect("it is our child");
        writing.has_done(COUNT);
    }
}

/// Whether a process has a signal in one of its sets.
fn signals(pid: u64, which: &str, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let set = status.lines().find_map(|line| line.strip_prefix(which));
    let set = u64::from_str_radix(set.expect("it is there").trim(), 16).expect("a set");
    set & 1 << (signal as i32 - 1) != 0
}

#[test]
fn those_who_write_go_on_if_the_watcher_is_killed() {
    let Some(python) = any_python() else { return };
    const COUNT: u64 = 2000;
    for range in ["[2:6]", "[2:12]"] {
        let mut writing = Writing::start(python, COUNT);
        let caught = |pid: u64| signals(pid, "SigCgt:", Signal::SIGTRAP);
        let pid = writing.writers[2].0;
        assert!(!caught(pid));
        let part = format!("{}{range}", writing.name);
        let words = ["watch", &part, "--as", "f64", "--limit", "1"];
        let (mut watching, _) = Watching::start(&words);
        assert!(caught(pid));
        writing.go();
        while watching.next()["event"] != "written" {}
        kill(watching.watcher(), Signal::SIGKILL).expect("it lives");
        let status = watching.child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(1));
        // If it is still there.
        if std::path::Path::new(&format!("/proc/{pid}/status")).exists() {
            assert!(!caught(pid));
        }
        writing.has_done(COUNT);
    }
}

#[test]
fn a_process_without_rights_is_watched_by_root() {
    const PROGRAM: &str = "\
import mmap, os, sys
os.setgroups([])
os.setresuid(65534, 65534, 65534)
shared = mmap.mmap(-1, 1 << 16)
print('ready', flush=True)
for line in sys.stdin:
    shared[int(line)] = 7
    print(len(os.listdir('/proc/self/fd')), flush=True)
";
    let Some(python) = any_python() else { return };
    if !nix::unistd::geteuid().is_root() || std::fs::File::open("/dev/userfaultfd").is_err() {
        return skip(
            "a watch of a process of another user",
            "it takes root and /dev/userfaultfd",
        );
    }
    let mut fixture = Fixture::python_text(python, PROGRAM, &[]);
    fixture.write_line("1");
    let descriptors = fixture.read_line();
    let census: Value = pmdb(["shm", "--json", &fixture.pid().to_string()])
        .succeeded()
        .json();
    let name = census["segments"][0]["name"].as_str().expect("text");
    // Unasked, the device is not lent.
    let (unasked, begun) = Watching::start(&["watch", name]);
    let is_permitted = std::fs::read_to_string("/proc/sys/vm/unprivileged_userfaultfd");
    if is_permitted.is_ok_and(|text| text.trim() == "0") {
        assert_eq!(begun["engine"], "polling", "{begun:#}");
        let remark = begun["remarks"][0].as_str().expect("text");
        assert!(remark.contains("--engine protection lends it"), "{remark}");
    }
    unasked.signal(Signal::SIGINT);
    unasked.rest();
    let (mut watching, begun) = Watching::start(&["watch", name, "--engine", "protection"]);
    assert_eq!(begun["engine"], "protection", "{begun:#}");
    fixture.write_line("50000");
    assert_eq!(fixture.read_line(), descriptors);
    let write = watching.next();
    assert_eq!(write["event"], "written", "{write:#}");
    assert_eq!(write["pid"], fixture.pid(), "{write:#}");
    assert_eq!(write["elements"][0]["offset"], 50_000, "{write:#}");
    watching.signal(Signal::SIGINT);
    watching.rest();
}

/// The mappings of a segment in a process that the kernel tells of writes to: `uw` among the flags (proc_pid_smaps(5)).
fn protected_mappings(pid: u32, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("it is ours");
    let mut is_it = false;
    let protected = text.lines().filter(|line| {
        // `7f10-7f20 rw-s 00000000 00:1a 42   /dev/shm/psm_1`
        if line
            .split(' ')
            .next()
            .is_some_and(|word| word.contains('-'))
        {
            is_it = line.ends_with(name);
        }
        is_it && line.starts_with("VmFlags:") && line.contains(" uw")
    });
    protected.count()
}

#[test]
fn whatever_writes_is_seen_and_nothing_is_left_when_the_watcher_is_killed() {
    const PROGRAM: &str = "\
import os, sys
from multiprocessing import shared_memory
shared = shared_memory.SharedMemory(create=True, size=1 << 16)
source, sink = os.pipe()
pipe = open(source, 'rb', buffering=0)
print('ready', shared.name, flush=True)
for line in sys.stdin:
    what = line.strip()
    if what == 'copy':
        shared.buf[100:20100] = bytes([1]) * 20000
    elif what == 'read':
        os.write(sink, bytes([2]) * 9000)
        assert pipe.readinto(shared.buf[30000:39000]) == 9000
    elif what == 'fork':
        child = os.fork()
        if child == 0:
            shared.buf[50000] = 3
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    elif what == 'end':
        break
    print(sum(shared.buf), len(os.listdir('/proc/self/fd')), flush=True)
shared.close()
shared.unlink()
";
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(python, PROGRAM, &[]);
    let name = fixture.ready().to_string();
    fixture.write_line("nothing");
    let before = fixture.read_line();
    let descriptors = before.split(' ').nth(1).expect("a number").to_string();
    let (mut watching, begun) = Watching::start(&["watch", &name]);
    assert_eq!(begun["engine"], "protection", "{begun:#}");
    assert_eq!(protected_mappings(fixture.pid(), &name), 1);
    let tell = |fixture: &mut Fixture, what: &str, sum: u64| {
        fixture.write_line(what);
        assert_eq!(fixture.read_line(), format!("{sum} {descriptors}"));
    };
    let counted = |events: &[Value]| -> u64 {
        let counts = events
            .iter()
            .map(|event| event["count"].as_u64().unwrap_or(0));
        counts.sum()
    };
    let mut until = |last: u64| {
        let mut events = Vec::new();
        loop {
            let event = watching.next();
            if event["event"] != "written" {
                continue;
            }
            let elements = event["elements"].as_array().expect("a list");
            let first = elements[0]["offset"].as_u64().expect("a number");
            let end = first + event["count"].as_u64().expect("a number");
            events.push(event);
            if (first..end).contains(&last) {
                return events;
            }
        }
    };
    tell(&mut fixture, "copy", 20_000);
    // Some bytes are written twice by a copy that is made of overlapping pieces.
    assert!(counted(&until(20_099)) >= 20_000 - 4096);
    tell(&mut fixture, "read", 20_000 + 18_000);
    let reads = until(38_999);
    assert_eq!(counted(&reads[reads.len() - 3..]), 9000, "{reads:#?}");
    for read in &reads[reads.len() - 3..] {
        let note = read["note"].as_str().expect("text");
        assert!(note.contains("read(2)"), "{read:#}");
        let frames = read["frames"].as_array().expect("a list");
        let newest = frames.iter().find(|frame| frame["language"] == "python");
        assert_eq!(newest.expect("a Python frame")["line"], 13, "{read:#}");
    }
    tell(&mut fixture, "fork", 20_000 + 18_000 + 3);
    let forked = until(50_000);
    assert_ne!(forked[0]["pid"], fixture.pid(), "{forked:#?}");
    kill(watching.watcher(), Signal::SIGKILL).expect("it lives");
    watching.child.wait().expect("it is our child");
    tell(&mut fixture, "copy", 20_000 + 18_000 + 3);
    assert_eq!(protected_mappings(fixture.pid(), &name), 0);
    fixture.write_line("end");
    fixture.wait();
}

#[test]
fn what_is_mapped_anew_is_watched_and_blocked_traps_stay_blocked() {
    const PROGRAM: &str = "\
import mmap, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTRAP})
signal.signal(signal.SIGTRAP, signal.SIG_IGN)
name = f'again{os.getpid()}'
file = os.memfd_create(name)
os.ftruncate(file, 1 << 16)
shared = mmap.mmap(file, 1 << 16)
print('ready', 'memfd:' + name, flush=True)
for line in sys.stdin:
    what = line.strip()
    if what == 'again':
        shared.close()
        shared = mmap.mmap(file, 1 << 16)
    elif what == 'private':
        shared.close()
        shared = mmap.mmap(-1, 1 << 16, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    elif what == 'fork':
        child = os.fork()
        if child == 0:
            shared[9] = 1
            os._exit(0)
        print(os.waitpid(child, 0)[1])
    else:
        shared[int(what)] = 1
    print(signal.SIGTRAP in signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)
";
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(python, PROGRAM, &[]);
    let name = fixture.ready().to_string();
    let (mut watching, begun) = Watching::start(&["watch", &name]);
    assert_eq!(begun["engine"], "protection", "{begun:#}");
    let tell = |fixture: &mut Fixture, what: &str| {
        fixture.write_line(what);
        assert_eq!(fixture.read_line(), "True", "{what}");
    };
    let mut next_offset = || loop {
        let event = watching.next();
        if event["event"] == "written" {
            return event["elements"][0]["offset"].clone();
        }
    };
    tell(&mut fixture, "100");
    assert_eq!(next_offset(), 100);
    let path = &name["memfd:".len()..];
    let path = format!("/memfd:{path} (deleted)");
    tell(&mut fixture, "again");
    let asked = std::time::Instant::now();
    // At the next look.
    while protected_mappings(fixture.pid(), &path) == 0 {
        assert!(asked.elapsed() < PATIENCE, "it is not protected again");
        std::thread::yield_now();
    }
    tell(&mut fixture, "200");
    assert_eq!(next_offset(), 200);
    // Nobody waits for memory of its own that lies there now, also if a child has inherited it.
    tell(&mut fixture, "private");
    tell(&mut fixture, "300");
    fixture.write_line("fork");
    assert_eq!(fixture.read_line(), "0");
    assert_eq!(fixture.read_line(), "True");
    watching.signal(Signal::SIGINT);
    let events = watching.rest();
    let ended = events.last().expect("it has ended");
    assert_eq!(ended["writes"], 2, "{events:#?}");
    // Ignored ones are ignored again.
    assert!(signals(
        u64::from(fixture.pid()),
        "SigIgn:",
        Signal::SIGTRAP
    ));
}

#[test]
fn those_who_write_go_on_when_the_watch_is_ended_and_forked_ones_are_watched_too() {
    const PROGRAM: &str = "\
import mmap, os, sys
from multiprocessing import shared_memory
shared = mmap.mmap(-1, 4096)
print('ready', os.fstat(0).st_ino, flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        shared[100] = (shared[100] + 1) % 256
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(shared[100], status, flush=True)
";
    let Some(python) = any_python() else { return };
    let mut fixture = Fixture::python_text(python, PROGRAM, &[]);
    let census: Value = pmdb(["shm", "--json", &fixture.pid().to_string()])
        .succeeded()
        .json();
    let segment = &census["segments"][0];
    assert_eq!(segment["kind"], "anonymous", "{census:#}");
    let part = format!("{}[100]", segment["name"].as_str().expect("text"));
    let (mut watching, begun) = Watching::start(&["watch", &part]);
    assert_eq!(begun["processes"], json!([fixture.pid()]), "{begun:#}");
    fixture.write_line("fork");
    assert_eq!(fixture.read_line(), "1 0");
    let write = loop {
        let event = watching.next();
        if event["event"] == "written" {
            break event;
        }
        assert_eq!(event["event"], "note", "{event:#}");
    };
    assert_ne!(write["pid"], fixture.pid(), "{write:#}");
    assert_eq!(write["elements"][0]["new"], "1", "{write:#}");
    watching.signal(Signal::SIGINT);
    let events = watching.rest();
    assert_eq!(
        events.last().expect("it has ended")["writes"],
        1,
        "{events:#?}"
    );
    // Nothing is armed any more: a trap would end the child.
    fixture.write_line("fork");
    assert_eq!(fixture.read_line(), "2 0");

    let edit = ["shm", "edit", &part, "0x28", "--as", "u8"];
    let unasked = pmdb(edit);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    let edited = pmdb(edit.iter().chain(&["--yes", "--json"]));
    let edited = edited.succeeded().json();
    assert_eq!(
        (&edited["old"], &edited["new"]),
        (&json!("2"), &json!("40"))
    );
    assert_eq!(edited["mappers"], json!([fixture.pid()]), "{edited:#}");
    fixture.write_line("fork");
    assert_eq!(fixture.read_line(), "41 0");
    pmdb(["shm", "edit", &part, "256", "--as", "u8", "--yes"]).failed_with("256 is no uint8");
}

#[test]
fn elements_that_are_written_without_a_lock_in_common_are_told() {
    const PROGRAM: &str = "\
import multiprocessing, sys
from multiprocessing import shared_memory
context = multiprocessing.get_context('fork')
segment = shared_memory.SharedMemory(create=True, size=64)
lock, other, go = context.Lock(), context.Lock(), context.Event()
def work(own):
    view = segment.buf.cast('d')
    go.wait()
    for _ in range(3):
        view[0] += 1
        with lock:
            view[1] += 1
        with own:
            view[2] += 1
    view.release()
workers = [context.Process(target=work, args=(own,)) for own in (lock, other)]
for worker in workers:
    worker.start()
print('ready', segment.name, *[worker.pid for worker in workers], flush=True)
sys.stdin.readline()
go.set()
for worker in workers:
    worker.join()
segment.close()
segment.unlink()
";
    on_each_python(|python| {
        let mut fixture = Fixture::python_text(python, PROGRAM, &[]);
        let ready = fixture.ready().to_string();
        let words: Vec<&str> = ready.split(' ').collect();
        let part = format!("{}[0:8]", words[0]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(["shm", "races", &part, "--as", "f64", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped above"));
        stderr.read_line(&mut said).expect("text");
        assert!(said.contains("watching"), "{said}");
        fixture.write_line("go");
        fixture.wait();
        let output = child.wait_with_output().expect("it is our child");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(
            (&report["writes"], &report["elements"]),
            (&json!(18), &json!(3))
        );
        let races = report["races"].as_array().expect("a list");
        let ranges: Vec<(&Value, &Value)> = races
            .iter()
            .map(|race| (&race["first"], &race["end"]))
            .collect();
        let expected = [(&json!(0), &json!(1)), (&json!(2), &json!(3))];
        assert_eq!(ranges, expected, "{python:?}: {report:#}");
        for (race, locks) in races.iter().zip([[None, None], [Some("own"), Some("own")]]) {
            let sides = race["sides"].as_array().expect("a list");
            let pids: Vec<String> = sides.iter().map(|side| side["pid"].to_string()).collect();
            assert_eq!(pids, words[1..], "{race:#}");
            for (side, lock) in sides.iter().zip(locks) {
                assert_eq!(side["writes"], 3, "{race:#}");
                let frames = side["frames"].as_array().expect("a list");
                assert!(!frames.is_empty(), "{race:#}");
                let names = side["locks"].as_array().expect("a list");
                assert_eq!(names.first().and_then(Value::as_str), lock, "{race:#}");
            }
        }
    });
}

#[test]
fn what_has_changed_is_told_without_tracing_anybody() {
    let Some(python) = any_python() else { return };
    let mut writing = Writing::start(python, 3);
    let (mut watching, begun) =
        Watching::start(&["diff", &writing.name, "--as", "float64", "--every", "10ms"]);
    assert_eq!(begun["engine"], "polling", "{begun:#}");
    assert_eq!((&begun["first"], &begun["end"]), (&json!(0), &json!(16)));
    writing.go();
    let mut last = [0.0; 16];
    while last.iter().any(|&value| value < 3.0) {
        let change = watching.next();
        assert_eq!(change["event"], "changed", "{change:#}");
        for element in change["elements"].as_array().expect("a list") {
            let index = element["index"].as_u64().expect("a number") as usize;
            let number = |name: &str| -> f64 {
                element[name]
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .expect("a number")
            };
            assert_eq!(number("old"), last[index], "{change:#}");
            last[index] = number("new");
        }
    }
    watching.signal(Signal::SIGINT);
    watching.rest();
    writing.has_done(3);
}

#[test]
fn what_cannot_be_watched_is_said() {
    let Some(python) = any_python() else { return };
    let writing = Writing::start(python, 1);
    pmdb(["shm", "watch", "no-such-segment"]).failed_with("there is no shared memory called");
    let beyond = format!("{}[16]", writing.name);
    pmdb(["shm", "watch", &beyond, "--as", "f64"]).failed_with("it has 16 elements");
    let too_much = [&*writing.name, "--as", "f64", "--engine", "hardware"];
    pmdb(["shm", "watch"].iter().chain(&too_much)).failed_with("reach 4 times 8");
    let unknown = [&*writing.name, "--as", "quaternion"];
    pmdb(["shm", "watch"].iter().chain(&unknown)).failed_with("is no type of elements");
}
