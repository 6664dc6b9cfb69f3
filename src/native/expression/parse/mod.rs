//! From words to a tree: precedence climbing, with a bound on how many parts there are, so that neither this nor what goes over the
//! tree runs out of stack.

mod type_name;

use super::error::ExpressionError;
use super::primitive::Primitive;
use super::syntax::{Binary, Expression, TypeName, Unary};
use super::token::{Placed, Token, tokens};

/// Parts of one expression.
const MOST_PARTS: usize = 256;
/// Brackets and signs inside each other.
const DEEPEST: usize = 40;

pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let mut parser = Parser::new(text)?;
    let expression = parser.expression(0)?;
    parser.end()?;
    Ok(expression)
}

pub fn parse_type(text: &str) -> Result<TypeName, ExpressionError> {
    let mut parser = Parser::new(text)?;
    let name = parser
        .type_name()
        .ok_or_else(|| parser.wrong("this is no type"))?;
    parser.end()?;
    Ok(name)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Placed>,
    at: usize,
    parts: usize,
    depth: usize,
}

/// The binary operators by how tightly they bind, as in Rust (`a & b == c` is `(a & b) == c`).
const OPERATORS: [(&str, Binary, u8); 18] = [
    ("||", Binary::Or, 1),
    ("&&", Binary::And, 2),
    ("==", Binary::Equal, 3),
    ("!=", Binary::NotEqual, 3),
    ("<", Binary::Less, 3),
    ("<=", Binary::LessOrEqual, 3),
    (">", Binary::Greater, 3),
    (">=", Binary::GreaterOrEqual, 3),
    ("|", Binary::BitOr, 4),
    ("^", Binary::BitXor, 5),
    ("&", Binary::BitAnd, 6),
    ("<<", Binary::ShiftLeft, 7),
    (">>", Binary::ShiftRight, 7),
    ("+", Binary::Add, 8),
    ("-", Binary::Subtract, 8),
    ("*", Binary::Multiply, 9),
    ("/", Binary::Divide, 9),
    ("%", Binary::Remainder, 9),
];
/// How tightly `as` and `@` bind.
const CAST: u8 = 10;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Parser<'t>, ExpressionError> {
        Ok(Parser {
            text,
            tokens: tokens(text)?,
            at: 0,
            parts: 0,
            depth: 0,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn is_next(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(next)) if *next == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.is_next(sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), ExpressionError> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(self.wrong(&format!("'{sign}' is missing")))
        }
    }

    fn end(&self) -> Result<(), ExpressionError> {
        if self.at < self.tokens.len() {
            return Err(self.wrong("the expression has ended before this"));
        }
        Ok(())
    }

    fn wrong(&self, why: &str) -> ExpressionError {
        let end = self.text.chars().count();
        let at = self.tokens.get(self.at).map_or(end, |(at, _)| *at);
        ExpressionError::Syntax {
            why: why.to_owned(),
            column: at + 1,
            text: self.text.to_owned(),
        }
    }

    fn count(&mut self) -> Result<(), ExpressionError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(ExpressionError::TooLarge);
        }
        Ok(())
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        self.count()?;
        if self.depth == DEEPEST {
            return Err(ExpressionError::TooLarge);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn boxed(&mut self, least: u8) -> Result<Box<Expression>, ExpressionError> {
        self.expression(least).map(Box::new)
    }

    /// With operators that bind at least so tightly.
    fn expression(&mut self, least: u8) -> Result<Expression, ExpressionError> {
        self.deeper(|parser| {
            let mut left = parser.unary()?;
            loop {
                parser.count()?;
                if CAST >= least && parser.take_word("as") {
                    let name = parser.type_name_of_rust();
                    let name = name.ok_or_else(|| parser.wrong("a type belongs behind `as`"))?;
                    left = Expression::Cast(Box::new(left), name);
                    continue;
                }
                if CAST >= least && parser.take("@") {
                    let count = parser.unary()?;
                    left = Expression::Repeat(Box::new(left), Box::new(count));
                    continue;
                }
                let Some(Token::Sign(sign)) = parser.peek() else {
                    return Ok(left);
                };
                let operator = OPERATORS.iter().find(|(text, ..)| text == sign);
                let Some(&(_, operator, strength)) = operator.filter(|(.., it)| *it >= least)
                else {
                    return Ok(left);
                };
                parser.at += 1;
                let right = parser.boxed(strength + 1)?;
                left = Expression::Binary(operator, Box::new(left), right);
            }
        })
    }

    fn unary(&mut self) -> Result<Expression, ExpressionError> {
        self.deeper(|parser| {
            let signs = [
                ("-", Unary::Negate),
                ("!", Unary::Not),
                ("~", Unary::Complement),
                ("*", Unary::Dereference),
                ("&", Unary::AddressOf),
            ];
            for (sign, operator) in signs {
                if parser.take(sign) {
                    if operator == Unary::AddressOf {
                        parser.take_word("mut");
                    }
                    return Ok(Expression::Unary(operator, Box::new(parser.unary()?)));
                }
            }
            if parser.take("+") {
                return parser.unary();
            }
            if parser.take_word("sizeof") {
                return parser.size();
            }
            if let Some(cast) = parser.cast()? {
                return Ok(cast);
            }
            parser.with_what_follows()
        })
    }

    fn size(&mut self) -> Result<Expression, ExpressionError> {
        let begin = self.at;
        if self.take("(") {
            let is_marked = self.is_mark_next();
            if let Some(name) = self.type_name().filter(|_| self.is_next(")"))
                && (is_marked || self.is_surely_type(&name))
            {
                self.at += 1;
                return Ok(Expression::SizeOfType(name));
            }
            self.at = begin;
        }
        Ok(Expression::SizeOf(Box::new(self.unary()?)))
    }

    /// `(int)x` of C. A name between brackets is a type if nothing else makes sense: `(a)(b)`, `(a)b`, but not `(a) - b`.
    fn cast(&mut self) -> Result<Option<Expression>, ExpressionError> {
        let begin = self.at;
        if !self.take("(") {
            return Ok(None);
        }
        let is_marked = self.is_mark_next();
        let name = self.type_name();
        let is_closed = self.take(")");
        if let Some(name) = name.filter(|_| is_closed) {
            let is_operand = match self.peek() {
                Some(Token::Sign(sign)) => *sign == "(",
                Some(Token::Name(name)) => name != "as",
                Some(_) => true,
                None => false,
            };
            let may_be_operand = is_operand
                || ["-", "*", "&", "~", "!"]
                    .iter()
                    .any(|sign| self.is_next(sign));
            let is_type = is_marked
                || matches!(name, TypeName::Pointer(_))
                || matches!(&name, TypeName::Named(name) if Primitive::named(name).is_some());
            if is_operand || (is_type && may_be_operand) {
                let operand = Box::new(self.unary()?);
                return Ok(Some(Expression::Cast(operand, name)));
            }
        }
        self.at = begin;
        Ok(None)
    }

    /// A value with its fields, indexes and methods.
    fn with_what_follows(&mut self) -> Result<Expression, ExpressionError> {
        let mut value = self.value()?;
        loop {
            self.count()?;
            if self.take(".") || self.take("->") {
                // `a.*` and `(*a).b` mean the same in Rust and C; the first of them is Zig's, and none of ours.
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return Err(self.wrong("the name of a field belongs behind the dot"));
                };
                self.at += 1;
                if self.take("(") {
                    self.expect(")")?;
                    value = Expression::Method(Box::new(value), name);
                } else {
                    value = Expression::Field(Box::new(value), name);
                }
            } else if self.take("[") {
                value = self.index(Box::new(value))?;
            } else {
                return Ok(value);
            }
        }
    }

    fn index(&mut self, of: Box<Expression>) -> Result<Expression, ExpressionError> {
        let is_range = |parser: &Self| parser.is_next("..") || parser.is_next("..=");
        let from = match is_range(self) {
            true => None,
            false => Some(self.boxed(0)?),
        };
        let closed = self.is_next("..=");
        if !is_range(self) {
            self.expect("]")?;
            let index = from.ok_or_else(|| self.wrong("an index is missing"))?;
            return Ok(Expression::Index(of, index));
        }
        self.at += 1;
        let to = match self.is_next("]") {
            true => None,
            false => Some(self.boxed(0)?),
        };
        self.expect("]")?;
        Ok(Expression::Slice {
            of,
            from,
            to,
            closed,
        })
    }

    fn value(&mut self) -> Result<Expression, ExpressionError> {
        self.count()?;
        let Some(token) = self.peek().cloned() else {
            return Err(self.wrong("something is missing at the end"));
        };
        let value = match token {
            Token::Integer(value, kind) => Expression::Integer(value, kind),
            Token::Float(value) => Expression::Float(value),
            Token::Character(value) => Expression::Character(value),
            Token::Text(bytes) => Expression::Text(bytes),
            Token::Register(name) => Expression::Register(name),
            Token::Name(name) if name == "true" || name == "false" => {
                Expression::Truth(name == "true")
            }
            Token::Name(_) => return self.path(),
            Token::Sign("::") => return self.path(),
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign(_) => return Err(self.wrong("a value is missing before this")),
        };
        self.at += 1;
        Ok(value)
    }

    fn path(&mut self) -> Result<Expression, ExpressionError> {
        self.take("::");
        let mut names = Vec::new();
        loop {
            self.count()?;
            let Some(Token::Name(name)) = self.peek().cloned() else {
                return Err(self.wrong("a name belongs behind '::'"));
            };
            self.at += 1;
            let mut name = name;
            // `Vec<u8>::NEW`; a `<` alone compares.
            let before = self.at;
            if let Some(parameters) = self.parameters().filter(|_| self.is_next("::")) {
                name += &parameters;
            } else {
                self.at = before;
            }
            names.push(name);
            if !self.take("::") {
                return Ok(Expression::Path(names));
            }
        }
    }
}

#[cfg(test)]
mod tests;
