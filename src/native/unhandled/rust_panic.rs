//! A panic of Rust, read where its hook is about to be called: `library/std/src/panicking.rs`.
//!
//! `panic_with_hook(payload: &mut dyn PanicPayload, location: &Location, …)`; up to 1.80 the location is the fourth word, behind a message.
//! The payload is one of std's own types. What a program panics with is in it, or is put together there when the hook asks for it.

use super::text;
use crate::model::Addr;
use crate::process::{Memory, Process, Registers};

/// Longer paths of source files are none. Bytes.
const LONGEST_PATH: u64 = 4096;
/// The methods of a payload begin behind the destructor, the size and the alignment of a vtable. Words.
const HEAD: u64 = 3;
/// Methods of a payload, at most, those of its supertraits with them.
const METHODS: u64 = 6;

/// Where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

/// A panic that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// Nothing if what should be one makes no sense.
    pub location: Option<Location>,
    pub message: Message,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(String),
    /// It is put together later.
    Later(Formatting),
    /// The program panics with something that is no text (`panic_any`).
    NoText,
    Unreadable,
}

/// A message that is to be put together by the method at this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formatting {
    pub method: Addr,
}

impl Panic {
    /// Of a thread that comes to [`Place::Panic`](super::Place). `formats` tells whether a method is one of [`Place::PanicMessage`](super::Place).
    pub fn read(process: &dyn Process, at: &Registers, formats: impl Fn(Addr) -> bool) -> Panic {
        let memory = Memory::new(process);
        // The arguments (System V ABI for x86-64, 3.2.3), of which a reference to a trait object takes two.
        let [payload, vtable, third, fourth] = [at.rdi, at.rsi, at.rdx, at.rcx].map(Addr);
        let location = location(&memory, third).or_else(|| location(&memory, fourth));
        let message = message(process, &memory, payload, vtable, formats);
        Panic {
            location,
            message: message.unwrap_or(Message::Unreadable),
        }
    }

    /// The message, where the method has just returned that puts it together: a `&dyn Any` of a `String`.
    pub fn formatted(process: &dyn Process, at: &Registers) -> Message {
        let memory = Memory::new(process);
        let [value, vtable] = [at.rax, at.rdx].map(Addr);
        let is_string = size(&memory, vtable) == Some(STRING);
        let text = is_string.then(|| text::string(&memory, value)).flatten();
        text.map_or(Message::Unreadable, Message::Text)
    }
}

/// Bytes of a `&str` and of a `String`.
const STR: u64 = 16;
const STRING: u64 = 24;

/// `size_of_val`, from a vtable, if it looks like one.
fn size(memory: &Memory<'_>, vtable: Addr) -> Option<u64> {
    let size = memory.u64(vtable.plus(8)).ok()?;
    let alignment = memory.u64(vtable.plus(16)).ok()?;
    (alignment.is_power_of_two() && i64::try_from(size).is_ok()).then_some(size)
}

fn message(
    process: &dyn Process,
    memory: &Memory<'_>,
    payload: Addr,
    vtable: Addr,
    formats: impl Fn(Addr) -> bool,
) -> Option<Message> {
    let size = size(memory, vtable)?;
    for slot in HEAD..HEAD + METHODS {
        // A vtable may be the last thing that is mapped.
        let Ok(method) = memory.pointer(vtable.plus(8 * slot)) else {
            break;
        };
        if formats(method) {
            return Some(Message::Later(Formatting { method }));
        }
    }
    let text = match size {
        STR => constant(process, memory, payload),
        STRING => text::string(memory, payload),
        _ => None,
    };
    Some(text.map_or(Message::NoText, Message::Text))
}

/// A `&'static str`, which is a constant of a file; other things of its size are hardly ever.
fn constant(process: &dyn Process, memory: &Memory<'_>, at: Addr) -> Option<String> {
    let start = memory.pointer(at).ok()?;
    let length = memory.u64(at.plus(8)).ok()?;
    let mapping = process.mapping_at(start)?;
    let is_constant = !mapping.protection.write && mapping.path().is_some();
    (is_constant || length == 0).then(|| text::utf8(memory, start, length))?
}

/// `core::panic::Location`: the file as a pointer and a length, line and column.
fn location(memory: &Memory<'_>, at: Addr) -> Option<Location> {
    let file = memory.pointer(at).ok()?;
    let length = memory.u64(at.plus(8)).ok()?;
    if !(1..LONGEST_PATH).contains(&length) {
        return None;
    }
    let file = text::utf8(memory, file, length)?;
    let line = memory.u32(at.plus(16)).ok()?;
    let column = memory.u32(at.plus(20)).ok()?;
    let makes_sense = !file.chars().any(char::is_control) && line > 0 && column > 0;
    makes_sense.then_some(Location { file, line, column })
}
