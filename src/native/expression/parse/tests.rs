//! What texts become, and that none is too much.

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
    for (text, same) in [
        ("a as u64 * 8", "(a as u64) * 8"),
        ("a as u64 & 7", "(a as u64) & 7"),
        ("a as bool && b", "(a as bool) && b"),
    ] {
        assert_eq!(parsed(text), parsed(same));
    }
    assert!(parse("sizeof(struct node)").is_ok());
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
