//! Cores that the kernel (or gdb) writes of a fixture.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Fixture, skip};

/// A core in a folder of its own, which goes away with this.
pub struct Core {
    folder: TempDir,
    pub path: PathBuf,
    /// What the fixture said behind `ready` before it died.
    pub ready: String,
    pub pid: u32,
}

impl Core {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Starts a command in a fresh folder, waits until it is ready, and makes the kernel dump it by `signal`.
/// Where the kernel hands cores to a program (`core_pattern` begins with `|`), `gcore` writes it instead.
/// Nothing, and said as skipped, where neither works.
pub fn dump_core(command: &Command, signal: Signal) -> Option<Core> {
    Some(dump_core_after(command, signal, |_| ())?.0)
}

/// The same, with a look at the living process (its pid is given) before it is dumped.
pub fn dump_core_after<T>(
    command: &Command,
    signal: Signal,
    look: impl FnOnce(u32) -> T,
) -> Option<(Core, T)> {
    let dump = |fixture: &mut Fixture, folder: &Path| {
        if dumped_by_kernel() {
            fixture.signal(signal);
            fixture.wait();
            Some(())
        } else {
            dump_by_gdb(fixture.pid(), folder)
        }
    };
    dump_with(command, look, dump)
}

/// The core that gdb's `gcore` writes of a command while it lives on; nothing if gdb is not there.
pub fn gcore_after<T>(command: &Command, look: impl FnOnce(u32) -> T) -> Option<(Core, T)> {
    dump_with(command, look, |fixture, folder| {
        dump_by_gdb(fixture.pid(), folder)
    })
}

fn dump_with<T>(
    command: &Command,
    look: impl FnOnce(u32) -> T,
    dump: impl FnOnce(&mut Fixture, &Path) -> Option<()>,
) -> Option<(Core, T)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The shell lifts the limit (ulimit) and becomes the program: same pid.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(folder.path());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let mut fixture = Fixture::start(limited);
    let ready = fixture.ready().to_string();
    let pid = fixture.pid();
    let seen = look(pid);
    dump(&mut fixture, folder.path())?;
    let path = find_core(folder.path());
    if path.is_none() {
        skip(
            "cores",
            "the kernel wrote none: see core_pattern and `ulimit -c`",
        );
    }
    let core = Core {
        path: path?,
        folder,
        ready,
        pid,
    };
    Some((core, seen))
}

/// One process, written down in each way.
pub struct Dumps {
    core: Core,
    snapshots: Option<TempDir>,
}

impl Dumps {
    /// A core, and, if `all`, a snapshot and a bundle before it. Nothing, and said as skipped, where there are no cores.
    pub fn of(command: &Command, all: bool) -> Option<Dumps> {
        let take = |pid: u32| {
            all.then(|| {
                let folder = tempfile::tempdir().expect("a temporary folder");
                for (name, more) in [("alone.pmdb", &[][..]), ("all.pmdb", &["--tree"][..])] {
                    let file = folder.path().join(name).display().to_string();
                    let words = ["snapshot", &pid.to_string(), "-o", &file].map(str::to_string);
                    let more = more.iter().map(|&word: &&str| word.to_string());
                    super::pmdb(words.into_iter().chain(more)).succeeded();
                }
                folder
            })
        };
        let (core, snapshots) = dump_core_after(command, Signal::SIGABRT, take)?;
        Some(Dumps { core, snapshots })
    }

    pub fn ready(&self) -> &str {
        &self.core.ready
    }

    /// Each with whether it may say of something that it was not kept.
    pub fn files(&self) -> Vec<(PathBuf, bool)> {
        let mut files = vec![(self.core.path.clone(), false)];
        let folder = self.snapshots.iter().map(TempDir::path);
        files.extend(folder.flat_map(|folder| {
            let member = format!("all.pmdb/{}.core", self.core.pid);
            ["alone.pmdb".to_string(), member].map(|name| (folder.join(name), true))
        }));
        files
    }
}

/// Whether an answer says that a snapshot does not keep what was asked for.
pub fn says_not_kept(answer: &str) -> bool {
    answer.contains("not kept in this snapshot") || answer.contains("the snapshot does not keep")
}

fn dumped_by_kernel() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/core_pattern")
        .is_ok_and(|pattern| !pattern.starts_with('|') && !pattern.contains('/'))
}

/// The core that `gcore` writes of a process that lives on, in a folder; nothing if gdb is not there.
pub fn gcore_of(pid: u32, folder: &Path) -> Option<PathBuf> {
    dump_by_gdb(pid, folder)?;
    find_core(folder)
}

fn dump_by_gdb(pid: u32, folder: &Path) -> Option<()> {
    let output = Command::new("gcore")
        .arg("-o")
        .arg(folder.join("core"))
        .arg(pid.to_string())
        .output();
    match output {
        Ok(output) if output.status.success() => Some(()),
        _ => {
            skip("cores", "gcore is not there or does not work");
            None
        }
    }
}

fn find_core(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("core"))
        })
}
