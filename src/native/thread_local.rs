//! Where a thread has the thread-local variables of a module (Ulrich Drepper, "ELF Handling For Thread-Local Storage").
//!
//! The program's own block lies right below the thread pointer. Those of libraries are found as the dynamic linker finds them: the
//! library's entry in its list of modules has a number, and the thread a table ("dynamic thread vector") of blocks by number. Where in the
//! entry the number is differs between versions of glibc, which says it in a symbol that is meant for debuggers (`nptl_db/structs.def`).

use super::loaded::{LoadedModule, LoadedModules};
use crate::model::{Absence, Addr};
use crate::process::Memory;
use crate::process::elf::ThreadLocalImage;

/// The describing symbol: how many bits the field has, how many there are, and where it is in bytes; each in 4 bytes.
const MODULE_NUMBER: &str = "_thread_db_link_map_l_tls_modid";
/// In `struct link_map` of `link.h`: the load bias, and the next entry. Bytes.
const L_ADDR: u64 = 0;
const L_NEXT: u64 = 24;
/// In `struct r_debug`: the first entry. Bytes.
const R_MAP: u64 = 8;
/// From the thread pointer to where the vector is (`tcbhead_t` of x86-64), and the length of an entry of it (`dtv_t`). Bytes. The one before
/// the first has the number of the last (`dtv[-1].counter`, `elf/dl-tls.c`).
const VECTOR: u64 = 8;
const ENTRY: u64 = 16;
/// A block that the thread has not used yet (`TLS_DTV_UNALLOCATED`).
const NOT_YET: u64 = u64::MAX;
/// Of libraries; more are a circle.
const MOST_MODULES: usize = 1 << 16;

fn unknown(why: &str) -> Absence {
    Absence::Unsupported {
        what: format!("thread-local variables of this module: {why}"),
    }
}

/// How far below the thread pointer the program's block begins: no less than its length, and so that it is aligned as it is in the file, where
/// it need not begin at a multiple (`_dl_determine_tlsoffset`, glibc's `elf/dl-tls.c`).
fn below_thread_pointer(image: ThreadLocalImage) -> u64 {
    // A power of two, or damaged.
    let mask = image.alignment.max(1).wrapping_sub(1);
    let end = image.address.wrapping_add(image.size);
    image.size.wrapping_add(end.wrapping_neg() & mask)
}

impl LoadedModules<'_> {
    /// Where the block of a module begins in the thread with a thread pointer (`fs_base`).
    pub(super) fn thread_block(
        &self,
        of: &LoadedModule,
        memory: &Memory<'_>,
        thread_pointer: Addr,
    ) -> Result<Addr, Absence> {
        let view = of.module.elf().view();
        let image = view.ok().and_then(|view| view.thread_local_image());
        let image = image.ok_or_else(|| unknown("its file does not say how long they are"))?;
        if thread_pointer.is_null() {
            return Err(unknown("the thread has none yet"));
        }
        if self.is_program(of) {
            return Ok(thread_pointer.minus(below_thread_pointer(image)));
        }
        let number = self.module_number(of, memory)?;
        let word = |at: Addr| memory.pointer(at).map_err(|error| error.absence());
        let vector = word(thread_pointer.plus(VECTOR))?;
        // A thread's vector grows when it first uses a library that was loaded later (`_dl_update_slotinfo`).
        let count = word(vector.minus(ENTRY))?.0;
        let not_yet = || unknown("this thread has not used them yet");
        if number > count {
            return Err(not_yet());
        }
        let block = word(vector.plus(number.wrapping_mul(ENTRY)))?;
        match block.0 {
            0 | NOT_YET => Err(not_yet()),
            _ => Ok(block),
        }
    }

    /// The number that the dynamic linker has given a module.
    fn module_number(&self, of: &LoadedModule, memory: &Memory<'_>) -> Result<u64, Absence> {
        let linker = self
            .exported("_r_debug")
            .ok_or_else(|| unknown("the dynamic linker's list of modules is not found"))?;
        let description = self.exported(MODULE_NUMBER).ok_or_else(|| {
            unknown("the C library does not say where the dynamic linker keeps their number")
        })?;
        let word = |at: Addr| memory.pointer(at).map_err(|error| error.absence());
        let offset = word(description.plus(8))?.0 & u64::from(u32::MAX);
        let mut entry = word(linker.plus(R_MAP))?;
        for _ in 0..MOST_MODULES {
            if entry.is_null() {
                break;
            }
            if word(entry.plus(L_ADDR))? == of.bias {
                return Ok(word(entry.plus(offset))?.0);
            }
            entry = word(entry.plus(L_NEXT))?;
        }
        Err(unknown("the dynamic linker does not list it"))
    }
}
