//! Removing segments: their names, after which the kernel frees them when nobody has them any more.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use super::census::Census;
use super::designation::Designation;
use super::found::Found;
use super::identity::Identity;
use super::verdict::judge;
use super::{ShmError, size};
use crate::model::{Removal, SegmentKind, SegmentVerdict};
use crate::process::file_facts::swap_is_used;
use crate::process::live::lease::{Lease, NoLease};
use crate::process::live::sharing;
use crate::process::sysv;

/// What stands in the way of removing a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// Whoever uses it.
    WhileUsed,
    /// Only what is still a leak is removed.
    OnlyLeaks,
    /// Nothing: it is removed under those who use it.
    Forced,
}

impl Census<'_> {
    /// Removes a segment, if that is what the census says of it now.
    pub fn remove(&self, which: &Designation, caution: Caution) -> Result<Removal, ShmError> {
        let found = which.one_of(self.segments.values())?;
        let outcome = self.refusal(found, caution).map_or_else(
            || {
                let size = in_memory(found);
                unlink(found, caution).map(|kept| match kept {
                    Kept::Nobody if !found.is_used() => size,
                    _ => 0,
                })
            },
            Err,
        );
        let (removed, freed, error) = match outcome {
            Ok(freed) => (true, freed, None),
            Err(why) => (false, 0, Some(why)),
        };
        Ok(Removal {
            name: found.label.name.clone(),
            kind: found.kind(),
            inode: found.identity.inode(),
            removed,
            freed,
            error,
        })
    }

    /// Why it is not to be removed.
    fn refusal(&self, found: &Found, caution: Caution) -> Option<String> {
        let judgement = judge(found, &self.circumstances);
        match caution {
            Caution::Forced => None,
            _ if found.is_used() => Some(format!(
                "it is in use ({}); --force removes its name all the same, and its memory goes with the last who has it",
                judgement.evidence
            )),
            Caution::OnlyLeaks if judgement.verdict != SegmentVerdict::Leaked => {
                Some(format!("it is no leak any more: {}", judgement.evidence))
            }
            _ => None,
        }
    }
}

/// Bytes, in memory and in swap space.
fn in_memory(found: &Found) -> u64 {
    let mut found = found.clone();
    let has_swap = swap_is_used();
    size::ask(&mut found, has_swap);
    let sizes = size::sizes(&found, has_swap);
    sizes.resident.unwrap_or(0) + sizes.swapped.unwrap_or(0)
}

/// Who has the memory still when the name is gone, as the kernel says.
enum Kept {
    Nobody,
    Somebody,
}

fn unlink(found: &Found, caution: Caution) -> Result<Kept, String> {
    match (found.identity, &found.named) {
        (Identity::Sysv { namespace, id }, _) => remove_sysv(found, namespace, id, caution),
        (_, Some(path)) => remove_file(found, path, caution),
        (_, None) => Err(match found.kind() {
            SegmentKind::File | SegmentKind::Hugetlb if !found.label.deleted => {
                "it is an ordinary file, which rm(1) removes".to_string()
            }
            _ => {
                "it has no name that could be removed: it goes with the last who has it".to_string()
            }
        }),
    }
}

fn remove_file(found: &Found, path: &Path, caution: Caution) -> Result<Kept, String> {
    let is_it = |file: io::Result<fs::Metadata>| {
        let file = file.map_err(|error| refused(&error))?;
        if (file.dev(), file.ino()) == (found.identity.device(), found.identity.inode()) {
            return Ok(());
        }
        Err("it is gone, and its name is another segment's now".to_string())
    };
    // Kept until the name is gone, so that nobody begins to use it meanwhile.
    let lease = match Lease::take(path) {
        Ok(lease) => {
            is_it(lease.file().metadata())?;
            Ok(lease)
        }
        Err(NoLease::InUse) if caution != Caution::Forced => {
            return Err(
                "somebody has it open whom pmdb does not see: a process that may not be looked at, or a descriptor on its way \
                 through a socket; --force removes its name all the same"
                    .to_string(),
            );
        }
        Err(none) => Err(none),
    };
    is_it(fs::symlink_metadata(path))?;
    let removed = fs::remove_file(path);
    let kept = match lease {
        Err(NoLease::InUse) => Kept::Somebody,
        _ => Kept::Nobody,
    };
    removed.map_err(|error| refused(&error)).map(|()| kept)
}

fn remove_sysv(found: &Found, namespace: u64, id: u64, caution: Caution) -> Result<Kept, String> {
    let own = crate::model::Pid(std::process::id());
    if sharing::ipc_namespace(own) != Some(namespace) {
        return Err("it is in another IPC namespace: run pmdb inside of the container".to_string());
    }
    if found.sysv.as_ref().is_some_and(|sysv| sysv.is_removed) {
        return Err("it is removed already, and goes with the last who has it".to_string());
    }
    // The kernel's own count, of processes in all namespaces.
    let attached = sysv::attached(id).map_err(|errno| refused(&errno.into()))?;
    if attached > 0 && caution != Caution::Forced {
        return Err(format!(
            "it is attached {attached} times; --force marks it to be removed with the last of them"
        ));
    }
    sysv::remove(id).map_err(|errno| refused(&errno.into()))?;
    Ok(if attached > 0 {
        Kept::Somebody
    } else {
        Kept::Nobody
    })
}

fn refused(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::EINVAL | Errno::EIDRM) => "it is gone already".to_string(),
        Some(Errno::EACCES | Errno::EPERM) => {
            "only its owner and root may remove it: run pmdb as one of these".to_string()
        }
        _ => format!("the kernel does not remove it: {error}"),
    }
}
