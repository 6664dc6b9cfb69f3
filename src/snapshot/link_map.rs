//! What other debuggers look at first: the dynamic linker's list of what is loaded where (`struct r_debug` and `link_map` of
//! `<link.h>`), found through the program headers of the executable (`DT_DEBUG`, elf(5)).
//!
//! pmdb itself needs none of it. It is read so that it is kept.

use nix::libc::{AT_PHDR, AT_PHNUM};

use crate::model::Addr;
use crate::process::{Memory, ReadError};

/// Bytes of a program header, and of an entry of the dynamic section.
const PROGRAM_HEADER: u64 = 56;
const DYNAMIC: u64 = 16;
/// `p_type` of the program headers themselves and of the dynamic section.
const PT_DYNAMIC: u32 = 2;
const PT_PHDR: u32 = 6;
const DT_NULL: u64 = 0;
const DT_DEBUG: u64 = 21;
/// More than any program has.
const MOST_HEADERS: u64 = 512;
const MOST_ENTRIES: u64 = 512;
const MOST_OBJECTS: usize = 4096;
/// Bytes (`PATH_MAX`).
const LONGEST_NAME: usize = 4096;

/// Reads the list, and gives how many objects are in it.
pub fn read(memory: &Memory<'_>, auxiliary_vector: &[u8]) -> Result<usize, ReadError> {
    let Some((headers, count)) = program_headers(auxiliary_vector) else {
        return Ok(0);
    };
    let Some(dynamic) = dynamic_section(memory, headers, count)? else {
        return Ok(0);
    };
    let Some(debug) = of_dynamic(memory, dynamic, DT_DEBUG)? else {
        return Ok(0);
    };
    // `r_version`, `r_map`, `r_brk`, `r_state`, `r_ldbase`.
    let mut object = memory.pointer(debug.plus(8))?;
    memory.u64(debug.plus(32))?;
    let mut found = 0;
    while !object.is_null() && found < MOST_OBJECTS {
        // `l_addr`, `l_name`, `l_ld`, `l_next`.
        let name = memory.pointer(object.plus(8))?;
        memory.c_string(name, LONGEST_NAME)?;
        let dynamic = memory.pointer(object.plus(16))?;
        of_dynamic(memory, dynamic, DT_NULL)?;
        object = memory.pointer(object.plus(24))?;
        found += 1;
    }
    Ok(found)
}

fn program_headers(auxiliary_vector: &[u8]) -> Option<(Addr, u64)> {
    let word = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
    let value = |kind: u64| {
        let mut entries = auxiliary_vector.chunks_exact(16);
        entries.find_map(|entry| (word(&entry[..8])? == kind).then(|| word(&entry[8..]))?)
    };
    Some((Addr(value(AT_PHDR)?), value(AT_PHNUM)?.min(MOST_HEADERS)))
}

fn dynamic_section(
    memory: &Memory<'_>,
    headers: Addr,
    count: u64,
) -> Result<Option<Addr>, ReadError> {
    let (mut bias, mut dynamic) = (0, None);
    for index in 0..count {
        let header = headers.plus(index * PROGRAM_HEADER);
        let address = memory.u64(header.plus(16))?;
        match memory.u32(header)? {
            PT_PHDR => bias = headers.0.wrapping_sub(address),
            PT_DYNAMIC => dynamic = Some(address),
            _ => {}
        }
    }
    Ok(dynamic.map(|address| Addr(address).plus(bias)))
}

/// The value of an entry, which is looked for up to the end of the section.
fn of_dynamic(memory: &Memory<'_>, section: Addr, wanted: u64) -> Result<Option<Addr>, ReadError> {
    if section.is_null() {
        return Ok(None);
    }
    for index in 0..MOST_ENTRIES {
        let entry = section.plus(index * DYNAMIC);
        let tag = memory.u64(entry)?;
        let value = memory.pointer(entry.plus(8))?;
        if tag == DT_NULL {
            break;
        }
        if tag == wanted {
            return Ok(Some(value).filter(|value| !value.is_null()));
        }
    }
    Ok(None)
}
