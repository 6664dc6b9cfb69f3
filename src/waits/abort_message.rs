//! What glibc says before it calls `abort()` itself: `__abort_msg`, which it keeps for those who look at the process afterwards
//! (`sysdeps/posix/libc_fatal.c`). It is not promised to be there.

use crate::model::Addr;
use crate::process::elf::{Elf, load_bias};
use crate::process::{Mapping, Process, ReadMemory};

/// Bytes. glibc gives it whole pages.
const LONGEST: usize = 1024;

/// The first line of it, if there is one.
pub(super) fn of(process: &dyn Process) -> Option<String> {
    let is_libc = |mapping: &&Mapping| {
        let name = mapping.path().and_then(|path| path.file_name());
        let name = name.map(|name| name.as_encoded_bytes());
        name.is_some_and(|name| name.starts_with(b"libc.so") || name.starts_with(b"libc-"))
    };
    let code = process.code_mappings();
    let variable = code.iter().filter(is_libc).find_map(|mapping| {
        let file = process.open_file(mapping).ok()?;
        let elf = Elf::open(&file).ok()?;
        let view = elf.view().ok()?;
        let linked = view.exported("__abort_msg")?;
        Some(load_bias(&view.segments(), mapping)?.plus(linked))
    })?;
    read(process, variable)
}

/// `struct abort_msg_s { unsigned int size; char msg[0]; } *`: the size is that of the whole mapping.
fn read(memory: &(impl ReadMemory + ?Sized), variable: Addr) -> Option<String> {
    let mut pointer = [0; 8];
    memory.read(variable, &mut pointer).ok()?;
    let at = Addr(u64::from_le_bytes(pointer));
    if at.is_null() {
        return None;
    }
    let mut size = [0; 4];
    memory.read(at, &mut size).ok()?;
    let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
    let mut text = vec![0; size.saturating_sub(4).min(LONGEST)];
    memory.read(at.plus(4), &mut text).ok()?;
    let text = text.split(|&byte| byte == 0 || byte == b'\n').next()?;
    let text = String::from_utf8_lossy(text).trim().to_string();
    (!text.is_empty()).then_some(text)
}
