//! Why nothing can be said of a segment, or done with it.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShmError {
    #[error("there is no shared memory called {name}; `pmdb shm` lists what there is")]
    NoSuchSegment { name: String },
    #[error("several segments are called {name}: say which with its inode, {}", choices.join(" or "))]
    Ambiguous { name: String, choices: Vec<String> },
    #[error("several segments begin with {name}: {}", choices.join(", "))]
    Beginnings { name: String, choices: Vec<String> },
    #[error(
        "there is no shared memory called {name} in {files}; `pmdb shm --from FILE` lists what there is"
    )]
    NotInDumps { name: String, files: String },
    #[error("{name} cannot be read: {why}")]
    Unreachable { name: String, why: String },
}
