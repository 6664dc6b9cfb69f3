//! The text of a value: what `repr()` gives in the target for the builtin types, cut at a limit.

use super::LookError;
use super::literal::{complex, float, octets, string};
use super::look::Look;
use super::object::{Builtin, Integer, TypeInfo};
use crate::model::{Addr, Value};

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of the text.
    pub characters: usize,
    /// Containers inside containers.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            characters: 1_000,
            depth: 20,
        }
    }
}

impl Look<'_> {
    /// The object at an address as it is shown.
    pub fn value(&self, object: Addr, limits: &Limits) -> Value {
        let kind = match self.type_of(object) {
            Ok(kind) => kind,
            Err(error) => return Value::absent(error.absence()),
        };
        let mut writer = Writer {
            look: self,
            text: String::new(),
            room: limits.characters,
            depth: limits.depth,
            open: Vec::new(),
            cut: false,
        };
        writer.object(object);
        let mut text = writer.text;
        if writer.cut {
            text.push('…');
        }
        Value {
            type_name: kind.shown_name(),
            text,
            truncated: writer.cut,
            address: Some(object),
            ..Value::default()
        }
    }
}

struct Writer<'l, 'p> {
    look: &'l Look<'p>,
    text: String,
    /// Characters that may still be written.
    room: usize,
    depth: usize,
    /// The containers that are being written: one that comes again is a cycle.
    open: Vec<Addr>,
    cut: bool,
}

impl Writer<'_, '_> {
    fn put(&mut self, piece: &str) {
        for character in piece.chars() {
            if self.room == 0 {
                self.cut = true;
                return;
            }
            self.room -= 1;
            self.text.push(character);
        }
    }

    fn object(&mut self, object: Addr) {
        if self.cut {
            return;
        }
        let written = self
            .look
            .type_of(object)
            .and_then(|kind| self.typed(object, &kind));
        if let Err(error) = written {
            self.put(&error.absence().to_string());
        }
    }

    fn typed(&mut self, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
        if !kind.exact {
            return self.opaque(object, kind);
        }
        match kind.builtin {
            Builtin::None => self.put("None"),
            Builtin::Ellipsis => self.put("Ellipsis"),
            Builtin::NotImplemented => self.put("NotImplemented"),
            Builtin::Bool => {
                let truth = self.look.integer(object)? != Integer::Exact(0.into());
                self.put(if truth { "True" } else { "False" });
            }
            Builtin::Int => match self.look.integer(object)? {
                Integer::Exact(value) => self.put(&value.to_string()),
                Integer::Huge { bits } => self.put(&format!("<int of about {bits} bits>")),
            },
            Builtin::Float => {
                let at = self.look.layout().object.float_value;
                let value = self.look.memory.f64(object.plus(at))?;
                self.put(&float(value));
            }
            Builtin::Complex => self.complex(object)?,
            Builtin::Str => self.string(object)?,
            Builtin::Bytes => {
                let (bytes, length) = self.look.bytes_object(object, self.room + 1)?;
                self.bytes(&bytes, length);
            }
            Builtin::ByteArray => {
                let layout = &self.look.layout().object;
                let length = self.look.length(object)?;
                let start = self
                    .look
                    .memory
                    .pointer(object.plus(layout.bytearray_start))?;
                let count = usize::try_from(length)
                    .unwrap_or(usize::MAX)
                    .min(self.room + 1);
                let bytes = self.look.memory.bytes(start, count)?;
                self.put("bytearray(");
                self.bytes(&bytes, length);
                self.put(")");
            }
            Builtin::List | Builtin::Tuple | Builtin::Dict | Builtin::Set | Builtin::FrozenSet => {
                self.container(object, kind.builtin)?;
            }
            Builtin::Range => self.range(object)?,
            Builtin::Slice => {
                let layout = &self.look.layout().object;
                let parts = [layout.slice_start, layout.slice_stop, layout.slice_step];
                self.put("slice(");
                for (index, at) in parts.into_iter().enumerate() {
                    self.put(if index == 0 { "" } else { ", " });
                    let part = self.look.memory.pointer(object.plus(at))?;
                    self.object(part);
                }
                self.put(")");
            }
            Builtin::Function => {
                let at = self.look.layout().function.qualname;
                let name = self.look.name(self.look.memory.pointer(object.plus(at))?)?;
                self.put(&format!("<function {name} at {object}>"));
            }
            Builtin::Type => {
                let name = self.look.qualified_type_name(object)?;
                self.put(&format!("<class '{name}'>"));
            }
            Builtin::Module | Builtin::Other => self.opaque(object, kind)?,
        }
        Ok(())
    }

