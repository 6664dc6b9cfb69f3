//! f-strings, `str % values` and `str.format`.

use std::sync::Arc;

use num_traits::ToPrimitive;
use ruff_python_ast::{
    ConversionFlag, ExprFString, FStringPart, InterpolatedElement, InterpolatedStringElement,
};

use super::call::Arguments;
use super::number::Number;
use super::text::{to_points, to_string};
use super::{Datum, EvalError, Evaluator};
use crate::python::object::Builtin;

impl Evaluator<'_, '_> {
    pub(super) fn f_string(&self, node: &ExprFString) -> Result<Datum, EvalError> {
        let mut text = Vec::new();
        for part in node.value.iter() {
            match part {
                FStringPart::Literal(literal) => text.extend(to_points(&literal.value)),
                FStringPart::FString(string) => {
                    for element in &string.elements {
                        text.extend(self.element(element)?);
                    }
                }
            }
        }
        self.text_datum(text)
    }

    fn element(&self, element: &InterpolatedStringElement) -> Result<Vec<u32>, EvalError> {
        match element {
            InterpolatedStringElement::Literal(literal) => Ok(to_points(&literal.value)),
            InterpolatedStringElement::Interpolation(node) => self.interpolation(node),
        }
    }

    fn interpolation(&self, node: &InterpolatedElement) -> Result<Vec<u32>, EvalError> {
        let value = self.expression(&node.expression)?;
        let mut text = Vec::new();
        let mut conversion = node.conversion;
        if let Some(debug) = &node.debug_text {
            text.extend(to_points(debug.as_str()));
            if conversion == ConversionFlag::None && node.format_spec.is_none() {
                conversion = ConversionFlag::Repr;
            }
        }
        let value = match conversion {
            ConversionFlag::None => value,
            ConversionFlag::Str => Datum::Str(Arc::new(self.str(&value)?)),
            ConversionFlag::Repr => Datum::Str(Arc::new(self.repr(&value)?)),
            ConversionFlag::Ascii => Datum::text(&self.ascii(&value)?),
        };
        let mut spec = Vec::new();
        if let Some(parts) = &node.format_spec {
            for part in &parts.elements {
                spec.extend(self.budget.deeper(|| self.element(part))?);
            }
        }
        text.extend(self.format(&value, &to_string(&spec))?);
        Ok(text)
    }

    /// `template.format(…)`.
    pub(super) fn format_template(
        &self,
        template: &[u32],
        arguments: &Arguments,
    ) -> Result<Vec<u32>, EvalError> {
        let characters: Vec<char> = to_string(template).chars().collect();
        let mut automatic = 0;
        self.template(&characters, arguments, &mut automatic, 2)
    }

    fn template(
        &self,
        characters: &[char],
        arguments: &Arguments,
        automatic: &mut usize,
        levels: u32,
    ) -> Result<Vec<u32>, EvalError> {
        if characters.is_empty() {
            return Ok(Vec::new());
        }
        if levels == 0 {
            return Err(EvalError::value_error("Max string recursion exceeded"));
        }
        let mut text = Vec::new();
        let mut at = 0;
        while let Some(&character) = characters.get(at) {
            at += 1;
            match character {
                '{' | '}' if characters.get(at) == Some(&character) => {
                    text.push(character.into());
                    at += 1;
                }
                '}' => {
                    let message = "Single '}' encountered in format string";
                    return Err(EvalError::value_error(message));
                }
                '{' => {
                    let start = at;
                    let mut depth = 1;
                    while depth > 0 {
                        match characters.get(at) {
                            Some('{') => depth += 1,
                            Some('}') => depth -= 1,
                            Some(_) => {}
                            None if start == characters.len() => {
                                let message = "Single '{' encountered in format string";
                                return Err(EvalError::value_error(message));
                            }
                            None => {
                                let message = "expected '}' before end of string";
                                return Err(EvalError::value_error(message));
                            }
                        }
                        at += 1;
                    }
                    let field = &characters[start..at - 1];
                    text.extend(self.field_of_template(field, arguments, automatic, levels)?);
                }
                _ => text.push(character.into()),
            }
        }
        Ok(text)
    }

