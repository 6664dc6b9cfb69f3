//! The functions of `builtins` that only look.

use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_traits::{Signed, ToPrimitive, Zero};
use ruff_python_ast::Operator;

use super::call::Arguments;
use super::number::Number;
use super::{Datum, EvalError, Evaluator, Iterated};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn builtin_function(
        &self,
        name: &str,
        arguments: Arguments,
    ) -> Result<Datum, EvalError> {
        let (least, most, names): (usize, usize, &[&str]) = match name {
            "len" | "id" | "repr" | "ascii" | "abs" | "any" | "all" | "hex" | "oct" | "bin"
            | "ord" | "chr" | "callable" | "hash" => (1, 1, &[]),
            "isinstance" | "issubclass" | "hasattr" | "divmod" => (2, 2, &[]),
            "sorted" => (1, 1, &["key", "reverse"]),
            "min" | "max" => (1, usize::MAX, &["key", "default"]),
            "sum" => (1, 2, &["start"]),
            "round" => (1, 2, &["ndigits"]),
            "pow" => (2, 3, &["base", "exp", "mod"]),
            "getattr" => (2, 3, &[]),
            "format" => (1, 2, &[]),
            "vars" | "dir" => (0, 1, &[]),
            "globals" | "locals" => (0, 0, &[]),
            _ => return Err(EvalError::needs(format!("calling `{name}`"))),
        };
        arguments.count(name, least, most, names)?;
        let first = arguments.get(0).cloned().unwrap_or(Datum::None);
        match name {
            "len" => self.len(&first).map(Datum::Int),
            "id" => match first {
                Datum::Object(object) => Ok(Datum::int(object.0)),
                _ => Err(EvalError::unsupported("the id of a value that pmdb made")),
            },
            "repr" => self.repr(&first).map(|text| Datum::Str(Arc::new(text))),
            "ascii" => Ok(Datum::text(&self.ascii(&first)?)),
            "abs" => self.absolute(&first),
            "any" | "all" => {
                let stop = name == "any";
                for member in self.iterate(&first)? {
                    if self.truth(&member)? == stop {
                        return Ok(Datum::Bool(stop));
                    }
                }
                Ok(Datum::Bool(!stop))
            }
            "hex" | "oct" | "bin" => self.in_radix(name, &first),
            "ord" => self.ord(&first),
            "chr" => {
                let Some(point) = self.as_index(&first)? else {
                    let kind = self.type_name(&first);
                    return Err(EvalError::type_error(format!(
                        "'{kind}' object cannot be interpreted as an integer"
                    )));
                };
                match point.to_u32().filter(|point| *point < 0x11_0000) {
                    Some(point) => Ok(Datum::Str(Arc::new(vec![point]))),
                    None => Err(EvalError::value_error("chr() arg not in range(0x110000)")),
                }
            }
            "callable" => self.is_callable(&first).map(Datum::Bool),
            "hash" => self.hash(&first),
            "isinstance" => {
                let class = self.real_class(&first)?;
                self.is_subclass(class, &arguments.positional[1], "isinstance")
                    .map(Datum::Bool)
            }
            "issubclass" => match (&first, self.builtin(&first)?) {
                (Datum::Object(class), Builtin::Type) => self
                    .is_subclass(*class, &arguments.positional[1], "issubclass")
                    .map(Datum::Bool),
                _ => Err(EvalError::type_error("issubclass() arg 1 must be a class")),
            },
            "hasattr" | "getattr" => {
                let Datum::Str(points) = self.load(&arguments.positional[1])? else {
                    let kind = self.type_name(&arguments.positional[1]);
                    return Err(EvalError::type_error(format!(
                        "attribute name must be string, not '{kind}'"
                    )));
                };
                let attribute = super::text::to_string(&points);
                let found = self.find_attribute(&first, &attribute)?;
                match (name, found, arguments.get(2)) {
                    ("hasattr", found, _) => Ok(Datum::Bool(found.is_some())),
                    (_, Some(found), _) => Ok(found),
                    (_, None, Some(default)) => Ok(default.clone()),
                    (_, None, None) => self.attribute(&first, &attribute),
                }
            }
            "divmod" => {
                let second = &arguments.positional[1];
                let quotient = self
                    .binary(&first, Operator::FloorDiv, second)
                    .map_err(divmod)?;
                let rest = self.binary(&first, Operator::Mod, second).map_err(divmod)?;
                Ok(Datum::tuple(vec![quotient, rest]))
            }
            "sorted" => {
                let members = self.iterate(&first)?;
                self.sorted(members, arguments.named("key"), arguments.named("reverse"))
            }
            "min" | "max" => self.extreme(name, &arguments),
            "sum" => {
                let start = arguments.either(1, "start").cloned();
                let mut total = start.unwrap_or_else(|| Datum::int(0));
                if self.builtin(&total)? == Builtin::Str {
                    return Err(EvalError::type_error(
                        "sum() can't sum strings [use ''.join(seq) instead]",
                    ));
                }
                self.sum(&self.iterate(&first)?, &mut total)?;
                Ok(total)
            }
            "round" => self.round(&first, arguments.either(1, "ndigits")),
            "pow" => self.power(&arguments),
            "format" => {
                let spec = match arguments.get(1) {
                    Some(spec) => self.load(spec)?,
                    None => Datum::text(""),
                };
                let Datum::Str(spec) = spec else {
                    return Err(EvalError::type_error("format() argument 2 must be str"));
                };
                self.format(&first, &super::text::to_string(&spec))
                    .map(|text| Datum::Str(Arc::new(text)))
            }
            "vars" if !arguments.positional.is_empty() => {
                match self.find_attribute(&first, "__dict__")? {
                    Some(dict) => Ok(dict),
                    None => Err(EvalError::type_error(
                        "vars() argument must have __dict__ attribute",
                    )),
                }
            }
            "dir" => self.dir(arguments.get(0)),
            "globals" => Ok(Datum::Object(self.scope.globals())),
            _ => self.locals(),
        }
    }

    /// The variables of the frame, as `locals()` gives them.
    pub(super) fn locals(&self) -> Result<Datum, EvalError> {
        if !self.scope.locals_dict().is_null() {
            return Ok(Datum::Object(self.scope.locals_dict()));
        }
        let mut items = Vec::new();
        for (name, _, object) in self.look.locals_of(self.scope, None)? {
            if !object.is_null() {
                self.insert(&mut items, Datum::text(&name), Datum::Object(object))?;
            }
        }
        Ok(Datum::Dict(Arc::new(items)))
    }

    fn dir(&self, datum: Option<&Datum>) -> Result<Datum, EvalError> {
        let mut names = match datum {
            None => {
                let keys = self.iterate(&self.locals()?)?;
                return self.sorted(keys, None, None);
            }
            Some(datum) => {
                self.refuse_overrides(datum, &["__dir__"])?;
                self.look.attribute_names(datum)
            }
        };
        names.sort();
        names.dedup();
        self.pay(names.len() as u64)?;
        Ok(Datum::list(
            names.iter().map(|name| Datum::text(name)).collect(),
        ))
    }

    fn absolute(&self, datum: &Datum) -> Result<Datum, EvalError> {
        self.refuse_overrides(datum, &["__abs__"])?;
        if let Some(answer) = self.numpy_absolute(datum)? {
            return Ok(answer);
        }
        Ok(match Number::of(&self.load(datum)?) {
            Some(Number::Int(value)) => Datum::Int(value.abs()),
            Some(Number::Float(value)) => Datum::Float(value.abs()),
            Some(Number::Complex(real, imaginary)) => Datum::Float(real.hypot(imaginary)),
            None => {
                let kind = self.type_name(datum);
                return Err(EvalError::type_error(format!(
                    "bad operand type for abs(): '{kind}'"
                )));
            }
        })
    }

    fn in_radix(&self, name: &str, datum: &Datum) -> Result<Datum, EvalError> {
        let Some(value) = self.as_index(datum)? else {
            let kind = self.type_name(datum);
            return Err(EvalError::type_error(format!(
                "'{kind}' object cannot be interpreted as an integer"
            )));
        };
        let (prefix, radix) = match name {
            "hex" => ("0x", 16),
            "oct" => ("0o", 8),
            _ => ("0b", 2),
        };
        let sign = if value.is_negative() { "-" } else { "" };
        Ok(Datum::text(&format!(
            "{sign}{prefix}{}",
            value.abs().to_str_radix(radix)
        )))
    }

    fn ord(&self, datum: &Datum) -> Result<Datum, EvalError> {
        let (kind, length) = match self.load(datum)? {
            Datum::Str(points) if points.len() == 1 => return Ok(Datum::int(points[0])),
            Datum::Bytes(bytes) | Datum::ByteArray(bytes) if bytes.len() == 1 => {
                return Ok(Datum::int(bytes[0]));
            }
            Datum::Str(points) => ("string", points.len()),
            Datum::Bytes(bytes) => ("bytes", bytes.len()),
            other => {
                let kind = self.type_name(&other);
                return Err(EvalError::type_error(format!(
                    "ord() expected string of length 1, but {kind} found"
                )));
            }
        };
        Err(EvalError::type_error(format!(
            "ord() expected a character, but {kind} of length {length} found"
        )))
    }

    fn is_callable(&self, datum: &Datum) -> Result<bool, EvalError> {
        Ok(match datum {
            Datum::Method { .. } | Datum::BuiltinMethod { .. } => true,
            Datum::Object(_) => self
                .look
                .class_lookup(self.class_of(datum)?, "__call__")?
                .is_some(),
            _ => false,
        })
    }

    /// `hash()` of numbers, which does not depend on the process (`Python/pyhash.c`: modulo 2**61 - 1).
    fn hash(&self, datum: &Datum) -> Result<Datum, EvalError> {
        self.refuse_overrides(datum, &["__hash__"])?;
        self.hashable(datum, "")?;
        let modulus = BigInt::from((1_u64 << 61) - 1);
        let reduced = match Number::of(&self.load(datum)?) {
            Some(Number::Int(value)) => value.abs().mod_floor(&modulus) * value.signum(),
            Some(Number::Float(value)) if value.fract() == 0.0 => {
                let whole = super::number_constructors::whole(value)?;
                whole.abs().mod_floor(&modulus) * whole.signum()
            }
            _ => {
                let kind = self.type_name(datum);
                return Err(EvalError::unsupported(format!("the hash of a {kind}")));
            }
        };
        Ok(Datum::Int(if reduced == (-1).into() {
            (-2).into()
        } else {
            reduced
        }))
    }

    fn power(&self, arguments: &Arguments) -> Result<Datum, EvalError> {
        let part = |index, name| {
            arguments
                .either(index, name)
                .cloned()
                .unwrap_or(Datum::None)
        };
        let (base, exponent, modulus) = (part(0, "base"), part(1, "exp"), part(2, "mod"));
        if matches!(self.load(&modulus)?, Datum::None) {
            return self.binary(&base, Operator::Pow, &exponent);
        }
        let int = |datum: &Datum| {
            self.as_index(datum)?.ok_or_else(|| {
                EvalError::type_error(
                    "pow() 3rd argument not allowed unless all arguments are integers",
                )
            })
        };
        let (base, exponent, modulus) = (int(&base)?, int(&exponent)?, int(&modulus)?);
        if modulus.is_zero() {
            return Err(EvalError::value_error("pow() 3rd argument cannot be 0"));
        }
        self.budget
            .spend(exponent.bits().saturating_mul(modulus.bits() / 32 + 1))?;
        if exponent.is_negative() {
            return match base.modinv(&modulus) {
                Some(inverse) => Ok(Datum::Int(inverse.modpow(&-exponent, &modulus))),
                None => Err(EvalError::value_error(
                    "base is not invertible for the given modulus",
                )),
            };
        }
        Ok(Datum::Int(base.modpow(&exponent, &modulus)))
    }

    fn round(&self, datum: &Datum, digits: Option<&Datum>) -> Result<Datum, EvalError> {
        self.refuse_overrides(datum, &["__round__"])?;
        let digits = match digits {
            Some(digits) if !matches!(self.load(digits)?, Datum::None) => {
                let digits = self.as_index(digits)?.ok_or_else(|| {
                    let kind = self.type_name(digits);
                    EvalError::type_error(format!(
                        "'{kind}' object cannot be interpreted as an integer"
                    ))
                })?;
                Some(digits.to_i32().unwrap_or(if digits.is_negative() {
                    i32::MIN
                } else {
                    i32::MAX
                }))
            }
            _ => None,
        };
        if let Some(digits) = digits
            && let Some(answer) = self.numpy_round(datum, digits)?
        {
            return Ok(answer);
        }
        match Number::of(&self.load(datum)?) {
            Some(Number::Int(value)) => Ok(Datum::Int(match digits {
                Some(digits) if digits < 0 => round_int(&value, digits.unsigned_abs())?,
                _ => value,
            })),
            Some(Number::Float(value)) => match digits {
                None => super::number_constructors::whole(round_half_even(value)).map(Datum::Int),
                Some(digits) => Ok(Datum::Float(round_float(value, digits))),
            },
            _ => {
                let kind = self.type_name(datum);
                Err(EvalError::type_error(format!(
                    "type {kind} doesn't define __round__ method"
                )))
            }
        }
    }
}

