//! `pmdb shm leaks` and `pmdb shm rm`: what nobody needs, what Python's resource trackers will remove, and what is removed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Fixture, PATIENCE, Python, any_python, on_each_python, pmdb, skip};
use serde_json::Value;

/// A file in `/dev/shm`, which goes with this.
struct Named(PathBuf);

impl Named {
    fn new(what: &str) -> Named {
        let path = PathBuf::from(format!("/dev/shm/pmdb-leak-{}-{what}", std::process::id()));
        fs::write(&path, [1; 10_000]).expect("it can be written");
        Named(path)
    }

    fn name(&self) -> &str {
        self.0
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text")
    }

    fn inode(&self) -> u64 {
        fs::metadata(&self.0).expect("it is there").ino()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn find<'a>(answer: &'a Value, list: &str, inode: u64) -> Option<&'a Value> {
    let mut segments = answer[list].as_array().expect("a list").iter();
    segments.find(|segment| segment["inode"] == inode)
}

fn leaks() -> Value {
    pmdb(["shm", "leaks", "--json"]).succeeded().json()
}

/// A program with a segment. Its tracker removes that when it ends.
struct Tracked {
    program: Fixture,
    name: String,
    inode: u64,
    tracker: u64,
}

impl Tracked {
    fn start(python: &Python, name: &[&str]) -> Tracked {
        let program = Fixture::python(python, "tracked.py", name);
        let words: Vec<String> = program.ready().split(' ').map(str::to_string).collect();
        let [name, inode, tracker] = &words[..] else {
            panic!("{words:?}");
        };
        Tracked {
            name: name.clone(),
            inode: inode.parse().expect("a number"),
            tracker: tracker.parse().expect("a pid"),
            program,
        }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/dev/shm").join(&self.name)
    }

    /// Ends, and waits until the tracker has done its work.
    fn end(&mut self) {
        self.program.close_stdin();
        self.program.wait();
        let begin = std::time::Instant::now();
        while self.path().exists() && begin.elapsed() < PATIENCE {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn a_leak_is_told_and_removed_and_what_is_used_is_left() {
    let leaked = Named::new("leaked");
    let semaphore = PathBuf::from(format!("/dev/shm/sem.pmdb-{}", std::process::id()));
    fs::write(&semaphore, [0; 32]).expect("it can be written");
    let semaphore = Named(semaphore);
    let used = Named::new("used");
    let open = fs::File::open(&used.0).expect("it opens");

    let answer = leaks();
    let found = find(&answer, "segments", leaked.inode()).expect("it is a leak");
    assert_eq!(found["verdict"], "leaked", "{found:#}");
    assert!(find(&answer, "semaphores", semaphore.inode()).is_some());
    // Which is this test, that pmdb sees; the kernel would have told too.
    assert!(find(&answer, "segments", used.inode()).is_none());

    let refused = pmdb(["shm", "rm", used.name()]);
    refused.failed_with("it is in use");
    assert!(used.0.exists());
    let unasked = pmdb(["shm", "leaks", "--remove"]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert!(leaked.0.exists());

    let removed = pmdb(["shm", "rm", leaked.name(), semaphore.name()]);
    let text = &removed.succeeded().stdout;
    assert!(
        text.contains(&format!("{}: removed, 12.0 KiB free", leaked.name())),
        "{text}"
    );
    assert!(!leaked.0.exists() && !semaphore.0.exists());
    pmdb(["shm", "rm", leaked.name()]).failed_with("there is no shared memory called");

    pmdb(["shm", "rm", used.name(), "--force"]).succeeded();
    assert!(!used.0.exists());
    drop(open);
}

#[test]
fn a_descriptor_in_a_socket_is_a_use_that_only_the_kernel_knows() {
    const SEND: &str = "\
import array, os, socket, sys
here, there = socket.socketpair()
descriptor = os.open(sys.argv[1], os.O_RDONLY)
here.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [descriptor]))])
os.close(descriptor)
print('ready', flush=True)
sys.stdin.read()
";
    let Some(python) = any_python() else { return };
    let waiting = Named::new("waiting");
    let path = waiting.0.to_str().expect("text");
    let _sender = Fixture::python_text(python, SEND, &[path]);
    assert!(find(&leaks(), "segments", waiting.inode()).is_none());
    pmdb(["shm", "rm", waiting.name()]).failed_with("somebody has it open whom pmdb does not see");
    assert!(waiting.0.exists());
}

