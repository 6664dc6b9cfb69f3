//! Giving up a long walk: every walk reads memory, so it ends soon when memory can no longer be read.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::model::{Addr, Tid};
use crate::process::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, Registers,
    SystemCall, ThreadStatus,
};

/// A process whose memory cannot be read once `interrupted` is set.
pub(super) struct Interruptible<'p> {
    pub process: &'p dyn Process,
    pub interrupted: &'p AtomicBool,
    /// Those of its threads, if they stand still and are known.
    pub registers: Option<&'p BTreeMap<Tid, Registers>>,
}

impl Interruptible<'_> {
    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl ReadMemory for Interruptible<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        if self.is_interrupted() {
            let length = buffer.len() as u64;
            return Err(ReadError::Unmapped { address, length });
        }
        self.process.read(address, buffer)
    }

    fn lend(&self, address: Addr, length: usize) -> Option<&[u8]> {
        if self.is_interrupted() {
            return None;
        }
        self.process.lend(address, length)
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.process.extent(address)
    }
}

impl Process for Interruptible<'_> {
    fn identity(&self) -> &Identity {
        self.process.identity()
    }

    fn mappings(&self) -> &Mappings {
        self.process.mappings()
    }

    fn mapping_at(&self, address: Addr) -> Option<Mapping> {
        self.process.mapping_at(address)
    }

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        self.process.threads()
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        self.process.system_call(tid)
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        match self.registers {
            Some(known) => known.get(&tid).copied(),
            None => self.process.registers(tid),
        }
    }

    fn lacks(&self) -> Option<String> {
        self.process.lacks()
    }

    fn open_file(&self, mapping: &Mapping) -> Result<File, ProcessError> {
        self.process.open_file(mapping)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.process.environment(name)
    }

    fn started(&self) -> Option<SystemTime> {
        self.process.started()
    }

    fn working_folder(&self) -> Option<PathBuf> {
        self.process.working_folder()
    }

    fn code_mappings(&self) -> Vec<Mapping> {
        self.process.code_mappings()
    }

    fn has_changed(&self) -> Option<ProcessError> {
        self.process.has_changed()
    }

    fn notes(&self) -> Vec<String> {
        self.process.notes()
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        self.process.resolve(path)
    }
}
