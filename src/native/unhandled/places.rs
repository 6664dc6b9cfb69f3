//! Where in a module a failure begins, or something that pmdb leaves alone, by the names of functions.
//!
//! The names have been the same for years, also in both manglings and behind link-time optimisation, but no language promises them. A module
//! without a symbol table has none of those of Rust.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;

use crate::native::Svma;
use crate::process::elf::{Elf, ElfView};

/// What happens where a thread comes to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A panic of Rust begins: its hook is about to be called (`std::panicking::panic_with_hook`; up to 1.88 `rust_panic_with_hook`).
    Panic,
    /// The message of a panic is about to be put together, for the hook.
    PanicMessage,
    /// A program of C++ is about to end since nobody catches an exception: `std::terminate()`, or what it calls itself.
    Terminate,
    /// A Python makes another interpreter beside its own.
    SubInterpreter,
}

/// What makes an interpreter beside the main one: from 3.12 on, from 3.9 to 3.11, and before (`Include/pylifecycle.h`).
const NEW_INTERPRETERS: [&str; 3] = [
    "Py_NewInterpreterFromConfig",
    "_Py_NewInterpreter",
    "Py_NewInterpreter",
];

/// How the names look for which a table of symbols is read at all.
const TRACES: [&[u8]; 3] = [
    b"panic_with_hook",
    b"10__cxxabiv111__terminate",
    b"_ZSt9terminatev",
];

/// Those of one file.
type OfFile = Arc<[(Svma, Place)]>;

/// The places in files, read once for all processes that map them. By device and inode.
#[derive(Debug, Default)]
pub struct Places(Mutex<HashMap<(u64, u64), OfFile>>);

impl Places {
    /// Those of a file; none if it is no ELF file, or cannot be opened.
    pub fn of(&self, path: &Path) -> OfFile {
        self.read(path).unwrap_or_default()
    }

    fn read(&self, path: &Path) -> Option<OfFile> {
        let about = std::fs::metadata(path)
            .ok()
            .filter(|about| about.is_file())?;
        let key = (about.dev(), about.ino());
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&key) {
            return Some(found.clone());
        }
        let elf = Elf::open(&File::open(path).ok()?).ok()?;
        let found: OfFile = elf
            .view()
            .map(|view| places(&view))
            .unwrap_or_default()
            .into();
        known().insert(key, found.clone());
        Some(found)
    }
}

fn places(view: &ElfView<'_>) -> Vec<(Svma, Place)> {
    let mut found = Vec::new();
    let names = view.symbol_names().unwrap_or_default();
    let has_traces = TRACES
        .iter()
        .any(|trace| memmem::find(names, trace).is_some());
    if has_traces {
        for (name, address) in view.functions() {
            found.extend(place(name).map(|place| (Svma(address), place)));
        }
    }
    let is_terminate = |(_, place): &(Svma, Place)| *place == Place::Terminate;
    if !found.iter().any(is_terminate) {
        found.extend(terminate(view).map(|at| (at, Place::Terminate)));
    }
    let new = NEW_INTERPRETERS
        .iter()
        .filter_map(|name| view.exported(name));
    found.extend(new.map(|at| (Svma(at), Place::SubInterpreter)));
    found
}

fn place(name: &[u8]) -> Option<Place> {
    let name = std::str::from_utf8(name).ok()?;
    if name.starts_with("_ZN10__cxxabiv111__terminateEPFvvE") {
        return Some(Place::Terminate);
    }
    // Most names are neither, and are not worth the work.
    if !name.contains("panic_with_hook") && !name.contains("panic_handler") {
        return None;
    }
    // A part of a function that is seldom run, put elsewhere.
    if name.contains(".cold") {
        return None;
    }
    let whole = format!("{:#}", rustc_demangle::demangle(name));
    match whole.as_str() {
        "std::panicking::panic_with_hook" | "std::panicking::rust_panic_with_hook" => {
            Some(Place::Panic)
        }
        _ => is_formatter(&whole).then_some(Place::PanicMessage),
    }
}

/// `<std::panicking::panic_handler::FormatStringPayload as core::panic::PanicPayload>::get`; up to 1.88 `begin_panic_handler`, up to 1.80
/// a `PanicPayload` that is a `BoxMeUp`.
fn is_formatter(name: &str) -> bool {
    let Some((payload, interface)) = name.split_once(" as core::panic::") else {
        return false;
    };
    name.starts_with("<std::panicking::")
        && payload.contains("panic_handler")
        && (payload.ends_with("::FormatStringPayload") || payload.ends_with("::PanicPayload"))
        && interface.ends_with(">::get")
}

/// Without symbols, `__cxxabiv1::__terminate` is what `std::terminate()` calls last, and what a `noexcept` function that throws comes to
/// without it (`libstdc++-v3/libsupc++/eh_terminate.cc`).
fn terminate(view: &ElfView<'_>) -> Option<Svma> {
    const CODE: usize = 48;
    let public = view
        .exported("_ZSt9terminatev")
        .filter(|address| *address != 0)?;
    let inner = || {
        let code = view.bytes_at(public, CODE)?;
        // mov rdi, rax; call …
        let at = memmem::find(code, &[0x48, 0x89, 0xc7, 0xe8])? + 4;
        let distance = code.get(at..at + 4)?.try_into().ok()?;
        let behind = public.wrapping_add(at as u64 + 4);
        let target = behind.wrapping_add_signed(i32::from_le_bytes(distance).into());
        view.bytes_at(target, 1).map(|_| target)
    };
    Some(Svma(inner().unwrap_or(public)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_a_panic_are_known_by_both_manglings() {
        for (name, expected) in [
            (
                "_RNvNtCsjrHSEGnQ3l9_3std9panicking15panic_with_hook",
                Some(Place::Panic),
            ),
            (
                "_RNvNtCsjrHSEGnQ3l9_3std9panicking15panic_with_hook.llvm.123",
                Some(Place::Panic),
            ),
            (
                "_ZN3std9panicking20rust_panic_with_hook17h33ac93a9d5ec9e2dE",
                Some(Place::Panic),
            ),
            (
                "_ZN3std9panicking20rust_panic_with_hook17h33ac93a9d5ec9e2dE.llvm.5",
                Some(Place::Panic),
            ),
            (
                "_ZN3std9panicking20rust_panic_with_hook17h33ac93a9d5ec9e2dE.cold",
                None,
            ),
            (
                "_RNvXs_NvNtCsjrHSEGnQ3l9_3std9panicking13panic_handlerNtB4_19FormatStringPayloadNtNtCsgEmfK2I1SDS_4core5panic12PanicPayload3get",
                Some(Place::PanicMessage),
            ),
            (
                "_ZN102_$LT$std..panicking..begin_panic_handler..FormatStringPayload$u20$as$u20$core..panic..PanicPayload$GT$3get17h5a8a1dcb4d1a0d6bE",
                Some(Place::PanicMessage),
            ),
            (
                "_RNvXs1_NvNtCsjrHSEGnQ3l9_3std9panicking13panic_handlerNtB5_16StaticStrPayloadNtNtCsgEmfK2I1SDS_4core5panic12PanicPayload3get",
                None,
            ),
            ("_ZN10__cxxabiv111__terminateEPFvvE", Some(Place::Terminate)),
            ("panic_with_hook", None),
        ] {
            assert_eq!(place(name.as_bytes()), expected, "{name}");
        }
    }
}
