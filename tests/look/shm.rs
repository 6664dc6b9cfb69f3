//! `pmdb shm` against what a program says of the memory that it has made, `/proc`, and `ipcs`.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::support::{Fixture, Python, any_python, on_each_python, pmdb, skip};
use serde_json::{Value, json};

/// A program that has made memory of every kind. What would outlive it is removed with it.
struct Sharing {
    fixture: Fixture,
    told: Value,
}

impl Sharing {
    fn start(python: &Python, method: &str) -> Sharing {
        let fixture = Fixture::python(python, "sharing.py", &[method]);
        let told = serde_json::from_str(fixture.ready()).expect("JSON");
        Sharing { fixture, told }
    }

    fn pid(&self) -> u64 {
        u64::from(self.fixture.pid())
    }

    fn worker(&self) -> u64 {
        self.told["worker"]["pid"].as_u64().expect("a pid")
    }

    fn made(&self) -> &serde_json::Map<String, Value> {
        self.told["segments"].as_object().expect("an object")
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.fixture.write_line("end");
        let ended = self.fixture.wait();
        assert!(
            ended.success() || std::thread::panicking(),
            "it has removed what it made: {ended}"
        );
    }
}

fn census(arguments: &[&str]) -> Value {
    let words = ["shm"].iter().chain(arguments).chain(&["--json"]).copied();
    pmdb(words).succeeded().json()
}

/// The segment of an inode (or of an id of System V) and a name.
fn find<'a>(answer: &'a Value, made: &Value) -> &'a Value {
    let segments = answer["segments"].as_array().expect("a list");
    let is_it =
        |segment: &&Value| segment["inode"] == made["inode"] && segment["name"] == made["name"];
    let mut found = segments.iter().filter(is_it);
    let segment = found
        .next()
        .unwrap_or_else(|| panic!("{made} is not among {segments:#?}"));
    assert!(found.next().is_none(), "{made} is there twice");
    segment
}

/// The mappings of a process, in the words of the fixture.
fn mappers_of(segment: &Value, pid: u64) -> Vec<Value> {
    let mappers = segment["mappers"].as_array().expect("a list");
    mappers
        .iter()
        .filter(|mapper| mapper["pid"] == pid)
        .cloned()
        .collect()
}

fn without_inode(mappers: &Value) -> Vec<Value> {
    let mut mappers = mappers.as_array().expect("a list").clone();
    for mapper in &mut mappers {
        mapper.as_object_mut().expect("an object").remove("inode");
    }
    mappers
}

fn descriptors_of(segment: &Value, pid: u64) -> Value {
    let openers = segment["descriptors"].as_array().expect("a list");
    let opener = openers.iter().find(|opener| opener["pid"] == pid);
    opener.map_or(json!([]), |opener| opener["descriptors"].clone())
}

const EXPECTED: &[(&str, &str, &str)] = &[
    ("shared_memory", "posix", "in_use"),
    ("odd", "posix", "in_use"),
    ("unlinked", "unlinked", "unlinked"),
    ("truncated", "posix", "truncated"),
    ("parts", "posix", "in_use"),
    ("leaked", "posix", "leaked"),
    ("memfd", "memfd", "in_use"),
    ("open", "memfd", "in_use"),
    ("anonymous", "anonymous", "in_use"),
    ("file", "file", "in_use"),
    ("removed_file", "file", "unlinked"),
    ("sysv", "sysv", "in_use"),
    ("removed_sysv", "sysv", "unlinked"),
    ("unattached_sysv", "sysv", "idle"),
];

#[test]
fn every_kind_is_found_as_the_program_made_it() {
    on_each_python(|python| check(python, "fork"));
}

#[test]
fn workers_are_found_however_they_were_started() {
    let Some(python) = any_python() else { return };
    check(python, "spawn");
    check(python, "forkserver");
}

