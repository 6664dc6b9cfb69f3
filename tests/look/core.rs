//! Cores of real processes, compared with what `/proc` said of them while they lived, and with gdb.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::{
    Core, PATIENCE, any_python, dump_core_after, fixture_path, gcore_after, skip,
};
use nix::sys::signal::Signal;
use pmdb::model::{Addr, Pid, ThreadState, Tid};
use pmdb::process::core::{CoreOptions, CoreProcess, SignalCause};
use pmdb::process::{Backing, Process, ReadError, ReadMemory};
use procfs::process::{MMPermissions, MMapPath};

/// What `/proc` said.
struct Living {
    command: Vec<String>,
    executable: PathBuf,
    name: String,
    maps: Vec<procfs::process::MemoryMap>,
    /// By tid: the line of `/proc/PID/task/TID/syscall`.
    calls: BTreeMap<u32, String>,
    /// By start: the bytes of each mapping that can be read.
    memory: BTreeMap<u64, Vec<u8>>,
}

impl Living {
    /// Looks once every thread has come to rest in a system call.
    fn look(pid: u32) -> Living {
        let process = procfs::process::Process::new(pid.cast_signed()).unwrap();
        let calls = calls_at_rest(pid);
        let stat = process.stat().unwrap();
        let maps = process.maps().unwrap().0;
        let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
        let read = |map: &procfs::process::MemoryMap| {
            let mut bytes = vec![0; (map.address.1 - map.address.0) as usize];
            let readable = map.perms.contains(MMPermissions::READ);
            (readable && memory.read_exact_at(&mut bytes, map.address.0).is_ok())
                .then_some((map.address.0, bytes))
        };
        Living {
            command: command_line(pid),
            executable: process.exe().unwrap(),
            name: stat.comm,
            memory: maps.iter().filter_map(read).collect(),
            maps,
            calls,
        }
    }
}

fn command_line(pid: u32) -> Vec<String> {
    let joined = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let arguments = joined.strip_suffix('\0').unwrap().split('\0');
    arguments.map(str::to_owned).collect()
}

/// The system calls that the threads wait in, once the main one is in pause(2) and the others in futex(2).
fn calls_at_rest(pid: u32) -> BTreeMap<u32, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let calls: BTreeMap<u32, String> = fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let tid = entry.file_name().to_str().unwrap().parse().unwrap();
                (
                    tid,
                    fs::read_to_string(entry.path().join("syscall")).unwrap(),
                )
            })
            .collect();
        let rests = |(&tid, call): (&u32, &String)| {
            call.starts_with(if tid == pid { "34 " } else { "202 " })
        };
        if calls.iter().all(rests) {
            return calls;
        }
        assert!(
            Instant::now() < deadline,
            "it does not come to rest: {calls:?}"
        );
        std::thread::yield_now();
    }
}

/// The fixture's own account of where it put what. Removes its segment in the end.
struct Places(serde_json::Value);

impl Places {
    fn address(&self, name: &str) -> Addr {
        Addr(self.0[name].as_u64().unwrap())
    }

    fn segment(&self) -> PathBuf {
        PathBuf::from(self.0["segment_path"].as_str().unwrap())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.segment());
    }
}

fn mapper() -> Option<Command> {
    let mut command = any_python()?.command();
    command
        .arg(fixture_path("mapper.py"))
        .args(["an argument with spaces", "", "ü"])
        .env("PMDB_CORE_TEST", "a value = with signs");
    Some(command)
}

fn open(core: &Core) -> CoreProcess {
    CoreProcess::open(&core.path, CoreOptions::default()).unwrap()
}

