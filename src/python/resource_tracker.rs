//! What a resource tracker of `multiprocessing` has on its list.
//!
//! The tracker is a process of its own: `main` in `Lib/multiprocessing/resource_tracker.py` reads names from a pipe into sets by their kind,
//! and removes what is left in them when the pipe has no writer any more (CPython 3.8 to 3.15). That of loky, which joblib uses, has
//! dicts with counts instead (`loky/backend/resource_tracker.py`).

use super::eval::{Datum, Scope};
use super::look::Look;
use super::object::Builtin;
use super::{LookError, PythonFrame};
use crate::model::Addr;
use crate::process::ThreadStatus;

/// The variable of `main`: in CPython, in loky.
const LISTS: [&str; 2] = ["cache", "registry"];
/// Kinds of resources: `semaphore`, `shared_memory` and those of libraries.
const MOST_KINDS: usize = 64;
/// Names of one kind.
const MOST_NAMES: usize = 1 << 20;

/// Something that is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedResource {
    /// `shared_memory`, `semaphore`; of loky also `semlock`, `folder`, `file`.
    pub kind: String,
    /// As it was registered: `/psm_3f2a`.
    pub name: String,
}

impl Look<'_> {
    /// What a tracker will remove; nothing if the process does not run the main function of one.
    pub fn tracked_resources(
        &self,
        kernel: &[ThreadStatus],
    ) -> Result<Option<Vec<TrackedResource>>, LookError> {
        let (threads, broken) = self.threads(kernel);
        for thread in threads {
            let stack = self.stack(thread.address);
            let main = stack.frames.iter().find(|frame| is_main(frame));
            if let Some(lists) = main.and_then(|frame| self.lists(frame)) {
                return self.resources(lists).map(Some);
            }
            if let Some(error) = stack.broken {
                return Err(error);
            }
        }
        broken.map_or(Ok(None), Err)
    }

    fn lists(&self, frame: &PythonFrame) -> Option<Addr> {
        let scope = Scope::of(frame);
        LISTS
            .iter()
            .find_map(|name| match self.evaluate(name, &scope) {
                Ok(Datum::Object(lists)) => Some(lists),
                _ => None,
            })
    }

    fn resources(&self, lists: Addr) -> Result<Vec<TrackedResource>, LookError> {
        let mut resources = Vec::new();
        for (kind, list) in self.dict_items(lists, MOST_KINDS)? {
            let kind = self.name(kind)?;
            let names = match self.type_of(list)?.builtin {
                Builtin::Dict => {
                    let items = self.dict_items(list, MOST_NAMES)?;
                    items.into_iter().map(|(name, _)| name).collect()
                }
                _ => self.set_members(list, MOST_NAMES)?.0,
            };
            for name in names {
                let (kind, name) = (kind.clone(), self.name(name)?);
                resources.push(TrackedResource { kind, name });
            }
        }
        Ok(resources)
    }
}

fn is_main(frame: &PythonFrame) -> bool {
    frame.code.qualname == "main" && frame.code.file.ends_with("resource_tracker.py")
}
