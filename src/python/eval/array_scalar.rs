//! Arithmetic with scalars of numpy, which keep a type of numpy: `np.float32(1.5) + 1` is a `float32`.

use std::sync::Arc;

use num_traits::{ToPrimitive, Zero};
use ruff_python_ast::{CmpOp, Operator, UnaryOp};

use super::call::Arguments;
use super::number::{Number, binary, float_divmod};
use super::{Datum, EvalError, Evaluator};
use crate::python::numpy::{NumpyScalar, Plain, ScalarKind, Width};

const DEFAULT: ScalarKind = ScalarKind::Integer {
    bytes: 8,
    signed: true,
};
const DOUBLE: ScalarKind = ScalarKind::Real(Width::Double);

/// One side of an operator.
struct Operand {
    kind: ScalarKind,
    number: Number,
    /// A number of Python's, which takes the type of the other side (NEP 50).
    is_weak: bool,
}

impl Evaluator<'_, '_> {
    /// An operator with an array, which is refused, or with a scalar of numpy; nothing for other operands.
    pub(super) fn numpy_binary(
        &self,
        left: &Datum,
        op: Operator,
        right: &Datum,
    ) -> Result<Option<Datum>, EvalError> {
        if self.array(left)?.is_some() || self.array(right)?.is_some() {
            return Err(EvalError::unsupported(format!(
                "`{}` of an array",
                op.as_str()
            )));
        }
        let Some((left, right)) = self.operands(left, right)? else {
            return Ok(None);
        };
        let mut kind = common(left.kind, right.kind);
        if let (Some(ScalarKind::Integer { .. } | ScalarKind::Bool), Operator::Div) = (kind, op) {
            kind = Some(DOUBLE);
        }
        match (kind, &left.number, &right.number) {
            (Some(kind @ ScalarKind::Bool), Number::Int(a), Number::Int(b)) => {
                let (a, b) = (!a.is_zero(), !b.is_zero());
                Ok(match op {
                    Operator::BitAnd | Operator::Mult => self.made(kind, Plain::Bool(a & b)),
                    Operator::BitOr | Operator::Add => self.made(kind, Plain::Bool(a | b)),
                    Operator::BitXor => self.made(kind, Plain::Bool(a ^ b)),
                    _ => {
                        return Err(EvalError::unsupported(format!(
                            "`{}` of bools of numpy",
                            op.as_str()
                        )));
                    }
                })
            }
            (
                Some(kind @ ScalarKind::Integer { bytes, signed }),
                Number::Int(_),
                Number::Int(b),
            ) => {
                let type_name = format!("{}int{}", if signed { "" } else { "u" }, bytes * 8);
                for side in [&left, &right] {
                    if let (true, Number::Int(value)) = (side.is_weak, &side.number)
                        && self
                            .made(kind, Plain::Int(value.to_i128().unwrap_or(i128::MAX)))
                            .is_none()
                    {
                        return Err(EvalError::raised(
                            "OverflowError",
                            format!("Python integer {value} out of bounds for {type_name}"),
                        ));
                    }
                }
                let value = match op {
                    Operator::FloorDiv | Operator::Mod if b.is_zero() => Some(0),
                    Operator::Pow if b.sign() == num_bigint::Sign::Minus => {
                        return Err(EvalError::value_error(
                            "Integers to negative integer powers are not allowed.",
                        ));
                    }
                    _ => match binary(&left.number, op, &right.number)? {
                        Some(Datum::Int(value)) => value.to_i128(),
                        _ => None,
                    },
                };
                let made = value.and_then(|value| self.made(kind, Plain::Int(value)));
                made.map(Some)
                    .ok_or_else(|| EvalError::unsupported(format!("an overflow of {type_name}")))
            }
            (Some(kind @ ScalarKind::Real(width)), a, b) => {
                let (Some(a), Some(b)) = (float(a), float(b)) else {
                    return Ok(None);
                };
                let value = match width {
                    Width::Double => doubles(a, op, b),
                    Width::Single => singles(a as f32, op, b as f32),
                    // A half of numpy's is computed as a single.
                    _ => singles(a as f32, op, b as f32),
                };
                Ok(value.and_then(|value| self.made(kind, Plain::Float(value))))
            }
            _ => Ok(None),
        }
    }

