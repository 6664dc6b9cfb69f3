//! Paths of a process that has another root than pmdb: a container, a chroot, a mount namespace.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::model::Tid;

/// As many symbolic links as the kernel follows in one path (`MAXSYMLINKS`, `include/linux/namei.h`).
const MOST_LINKS: usize = 40;

/// A path of the process, through its own root or working directory.
pub(super) fn below_root(task: Tid, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(relative) => root_of(task).join(relative),
        Err(_) => Path::new(&format!("/proc/{task}/cwd")).join(path),
    }
}

/// The same with symbolic links followed as the process would. The kernel starts absolute ones anew at pmdb's root.
pub(super) fn resolve(task: Tid, path: &Path) -> PathBuf {
    if !path.is_absolute() || is_pmdbs_root(task) == Some(true) {
        return below_root(task, path);
    }
    let root = root_of(task);
    let mut links = 0;
    let mut resolved = root.clone();
    let mut rest: Vec<OsString> = reversed(path);
    while let Some(name) = rest.pop() {
        if name == ".." {
            if resolved != root {
                resolved.pop();
            }
            continue;
        }
        let next = resolved.join(&name);
        match fs::read_link(&next) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    resolved.clone_from(&root);
                }
                rest.extend(reversed(&target));
            }
            _ => resolved = next,
        }
    }
    resolved
}

fn root_of(task: Tid) -> PathBuf {
    PathBuf::from(format!("/proc/{task}/root"))
}

/// The names in a path, the first one last.
fn reversed(path: &Path) -> Vec<OsString> {
    let names = path
        .components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        });
    names.collect()
}

pub(super) fn is_pmdbs_root(task: Tid) -> Option<bool> {
    let root = |process: &str| {
        let root = fs::metadata(format!("/proc/{process}/root")).ok()?;
        let mounts = fs::read_link(format!("/proc/{process}/ns/mnt")).ok()?;
        Some((root.dev(), root.ino(), mounts))
    };
    Some(root("self")? == root(&task.to_string())?)
}
