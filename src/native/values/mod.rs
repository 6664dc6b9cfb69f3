//! The values of variables, as text in the form of their language: what `{:?}` gives in Rust, what gdb prints in C and C++.
//!
//! They are decoded from what the debug information says of their types. What a library's container looks like inside is told by the names of its members
//! (`rust_library`, `cpp_library`), not by a version of the compiler: one that looks otherwise is shown with its plain members.

mod cpp_blocks;
mod cpp_library;
mod cpp_tuples;
mod format;
mod llvm_library;
mod llvm_parts;
mod location;
mod map_entries;
mod members;
mod numbers;
mod parts;
mod plain;
mod rust_guards;
mod rust_iterators;
mod rust_library;
mod rust_maps;
mod rust_sequences;
mod rust_states;
mod rust_times;
mod storage;
mod strings;
mod structures;
mod text;

use std::sync::Arc;

use super::dwarf::{EntryRef, Module, Place, Variable, is_static, variables_at};
use super::types::Type;
use crate::model::{Absence, Addr, Local, LocalKind, Value};
use crate::process::Memory;
pub use format::Format;
pub use location::FrameState;
pub(in crate::native) use location::Locator;
pub(in crate::native) use parts::Elements;
pub(in crate::native) use plain::is_rust;
pub(in crate::native) use rust_states::{AWAITED, BY_REFERENCE, captured, declared};
pub(in crate::native) use storage::{Pieces, Storage, sign_extended};
pub(in crate::native) use strings::quoted;
use text::{Full, Text};

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Characters of the text.
    pub characters: usize,
    /// Values inside values; at most [`Limits::DEEPEST`].
    pub depth: usize,
}

impl Limits {
    /// Deeper values are cut however deep they were asked for: pmdb's own stack has an end.
    pub const DEEPEST: usize = 50;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            characters: 1_000,
            depth: 20,
        }
    }
}

/// The variables of each frame of the source at an address as linked, the innermost frame first, as [`Module::frames_at`] has them.
pub(super) fn locals<'s, 'a>(
    module: &'s Module<'a>,
    address: u64,
    frame: &FrameState<'_>,
    limits: &Limits,
) -> Vec<Vec<Local>> {
    let scopes: Vec<EntryRef<'s, 'a>> = module.scopes_at(address);
    let Some(&function) = scopes.last() else {
        return Vec::new();
    };
    let locator = Locator {
        frame,
        within: function.within,
        function,
        address,
    };
    let of_scope = |scope: EntryRef<'s, 'a>| {
        let variables = variables_at(scope, address, module).into_iter();
        variables
            .map(|variable| local(module, &variable, &locator, limits))
            .collect()
    };
    scopes.into_iter().map(of_scope).collect()
}

fn local<'s, 'a>(
    module: &'s Module<'a>,
    variable: &Variable<'s, 'a>,
    locator: &Locator<'_, 's, 'a>,
    limits: &Limits,
) -> Local {
    let writer = Writer {
        module,
        memory: locator.frame.memory,
        bias: locator.frame.bias,
        depth: limits.depth.min(Limits::DEEPEST),
        format: None,
    };
    let kind = variable.kind.and_then(|at| Type::read(at, module));
    let value = match &kind {
        Some(kind) => {
            let storage = locator.locate(&variable.place, kind.size.unwrap_or(0));
            writer.value(kind, storage, limits)
        }
        None => Value::absent(Absence::Unsupported {
            what: "its type, which the debug information does not tell".into(),
        }),
    };
    // Counted, so that a stack with very many variables comes to an end. What is over the limit says so itself.
    let size = size_of::<Value>() + value.text.len() + value.type_name.len();
    let _ = locator
        .frame
        .memory
        .keep(value.address.unwrap_or_default(), size);
    Local {
        name: variable.name.as_str().into(),
        kind: match &variable.place {
            _ if variable.is_parameter => LocalKind::Argument,
            Place::Location(place) if is_static(*place) => LocalKind::Static,
            _ => LocalKind::Local,
        },
        value: Arc::new(value),
    }
}

/// Writes values.
pub(in crate::native) struct Writer<'w, 's, 'a> {
    pub module: &'s Module<'a>,
    pub memory: &'w Memory<'w>,
    /// The load bias of the module.
    pub bias: Addr,
    /// Levels that values may be inside of each other.
    pub depth: usize,
    /// How numbers are written, if not in the form of their type.
    pub format: Option<Format>,
}

impl<'s, 'a> Writer<'_, 's, 'a> {
    pub fn value(
        &self,
        kind: &Type<'s, 'a>,
        storage: Result<Storage, Absence>,
        limits: &Limits,
    ) -> Value {
        let absent = |absence| Value {
            type_name: kind.name.clone(),
            ..Value::absent(absence)
        };
        let storage = match storage {
            Ok(storage) => storage,
            Err(absence) => return absent(absence),
        };
        let mut text = Text::new(limits.characters);
        let mut written = self.write(kind, &storage, self.depth, &mut text);
        if let Err(Stop::Absent(absence)) = written {
            if text.text.is_empty() {
                return absent(absence);
            }
            written = text.push(&absence.to_string()).map_err(Stop::from);
        }
        Value {
            type_name: kind.name.clone(),
            text: text.text,
            truncated: written == Err(Stop::Full),
            address: storage.address(),
            ..Value::default()
        }
    }
}

/// A value that is to be written.
#[derive(Clone, Copy)]
struct Shown<'v, 's, 'a> {
    kind: &'v Type<'s, 'a>,
    storage: &'v Storage,
    /// Levels that the values inside of it may be inside of each other.
    depth: usize,
}

/// Why a value is not written to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    Full,
    Absent(Absence),
    /// A container of a library that has not the members which are known here. Nothing is written of it.
    OtherLayout,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Stop {
        Stop::Full
    }
}

impl From<Absence> for Stop {
    fn from(absence: Absence) -> Stop {
        Stop::Absent(absence)
    }
}

type Written = Result<(), Stop>;
