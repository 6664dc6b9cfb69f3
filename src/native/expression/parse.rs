//! From words to a tree: precedence climbing, with a bound on how many parts there are, so that neither this nor what goes over the
//! tree runs out of stack.

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
                    let name = parser.type_name();
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
            if let Some(name) = self.type_name().filter(|_| self.is_next(")"))
                && self.is_surely_type(&name)
            {
                self.at += 1;
                return Ok(Expression::SizeOfType(name));
            }
            self.at = begin;
        }
        Ok(Expression::SizeOf(Box::new(self.unary()?)))
    }

    fn is_surely_type(&self, name: &TypeName) -> bool {
        match name {
            TypeName::Named(name) => {
                Primitive::named(name).is_some()
                    || name.contains('<')
                    || name.starts_with(|letter: char| letter.is_uppercase())
            }
            TypeName::Pointer(_) | TypeName::Array(..) => true,
        }
    }

    /// `(int)x` of C. A name between brackets is a type if nothing else makes sense: `(a)(b)`, `(a)b`, but not `(a) - b`.
    fn cast(&mut self) -> Result<Option<Expression>, ExpressionError> {
        let begin = self.at;
        if !self.take("(") {
            return Ok(None);
        }
        let is_marked =
            matches!(self.peek(), Some(Token::Name(word)) if MARKS.contains(&word.as_str()));
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

    /// `<u8, alloc::alloc::Global>`, up to the `>` that belongs to it.
    fn parameters(&mut self) -> Option<String> {
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
                    let is_word = text.ends_with(super::token::is_name);
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

    /// Nothing, and where it then stands is of no meaning, if no type is next.
    fn type_name(&mut self) -> Option<TypeName> {
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
        while matches!(self.peek(), Some(Token::Name(word)) if MARKS.contains(&word.as_str())) {
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

/// What may stand before a type of C.
const MARKS: [&str; 8] = [
    "struct", "union", "enum", "class", "const", "volatile", "typename", "dyn",
];
/// Of which the names of C's numbers are made.
const WORDS: [&str; 8] = [
    "unsigned", "signed", "long", "short", "int", "char", "double", "float",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// With all brackets.
    fn shown(expression: &Expression) -> String {
        use Expression as E;
        match expression {
            E::Integer(value, kind) => format!("{value}{}", kind.as_deref().unwrap_or("")),
            E::Float(value) => format!("{value:?}"),
            E::Character(value) => format!("'{value}'"),
            E::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            E::Truth(value) => value.to_string(),
            E::Register(name) => format!("${name}"),
            E::Path(names) => names.join("::"),
            E::Unary(operator, inner) => format!("{operator:?}({})", shown(inner)),
            E::Binary(operator, left, right) => {
                format!("({} {operator:?} {})", shown(left), shown(right))
            }
            E::Field(of, name) => format!("{}.{name}", shown(of)),
            E::Index(of, index) => format!("{}[{}]", shown(of), shown(index)),
            E::Slice {
                of,
                from,
                to,
                closed,
            } => {
                let side = |side: &Option<Box<Expression>>| {
                    side.as_ref().map_or(String::new(), |side| shown(side))
                };
                let dots = if *closed { "..=" } else { ".." };
                format!("{}[{}{dots}{}]", shown(of), side(from), side(to))
            }
            E::Repeat(of, count) => format!("{}@{}", shown(of), shown(count)),
            E::Cast(of, kind) => format!("<{kind:?}>({})", shown(of)),
            E::Method(of, name) => format!("{}.{name}()", shown(of)),
            E::SizeOfType(kind) => format!("sizeof<{kind:?}>"),
            E::SizeOf(of) => format!("sizeof({})", shown(of)),
        }
    }

    fn parsed(text: &str) -> String {
        parse(text).map_or_else(|error| format!("! {error}"), |it| shown(&it))
    }

    #[test]
    fn operators_bind_as_in_rust() {
        assert_eq!(parsed("a + b * c == 7"), "((a Add (b Multiply c)) Equal 7)");
        assert_eq!(parsed("a & 1 == 0"), "((a BitAnd 1) Equal 0)");
        assert_eq!(parsed("a - b - c"), "((a Subtract b) Subtract c)");
        assert_eq!(
            parsed("-a.b[0] as u8 + 1"),
            "(<Named(\"u8\")>(Negate(a.b[0])) Add 1)"
        );
        assert_eq!(parsed("*p->q"), "Dereference(p.q)");
        assert_eq!(parsed("&mut a.0.1"), "AddressOf(a.0.1)");
        assert_eq!(parsed("a < b"), "(a Less b)");
    }

    #[test]
    fn slices_repeats_and_methods() {
        assert_eq!(parsed("a[2..5]"), "a[2..5]");
        assert_eq!(parsed("a[..=n].len()"), "a[..=n].len()");
        assert_eq!(parsed("*argv@argc"), "Dereference(argv)@argc");
        assert_eq!(
            parsed("crate_x::inner::COUNT[1]"),
            "crate_x::inner::COUNT[1]"
        );
        assert_eq!(parsed("$rsp + 0x10"), "($rsp Add 16)");
    }

    #[test]
    fn casts_of_both_languages() {
        assert_eq!(parsed("(int)x"), "<Named(\"int\")>(x)");
        assert_eq!(parsed("(x) - 1"), "(x Subtract 1)");
        assert_eq!(
            parsed("(char *)p + 1"),
            "(<Pointer(Named(\"char\"))>(p) Add 1)"
        );
        assert_eq!(
            parsed("*(unsigned long *)$rsp"),
            "Dereference(<Pointer(Named(\"unsigned long\"))>($rsp))"
        );
        assert_eq!(
            parsed("(struct node *)0x10"),
            "<Pointer(Named(\"node\"))>(16)"
        );
        assert_eq!(
            parsed("p as *const Vec<u8>"),
            "<Pointer(Named(\"Vec<u8>\"))>(p)"
        );
        assert_eq!(parsed("sizeof(int)"), "sizeof<Named(\"int\")>");
        assert_eq!(parsed("sizeof x"), "sizeof(x)");
        assert_eq!(
            parsed("p as *mut [i32; 4]"),
            "<Pointer(Array(Named(\"i32\"), 4))>(p)"
        );
    }

    #[test]
    fn what_is_no_expression_is_told_with_its_place() {
        for (text, why) in [
            ("", "! something is missing at the end, at column 1: "),
            ("a +", "! something is missing at the end, at column 4: a +"),
            (
                "a b",
                "! the expression has ended before this, at column 3: a b",
            ),
            ("(a", "! ')' is missing, at column 3: (a"),
            (
                "1xyz",
                "! 'xyz' cannot stand behind a number, at column 1: 1xyz",
            ),
            ("\"abc", "! a \" is missing for this, at column 1: \"abc"),
            (
                "a ` b",
                "! '`' has no meaning in an expression, at column 3: a ` b",
            ),
            (
                "a.",
                "! the name of a field belongs behind the dot, at column 3: a.",
            ),
        ] {
            assert_eq!(parsed(text), why);
        }
    }

    #[test]
    fn no_text_is_too_much_for_it() {
        let deep = ["(", "-", "*", "&", "!", "a[", "(int)", "sizeof ", "[", "<"];
        for piece in deep {
            assert!(
                parse(&piece.repeat(9_000 / piece.len())).is_err(),
                "{piece}"
            );
        }
        let wide = [
            "a+",
            "a.b.",
            "a@",
            "a as u8 ",
            "a::",
            "a[0]",
            "x<y<",
            "p as *const ",
        ];
        for piece in wide {
            let _ = parse(&piece.repeat(9_000 / piece.len()));
            let _ = parse_type(&piece.repeat(9_000 / piece.len()));
        }
        assert_eq!(parse(&"a".repeat(20_000)), Err(ExpressionError::TooLarge));
    }

    #[test]
    fn whatever_is_typed_gives_a_tree_or_a_sentence() {
        const PIECES: [&str; 44] = [
            "a",
            "b::c",
            "1",
            "0x",
            "0xff",
            "1.5",
            "1e",
            "'x'",
            "'",
            "\"s\"",
            "\\",
            "$rip",
            "$",
            "as",
            "u8",
            "(",
            ")",
            "[",
            "]",
            "{",
            "<",
            ">",
            "..",
            "..=",
            ".",
            "->",
            "::",
            "*",
            "&",
            "&&",
            "-",
            "!",
            "~",
            "@",
            "sizeof",
            "struct",
            "const",
            "mut",
            "Vec<u8>",
            "é",
            "\u{0}",
            "99999999999999999999999999999999999999999",
            " ",
            ",",
        ];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        for _ in 0..20_000 {
            let count = random(12);
            let text: String = (0..count).map(|_| PIECES[random(PIECES.len())]).collect();
            if let Err(error) = parse(&text) {
                assert!(!error.to_string().is_empty());
            }
            let _ = parse_type(&text);
        }
    }
}
