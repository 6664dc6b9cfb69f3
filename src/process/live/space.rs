//! What is mapped where, asked for as late and as little as possible: the kernel takes a third of a millisecond to
//! print the mappings of a usual Python process, and 1 µs to tell of one (`docs/internals/reading-memory.md`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::query::{self, Which};
use super::{maps, proc_file};
use crate::model::{Addr, Tid};
use crate::process::mapping::first_of_each_file;
use crate::process::{Mapping, Mappings};

/// Mappings of one kind that are looked at: all that a process may have (`vm.max_map_count` is 65530 by default).
const MOST_MAPPINGS: usize = 65_536;

/// `/proc/PID/maps`, held open: it stays with the address space that it was opened on, and is empty after an exec.
#[derive(Debug)]
pub(super) struct AddressSpace {
    file: File,
    /// All mappings, once they were asked for.
    all: OnceLock<Mappings>,
    /// By start address: single mappings that were asked for before.
    seen: Mutex<BTreeMap<u64, Region>>,
}

/// What a reader needs to know of a mapping.
#[derive(Debug, Clone, Copy)]
struct Region {
    start: Addr,
    end: Addr,
    readable: bool,
    off_limits: bool,
}

impl Region {
    fn of(mapping: &Mapping) -> Region {
        Region {
            start: mapping.start,
            end: mapping.end,
            readable: mapping.protection.read,
            off_limits: !maps::is_plain_memory(&mapping.backing),
        }
    }
}

impl AddressSpace {
    pub fn open(task: Tid) -> io::Result<AddressSpace> {
        let path = format!("/proc/{task}/maps");
        let file = match File::open(&path) {
            Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => {
                allow_more_open_files()?;
                File::open(&path)?
            }
            opened => opened?,
        };
        Ok(AddressSpace {
            file,
            all: OnceLock::new(),
            seen: Mutex::default(),
        })
    }

    pub fn all(&self) -> &Mappings {
        self.all.get_or_init(|| {
            let text = proc_file::read_open(&self.file, maps::LONGEST).unwrap_or_default();
            Mappings::new(maps::parse(&text))
        })
    }

    /// The mapping at an address, as it is now.
    pub fn at(&self, address: Addr) -> Option<Mapping> {
        match query::mapping(&self.file, address, Which::Covering) {
            Ok(mapping) => mapping,
            Err(Errno::ESRCH) => None,
            Err(_) => self.all().find(address).cloned(),
        }
    }

    /// An address that can be read, if there is any.
    pub fn any_readable(&self) -> Option<Addr> {
        let mut from = Addr::NULL;
        while let Ok(found) = query::mapping(&self.file, from, Which::NextReadable) {
            let mapping = found?;
            if maps::is_plain_memory(&mapping.backing) {
                return Some(mapping.start);
            }
            from = mapping.end;
        }
        let readable =
            |mapping: &&Mapping| mapping.protection.read && maps::is_plain_memory(&mapping.backing);
        self.all()
            .iter()
            .find(readable)
            .map(|mapping| mapping.start)
    }

    /// See [`Process::code_mappings`](crate::process::Process::code_mappings). One question for each file is a tenth
    /// of the cost of all mappings.
    pub fn code_mappings(&self) -> Vec<Mapping> {
        if let Some(all) = self.all.get() {
            return first_of_each_file(all.iter().cloned());
        }
        match self.collect(Which::NextCode) {
            Ok(found) => first_of_each_file(found),
            Err(_) => first_of_each_file(self.all().iter().cloned()),
        }
    }

    /// Those with `MAP_SHARED`: the kernel finds them in a tenth of the time that printing all takes.
    pub fn shared_mappings(&self) -> Vec<Mapping> {
        self.collect(Which::NextShared).unwrap_or_else(|_| {
            let shared = self.all().iter().filter(|mapping| mapping.shared);
            shared.cloned().collect()
        })
    }

    /// All of a kind, by address. Fails where the kernel does not know the question.
    fn collect(&self, which: Which) -> Result<Vec<Mapping>, Errno> {
        let (mut found, mut from) = (Vec::new(), Addr::NULL);
        loop {
            match query::mapping(&self.file, from, which) {
                Ok(Some(mapping)) if mapping.end > from && found.len() < MOST_MAPPINGS => {
                    from = mapping.end;
                    found.push(mapping);
                }
                Ok(_) | Err(Errno::ESRCH) => return Ok(found),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// The range around an address that can be read as one.
    pub fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        let region = self.region(address)?;
        (region.readable && !region.off_limits).then_some(region.start..region.end)
    }

    /// Whether reading these bytes could touch a device. Where nothing is known to be mapped, the kernel decides.
    pub fn is_off_limits(&self, address: Addr, length: u64) -> bool {
        let end = address.0.saturating_add(length);
        let mut at = address;
        while at.0 < end {
            match self.region(at) {
                Some(region) if region.off_limits => return true,
                Some(region) => at = region.end,
                None => return false,
            }
        }
        false
    }

    fn region(&self, address: Addr) -> Option<Region> {
        if let Some(all) = self.all.get() {
            return all.find(address).map(Region::of);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, region)) = seen.range(..=address.0).next_back()
            && address < region.end
        {
            return Some(*region);
        }
        let region = Region::of(&self.at(address)?);
        seen.insert(region.start.0, region);
        Some(region)
    }
}

/// A tree of more than a thousand workers needs more files than the usual soft limit of 1024.
fn allow_more_open_files() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}
