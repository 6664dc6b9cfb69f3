//! Reading another process's memory without stopping it.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};

use crate::model::{Addr, Pid, Tid};
use crate::process::{Piece, ReadError};

/// The way by which memory is read.
#[derive(Debug)]
pub(super) enum Reader {
    /// `process_vm_readv(2)` on this task.
    SystemCall(Tid),
    /// `/proc/PID/mem`, where a container's seccomp filter denies the system call. The kernel asks for the same
    /// rights, only the filter does not see it. It stays with the address space that it was opened on: after an
    /// exec it reads nothing.
    File(File),
}

/// As many pieces as one system call reads: `IOV_MAX`, readv(2).
const MOST_PIECES: usize = 1024;

/// Larger requests are split, because one large transfer is slower per byte than pieces that stay in the cache.
const PIECE: usize = 64 * 1024;

impl Reader {
    /// Through `/proc/PID/mem` as the process itself has opened it: the kernel asks for no rights after that.
    pub fn handed(memory: File) -> Reader {
        Reader::File(memory)
    }

    /// Finds a way that works, by reading a byte at `probe`.
    pub fn open(task: Tid, probe: Addr) -> Result<Reader, Errno> {
        let reader = Reader::SystemCall(task);
        match reader.transfer(probe, &mut [0]) {
            Err(denied @ (Errno::EPERM | Errno::ENOSYS)) => {
                let file = File::open(format!("/proc/{task}/mem")).map_err(|_| denied)?;
                Ok(Reader::File(file))
            }
            // The mapping may have gone since; a later read says so.
            Ok(_) | Err(_) => Ok(reader),
        }
    }

    /// Fills `buffer` or fails.
    pub fn read(&self, pid: Pid, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        let mut done = 0;
        while done < buffer.len() {
            let end = buffer.len().min(done + PIECE);
            match self.transfer(address.plus(done as u64), &mut buffer[done..end]) {
                Ok(0) if matches!(self, Reader::File(_)) => {
                    return Err(ReadError::Gone { pid, address });
                }
                Ok(0) => return Err(ReadError::Unmapped { address, length }),
                Ok(count) => done += count,
                Err(Errno::EINTR) => {}
                Err(Errno::ESRCH) => return Err(ReadError::Gone { pid, address }),
                Err(_) => return Err(ReadError::Unmapped { address, length }),
            }
        }
        Ok(())
    }

    /// Fills all pieces, in one system call if there are no more than one takes.
    pub fn read_together(&self, pid: Pid, pieces: &mut [Piece]) -> Result<(), ReadError> {
        let Reader::SystemCall(task) = self else {
            let mut pieces = pieces.iter_mut();
            return pieces.try_for_each(|piece| self.read(pid, piece.address, &mut piece.bytes));
        };
        for pieces in pieces.chunks_mut(MOST_PIECES) {
            let wanted: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
            let address = pieces.first().map_or(Addr::NULL, |piece| piece.address);
            let length = wanted as u64;
            match transfer_pieces(*task, pieces) {
                Ok(count) if count == wanted => {}
                Err(Errno::ESRCH) => return Err(ReadError::Gone { pid, address }),
                Ok(_) | Err(_) => return Err(ReadError::Unmapped { address, length }),
            }
        }
        Ok(())
    }

    /// Reads pieces in one system call: as many as one takes, and as there are before one that cannot be read. Says how
    /// many. None where there is no such system call.
    pub fn read_first(&self, pieces: &mut [Piece]) -> usize {
        let Reader::SystemCall(task) = self else {
            return 0;
        };
        let most = pieces.len().min(MOST_PIECES);
        let pieces = &mut pieces[..most];
        let mut filled = transfer_pieces(*task, pieces).unwrap_or(0);
        for (index, piece) in pieces.iter().enumerate() {
            match filled.checked_sub(piece.bytes.len()) {
                Some(rest) => filled = rest,
                None => return index,
            }
        }
        most
    }

    /// One system call: how many bytes came.
    fn transfer(&self, address: Addr, piece: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Reader::SystemCall(task) => {
                let base = usize::try_from(address.0).map_err(|_| Errno::EFAULT)?;
                let remote = RemoteIoVec {
                    base,
                    len: piece.len(),
                };
                let pid = nix::unistd::Pid::from_raw(task.0.cast_signed());
                process_vm_readv(pid, &mut [IoSliceMut::new(piece)], &[remote])
            }
            Reader::File(memory) => memory
                .read_at(piece, address.0)
                .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))),
        }
    }
}

/// One system call for several pieces: how many bytes came.
fn transfer_pieces(task: Tid, pieces: &mut [Piece]) -> Result<usize, Errno> {
    let remote: Vec<RemoteIoVec> = pieces
        .iter()
        .map(|piece| RemoteIoVec {
            base: piece.address.0 as usize,
            len: piece.bytes.len(),
        })
        .collect();
    let mut local: Vec<IoSliceMut<'_>> = pieces
        .iter_mut()
        .map(|piece| IoSliceMut::new(&mut piece.bytes))
        .collect();
    let pid = nix::unistd::Pid::from_raw(task.0.cast_signed());
    process_vm_readv(pid, &mut local, &remote)
}
