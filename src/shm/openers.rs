//! Descriptors that lead to segments.
//!
//! Of the descriptors of a machine few are looked at: those whose path says that they are memory, and those with the path of a file
//! that somebody maps. To ask for the others could block for ever, on a file server that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;

use super::found::Found;
use super::identity::{self, Identity};
use crate::model::Pid;
use crate::process::file_facts::FileFacts;
use crate::process::live::sharing::{OpenFile, Sharing};

pub(super) fn add_openers(segments: &mut BTreeMap<Identity, Found>, sharings: &[Sharing]) {
    let mapped: BTreeSet<PathBuf> = segments
        .values()
        .filter_map(|found| Some(found.mapping.as_ref()?.1.path()?.to_path_buf()))
        .collect();
    // A file has one identity in the mappings and, on overlayfs and btrfs, another one here.
    let by_stat: BTreeMap<Identity, Identity> = segments
        .values()
        .filter_map(|found| Some((identity::of_file(found.facts.as_ref()?), found.identity)))
        .collect();
    let opened: Vec<(Pid, &OpenFile, FileFacts)> = sharings
        .par_iter()
        .flat_map_iter(|sharing| {
            let wanted = sharing
                .open
                .iter()
                .filter(|open| open.is_memory() || mapped.contains(&open.path));
            wanted.filter_map(|open| Some((sharing.pid, open, open.facts(sharing.pid)?)))
        })
        .collect();
    for (pid, open, facts) in opened {
        let seen = identity::of_file(&facts);
        let identity = by_stat.get(&seen).copied().unwrap_or(seen);
        if !segments.contains_key(&identity) && !open.is_memory() {
            // Another file that had the same path.
            continue;
        }
        let found = segments.entry(identity).or_insert_with(|| {
            let label = identity::label(&open.path, open.deleted, facts.inode);
            Found::new(identity, label)
        });
        found.facts.get_or_insert(facts);
        found.openers.entry(pid).or_default().push(open.descriptor);
    }
}
