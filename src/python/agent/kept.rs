//! The agent's code as interpreters of earlier commands have compiled it: one file for each, in the user's folder for what can be made anew
//! (`$XDG_CACHE_HOME/pmdb`, else `~/.cache/pmdb`).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::compiled::Interpreter;

/// Bytes. It is some 300 KiB.
const MOST: u64 = 8 << 20;
/// What others may do with a file that is taken for ours: nothing but read it.
const WRITTEN_BY_OTHERS: u32 = 0o022;

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

fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(caches?.join("pmdb"))
}

/// One for each interpreter, so that what an earlier pmdb has compiled with it is replaced.
fn file_name(interpreter: &Interpreter) -> String {
    format!("agent-{:x}-{:x}", interpreter.device, interpreter.inode)
}

/// Code of the same source, by the same interpreter, that nobody but this user can have written.
pub(super) fn read(interpreter: &Interpreter) -> Option<Vec<u8>> {
    let mut file = File::open(folder()?.join(file_name(interpreter))).ok()?;
    let about = file.metadata().ok()?;
    let is_own = about.is_file()
        && about.uid() == nix::unistd::geteuid().as_raw()
        && about.mode() & WRITTEN_BY_OTHERS == 0;
    if !is_own || about.len() > MOST {
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
    let _ = try_to_write(interpreter, code);
}

fn try_to_write(interpreter: &Interpreter, code: &[u8]) -> Option<()> {
    let folder = folder()?;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).ok()?;
    let name = file_name(interpreter);
    // Other commands may end at the same time.
    let unfinished = folder.join(format!("{name}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&unfinished).ok()?;
    let is_whole = file.write_all(&Head::of(interpreter, code).0).is_ok()
        && file.write_all(code).is_ok()
        && fs::rename(&unfinished, folder.join(name)).is_ok();
    if !is_whole {
        let _ = fs::remove_file(unfinished);
    }
    Some(())
}
