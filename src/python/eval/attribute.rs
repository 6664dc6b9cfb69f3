//! `object.name`.

use std::sync::Arc;

use super::{Datum, EvalError, Evaluator};
use crate::model::Addr;
use crate::python::object::{Attribute, Builtin, Field};

/// Attributes of one instance that are read when its `__dict__` exists only as values.
const MOST_ATTRIBUTES: usize = 100_000;
/// Bytes of a C string.
const LONGEST_TEXT: usize = 1 << 16;

impl Evaluator<'_, '_> {
    pub(super) fn attribute(&self, datum: &Datum, name: &str) -> Result<Datum, EvalError> {
        self.find_attribute(datum, name)?
            .ok_or_else(|| self.no_attribute(datum, name))
    }

    fn no_attribute(&self, datum: &Datum, name: &str) -> EvalError {
        let what = match self.builtin(datum) {
            Ok(Builtin::Type) => match datum {
                Datum::Object(class) => {
                    let class = self.look.type_at(*class);
                    let class = class.map_or_else(|_| "?".to_string(), |class| class.name.clone());
                    format!("type object '{class}'")
                }
                _ => "type object".to_string(),
            },
            Ok(Builtin::Module) => match self.find_attribute(datum, "__name__") {
                Ok(Some(name)) => format!("module {}", self.repr_or_blank(&name)),
                _ => "module".to_string(),
            },
            _ => match self.object_type(datum) {
                // Classes of C modules have their module in their name.
                Ok(Some((_, kind))) if !kind.is_heap() => format!("'{}' object", kind.shown_name()),
                _ => format!("'{}' object", self.type_name(datum)),
            },
        };
        EvalError::raised(
            "AttributeError",
            format!("{what} has no attribute '{name}'"),
        )
    }

    fn repr_or_blank(&self, datum: &Datum) -> String {
        self.look
            .show(datum, &crate::python::Limits::default())
            .text
    }

    /// The attribute, or nothing where Python raises `AttributeError`.
    pub(super) fn find_attribute(
        &self,
        datum: &Datum,
        name: &str,
    ) -> Result<Option<Datum>, EvalError> {
        if let Some(part) = self.part_of_number(datum, name)? {
            return Ok(Some(part));
        }
        let of_numpy = match datum {
            Datum::Array(view) => self.array_attribute(view, name)?,
            Datum::Scalar(scalar) => self.scalar_attribute(scalar, name)?,
            _ => None,
        };
        if of_numpy.is_some() {
            return Ok(of_numpy);
        }
        match datum {
            Datum::Object(object) => self.object_attribute(*object, name),
            Datum::Method { function, receiver } => match name {
                "__func__" => Ok(Some(Datum::Object(*function))),
                "__self__" => Ok(Some((**receiver).clone())),
                _ => self.object_attribute(*function, name),
            },
            Datum::BuiltinMethod {
                name: own,
                receiver,
            } => match name {
                "__name__" => Ok(Some(Datum::text(own))),
                "__self__" => Ok(Some((**receiver).clone())),
                _ => Err(EvalError::unsupported(format!(
                    "`{name}` of a builtin method"
                ))),
            },
            Datum::Range(range) if ["start", "stop", "step"].contains(&name) => {
                Ok(Some(Datum::Int(match name {
                    "start" => range.start.clone(),
                    "stop" => range.stop.clone(),
                    _ => range.step.clone(),
                })))
            }
            Datum::Slice(parts) if ["start", "stop", "step"].contains(&name) => {
                let index = ["start", "stop", "step"]
                    .iter()
                    .position(|part| *part == name);
                Ok(index.map(|index| parts[index].clone()))
            }
            Datum::View(..) | Datum::Iterator(..) => Err(EvalError::unsupported(format!(
                "attributes of a {} that pmdb made",
                self.type_name(datum)
            ))),
            Datum::None | Datum::Ellipsis | Datum::NotImplemented if name != "__class__" => {
                Ok(None)
            }
            _ => {
                let class = self.class_of(datum)?;
                if name == "__class__" {
                    return Ok(Some(Datum::Object(class)));
                }
                let Some(found) = self.look.class_lookup(class, name)? else {
                    return Ok(None);
                };
                let kind = self.look.type_of(found)?;
                Ok(Some(match kind.static_name() {
                    Some("method_descriptor" | "wrapper_descriptor" | "classmethod_descriptor") => {
                        Datum::BuiltinMethod {
                            name: name.to_string(),
                            receiver: Arc::new(datum.clone()),
                        }
                    }
                    Some("getset_descriptor" | "member_descriptor")
                        if matches!(datum, Datum::Array(_) | Datum::Scalar(_)) =>
                    {
                        let owner = self.type_name(datum);
                        return Err(EvalError::unsupported(format!(
                            "`{owner}.{name}`, which is computed in C"
                        )));
                    }
                    _ => Datum::Object(found),
                }))
            }
        }
    }

