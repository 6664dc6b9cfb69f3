//! Names of types: of Rust, whose pointers stand before what they point to, and of C, whose stand behind it.

use super::super::primitive::Primitive;
use super::super::syntax::TypeName;
use super::super::token::{self, Token};
use super::{DEEPEST, Parser};

/// What may stand before a type of C.
const MARKS: [&str; 8] = [
    "struct", "union", "enum", "class", "const", "volatile", "typename", "dyn",
];
/// Of which the names of C's numbers are made.
const WORDS: [&str; 8] = [
    "unsigned", "signed", "long", "short", "int", "char", "double", "float",
];

impl Parser<'_> {
    pub(super) fn is_surely_type(&self, name: &TypeName) -> bool {
        match name {
            TypeName::Named(name) => {
                Primitive::named(name).is_some()
                    || name.contains('<')
                    || name.starts_with(|letter: char| letter.is_uppercase())
            }
            TypeName::Pointer(_) | TypeName::Array(..) => true,
        }
    }

    /// `<u8, alloc::alloc::Global>`, up to the `>` that belongs to it.
    pub(super) fn parameters(&mut self) -> Option<String> {
        if !self.is_next("<") {
            return None;
        }
        let (mut text, mut depth) = (String::new(), 0_usize);
        loop {
            let token = self.peek()?.clone();
            self.at += 1;
            let piece = match &token {
                Token::Sign(sign) => (*sign).to_owned(),
                Token::Name(name) => {
                    // Between two words there is a space.
                    let is_word = text.ends_with(token::is_name);
                    format!("{}{name}", if is_word { " " } else { "" })
                }
                Token::Integer(value, _) => value.to_string(),
                _ => return None,
            };
            match piece.as_str() {
                "<" => depth += 1,
                ">" => depth = depth.checked_sub(1)?,
                ">>" => depth = depth.checked_sub(2)?,
                "&&" | "||" | "==" | "!=" | "+" | "/" | "%" | "{" | "}" => return None,
                _ => {}
            }
            text += &piece;
            if depth == 0 {
                return Some(text);
            }
        }
    }

    /// Whether a word is next that only stands before a type.
    pub(super) fn is_mark_next(&self) -> bool {
        matches!(self.peek(), Some(Token::Name(word)) if MARKS.contains(&word.as_str()))
    }

    /// As [`type_name`](Self::type_name), where a `*` or `&` behind it is an operator: `x as u64 * 8`.
    pub(super) fn type_name_of_rust(&mut self) -> Option<TypeName> {
        match self.is_next("*") || self.is_next("&") || self.is_next("[") {
            true => self.type_name(),
            false => self.plain_type(),
        }
    }

    /// Nothing, and where it then stands is of no meaning, if no type is next.
    pub(super) fn type_name(&mut self) -> Option<TypeName> {
        if self.count().is_err() || self.depth >= DEEPEST {
            return None;
        }
        self.depth += 1;
        let name = self.type_name_within();
        self.depth -= 1;
        name
    }

    fn type_name_within(&mut self) -> Option<TypeName> {
        // Rust's pointers and references stand before what they point to.
        if self.take("*") {
            let is_one = self.take_word("const") || self.take_word("mut");
            return is_one.then(|| Some(TypeName::Pointer(Box::new(self.type_name()?))))?;
        }
        if self.take("&") {
            self.take_word("mut");
            if self.is_next("[") || matches!(self.peek(), Some(Token::Name(name)) if name == "str")
            {
                return self.wide_reference();
            }
            return Some(TypeName::Pointer(Box::new(self.type_name()?)));
        }
        if self.take("[") {
            let element = self.type_name()?;
            let length = self.take(";").then(|| match self.peek().cloned() {
                Some(Token::Integer(length, _)) => u64::try_from(length).ok(),
                _ => None,
            });
            let length = length??;
            self.at += 1;
            return self
                .take("]")
                .then(|| TypeName::Array(Box::new(element), length));
        }
        let mut name = self.plain_type()?;
        // C's pointers stand behind it.
        loop {
            let is_word = self.take_word("const") || self.take_word("volatile");
            if is_word {
                continue;
            }
            if !(self.take("*") || self.take("&") || self.take("&&")) {
                return Some(name);
            }
            if self.count().is_err() {
                return None;
            }
            name = TypeName::Pointer(Box::new(name));
        }
    }

    /// `&str`, `&[u8]`: by the name that the debug information has for it.
    fn wide_reference(&mut self) -> Option<TypeName> {
        if self.take_word("str") {
            return Some(TypeName::Named("&str".to_owned()));
        }
        self.take("[");
        let TypeName::Named(element) = self.type_name()? else {
            return None;
        };
        self.take("]")
            .then(|| TypeName::Named(format!("&[{element}]")))
    }

    fn plain_type(&mut self) -> Option<TypeName> {
        let mut text = String::new();
        while self.is_mark_next() {
            self.at += 1;
        }
        loop {
            let Some(Token::Name(word)) = self.peek().cloned() else {
                return None;
            };
            self.at += 1;
            text += &word;
            // `unsigned long int`
            while let Some(Token::Name(more)) = self.peek().cloned() {
                let goes_on = WORDS.contains(&word.as_str()) && WORDS.contains(&more.as_str());
                if !goes_on {
                    break;
                }
                self.at += 1;
                text.push(' ');
                text += &more;
            }
            if self.is_next("<") {
                text += &self.parameters()?;
            }
            if !self.take("::") {
                return Some(TypeName::Named(text));
            }
            text += "::";
        }
    }
}
