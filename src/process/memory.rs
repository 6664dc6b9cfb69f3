//! Reading memory: the trait that a source implements, and the cache that one walk reads through.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::ReadError;
use crate::model::Addr;

/// A source of an inferior's bytes.
pub trait ReadMemory {
    /// Fills `buffer` with the bytes at `address`, all of them or none.
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError>;

    /// The bytes at `address`, lent without a copy, if this source has them in one piece. Its caller never
    /// needs the cache of [`Memory`].
    fn lend(&self, _address: Addr, _length: usize) -> Option<&[u8]> {
        None
    }

    /// The range around `address` that can be read as one, so that a cache may fetch more than it was asked for.
    fn extent(&self, address: Addr) -> Option<Range<Addr>>;
}

/// How much is fetched at once. One `process_vm_readv` of 64 KiB takes about as long as five of 64 bytes; larger
/// ones are slower per byte again (`docs/internals/reading-memory.md`). A power of two.
const BLOCK: usize = 64 * 1024;

/// The cache is dropped when it holds this much, in blocks: 32 MiB. A walk that needs more reads some of it twice.
const MOST_BLOCKS: usize = 512;

/// The memory of one inferior for the length of one walk: small reads are served from blocks fetched whole.
///
/// It must not outlive the walk: a live target goes on changing. It is for one thread, and each thread of pmdb
/// makes its own.
pub struct Memory<'p> {
    source: &'p dyn ReadMemory,
    /// By start address; blocks do not overlap.
    blocks: RefCell<BTreeMap<u64, Box<[u8]>>>,
}

impl<'p> Memory<'p> {
    pub fn new(source: &'p dyn ReadMemory) -> Memory<'p> {
        Memory {
            source,
            blocks: RefCell::default(),
        }
    }

    /// Forgets what was read, so that the next read sees the target as it then is.
    pub fn forget(&self) {
        self.blocks.borrow_mut().clear();
    }

    /// Fills `buffer`, from the cache where it can.
    pub fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        if let Some(lent) = self.source.lend(address, buffer.len()) {
            buffer.copy_from_slice(lent);
            return Ok(());
        }
        if buffer.len() >= BLOCK {
            return self.source.read(address, buffer);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            let at = address.plus(filled as u64);
            match self.copy_from_block(at, rest) {
                Some(count) => filled += count,
                None => return self.source.read(at, rest),
            }
        }
        Ok(())
    }

    /// Copies what the block around `address` has for `piece`, at least a byte; `None` if there is no such block.
    fn copy_from_block(&self, address: Addr, piece: &mut [u8]) -> Option<usize> {
        let mut blocks = self.blocks.borrow_mut();
        if let Some(count) = copy_cached(&blocks, address, piece) {
            return Some(count);
        }
        let extent = self.source.extent(address)?;
        let aligned = address.0 & !(BLOCK as u64 - 1);
        let start = aligned.max(extent.start.0);
        let end = aligned.saturating_add(BLOCK as u64).min(extent.end.0);
        let mut bytes = vec![0; end.checked_sub(start)? as usize].into_boxed_slice();
        self.source.read(Addr(start), &mut bytes).ok()?;
        if blocks.len() >= MOST_BLOCKS {
            blocks.clear();
        }
        blocks.insert(start, bytes);
        copy_cached(&blocks, address, piece)
    }

    /// `length` bytes. The caller bounds `length`.
    pub fn bytes(&self, address: Addr, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; length];
        self.read(address, &mut bytes)?;
        Ok(bytes)
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
            match self.u8(address.plus(text.len() as u64))? {
                0 => break,
                byte => text.push(byte),
            }
        }
        Ok(text)
    }

    fn array<const N: usize>(&self, address: Addr) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }
}

fn copy_cached(
    blocks: &BTreeMap<u64, Box<[u8]>>,
    address: Addr,
    piece: &mut [u8],
) -> Option<usize> {
    let (start, bytes) = blocks.range(..=address.0).next_back()?;
    let available = bytes.get((address.0 - start) as usize..)?;
    let count = available.len().min(piece.len());
    piece[..count].copy_from_slice(&available[..count]);
    (count > 0).then_some(count)
}
