//! A process that notes what it is asked for.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::wanted::Wanted;
use crate::model::{Addr, Tid};
use crate::process::{
    Identity, Mapping, Mappings, Process, ProcessError, ReadError, ReadMemory, Registers,
    SystemCall, ThreadStatus,
};

/// Bytes.
pub(super) const PAGE: u64 = 4096;

/// How much of the memory around what is asked for is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// None. What a cache fetches beyond it counts as asked for.
    Asked,
    /// The pages that it lies in, and nothing is fetched beyond them.
    Page,
}

/// A process that notes what it is asked for.
pub(super) struct Observed<'p> {
    pub process: &'p dyn Process,
    pub grain: Grain,
    wanted: Mutex<Wanted>,
    /// Memory that it shares with others and that nobody has written to, by address: reading it would put pages there.
    pub blank: Arc<[Range<Addr>]>,
}

impl<'p> Observed<'p> {
    pub fn new(process: &'p dyn Process, grain: Grain) -> Observed<'p> {
        Observed {
            process,
            grain,
            wanted: Mutex::default(),
            blank: Arc::default(),
        }
    }

    /// Whether the byte at an address is blank, and for how many bytes that is so: at least one.
    fn blank_for(&self, address: Addr) -> (bool, u64) {
        let after = self.blank.partition_point(|range| range.end <= address);
        match self.blank.get(after) {
            Some(range) if range.start <= address => (true, range.end.0 - address.0),
            Some(range) => (false, range.start.0 - address.0),
            None => (false, u64::MAX),
        }
    }

    fn read_written(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.process.read(address, buffer)?;
        let end = address.0.saturating_add(buffer.len() as u64);
        let (start, end) = match self.grain {
            Grain::Asked => (address.0, end),
            Grain::Page => (
                address.0 & !(PAGE - 1),
                end.checked_next_multiple_of(PAGE).unwrap_or(end),
            ),
        };
        self.note(|wanted| wanted.add_memory(Addr(start), end - start));
        Ok(())
    }

    fn note(&self, note: impl FnOnce(&mut Wanted)) {
        note(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was wanted since this was asked last.
    pub fn take_wanted(&self) -> Wanted {
        std::mem::take(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn into_wanted(self) -> Wanted {
        self.wanted
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadMemory for Observed<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let (mut at, mut rest) = (address, buffer);
        while !rest.is_empty() {
            let (is_blank, length) = self.blank_for(at);
            let room = usize::try_from(length).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at_mut(rest.len().min(room));
            match is_blank {
                true => now.fill(0),
                false => self.read_written(at, now)?,
            }
            (at, rest) = (at.plus(now.len() as u64), later);
        }
        Ok(())
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        self.process.extent(address)
    }

    fn is_frugal(&self) -> bool {
        self.grain == Grain::Page
    }
}

/// All of a process but its memory and its threads, handed on.
macro_rules! hand_on {
    ($($member:tt)+) => {
        fn identity(&self) -> &Identity {
            self.$($member)+.identity()
        }

        fn mappings(&self) -> &Mappings {
            self.$($member)+.mappings()
        }

        fn mapping_at(&self, address: Addr) -> Option<Mapping> {
            self.$($member)+.mapping_at(address)
        }

        fn code_mappings(&self) -> Vec<Mapping> {
            self.$($member)+.code_mappings()
        }

        fn open_file(&self, mapping: &Mapping) -> Result<std::fs::File, ProcessError> {
            self.$($member)+.open_file(mapping)
        }

        fn environment(&self, name: &str) -> Option<String> {
            self.$($member)+.environment(name)
        }

        fn notes(&self) -> Vec<String> {
            self.$($member)+.notes()
        }

        fn has_changed(&self) -> Option<ProcessError> {
            self.$($member)+.has_changed()
        }

        fn resolve(&self, path: &Path) -> PathBuf {
            self.$($member)+.resolve(path)
        }
    };
}

pub(super) use hand_on;

impl Process for Observed<'_> {
    hand_on!(process);

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        self.process.threads()
    }

    fn system_call(&self, tid: Tid) -> Option<SystemCall> {
        self.note(|wanted| wanted.system_calls.push(tid));
        self.process.system_call(tid)
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        self.note(|wanted| wanted.stacks = true);
        self.process.registers(tid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pid;
    use crate::process::live::LiveProcess;

    #[test]
    fn reading_ends_where_addresses_do() {
        let process = LiveProcess::open(Pid(std::process::id())).unwrap();
        let mut observed = Observed::new(&process, Grain::Page);
        assert!(observed.read(Addr(u64::MAX), &mut [0]).is_err());
        assert!(observed.read(Addr(u64::MAX - 7), &mut [0; 8]).is_err());
        observed.blank = [Addr(4096)..Addr(8192)].into();
        assert!(observed.read(Addr(u64::MAX), &mut [0; 8]).is_err());
        let mut bytes = [1; 16];
        observed.read(Addr(8176), &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16]);
    }
}
