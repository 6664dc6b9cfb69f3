//! The words that `run` gives to a program, divided as pdb divides them: by Python's `shlex.split()`. A POSIX shell differs, for which there are crates:
//! `#` begins no comment, and `\$` between double quotes stays as it is.

/// `Lib/shlex.py` of CPython 3.14, `shlex.read_token()` in POSIX mode with `whitespace_split`. Fails with the words of its `ValueError`.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    // A word may be empty, between quotes.
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), _) if character == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = characters.next().ok_or("No escaped character")?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    match quote {
        Some(_) => Err("No closing quotation"),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `shlex.split()` of CPython 3.14 gives.
    #[test]
    fn words_are_divided_as_python_divides_them() {
        for (text, words) in [
            ("", &[][..]),
            (" a\t b\n", &["a", "b"]),
            ("'a b' \"c 'd'\" e\"f\"'g'", &["a b", "c 'd'", "efg"]),
            ("'' \"\" x", &["", "", "x"]),
            (r"a\ b \'", &["a b", "'"]),
            (r#""\$x \" \\ \n" '\a'"#, &[r#"\$x " \ \n"#, r"\a"]),
            ("a #b c#d", &["a", "#b", "c#d"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for (text, why) in [
            ("a 'b", "No closing quotation"),
            ("\"", "No closing quotation"),
            ("a\\", "No escaped character"),
            ("\"\\", "No escaped character"),
        ] {
            assert_eq!(split(text), Err(why), "{text}");
        }
    }
}
