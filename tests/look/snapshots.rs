//! Snapshots of live processes: what they answer later is what the process answered, or is said not to be kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::mutate::{Damaged, Random};
use crate::support::{
    Answer, Fixture, any_python, gcore_of, gdb, on_each_python, pmdb, pmdb_within, pythons, run,
    skip,
};
use serde_json::Value;

/// Takes a snapshot of a process into a folder of the test.
fn take(folder: &Path, pid: u32, more: &[&str]) -> PathBuf {
    let path = folder.join("it.pmdb");
    let (pid, file) = (pid.to_string(), path.display().to_string());
    let answer = pmdb(["snapshot", &pid, "-o", &file].iter().chain(more));
    answer.succeeded();
    let begin = format!("{file}: ");
    assert!(answer.stdout.starts_with(&begin), "{}", answer.stdout);
    path
}

/// What a process or a snapshot says of its threads and tasks.
fn told(of: &[&str], ways: &[&str]) -> [Value; 2] {
    let report = pmdb(["stack"].iter().chain(of).chain(ways)).json();
    let process = &report["processes"][0];
    assert_eq!(process["error"], Value::Null, "{process}");
    ["threads", "event_loops"].map(|key| process[key].clone())
}

fn commands(target: &[&str], commands: &[&str]) -> Answer {
    let commands = commands.iter().flat_map(|command| ["-c", command]);
    pmdb(target.iter().copied().chain(commands))
}

#[test]
fn a_snapshot_says_what_the_process_said() {
    on_each_python(|python| {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture::python(python, "rich.py", &[]);
        let pid = fixture.pid().to_string();
        let path = take(folder.path(), fixture.pid(), &[]);
        let file = path.to_str().unwrap();
        let ways = ["--locals", "--tasks", "--json"];
        let live = told(&[&pid], &ways);
        let looks = [
            "where",
            "args",
            "up 2",
            "p plain.items, plain.name",
            "p slotted.left.items",
        ];
        let more = [
            "p point.y.x",
            "p colour.value",
            "whatis method",
            "up 2",
            "p text, queue if 0 else text",
        ];
        let asked: Vec<&str> = looks
            .into_iter()
            .chain(more)
            .chain(["exceptions", "threads"])
            .collect();
        let answered = commands(&["attach", &pid], &asked);
        drop(fixture);
        assert!(
            live[0][0]["frames"]
                .as_array()
                .is_some_and(|frames| frames.len() > 5)
        );
        assert_eq!(told(&["--core", file], &ways), live);
        let later = commands(&["open", file], &asked);
        assert_eq!(
            (&*later.stdout, later.code),
            (&*answered.stdout, answered.code),
            "{}",
            later.stderr
        );
        assert!(later.stdout.contains("[1, 2, 3]"), "{}", later.stdout);
    });
}

const MUCH: &str = "
import os, signal, threading
def wait(much, table):
    print('ready', flush=True)
    signal.pause()
wait([str(number) * 1000 for number in range(3000)], {'inner': [bytearray(b'x' * 100_000_000)]})
";

#[test]
fn what_lies_beyond_is_said_not_to_be_kept_and_the_file_is_small() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python_text(python, MUCH, &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    drop(fixture);
    let length = fs::metadata(&path).unwrap().len();
    assert!(length < 12 << 20, "{length} bytes");
    let file = path.to_str().unwrap();
    let asked = [
        "p len(much)",
        "p much[5][:4]",
        "p table['inner'][0][50_000_000]",
        "p much[2500]",
    ];
    let answer = commands(&["open", file], &asked);
    let text = &answer.stdout;
    assert!(text.contains("3000\n'5555'\n"), "{text}");
    let missing =
        text.matches("not kept in this snapshot").count() + text.matches("does not keep").count();
    assert_eq!(missing, 2, "{text}");
    assert!(!text.contains("damaged"), "{text}");
}

#[test]
fn all_memory_is_kept_on_demand() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = MUCH.replace("100_000_000", "3_000_000");
    let fixture = Fixture::python_text(python, &program, &[]);
    let path = take(folder.path(), fixture.pid(), &["--full"]);
    drop(fixture);
    let asked = ["p table['inner'][0][2_000_000]", "p much[2500][-3:]"];
    let answer = commands(&["open", path.to_str().unwrap()], &asked);
    assert!(answer.stdout.contains("120\n'500'\n"), "{}", answer.stdout);
}

