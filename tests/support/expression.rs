//! Texts that are almost expressions of Python: of its grammar, with names and numbers that hurt, or of one piece
//! repeated.

use super::mutate::Random;

const ATOMS: [&str; 30] = [
    "0",
    "1",
    "-1",
    "7",
    "10**9",
    "2**63",
    "10**4000",
    "1e308",
    "-0.0",
    "1e-320",
    "2j",
    "True",
    "None",
    "...",
    "''",
    "'text'",
    "'é🐍' * 99",
    "b'octets'",
    "bytearray(9)",
    "[]",
    "()",
    "{}",
    "{1, 2}",
    "{'a': 1}",
    "range(10**30)",
    "range(9, -10**18, -7)",
    "float('nan')",
    "float('inf')",
    "'x' * 10**9",
    "99999999999999999999",
];

const BINARY: [&str; 22] = [
    "+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@", "==", "<", ">=", "in",
    "not in", "is", "and", "or", "!=",
];

const AROUND: [&str; 46] = [
    "-…",
    "~…",
    "not …",
    "(…)",
    "[…]",
    "{…}",
    "{…: …}",
    "(…, …)",
    "…[…]",
    "…[…:…]",
    "…[::…]",
    "…[…, …]",
    "… if … else …",
    "[x for x in …]",
    "[x for y in … for x in y if …]",
    "{x: … for x in …}",
    "(x for x in …)",
    "f'{…}'",
    "f'{…!r:>20}'",
    "f'{…:{…}}'",
    "f'{…=}'",
    "'%s %r' % (…, …)",
    "'%*.*f' % (…, …, …)",
    "'{0} {0.real}'.format(…)",
    "'{:,.3e}'.format(…)",
    "….__class__",
    "….real",
    "….__dict__",
    "….__doc__",
    "….T",
    "….shape",
    "….name",
    "*…",
    "lambda: …",
    "(x := …)",
    "… == … < …",
    "….append(…)",
    "….join(…)",
    "….split(…)",
    "….replace(…, …)",
    "….zfill(…)",
    "….ljust(…, …)",
    "….get(…)",
    "….to_bytes(…, 'big')",
    "….count(…)",
    "….encode(…)",
];

const CALLS: [&str; 44] = [
    "len",
    "sorted",
    "sum",
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "zip",
    "enumerate",
    "repr",
    "str",
    "int",
    "float",
    "complex",
    "hex",
    "bin",
    "oct",
    "pow",
    "divmod",
    "round",
    "format",
    "abs",
    "min",
    "max",
    "chr",
    "ord",
    "bytes",
    "bytearray",
    "type",
    "id",
    "hash",
    "all",
    "any",
    "vars",
    "dir",
    "getattr",
    "isinstance",
    "issubclass",
    "range",
    "slice",
    "reversed",
    "ascii",
    "callable",
];

/// Pieces that nest, or go on for as long as they are repeated.
const PIECES: [&str; 22] = [
    "(",
    "[",
    "{",
    "-",
    "~",
    "not ",
    "1+",
    "2**",
    "x.",
    "x[",
    "lambda:",
    "f'{",
    "a if b else ",
    "*",
    "'",
    "\\",
    "{1:",
    "f\"{x:{",
    "1 if ",
    "[x for x in ",
    "1,",
    "await ",
];

/// An expression with these names in it.
pub fn expression(random: &mut Random, names: &[String]) -> String {
    if random.below(20) == 0 {
        let piece = random.one_of(&PIECES);
        let times = *random.one_of(&[3, 90, 150, 1_000, 10_000, 100_000]);
        return format!("{}1", piece.repeat(times));
    }
    let mut text = nested(random, names, 4);
    if random.below(10) == 0 {
        // Broken somewhere.
        let at = random.below(text.chars().count() as u64) as usize;
        text = text
            .chars()
            .enumerate()
            .filter(|(index, _)| *index != at)
            .map(|(_, c)| c)
            .collect();
    }
    text
}

fn nested(random: &mut Random, names: &[String], depth: u32) -> String {
    let kind = if depth == 0 {
        random.below(2)
    } else {
        random.below(8)
    };
    match kind {
        0 => (*random.one_of(&ATOMS)).to_string(),
        1 if names.is_empty() => "x".to_string(),
        1 => random.one_of(names).clone(),
        2 | 3 => {
            let (left, right) = (
                nested(random, names, depth - 1),
                nested(random, names, depth - 1),
            );
            format!("({left}) {} ({right})", random.one_of(&BINARY))
        }
        4 | 5 => {
            let count = 1 + random.below(3);
            let arguments: Vec<String> = (0..count)
                .map(|_| nested(random, names, depth - 1))
                .collect();
            format!("{}({})", random.one_of(&CALLS), arguments.join(", "))
        }
        _ => {
            let mut pieces = random.one_of(&AROUND).split('…');
            let mut text = pieces.next().unwrap_or_default().to_string();
            for piece in pieces {
                text += &nested(random, names, depth - 1);
                text += piece;
            }
            text
        }
    }
}
