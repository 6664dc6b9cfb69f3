//! `std::type_info` in memory: Itanium C++ ABI, 2.9.5.

use crate::model::Addr;
use crate::process::Memory;

/// Classes that lead to each other, at most.
const MOST_BASES: usize = 64;
/// Bases of one class that are looked at.
const MOST_OF_ONE: u32 = 32;
/// Bytes of a name.
const LONGEST_NAME: usize = 4096;

/// `__offset_flags`: the offset lies above the flags.
const VIRTUAL: i64 = 1;
const OFFSET_SHIFT: u32 = 8;

/// What the vtable of a `type_info` tells of its class: they are those of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds {
    /// `__si_class_type_info`: one base, at the beginning.
    pub single: Option<Addr>,
    /// `__vmi_class_type_info`: any others.
    pub several: Option<Addr>,
}

/// The mangled name of a type.
pub(super) fn name(memory: &Memory<'_>, info: Addr) -> Option<String> {
    let name = memory.pointer(info.plus(8)).ok()?;
    let bytes = memory.c_string(name, LONGEST_NAME).ok()?;
    let name = String::from_utf8(bytes).ok()?;
    // One that is compared by its address alone.
    let name = name.strip_prefix('*').unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_string())
}

/// As it is written in the program.
pub(super) fn demangled(name: &str) -> String {
    // A `type_info` has a type's name without what makes it a symbol.
    let symbol = cpp_demangle::Symbol::new(format!("_ZTS{name}"));
    let text = symbol.ok().and_then(|symbol| symbol.demangle().ok());
    let text = text.as_deref();
    let text = text.and_then(|text| text.strip_prefix("typeinfo name for "));
    text.unwrap_or(name).to_string()
}

/// Where in an object of a class its part of another class lies, in bytes; nothing if it has none that can be found without running code.
pub(super) fn offset_of(
    memory: &Memory<'_>,
    kinds: Kinds,
    class: Addr,
    wanted: &str,
) -> Option<u64> {
    let mut waiting = Vec::from([(class, 0_u64)]);
    let mut looked_at = 0;
    while let Some((class, offset)) = waiting.pop() {
        looked_at += 1;
        if looked_at > MOST_BASES {
            return None;
        }
        if name(memory, class).as_deref() == Some(wanted) {
            return Some(offset);
        }
        let kind = memory.pointer(class).ok();
        if kind.is_some() && kind == kinds.single {
            let base = memory.pointer(class.plus(16)).ok();
            waiting.extend(base.map(|base| (base, offset)));
        } else if kind.is_some() && kind == kinds.several {
            let count = memory.u32(class.plus(20)).unwrap_or(0).min(MOST_OF_ONE);
            for number in 0..u64::from(count) {
                let entry = class.plus(24 + 16 * number);
                let (Ok(base), Ok(flags)) = (memory.pointer(entry), memory.i64(entry.plus(8)))
                else {
                    continue;
                };
                // The place of a virtual base is only known by the object.
                if flags & VIRTUAL == 0 {
                    let within = flags >> OFFSET_SHIFT;
                    waiting.push((base, offset.wrapping_add_signed(within)));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_program() {
        for (mangled, name) in [
            ("i", "int"),
            ("PKc", "char const*"),
            ("St13runtime_error", "std::runtime_error"),
            ("N3lib5ErrorE", "lib::Error"),
            ("?", "?"),
        ] {
            assert_eq!(demangled(mangled), name);
        }
    }
}
