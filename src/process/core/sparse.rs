//! Writing a file without the blocks that are all zeros, of which a core has many.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What is left out is a multiple of this: the block of most file systems, in bytes.
const BLOCK: usize = 4096;

pub(super) struct SparseFile {
    file: File,
    length: u64,
    /// Bytes of disk that may yet be written.
    room: u64,
}

impl SparseFile {
    /// An empty file that takes at most `room` bytes of the disk.
    pub(super) fn new(file: File, room: u64) -> SparseFile {
        SparseFile {
            file,
            length: 0,
            room,
        }
    }

    /// In bytes, holes included.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // Blocks are those of the file, wherever `bytes` begins.
            let to_boundary = BLOCK - (self.length % BLOCK as u64) as usize;
            let (block, rest) = bytes.split_at(to_boundary.min(bytes.len()));
            let zeros = run(rest, is_zero);
            let data = match is_zero(block) {
                true => 0,
                false => block.len() + run(rest, |block| !is_zero(block)),
            };
            if data > 0 {
                self.room = self
                    .room
                    .checked_sub(data as u64)
                    .ok_or(io::ErrorKind::StorageFull)?;
                self.file.write_all_at(&bytes[..data], self.length)?;
            }
            let taken = if data > 0 { data } else { block.len() + zeros };
            self.length += taken as u64;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// The file, as long as what was written.
    pub(super) fn finish(self) -> io::Result<File> {
        self.file.set_len(self.length)?;
        Ok(self.file)
    }
}

/// How many bytes at the beginning lie in blocks that are `so`.
fn run(bytes: &[u8], so: impl Fn(&[u8]) -> bool) -> usize {
    bytes
        .chunks(BLOCK)
        .take_while(|block| so(block))
        .map(<[u8]>::len)
        .sum()
}

fn is_zero(block: &[u8]) -> bool {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    block == &ZEROS[..block.len().min(BLOCK)]
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn zeros_take_no_room_and_are_read_back() {
        let mut content = vec![0; 1 << 20];
        content[5] = 1;
        content[300_000..340_000].fill(2);
        let mut output = SparseFile::new(tempfile::tempfile().unwrap(), 64 << 10);
        // Pieces that do not end at blocks.
        for piece in content.chunks(10_007) {
            output.write(piece).unwrap();
        }
        let mut file = output.finish().unwrap();
        assert!(file.metadata().unwrap().blocks() * 512 < 100 << 10);
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert!(read == content);
    }

    #[test]
    fn it_stops_before_the_disk_is_full() {
        let mut output = SparseFile::new(tempfile::tempfile().unwrap(), 8192);
        output.write(&[1; 8192]).unwrap();
        let error = output.write(&[1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