    /// A comparison with an array, which is refused, or with a scalar of numpy, whose answer is a bool of numpy.
    pub(super) fn numpy_comparison(
        &self,
        left: &Datum,
        op: CmpOp,
        right: &Datum,
    ) -> Result<Option<Datum>, EvalError> {
        if matches!(op, CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn) {
            return Ok(None);
        }
        if self.array(left)?.is_some() || self.array(right)?.is_some() {
            return Err(EvalError::unsupported(format!(
                "`{}` of an array",
                op.as_str()
            )));
        }
        if let (Some(a), Some(b)) = (self.numpy_scalar(left)?, self.numpy_scalar(right)?)
            && a.is_same_time_unit(&b)
            && let (Plain::Int(a), Plain::Int(b)) = (a.plain(), b.plain())
        {
            let truth = self.compare(&Datum::int(a), op, &Datum::int(b))?;
            return Ok(self.made(ScalarKind::Bool, Plain::Bool(truth)));
        }
        let Some((left, right)) = self.operands(left, right)? else {
            return Ok(None);
        };
        let narrow = matches!(
            common(left.kind, right.kind),
            Some(ScalarKind::Real(Width::Single | Width::Half))
        );
        let side = |operand: &Operand| match &operand.number {
            Number::Float(value) if operand.is_weak && narrow => {
                Datum::Float(f64::from(*value as f32))
            }
            Number::Int(value) => Datum::Int(value.clone()),
            Number::Float(value) => Datum::Float(*value),
            Number::Complex(real, imaginary) => Datum::Complex(*real, *imaginary),
        };
        let truth = self.compare(&side(&left), op, &side(&right))?;
        Ok(self.made(ScalarKind::Bool, Plain::Bool(truth)))
    }

    pub(super) fn numpy_unary(
        &self,
        op: UnaryOp,
        operand: &Datum,
    ) -> Result<Option<Datum>, EvalError> {
        if self.array(operand)?.is_some() {
            return Err(EvalError::unsupported("a unary operator of an array"));
        }
        let Some(scalar) = self.numpy_scalar(operand)? else {
            return Ok(None);
        };
        let kind = scalar.kind();
        let value = match (op, kind, scalar.plain()) {
            (UnaryOp::Invert, _, Plain::Bool(truth)) => Plain::Bool(!truth),
            (_, ScalarKind::Bool, _) => {
                return Err(EvalError::type_error(
                    "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the \
                     logical_not function instead.",
                ));
            }
            (UnaryOp::Invert, ScalarKind::Integer { bytes, signed }, Plain::Int(value)) => {
                Plain::Int(if signed {
                    !value
                } else {
                    (1_i128 << (8 * bytes)) - 1 - value
                })
            }
            (UnaryOp::UAdd, _, value) => value,
            (
                UnaryOp::USub,
                ScalarKind::Integer {
                    bytes,
                    signed: false,
                },
                Plain::Int(value),
            ) => Plain::Int(if value == 0 {
                0
            } else {
                (1_i128 << (8 * bytes)) - value
            }),
            (UnaryOp::USub, ScalarKind::Integer { .. }, Plain::Int(value)) => Plain::Int(-value),
            (UnaryOp::USub, _, Plain::Float(value)) => Plain::Float(-value),
            (UnaryOp::USub, _, Plain::Complex(real, imaginary)) => {
                Plain::Complex(-real, -imaginary)
            }
            _ => return Ok(None),
        };
        Ok(self.made(kind, value))
    }

    pub(super) fn numpy_absolute(&self, datum: &Datum) -> Result<Option<Datum>, EvalError> {
        if self.array(datum)?.is_some() {
            return Err(EvalError::unsupported("`abs` of an array"));
        }
        let Some(scalar) = self.numpy_scalar(datum)? else {
            return Ok(None);
        };
        Ok(match (scalar.kind(), scalar.plain()) {
            (kind @ ScalarKind::Integer { .. }, Plain::Int(value)) => {
                self.made(kind, Plain::Int(value.abs()))
            }
            (kind, Plain::Float(value)) => self.made(kind, Plain::Float(value.abs())),
            (ScalarKind::Bool, value) => self.made(ScalarKind::Bool, value),
            _ => None,
        })
    }

    /// `round(x, digits)`: by way of a power of ten, as numpy does.
    pub(super) fn numpy_round(
        &self,
        datum: &Datum,
        digits: i32,
    ) -> Result<Option<Datum>, EvalError> {
        let Some(scalar) = self.numpy_scalar(datum)? else {
            return Ok(None);
        };
        Ok(match (scalar.kind(), scalar.plain()) {
            (kind @ ScalarKind::Real(width), Plain::Float(value)) => {
                let power = 10_f64.powi(digits.unsigned_abs().min(400) as i32);
                let up = digits >= 0;
                let rounded = if width == Width::Double {
                    let scaled = if up { value * power } else { value / power };
                    let whole = scaled.round_ties_even();
                    if up { whole / power } else { whole * power }
                } else {
                    let (value, power) = (value as f32, power as f32);
                    let scaled = if up { value * power } else { value / power };
                    let whole = scaled.round_ties_even();
                    f64::from(if up { whole / power } else { whole * power })
                };
                self.made(kind, Plain::Float(rounded))
            }
            (kind @ ScalarKind::Integer { .. }, value @ Plain::Int(_)) if digits >= 0 => {
                self.made(kind, value)
            }
            _ => None,
        })
    }

    pub(super) fn scalar_method(
        &self,
        receiver: &Datum,
        scalar: &NumpyScalar,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        if !arguments.positional.is_empty() || !arguments.named.is_empty() {
            return Ok(None);
        }
        Ok(match name {
            "item" | "tolist" => {
                let scalar = Datum::Scalar(Arc::new(scalar.clone()));
                Some(self.python_value(scalar)?)
            }
            "min" | "max" | "conjugate" | "copy" => Some(receiver.clone()),
            "any" | "all" => {
                let truth = self.truth(receiver)?;
                self.made(ScalarKind::Bool, Plain::Bool(truth))
            }
            _ => None,
        })
    }

