//! Elements laid out in lines and brackets, as numpy's `array2string` does with the default options.

/// Characters of a line.
pub const WIDTH: usize = 75;
/// Elements from which on only the edges are shown.
pub const THRESHOLD: u64 = 1_000;
/// Elements shown of each edge.
pub const EDGE: u64 = 3;

/// `(3,)`, `(2, 3)`.
pub fn shape_text(shape: &[u64]) -> String {
    match shape {
        [length] => format!("({length},)"),
        _ => {
            let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
            format!("({})", lengths.join(", "))
        }
    }
}

/// Positions along an axis that are shown.
pub fn shown(length: u64, summarised: bool) -> Vec<u64> {
    match summarised && length > 2 * EDGE {
        true => (0..EDGE).chain(length - EDGE..length).collect(),
        false => (0..length).collect(),
    }
}

/// The texts of the elements shown, in order, for an array of this shape.
pub fn lay_out(
    shape: &[u64],
    summarised: bool,
    texts: Vec<String>,
    prefix: usize,
    suffix: usize,
) -> String {
    let mut page = Page {
        summarised,
        texts: texts.into_iter(),
    };
    let indent = " ".repeat(prefix + 1);
    page.nested(shape, &indent, WIDTH.saturating_sub(suffix))
}

struct Page {
    summarised: bool,
    texts: std::vec::IntoIter<String>,
}

impl Page {
    fn nested(&mut self, shape: &[u64], indent: &str, width: usize) -> String {
        let Some((&length, inner)) = shape.split_first() else {
            return self.texts.next().unwrap_or_default();
        };
        let text = match inner {
            [] => self.row(length, indent, width),
            _ => self.rows(length, inner, indent, width),
        };
        format!("[{}]", text.get(indent.len()..).unwrap_or_default())
    }

    /// How many come before the gap, and after it: no gap, all after it.
    fn parts(&self, length: u64) -> (u64, u64, bool) {
        match self.summarised && length > 2 * EDGE {
            true => (EDGE, EDGE, true),
            false => (0, length, false),
        }
    }

    fn rows(&mut self, length: u64, inner: &[u64], indent: &str, width: usize) -> String {
        let separator = format!(",{}", "\n".repeat(inner.len()));
        let deeper = format!("{indent} ");
        let (before, after, gap) = self.parts(length);
        let mut rows = Vec::new();
        for _ in 0..before {
            rows.push(self.nested(inner, &deeper, width.saturating_sub(1)));
        }
        if gap {
            rows.push("...".to_string());
        }
        for _ in 0..after {
            rows.push(self.nested(inner, &deeper, width.saturating_sub(1)));
        }
        let rows: Vec<String> = rows
            .into_iter()
            .map(|row| format!("{indent}{row}"))
            .collect();
        rows.join(&separator)
    }

    fn row(&mut self, length: u64, indent: &str, width: usize) -> String {
        let mut lines = Lines {
            done: String::new(),
            line: indent.to_string(),
            indent,
            // Each element is followed by a comma or a bracket.
            width: width.saturating_sub(1),
        };
        let (before, after, gap) = self.parts(length);
        for _ in 0..before {
            lines.word(&self.texts.next().unwrap_or_default());
            lines.line += ", ";
        }
        if gap {
            lines.extend("...");
            lines.line += ", ";
        }
        for index in 0..after {
            lines.word(&self.texts.next().unwrap_or_default());
            if index + 1 < after {
                lines.line += ", ";
            }
        }
        lines.done + &lines.line
    }
}

struct Lines<'i> {
    done: String,
    line: String,
    indent: &'i str,
    width: usize,
}

impl Lines<'_> {
    fn extend(&mut self, word: &str) {
        let wraps = count(&self.line) + count(word) > self.width;
        if wraps && count(&self.line) > self.indent.len() {
            self.end_line();
            self.line = self.indent.to_string();
        }
        self.line += word;
    }

    /// A word may have several lines: an object's text. They stand below each other.
    fn word(&mut self, word: &str) {
        let lines: Vec<&str> = word.lines().collect();
        let [first, rest @ ..] = &lines[..] else {
            return self.extend(word);
        };
        if rest.is_empty() {
            return self.extend(word);
        }
        let longest = lines.iter().map(|line| count(line)).max().unwrap_or(0);
        let at = count(&self.line);
        let indent = if at + longest > self.width && at > self.indent.len() {
            self.end_line();
            self.line = self.indent.to_string();
            self.indent.to_string()
        } else {
            " ".repeat(at)
        };
        self.line += first;
        for line in rest {
            self.end_line();
            self.line = format!("{indent}{line}");
        }
        let last = rest.last().map_or(0, |line| count(line));
        self.line += &" ".repeat(longest - last);
    }

    fn end_line(&mut self) {
        self.done += self.line.trim_end();
        self.done.push('\n');
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}
