//! `what()` of an exception without calling it: by its code, where that only gives back a constant or a field of the object.
//!
//! So do those of the standard library (a field of `std::runtime_error` and `std::logic_error`, a constant in `std::bad_alloc`), and most that
//! programs write: a literal, a `char *`, the characters of a `std::string`.

use memchr::memmem;

use super::text;
use crate::model::Addr;
use crate::process::Memory;

/// Bytes of the code that are looked at.
const CODE: usize = 64;
/// Its place in the vtable of `std::exception`, behind two destructors. Words.
const SLOT: u64 = 2;

const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// `push rbp; mov rbp, rsp`, and `mov [rbp-8], rdi`: what a compiler begins with that does not optimise, and `pop rbp; ret`.
const FRAME: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
const KEEP_THIS: [u8; 4] = [0x48, 0x89, 0x7d, 0xf8];
const LOAD_THIS: [u8; 4] = [0x48, 0x8b, 0x45, 0xf8];
const LEAVE: [u8; 2] = [0x5d, 0xc3];
const RET: u8 = 0xc3;

/// What it would give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Result {
    /// A constant, so far from the beginning of the code.
    Constant(i64),
    /// A pointer in the object, at this offset.
    Field(i32),
}

/// The text that `what()` of an object would give back, or why that cannot be told. `exception` is its part that is a `std::exception`.
pub(super) fn read(memory: &Memory<'_>, exception: Addr) -> std::result::Result<String, String> {
    let unreadable = || "the object cannot be read".to_string();
    let vtable = memory.pointer(exception).map_err(|_| unreadable())?;
    let function = memory
        .pointer(vtable.plus(8 * SLOT))
        .map_err(|_| unreadable())?;
    let code = memory.bytes(function, CODE).map_err(|_| unreadable())?;
    let result = result(&code);
    let result = result.ok_or("it has a what() of its own that would have to be run")?;
    let text = match result {
        Result::Constant(distance) => Some(Addr(function.0.wrapping_add_signed(distance))),
        Result::Field(offset) => {
            let field = exception.0.wrapping_add_signed(offset.into());
            memory.pointer(Addr(field)).ok()
        }
    };
    text.and_then(|text| text::c_string(memory, text))
        .ok_or_else(|| "the text of its what() cannot be read".to_string())
}

fn result(code: &[u8]) -> Option<Result> {
    let mut rest = code;
    let skip = |rest: &mut &[u8], bytes: &[u8]| {
        let found = rest.strip_prefix(bytes);
        *rest = found.unwrap_or(rest);
        found.is_some()
    };
    skip(&mut rest, &ENDBR64);
    let has_frame = skip(&mut rest, &FRAME);
    if has_frame && !skip(&mut rest, &KEEP_THIS) {
        return None;
    }
    let ends = |rest: &[u8]| match has_frame {
        true => rest.starts_with(&LEAVE),
        false => rest.first() == Some(&RET),
    };
    // lea rax, [rip + …]
    if let Some(operand) = rest.strip_prefix(&[0x48, 0x8d, 0x05]) {
        let (distance, behind) = operand.split_first_chunk::<4>()?;
        let next = (code.len() - behind.len()) as i64;
        let distance = next + i64::from(i32::from_le_bytes(*distance));
        return ends(behind).then_some(Result::Constant(distance));
    }
    // mov rax, [rdi + …], or with the kept pointer mov rax, [rax + …].
    let is_loaded = has_frame && skip(&mut rest, &LOAD_THIS);
    let base = if is_loaded { 0x40 } else { 0x47 };
    if has_frame && !is_loaded {
        return None;
    }
    let operand = rest.strip_prefix(&[0x48, 0x8b])?;
    let (&mode, operand) = operand.split_first()?;
    let (offset, behind) = if mode == base {
        let (&offset, behind) = operand.split_first()?;
        (i32::from(offset.cast_signed()), behind)
    } else if mode == base + 0x40 {
        let (offset, behind) = operand.split_first_chunk::<4>()?;
        (i32::from_le_bytes(*offset), behind)
    } else {
        return None;
    };
    ends(behind).then_some(Result::Field(offset))
}

/// Where the code of a function finds a variable of its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThreadLocal {
    /// So far from the thread pointer.
    Offset(i64),
    /// The distance from the thread pointer stands in a word, so far from the beginning of the code.
    OffsetAt(i64),
    /// A `tls_index` (module and offset) stands so far from the beginning of the code.
    IndexAt(i64),
}

/// Of a function that gives back the address of one: "ELF Handling For Thread-Local Storage", 4.4, in the models of general dynamic, initial
/// exec and local exec.
pub(super) fn thread_local(code: &[u8]) -> Option<ThreadLocal> {
    let operand = |pattern: &[u8]| {
        let at = memmem::find(code, pattern)? + pattern.len();
        let bytes = code.get(at..at + 4)?.try_into().ok()?;
        let value = i64::from(i32::from_le_bytes(bytes));
        Some((value, at as i64 + 4 + value))
    };
    // lea rdi, [rip + …], before a call of `__tls_get_addr`.
    let general = operand(&[0x48, 0x8d, 0x3d]).map(|(_, at)| ThreadLocal::IndexAt(at));
    // mov rax, fs:0
    let has_pointer = memmem::find(code, &[0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]).is_some();
    let from_pointer = || {
        // add rax, [rip + …]; add rax, …; lea rax, [rax + …]
        let initial = operand(&[0x48, 0x03, 0x05]).map(|(_, at)| ThreadLocal::OffsetAt(at));
        let add = || operand(&[0x48, 0x05]).map(|(value, _)| ThreadLocal::Offset(value));
        let lea = || operand(&[0x48, 0x8d, 0x80]).map(|(value, _)| ThreadLocal::Offset(value));
        initial.or_else(add).or_else(lea)
    };
    general.or_else(|| has_pointer.then(from_pointer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_functions_are_read() {
        let constant = [0x48, 0x8d, 0x05, 0x10, 0, 0, 0, 0xc3];
        assert_eq!(result(&constant), Some(Result::Constant(7 + 0x10)));
        let field = [&ENDBR64[..], &[0x48, 0x8b, 0x47, 0x08, 0xc3]].concat();
        assert_eq!(result(&field), Some(Result::Field(8)));
        let begin = [&ENDBR64[..], &FRAME, &KEEP_THIS].concat();
        let kept = [&begin[..], &LOAD_THIS, &[0x48, 0x8b, 0x40, 0x10], &LEAVE].concat();
        assert_eq!(result(&kept), Some(Result::Field(16)));
        let literal = [&begin[..], &[0x48, 0x8d, 0x05, 1, 0, 0, 0], &LEAVE].concat();
        assert_eq!(result(&literal), Some(Result::Constant(19 + 1)));
        // It calls something.
        let calls = [&begin[..], &[0xe8, 0, 0, 0, 0], &LEAVE].concat();
        assert_eq!(result(&calls), None);
        assert_eq!(result(&[]), None);
    }
}
