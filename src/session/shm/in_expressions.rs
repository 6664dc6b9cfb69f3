//! Segments that an expression opens by their names.

use std::path::PathBuf;
use std::sync::Arc;

use super::show::reach;
use crate::python::SegmentMemory;
use crate::python::eval::Segments;
use crate::shm::Reached;

/// Those of this machine.
pub(in crate::session) struct LiveSegments;

impl Segments for LiveSegments {
    fn open(&self, name: &str) -> Result<Arc<dyn SegmentMemory>, String> {
        opened(name, &[])
    }
}

/// Those in the dumps that a session is about.
pub(in crate::session) struct DumpedSegments {
    pub files: Vec<PathBuf>,
}

impl Segments for DumpedSegments {
    fn open(&self, name: &str) -> Result<Arc<dyn SegmentMemory>, String> {
        opened(name, &self.files)
    }
}

fn opened(name: &str, from: &[PathBuf]) -> Result<Arc<dyn SegmentMemory>, String> {
    match reach(name, from) {
        Ok(reached) => Ok(Arc::new(reached)),
        Err(error) => Err(error.to_string()),
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