#[test]
fn secrets_of_the_environment_are_masked() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = MUCH.replace(
        "{'inner'",
        "{'key': os.environ['PMDB_TEST_API_KEY'], 'inner'",
    );
    let mut command = python.command();
    command
        .args(["-c", &program, "--key", "correct horse battery"])
        .env("PMDB_TEST_API_KEY", "correct horse battery");
    command.env("PMDB_TEST_PLAIN", "to be read by all");
    let fixture = Fixture::start(command);
    let holds = |path: &Path, text: &str| {
        let bytes = fs::read(path).unwrap();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    };
    let path = take(folder.path(), fixture.pid(), &[]);
    assert!(!holds(&path, "correct horse") && holds(&path, "to be read by all"));
    let answer = commands(&["open", path.to_str().unwrap()], &["p table['key']"]);
    let masked = format!("'{}'", "*".repeat("correct horse battery".len()));
    assert!(answer.stdout.contains(&masked), "{}", answer.stdout);
    let path = take(folder.path(), fixture.pid(), &["--secrets"]);
    assert!(holds(&path, "correct horse"));
}

#[test]
fn gdb_finds_the_same_stacks_in_a_snapshot() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python(python, "rich.py", &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    let pid = fixture.pid().to_string();
    let Some(live) = gdb::program_counters(&["-p", &pid]) else {
        return;
    };
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    drop(fixture);
    let target = [executable.to_str().unwrap(), path.to_str().unwrap()];
    let dead = gdb::program_counters(&target).expect("there is gdb");
    assert!(
        live.len() == 2 && live.values().all(|stack| stack.len() > 3),
        "{live:?}"
    );
    assert_eq!(dead, live);
}

#[test]
fn no_half_file_is_left() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python(python, "rich.py", &[]);
    let pid = fixture.pid().to_string();
    let place = folder.path().to_str().unwrap();
    pmdb(["snapshot", &pid, "-o", place]).failed_with("is a folder: name a file in it");
    let nowhere = folder.path().join("no/such.pmdb");
    pmdb(["snapshot", &pid, "-o", nowhere.to_str().unwrap()]).failed_with("cannot write");
    pmdb(["snapshot", "4194303"]).failed_with("no process 4194303");
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\" && { \"$2\" snapshot \"$3\" -o \"$1/x\"; echo \"$?\"; ls -A \"$1\"; }";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(&full)
        .arg(env!("CARGO_BIN_EXE_pmdb"))
        .arg(&pid);
    let answer = run(command, "");
    if answer.stdout.is_empty() {
        return skip(
            "snapshots on a full disk",
            "no file system can be mounted here",
        );
    }
    assert!(
        answer.stderr.contains("its disk has 1 MiB left")
            || answer.stderr.contains("its disk has 0 MiB left"),
        "{answer:?}"
    );
    assert_eq!(answer.stdout, "1\n");
}

#[test]
fn damaged_snapshots_are_refused_or_read() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python(python, "rich.py", &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    drop(fixture);
    let bytes = fs::read(&path).unwrap();
    let facts = memchr::memmem::find(&bytes, b"PMDB\0").expect("its own notes") as u64;
    let headers = 64 + 56 * u64::from(u16::from_le_bytes([bytes[0x38], bytes[0x39]]));
    let mut file = Damaged::open(&path);
    let look = |seed: u64| match seed % 2 {
        0 => pmdb_within(
            3 << 30,
            ["stack", "--core", path.to_str().unwrap(), "--locals"],
        ),
        _ => pmdb_within(
            3 << 30,
            ["open", path.to_str().unwrap(), "-c", "where", "-c", "q"],
        ),
    };
    for seed in 0..16 {
        let mut random = Random::new(seed);
        for _ in 0..=random.below(4) {
            let (start, length) =
                *random.one_of(&[(0, 64), (64, headers - 64), (facts, 400), (facts, 20_000)]);
            let width = *random.one_of(&[1, 2, 8]);
            let value = random.hostile().to_le_bytes();
            file.put(start + random.below(length), &value[..width]);
        }
        let answer = look(seed);
        file.mend();
        let is_sound = matches!(answer.code, Some(0 | 1)) && !answer.stderr.contains("panicked");
        assert!(is_sound, "{seed}: {answer:?}");
    }
    for length in [
        bytes.len() as u64 - 5000,
        facts + 100,
        facts + 3,
        headers,
        65,
    ] {
        file.cut(length);
        let answer = look(length);
        let is_sound = matches!(answer.code, Some(0 | 1)) && !answer.stderr.contains("panicked");
        assert!(is_sound, "cut at {length}: {answer:?}");
    }
}

