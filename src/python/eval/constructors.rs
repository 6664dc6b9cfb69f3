//! Calls of the classes of `builtins`: `int('7')`, `list(x)`, `type(x)`.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};

use super::call::Arguments;
use super::{Datum, EvalError, Evaluator, Iterated, Range};
use crate::model::Addr;
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn construct(&self, name: &str, arguments: Arguments) -> Result<Datum, EvalError> {
        let (most, names): (usize, &[&str]) = match name {
            "int" => (2, &["base"]),
            "str" => (3, &["object", "encoding", "errors"]),
            "bytes" | "bytearray" => (3, &["source", "encoding", "errors"]),
            "enumerate" => (2, &["iterable", "start"]),
            "zip" => (usize::MAX, &["strict"]),
            "range" | "slice" => (3, &[]),
            "complex" => (2, &["real", "imag"]),
            "float" | "bool" | "list" | "tuple" | "set" | "frozenset" | "reversed" | "type" => {
                (1, &[])
            }
            "dict" => return self.dict(&arguments),
            _ => return Err(EvalError::needs(format!("calling `{name}`"))),
        };
        let least = match name {
            "range" | "slice" | "enumerate" | "reversed" | "type" => 1,
            _ => 0,
        };
        if name == "type" && arguments.positional.len() == 3 {
            return Err(EvalError::needs("making a class"));
        }
        arguments.count(name, least, most, names)?;
        let first = arguments.get(0);
        let members = || first.map_or(Ok(Vec::new()), |first| self.iterate(first));
        match name {
            "bool" => first
                .map_or(Ok(false), |first| self.truth(first))
                .map(Datum::Bool),
            "int" => self.int(first, arguments.either(1, "base")),
            "float" => self.float(first),
            "complex" => self.complex(arguments.either(0, "real"), arguments.either(1, "imag")),
            "str" => match arguments.either(1, "encoding") {
                None => match arguments.either(0, "object") {
                    Some(object) => self.str(object).map(|text| Datum::Str(Arc::new(text))),
                    None => Ok(Datum::text("")),
                },
                Some(_) => {
                    let rest =
                        Arguments::of(arguments.positional.iter().skip(1).cloned().collect());
                    let object = first.cloned().unwrap_or(Datum::None);
                    self.method(&object, "decode", &rest)
                }
            },
            "bytes" | "bytearray" => {
                let bytes = Arc::new(self.bytes(&arguments)?);
                Ok(if name == "bytes" {
                    Datum::Bytes(bytes)
                } else {
                    Datum::ByteArray(bytes)
                })
            }
            "list" => members().map(Datum::list),
            "tuple" => members().map(Datum::tuple),
            "set" => Ok(Datum::Set(Arc::new(self.distinct(members()?)?))),
            "frozenset" => Ok(Datum::FrozenSet(Arc::new(self.distinct(members()?)?))),
            "reversed" => {
                let first = first.cloned().unwrap_or(Datum::None);
                if matches!(self.builtin(&first)?, Builtin::Set | Builtin::FrozenSet) {
                    let kind = self.type_name(&first);
                    return Err(EvalError::type_error(format!(
                        "'{kind}' object is not reversible"
                    )));
                }
                self.refuse_overrides(&first, &["__reversed__"])?;
                let mut members = self.iterate(&first)?;
                members.reverse();
                Ok(self.iterator(Iterated::Reversed, members))
            }
            "enumerate" => {
                let start = match arguments.either(1, "start") {
                    Some(start) => self.as_index(start)?.unwrap_or_default(),
                    None => BigInt::ZERO,
                };
                let iterable = arguments
                    .either(0, "iterable")
                    .cloned()
                    .unwrap_or(Datum::None);
                let pairs = self.iterate(&iterable)?.into_iter().enumerate();
                let pair = |(index, member)| Datum::tuple(vec![Datum::Int(&start + index), member]);
                Ok(self.iterator(Iterated::Enumerate, pairs.map(pair).collect()))
            }
            "zip" => self.zip(&arguments),
            "range" => self.range(&arguments.positional),
            "slice" => {
                let part = |index: usize| arguments.get(index).cloned().unwrap_or(Datum::None);
                let parts = match arguments.positional.len() {
                    1 => [Datum::None, part(0), Datum::None],
                    _ => [part(0), part(1), part(2)],
                };
                Ok(Datum::Slice(Arc::new(parts)))
            }
            _ => {
                let first = first.cloned().unwrap_or(Datum::None);
                self.class_of(&first).map(Datum::Object)
            }
        }
    }

    fn zip(&self, arguments: &Arguments) -> Result<Datum, EvalError> {
        let mut columns = Vec::new();
        for column in &arguments.positional {
            columns.push(self.iterate(column)?);
        }
        let shortest = columns.iter().map(Vec::len).min().unwrap_or(0);
        let strict = arguments
            .named("strict")
            .map_or(Ok(false), |strict| self.truth(strict))?;
        if strict
            && let Some(index) = columns
                .iter()
                .position(|column| column.len() != columns[0].len())
        {
            let word = if columns[index].len() < columns[0].len() {
                "shorter"
            } else {
                "longer"
            };
            let others = if index == 1 {
                "argument 1".to_string()
            } else {
                format!("arguments 1-{index}")
            };
            let message = format!("zip() argument {} is {word} than {others}", index + 1);
            return Err(EvalError::value_error(message));
        }
        self.pay((shortest as u64).saturating_mul(columns.len() as u64))?;
        let row = |index: usize| {
            let cells = columns
                .iter()
                .filter_map(|column| column.get(index).cloned());
            Datum::tuple(cells.collect())
        };
        Ok(self.iterator(Iterated::Zip, (0..shortest).map(row).collect()))
    }

    fn range(&self, parts: &[Datum]) -> Result<Datum, EvalError> {
        let part = |index: usize| {
            let datum = &parts[index];
            self.as_index(datum)?.ok_or_else(|| {
                let kind = self.type_name(datum);
                EvalError::type_error(format!(
                    "'{kind}' object cannot be interpreted as an integer"
                ))
            })
        };
        let (start, stop) = match parts.len() {
            1 => (BigInt::ZERO, part(0)?),
            _ => (part(0)?, part(1)?),
        };
        let step = if parts.len() == 3 { part(2)? } else { 1.into() };
        if step.is_zero() {
            return Err(EvalError::value_error("range() arg 3 must not be zero"));
        }
        Ok(Datum::Range(Arc::new(Range { start, stop, step })))
    }

    fn dict(&self, arguments: &Arguments) -> Result<Datum, EvalError> {
        let mut items = Vec::new();
        if let Some(first) = arguments.get(0) {
            if matches!(self.builtin(first)?, Builtin::Dict)
                || self.type_name(first) == "mappingproxy"
            {
                items = self.items(first)?;
            } else {
                for (index, pair) in self.iterate(first)?.iter().enumerate() {
                    let pair = self.iterate(pair).map_err(|error| match error {
                        EvalError::Raised { .. } => EvalError::type_error("object is not iterable"),
                        other => other,
                    })?;
                    let [key, value] = &pair[..] else {
                        return Err(EvalError::value_error(format!(
                            "dictionary update sequence element #{index} has length {}; 2 is required",
                            pair.len()
                        )));
                    };
                    self.insert(&mut items, key.clone(), value.clone())?;
                }
            }
        }
        for (name, value) in &arguments.named {
            self.insert(&mut items, Datum::text(name), value.clone())?;
        }
        Ok(Datum::Dict(Arc::new(items)))
    }

    fn bytes(&self, arguments: &Arguments) -> Result<Vec<u8>, EvalError> {
        let Some(source) = arguments.either(0, "source") else {
            return Ok(Vec::new());
        };
        self.refuse_overrides(source, &["__bytes__"])?;
        let loaded = self.load(source)?;
        match &loaded {
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) => Ok(bytes.to_vec()),
            Datum::Str(_) => match arguments.either(1, "encoding") {
                None => Err(EvalError::type_error("string argument without an encoding")),
                Some(encoding) => {
                    let encoding = Arguments::of(vec![encoding.clone()]);
                    match self.method(&loaded, "encode", &encoding)? {
                        Datum::Bytes(bytes) => Ok(bytes.to_vec()),
                        _ => Err(EvalError::unsupported("this encoding")),
                    }
                }
            },
            Datum::Int(_) | Datum::Bool(_) => {
                let count = self.as_index(&loaded)?.unwrap_or_default();
                if count < BigInt::ZERO {
                    return Err(EvalError::value_error("negative count"));
                }
                let count = count.to_u64().unwrap_or(u64::MAX);
                self.budget.allocate(count)?;
                Ok(vec![0; super::load::to_usize(count)])
            }
            _ => {
                let mut bytes = Vec::new();
                for member in self.iterate(source)? {
                    let Some(value) = self.as_index(&member)? else {
                        let kind = self.type_name(&member);
                        return Err(EvalError::type_error(format!(
                            "'{kind}' object cannot be interpreted as an integer"
                        )));
                    };
                    bytes.push(
                        u8::try_from(&value).map_err(|_| {
                            EvalError::value_error("bytes must be in range(0, 256)")
                        })?,
                    );
                }
                Ok(bytes)
            }
        }
    }

    /// `x.__class__`, which is its type.
    pub(super) fn real_class(&self, datum: &Datum) -> Result<Addr, EvalError> {
        self.class_of(datum)
    }

    /// Whether a class is among `classes`, a class or a tuple of them, or derives from one.
    pub(super) fn is_subclass(
        &self,
        class: Addr,
        classes: &Datum,
        function: &str,
    ) -> Result<bool, EvalError> {
        match self.builtin(classes)? {
            Builtin::Tuple => {
                for member in self.iterate(classes)? {
                    if self
                        .budget
                        .deeper(|| self.is_subclass(class, &member, function))?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Builtin::Type => {
                let Datum::Object(wanted) = classes else {
                    return Ok(false);
                };
                if self.look.mro(class)?.contains(wanted) {
                    return Ok(true);
                }
                // A metaclass may think otherwise: `abc.ABCMeta` asks a registry.
                let hook = if function == "isinstance" {
                    "__instancecheck__"
                } else {
                    "__subclasscheck__"
                };
                self.refuse_overrides(classes, &[hook])?;
                Ok(false)
            }
            _ => {
                let what = if function == "isinstance" {
                    "isinstance() arg 2 must be a type, a tuple of types, or a union"
                } else {
                    "issubclass() arg 2 must be a class, a tuple of classes, or a union"
                };
                Err(EvalError::type_error(what))
            }
        }
    }
}