fn text(core: &CoreProcess, address: Addr, length: usize) -> Result<String, ReadError> {
    let mut bytes = vec![0; length];
    core.read(address, &mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn a_core_of_the_kernel_says_what_proc_said() {
    let Some(command) = mapper() else { return };
    let Some((file, living)) = dump_core_after(&command, Signal::SIGABRT, Living::look) else {
        return;
    };
    let places = Places(serde_json::from_str(&file.ready).unwrap());
    let core = open(&file);
    assert_identity(&core, &file, &living);
    assert_threads(&core, &living);
    assert_mappings(&core, &living, &[]);
    assert_memory(&core, &living, &places);
    if core.fatal_signal().is_none() {
        return skip(
            "the signal in a core",
            "core_pattern sends cores to a program",
        );
    }
    let signal = core.fatal_signal().unwrap();
    let sender = SignalCause::Sender {
        pid: Pid(std::process::id()),
        uid: nix::unistd::getuid().as_raw(),
    };
    assert_eq!((signal.name(), signal.cause), ("SIGABRT", sender));
    assert_eq!(core.identity().state, ThreadState::Dead);
    let notes = core.notes();
    assert!(
        notes[0].starts_with("killed by SIGABRT from process"),
        "{notes:?}"
    );
}

#[test]
fn a_core_of_gcore_says_what_proc_said() {
    let Some(command) = mapper() else { return };
    let Some((file, living)) = gcore_after(&command, Living::look) else {
        return;
    };
    let places = Places(serde_json::from_str(&file.ready).unwrap());
    let core = open(&file);
    assert_identity(&core, &file, &living);
    assert_threads(&core, &living);
    // gdb does not say how a file was mapped that it left out, and these are not ELF.
    let data = file.folder().join("data.txt");
    assert_mappings(&core, &living, &[&data, &places.segment()]);
    assert_memory(&core, &living, &places);
    assert_eq!(core.fatal_signal(), None);
}

fn assert_identity(core: &CoreProcess, file: &Core, living: &Living) {
    let identity = core.identity();
    assert_eq!(identity.pid, Some(Pid(file.pid)));
    // The kernel writes the thread that forked, gdb its process.
    let parent = identity.parent.unwrap();
    assert!(Path::new(&format!("/proc/self/task/{parent}")).exists());
    assert_eq!(identity.command, living.command);
    assert_eq!(identity.executable.as_ref(), Some(&living.executable));
    let value = core.environment("PMDB_CORE_TEST");
    assert_eq!(value.as_deref(), Some("a value = with signs"));
    assert_eq!(core.environment("PMDB_CORE"), None);
}

fn assert_threads(core: &CoreProcess, living: &Living) {
    let threads = core.threads().unwrap();
    assert_eq!(threads[0].name.as_ref(), Some(&living.name));
    assert_eq!(Some(Pid(threads[0].tid.0)), core.identity().pid);
    let calls: BTreeMap<u32, String> = threads
        .iter()
        .map(|thread| {
            let call = core.system_call(thread.tid).unwrap();
            let [a, b, c, d, e, f] = call.arguments;
            let registers = core.registers(thread.tid).unwrap();
            let line = format!(
                "{} {a:#x} {b:#x} {c:#x} {d:#x} {e:#x} {f:#x} {:#x} {:#x}\n",
                call.number, registers.rsp, registers.rip
            );
            (thread.tid.0, line)
        })
        .collect();
    assert_eq!(calls, living.calls);
}

/// Every mapping is there, with its protection and its file; `[heap]` and the like have no name in a core.
fn assert_mappings(core: &CoreProcess, living: &Living, unprotected: &[&Path]) {
    for map in &living.maps {
        let place = (Addr(map.address.0), Addr(map.address.1));
        // The kernel's own, which gdb cannot read either.
        if matches!(&map.pathname, MMapPath::Vsyscall | MMapPath::Vvar)
            || matches!(&map.pathname, MMapPath::Other(name) if name.starts_with("vvar"))
        {
            continue;
        }
        let mapping = core
            .mappings()
            .find(place.0)
            .unwrap_or_else(|| panic!("{map:?} is missing"));
        assert_eq!((mapping.start, mapping.end), place, "{map:?}");
        let protected =
            !matches!(&map.pathname, MMapPath::Path(path) if unprotected.contains(&path.as_path()));
        let protection = (mapping.protection.write, mapping.protection.execute);
        let expected = (
            map.perms.contains(MMPermissions::WRITE),
            map.perms.contains(MMPermissions::EXECUTE),
        );
        assert!(protection == expected || !protected, "{map:?}: {mapping:?}");
        if let MMapPath::Path(path) = &map.pathname {
            let path = path.to_str().unwrap();
            let kept = path.strip_suffix(" (deleted)").unwrap_or(path);
            let Backing::File {
                path: found,
                offset,
                deleted,
                ..
            } = &mapping.backing
            else {
                panic!("{map:?} is not a file's: {mapping:?}");
            };
            assert_eq!((found.as_path(), *offset), (Path::new(kept), map.offset));
            assert_eq!(*deleted, path != kept);
            // Of a file on disk no core tells how it was mapped.
            let is_memory = path.starts_with("/dev/shm/") || path.starts_with("/memfd:");
            assert_eq!(mapping.shared, is_memory, "{map:?}");
        }
    }
}

/// Every byte is what it was, whether it lies in the core or in a file, but for the segment that was left out.
fn assert_memory(core: &CoreProcess, living: &Living, places: &Places) {
    let mut unreadable = BTreeSet::new();
    for (&start, before) in &living.memory {
        let mut now = vec![0; before.len()];
        match core.read(Addr(start), &mut now) {
            Ok(()) => assert!(now == *before, "{start:#x} differs"),
            Err(error) => {
                assert_eq!(
                    error,
                    ReadError::NotDumped {
                        address: Addr(start)
                    }
                );
                unreadable.insert(core.mappings().find(Addr(start)).unwrap().path());
            }
        }
    }
    let segment = places.segment();
    assert_eq!(
        unreadable,
        BTreeSet::from([Some(segment.as_path())]),
        "{:?}",
        core.notes()
    );

    assert_eq!(
        text(core, places.address("private"), 14).unwrap(),
        "private memory"
    );
    assert_eq!(
        text(core, places.address("unnamed"), 15).unwrap(),
        "unnamed segment"
    );
    assert_eq!(
        text(core, places.address("data"), 17).unwrap(),
        "what a file holds"
    );
    let named = places.address("named");
    assert_eq!(
        text(core, named, 13),
        Err(ReadError::NotDumped { address: named })
    );
    let nowhere = Addr(0x10);
    assert_eq!(
        text(core, nowhere, 3),
        Err(ReadError::Unmapped {
            address: nowhere,
            length: 3
        })
    );

    let note = format!("{} at {named}, which still exists", segment.display());
    let notes = core.notes();
    assert!(notes.iter().any(|line| line.contains(&note)), "{notes:?}");
}

#[test]
fn gdb_tells_the_same_of_a_core() {
    let Some(command) = mapper() else { return };
    let Some((file, _)) = dump_core_after(&command, Signal::SIGSEGV, |_| ()) else {
        return;
    };
    let _places = Places(serde_json::from_str(&file.ready).unwrap());
    let output = Command::new("gdb")
        .args([
            "-nx",
            "-batch",
            "-ex",
            "info threads",
            "-ex",
            "info proc mappings",
            "-c",
        ])
        .arg(&file.path)
        .output();
    let Ok(output) = output else {
        return skip("cores compared with gdb", "gdb is not there");
    };
    let told = String::from_utf8_lossy(&output.stdout);
    let core = open(&file);

    let threads = told.lines().filter_map(|line| {
        let (_, tid) = line.trim_start_matches('*').trim().split_once("LWP ")?;
        let digits: String = tid.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Tid)
    });
    // gdb names threads in other places too.
    let of_gdb: BTreeSet<Tid> = threads.collect();
    let of_pmdb = core.threads().unwrap();
    let of_pmdb: BTreeSet<Tid> = of_pmdb.iter().map(|thread| thread.tid).collect();
    assert_eq!(of_pmdb, of_gdb);

    let ranges: Vec<(u64, u64, u64, PathBuf)> = told.lines().filter_map(mapping_of_gdb).collect();
    assert!(ranges.len() > 10, "{told}");
    for (start, end, offset, path) in ranges {
        let mapping = core.mappings().find(Addr(start)).unwrap();
        assert_eq!((mapping.start.0, mapping.end.0), (start, end));
        let Backing::File {
            path: found,
            offset: at,
            ..
        } = &mapping.backing
        else {
            panic!("{mapping:?} is a file's for gdb");
        };
        let path = path.to_str().unwrap();
        assert_eq!(
            found,
            Path::new(path.strip_suffix(" (deleted)").unwrap_or(path))
        );
        assert_eq!(*at, offset);
    }
}

/// `0x55e1 0x55e2 0x1000 0x0 /usr/bin/python3.12`: start, end, size, offset, path.
fn mapping_of_gdb(line: &str) -> Option<(u64, u64, u64, PathBuf)> {
    let mut words = line.split_whitespace();
    let mut number = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (start, end, _, offset) = (number()?, number()?, number()?, number()?);
    let path = line.get(line.find('/')?..)?;
    Some((start, end, offset, PathBuf::from(path)))
}
