//! A value's text over several lines: brackets that do not fit into one are opened.

const STEP: usize = 4;

/// The same text, broken where a line would be longer than `width` columns.
pub fn broken_into_lines(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let partners = partners(&letters);
    let mut out = String::new();
    // Brackets that were opened over several lines: where each ends.
    let mut open: Vec<usize> = Vec::new();
    let mut column = 0;
    let mut at = 0;
    let new_line = |out: &mut String, depth: usize| {
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth * STEP));
        depth * STEP
    };
    while let Some(&letter) = letters.get(at) {
        let end = partners.get(at).copied().flatten();
        if open.last() == Some(&at) {
            open.pop();
            column = new_line(&mut out, open.len());
        }
        out.push(letter);
        column += 1;
        if let Some(end) = end {
            let is_empty = end == at + 1;
            let fits = column + (end - at) <= width;
            if letter != '"' && !is_empty && !fits {
                open.push(end);
                column = new_line(&mut out, open.len());
                while letters.get(at + 1) == Some(&' ') {
                    at += 1;
                }
            } else {
                // The whole of it stays in this line.
                out.extend(&letters[at + 1..=end]);
                column += end - at;
                at = end;
            }
        } else if letter == ',' && !open.is_empty() {
            column = new_line(&mut out, open.len());
            while letters.get(at + 1) == Some(&' ') {
                at += 1;
            }
        }
        at += 1;
    }
    out
}

/// For each opening bracket, and each quotation mark that opens a text, where it is closed.
fn partners(letters: &[char]) -> Vec<Option<usize>> {
    let mut partners = vec![None; letters.len()];
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut in_text = false;
    let mut quote = 0;
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        match letter {
            '\\' if in_text => at += 1,
            '"' => {
                if in_text {
                    partners[quote] = Some(at);
                }
                (in_text, quote) = (!in_text, at);
            }
            // A quoted letter, which may be a bracket or a quotation mark.
            '\'' if !in_text && letters.get(at + 2) == Some(&'\'') => at += 2,
            '\'' if !in_text
                && letters.get(at + 1) == Some(&'\\')
                && letters.get(at + 3) == Some(&'\'') =>
            {
                at += 3;
            }
            '(' | '[' | '{' if !in_text => open.push((letter, at)),
            ')' | ']' | '}' if !in_text => {
                let opening = match letter {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if let Some((_, begin)) = open.pop_if(|(it, _)| *it == opening) {
                    partners[begin] = Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    partners
}

#[cfg(test)]
mod tests {
    use super::broken_into_lines;

    #[test]
    fn what_fits_stays_in_its_line() {
        assert_eq!(
            broken_into_lines("Point { x: 1, y: 2 }", 80),
            "Point { x: 1, y: 2 }"
        );
        assert_eq!(
            broken_into_lines("Point { x: [1, 2], y: \"a, { b\" }", 20),
            "Point {\n    x: [1, 2],\n    y: \"a, { b\"\n}"
        );
        assert_eq!(
            broken_into_lines("[1, [2, 3], []]", 8),
            "[\n    1,\n    [\n        2,\n        3\n    ],\n    []\n]"
        );
    }

    #[test]
    fn what_is_not_closed_is_left_as_it_is() {
        for text in ["[1, 2", "a)b", "\"", "'('", "'\\''", "", "((((", "{\"\\"] {
            let flat = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(flat(&broken_into_lines(text, 1)), flat(text), "{text}");
        }
    }
}