    fn field_of_template(
        &self,
        field: &[char],
        arguments: &Arguments,
        automatic: &mut usize,
        levels: u32,
    ) -> Result<Vec<u32>, EvalError> {
        let mut brackets = 0;
        let end = field.iter().position(|character| {
            match character {
                '[' => brackets += 1,
                ']' => brackets -= 1,
                _ => {}
            }
            brackets <= 0 && matches!(character, '!' | ':')
        });
        let (name, rest) = field.split_at(end.unwrap_or(field.len()));
        let (conversion, spec) = match rest {
            ['!', conversion, ':', spec @ ..] => (Some(*conversion), spec),
            ['!', conversion] => (Some(*conversion), &[][..]),
            [':', spec @ ..] => (None, spec),
            _ => (None, &[][..]),
        };
        let value = self.argument_of_template(name, arguments, automatic)?;
        let value = match conversion {
            None => value,
            Some('r') => Datum::Str(Arc::new(self.repr(&value)?)),
            Some('s') => Datum::Str(Arc::new(self.str(&value)?)),
            Some('a') => Datum::text(&self.ascii(&value)?),
            Some(other) => {
                let message = format!("Unknown conversion specifier '{other}'");
                return Err(EvalError::value_error(message));
            }
        };
        let spec = self.template(spec, arguments, automatic, levels.saturating_sub(1))?;
        self.format(&value, &to_string(&spec))
    }

    fn argument_of_template(
        &self,
        name: &[char],
        arguments: &Arguments,
        automatic: &mut usize,
    ) -> Result<Datum, EvalError> {
        let end = name
            .iter()
            .position(|character| matches!(character, '.' | '['));
        let (first, mut path) = name.split_at(end.unwrap_or(name.len()));
        let first: String = first.iter().collect();
        let by_index = |index: usize| {
            arguments.get(index).cloned().ok_or_else(|| {
                EvalError::raised(
                    "IndexError",
                    format!("Replacement index {index} out of range for positional args tuple"),
                )
            })
        };
        let mut value = if first.is_empty() {
            *automatic += 1;
            by_index(*automatic - 1)?
        } else if let Ok(index) = first.parse::<usize>() {
            by_index(index)?
        } else {
            let found = arguments.named(&first).cloned();
            found.ok_or_else(|| EvalError::raised("KeyError", format!("'{first}'")))?
        };
        while let Some((kind, rest)) = path.split_first() {
            let until = |stop: fn(&char) -> bool| rest.iter().position(stop).unwrap_or(rest.len());
            if *kind == '.' {
                let end = until(|character| matches!(character, '.' | '['));
                let attribute: String = rest[..end].iter().collect();
                value = self.attribute(&value, &attribute)?;
                path = &rest[end..];
            } else {
                let end = until(|character| *character == ']');
                let key: String = rest[..end].iter().collect();
                let key = match key.parse::<u64>() {
                    Ok(index) => Datum::int(index),
                    Err(_) => Datum::text(&key),
                };
                value = self.subscript(&value, &key)?;
                path = rest.get(end + 1..).unwrap_or(&[]);
            }
        }
        Ok(value)
    }

    /// `template % values`.
    pub(super) fn percent(&self, template: &[u32], values: &Datum) -> Result<Datum, EvalError> {
        let given = match self.builtin(values)? {
            Builtin::Tuple => self.iterate(values)?,
            _ => vec![values.clone()],
        };
        let mut given = given.into_iter();
        let is_mapping = self.builtin(values)? == Builtin::Dict;
        let characters: Vec<char> = to_string(template).chars().collect();
        let mut used_name = false;
        let mut text = Vec::new();
        let mut at = 0;
        while let Some(&character) = characters.get(at) {
            at += 1;
            if character != '%' {
                text.push(character.into());
                continue;
            }
            let mut own = None;
            if characters.get(at) == Some(&'(') {
                let rest = &characters[at + 1..];
                let end = rest.iter().position(|character| *character == ')');
                let end = end.ok_or_else(|| EvalError::value_error("incomplete format key"))?;
                if !is_mapping {
                    return Err(EvalError::type_error("format requires a mapping"));
                }
                let key: String = rest[..end].iter().collect();
                own = Some(self.subscript(values, &Datum::text(&key))?);
                used_name = true;
                at += end + 2;
            }
            let mut next = || {
                own.clone()
                    .or_else(|| given.next())
                    .ok_or_else(|| EvalError::type_error("not enough arguments for format string"))
            };
            let mut flags = String::new();
            while let Some(flag) = characters.get(at).filter(|flag| "-+ #0".contains(**flag)) {
                flags.push(*flag);
                at += 1;
            }
            let width = self.percent_count(&characters, &mut at, &mut next)?;
            let mut precision = None;
            if characters.get(at) == Some(&'.') {
                at += 1;
                precision = Some(
                    self.percent_count(&characters, &mut at, &mut next)?
                        .unwrap_or(0),
                );
            }
            while characters
                .get(at)
                .is_some_and(|length| "hlL".contains(*length))
            {
                at += 1;
            }
            let kind = *characters
                .get(at)
                .ok_or_else(|| EvalError::value_error("incomplete format"))?;
            at += 1;
            if kind == '%' {
                text.push('%'.into());
                continue;
            }
            let value = next()?;
            text.extend(self.percent_value(&value, kind, &flags, width, precision, at - 1)?);
        }
        if given.next().is_some() && !is_mapping && !used_name {
            return Err(EvalError::type_error(
                "not all arguments converted during string formatting",
            ));
        }
        self.text_datum(text)
    }

