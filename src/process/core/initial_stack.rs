//! What the kernel put on the stack at exec: the arguments, the environment and the auxiliary vector.
//!
//! From low to high addresses: argc, the pointers to the arguments, NULL, the pointers to the environment, NULL, the
//! auxiliary vector, the 16 bytes that `AT_RANDOM` points to, and the strings (`create_elf_tables` in the kernel's
//! `fs/binfmt_elf.c`). The vector is known from `NT_AUXV`; it is looked for below `AT_RANDOM`, and the rest is
//! found backwards from it.

use super::address_space::AddressSpace;
use super::field;

/// How far below `AT_RANDOM` the vector can begin, in bytes; it is about 400 long.
const FURTHEST: usize = 16 << 10;

/// All strings that are read are together at most this long, in bytes: the kernel allows 6 MiB (`ARG_MAX`, execve(2)).
const MOST_TEXT: usize = 8 << 20;

/// More arguments, or variables, than fit there in practice.
const MOST_STRINGS: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct AuxiliaryVector(Vec<(u64, u64)>);

/// The tables of pointers: their addresses, in the order that the kernel wrote them.
#[derive(Debug, Default)]
pub(super) struct InitialStack {
    arguments: Vec<u64>,
    environment: Vec<u64>,
}

impl AuxiliaryVector {
    /// Reads `NT_AUXV`. The kernel's vector has about 20 entries.
    pub(super) fn parse(descriptor: &[u8]) -> AuxiliaryVector {
        let entries = descriptor.chunks_exact(16).take(64);
        let pairs =
            entries.filter_map(|entry| Some((field::u64(entry, 0)?, field::u64(entry, 8)?)));
        AuxiliaryVector(
            pairs
                .take_while(|&(kind, _)| kind != nix::libc::AT_NULL)
                .collect(),
        )
    }

    /// The value of an `AT_` entry, getauxval(3); 0 counts as not there.
    pub(super) fn get(&self, kind: u64) -> Option<u64> {
        let entry = self.0.iter().find(|entry| entry.0 == kind)?;
        Some(entry.1).filter(|&value| value != 0)
    }

    fn bytes(&self) -> Vec<u8> {
        let words = self.0.iter().flat_map(|&(kind, value)| [kind, value]);
        words.flat_map(u64::to_le_bytes).collect()
    }
}

impl InitialStack {
    /// Finds the tables, if the core has them and they make sense.
    pub(super) fn find(
        core: &[u8],
        space: &AddressSpace,
        auxiliary: &AuxiliaryVector,
    ) -> Option<InitialStack> {
        let random = auxiliary.get(nix::libc::AT_RANDOM)?;
        let region = space.find(random)?;
        let stack = core.get(space.held(region.start)?)?;
        let above = usize::try_from(random - region.start).ok()?;
        let vector = auxiliary.bytes();
        let window = stack.get(above.saturating_sub(FURTHEST)..above)?;
        let lowest = above - window.len();
        // The stack's words are aligned, and so is the region's start.
        let at = (0..window.len().checked_sub(vector.len())?)
            .rev()
            .find(|at| (lowest + at) % 8 == 0 && window[*at..].starts_with(&vector))?;
        let mut words = Backwards {
            stack,
            at: lowest + at,
        };
        (words.next()? == 0).then_some(())?;
        let environment = words.pointers_after_null()?;
        let (arguments, argc) = words.pointers_after_argc()?;
        (argc == arguments.len() as u64).then_some(InitialStack {
            arguments,
            environment,
        })
    }

    /// argv, as the process's memory has it: a program may have written its title there.
    pub(super) fn arguments(&self, core: &[u8], space: &AddressSpace) -> Option<Vec<String>> {
        let mut texts = Vec::with_capacity(self.arguments.len());
        let mut read = 0;
        for &address in &self.arguments {
            let text = text_at(core, space, address)?;
            read += text.len();
            if read > MOST_TEXT {
                return None;
            }
            texts.push(String::from_utf8_lossy(text).into_owned());
        }
        Some(texts)
    }

    /// The value of an environment variable.
    pub(super) fn variable(&self, core: &[u8], space: &AddressSpace, name: &str) -> Option<String> {
        let mut read = 0;
        for &address in &self.environment {
            let text = text_at(core, space, address)?;
            let value = text.strip_prefix(name.as_bytes());
            if let Some(value) = value.and_then(|rest| rest.strip_prefix(b"=")) {
                return Some(String::from_utf8_lossy(value).into_owned());
            }
            read += text.len();
            if read > MOST_TEXT {
                break;
            }
        }
        None
    }
}

fn text_at<'c>(core: &'c [u8], space: &AddressSpace, address: u64) -> Option<&'c [u8]> {
    let bytes = core.get(space.held(address)?)?;
    let bytes = &bytes[..bytes.len().min(MOST_TEXT)];
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some(&bytes[..end])
}

/// The words of a stack, from high to low addresses.
struct Backwards<'a> {
    stack: &'a [u8],
    at: usize,
}

impl Backwards<'_> {
    fn next(&mut self) -> Option<u64> {
        self.at = self.at.checked_sub(8)?;
        field::u64(self.stack, self.at)
    }

    /// The words down to a 0, lowest first.
    fn pointers_after_null(&mut self) -> Option<Vec<u64>> {
        Some(self.pointers_until(|word, _| word == 0)?.0)
    }

    /// The words down to one that is their number, lowest first, and that number.
    fn pointers_after_argc(&mut self) -> Option<(Vec<u64>, u64)> {
        self.pointers_until(|word, count| word <= count)
    }

    fn pointers_until(&mut self, ends: impl Fn(u64, u64) -> bool) -> Option<(Vec<u64>, u64)> {
        let mut pointers = Vec::new();
        loop {
            let word = self.next()?;
            if ends(word, pointers.len() as u64) {
                pointers.reverse();
                return Some((pointers, word));
            }
            if pointers.len() >= MOST_STRINGS {
                return None;
            }
            pointers.push(word);
        }
    }
}
