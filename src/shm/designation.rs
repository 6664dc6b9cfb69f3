//! How a user says which segment is meant.

use super::ShmError;
use super::found::Found;

/// `psm_3f2a`, `/dev/shm/psm_3f2a`, `sysv:4`, and with the inode where several have one name: `psm_3f2a#1234`, `#1234`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designation {
    text: String,
    name: String,
    inode: Option<u64>,
}

impl Designation {
    pub fn new(text: &str) -> Designation {
        let (name, inode) = match text.rsplit_once('#') {
            Some((name, inode)) if inode.bytes().all(|byte| byte.is_ascii_digit()) => {
                (name, inode.parse().ok())
            }
            _ => (text, None),
        };
        Designation {
            text: text.to_string(),
            name: name.strip_prefix("/dev/shm/").unwrap_or(name).to_string(),
            inode,
        }
    }

    pub(super) fn means(&self, found: &Found) -> bool {
        let name = &found.label.name;
        if *name == self.text {
            return true;
        }
        match self.inode {
            Some(inode) => {
                found.identity.inode() == inode && (self.name.is_empty() || *name == self.name)
            }
            None => *name == self.name,
        }
    }

    /// The one segment that is meant. One that has its name is meant before one that has lost it.
    pub(super) fn one_of<'f>(
        &self,
        segments: impl IntoIterator<Item = &'f Found>,
    ) -> Result<&'f Found, ShmError> {
        let mut meant: Vec<&Found> = segments
            .into_iter()
            .filter(|found| self.means(found))
            .collect();
        if self.inode.is_none() && meant.iter().any(|found| !found.label.deleted) {
            meant.retain(|found| !found.label.deleted);
        }
        match meant[..] {
            [one] => Ok(one),
            [] => Err(ShmError::NoSuchSegment {
                name: self.text.clone(),
            }),
            _ => {
                let choice =
                    |found: &&Found| format!("{}#{}", found.label.name, found.identity.inode());
                Err(ShmError::Ambiguous {
                    name: self.text.clone(),
                    choices: meant.iter().map(choice).collect(),
                })
            }
        }
    }
}
