//! Records as C and Rust write them: `struct {u32 seq; f32 x[256];}`, `struct {seq: u32, x: [f32; 256]}`. Laid out as C does
//! (System V ABI, AMD64), or without gaps if `packed` stands before it.

use std::sync::Arc;

use super::dtype::{DtypeError, LARGEST, plain};
use super::element::{ByteOrder, ElementType, Field, Kind};

/// Structures in structures.
const DEEPEST: usize = 16;
/// Fields of one structure.
const MOST_FIELDS: usize = 4_096;

pub(super) fn parse(text: &str) -> Result<ElementType, DtypeError> {
    let mut parser = Parser {
        words: words(text),
        at: 0,
        depth: 0,
    };
    let (element, _) = parser.structure()?;
    parser.accept(";");
    match parser.peek() {
        None => Ok(element),
        Some(word) => Err(wrong(&format!(
            "nothing is expected after it, and there is '{word}'"
        ))),
    }
}

fn wrong(what: &str) -> DtypeError {
    DtypeError::Structure(what.to_string())
}

/// Names and numbers, with `<` and `>` and the brackets of time units that belong to them, and single marks.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut word = c.to_string();
        if is_part(c) || matches!(c, '<' | '>' | '=' | '|' | '!') {
            while let Some(&next) = chars.peek().filter(|&&next| is_part(next)) {
                word.push(next);
                chars.next();
            }
            let base = word.trim_start_matches(['<', '>', '=', '|', '!']);
            if matches!(base, "M8" | "m8" | "datetime64" | "timedelta64")
                && chars.peek() == Some(&'[')
            {
                for next in chars.by_ref() {
                    word.push(next);
                    if next == ']' {
                        break;
                    }
                }
            }
        }
        words.push(word);
    }
    words
}

/// A type and its alignment. Bytes.
type Aligned = (ElementType, u64);

