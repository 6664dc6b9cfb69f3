//! Values as `repr()` writes them.

use super::{Datum, Iterated, View};
use crate::model::{Addr, Value};
use crate::python::repr::{complex_text, float_text};
use crate::python::{Limits, Look};

impl Look<'_> {
    /// What `repr()` gives for a value, within limits. Objects of the inferior are written as in a stack.
    pub fn show(&self, datum: &Datum, limits: &Limits) -> Value {
        if let Datum::Object(address) = datum {
            return self.value(*address, limits);
        }
        match datum {
            Datum::Array(view) => return self.view_value(view, limits),
            Datum::Scalar(scalar) => return self.scalar_value(scalar, limits),
            _ => {}
        }
        let mut writer = Writer {
            look: self,
            text: String::new(),
            room: limits.characters,
            depth: limits.depth,
            cut: false,
        };
        writer.datum(datum);
        let mut text = writer.text;
        if writer.cut {
            text.push('…');
        }
        Value {
            type_name: self.host_type_name(datum).to_string(),
            text,
            truncated: writer.cut,
            ..Value::absent(crate::model::Absence::Unbound)
        }
    }

    pub(super) fn type_name_of(&self, datum: &Datum) -> String {
        match datum {
            Datum::Object(_) | Datum::Array(_) | Datum::Scalar(_) => {
                let kind = match datum {
                    Datum::Array(view) if view.class().is_null() => return "ndarray".to_string(),
                    Datum::Scalar(scalar) if scalar.class().is_null() => {
                        return self.scalar_type_name(scalar);
                    }
                    Datum::Array(view) => self.type_at(view.class()),
                    Datum::Scalar(scalar) => self.type_at(scalar.class()),
                    other => self.type_of(other.address().unwrap_or_default()),
                };
                kind.map_or_else(
                    |_| "object".to_string(),
                    |kind| kind.plain_name().to_string(),
                )
            }
            other => self.host_type_name(other).to_string(),
        }
    }

    pub(super) fn function_qualname(&self, function: Addr) -> String {
        let at = function.plus(self.layout().function.qualname);
        let name = self.memory.pointer(at).map_err(Into::into);
        name.and_then(|name| self.name(name))
            .unwrap_or_else(|error| error.absence().to_string())
    }

    /// The name of the type of a value that pmdb made.
    pub(super) fn host_type_name(&self, datum: &Datum) -> &'static str {
        match datum {
            Datum::Object(_) | Datum::Array(_) | Datum::Scalar(_) => "object",
            Datum::None => "NoneType",
            Datum::Ellipsis => "ellipsis",
            Datum::NotImplemented => "NotImplementedType",
            Datum::Bool(_) => "bool",
            Datum::Int(_) => "int",
            Datum::Float(_) => "float",
            Datum::Complex(..) => "complex",
            Datum::Str(_) => "str",
            Datum::Bytes(_) => "bytes",
            Datum::ByteArray(_) => "bytearray",
            Datum::List(_) => "list",
            Datum::Tuple(_) => "tuple",
            Datum::Set(_) => "set",
            Datum::FrozenSet(_) => "frozenset",
            Datum::Dict(_) => "dict",
            Datum::Range(_) => "range",
            Datum::Slice(_) => "slice",
            Datum::Method { .. } => "method",
            Datum::BuiltinMethod { .. } => "builtin_function_or_method",
            Datum::View(view, _) => view.type_name(),
            Datum::Iterator(kind, _) => kind.type_name(),
        }
    }
}