    /// `real`, `imag` and their like, which are getters in C.
    fn part_of_number(&self, datum: &Datum, name: &str) -> Result<Option<Datum>, EvalError> {
        let is_part = matches!(
            name,
            "real" | "imag" | "numerator" | "denominator" | "start" | "stop" | "step"
        );
        if !is_part {
            return Ok(None);
        }
        if let Some(scalar) = self.numpy_scalar(datum)? {
            return Ok(self.numpy_part(&scalar, name));
        }
        if !matches!(
            self.builtin(datum)?,
            Builtin::Int | Builtin::Bool | Builtin::Float | Builtin::Complex
        ) {
            return Ok(None);
        }
        Ok(
            match (super::number::Number::of(&self.load(datum)?), name) {
                (Some(super::number::Number::Int(value)), "real" | "numerator") => {
                    Some(Datum::Int(value))
                }
                (Some(super::number::Number::Int(_)), "imag") => Some(Datum::int(0)),
                (Some(super::number::Number::Int(_)), "denominator") => Some(Datum::int(1)),
                (Some(super::number::Number::Float(value)), "real") => Some(Datum::Float(value)),
                (Some(super::number::Number::Float(_)), "imag") => Some(Datum::Float(0.0)),
                (Some(super::number::Number::Complex(real, _)), "real") => Some(Datum::Float(real)),
                (Some(super::number::Number::Complex(_, imaginary)), "imag") => {
                    Some(Datum::Float(imaginary))
                }
                _ => None,
            },
        )
    }

    fn object_attribute(&self, object: Addr, name: &str) -> Result<Option<Datum>, EvalError> {
        let kind = self.look.type_of(object)?;
        self.budget.spend(1)?;
        if let Some(found) = self.look.class_lookup(kind.address, "__getattribute__")?
            && self.is_python(found)?
        {
            return Err(EvalError::needs(format!(
                "`{}.__getattribute__`",
                kind.name
            )));
        }
        if kind.builtin == Builtin::Type
            && let Some(found) = self.class_attribute(object, name)?
        {
            return Ok(Some(found));
        }
        Ok(match self.look.attribute(object, name)? {
            None if kind.static_name() == Some("method") => {
                let at = object.plus(self.look.layout().function.method_function);
                return self.object_attribute(self.look.memory.pointer(at)?, name);
            }
            None => None,
            Some(Attribute::Object(found)) => Some(Datum::Object(found)),
            Some(Attribute::Field(field)) => Some(self.field(field)?),
            Some(Attribute::Method { function, receiver }) => {
                let receiver = Arc::new(Datum::Object(receiver));
                Some(
                    if self.look.type_of(function)?.static_name() == Some("function") {
                        Datum::Method { function, receiver }
                    } else {
                        Datum::BuiltinMethod {
                            name: name.to_string(),
                            receiver,
                        }
                    },
                )
            }
            Some(Attribute::Computed { descriptor }) => {
                return self.computed(object, name, descriptor);
            }
        })
    }

    /// What a class answers through code that only looks things up.
    fn class_attribute(&self, class: Addr, name: &str) -> Result<Option<Datum>, EvalError> {
        if name == "__dict__" {
            return Ok(Some(Datum::Object(self.look.class_dict(class)?)));
        }
        if matches!(name, "__name__" | "__qualname__" | "__module__") {
            let kind = self.look.type_at(class)?;
            if !kind.is_heap() {
                let text = if name == "__module__" {
                    &kind.module
                } else {
                    &kind.name
                };
                return Ok(Some(Datum::text(text)));
            }
        }
        if name == "__mro__" || name == "__bases__" {
            let mro = self.look.mro(class)?;
            if name == "__mro__" {
                return Ok(Some(Datum::tuple(
                    mro.into_iter().map(Datum::Object).collect(),
                )));
            }
        }
        // The members of an enumeration are behind `EnumMeta.__getattr__` (up to 3.11) or descriptors.
        if let Some(members) = self.look.class_lookup(class, "_member_map_")?
            && let Some(found) = self.look.dict_get_str(members, name)?
        {
            return Ok(Some(Datum::Object(found)));
        }
        Ok(None)
    }

