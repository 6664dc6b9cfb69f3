//! From where a thread has come to a place: known again without walking its stack.

use std::io::IoSliceMut;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};

use super::super::hold::raw;
use crate::model::{Addr, Tid};

/// A chain that takes more of the stack is not remembered. Bytes.
const LONGEST: usize = 1 << 16;
/// Chains that are remembered for one place.
const MOST: usize = 32;

/// The callers of a function at the beginning of a call: the return addresses, each with its distance from the stack pointer in bytes.
///
/// A thread that has all of them there has come the same way. That is what the tables for unwinding say, too, as long as each function has
/// made its frame as large as the last time; else the chain is another one for pmdb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerChain(pub Vec<(u64, Addr)>);

impl CallerChain {
    /// How much of the stack it takes; nothing if that is too much, or if it has no callers.
    fn length(&self) -> Option<usize> {
        let last = self.0.iter().map(|(at, _)| *at).max()?;
        let length = usize::try_from(last).ok()?.checked_add(size_of::<u64>())?;
        (length <= LONGEST).then_some(length)
    }

    fn is_on(&self, stack: &[u8]) -> bool {
        self.0.iter().all(|(at, caller)| {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let word = stack.get(at..).and_then(|rest| rest.first_chunk());
            word.is_some_and(|word| u64::from_ne_bytes(*word) == caller.0)
        })
    }
}

/// Those by which a place is reached; the last that was met is the first.
#[derive(Debug, Clone, Default)]
pub(super) struct CallerChains(Vec<CallerChain>);

impl CallerChains {
    pub fn add(&mut self, chain: CallerChain) {
        if chain.length().is_some() {
            self.0.insert(0, chain);
            self.0.truncate(MOST);
        }
    }

    /// Whether a thread that stands still has come by one of them.
    pub fn have(&mut self, tid: Tid, stack_pointer: Addr) -> bool {
        let longest = self.0.iter().filter_map(CallerChain::length).max();
        let mut stack = vec![0; longest.unwrap_or(0)];
        let remote = RemoteIoVec {
            base: usize::try_from(stack_pointer.0).unwrap_or(0),
            len: stack.len(),
        };
        let local = &mut [IoSliceMut::new(&mut stack)];
        // Less is read where the stack ends before the longest of them does.
        let Ok(count) = process_vm_readv(raw(tid), local, &[remote]) else {
            return false;
        };
        stack.truncate(count);
        let found = self.0.iter().position(|chain| chain.is_on(&stack));
        if let Some(found) = found {
            self.0.swap(0, found);
        }
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_on_a_stack_that_has_all_of_its_callers_where_they_were() {
        let chain = CallerChain(vec![(0, Addr(0x11)), (24, Addr(0x22))]);
        let stack = |words: [u64; 4]| words.map(u64::to_ne_bytes).concat();
        assert!(chain.is_on(&stack([0x11, 1, 2, 0x22])));
        assert!(!chain.is_on(&stack([0x11, 1, 0x22, 3])));
        assert!(!chain.is_on(&stack([0x11, 1, 2, 0x22])[..28]));
        let far = CallerChain(vec![(u64::MAX, Addr(1))]);
        assert_eq!((far.length(), far.is_on(&[])), (None, false));
    }
}