struct Writer<'l, 'p> {
    look: &'l Look<'p>,
    text: String,
    room: usize,
    depth: usize,
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
        let value = self.look.value(object, &self.left());
        self.value(&value);
    }

    fn left(&self) -> Limits {
        Limits {
            characters: self.room,
            depth: self.depth,
        }
    }

    fn value(&mut self, value: &Value) {
        self.put(value.text.trim_end_matches('…'));
        self.cut |= value.truncated;
    }

    fn datum(&mut self, datum: &Datum) {
        if self.cut {
            return;
        }
        match datum {
            Datum::Object(object) => self.object(*object),
            Datum::Array(view) => self.value(&self.look.view_value(view, &self.left())),
            Datum::Scalar(scalar) => self.value(&self.look.scalar_value(scalar, &self.left())),
            Datum::None => self.put("None"),
            Datum::Ellipsis => self.put("Ellipsis"),
            Datum::NotImplemented => self.put("NotImplemented"),
            Datum::Bool(truth) => self.put(if *truth { "True" } else { "False" }),
            Datum::Int(value) => self.put(&value.to_string()),
            Datum::Float(value) => self.put(&float_text(*value)),
            Datum::Complex(real, imaginary) => self.put(&complex_text(*real, *imaginary)),
            Datum::Str(points) => self.put(&self.look.text_literal(points)),
            Datum::Bytes(bytes) => self.put(&self.look.bytes_literal(bytes)),
            Datum::ByteArray(bytes) => {
                self.put(&format!("bytearray({})", self.look.bytes_literal(bytes)));
            }
            Datum::List(members) => self.members("[", members, "]"),
            Datum::Tuple(members) => {
                self.members("(", members, if members.len() == 1 { ",)" } else { ")" });
            }
            Datum::Set(members) if members.is_empty() => self.put("set()"),
            Datum::Set(members) => self.members("{", members, "}"),
            Datum::FrozenSet(members) if members.is_empty() => self.put("frozenset()"),
            Datum::FrozenSet(members) => self.members("frozenset({", members, "})"),
            Datum::Dict(items) => self.dict(items),
            Datum::Range(range) => {
                let step = if range.step == 1.into() {
                    String::new()
                } else {
                    format!(", {}", range.step)
                };
                self.put(&format!("range({}, {}{step})", range.start, range.stop));
            }
            Datum::Slice(parts) => self.members("slice(", &parts[..], ")"),
            Datum::Method { function, receiver } => {
                let name = self.look.function_qualname(*function);
                self.put(&format!("<bound method {name} of "));
                self.datum(receiver);
                self.put(">");
            }
            Datum::BuiltinMethod { name, receiver } => {
                let kind = self.look.type_name_of(receiver);
                self.put(&format!("<built-in method {name} of {kind} object>"));
            }
            Datum::View(view, members) => self.view(*view, members),
            Datum::Iterator(kind, _) => self.iterator(*kind),
        }
    }

    fn view(&mut self, view: View, members: &[Datum]) {
        self.put(view.type_name());
        self.members("([", members, "])");
    }

    fn iterator(&mut self, kind: Iterated) {
        match kind {
            Iterated::Generator => self.put("<generator object <genexpr>>"),
            other => self.put(&format!("<{} object>", other.type_name())),
        }
    }

    fn members(&mut self, before: &str, members: &[Datum], after: &str) {
        self.put(before);
        if self.depth == 0 && !members.is_empty() {
            self.put("…");
        } else {
            self.depth = self.depth.saturating_sub(1);
            for (index, member) in members.iter().enumerate() {
                self.put(if index == 0 { "" } else { ", " });
                self.datum(member);
                if self.cut {
                    break;
                }
            }
            self.depth += 1;
        }
        self.put(after);
    }

    fn dict(&mut self, items: &[(Datum, Datum)]) {
        self.put("{");
        if self.depth == 0 && !items.is_empty() {
            self.put("…");
        } else {
            self.depth = self.depth.saturating_sub(1);
            for (index, (key, value)) in items.iter().enumerate() {
                self.put(if index == 0 { "" } else { ", " });
                self.datum(key);
                self.put(": ");
                self.datum(value);
                if self.cut {
                    break;
                }
            }
            self.depth += 1;
        }
        self.put("}");
    }
}
