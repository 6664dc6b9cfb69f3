//! The sources that go into a snapshot: the files of all frames that it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nix::unistd::geteuid;

use super::source::{SourceFile, Sources};
use super::stack::{frames_of_report, milliseconds};
use crate::model::ProcessReport;
use crate::process::core::sources::{KeptSource, pack};
use crate::snapshot::secrets::Secrets;

/// What is kept of the sources of one process, and of all that go into one file: bytes.
const MOST_OF_ONE: usize = 32 << 20;
const MOST: usize = 128 << 20;

/// The sources of the processes that go into one file, each once.
#[derive(Default)]
pub(super) struct KeptSources {
    sources: Sources,
    /// As they are, and as they are kept.
    kept: BTreeMap<String, (Arc<SourceFile>, KeptSource)>,
    /// What is masked in them.
    secrets: Secrets,
    /// Bytes.
    length: usize,
}

impl KeptSources {
    pub fn without(secrets: Secrets) -> KeptSources {
        KeptSources {
            secrets,
            ..KeptSources::default()
        }
    }

    /// Adds those of a process, and gives what has to go with it alone: what others have under the same name and is not the same.
    /// The process is that of a user and a group.
    pub fn add(&mut self, report: &ProcessReport, (uid, gid): (u32, u32)) -> Vec<u8> {
        // The process has named the files, and of pmdb's user it may be that it can read more.
        let is_own = geteuid().as_raw() == uid;
        let mut own = Vec::new();
        let mut length = 0;
        for name in files_of(report) {
            let Some(file) = self.sources.of_process(report, name) else {
                continue;
            };
            let is_theirs = file.is_readable_by(uid, gid) && file.looks_like_source(name);
            if !is_own && !is_theirs {
                continue;
            }
            let known = self.kept.get(name);
            let is_it = |known: &SourceFile| known.bytes() == file.bytes();
            if known.is_some_and(|(known, _)| Arc::ptr_eq(known, &file) || is_it(known)) {
                continue;
            }
            length += file.bytes().len();
            if length > MOST_OF_ONE || self.length + file.bytes().len() > MOST {
                continue;
            }
            let source = kept(name, &file, &self.secrets);
            match known {
                Some(_) => own.push(source),
                None => {
                    self.length += file.bytes().len();
                    self.kept.insert(name.to_owned(), (file, source));
                }
            }
        }
        pack(&own)
    }

    /// All but what went with one process alone.
    pub fn packed(&self) -> Vec<u8> {
        pack(self.kept.values().map(|(_, source)| source))
    }
}

fn kept(name: &str, file: &SourceFile, secrets: &Secrets) -> KeptSource {
    let mut bytes = file.bytes().to_vec();
    secrets.mask_bytes(&mut bytes);
    KeptSource {
        path: name.to_owned(),
        modified_ms: file.modified().and_then(milliseconds),
        bytes,
    }
}

/// The names of the files that something shown of a process is in.
fn files_of(report: &ProcessReport) -> BTreeSet<&str> {
    let frames = frames_of_report(report).into_iter();
    frames.filter_map(|frame| frame.file.as_deref()).collect()
}