/// A program that never stands still: each look finds something else.
#[test]
fn a_process_that_changes_all_the_time_is_written_down_whole() {
    let program = "
import threading
def churn(number):
    values = []
    while True:
        values = [str(number + i) for i in range(50)]
        number += 1
for number in range(3):
    threading.Thread(target=churn, args=(number,), daemon=True).start()
print('ready', flush=True)
churn(9)
";
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python_text(python, program, &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    drop(fixture);
    let [threads, _] = told(&["--core", path.to_str().unwrap()], &["--json"]);
    let threads = threads.as_array().unwrap();
    assert_eq!(threads.len(), 4);
    for thread in threads {
        let frames = thread["frames"].as_array().unwrap();
        assert!(
            frames.iter().any(|frame| frame["function"] == "churn"),
            "{thread}"
        );
    }
}

const FAMILY: &str = "
import os, signal
for number in (1, 2):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b'.')
        signal.pause()
    os.read(reader, 1)
print('ready', flush=True)
signal.pause()
";

#[test]
fn a_family_is_in_one_file_and_each_of_it_says_what_it_said() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python_text(python, FAMILY, &[]);
    let pid = fixture.pid().to_string();
    let listed = |arguments: &[&str]| -> Vec<(u64, Value)> {
        let report = pmdb(arguments).json();
        let processes = report["processes"].as_array().unwrap();
        let told = |process: &Value| (process["pid"].as_u64().unwrap(), process["name"].clone());
        processes.iter().map(told).collect()
    };
    let threads = |arguments: &[&str]| -> Vec<Value> {
        let report = pmdb(arguments).json();
        let processes = report["processes"].as_array().unwrap();
        let threads = processes.iter().map(|process| process["threads"].clone());
        threads.collect()
    };
    let path = take(folder.path(), fixture.pid(), &["--tree"]);
    let file = path.to_str().unwrap();
    assert_at_once(file, &pid);
    let family = listed(&["ps", &pid, "--json"]);
    let stacks = threads(&["stack", &pid, "--tree", "--locals", "--json"]);
    drop(fixture);
    assert_eq!(family.len(), 3);
    assert_eq!(listed(&["ps", "--core", file, "--json"]), family);
    assert_eq!(
        threads(&["stack", "--core", file, "--locals", "--json"]),
        stacks
    );
    let answers = commands(&["open", file], &["procs", "@all p number"]);
    assert!(answers.stdout.contains(": 2\n"), "{}", answers.stdout);
    assert_bundles_can_be_damaged(&path);
}

/// All stood still together, and each core names the others.
fn assert_at_once(file: &str, pid: &str) {
    let told = pmdb(["snapshot", pid, "--tree", "--json", "-o", file]).json();
    let processes = told["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 3, "{told}");
    assert!(processes.iter().all(|one| one["at_once"] == true), "{told}");
    let report = pmdb(["open", file, "--report", "json"]).json();
    let with = &report["processes"][0]["facts"]["at_once_with"];
    assert_eq!(
        *with,
        Value::from(
            [&processes[1]["pid"], &processes[2]["pid"]]
                .map(Value::clone)
                .to_vec()
        )
    );
}

const SHARING: &str = "
import ctypes, os, signal
from multiprocessing import shared_memory
segment = shared_memory.SharedMemory(create=True, size=8 << 20)
again = shared_memory.SharedMemory(segment.name)
text = '-'.join(['shared', 'and', 'written', 'once']).encode()
segment.buf[12288 : 12288 + len(text)] = text
segment.buf[(8 << 20) - 4] = 77
one, same, none, end = (
    ctypes.c_uint.from_buffer(buffer, at)
    for buffer, at in [(segment.buf, 12288), (again.buf, 12288), (again.buf, 3_000_000), (again.buf, (8 << 20) - 4)]
)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, b'.')
    signal.pause()