    /// `real` and `imag`.
    pub(super) fn numpy_part(&self, scalar: &NumpyScalar, name: &str) -> Option<Datum> {
        match (scalar.plain(), name) {
            (Plain::Complex(value, _), "real") | (Plain::Complex(_, value), "imag") => {
                self.made(DOUBLE, Plain::Float(value))
            }
            (value @ Plain::Float(_), "real") => self.made(scalar.kind(), value),
            (Plain::Float(_), "imag") => self.made(scalar.kind(), Plain::Float(0.0)),
            _ => None,
        }
    }

    fn made(&self, kind: ScalarKind, value: Plain) -> Option<Datum> {
        let scalar = self.look.numpy_scalar(kind, &value)?;
        Some(Datum::Scalar(Arc::new(scalar)))
    }

    /// Both sides, if one is a scalar of numpy and both are numbers.
    fn operands(
        &self,
        left: &Datum,
        right: &Datum,
    ) -> Result<Option<(Operand, Operand)>, EvalError> {
        let (a, b) = (self.numpy_scalar(left)?, self.numpy_scalar(right)?);
        if a.is_none() && b.is_none() {
            return Ok(None);
        }
        let weak = self.look.numbers_are_weak();
        let of = |scalar: &Option<NumpyScalar>, datum: &Datum, other: &Option<NumpyScalar>| {
            let loaded = self.load(datum)?;
            let Some(number) = Number::of(&loaded) else {
                return Ok(None);
            };
            if let Some(scalar) = scalar {
                return Ok(Some(Operand {
                    kind: scalar.kind(),
                    number,
                    is_weak: false,
                }));
            }
            let other = other.as_ref().map_or(ScalarKind::Bool, NumpyScalar::kind);
            let kind = match (&loaded, weak, other) {
                (Datum::Bool(_), ..) => ScalarKind::Bool,
                (Datum::Int(_), true, ScalarKind::Bool) | (Datum::Int(_), false, _) => DEFAULT,
                (Datum::Int(_), true, other) => other,
                (Datum::Float(_), true, other @ ScalarKind::Real(_)) => other,
                (Datum::Float(_), ..) => DOUBLE,
                _ => ScalarKind::Complex(Width::Double),
            };
            let is_weak = weak && !matches!(loaded, Datum::Bool(_));
            Ok::<_, EvalError>(Some(Operand {
                kind,
                number,
                is_weak,
            }))
        };
        let (left, right) = (of(&a, left, &b)?, of(&b, right, &a)?);
        Ok(left.zip(right))
    }
}

/// The type that holds both (`numpy.promote_types`), for those that Python's numbers can hold.
fn common(a: ScalarKind, b: ScalarKind) -> Option<ScalarKind> {
    use ScalarKind::{Bool, Integer, Real};
    let rank = |width| match width {
        Width::Half | Width::Brain => 0,
        Width::Single => 1,
        Width::Double => 2,
        Width::Extended => 3,
    };
    Some(match (a, b) {
        (Bool, other) | (other, Bool) => other,
        (
            Integer {
                bytes: a,
                signed: x,
            },
            Integer {
                bytes: b,
                signed: y,
            },
        ) => {
            let (wide, narrow) = if x { (a, b) } else { (b, a) };
            let bytes = match x == y {
                true => a.max(b),
                false => wide.max(2 * narrow),
            };
            if bytes > 8 {
                return Some(DOUBLE);
            }
            Integer {
                bytes,
                signed: x || y,
            }
        }
        (Integer { bytes, .. }, Real(width)) | (Real(width), Integer { bytes, .. }) => {
            let least = match bytes {
                1 => Width::Half,
                2 => Width::Single,
                _ => Width::Double,
            };
            Real(if rank(least) > rank(width) {
                least
            } else {
                width
            })
        }
        (Real(a), Real(b)) => Real(if rank(a) > rank(b) { a } else { b }),
        _ => return None,
    })
}

fn float(number: &Number) -> Option<f64> {
    match number {
        Number::Int(value) => value.to_f64(),
        Number::Float(value) => Some(*value),
        Number::Complex(..) => None,
    }
}

fn doubles(a: f64, op: Operator, b: f64) -> Option<f64> {
    Some(match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => a * b,
        Operator::Div => a / b,
        Operator::FloorDiv if b == 0.0 => a / b,
        Operator::FloorDiv => float_divmod(a, b).0,
        Operator::Mod if b == 0.0 => f64::NAN,
        Operator::Mod => float_divmod(a, b).1,
        Operator::Pow => a.powf(b),
        _ => return None,
    })
}

fn singles(a: f32, op: Operator, b: f32) -> Option<f64> {
    Some(match op {
        Operator::Add => f64::from(a + b),
        Operator::Sub => f64::from(a - b),
        Operator::Mult => f64::from(a * b),
        Operator::Div => f64::from(a / b),
        _ => doubles(a.into(), op, b.into())?,
    })
}
