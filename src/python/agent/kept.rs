//! The agent's code as interpreters of earlier commands have compiled it: one file for each, in the user's cache.

use super::compiled::Interpreter;
use crate::process::user_cache::{self, Known};

/// Bytes. It is some 300 KiB.
const MOST: u64 = 8 << 20;

/// The file begins with the sum of what it was compiled from and by, and that of the code behind.
struct Head([u8; HEAD]);

/// Bytes.
const HEAD: usize = 32;

impl Head {
    fn of(interpreter: &Interpreter, code: &[u8]) -> Head {
        let from = format!("{interpreter:?}");
        let mut head = [0; HEAD];
        head[..16].copy_from_slice(&md5::compute(from).0);
        head[16..].copy_from_slice(&md5::compute(code).0);
        Head(head)
    }
}

/// One for each interpreter, so that what an earlier pmdb has compiled with it is replaced.
fn file_name(interpreter: &Interpreter) -> String {
    format!("agent-{:x}-{:x}", interpreter.device, interpreter.inode)
}

/// Code of the same source, by the same interpreter, that nobody but this user can have written.
pub(super) fn read(interpreter: &Interpreter) -> Option<Vec<u8>> {
    let mut head = user_cache::read(&file_name(interpreter), MOST)?;
    let code = (head.len() >= HEAD).then(|| head.split_off(HEAD))?;
    (Head::of(interpreter, &code).0 == *head).then_some(code)
}

/// If it cannot be kept, the next command compiles it again.
pub(super) fn write(interpreter: &Interpreter, code: &[u8]) {
    let head = Head::of(interpreter, code);
    user_cache::write(&file_name(interpreter), &[&head.0, code], Known::BySum);
}