struct Parser {
    words: Vec<String>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn second(&self) -> Option<&str> {
        self.words.get(self.at + 1).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn accept(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        if is_it {
            self.at += 1;
        }
        is_it
    }

    fn expect(&mut self, word: &str) -> Result<(), DtypeError> {
        if self.accept(word) {
            return Ok(());
        }
        let found = self.peek().unwrap_or("its end");
        Err(wrong(&format!(
            "'{word}' is expected, and there is '{found}'"
        )))
    }

    fn is_structure(&self) -> bool {
        matches!(self.peek(), Some("struct" | "packed" | "{"))
    }

    fn structure(&mut self) -> Result<Aligned, DtypeError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(wrong(&format!("they are nested more than {DEEPEST} deep")));
        }
        let packed = self.accept("packed");
        self.accept("struct");
        if self.peek() != Some("{") {
            // Its own name.
            self.next();
        }
        self.expect("{")?;
        let mut layout = Layout::default();
        while !self.accept("}") {
            if self.peek().is_none() {
                return Err(wrong("'}' is missing"));
            }
            self.fields(&mut layout, packed)?;
        }
        self.depth -= 1;
        layout.finish(packed)
    }

    /// `u32 a, b[4];` or `a: u32,`.
    fn fields(&mut self, layout: &mut Layout, packed: bool) -> Result<(), DtypeError> {
        if self.second() == Some(":") || self.peek() == Some("pub") {
            self.accept("pub");
            let name = self.name()?;
            self.expect(":")?;
            let aligned = self.rust_type()?;
            layout.add(name, aligned, packed)?;
            if self.peek() != Some("}") && !self.accept(";") {
                self.expect(",")?;
            }
            return Ok(());
        }
        let (base, align) = self.c_type()?;
        let base = Arc::new(base);
        loop {
            let is_pointer = self.accept("*");
            while self.accept("*") {}
            let name = self.name()?;
            let mut shape = Vec::new();
            while self.accept("[") {
                shape.push(self.number()?);
                self.expect("]")?;
            }
            let (base, align) = match is_pointer {
                true => (Arc::new(pointer()), 8),
                false => (base.clone(), align),
            };
            layout.add(name, (array_of(base, shape)?, align), packed)?;
            if !self.accept(",") {
                break;
            }
        }
        if self.peek() != Some("}") {
            self.expect(";")?;
        }
        Ok(())
    }

    fn c_type(&mut self) -> Result<Aligned, DtypeError> {
        while self.accept("const") || self.accept("volatile") || self.accept("_Atomic") {}
        if self.is_structure() {
            return self.structure();
        }
        let mut name = self.next().unwrap_or_default();
        // All words but the last, which is the name.
        while let (Some(word), Some(after)) = (self.peek(), self.second()) {
            let is_name = matches!(after, ";" | "[" | "," | "}");
            if is_name || word == "*" || !word.starts_with(char::is_alphabetic) {
                break;
            }
            name = format!("{name} {word}");
            self.at += 1;
        }
        if name == "void" && self.peek() == Some("*") {
            return Ok((pointer(), 8));
        }
        scalar(&name)
    }

    fn rust_type(&mut self) -> Result<Aligned, DtypeError> {
        if self.accept("[") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(wrong(&format!(
                    "arrays are nested more than {DEEPEST} deep"
                )));
            }
            let (base, align) = self.rust_type()?;
            self.expect(";")?;
            let length = self.number()?;
            self.expect("]")?;
            self.depth -= 1;
            // `[[f32; 3]; 2]` has two rows of three.
            let (base, mut shape) = match base.kind {
                Kind::Subarray { base, shape } => (base, shape),
                _ => (Arc::new(base), Vec::new()),
            };
            shape.insert(0, length);
            return Ok((array_of(base, shape)?, align));
        }
        if self.accept("*") {
            self.next();
            self.rust_type()?;
            return Ok((pointer(), 8));
        }
        if self.is_structure() {
            return self.structure();
        }
        let name = self.next().unwrap_or_default();
        match name.strip_prefix("Atomic") {
            Some(atomic) => scalar(&atomic.to_lowercase()),
            None if name == "char" => scalar("u32"),
            None => scalar(&name),
        }
    }

    fn name(&mut self) -> Result<String, DtypeError> {
        let word = self.next().unwrap_or_default();
        let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_alphanumeric() || c == '_');
        match is_name {
            true => Ok(word),
            false => Err(wrong(&format!(
                "the name of a field is expected, and there is '{word}'"
            ))),
        }
    }

    fn number(&mut self) -> Result<u64, DtypeError> {
        let word = self.next().unwrap_or_default();
        let number = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.replace('_', "").parse().ok(),
        };
        number.ok_or_else(|| wrong(&format!("a length is expected, and there is '{word}'")))
    }
}

fn pointer() -> ElementType {
    ElementType::new(Kind::Integer { signed: false }, 8, ByteOrder::Little)
}

fn scalar(name: &str) -> Result<Aligned, DtypeError> {
    let element = plain(name).ok_or_else(|| DtypeError::Unknown(name.to_string()))?;
    let align = match &element.kind {
        Kind::Bytes | Kind::Opaque => 1,
        Kind::Text => 4,
        Kind::Complex(width) => width.bytes(),
        _ => element.size,
    };
    Ok((element, align))
}

fn array_of(base: Arc<ElementType>, shape: Vec<u64>) -> Result<ElementType, DtypeError> {
    if shape.is_empty() {
        return Ok(Arc::unwrap_or_clone(base));
    }
    let size = shape
        .iter()
        .try_fold(base.size, |size, &length| size.checked_mul(length))
        .filter(|&size| size <= LARGEST)
        .ok_or_else(|| DtypeError::TooLarge("an array in it".to_string()))?;
    // `char name[16]` is a text.
    if let (Kind::Bytes, 1, [_]) = (&base.kind, base.size, &shape[..])
        && size > 0
    {
        return Ok(ElementType::new(Kind::Bytes, size, ByteOrder::Little));
    }
    Ok(ElementType::new(
        Kind::Subarray { base, shape },
        size,
        ByteOrder::Little,
    ))
}

