//! From text to a syntax tree.

use ruff_python_ast::ModExpression;
use ruff_python_parser::{
    InterpolatedStringErrorType, LexicalErrorType, ParseErrorType, Parsed, parse_expression,
};

use super::EvalError;

/// Characters of an expression. The parser and the tree's destructor recurse, a few levels for each character.
const LONGEST: usize = 10_000;

/// Parses one expression. Blanks around it do not matter, as for `eval()`.
pub(super) fn parse(text: &str) -> Result<Parsed<ModExpression>, EvalError> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(EvalError::Limit {
            limit: format!("{LONGEST} characters of text"),
        });
    }
    let error = match parse_expression(text) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error.error,
    };
    // CPython's sentences, `Parser/tokenizer` and `Grammar/python.gram`, where a user would miss them.
    let message = match error {
        ParseErrorType::Lexical(LexicalErrorType::UnclosedStringError) => {
            "unterminated string literal (detected at line 1)".to_string()
        }
        ParseErrorType::Lexical(LexicalErrorType::FStringError(
            InterpolatedStringErrorType::UnterminatedString,
        )) => "unterminated f-string literal (detected at line 1)".to_string(),
        _ => match unclosed(text) {
            Some(bracket) => format!("'{bracket}' was never closed"),
            None if text.starts_with([')', ']', '}']) => format!("unmatched '{}'", &text[..1]),
            None => "invalid syntax".to_string(),
        },
    };
    Err(EvalError::raised("SyntaxError", message))
}

/// The innermost bracket that the text opens and does not close; strings are skipped.
fn unclosed(text: &str) -> Option<char> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for character in text.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(end) if character == end => quote = None,
            Some(_) => {}
            None => match character {
                '\'' | '"' => quote = Some(character),
                '(' | '[' | '{' => open.push(character),
                ')' | ']' | '}' => {
                    open.pop();
                }
                _ => {}
            },
        }
    }
    open.pop()
}