#[test]
fn a_segment_that_its_resource_tracker_will_remove_is_no_leak() {
    on_each_python(|python| {
        let tracked = Tracked::start(python, &[]);
        let census: Value = pmdb(["shm", "--json"]).succeeded().json();
        let segment = find(&census, "segments", tracked.inode).expect("it is there");
        assert_eq!(segment["name"], *tracked.name, "{segment:#}");
        assert_eq!(segment["verdict"], "in_use", "{segment:#}");
        assert_eq!(
            segment["trackers"][0]["pid"], tracked.tracker,
            "{segment:#}"
        );
        let waits_for = segment["trackers"][0]["processes"]
            .as_array()
            .expect("a list");
        assert!(
            waits_for.contains(&tracked.program.pid().into()),
            "{segment:#}"
        );
    });
}

#[test]
fn the_tracker_of_another_program_that_will_remove_a_segment_is_named() {
    let Some(python) = any_python() else { return };
    let maker = Tracked::start(python, &[]);
    let mut guest = Tracked::start(python, &[&maker.name]);
    let (own, others) = (maker.tracker, guest.tracker);
    let census: Value = pmdb(["shm", "--json"]).succeeded().json();
    let segment = find(&census, "segments", maker.inode).expect("it is there");
    // Its own does too, when the program that made it ends: that is as it should be.
    let trackers = segment["trackers"].as_array().expect("a list");
    let pids: Vec<u64> = trackers
        .iter()
        .filter_map(|one| one["pid"].as_u64())
        .collect();
    assert!(pids.contains(&own) && pids.contains(&others), "{segment:#}");
    assert_eq!(segment["verdict"], "doomed", "{segment:#}");
    let evidence = segment["evidence"].as_str().expect("text");
    let expected = format!(
        "resource tracker {others} will remove its name when process {} has ended",
        guest.program.pid()
    );
    assert!(evidence.contains(&expected), "{evidence}");
    // And so it does.
    guest.end();
    assert!(
        !maker.path().exists(),
        "Python has changed: {} is there still",
        maker.name
    );
}

#[test]
fn ten_thousand_segments_are_listed_and_one_of_them_removed() {
    const COUNT: usize = 10_000;
    let folder = PathBuf::from(format!("/dev/shm/pmdb-many-{}", std::process::id()));
    fs::create_dir(&folder).expect("it is new");
    let many = Folder(folder);
    for number in 0..COUNT {
        fs::write(many.0.join(number.to_string()), []).expect("it can be written");
    }
    let census: Value = pmdb(["shm", "--json"]).succeeded().json();
    let name = many
        .0
        .file_name()
        .and_then(|name| name.to_str())
        .expect("text");
    let segments = census["segments"].as_array().expect("a list");
    let is_ours = |segment: &&Value| {
        let full = segment["name"].as_str().expect("text");
        full.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    assert_eq!(segments.iter().filter(is_ours).count(), COUNT);
    pmdb(["shm", "rm", &format!("{name}/4711")]).succeeded();
    assert!(!many.0.join("4711").exists() && many.0.join("4712").exists());
}

/// A folder, which goes with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn memory_of_system_v_is_removed_by_its_number() {
    let made = Command::new("ipcmk").args(["--shmem", "4096"]).output();
    let Ok(made) = made else {
        return skip("ipcmk", "it is not there");
    };
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    let id: u64 = told
        .split_whitespace()
        .last()
        .and_then(|word| word.parse().ok())
        .expect("`Shared memory id: 4`");
    let answer = leaks();
    let found = find(&answer, "segments", id).expect("its maker has ended");
    assert_eq!(found["kind"], "sysv", "{found:#}");
    pmdb(["shm", "rm", &format!("sysv:{id}")]).succeeded();
    assert!(find(&leaks(), "segments", id).is_none());
}