#[derive(Default)]
struct Layout {
    fields: Vec<Field>,
    end: u64,
    widest: u64,
}

impl Layout {
    fn add(
        &mut self,
        name: String,
        (element, align): Aligned,
        packed: bool,
    ) -> Result<(), DtypeError> {
        if self.fields.len() == MOST_FIELDS {
            return Err(wrong(&format!("it has more than {MOST_FIELDS} fields")));
        }
        if self.fields.iter().any(|field| field.name == name) {
            return Err(wrong(&format!("it has two fields '{name}'")));
        }
        let align = if packed { 1 } else { align.max(1) };
        let offset = self.end.next_multiple_of(align);
        // Both are at most LARGEST.
        self.end = offset + element.size;
        self.widest = self.widest.max(align);
        if self.end > LARGEST {
            return Err(DtypeError::TooLarge("the structure".to_string()));
        }
        self.fields.push(Field {
            name,
            offset,
            element: Arc::new(element),
        });
        Ok(())
    }

    fn finish(self, packed: bool) -> Result<Aligned, DtypeError> {
        if self.fields.is_empty() {
            return Err(wrong("it has no fields"));
        }
        let align = if packed { 1 } else { self.widest.max(1) };
        let size = self.end.next_multiple_of(align);
        let element = ElementType::new(Kind::Record(self.fields), size, ByteOrder::Little);
        Ok((element, align))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::dtype_text::name;

    fn told(text: &str) -> String {
        match parse(text) {
            Ok(element) => format!("{} {}", name(&element), element.size),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn c_and_rust_have_the_same_layout() {
        let expected = "[('seq', '<u4'), ('len', '<u4'), ('x', '<f4', (256,))] 1032";
        assert_eq!(told("struct {u32 seq; u32 len; f32 x[256];}"), expected);
        assert_eq!(
            told("struct Slot { uint32_t seq, len; float x[256] }"),
            expected
        );
        assert_eq!(
            told("struct {pub seq: u32, len: AtomicU32, x: [f32; 256]}"),
            expected
        );
    }

    #[test]
    fn gaps_are_where_a_compiler_leaves_them() {
        assert_eq!(
            told("struct {char tag; double x;}"),
            "{'names': ['tag', 'x'], 'formats': ['S1', '<f8'], 'offsets': [0, 8], 'itemsize': 16} 16"
        );
        assert_eq!(
            told("packed struct {char tag; double x;}"),
            "[('tag', 'S1'), ('x', '<f8')] 9"
        );
        assert_eq!(
            told("struct {m: [[i16; 3]; 2], t: M8[ns], inner: {a: u8, b: bool}}"),
            "{'names': ['m', 't', 'inner'], 'formats': [('<i2', (2, 3)), '<M8[ns]', [('a', 'u1'), ('b', '?')]], 'offsets': [0, 16, 24], 'itemsize': 32} 32"
        );
        assert_eq!(
            told(
                "struct {unsigned long long n; void *next; char name[16]; const struct {int a;} *p, q;}"
            ),
            "{'names': ['n', 'next', 'name', 'p', 'q'], 'formats': ['<u8', '<u8', 'S16', '<u8', [('a', '<i4')]], 'offsets': [0, 8, 16, 32, 40], 'itemsize': 48} 48"
        );
    }

    #[test]
    fn what_is_no_structure_says_where() {
        for text in [
            "struct {}",
            "struct {u32 a;",
            "struct {u32 a; u32 a;}",
            "struct {u32 a[99999999999999];}",
            "struct {u32 a[4294967295][4294967295];}",
            "struct {what a;}",
            "struct {u32 a;} b",
            "struct {u32 1;}",
            "struct {a: [u32; x]}",
            "{",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"struct {a:".repeat(40)).is_err());
        assert!(parse(&format!("struct {{a: {}", "[".repeat(100_000))).is_err());
    }
}
