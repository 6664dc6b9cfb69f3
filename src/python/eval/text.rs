//! `str()`, `repr()` and `ascii()`.

use std::sync::Arc;

use super::load::is_exact;
use super::{Datum, EvalError, Evaluator};
use crate::python::Limits;
use crate::python::object::Builtin;

/// Characters of the text that an expression takes of one value.
const LONGEST_TEXT: usize = 10_000_000;

pub(super) fn to_string(points: &[u32]) -> String {
    let character = |&point: &u32| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
    points.iter().map(character).collect()
}

pub(super) fn to_points(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}

/// `str.isspace()` of one character (`_PyUnicode_IsWhitespace`): Unicode's, and the four separators of ASCII.
pub(super) fn is_space(point: u32) -> bool {
    (0x1c..=0x1f).contains(&point) || char::from_u32(point).is_some_and(char::is_whitespace)
}

impl Evaluator<'_, '_> {
    /// `repr(x)`, whole.
    pub(super) fn repr(&self, datum: &Datum) -> Result<Vec<u32>, EvalError> {
        self.refuse_deep_overrides(datum, &["__repr__"])?;
        let limits = Limits {
            characters: LONGEST_TEXT,
            depth: 100,
        };
        let shown = self.look.show(datum, &limits);
        if shown.truncated {
            return Err(EvalError::Limit {
                limit: format!("{LONGEST_TEXT} characters of one value"),
            });
        }
        self.budget.allocate(shown.text.len() as u64 * 4)?;
        Ok(to_points(&shown.text))
    }

    /// Refuses a value, or a member of a container, whose class writes itself by code in Python.
    fn refuse_deep_overrides(&self, datum: &Datum, names: &[&str]) -> Result<(), EvalError> {
        self.refuse_overrides(datum, names)?;
        match self.builtin(datum)? {
            Builtin::List | Builtin::Tuple | Builtin::Set | Builtin::FrozenSet => {
                for member in self.iterate(datum)? {
                    if matches!(member, Datum::Object(_)) {
                        self.budget
                            .deeper(|| self.refuse_deep_overrides(&member, names))?;
                    }
                }
            }
            Builtin::Dict => {
                for (key, value) in self.items(datum)? {
                    for member in [key, value] {
                        self.budget
                            .deeper(|| self.refuse_deep_overrides(&member, names))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `str(x)`.
    pub(super) fn str(&self, datum: &Datum) -> Result<Vec<u32>, EvalError> {
        self.refuse_overrides(datum, &["__str__"])?;
        if let Some(scalar) = self.numpy_scalar(datum)?
            && let Some(text) = self.look.scalar_str(&scalar)
        {
            return Ok(to_points(&text));
        }
        if matches!(datum, Datum::Array(_)) {
            return Err(EvalError::unsupported("`str()` of an array"));
        }
        if let Datum::Str(points) = self.load(datum)? {
            return Ok(points.to_vec());
        }
        if let Some((object, kind)) = self.object_type(datum)?
            && !is_exact(&kind)
        {
            if self.look.is_exception(object)? {
                return self.exception_text(datum);
            }
            // An IntEnum or another subclass of a number: `int.__repr__` unless the class has its own.
            if !self.is_default(kind.address, "__str__")? {
                let name = &kind.name;
                return Err(EvalError::unsupported(format!("`{name}.__str__`")));
            }
        }
        self.repr(datum)
    }

    /// `BaseException_str`, `Objects/exceptions.c`; the subclasses that have their own form are left to memory's text.
    fn exception_text(&self, datum: &Datum) -> Result<Vec<u32>, EvalError> {
        let args = self.attribute(datum, "args")?;
        let args = self.iterate(&args)?;
        for name in [
            "OSError",
            "SyntaxError",
            "UnicodeError",
            "ImportError",
            "BaseExceptionGroup",
        ] {
            if let Ok(class) = self.builtin_named(name)
                && self.look.mro(self.class_of(datum)?)?.contains(&class)
                && (name != "OSError" || args.len() >= 2)
            {
                return Err(EvalError::unsupported(format!("`{name}.__str__`")));
            }
        }
        let is_key_error = self.builtin_named("KeyError").is_ok_and(|class| {
            self.class_of(datum)
                .and_then(|own| Ok(self.look.mro(own)?))
                .is_ok_and(|mro| mro.contains(&class))
        });
        match &args[..] {
            [] => Ok(Vec::new()),
            [only] if is_key_error => self.repr(only),
            [only] => self.str(only),
            _ => self.repr(&Datum::tuple(args)),
        }
    }

    /// `ascii(x)`.
    pub(super) fn ascii(&self, datum: &Datum) -> Result<String, EvalError> {
        let escape = |point: u32| match point {
            0..0x80 => char::from_u32(point).map(String::from).unwrap_or_default(),
            0x80..0x100 => format!("\\x{point:02x}"),
            0x100..0x1_0000 => format!("\\u{point:04x}"),
            _ => format!("\\U{point:08x}"),
        };
        Ok(self.repr(datum)?.into_iter().map(escape).collect())
    }

    pub(super) fn text_datum(&self, points: Vec<u32>) -> Result<Datum, EvalError> {
        self.budget.allocate(points.len() as u64 * 4)?;
        Ok(Datum::Str(Arc::new(points)))
    }
}
