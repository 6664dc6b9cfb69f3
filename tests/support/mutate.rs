//! Damage, the same at each run.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end.max(1)
    }

    pub fn one_of<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A number that code forgets: of counts, of pointers, of flags.
    pub fn hostile(&mut self) -> u64 {
        const EDGES: [u64; 12] = [
            0,
            1,
            0xff,
            0xffff,
            0x7fff_ffff,
            0xffff_ffff,
            1 << 32,
            1 << 47,
            i64::MAX as u64,
            1 << 63,
            u64::MAX - 7,
            u64::MAX,
        ];
        match self.below(4) {
            0 => self.next(),
            1 => self.below(1 << 20),
            _ => *self.one_of(&EDGES),
        }
    }
}

/// A file that is damaged in places, and mended again.
pub struct Damaged {
    file: File,
    /// What was there before, the last change last.
    before: Vec<(u64, Vec<u8>)>,
}

impl Damaged {
    pub fn open(path: &Path) -> Damaged {
        let file = OpenOptions::new().read(true).write(true).open(path);
        Damaged {
            file: file.expect("the test's own file"),
            before: Vec::new(),
        }
    }

    /// Writes over what is there. What lies past the end is left out.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) {
        let mut old = vec![0; bytes.len()];
        if self.file.read_exact_at(&mut old, offset).is_ok() {
            self.file.write_all_at(bytes, offset).expect("it fits");
            self.before.push((offset, old));
        }
    }

    pub fn mend(&mut self) {
        for (offset, old) in self.before.drain(..).rev() {
            self.file.write_all_at(&old, offset).expect("it fits");
        }
    }

    pub fn cut(&self, length: u64) {
        self.file.set_len(length).expect("the test's own file");
    }
}
