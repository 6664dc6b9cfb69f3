//! Ways to the bytes of a segment: its file by any of its names, else the memory of a process that maps it.

use std::fs::File;

use super::bytes::{MappedPart, SegmentBytes, Way};
use super::census::Census;
use super::error::ShmError;
use super::found::Found;
use super::identity::{self, Identity};
use crate::model::{Pid, SegmentBrief, SegmentKind};
use crate::process::Process;
use crate::process::file_facts::{FileFacts, FileSystem};
use crate::process::live::{LiveProcess, sharing};
use crate::process::shared_file::SharedFile;
use crate::process::sysv::Attached;

/// A segment, and the way to what is in it.
pub struct Reached {
    pub brief: SegmentBrief,
    pub bytes: SegmentBytes,
    /// What is to be known of what is read.
    pub notes: Vec<String>,
}

impl Census<'_> {
    /// Finds a segment and opens it to be read.
    pub fn reach(&self, text: &str) -> Result<Reached, ShmError> {
        let found = self.find(text)?;
        let mut notes = Vec::new();
        let bytes = match open(found) {
            Ok(file) => SegmentBytes::of_file(file),
            Err(_) if found.label.kind == SegmentKind::Sysv && found.mappers.is_empty() => {
                let bytes = attach(found)?;
                notes.push(
                    "no process has it attached: pmdb has attached it to read it (shmat, SHM_RDONLY), and detached it again"
                        .to_string(),
                );
                bytes
            }
            Err(why) => of_memory(found, &why)?,
        };
        Ok(Reached {
            brief: brief(found, &bytes),
            bytes,
            notes,
        })
    }
}

pub(super) fn brief(found: &Found, bytes: &SegmentBytes) -> SegmentBrief {
    let (writers, readers): (Vec<_>, Vec<_>) = found
        .mappers
        .iter()
        .partition(|mapper| mapper.protection.contains('w'));
    let pids = |mappers: Vec<&crate::model::Mapper>| {
        let mut pids: Vec<Pid> = mappers.iter().map(|mapper| mapper.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    };
    let writers = pids(writers);
    let mut readers = pids(readers);
    readers.retain(|pid| !writers.contains(pid));
    SegmentBrief {
        name: found.label.name.clone(),
        kind: found.kind(),
        device: found.identity.device(),
        inode: found.identity.inode(),
        size: bytes.size(),
        writers,
        readers,
        through: match bytes.way() {
            Way::File | Way::Attached => None,
            Way::Memory { pid } => pid,
        },
        from: None,
    }
}

/// Its file, by its name, through a mapping, through a descriptor. Else why none of them would do.
fn open(found: &Found) -> Result<SharedFile, String> {
    let mut why = "nobody has a name or a descriptor of it".to_string();
    let named = found.named.iter().map(|path| {
        SharedFile::open(path, false).map_err(|error| format!("{}: {error}", path.display()))
    });
    let mapped = found.mapping.iter().map(|(pid, mapping)| {
        sharing::open_behind(*pid, mapping).map_err(|error| error.to_string())
    });
    let opened = found.openers.iter().flat_map(|(&pid, descriptors)| {
        descriptors.iter().map(move |&descriptor| {
            sharing::open_descriptor(pid, descriptor)
                .map_err(|error| format!("descriptor {descriptor} of process {pid}: {error}"))
        })
    });
    for file in named.chain(mapped).chain(opened) {
        match file {
            Ok(file) if is_it(found, &file) => {
                return SharedFile::new(file).map_err(|error| error.to_string());
            }
            Ok(_) => {}
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// Whether a file is the segment, and not another one that has got its name.
fn is_it(found: &Found, file: &File) -> bool {
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    let facts = FileFacts::of(&metadata, FileSystem::of(file));
    match found.identity {
        Identity::Sysv { id, .. } => facts.inode == id,
        Identity::File { inode, .. } => {
            let is_same = found
                .facts
                .as_ref()
                .is_some_and(|known| identity::of_file(known) == identity::of_file(&facts));
            is_same || identity::of_file(&facts) == found.identity || {
                // Overlayfs and btrfs give another device.
                found.facts.is_none() && facts.inode == inode
            }
        }
    }
}

/// Attaches memory of System V that nobody has attached: by its file if that can be had, as that tells what of it is there.
fn attach(found: &Found) -> Result<SegmentBytes, ShmError> {
    let refused = |why: String| ShmError::Unreachable {
        name: found.label.name.clone(),
        why,
    };
    let own = sharing::ipc_namespace(Pid(std::process::id()));
    let (Identity::Sysv { namespace, id }, Some(sysv)) = (found.identity, &found.sysv) else {
        return Err(refused("it is in no list of the kernel's".to_string()));
    };
    if own != Some(namespace) {
        return Err(refused(
            "no process has it attached, and it belongs to another IPC namespace".to_string(),
        ));
    }
    let attached = Attached::new(id, sysv.size).map_err(|error| {
        refused(format!(
            "no process has it attached, and pmdb may not attach it: {error}"
        ))
    })?;
    let file = attached.file().ok().filter(|file| is_it(found, file));
    match file.map(SharedFile::new) {
        Some(Ok(file)) => Ok(SegmentBytes::of_file(file)),
        _ => Ok(SegmentBytes::of_attached(attached, sysv.size)),
    }
}

/// The process that maps most of it.
fn of_memory(found: &Found, why: &str) -> Result<SegmentBytes, ShmError> {
    let refused = |why: String| ShmError::Unreachable {
        name: found.label.name.clone(),
        why,
    };
    let mut pids: Vec<Pid> = found.mappers.iter().map(|mapper| mapper.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    let parts_of = |pid: Pid| -> Vec<MappedPart> {
        let own = found.mappers.iter().filter(|mapper| mapper.pid == pid);
        own.map(|mapper| MappedPart {
            offset: mapper.offset,
            length: mapper.length,
            address: mapper.address,
        })
        .collect()
    };
    pids.sort_by_key(|&pid| {
        let mapped: u64 = parts_of(pid).iter().map(|part| part.length).sum();
        std::cmp::Reverse(mapped)
    });
    let mut why = why.to_string();
    for pid in pids {
        match LiveProcess::open(pid) {
            Ok(process) => {
                let process: Box<dyn Process> = Box::new(process);
                let size = found.facts.as_ref().map(|facts| facts.size);
                let size = size.or(found.sysv.as_ref().map(|sysv| sysv.size));
                return Ok(SegmentBytes::of_memory(process, parts_of(pid), size));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(refused(why))
}