fn check(python: &Python, method: &str) {
    let sharing = Sharing::start(python, method);
    let answer = census(&[]);
    assert_eq!(answer["schema"], 1);
    assert_eq!(sharing.made().len(), EXPECTED.len());
    for (what, kind, verdict) in EXPECTED {
        let made = &sharing.made()[*what];
        let segment = find(&answer, made);
        assert_eq!(
            (&segment["kind"], &segment["verdict"]),
            (&json!(kind), &json!(verdict)),
            "{segment:#}"
        );
        assert_eq!(segment["size"], made["size"], "{segment:#}");
        assert_eq!(
            mappers_of(segment, sharing.pid()),
            without_inode(&made["mappers"]),
            "{segment:#}"
        );
        assert_eq!(
            descriptors_of(segment, sharing.pid()),
            made["descriptors"],
            "{segment:#}"
        );
        assert_eq!(segment["owner"], nix::unistd::geteuid().as_raw());
        assert!(!segment["evidence"].as_str().expect("text").is_empty());
    }
    let shared = find(&answer, &sharing.made()["shared_memory"]);
    let worker = &sharing.told["worker"];
    assert_eq!(
        mappers_of(shared, sharing.worker()),
        without_inode(&worker["mappers"]),
        "{shared:#}"
    );
    assert_eq!(
        descriptors_of(shared, sharing.worker()),
        worker["descriptors"],
        "{shared:#}"
    );
}

#[test]
fn sizes_are_those_of_the_kernel() {
    let Some(python) = any_python() else { return };
    let sharing = Sharing::start(python, "fork");
    let answer = census(&[]);
    let swap = std::fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1);
    for what in ["shared_memory", "parts", "leaked"] {
        let made = &sharing.made()[what];
        let path = format!("/dev/shm/{}", made["name"].as_str().expect("text"));
        let file = std::fs::metadata(&path).expect("it has a name");
        let segment = find(&answer, made);
        assert_eq!(segment["device"], file.dev());
        if !swap {
            assert_eq!(segment["resident"], file.blocks() * 512, "{segment:#}");
        }
    }
    let file = find(&answer, &sharing.made()["file"]);
    // One page was written; the kernel may not tell (before Linux 6.5).
    if !file["resident"].is_null() {
        assert!(file["resident"].as_u64() >= Some(4096), "{file:#}");
    }
}

#[test]
fn memory_of_system_v_is_what_ipcs_lists() {
    let Some(python) = any_python() else { return };
    let listed = Command::new("ipcs").args(["--shmems", "--bytes"]).output();
    if listed.is_err() {
        return skip("ipcs", "it is not there");
    }
    let sharing = Sharing::start(python, "fork");
    let listed = Command::new("ipcs")
        .args(["--shmems", "--bytes"])
        .output()
        .expect("it was there");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // `key shmid owner perms bytes nattch status`
    let rows = listed.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some((
            words.get(1)?.parse().ok()?,
            (words.get(4)?.parse().ok()?, words.get(5)?.parse().ok()?),
        ))
    });
    let rows: BTreeMap<u64, (u64, usize)> = rows.collect();
    let answer = census(&[]);
    for what in ["sysv", "removed_sysv", "unattached_sysv"] {
        let segment = find(&answer, &sharing.made()[what]);
        let (bytes, attached) = rows[&segment["inode"].as_u64().expect("a number")];
        assert_eq!(segment["size"], bytes, "{segment:#}");
        assert_eq!(
            segment["mappers"].as_array().expect("a list").len(),
            attached,
            "{segment:#}"
        );
        assert_eq!(segment["creator"], sharing.pid());
    }
}

