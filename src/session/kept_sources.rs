//! The sources that go into a snapshot: the files of all frames that it shows.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{SourceFile, Sources};
use super::stack::{frames_of_report, milliseconds};
use crate::model::ProcessReport;
use crate::process::core::sources::{KeptSource, pack};

/// What is kept of the sources of one process, and of all that go into one file: bytes.
const MOST_OF_ONE: usize = 32 << 20;
const MOST: usize = 128 << 20;

/// The sources of the processes that go into one file, each once.
#[derive(Default)]
pub(super) struct KeptSources {
    sources: Sources,
    kept: BTreeMap<String, KeptSource>,
    /// Bytes.
    length: usize,
}

impl KeptSources {
    /// Adds those of a process, and gives what has to go with it alone: what others have under the same name and is not the same.
    pub fn add(&mut self, report: &ProcessReport) -> Vec<u8> {
        let mut own = Vec::new();
        let mut length = 0;
        for name in files_of(report) {
            let Some(file) = self.sources.of_process(report, name) else {
                continue;
            };
            let known = self.kept.get(name);
            if known.is_some_and(|known| known.bytes == file.bytes()) {
                continue;
            }
            length += file.bytes().len();
            if length > MOST_OF_ONE || self.length + file.bytes().len() > MOST {
                continue;
            }
            let source = kept(name, &file);
            match known {
                Some(_) => own.push(source),
                None => {
                    self.length += file.bytes().len();
                    self.kept.insert(name.to_owned(), source);
                }
            }
        }
        pack(&own)
    }

    /// All but what went with one process alone.
    pub fn packed(&self) -> Vec<u8> {
        pack(self.kept.values())
    }
}

fn kept(name: &str, file: &SourceFile) -> KeptSource {
    KeptSource {
        path: name.to_owned(),
        modified_ms: file.modified().and_then(milliseconds),
        bytes: file.bytes().to_vec(),
    }
}

/// The names of the files that something shown of a process is in.
fn files_of(report: &ProcessReport) -> BTreeSet<&str> {
    let frames = frames_of_report(report).into_iter();
    frames.filter_map(|frame| frame.file.as_deref()).collect()
}
