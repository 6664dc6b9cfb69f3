//! Python expressions on a process that is only looked at.
//!
//! [`Look::evaluate`] walks the syntax tree of an expression. Names and attributes lead to objects of the inferior;
//! operators and builtin functions make values of pmdb's own ([`Datum`]). What would have to run code of the inferior
//! (a property, a Python-level `__eq__`, a call) ends as [`EvalError::NeedsInterpreter`], which names it. How it works
//! and why is in `docs/internals/evaluator.md`.

mod array;
mod array_method;
mod array_scalar;
mod attribute;
mod budget;
mod builtins;
mod call;
mod compare;
mod complete;
mod comprehension;
mod constructors;
mod datum;
mod dialect;
mod error;
mod expression;
mod format;
mod inspect;
mod interpolate;
mod iterate;
mod load;
mod methods;
mod number;
mod number_constructors;
mod operator;
mod ordering;
mod pretty;
mod pretty_line;
mod scope;
mod segment;
mod sequence;
mod show;
mod sum;
mod syntax;
mod text;
mod wrap;

pub use datum::{Datum, Iterated, Range, View};
pub use error::EvalError;
pub use inspect::Definition;
pub use scope::Scope;
pub use segment::{OPENER, OpensSegments, Segments};

use budget::Budget;

use super::Look;

/// One evaluation.
pub(super) struct Evaluator<'e, 'p> {
    look: &'e Look<'p>,
    scope: &'e Scope,
    budget: Budget,
    /// The variables of the comprehensions around the expression, the innermost last.
    bound: std::cell::RefCell<Vec<(String, Datum)>>,
}

impl Look<'_> {
    /// The value of a Python expression in a scope, without running code in the process.
    ///
    /// # Errors
    /// What Python would raise (as [`EvalError::Raised`], syntax errors included); what only the interpreter can tell;
    /// an expression that takes more than pmdb's bounds; memory that cannot be read.
    pub fn evaluate(&self, text: &str, scope: &Scope) -> Result<Datum, EvalError> {
        let parsed = syntax::parse(text)?;
        let evaluator = Evaluator::new(self, scope);
        evaluator.expression(parsed.expr())
    }
}

impl<'e, 'p> Evaluator<'e, 'p> {
    fn new(look: &'e Look<'p>, scope: &'e Scope) -> Evaluator<'e, 'p> {
        Evaluator {
            look,
            scope,
            budget: Budget::new(scope.cancelled.clone()),
            bound: std::cell::RefCell::default(),
        }
    }
}