os.read(reader, 1)
name = '/dev/shm/' + segment.name
print('ready', os.stat(name).st_blocks, name, flush=True)
signal.pause()
";

/// What was written, once where it was mapped again; what was not; and the end.
const SHARED: &str = "p one, same, none, end";

#[test]
fn shared_memory_is_inside_once_and_what_nobody_wrote_to_stays_so() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python_text(python, SHARING, &[]);
    let told = fixture.ready().to_string();
    let (blocks, name) = told.split_once(' ').expect("two words");
    let (alone, cut) = (
        folder.path().join("alone.pmdb"),
        folder.path().join("cut.pmdb"),
    );
    let all = folder.path().join("all.pmdb");
    let whole = folder.path().join("whole.pmdb");
    let pid = fixture.pid().to_string();
    let take = |path: &Path, more: &[&str]| {
        let file = path.to_str().unwrap();
        let words = ["snapshot", &pid, "-o", file].into_iter();
        let answer = pmdb(words.chain(more.iter().copied()));
        answer.succeeded();
        answer.stdout.clone()
    };
    take(&alone, &[]);
    let said = take(&cut, &["--shared", "4K"]);
    let left_out = format!("kept in part (--shared SIZE keeps more): 4.0 KiB of 8.0 KiB of {name}");
    assert!(said.contains(&left_out), "{said}");
    take(&whole, &["--full"]);
    take(&all, &["--tree"]);
    let now = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(name).unwrap());
    assert_eq!(now.to_string(), blocks, "looking has changed the segment");
    drop(fixture);
    let _ = fs::remove_file(name);

    // `shar`.
    let expected = "(c_uint(1918986355), c_uint(1918986355), c_uint(0), c_uint(77))";
    for path in [&alone, &whole] {
        let answer = commands(&["open", path.to_str().unwrap()], &[SHARED]);
        assert!(answer.stdout.contains(expected), "{answer:?}");
    }
    let answer = commands(&["open", cut.to_str().unwrap()], &["p same", "p end"]);
    assert!(answer.stdout.contains("c_uint(1918986355)"), "{answer:?}");
    let report = pmdb(["stack", "--core", cut.to_str().unwrap(), "--json"]).json();
    let notes = report["processes"][0]["notes"].to_string();
    let in_part = "shared memory is kept in part: 4096 of 8192 bytes of /dev/shm/";
    assert!(notes.contains(in_part), "{notes}");
    let both = format!("@all {SHARED}");
    let answer = commands(&["open", all.to_str().unwrap()], &[&both]);
    assert!(answer.stdout.contains(expected), "{answer:?}");
    assert!(!answer.stdout.contains("not kept"), "{answer:?}");
    for path in [&alone, &all, &whole] {
        let bytes = fs::read(path).unwrap();
        let found = memchr::memmem::find_iter(&bytes, b"shared-and-written-once\0").count();
        // The text itself is in the memory of each process, too.
        let own = if path == &all { 2 } else { 1 };
        assert!(
            found <= own + 1 && bytes.len() < 24 << 20,
            "{found} in {}",
            path.display()
        );
    }
}

#[test]
fn sources_are_inside() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("forgotten.py");
    fs::write(
        &script,
        FAMILY.replace("signal.pause()", "signal.pause()  # as it was"),
    )
    .unwrap();
    let mut command = python.command();
    command.arg(&script);
    let fixture = Fixture::start(command);
    let alone = take(folder.path(), fixture.pid(), &[]);
    let all = folder.path().join("all.pmdb");
    let (pid, bundle) = (fixture.pid().to_string(), all.to_str().unwrap());
    pmdb(["snapshot", &pid, "--tree", "-o", bundle]).succeeded();
    drop(fixture);
    fs::write(&script, "changed = True\n").unwrap();
    for file in [alone.to_str().unwrap(), bundle] {
        let answer = commands(&["open", file], &["where", "ll"]);
        let lines = answer.stdout.matches("signal.pause()  # as it was").count();
        assert!(lines >= 2, "{answer:?}");
    }
}

#[test]
fn two_snapshots_are_compared() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = "
import sys, threading
def idle(reason):
    threading.Event().wait()
def serve(turn, label):
    print('ready', flush=True)
    for line in sys.stdin:
        turn += int(line)
        print('done', flush=True)
        if turn > 40:
            idle('over')
