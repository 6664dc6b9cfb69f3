//! Reading memory: the trait that a source implements, and the cache that one walk reads through.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::pages::{Habits, Pages};
use super::{Budget, ReadError, Spent};
use crate::model::Addr;

/// A source of an inferior's bytes.
pub trait ReadMemory {
    /// Fills `buffer` with the bytes at `address`, all of them or none.
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError>;

    /// Fills several buffers at moments as close to each other, and in their order, as the source can. All of them,
    /// or an error and what they hold is undefined.
    fn read_together(&self, pieces: &mut [Piece]) -> Result<(), ReadError> {
        let mut pieces = pieces.iter_mut();
        pieces.try_for_each(|piece| self.read(piece.address, &mut piece.bytes))
    }

    /// The bytes at `address`, lent without a copy, if this source has them in one piece. Its caller never
    /// needs the cache of [`Memory`].
    fn lend(&self, _address: Addr, _length: usize) -> Option<&[u8]> {
        None
    }

    /// Reads the first few of several pieces, or all, in one system call, and says how many. None where that is no
    /// cheaper than one after the other.
    fn read_first(&self, _pieces: &mut [Piece]) -> usize {
        0
    }

    /// Whether a cache is to fetch no more than the pages that it needs: each that is read counts.
    fn is_frugal(&self) -> bool {
        false
    }

    /// The range around `address` that can be read as one, so that a cache may fetch more than it was asked for.
    fn extent(&self, address: Addr) -> Option<Range<Addr>>;
}

/// A piece of memory: where it lies, and its bytes once it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub address: Addr,
    pub bytes: Vec<u8>,
}

impl Piece {
    /// Not read yet. The caller bounds `length`.
    pub fn new(address: Addr, length: usize) -> Piece {
        Piece {
            address,
            bytes: vec![0; length],
        }
    }
}

/// Longer reads are made past the cache. Bytes.
const LONG: usize = 64 * 1024;

/// A string is read in aligned pieces of this many bytes.
const STRING_PIECE: usize = 32;

/// Bytes for which no new buffer is made.
const FEW: usize = 256;

/// Reads between two looks at the clock.
const CLOCK_INTERVAL: u64 = 256;

/// The memory of one inferior for the length of one walk: small reads are served from pages fetched whole.
///
/// It must not outlive the walk: a live target goes on changing. It is for one thread, and each thread of pmdb
/// makes its own. Once the walk has cost as much as its [`Budget`] allows, every read fails, so that whatever the
/// walk is doing comes to an end.
pub struct Memory<'p> {
    source: &'p dyn ReadMemory,
    pages: RefCell<Pages>,
    budget: Arc<Budget>,
    deadline: Option<Instant>,
    /// Reads so far: the clock is asked at each of [`CLOCK_INTERVAL`].
    reads: Cell<u64>,
    spent: Cell<Option<Spent>>,
}