#[test]
fn one_process_and_its_family_are_chosen() {
    let Some(python) = any_python() else { return };
    // A worker that is forked would have inherited all the other mappings.
    let sharing = Sharing::start(python, "spawn");
    let (pid, worker) = (sharing.pid().to_string(), sharing.worker().to_string());
    let names = |answer: &Value| -> Vec<String> {
        let segments = answer["segments"].as_array().expect("a list");
        let names = segments
            .iter()
            .map(|segment| segment["name"].as_str().expect("text").to_string());
        names.collect()
    };
    let shared = sharing.made()["shared_memory"]["name"]
        .as_str()
        .expect("text")
        .to_string();
    let of_worker = census(&[&worker]);
    assert_eq!(names(&of_worker), [shared.as_str()]);
    // Who else has it is told all the same.
    assert_eq!(
        mappers_of(&of_worker["segments"][0], sharing.pid()).len(),
        1
    );
    let own = names(&census(&[&pid]));
    assert!(
        own.contains(&shared) && own.len() >= EXPECTED.len() - 2,
        "{own:#?}"
    );
    let leaked = sharing.made()["leaked"]["name"].as_str().expect("text");
    assert!(!own.iter().any(|name| name == leaked), "{own:#?}");
    let family = names(&census(&[&pid, "--tree"]));
    assert!(own.iter().all(|name| family.contains(name)), "{family:#?}");
    assert_eq!(pmdb(["shm", "--tree"]).code, Some(2));
    pmdb(["shm", &i32::MAX.to_string()]).failed_with("no process");
}

#[test]
fn text_has_a_line_for_each_and_no_escapes() {
    let Some(python) = any_python() else { return };
    let sharing = Sharing::start(python, "spawn");
    let pid = sharing.pid().to_string();
    let answer = pmdb(["shm", &pid, "--color=never"]);
    let text = &answer.succeeded().stdout;
    let line = |part: &str| {
        let mut lines = text.lines().filter(|line| line.contains(part));
        lines
            .next()
            .unwrap_or_else(|| panic!("{part} is not in {text}"))
    };
    assert!(line("NAME").contains("VERDICT"));
    let odd = line("odd\\x1b[31m\\n");
    assert!(
        odd.contains("posix") && odd.contains(&format!("{pid} rw")),
        "{odd}"
    );
    assert!(line("memfd:only open").contains(&format!("{pid} open")));
    assert!(line("-parts").contains(&format!("{pid} rw")));
    assert!(
        text.contains("cut: truncated: it is 4096 bytes long"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text:?}");
}

/// Fills a `/dev/shm` of its own of 1 MiB: one segment that does not fit and one that nobody has.
const FULL: &str = "\
import mmap, os
descriptor = os.open('/dev/shm/big', os.O_RDWR | os.O_CREAT)
os.ftruncate(descriptor, 8 << 20)
big = mmap.mmap(descriptor, 8 << 20)
big[:4096] = bytes([1]) * 4096
open('/dev/shm/forgotten', 'wb').write(bytes(100))
print('ready', os.fstat(descriptor).st_ino, os.stat('/dev/shm/forgotten').st_ino, flush=True)
os.read(0, 1)
";

#[test]
fn a_segment_that_does_not_fit_is_found_in_another_mount_namespace() {
    let Some(python) = any_python() else { return };
    let works = Command::new("unshare").args(["--mount", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "another mount namespace",
            "`unshare --mount` is not permitted or not there",
        );
    }
    let script = "mount -t tmpfs -o size=1m none /dev/shm && exec \"$1\" -c \"$2\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&python.path)
        .arg(FULL);
    let fixture = Fixture::start(command);
    let inodes: Vec<u64> = fixture
        .ready()
        .split(' ')
        .map(|word| word.parse().expect("a number"))
        .collect();
    let answer = census(&[]);
    let big = find(&answer, &json!({"name": "big", "inode": inodes[0]}));
    assert_eq!(
        (&big["verdict"], &big["certainty"]),
        (&json!("too_big"), &json!("certain")),
        "{big:#}"
    );
    assert_eq!(
        (&big["size"], &big["resident"]),
        (&json!(8 << 20), &json!(4096)),
        "{big:#}"
    );
    assert_eq!(mappers_of(big, u64::from(fixture.pid())).len(), 1);
    let forgotten = find(&answer, &json!({"name": "forgotten", "inode": inodes[1]}));
    assert_eq!(forgotten["verdict"], "leaked", "{forgotten:#}");
}
