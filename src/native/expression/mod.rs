//! Expressions in the language of a native frame: read from memory and registers, without running any code of the program.
//!
//! One grammar serves Rust, C and C++ (`docs/internals/native-expressions.md`): what they have in common, and of the rest what
//! each has. What a name, a field or an index means is told by the debug information of the frame's module.

mod arithmetic;
mod datum;
mod definition;
mod error;
mod evaluate;
mod keys;
mod lines;
mod load;
mod members;
mod names;
mod parse;
mod primitive;
mod show;
mod syntax;
mod token;
mod types;

pub use error::ExpressionError;
pub use lines::broken_into_lines;
pub(in crate::native) use names::{thread_local, thread_local_of};
pub use syntax::Expression;

use super::dwarf::Module;
use super::values::{Format, FrameState, Limits, Locator, Writer};
use crate::model::{Addr, Value};
use evaluate::Evaluator;
use syntax::TypeName;

/// What is to be found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    what: What,
    format: Option<Format>,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Value(Expression),
    TypeOf(Expression),
    Definition(Expression),
    /// Of a type that was named.
    DefinitionOf(TypeName),
    AddressOf(Expression),
}

/// What was found out.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Value(Value),
    Text(String),
    Address(Addr),
}

impl Question {
    /// The value of an expression, which may have a format before it: `/x count`.
    pub fn value(text: &str) -> Result<Question, ExpressionError> {
        let (format, text) = split_format(text)?;
        Ok(Question {
            what: What::Value(parse::parse(text)?),
            format,
        })
    }

    /// The name of an expression's type.
    pub fn type_of(text: &str) -> Result<Question, ExpressionError> {
        let what = What::TypeOf(parse::parse(text)?);
        Ok(Question { what, format: None })
    }

    /// What the type of an expression, or one that is named, is made of.
    pub fn definition(text: &str) -> Result<Question, ExpressionError> {
        let what = match parse::parse(text) {
            Ok(expression) => What::Definition(expression),
            Err(error) => What::DefinitionOf(parse::parse_type(text).map_err(|_| error)?),
        };
        Ok(Question { what, format: None })
    }

    /// The same of something that is a type and nothing else.
    pub fn definition_of_type(text: &str) -> Result<Question, ExpressionError> {
        let what = What::DefinitionOf(parse::parse_type(text)?);
        Ok(Question { what, format: None })
    }

    /// The address that an expression gives: what a pointer or number is, where a function begins.
    pub fn address(text: &str) -> Result<Question, ExpressionError> {
        let what = What::AddressOf(parse::parse(text)?);
        Ok(Question { what, format: None })
    }
}

/// `/x` before an expression.
fn split_format(text: &str) -> Result<(Option<Format>, &str), ExpressionError> {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('/') else {
        return Ok((None, text));
    };
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let mut letters = word.chars();
    let format = match (letters.next(), letters.next()) {
        (Some(letter), None) => Format::of(letter),
        _ => None,
    };
    let format = format.ok_or_else(|| ExpressionError::NoSuchFormat {
        format: word.to_owned(),
    })?;
    Ok((Some(format), rest.trim()))
}

/// Where a symbol that the debug information does not have is, and whether it is a function.
pub type SymbolLookup<'f> = dyn Fn(&str) -> Option<(Addr, bool)> + 'f;

/// What there is around a question: a frame of a process.
pub struct Around<'f> {
    pub frame: &'f FrameState<'f>,
    /// As linked: in the instruction that is executed.
    pub address: u64,
    /// Which of the functions there, of those that were inlined into one another: 0 is the innermost. Nothing if the question is about
    /// the module alone.
    pub inlined: Option<usize>,
    pub symbol: &'f SymbolLookup<'f>,
}

/// Answers a question in a frame whose code is of this module.
pub(in crate::native) fn answer(
    module: &Module<'_>,
    around: &Around<'_>,
    question: &Question,
    limits: &Limits,
) -> Result<Answer, ExpressionError> {
    let scopes = match around.inlined {
        Some(_) => module.scopes_at(around.address),
        None => Vec::new(),
    };
    let scope = around.inlined.and_then(|index| scopes.get(index).copied());
    let locator = scopes.last().map(|&function| Locator {
        frame: around.frame,
        within: function.within,
        function,
        address: around.address,
    });
    let evaluator = Evaluator {
        writer: Writer {
            module,
            memory: around.frame.memory,
            bias: around.frame.bias,
            depth: limits.depth.min(Limits::DEEPEST),
            format: question.format,
        },
        around,
        scope,
        locator,
    };
    match &question.what {
        What::Value(expression) => {
            let datum = evaluator.evaluate(expression)?;
            Ok(Answer::Value(evaluator.value(&datum, limits)?))
        }
        What::TypeOf(expression) => {
            let datum = evaluator.evaluate(expression)?;
            Ok(Answer::Text(evaluator.type_name(&datum)))
        }
        What::Definition(expression) => match evaluator.evaluate(expression) {
            Ok(datum) => Ok(Answer::Text(evaluator.definition_of(&datum))),
            // A path may be that of a type.
            Err(error @ ExpressionError::NoSuchName { .. }) => match expression {
                Expression::Path(names) => {
                    let name = TypeName::Named(names.join("::"));
                    let kind = evaluator.resolve(&name).map_err(|_| error)?;
                    Ok(Answer::Text(evaluator.definition(&kind)))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        },
        What::DefinitionOf(name) => {
            let kind = evaluator.resolve(name)?;
            Ok(Answer::Text(evaluator.definition(&kind)))
        }
        What::AddressOf(expression) => {
            let datum = evaluator.evaluate(expression)?;
            Ok(Answer::Address(evaluator.address_meant(&datum)?))
        }
    }
}