    fn percent_count(
        &self,
        characters: &[char],
        at: &mut usize,
        next: &mut dyn FnMut() -> Result<Datum, EvalError>,
    ) -> Result<Option<usize>, EvalError> {
        if characters.get(*at) == Some(&'*') {
            *at += 1;
            let value = next()?;
            let Some(value) = self.as_index(&value)? else {
                return Err(EvalError::type_error("* wants int"));
            };
            return Ok(Some(value.to_usize().unwrap_or(0).min(1_000_000)));
        }
        let start = *at;
        while characters.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        let digits: String = characters[start..*at].iter().collect();
        Ok(digits
            .parse::<usize>()
            .ok()
            .map(|count| count.min(1_000_000)))
    }

    fn percent_value(
        &self,
        value: &Datum,
        kind: char,
        flags: &str,
        width: Option<usize>,
        precision: Option<usize>,
        at: usize,
    ) -> Result<Vec<u32>, EvalError> {
        let left = flags.contains('-');
        let width = width.unwrap_or(0);
        let pad = |sign: &str, body: Vec<u32>, zeros: bool| {
            let missing = width.saturating_sub(sign.len() + body.len());
            let fill = |point: char, count| std::iter::repeat_n(u32::from(point), count);
            let mut text = Vec::new();
            if !left && !zeros {
                text.extend(fill(' ', missing));
            }
            text.extend(to_points(sign));
            if !left && zeros {
                text.extend(fill('0', missing));
            }
            text.extend(body);
            if left {
                text.extend(fill(' ', missing));
            }
            text
        };
        let zeros = flags.contains('0') && !left;
        let sign_of = |negative: bool| match negative {
            true => "-",
            false if flags.contains('+') => "+",
            false if flags.contains(' ') => " ",
            false => "",
        };
        let wants = |what: &str| {
            let given = self.type_name(value);
            EvalError::type_error(format!("%{kind} format: {what} is required, not {given}"))
        };
        let number = Number::of(&self.load(value)?);
        match kind {
            's' | 'r' | 'a' => {
                let mut text = match kind {
                    's' => self.str(value)?,
                    'r' => self.repr(value)?,
                    _ => to_points(&self.ascii(value)?),
                };
                text.truncate(precision.unwrap_or(usize::MAX));
                Ok(pad("", text, false))
            }
            'c' => match self.load(value)? {
                Datum::Str(points) if points.len() == 1 => Ok(pad("", points.to_vec(), false)),
                Datum::Int(point) => match u32::try_from(&point) {
                    Ok(point) if point < 0x11_0000 => Ok(pad("", vec![point], false)),
                    _ => Err(EvalError::raised(
                        "OverflowError",
                        "%c arg not in range(0x110000)",
                    )),
                },
                _ => Err(EvalError::type_error(
                    "%c requires an int or a unicode character",
                )),
            },
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let value = match number {
                    Some(Number::Int(value)) => value,
                    Some(Number::Float(value)) if matches!(kind, 'd' | 'i' | 'u') => {
                        super::number_constructors::whole(value.trunc())?
                    }
                    _ if matches!(kind, 'd' | 'i' | 'u') => return Err(wants("a real number")),
                    _ => return Err(wants("an integer")),
                };
                let (radix, prefix) = match kind {
                    'x' => (16, "0x"),
                    'X' => (16, "0X"),
                    'o' => (8, "0o"),
                    _ => (10, ""),
                };
                let mut digits = value.magnitude().to_str_radix(radix);
                if kind == 'X' {
                    digits.make_ascii_uppercase();
                }
                if let Some(precision) = precision {
                    digits = format!("{digits:0>precision$}");
                }
                let prefix = if flags.contains('#') { prefix } else { "" };
                let sign = sign_of(value.sign() == num_bigint::Sign::Minus);
                Ok(pad(&format!("{sign}{prefix}"), to_points(&digits), zeros))
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let value = match number {
                    Some(Number::Int(value)) => super::number::int_to_float(&value)?,
                    Some(Number::Float(value)) => value,
                    _ => {
                        let given = self.type_name(value);
                        return Err(EvalError::type_error(format!(
                            "must be real number, not {given}"
                        )));
                    }
                };
                let spec = format!(
                    "{}.{}{kind}",
                    if flags.contains('#') { "#" } else { "" },
                    precision.unwrap_or(6)
                );
                let body = self.format(&Datum::Float(value.abs()), &spec)?;
                let zeros = zeros && value.is_finite();
                Ok(pad(
                    sign_of(value.is_sign_negative() && !value.is_nan()),
                    body,
                    zeros,
                ))
            }
            other => Err(EvalError::value_error(format!(
                "unsupported format character '{other}' ({:#x}) at index {at}",
                u32::from(other)
            ))),
        }
    }
}