threading.Thread(target=idle, args=('nothing',), name='quiet', daemon=True).start()
serve(1, 'kept')
";
    let mut fixture = Fixture::python_text(python, program, &[]);
    let pid = fixture.pid().to_string();
    let files = ["one", "two", "three"].map(|name| folder.path().join(name));
    let files = files.map(|file| file.display().to_string());
    for (file, line) in files.iter().zip(["4", "50", "0"]) {
        pmdb(["snapshot", &pid, "-o", file]).succeeded();
        if line != "0" {
            fixture.write_line(line);
            assert_eq!(fixture.read_line(), "done");
        }
    }
    drop(fixture);
    let told = pmdb(["diff", &files[0], &files[1], "--json"]).json();
    let threads = told["processes"][0]["threads"].as_array().unwrap();
    let changed = |thread: &Value| thread["changes"].as_array().unwrap().clone();
    let turn: Vec<Value> = threads.iter().flat_map(changed).collect();
    let named = |name: &str| turn.iter().find(|change| change["name"] == name);
    let turned = named("turn").unwrap_or_else(|| panic!("{told}"));
    assert_eq!(
        (&turned["before"], &turned["after"]),
        (&Value::from("1"), &Value::from("5"))
    );
    assert!(
        named("label").is_none() && named("reason").is_none(),
        "{told}"
    );
    let text = pmdb(["diff", &files[1], &files[2]]);
    let text = &text.succeeded().stdout;
    for expected in [
        "1 of 2 threads have moved",
        "is where it was",
        "serve: turn was 5",
        "idle at",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    pmdb(["diff", &files[0], "/dev/null"]).failed_with("not a regular file");
}

fn assert_bundles_can_be_damaged(path: &Path) {
    let mut bundle = Damaged::open(path);
    let look = |what: &str| {
        let answer = pmdb_within(3 << 30, ["stack", "--core", path.to_str().unwrap()]);
        let is_sound = matches!(answer.code, Some(0 | 1)) && !answer.stderr.contains("panicked");
        assert!(is_sound, "{what}: {answer:?}");
    };
    let mut random = Random::new(7);
    for _ in 0..8 {
        let (place, value) = (random.below(512), random.hostile());
        bundle.put(place, &value.to_le_bytes());
        look(&format!("{value:x} at {place}"));
        bundle.mend();
    }
    let mut length = fs::metadata(path).unwrap().len();
    for _ in 0..6 {
        length = length / 3 + random.below(length / 3);
        bundle.cut(length);
        look(&format!("cut at {length}"));
    }
}

/// As the program has its own name, so it may have the name of any file in its frames.
const NAMES_A_FILE: &str = "
import signal
def wait(name):
    signal.pause()
print('ready', flush=True)
exec(compile('wait(__name__)', FILE, 'exec'))
";

fn report(file: &str, form: &str) -> String {
    let answer = pmdb(["open", file, "--report", form]);
    answer.succeeded().stdout.clone()
}

#[test]
fn files_of_who_looks_are_in_no_snapshot_and_no_report() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    fs::write(&private, "of who looks\n").unwrap();
    let environ = NAMES_A_FILE.replace("FILE", "'/proc/self/environ'");
    let fixture = Fixture::python_text(python, &environ, &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    drop(fixture);
    let told = pmdb(["open", path.to_str().unwrap(), "--report", "json"]).json();
    let lines = told["processes"][0]["lines"].as_object().unwrap();
    assert!(!lines.contains_key("/proc/self/environ"), "{told}");
    // It was not there yet when the snapshot was taken.
    let absent = NAMES_A_FILE.replace("FILE", &format!("{:?}", folder.path().join("later.py")));
    let fixture = Fixture::python_text(python, &absent, &[]);
    let path = take(folder.path(), fixture.pid(), &[]);
    let name = format!("{:?}", private.display().to_string());
    let named = Fixture::python_text(python, &NAMES_A_FILE.replace("FILE", &name), &[]);
    let core = gcore_of(named.pid(), folder.path());
    drop((fixture, named));
    fs::write(folder.path().join("later.py"), "of who looks\n").unwrap();
    let files = [Some(path), core];
    for file in files.into_iter().flatten() {
        for form in ["json", "html", "text"] {
            let told = report(file.to_str().unwrap(), form);
            assert!(told.contains("wait"), "{told}");
            assert!(!told.contains("of who looks"), "{told}");
        }
    }
}

