//! Writing an element of a segment.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use nix::fcntl::OFlag;

use crate::model::{Pid, SCHEMA, SegmentEdit};
use crate::process::family::ProcessTable;
use crate::process::shared_write::write_shared;
use crate::shm::{Census, ElementType, Part, ShmError, Watched};

/// An element that is to be written, and what is there now.
pub struct Edit {
    pub edit: SegmentEdit,
    watched: Watched,
    bytes: Vec<u8>,
}

impl Edit {
    /// Finds the element. Nothing is written yet.
    pub fn prepare(part: &str, element: &str, value: &str) -> Result<Edit, String> {
        let part = Part::new(part)?;
        let element: ElementType = element.parse()?;
        let bytes = element.bytes(value)?;
        let table = ProcessTable::read().map_err(|error| error.to_string())?;
        let census = Census::take(&table, Vec::new());
        let said = |error: ShmError| error.to_string();
        let watched = census.watched(&part.segment).map_err(said)?;
        if part.indices.is_none() {
            return Err(format!(
                "which element of {0} is not said: {0}[0]",
                watched.name
            ));
        }
        let (index, end) = part
            .elements(element, watched.size)
            .map_err(|why| format!("{}: {why}", watched.name))?;
        if end - index != 1 {
            return Err("one element is written at a time: NAME[INDEX]".to_string());
        }
        let offset = index * element.size();
        let mut pids: Vec<Pid> = watched.mappers.iter().map(|mapper| mapper.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let mut old = vec![0; bytes.len()];
        let reached = census.reach(&part.segment).map_err(said)?;
        let read = reached.bytes.read(offset, &mut old);
        read.map_err(|error| format!("{}: {error}", watched.name))?;
        Ok(Edit {
            edit: SegmentEdit {
                schema: SCHEMA,
                name: watched.name.clone(),
                inode: watched.inode,
                dtype: element.name(),
                index,
                offset,
                old: element.text(&old),
                new: element.text(&bytes),
                mappers: pids,
            },
            watched,
            bytes,
        })
    }

    /// Writes it: all at once, so that a reader finds the old or the new element if it is aligned.
    pub fn write(&self) -> Result<(), String> {
        let offset = self.edit.offset;
        let failed = |why: String| format!("{} is not changed: {why}", self.watched.name);
        // A mapper's memory first: a store of a whole word, where write(2) may copy bytes.
        let mut why = None;
        for mapper in &self.watched.mappers {
            let into = offset.checked_sub(mapper.offset).filter(|into| {
                into.saturating_add(self.bytes.len() as u64) <= mapper.length
                    && mapper.protection.contains('w')
            });
            if let Some(into) = into {
                match write_shared(mapper.pid, mapper.address.plus(into), &self.bytes) {
                    Ok(()) => return Ok(()),
                    Err(error) => why = Some(error),
                }
            }
        }
        let Some(path) = &self.watched.path else {
            let nobody = "nobody maps it so that it may be written to".to_string();
            return Err(failed(why.unwrap_or(nobody)));
        };
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(flags.bits())
            .open(path)
            .map_err(|error| failed(error.to_string()))?;
        let found = file.metadata().map_err(|error| failed(error.to_string()))?;
        if (found.dev(), found.ino()) != (self.watched.device, self.watched.inode) {
            return Err(failed("its name is another segment's now".to_string()));
        }
        file.write_all_at(&self.bytes, offset)
            .map_err(|error| failed(error.to_string()))
    }
}
