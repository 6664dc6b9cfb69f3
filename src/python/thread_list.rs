//! The thread states of an interpreter, read while threads come and go.
//!
//! The list is doubly linked, and each member points back at its interpreter. A walk that meets a member which does not
//! fit has followed a state that was freed meanwhile, and starts anew. What a state holds is read later, when it may be
//! gone; so whoever has read it asks again which are still members.

use std::collections::HashSet;

use super::LookError;
use super::look::Look;
use crate::model::Addr;

/// More threads than this in one list are damage.
const MOST: usize = 100_000;

/// Walks until one meets nothing odd. Where a thread lives for 50 µs, one in three is disturbed.
const MOST_WALKS: usize = 100;

/// They are its first members in every version. Bytes.
const LINKS: usize = 24;

/// The links of a `PyThreadState`.
struct Links {
    prev: Addr,
    next: Addr,
    interpreter: Addr,
}

impl Look<'_> {
    /// The thread states of an interpreter, the newest first; and why that is not all, if it is not.
    pub(super) fn thread_states(&self, interpreter: Addr) -> (Vec<Addr>, Option<LookError>) {
        let mut longest = (Vec::new(), None);
        for _ in 0..MOST_WALKS {
            match self.walk_states(interpreter) {
                (members, None) => return (members, None),
                walk if walk.0.len() >= longest.0.len() => longest = walk,
                _ => {}
            }
            self.memory.forget();
        }
        longest
    }

    fn walk_states(&self, interpreter: Addr) -> (Vec<Addr>, Option<LookError>) {
        let (mut members, mut seen) = (Vec::new(), HashSet::new());
        let mut before = Addr::NULL;
        let head = interpreter.plus(self.layout().interpreter.threads_head);
        let mut next = self.fresh_pointer(head);
        loop {
            let state = match next {
                // A state that is freed and made anew may look like the last one: but then it was not the first.
                Ok(state) if state.is_null() => {
                    let first = members.first().copied().unwrap_or(Addr::NULL);
                    let torn = LookError::Torn {
                        what: "the list of threads",
                        address: head,
                    };
                    let is_whole = self.fresh_pointer(head).is_ok_and(|now| now == first);
                    return (members, (!is_whole).then_some(torn));
                }
                Ok(state) => state,
                Err(error) => return (members, Some(error)),
            };
            let links = match self.links(state) {
                Ok(links) => links,
                Err(error) => return (members, Some(error)),
            };
            let fits = links.interpreter == interpreter && links.prev == before;
            if !fits || !seen.insert(state) || members.len() >= MOST {
                let torn = LookError::Torn {
                    what: "the list of threads",
                    address: state,
                };
                return (members, Some(torn));
            }
            members.push(state);
            before = state;
            next = Ok(links.next);
        }
    }

    /// In one piece and without the cache, whose blocks are of different moments.
    fn links(&self, state: Addr) -> Result<Links, LookError> {
        let layout = &self.layout().thread;
        let places = [layout.prev, layout.next, layout.interp];
        let mut bytes = [0; LINKS];
        self.process.read(state, &mut bytes)?;
        let [prev, next, interpreter] = places.map(|at| {
            let word = usize::try_from(at)
                .ok()
                .and_then(|at| bytes.get(at..at + 8));
            let word = word.and_then(|word| word.try_into().ok());
            Addr(word.map_or(0, u64::from_le_bytes))
        });
        Ok(Links {
            prev,
            next,
            interpreter,
        })
    }

    fn fresh_pointer(&self, address: Addr) -> Result<Addr, LookError> {
        let mut bytes = [0; 8];
        self.process.read(address, &mut bytes)?;
        Ok(Addr(u64::from_le_bytes(bytes)))
    }
}