const TELLS_SECRETS: &str = "
import os, signal, sys
secret = os.environ['PMDB_TEST_TOKEN']
# correct horse battery
print('ready', flush=True)
signal.pause()
";

#[test]
fn secrets_are_told_in_no_other_place() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("tells.py");
    fs::write(&script, TELLS_SECRETS).unwrap();
    let mut command = python.command();
    command
        .arg(&script)
        .env("PMDB_TEST_TOKEN", "correct horse battery");
    command.env("PMDB_TEST_OPTIONS", "--token=correct horse battery");
    let fixture = Fixture::start(command);
    for more in [&[][..], &["--secrets"]] {
        let path = take(folder.path(), fixture.pid(), more);
        let file = path.to_str().unwrap();
        for form in ["json", "html", "text"] {
            let told = report(file, form);
            assert!(told.contains("--token=*****"), "{told}");
            assert!(!told.contains("correct horse"), "{told}");
        }
        let bytes = fs::read(&path).unwrap();
        let is_there = memchr::memmem::find(&bytes, b"correct horse").is_some();
        let listed = commands(&["open", file], &["ll"]).stdout;
        assert!(listed.contains("os.environ"), "{listed}");
        let expected = !more.is_empty();
        assert_eq!(
            (is_there, listed.contains("correct horse")),
            (expected, expected)
        );
    }
}

#[test]
fn reports_have_no_escapes_of_the_program() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = python.command();
    command
        .args(["-c", MUCH, "\x1b[31mred"])
        .env("PMDB_\x1b[32m", "\x1b[33m");
    let fixture = Fixture::start(command);
    let path = take(folder.path(), fixture.pid(), &[]);
    drop(fixture);
    let told = report(path.to_str().unwrap(), "text");
    assert!(
        told.contains("\\x1b[31mred") && told.contains("PMDB_\\x1b[32m"),
        "{told}"
    );
    assert!(!told.contains('\x1b'), "{told}");
}

/// Waits, counts at each line that it reads, and says how often it was asked and what it can see of a child. Each variable is another word of the moment.
const COUNTS: &str = "
import mmap, os, signal, sys, threading
signals, count = [], 0
for number in (signal.SIGCHLD, signal.SIGCONT):
    signal.signal(number, lambda *about: signals.append(about[0]))
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=lambda: signals.append('fork'))
heap = [bytearray(b'x' * 3_000_000)]
shared = mmap.mmap(-1, 4096)
def child():
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
threading.Thread(target=threading.Event().wait, daemon=True).start()
def answer():
    global count
    print('ready', flush=True)
    for line in sys.stdin:
        count += 1
        shared[:4] = count.to_bytes(4, 'little')
        heap[0][2_000_000] = count
        print(count, child(), signals, flush=True)
answer()
";

#[test]
fn a_copy_by_a_fork_is_of_one_moment_and_leaves_no_trace() {
    // How a child is made has nothing to do with the versions between.
    for python in [pythons().first(), pythons().last()].into_iter().flatten() {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::python_text(python, COUNTS, &[]);
        let pid = fixture.pid().to_string();
        let ways = ["--locals", "--json"];
        let live = told(&[&pid], &ways);
        for (count, more) in (1..).zip([&["--fork"][..], &["--fork", "--full"]]) {
            fixture.write_line("");
            assert_eq!(fixture.read_line(), format!("{count} None []"));
            let path = take(folder.path(), fixture.pid(), more);
            let file = path.to_str().unwrap();
            let kept = told(&["--core", file], &ways);
            if count == 1 {
                assert_eq!(
                    kept[0].as_array().map(Vec::len),
                    live[0].as_array().map(Vec::len)
                );
            }
            let answer = commands(&["open", file], &["p count", "p heap[0][2_000_000]"]);
            let begin = format!("{count}\n");
            assert!(answer.stdout.contains(&begin), "{answer:?}");
            if more.len() == 2 {
                assert!(
                    answer.stdout.ends_with(&format!("{count}\n{count}\n")),
                    "{answer:?}"
                );
            }
        }
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        assert_eq!(children.unwrap_or_default(), "");
        fixture.write_line("");
        assert_eq!(fixture.read_line(), "3 None []");
    }
}
