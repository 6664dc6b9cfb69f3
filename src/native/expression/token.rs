//! The words of an expression: what Rust, C and C++ have in common, and what only some of them have.

use super::error::ExpressionError;

/// A longer text is no expression that somebody typed. Characters.
const LONGEST: usize = 10_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A number without a sign, with the type behind it (`7u8`; `7UL` of C has none).
    Integer(u128, Option<String>),
    Float(f64),
    Character(u32),
    Text(Vec<u8>),
    Name(String),
    /// `$rip`
    Register(String),
    Sign(&'static str),
}

/// A token, and where it begins, in characters from 0.
pub type Placed = (usize, Token);

/// The longer ones first.
const SIGNS: [&str; 35] = [
    "..=", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "::", "->", "..", "+", "-", "*", "/",
    "%", "&", "|", "^", "~", "!", "<", ">", "(", ")", "[", "]", "{", "}", ".", ",", ";", "@", "?",
];

pub fn tokens(text: &str) -> Result<Vec<Placed>, ExpressionError> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() > LONGEST {
        return Err(ExpressionError::TooLarge);
    }
    let mut reader = Reader {
        text,
        letters,
        at: 0,
    };
    let mut tokens = Vec::new();
    loop {
        reader.take_while(char::is_whitespace);
        let begin = reader.at;
        if begin >= reader.letters.len() {
            return Ok(tokens);
        }
        // Behind a dot a number is the place in a tuple: `a.0.1`.
        let is_field = matches!(tokens.last(), Some((_, Token::Sign("."))));
        tokens.push((begin, reader.token(is_field)?));
    }
}

struct Reader<'t> {
    text: &'t str,
    letters: Vec<char>,
    at: usize,
}

pub fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        while self.peek(0).is_some_and(&is_wanted) {
            self.at += 1;
        }
        self.letters[begin..self.at].iter().collect()
    }

    fn wrong(&self, why: &str, at: usize) -> ExpressionError {
        ExpressionError::Syntax {
            why: why.to_owned(),
            column: at + 1,
            text: self.text.to_owned(),
        }
    }

    fn token(&mut self, is_field: bool) -> Result<Token, ExpressionError> {
        let begin = self.at;
        let Some(first) = self.peek(0) else {
            return Err(self.wrong("something is missing", begin));
        };
        if first.is_ascii_digit() {
            if is_field {
                return Ok(Token::Name(
                    self.take_while(|letter| letter.is_ascii_digit()),
                ));
            }
            return self.number();
        }
        if first == '$' {
            self.at += 1;
            return Ok(Token::Register(self.take_while(is_name)));
        }
        if first == '"' {
            return self.quoted('"').map(Token::Text);
        }
        if first == '\'' {
            return self.character();
        }
        if matches!((first, self.peek(1)), ('b', Some('\''))) {
            self.at += 1;
            return self.character();
        }
        if matches!((first, self.peek(1)), ('b', Some('"'))) {
            self.at += 1;
            return self.quoted('"').map(Token::Text);
        }
        if is_name(first) {
            return Ok(Token::Name(self.take_while(is_name)));
        }
        let is_next = |sign: &&&str| {
            sign.chars()
                .enumerate()
                .all(|(ahead, letter)| self.peek(ahead) == Some(letter))
        };
        let Some(sign) = SIGNS.iter().find(is_next) else {
            return Err(self.wrong(&format!("'{first}' has no meaning in an expression"), begin));
        };
        self.at += sign.len();
        Ok(Token::Sign(sign))
    }

    fn character(&mut self) -> Result<Token, ExpressionError> {
        let begin = self.at;
        let bytes = self.quoted('\'')?;
        let text = String::from_utf8_lossy(&bytes);
        let mut letters = text.chars();
        match (letters.next(), letters.next(), bytes.as_slice()) {
            (_, _, [byte]) => Ok(Token::Character((*byte).into())),
            (Some(letter), None, _) => Ok(Token::Character(letter.into())),
            _ => Err(self.wrong("a character is one letter between ' and '", begin)),
        }
    }

    /// What stands between quotation marks, without them.
    fn quoted(&mut self, mark: char) -> Result<Vec<u8>, ExpressionError> {
        let begin = self.at;
        let unfinished =
            |reader: &Self| reader.wrong(&format!("a {mark} is missing for this"), begin);
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let letter = self.peek(0).ok_or_else(|| unfinished(self))?;
            self.at += 1;
            if letter == mark {
                return Ok(bytes);
            }
            if letter != '\\' {
                bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
                continue;
            }
            let escaped = self.peek(0).ok_or_else(|| unfinished(self))?;
            self.at += 1;
            match escaped {
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'r' => bytes.push(b'\r'),
                '0' => bytes.push(0),
                'x' => {
                    let digits: String = (0..2).filter_map(|ahead| self.peek(ahead)).collect();
                    let byte = u8::from_str_radix(&digits, 16).map_err(|_| {
                        self.wrong("two hexadecimal digits belong behind \\x", begin)
                    })?;
                    self.at += 2;
                    bytes.push(byte);
                }
                other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let begin = self.at;
        let base = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x' | 'X')) => 16,
            (Some('0'), Some('b' | 'B')) => 2,
            (Some('0'), Some('o' | 'O')) => 8,
            _ => 10,
        };
        if base != 10 {
            self.at += 2;
        }
        let digits = self.take_while(|letter| letter.is_digit(base) || letter == '_');
        let is_float = base == 10
            && self.peek(0) == Some('.')
            && self.peek(1).is_some_and(|letter| letter.is_ascii_digit());
        let is_power = base == 10 && matches!(self.peek(0), Some('e' | 'E'));
        if is_float || is_power {
            let mut text = digits;
            if is_float {
                self.at += 1;
                text.push('.');
                text += &self.take_while(|letter| letter.is_ascii_digit());
            }
            if matches!(self.peek(0), Some('e' | 'E')) {
                self.at += 1;
                text.push('e');
                if let Some(sign @ ('+' | '-')) = self.peek(0) {
                    self.at += 1;
                    text.push(sign);
                }
                text += &self.take_while(|letter| letter.is_ascii_digit());
            }
            self.take_while(is_name);
            let value = text.replace('_', "").parse();
            return value
                .map(Token::Float)
                .map_err(|_| self.wrong("this is no number", begin));
        }
        let value = u128::from_str_radix(&digits.replace('_', ""), base)
            .map_err(|_| self.wrong("this is no number, or one of more than 128 bits", begin))?;
        let suffix = self.take_while(is_name);
        let of_c = suffix.chars().all(|letter| "uUlLzZ".contains(letter));
        let of_rust = suffix.starts_with(['u', 'i'])
            && suffix[1..]
                .parse()
                .is_ok_and(|bits: u32| [8, 16, 32, 64, 128].contains(&bits))
            || ["usize", "isize"].contains(&suffix.as_str());
        if !of_c && !of_rust {
            return Err(self.wrong(&format!("'{suffix}' cannot stand behind a number"), begin));
        }
        Ok(Token::Integer(value, of_rust.then_some(suffix)))
    }
}
