//! A process, in our own process's memory, of which words that a walk reads are replaced.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pmdb::model::{Addr, Tid};
use pmdb::process::core::CoreProcess;
use pmdb::process::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, SystemCall,
    ThreadStatus,
};

use super::mutate::Random;

/// A core with other bytes in places. It can note which places a walk reads.
pub struct Overlay<'p> {
    process: &'p CoreProcess,
    /// By address.
    bytes: BTreeMap<u64, u8>,
    /// Address and length of each read, if they are asked for.
    reads: Option<Mutex<Vec<(u64, usize)>>>,
}

impl<'p> Overlay<'p> {
    pub fn over(process: &'p CoreProcess) -> Overlay<'p> {
        Overlay {
            process,
            bytes: BTreeMap::new(),
            reads: None,
        }
    }

    /// What a walk reads, each place once, by address.
    pub fn reads_of(
        process: &'p CoreProcess,
        walk: impl FnOnce(&dyn Process),
    ) -> Vec<(u64, usize)> {
        let mut overlay = Overlay::over(process);
        overlay.reads = Some(Mutex::default());
        walk(&overlay);
        let reads = overlay.reads.take().expect("set above");
        let mut reads = reads.into_inner().expect("no walk panicked");
        reads.retain(|(_, length)| *length > 0);
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    pub fn put(&mut self, address: u64, bytes: &[u8]) {
        let places = (0..).map(|at| address.wrapping_add(at));
        self.bytes.extend(places.zip(bytes.iter().copied()));
    }

    /// Replaces a few of the places that a walk reads, and says how.
    pub fn damage(&mut self, random: &mut Random, reads: &[(u64, usize)]) -> String {
        let mut said = Vec::new();
        for _ in 0..=random.below(4) {
            let &(address, length) = random.one_of(reads);
            let &(other, _) = random.one_of(reads);
            let within = random.below(length as u64);
            let at = address + if length > 8 { within } else { 0 };
            let mut word = [0; 8];
            let value = match random.below(5) {
                0 => other,
                1 => other.wrapping_add(random.below(64)) & !7,
                // Another object's pointer, type or count: what it leads to is sound.
                2 if self.process.read(Addr(other), &mut word).is_ok() => u64::from_le_bytes(word),
                _ => random.hostile(),
            };
            let width = length.min(8);
            self.put(at, &value.to_le_bytes()[..width]);
            said.push(format!("{value:#x} ({width} bytes) at {at:#x}"));
        }
        said.join(", ")
    }

    fn is_touched(&self, address: Addr, length: usize) -> bool {
        let end = address.0.saturating_add(length as u64);
        self.bytes.range(address.0..end).next().is_some()
    }
}

impl ReadMemory for Overlay<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.process.read(address, buffer)?;
        let end = address.0.saturating_add(buffer.len() as u64);
        for (at, byte) in self.bytes.range(address.0..end) {
            buffer[(at - address.0) as usize] = *byte;
        }
        Ok(())
    }

    fn lend(&self, address: Addr, length: usize) -> Option<&[u8]> {
        if let Some(reads) = &self.reads {
            let mut reads = reads.lock().expect("no walk panicked");
            reads.push((address.0, length));
        }
        if self.is_touched(address, length) {
            return None;
        }
        self.process.lend(address, length)
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.process.extent(address)
    }
}

impl Process for Overlay<'_> {
    fn identity(&self) -> &Identity {
        self.process.identity()
    }

    fn mappings(&self) -> &Mappings {
        self.process.mappings()
    }

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        self.process.threads()
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        self.process.system_call(tid)
    }

    fn open_file(&self, mapping: &Mapping) -> Result<File, ProcessError> {
        self.process.open_file(mapping)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.process.environment(name)
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        self.process.resolve(path)
    }
}