    fn field(&self, field: Field) -> Result<Datum, EvalError> {
        Ok(match field {
            Field::None => Datum::None,
            Field::Bool(truth) => Datum::Bool(truth),
            Field::Integer(value) => Datum::int(value),
            Field::Float(value) => Datum::Float(value),
            Field::Text(at) => {
                let bytes = self.look.memory.c_string(at, LONGEST_TEXT)?;
                Datum::text(&String::from_utf8_lossy(&bytes))
            }
        })
    }

    /// Descriptors whose answer is known without running them.
    fn computed(
        &self,
        object: Addr,
        name: &str,
        descriptor: Addr,
    ) -> Result<Option<Datum>, EvalError> {
        let kind = self.look.type_of(object)?;
        let by = self.look.type_of(descriptor)?;
        if name == "__dict__" {
            let attributes = self.look.instance_attributes(object, MOST_ATTRIBUTES)?;
            self.pay(attributes.len() as u64)?;
            let slots = self.slot_names(kind.address)?;
            let items = attributes
                .into_iter()
                .filter(|(name, _)| !slots.contains(name))
                .map(|(name, value)| (Datum::text(&name), Datum::Object(value)));
            return Ok(Some(Datum::Dict(Arc::new(items.collect()))));
        }
        if name == "__module__" && kind.builtin == Builtin::Function {
            let at = object.plus(self.look.layout().function.module);
            return Ok(Some(Datum::Object(self.look.memory.pointer(at)?)));
        }
        if let Some("getset_descriptor" | "member_descriptor") = by.static_name()
            && let Some(found) = self.numpy_attribute(object, name)?
        {
            return Ok(Some(found));
        }
        if name == "maxlen" && self.is_deque(object)? {
            let at = object.plus(self.look.layout().object.deque_maxlen);
            let longest = self.look.memory.i64(at)?;
            return Ok(Some(if longest < 0 {
                Datum::None
            } else {
                Datum::int(longest)
            }));
        }
        if by.name == "_tuplegetter"
            && let Some(fields) = self.look.class_lookup(kind.address, "_fields")?
        {
            for (index, field) in self.iterate(&Datum::Object(fields))?.iter().enumerate() {
                if self.same_or_equal(field, &Datum::text(name))? {
                    return self
                        .subscript(&Datum::Object(object), &Datum::int(index))
                        .map(Some);
                }
            }
        }
        // `Enum.name` and `Enum.value` hand out `_name_` and `_value_`, `Lib/enum.py`.
        let of_enum = matches!(
            (by.module.as_str(), by.name.as_str()),
            ("enum", "property") | ("types", "DynamicClassAttribute")
        );
        if of_enum && matches!(name, "name" | "value") {
            return self.object_attribute(object, &format!("_{name}_"));
        }
        if kind.builtin == Builtin::Range || kind.builtin == Builtin::Slice {
            return self.find_attribute(&self.load(&Datum::Object(object))?, name);
        }
        let owner = &kind.name;
        Err(match by.static_name() {
            Some("function") => EvalError::needs(format!("`{owner}.__getattr__` for '{name}'")),
            Some("property") => EvalError::needs(format!("the property `{owner}.{name}`")),
            Some("getset_descriptor" | "member_descriptor") => {
                EvalError::unsupported(format!("`{owner}.{name}`, which is computed in C"))
            }
            _ => EvalError::needs(format!("the descriptor `{owner}.{name}`")),
        })
    }

    fn slot_names(&self, class: Addr) -> Result<Vec<String>, EvalError> {
        let mut names = Vec::new();
        for class in self.look.mro(class)? {
            let dict = self.look.class_dict(class)?;
            for (key, value) in self.look.dict_items(dict, MOST_ATTRIBUTES)? {
                if self.look.type_of(value)?.static_name() == Some("member_descriptor") {
                    names.push(self.look.name(key)?);
                }
            }
        }
        Ok(names)
    }
}
