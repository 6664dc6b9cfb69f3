//! A segment while the census goes on: who was seen to have it, and what the kernel tells of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::identity::{self, Identity, Label};
use crate::model::{Mapper, Pid, SegmentKind};
use crate::process::file_facts::FileFacts;
use crate::process::live::sharing;
use crate::process::sysv::SysvSegment;
use crate::process::{Backing, Mapping, Protection};

#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) identity: Identity,
    pub(super) label: Label,
    pub(super) mappers: Vec<Mapper>,
    /// A mapping of it, through which the file may be reached.
    pub(super) mapping: Option<(Pid, Mapping)>,
    pub(super) openers: BTreeMap<Pid, Vec<u32>>,
    pub(super) facts: Option<FileFacts>,
    /// Its file in a folder of shared memory, as pmdb can open it.
    pub(super) named: Option<PathBuf>,
    pub(super) sysv: Option<SysvSegment>,
    /// Bytes in memory and in swap space, where the kernel was asked for them.
    pub(super) in_memory: Option<(u64, u64)>,
}

impl Found {
    pub(super) fn new(identity: Identity, label: Label) -> Found {
        Found {
            identity,
            label,
            mappers: Vec::new(),
            mapping: None,
            openers: BTreeMap::new(),
            facts: None,
            named: None,
            sysv: None,
            in_memory: None,
        }
    }

    pub(super) fn add_mapping(&mut self, pid: Pid, mapping: Mapping) {
        let Backing::File { offset, .. } = &mapping.backing else {
            return;
        };
        self.mappers.push(Mapper {
            pid,
            address: mapping.start,
            length: mapping.length(),
            offset: *offset,
            protection: text_of(mapping.protection),
        });
        self.mapping.get_or_insert((pid, mapping));
    }

    /// Asks what the kernel tells of the file behind it, where that is not known yet.
    pub(super) fn reach_file(&mut self) {
        if self.facts.is_none()
            && let Some((pid, mapping)) = &self.mapping
        {
            self.facts = sharing::file_behind(*pid, mapping).ok();
        }
    }

    /// What it is, where its file may say more than its path.
    pub(super) fn kind(&self) -> SegmentKind {
        match &self.facts {
            Some(facts) => identity::refined(self.label.kind, facts),
            None => self.label.kind,
        }
    }

    /// A file that is mapped, and that nobody may write to through a mapping: a cache, a font.
    pub(super) fn is_read_only_file(&self) -> bool {
        self.label.kind == SegmentKind::File && !self.is_writable()
    }

    /// Whether anybody uses it: maps it or has it open.
    pub(super) fn is_used(&self) -> bool {
        !self.mappers.is_empty() || !self.openers.is_empty()
    }

    /// Those who map it or have it open.
    pub(super) fn users(&self) -> BTreeSet<Pid> {
        let mapping = self.mappers.iter().map(|mapper| mapper.pid);
        mapping.chain(self.openers.keys().copied()).collect()
    }

    pub(super) fn is_writable(&self) -> bool {
        self.mappers
            .iter()
            .any(|mapper| mapper.protection.contains('w'))
    }

    /// Whether a process maps it or has it open.
    pub(super) fn belongs_to(&self, pid: Pid) -> bool {
        self.openers.contains_key(&pid) || self.mappers.iter().any(|mapper| mapper.pid == pid)
    }

    /// How far it is mapped, in bytes from its beginning, and by whom so far.
    pub(super) fn farthest(&self) -> Option<(u64, Pid)> {
        let ends = self
            .mappers
            .iter()
            .map(|mapper| (mapper.offset.saturating_add(mapper.length), mapper.pid));
        ends.max_by_key(|(end, _)| *end)
    }
}

fn text_of(protection: Protection) -> String {
    let letter = |allowed, letter| if allowed { letter } else { '-' };
    [
        letter(protection.read, 'r'),
        letter(protection.write, 'w'),
        letter(protection.execute, 'x'),
    ]
    .iter()
    .collect()
}
