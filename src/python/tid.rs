//! Which kernel thread a Python thread is.

use super::look::Look;
use crate::model::{Addr, Tid};
use crate::process::ThreadStatus;

/// In glibc's `struct pthread` on x86-64, the tid (`nptl/descr.h`).
const GLIBC_TID: u64 = 0x2d0;

/// As much of a `struct pthread` is searched for the tid, where it is not at that offset. Bytes; it is some 2,300 bytes
/// long in glibc and 200 in musl.
const SEARCHED: usize = 2048;

/// Threads that are asked where their tid is.
const MOST_ASKED: usize = 16;

/// Where a thread state says its tid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TidPlace {
    /// At this offset in it (3.11+).
    State(u64),
    /// At this offset in the `struct pthread` that it points to, which belongs to the C library.
    Pthread(u64),
}

impl Look<'_> {
    /// Up to 3.10 CPython keeps the pthread_t only. What is at the offset in it is compared with the tids that the
    /// kernel tells; if another C library keeps it elsewhere, it is where the words of all threads are such tids.
    pub(super) fn tid_place(&self, states: &[Addr], kernel: &[ThreadStatus]) -> TidPlace {
        let layout = &self.layout().thread;
        if let Some(at) = layout.native_thread_id {
            return TidPlace::State(at);
        }
        let is_tid = |word: u32| kernel.iter().any(|status| status.inner_tid == Tid(word));
        let asked: Vec<Addr> = states
            .iter()
            .take(MOST_ASKED)
            .filter_map(|state| self.memory.pointer(state.plus(layout.thread_id)).ok())
            .collect();
        let mut of_glibc = asked
            .iter()
            .filter_map(|pthread| self.memory.u32(pthread.plus(GLIBC_TID)).ok());
        if of_glibc.any(is_tid) {
            return TidPlace::Pthread(GLIBC_TID);
        }
        let structures: Vec<Vec<u32>> = asked
            .iter()
            .filter_map(|pthread| self.memory.bytes(*pthread, SEARCHED).ok())
            .map(|bytes| words(&bytes))
            .collect();
        TidPlace::Pthread(offset_of_tid(&structures, is_tid).unwrap_or(GLIBC_TID))
    }

    pub(super) fn tid_of(&self, state: Addr, place: TidPlace) -> Option<Tid> {
        let tid = match place {
            TidPlace::State(at) => u32::try_from(self.memory.u64(state.plus(at)).ok()?).ok()?,
            TidPlace::Pthread(at) => {
                let pthread = state.plus(self.layout().thread.thread_id);
                let pthread = self.memory.pointer(pthread).ok()?;
                self.memory.u32(pthread.plus(at)).ok()?
            }
        };
        Some(Tid(tid))
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |piece: &[u8]| piece.try_into().map(u32::from_le_bytes).ok();
    bytes.chunks_exact(4).filter_map(word).collect()
}

/// The offset at which most structures have a tid, each another one. A structure whose thread has ended has none.
fn offset_of_tid(structures: &[Vec<u32>], is_tid: impl Fn(u32) -> bool) -> Option<u64> {
    let length = structures.iter().map(Vec::len).max()?;
    let votes = |index: usize| {
        let mut tids: Vec<u32> = structures
            .iter()
            .filter_map(|words| words.get(index).copied())
            .filter(|&word| is_tid(word))
            .collect();
        tids.sort_unstable();
        let count = tids.len();
        tids.dedup();
        // The same in two of them is a coincidence.
        if tids.len() == count { count } else { 0 }
    };
    let best = (0..length).rev().max_by_key(|&index| votes(index))?;
    (votes(best) > 0).then_some(best as u64 * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tid_of_another_c_library_is_found_by_what_all_threads_agree_on() {
        let is_tid = |word| (100..104).contains(&word);
        let mut structures = vec![vec![0; 64]; 3];
        for (tid, structure) in (100..).zip(&mut structures) {
            structure[12] = tid;
            // The pid, which is the tid of one thread, stands in all of them.
            structure[3] = 100;
        }
        structures[0][40] = 101;
        assert_eq!(offset_of_tid(&structures, is_tid), Some(48));
        assert_eq!(offset_of_tid(&structures, |_| false), None);
        assert_eq!(offset_of_tid(&[], is_tid), None);
    }

    #[test]
    fn thread_that_has_ended_has_no_say() {
        let structures = [vec![0, 7, 0], vec![0, 0, 0], vec![0, 9, 0]];
        assert_eq!(offset_of_tid(&structures, |word| word != 0), Some(4));
    }
}
