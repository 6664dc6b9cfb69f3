//! The mappings of an address space.

use std::path::PathBuf;

use crate::model::Addr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    pub read: bool,
    pub write: bool,
    pub execute: bool,
}

/// What lies behind a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// Memory without a name.
    Anonymous,
    /// A file. `offset` in bytes; `device` and `inode` are 0 where a core does not tell.
    File {
        path: PathBuf,
        offset: u64,
        device: u64,
        inode: u64,
        /// The path is gone, or is another file now.
        deleted: bool,
    },
    /// `[heap]`, `[stack]`, `[vdso]`, `[anon:…]`.
    Special(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub start: Addr,
    /// Exclusive.
    pub end: Addr,
    pub protection: Protection,
    /// `MAP_SHARED`.
    pub shared: bool,
    pub backing: Backing,
}

impl Mapping {
    pub fn contains(&self, address: Addr) -> bool {
        self.start <= address && address < self.end
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// What tells the file behind it from others: path, device, inode.
    fn file_identity(&self) -> Option<(&std::path::Path, u64, u64)> {
        match &self.backing {
            Backing::File {
                path,
                device,
                inode,
                ..
            } => Some((path, *device, *inode)),
            _ => None,
        }
    }

    /// The file's path, if a file lies behind it.
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.backing {
            Backing::File { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// Of the executable mappings with a file behind them, the first of each file.
pub(super) fn first_of_each_file(mappings: impl IntoIterator<Item = Mapping>) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for mapping in mappings {
        let known = |other: &Mapping| other.file_identity() == mapping.file_identity();
        let is_code = mapping.protection.execute && mapping.path().is_some();
        if is_code && !found.iter().any(known) {
            found.push(mapping);
        }
    }
    found
}

/// Mappings sorted by address, without overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mappings(Vec<Mapping>);

impl Mappings {
    pub fn new(mut mappings: Vec<Mapping>) -> Mappings {
        mappings.sort_by_key(|mapping| mapping.start);
        Mappings(mappings)
    }

    /// The mapping that holds an address.
    pub fn find(&self, address: Addr) -> Option<&Mapping> {
        let after = self.0.partition_point(|mapping| mapping.start <= address);
        let mapping = self.0.get(after.checked_sub(1)?)?;
        mapping.contains(address).then_some(mapping)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Mapping> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Mappings {
    type Item = &'a Mapping;
    type IntoIter = std::slice::Iter<'a, Mapping>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