/// Python names both halves of `divmod` as one operation.
fn divmod(error: EvalError) -> EvalError {
    match error {
        EvalError::Raised { kind, message } if kind == "TypeError" => EvalError::Raised {
            kind,
            message: message
                .replace("for //:", "for divmod():")
                .replace("for %:", "for divmod():"),
        },
        other => other,
    }
}

fn round_half_even(value: f64) -> f64 {
    value.round_ties_even()
}

fn round_int(value: &BigInt, digits: u32) -> Result<BigInt, EvalError> {
    if u64::from(digits) > value.bits() {
        return Ok(BigInt::ZERO);
    }
    let unit = BigInt::from(10).pow(digits);
    let (quotient, rest) = value.div_mod_floor(&unit);
    let twice = &rest * 2;
    let up = twice > unit || (twice == unit && quotient.is_odd());
    Ok((if up { quotient + 1 } else { quotient }) * unit)
}

/// `double_round`, `Objects/floatobject.c`: through the correctly rounded decimal text.
fn round_float(value: f64, digits: i32) -> f64 {
    if !value.is_finite() || digits > 323 {
        return value;
    }
    if digits < -308 {
        return 0.0_f64.copysign(value);
    }
    if digits >= 0 {
        let text = format!("{value:.*}", digits.unsigned_abs() as usize);
        return text.parse().unwrap_or(value);
    }
    // The exact value in tens, half to even: a float below 2**1024 has no more than 309 digits.
    let Ok(whole) = super::number_constructors::whole(value.trunc()) else {
        return value;
    };
    let unit = BigInt::from(10).pow(digits.unsigned_abs());
    let (quotient, rest) = whole.abs().div_rem(&unit);
    let twice: BigInt = rest * 2;
    let beyond = value.fract() != 0.0;
    let up = twice > unit || (twice == unit && (beyond || quotient.is_odd()));
    let rounded = (if up { quotient + 1 } else { quotient }) * unit;
    rounded.to_f64().unwrap_or(f64::INFINITY).copysign(value)
}

impl Evaluator<'_, '_> {
    /// `zip`, `enumerate` and their like, with all that they give.
    pub(super) fn iterator(&self, kind: Iterated, members: Vec<Datum>) -> Datum {
        Datum::Iterator(kind, Arc::new(members))
    }
}