    fn opaque(&mut self, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
        self.put(&format!("<{} object at {object}>", kind.name));
        Ok(())
    }

    fn complex(&mut self, object: Addr) -> Result<(), LookError> {
        let at = object.plus(self.look.layout().object.complex_real);
        let real = self.look.memory.f64(at)?;
        let imaginary = self.look.memory.f64(at.plus(8))?;
        self.put(&complex(real, imaginary));
        Ok(())
    }

    fn string(&mut self, object: Addr) -> Result<(), LookError> {
        let text = self.look.text(object, self.room + 1)?;
        self.put(&string(&text.code_points));
        self.cut |= text.code_points.len() as u64 != text.length;
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], length: u64) {
        self.put(&octets(bytes));
        self.cut |= bytes.len() as u64 != length;
    }

    fn range(&mut self, object: Addr) -> Result<(), LookError> {
        let layout = &self.look.layout().object;
        let part = |at| self.look.memory.pointer(object.plus(at));
        let (start, stop) = (part(layout.range_start)?, part(layout.range_stop)?);
        let step = part(layout.range_step)?;
        self.put("range(");
        self.object(start);
        self.put(", ");
        self.object(stop);
        if self.look.integer(step)? != Integer::Exact(1.into()) {
            self.put(", ");
            self.object(step);
        }
        self.put(")");
        Ok(())
    }

    fn container(&mut self, object: Addr, kind: Builtin) -> Result<(), LookError> {
        let (before, after) = match kind {
            Builtin::List => ("[", "]"),
            Builtin::Tuple => ("(", ")"),
            Builtin::FrozenSet => ("frozenset({", "})"),
            _ => ("{", "}"),
        };
        if self.open.contains(&object) {
            self.put(&format!("{before}...{after}"));
            return Ok(());
        }
        if self.open.len() >= self.depth {
            self.put(&format!("{before}…{after}"));
            return Ok(());
        }
        self.open.push(object);
        let written = self.members(object, kind, before, after);
        self.open.pop();
        written
    }

    fn members(
        &mut self,
        object: Addr,
        kind: Builtin,
        before: &str,
        after: &str,
    ) -> Result<(), LookError> {
        // Every member takes at least a character.
        let limit = self.room + 1;
        if kind == Builtin::Dict {
            let items = self.look.dict_items(object, limit)?;
            self.put(before);
            for (index, (key, value)) in items.into_iter().enumerate() {
                self.put(if index == 0 { "" } else { ", " });
                self.object(key);
                self.put(": ");
                self.object(value);
                if self.cut {
                    return Ok(());
                }
            }
            self.put(after);
            return Ok(());
        }
        let (members, length) = match kind {
            Builtin::List | Builtin::Tuple => (
                self.look.sequence(object, limit as u64)?,
                self.look.length(object)?,
            ),
            _ => self.look.set_members(object, limit)?,
        };
        if length == 0 && matches!(kind, Builtin::Set | Builtin::FrozenSet) {
            self.put(if kind == Builtin::Set {
                "set()"
            } else {
                "frozenset()"
            });
            return Ok(());
        }
        self.put(before);
        for (index, member) in members.into_iter().enumerate() {
            self.put(if index == 0 { "" } else { ", " });
            self.object(member);
            if self.cut {
                return Ok(());
            }
        }
        self.put(if kind == Builtin::Tuple && length == 1 {
            ",)"
        } else {
            after
        });
        Ok(())
    }
}
