//! Opening the files behind mappings: deleted, replaced, in another mount namespace, not readable.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use pmdb::model::Pid;
use pmdb::process::live::LiveProcess;
use pmdb::process::{Mapping, Process, ProcessError};

use crate::support::{Fixture, any_python, skip};

fn mapping_of<'p>(process: &'p LiveProcess, path: &Path) -> &'p Mapping {
    let found = process
        .mappings()
        .iter()
        .find(|mapping| mapping.path() == Some(path));
    found.unwrap_or_else(|| panic!("{} is not mapped: {:?}", path.display(), process.mappings()))
}

fn content(process: &LiveProcess, mapping: &Mapping) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = process
        .open_file(mapping)
        .unwrap_or_else(|error| panic!("{error}"));
    file.read_to_end(&mut bytes).expect("a regular file");
    bytes
}

/// A Python that maps the file which its argument names.
const MAPS_A_FILE: &str = "\
import mmap, sys
file = open(sys.argv[1], 'rb')
here = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
file.close()
print('ready', flush=True)
input()";

#[test]
fn every_mapped_file_opens_and_is_the_one_at_its_path() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, "print('ready', flush=True); input()", &[]);
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    let mut count = 0;
    for mapping in process.mappings() {
        if let Some(path) = mapping.path() {
            assert!(content(&process, mapping) == fs::read(path).expect("it is there"));
            count += 1;
        } else {
            assert!(matches!(
                process.open_file(mapping),
                Err(ProcessError::FileGone { .. })
            ));
        }
    }
    assert!(count > 5);
}

#[test]
fn a_deleted_executable_opens_and_its_successor_does_not_stand_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sleeper");
    crate::support::copy_program(Path::new("/bin/sh"), &path);
    let mut command = Command::new(&path);
    command.args(["-c", "echo ready; read line"]);
    let fixture = Fixture::start(command);
    fs::remove_file(&path).expect("ours");
    fs::write(&path, "another file").expect("ours");
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    assert_eq!(
        process.identity().executable.as_deref(),
        Some(path.as_path())
    );
    let mapping = mapping_of(&process, &path);
    assert!(content(&process, mapping) == fs::read("/bin/sh").expect("it is there"));
}

#[test]
fn a_deleted_file_opens_for_root_and_says_so_to_others() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("data");
    fs::write(&path, "the old one").expect("ours");
    let fixture = Fixture::python_text(python, MAPS_A_FILE, &[path.to_str().expect("ASCII")]);
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    // The process has it mapped, and a FIFO stands in its place: opening that would wait for a writer for ever.
    fs::remove_file(&path).expect("ours");
    mkfifo(&path, Mode::S_IRWXU).expect("ours");
    let mapping = mapping_of(&process, &path);
    if geteuid().is_root() {
        assert_eq!(content(&process, mapping), b"the old one");
    } else {
        let error = process.open_file(mapping).expect_err("it has no name");
        assert!(error.to_string().contains("map_files"), "{error}");
    }
}

#[test]
fn a_file_in_another_mount_namespace_opens_through_the_processs_root() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = folder.path().join("library");
    // A file system that only the process sees covers the folder.
    let script =
        "mount -t tmpfs none \"$1\" && echo inside > \"$2\" && exec \"$3\" -c \"$4\" \"$2\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([folder.path(), &path, &python.path])
        .arg(MAPS_A_FILE);
    let works = Command::new("unshare").args(["--mount", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "mount namespaces",
            "`unshare --mount` is not permitted or not there",
        );
    }
    let fixture = Fixture::start(command);
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    fs::write(&path, "outside").expect("ours");
    assert_eq!(content(&process, mapping_of(&process, &path)), b"inside\n");
    assert_eq!(
        fs::read(process.resolve(&path)).expect("it is there"),
        b"inside\n"
    );
}

#[test]
fn symbolic_links_lead_where_they_lead_the_process() {
    let Some(python) = any_python() else { return };
    let works = Command::new("unshare").args(["--mount", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "mount namespaces",
            "`unshare --mount` is not permitted or not there",
        );
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    // Outside, the same names lead elsewhere.
    fs::write(at("file"), "outside").expect("ours");
    let script = "mount -t tmpfs none \"$1\" && cd \"$1\" && mkdir -p a/b && echo inside > file && \
         ln -s \"$1/file\" a/b/absolute && ln -s ../../file a/b/relative && ln -s ../a/b a/folder && \
         ln -s circle circle && exec \"$2\" -c \"print('ready', flush=True); input()\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(&python.path);
    let fixture = Fixture::start(command);
    let process = LiveProcess::open(Pid(fixture.pid())).expect("it lives");
    for name in [
        "a/b/absolute",
        "a/b/relative",
        "a/folder/absolute",
        "a/folder/../../file",
    ] {
        let found = fs::read_to_string(process.resolve(&at(name)));
        assert_eq!(found.expect(name), "inside\n", "{name}");
    }
    assert!(fs::read(process.resolve(&at("circle"))).is_err());
    assert!(fs::read(process.resolve(&at("a/none"))).is_err());
}