impl<'p> Memory<'p> {
    /// With the usual budget, of its own.
    pub fn new(source: &'p dyn ReadMemory) -> Memory<'p> {
        Memory::within(source, Budget::usual())
    }

    pub fn within(source: &'p dyn ReadMemory, budget: Arc<Budget>) -> Memory<'p> {
        Memory {
            source,
            pages: RefCell::default(),
            deadline: budget.deadline(),
            budget,
            reads: Cell::default(),
            spent: Cell::default(),
        }
    }

    /// Which limit the walk has reached, if any: what it gave is then not all.
    pub fn spent(&self) -> Option<Spent> {
        self.spent.get()
    }

    /// Counts `bytes` that the walk keeps for its answer or for later: each reader does so for what may grow with
    /// what the target says.
    pub fn keep(&self, address: Addr, bytes: usize) -> Result<(), ReadError> {
        if let Err(limit) = self.budget.take(bytes as u64) {
            self.spent.set(self.spent.get().or(Some(limit)));
        }
        self.check(address)
    }

    /// Fails if a limit was reached.
    fn check(&self, address: Addr) -> Result<(), ReadError> {
        match self.spent.get() {
            None => Ok(()),
            Some(limit) => Err(ReadError::Spent { address, limit }),
        }
    }

    /// Counts a read, and looks at the clock now and then.
    fn count_read(&self, address: Addr) -> Result<(), ReadError> {
        let reads = self.reads.get().wrapping_add(1);
        self.reads.set(reads);
        if reads.is_multiple_of(CLOCK_INTERVAL)
            && self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
        {
            let late = self.budget.out_of_time();
            self.spent.set(self.spent.get().or(Some(late)));
        }
        self.check(address)
    }

    /// Fetches what another walk used, where the source can do so cheaply.
    pub fn fetch_habits(&self, habits: &Habits) {
        habits.fetch(&mut self.pages.borrow_mut(), self.source);
    }

    /// Remembers what this walk used.
    pub fn keep_habits(&self, habits: &Habits) {
        habits.keep(&self.pages.borrow());
    }

    /// Forgets what was read, so that the next read sees the target as it then is.
    pub fn forget(&self) {
        self.pages.borrow_mut().clear();
    }

    /// Reads pieces anew, as close to one moment as can be, and puts them in place of what the cache has of them.
    pub fn refresh(&self, pieces: &mut [Piece]) -> Result<(), ReadError> {
        self.source.read_together(pieces)?;
        let mut pages = self.pages.borrow_mut();
        for piece in pieces {
            pages.put(piece.address, &piece.bytes);
        }
        Ok(())
    }

    /// Fills `buffer`, from the cache where it can.
    pub fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.count_read(address)?;
        if let Some(lent) = self.source.lend(address, buffer.len()) {
            buffer.copy_from_slice(lent);
            return Ok(());
        }
        if buffer.len() >= LONG {
            return self.source.read(address, buffer);
        }
        let mut pages = self.pages.borrow_mut();
        let (mut at, mut rest) = (address, buffer);
        while !rest.is_empty() {
            let Some(bytes) = self.page_bytes(&mut pages, at, rest.len()) else {
                return self.source.read(at, rest);
            };
            let count = bytes.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&bytes[..count]);
            (at, rest) = (at.plus(count as u64), later);
        }
        Ok(())
    }

