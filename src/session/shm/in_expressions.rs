//! Segments that an expression opens by their names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::show::reach;
use crate::python::SegmentMemory;
use crate::python::eval::Segments;
use crate::shm::Reached;

/// Those in the dumps that a session is about, else those of this machine as they are at the first look. Each is opened once.
pub(in crate::session) struct OpenedSegments {
    from: Vec<PathBuf>,
    opened: Mutex<BTreeMap<String, Arc<dyn SegmentMemory>>>,
}

impl OpenedSegments {
    pub fn of(from: Vec<PathBuf>) -> OpenedSegments {
        OpenedSegments {
            from,
            opened: Mutex::default(),
        }
    }
}

impl Segments for OpenedSegments {
    fn open(&self, name: &str) -> Result<Arc<dyn SegmentMemory>, String> {
        // What a panic has left is whole: it is added to at once.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(name) {
            return Ok(Arc::clone(known));
        }
        let reached = reach(name, &self.from).map_err(|error| error.to_string())?;
        let reached: Arc<dyn SegmentMemory> = Arc::new(reached);
        opened.insert(name.to_string(), Arc::clone(&reached));
        Ok(reached)
    }
}

impl SegmentMemory for Reached {
    fn name(&self) -> String {
        self.brief.name.clone()
    }

    fn designation(&self) -> String {
        format!("{}#{}", self.brief.name, self.brief.inode)
    }

    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.bytes
            .read(offset, buffer)
            .map_err(|error| error.to_string())
    }
}
