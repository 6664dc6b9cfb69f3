//! The exception for which a program of C++ ends, read where `std::terminate()` comes to its handler.
//!
//! Whoever calls that has put the exception on top of those that are being handled, also where nobody handles it
//! (`__cxa_begin_catch`, Itanium C++ ABI: Exception Handling, 2.2): `__cxa_get_globals()` leads there, which is a variable of the thread. The
//! layouts are those of libstdc++ (`libstdc++-v3/libsupc++/unwind-cxx.h`).

use super::type_info::{self, Kinds};
use super::what::{self, ThreadLocal};
use crate::model::Addr;
use crate::process::elf::{Elf, load_bias};
use crate::process::{Memory, Process, Registers};

/// Bytes of the code of `__cxa_get_globals` that are looked at.
const CODE: usize = 48;
/// Where the exception itself lies, counted from its header.
const OBJECT: u64 = 112;
/// The header that the unwinder knows, in that of C++; the word of it that tells the language.
const UNWIND_HEADER: u64 = 80;
/// `GNUCC++\0`, and with a 1 at the end one that shares the object of another (`std::rethrow_exception`).
const GNU: u64 = u64::from_be_bytes(*b"GNUCC++\0");
const GNU_DEPENDENT: u64 = GNU + 1;
/// Modules of thread-local variables.
const MOST_MODULES: u64 = 1 << 16;
/// Where the vector of a thread's modules is found from the thread pointer (`tcbhead_t` of glibc), and bytes of an entry.
const VECTOR: u64 = 8;
const VECTOR_ENTRY: u64 = 16;

/// The mangled name of `std::exception`.
const STD_EXCEPTION: &str = "St9exception";

/// Why a program of C++ ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CppException {
    Thrown(Thrown),
    /// It has called `std::terminate()` itself, or one of its threads was neither joined nor detached.
    None,
    /// It cannot be told.
    Unreadable {
        why: String,
    },
}

/// An exception that nobody catches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thrown {
    /// `std::runtime_error`.
    pub type_name: String,
    /// What its `what()` says, or why that is not known. Nothing if it is no `std::exception`.
    pub what: Option<Result<String, String>>,
}

impl CppException {
    /// Of a thread that comes to [`Place::Terminate`](super::Place) at an address.
    pub fn read(process: &dyn Process, place: Addr, at: &Registers) -> CppException {
        let memory = Memory::new(process);
        match read(process, &memory, place, at) {
            Ok(Some(thrown)) => CppException::Thrown(thrown),
            Ok(None) => CppException::None,
            Err(why) => CppException::Unreadable {
                why: why.to_string(),
            },
        }
    }
}

fn read(
    process: &dyn Process,
    memory: &Memory<'_>,
    place: Addr,
    at: &Registers,
) -> Result<Option<Thrown>, &'static str> {
    let library = Library::at(process, place).ok_or("the library of C++ cannot be read")?;
    let globals = library.address("__cxa_get_globals_fast");
    let globals = globals.or_else(|| library.address("__cxa_get_globals"));
    let globals = globals.ok_or("its library of C++ is none that pmdb knows")?;
    let code = memory.bytes(globals, CODE);
    let code = code.map_err(|_| "the code of its library cannot be read")?;
    let variable = what::thread_local(&code).and_then(|it| address(memory, globals, it, at));
    let variable = variable.ok_or("its library keeps exceptions where pmdb does not find them")?;
    let header = memory.pointer(variable);
    let header = header.map_err(|_| "the exceptions of the thread cannot be read")?;
    if header.is_null() {
        return Ok(None);
    }
    let unreadable = "the exception cannot be read";
    let class = memory
        .u64(header.plus(UNWIND_HEADER))
        .map_err(|_| unreadable)?;
    let object = match class {
        GNU => header.plus(OBJECT),
        GNU_DEPENDENT => memory.pointer(header).map_err(|_| unreadable)?,
        _ => {
            return Err(
                "it is an exception of another language, or of another library than libstdc++",
            );
        }
    };
    let info = memory
        .pointer(object.minus(OBJECT))
        .map_err(|_| unreadable)?;
    let name = type_info::name(memory, info).ok_or("the type of the exception cannot be read")?;
    let kinds = library.kinds();
    let part = type_info::offset_of(memory, kinds, info, STD_EXCEPTION);
    Ok(Some(Thrown {
        type_name: type_info::demangled(&name),
        what: part.map(|offset| what::read(memory, object.plus(offset))),
    }))
}

/// Of a variable of a thread.
fn address(
    memory: &Memory<'_>,
    function: Addr,
    variable: ThreadLocal,
    at: &Registers,
) -> Option<Addr> {
    let from_code = |distance: i64| Addr(function.0.wrapping_add_signed(distance));
    let from_thread = |distance: i64| Addr(at.fs_base.wrapping_add_signed(distance));
    match variable {
        ThreadLocal::Offset(distance) => Some(from_thread(distance)),
        ThreadLocal::OffsetAt(place) => {
            let distance = memory.i64(from_code(place)).ok()?;
            Some(from_thread(distance))
        }
        ThreadLocal::IndexAt(place) => {
            let index = from_code(place);
            let module = memory
                .u64(index)
                .ok()
                .filter(|it| (1..MOST_MODULES).contains(it))?;
            let offset = memory.u64(index.plus(8)).ok()?;
            let vector = memory.pointer(Addr(at.fs_base).plus(VECTOR)).ok()?;
            let block = memory.pointer(vector.plus(VECTOR_ENTRY * module)).ok()?;
            // -1: the thread has not used it yet.
            (!block.is_null() && block.0 != u64::MAX).then(|| block.plus(offset))
        }
    }
}

/// The file with the run-time library of C++: `libstdc++`, or a program that has it within.
struct Library {
    elf: Elf,
    bias: Addr,
}

impl Library {
    fn at(process: &dyn Process, address: Addr) -> Option<Library> {
        let mapping = process.mapping_at(address)?;
        let elf = Elf::open(&process.open_file(&mapping).ok()?).ok()?;
        let bias = load_bias(&elf.view().ok()?.segments(), &mapping)?;
        Some(Library { elf, bias })
    }

    fn address(&self, name: &str) -> Option<Addr> {
        let view = self.elf.view().ok()?;
        let linked = view.exported(name).or_else(|| view.local(name))?;
        Some(self.bias.plus(linked))
    }

    fn kinds(&self) -> Kinds {
        // A pointer to a vtable leads behind two words of it.
        let table = |name| self.address(name).map(|at| at.plus(16));
        Kinds {
            single: table("_ZTVN10__cxxabiv120__si_class_type_infoE"),
            several: table("_ZTVN10__cxxabiv121__vmi_class_type_infoE"),
        }
    }
}