    /// The bytes from an address to the end of its page, at least one; nothing if that page cannot be read as a whole.
    /// `length` bytes are wanted.
    fn page_bytes<'c>(
        &self,
        pages: &'c mut Pages,
        address: Addr,
        length: usize,
    ) -> Option<&'c [u8]> {
        if pages.bytes(address).is_none() && !pages.fetch(self.source, address, length) {
            return None;
        }
        pages.bytes(address)
    }

    /// `length` bytes. The caller bounds `length`; none larger than the room that the budget has left is tried.
    pub fn bytes(&self, address: Addr, length: usize) -> Result<Vec<u8>, ReadError> {
        if length as u64 > self.budget.room() {
            let limit = self.budget.out_of_memory();
            return Err(ReadError::Spent { address, limit });
        }
        let mut bytes = vec![0; length];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// Hands `length` bytes to `use_them`, without a new buffer if they are few. The caller bounds `length`.
    pub fn with_bytes<T>(
        &self,
        address: Addr,
        length: usize,
        use_them: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, ReadError> {
        let mut few = [0; FEW];
        match few.get_mut(..length) {
            Some(few) => {
                self.read(address, few)?;
                Ok(use_them(few))
            }
            None => Ok(use_them(&self.bytes(address, length)?)),
        }
    }

    pub fn u8(&self, address: Addr) -> Result<u8, ReadError> {
        self.array::<1>(address).map(|[byte]| byte)
    }

    pub fn u16(&self, address: Addr) -> Result<u16, ReadError> {
        self.array(address).map(u16::from_le_bytes)
    }

    pub fn u32(&self, address: Addr) -> Result<u32, ReadError> {
        self.array(address).map(u32::from_le_bytes)
    }

    pub fn i32(&self, address: Addr) -> Result<i32, ReadError> {
        self.array(address).map(i32::from_le_bytes)
    }

    pub fn u64(&self, address: Addr) -> Result<u64, ReadError> {
        self.array(address).map(u64::from_le_bytes)
    }

    pub fn i64(&self, address: Addr) -> Result<i64, ReadError> {
        self.array(address).map(i64::from_le_bytes)
    }

    pub fn f64(&self, address: Addr) -> Result<f64, ReadError> {
        self.array(address).map(f64::from_le_bytes)
    }

    pub fn pointer(&self, address: Addr) -> Result<Addr, ReadError> {
        self.u64(address).map(Addr)
    }

    /// Bytes up to a NUL, at most `limit` of them.
    pub fn c_string(&self, address: Addr, limit: usize) -> Result<Vec<u8>, ReadError> {
        let mut text = Vec::new();
        while text.len() < limit {
            let at = address.plus(text.len() as u64);
            let mut piece = [0; STRING_PIECE];
            // To the next multiple only, so that nothing behind the end is touched that is on another page.
            let length = STRING_PIECE - at.0 as usize % STRING_PIECE;
            let piece = &mut piece[..length.min(limit - text.len())];
            self.read(at, piece)?;
            let end = piece.iter().position(|&byte| byte == 0);
            text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            if end.is_some() {
                break;
            }
        }
        Ok(text)
    }

    #[inline]
    fn array<const N: usize>(&self, address: Addr) -> Result<[u8; N], ReadError> {
        if let Some(bytes) = self.array_at_hand(address) {
            return Ok(bytes);
        }
        let mut bytes = [0; N];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// What most reads come to: a word of a page that was used a moment ago, of a walk that may go on and need not look
    /// at the clock.
    #[inline]
    fn array_at_hand<const N: usize>(&self, address: Addr) -> Option<[u8; N]> {
        let reads = self.reads.get().wrapping_add(1);
        if reads.is_multiple_of(CLOCK_INTERVAL) || self.spent.get().is_some() {
            return None;
        }
        let bytes = self.pages.borrow().recent(address)?;
        self.reads.set(reads);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Every address holds zeros.
    struct Zeros;

    impl ReadMemory for Zeros {
        fn read(&self, _: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
            buffer.fill(0);
            Ok(())
        }

        fn extent(&self, _: Addr) -> Option<Range<Addr>> {
            Some(Addr(0)..Addr(u64::MAX))
        }
    }

    /// The error that ends a walk over all addresses; the test hangs if none does.
    fn end_of_walk(memory: &Memory<'_>) -> ReadError {
        let mut addresses = (0..).map(Addr);
        let read = |address| memory.u64(address).err();
        addresses.find_map(read).expect("addresses do not end")
    }

    #[test]
    fn a_walk_ends_when_its_time_is_over() {
        let memory = Memory::within(&Zeros, Budget::new(Duration::ZERO, 100));
        let error = end_of_walk(&memory);
        assert_eq!(memory.spent(), Some(Spent::Time { seconds: 0 }));
        assert_eq!(memory.u8(Addr(0)).unwrap_err().absence(), error.absence());
    }

    #[test]
    fn a_walk_ends_when_it_has_kept_too_much() {
        let budget = Budget::new(Budget::TIME, 3 << 20);
        let (one, other) = (
            Memory::within(&Zeros, budget.clone()),
            Memory::within(&Zeros, budget),
        );
        assert_eq!(one.keep(Addr(0), 2 << 20), Ok(()));
        let error = other.keep(Addr(7), 1 << 20).unwrap_err();
        let limit = Spent::Memory { mebibytes: 3 };
        let address = Addr(7);
        assert_eq!(error, ReadError::Spent { address, limit });
        assert_eq!(other.u8(address), Err(error));
        // The other walk learns of it when it keeps something more.
        assert_eq!(one.u8(address), Ok(0));
        assert!(one.keep(address, 1).is_err());
    }

    #[test]
    fn lengths_of_garbage_are_not_allocated() {
        let memory = Memory::new(&Zeros);
        let error = memory.bytes(Addr(0), usize::MAX).unwrap_err();
        assert!(matches!(error, ReadError::Spent { .. }));
        assert_eq!(memory.bytes(Addr(5), 3), Ok(vec![0; 3]));
    }
}
