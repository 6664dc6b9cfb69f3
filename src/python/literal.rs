//! How Python writes numbers, text and bytes: what `repr()` gives for them.

/// `str`: quotes as `unicode_repr` chooses them (`Objects/unicodeobject.c`).
pub(super) fn string(code_points: &[u32]) -> String {
    let has = |quote: char| code_points.contains(&(quote as u32));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    let mut text = String::from(quote);
    for &point in code_points {
        text.push_str(&escaped(point, quote));
    }
    text.push(quote);
    text
}

/// `bytes` (`PyBytes_Repr`, `Objects/bytesobject.c`).
pub(super) fn octets(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\t' | b'\n' | b'\r' | b'\\' => text.push_str(&escaped(byte.into(), quote)),
            0x20..0x7f if char::from(byte) == quote => text.push_str(&escaped(byte.into(), quote)),
            0x20..0x7f => text.push(byte.into()),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}

/// `complex` (`complex_repr`, `Objects/complexobject.c`): a real part of +0 is left out.
pub(super) fn complex(real: f64, imaginary: f64) -> String {
    let without_point = |value: f64| {
        let text = float(value);
        text.strip_suffix(".0").map_or(text.clone(), str::to_string)
    };
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", without_point(imaginary));
    }
    let sign = if imaginary.is_sign_negative() && !imaginary.is_nan() {
        ""
    } else {
        "+"
    };
    let (real, imaginary) = (without_point(real), without_point(imaginary));
    format!("({real}{sign}{imaginary}j)")
}

/// `float_repr_style` short: the fewest digits that give the number back, with an exponent below 1e-4 and from 1e16 on
/// (`format_float_short`, `Python/pystrtod.c`).
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

/// One character inside quotes, as `unicode_repr` writes it (`Objects/unicodeobject.c`).
pub(super) fn escaped(point: u32, quote: char) -> String {
    match char::from_u32(point) {
        Some('\\') => "\\\\".to_string(),
        Some('\t') => "\\t".to_string(),
        Some('\n') => "\\n".to_string(),
        Some('\r') => "\\r".to_string(),
        Some(character) if character == quote => format!("\\{quote}"),
        Some(character) if is_printable(character) => character.to_string(),
        _ if point < 0x100 => format!("\\x{point:02x}"),
        _ if point < 0x1_0000 => format!("\\u{point:04x}"),
        _ => format!("\\U{point:08x}"),
    }
}

/// Near to `str.isprintable()`, whose tables differ between Python versions: controls, separators other than the
/// space, format characters, surrogates and private use are not printable.
pub(super) fn is_printable(character: char) -> bool {
    if character == ' ' {
        return true;
    }
    let format_or_private = matches!(
        u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb | 0xf_0000..=0x10_ffff
    );
    !character.is_control() && !character.is_whitespace() && !format_or_private
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let texts = [
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in texts {
            assert_eq!(float(value), text);
        }
    }
}
