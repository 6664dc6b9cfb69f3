//! `shm(NAME, DTYPE, …)`: a segment of shared memory as an array, whether the process maps it or not.

use std::sync::Arc;

use num_traits::ToPrimitive;
use ruff_python_ast::Expr;
use ruff_python_ast::visitor::{Visitor, walk_expr};

use super::call::Arguments;
use super::{Datum, EvalError, Evaluator, Scope, syntax};
use crate::array::dtype;
use crate::array::view::{Order, View};
use crate::python::Look;
use crate::python::numpy::SegmentMemory;
use crate::python::object::Builtin;

/// The name that opens segments where the program has none of that name.
pub const OPENER: &str = "shm";

const NAMES: [&str; 6] = ["name", "dtype", "shape", "offset", "strides", "order"];

/// Where expressions find segments.
pub trait Segments: Send + Sync {
    /// # Errors
    /// Why there is none of that name, or why it cannot be read: a sentence.
    fn open(&self, name: &str) -> Result<Arc<dyn SegmentMemory>, String>;
}

/// What an expression has to do with segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpensSegments {
    No,
    /// It calls the opener.
    Yes,
    /// It calls something of the program that has the opener's name.
    ProgramsOwn,
}

impl Look<'_> {
    /// Whether an expression opens segments in a scope. One that is not whole does not.
    pub fn opens_segments(&self, text: &str, scope: &Scope) -> OpensSegments {
        let Ok(parsed) = syntax::parse(text) else {
            return OpensSegments::No;
        };
        let evaluator = Evaluator::new(self, scope);
        let mut calls = Calls {
            evaluator: &evaluator,
            found: OpensSegments::No,
        };
        calls.visit_expr(parsed.expr());
        calls.found
    }
}

impl Look<'_> {
    /// The segment that a value is a part of, and its elements there; nothing if it is none as it lies in one.
    pub fn segment_part(&self, datum: &Datum) -> Option<(String, View)> {
        match datum {
            Datum::Array(view) => self.part_of_segment(view),
            Datum::Scalar(scalar) => self.element_of_segment(scalar),
            _ => None,
        }
    }
}

/// Looks for calls of the opener.
struct Calls<'e, 'l, 'p> {
    evaluator: &'e Evaluator<'l, 'p>,
    found: OpensSegments,
}

impl<'a> Visitor<'a> for Calls<'_, '_, '_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr
            && let Expr::Name(name) = &*call.func
        {
            if self.evaluator.opens_segments(&name.id) {
                self.found = OpensSegments::Yes;
            } else if name.id == OPENER && self.found == OpensSegments::No {
                self.found = OpensSegments::ProgramsOwn;
            }
        }
        walk_expr(self, expr);
    }
}

impl Evaluator<'_, '_> {
    /// Whether a name is that of the opener here, and not one of the program.
    pub(super) fn opens_segments(&self, name: &str) -> bool {
        let Some((_, certain)) = &self.scope.segments else {
            return false;
        };
        name == certain || (name == OPENER && self.is_unknown(name))
    }

    fn is_unknown(&self, name: &str) -> bool {
        let bound = self.bound.borrow();
        let is_bound = bound.iter().any(|(other, _)| other == name);
        let found = self.look.resolve(self.scope, name);
        !is_bound && matches!(found, Err(EvalError::Raised { kind, .. }) if kind == "NameError")
    }

    pub(super) fn open_segment(&self, arguments: &Arguments) -> Result<Datum, EvalError> {
        arguments.count(OPENER, 1, 3, &NAMES)?;
        let wrong = |what: &str| EvalError::type_error(format!("{OPENER}(): {what}"));
        let text = |index: usize| -> Result<Option<String>, EvalError> {
            let datum = arguments.either(index, NAMES[index]);
            match datum.map(|datum| self.load(datum)).transpose()? {
                None | Some(Datum::None) => Ok(None),
                Some(Datum::Str(points)) => Ok(Some(super::text::to_string(&points))),
                Some(_) => Err(wrong(
                    "the name of a segment and its type are texts: shm('psm_3f2a', 'f64')",
                )),
            }
        };
        let lengths = |datum: Option<&Datum>, what: &str| {
            datum.map_or(Ok(None), |datum| self.lengths(datum, what))
        };
        let (Some(segments), Some(name)) = (&self.scope.segments, text(0)?) else {
            return Err(wrong("it takes the name of a segment"));
        };
        let dtype_text = text(1)?.unwrap_or("u8".to_string());
        let element =
            dtype::parse(&dtype_text).map_err(|error| EvalError::type_error(error.to_string()))?;
        let shape = lengths(arguments.either(2, "shape"), "shape")?;
        let strides = lengths(arguments.named("strides"), "strides")?;
        let offset = match arguments.named("offset") {
            None => 0,
            Some(offset) => (self.as_index(offset)?)
                .and_then(|offset| offset.to_u64())
                .ok_or_else(|| wrong("the offset is a number of bytes"))?,
        };
        let order = match arguments.named("order").map(|order| self.load(order)) {
            None => Order::C,
            Some(order) => match order? {
                Datum::Str(points) if super::text::to_string(&points) == "C" => Order::C,
                Datum::Str(points) if super::text::to_string(&points) == "F" => Order::Fortran,
                _ => return Err(EvalError::value_error("order must be one of 'C', 'F'")),
            },
        };
        let memory = segments
            .0
            .open(&name)
            .map_err(|why| EvalError::raised("FileNotFoundError", why))?;
        let view = View::new(
            element,
            offset,
            shape.as_deref(),
            strides.as_deref(),
            order,
            memory.size(),
        )
        .map_err(|error| EvalError::value_error(format!("{name}: {error}")))?;
        let array = self.look.segment_array(memory, &view.without_subarrays());
        array
            .map(|array| Datum::Array(Arc::new(array)))
            .ok_or_else(|| EvalError::unsupported(format!("an array of {dtype_text}")))
    }

    /// One number, or several.
    fn lengths(&self, datum: &Datum, what: &str) -> Result<Option<Vec<i64>>, EvalError> {
        let wrong = || EvalError::type_error(format!("{OPENER}(): {what} is made of numbers"));
        let number = |datum: &Datum| -> Result<i64, EvalError> {
            let number = self.as_index(datum)?.and_then(|number| number.to_i64());
            number.ok_or_else(wrong)
        };
        match self.builtin(datum)? {
            Builtin::None => Ok(None),
            Builtin::Tuple | Builtin::List => {
                let members = self.iterate(datum)?;
                Ok(Some(members.iter().map(number).collect::<Result<_, _>>()?))
            }
            _ => Ok(Some(vec![number(datum)?])),
        }
    }
}
