//! The files beside a module's own that its debug information is in: `.dwo` and `.dwp` files, and what dwz has taken out of several.
//!
//! What is kept of a module for later commands holds as long as all of them are as they were.

use std::path::PathBuf;

use super::separate::Origin;
use crate::process::elf::FileIdentity;

/// A file that was opened, or was looked for and is not there.
pub struct OtherFile {
    /// As the process would see it: where its root is depends on the process.
    pub path: PathBuf,
    pub identity: Option<FileIdentity>,
}

const SEPARATOR: char = '\t';

impl OtherFile {
    /// Which file it is and in which state, in one line; nothing if its path cannot stand in one.
    pub fn line(&self) -> Option<String> {
        let path = self.path.to_str().filter(|path| !path.contains('\n'))?;
        Some(format!("{:?}{SEPARATOR}{path}", self.identity))
    }

    /// Whether such a line is still true for a module.
    pub fn is_same(line: &str, origin: &Origin) -> bool {
        let now = line.split_once(SEPARATOR).and_then(|(_, path)| {
            let path = PathBuf::from(path);
            let identity = origin.identity_of(&path);
            OtherFile { path, identity }.line()
        });
        now.as_deref() == Some(line)
    }
}
