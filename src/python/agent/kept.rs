//! The agent's code as interpreters of earlier commands have compiled it: one file for each, in the user's cache.

use std::io::Read;

use super::compiled::Interpreter;
use crate::process::user_cache;

/// Bytes. It is some 300 KiB.
const MOST: u64 = 8 << 20;

/// The file begins with the sum of what it was compiled from and by, and that of the code behind.
struct Head([u8; 32]);

impl Head {
    fn of(interpreter: &Interpreter, code: &[u8]) -> Head {
        let from = format!("{interpreter:?}");
        let mut head = [0; 32];
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
    let mut file = user_cache::open(&file_name(interpreter))?;
    if file.metadata().ok()?.len() > MOST {
        return None;
    }
    let mut head = [0; 32];
    file.read_exact(&mut head).ok()?;
    let mut code = Vec::new();
    file.read_to_end(&mut code).ok()?;
    (Head::of(interpreter, &code).0 == head).then_some(code)
}

/// If it cannot be kept, the next command compiles it again.
pub(super) fn write(interpreter: &Interpreter, code: &[u8]) {
    let head = Head::of(interpreter, code);
    user_cache::write(&file_name(interpreter), &[&head.0, code]);
}
