//! Methods of `bytes` and `bytearray`.

use std::sync::Arc;

use super::{Arguments, occurrences, replaced, search, window};
use crate::python::eval::{Datum, EvalError, Evaluator, text};

impl Evaluator<'_, '_> {
    pub(super) fn bytes_method(
        &self,
        bytes: &[u8],
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Datum>, EvalError> {
        let answer = |bytes: Vec<u8>| Ok(Some(Datum::Bytes(Arc::new(bytes))));
        let part = |index: usize| -> Result<Vec<u8>, EvalError> {
            match arguments
                .get(index)
                .map(|datum| self.load(datum))
                .transpose()?
            {
                Some(Datum::Bytes(part) | Datum::ByteArray(part)) => Ok(part.to_vec()),
                Some(Datum::Int(value)) => u8::try_from(&value)
                    .map(|byte| vec![byte])
                    .map_err(|_| EvalError::value_error("byte must be in range(0, 256)")),
                Some(other) => Err(EvalError::type_error(format!(
                    "a bytes-like object is required, not '{}'",
                    self.type_name(&other)
                ))),
                None => Ok(Vec::new()),
            }
        };
        match name {
            "decode" => {
                let encoding = match arguments.either(0, "encoding") {
                    Some(encoding) => self.load(encoding)?,
                    None => Datum::text("utf-8"),
                };
                let Datum::Str(encoding) = encoding else {
                    return Err(EvalError::type_error(
                        "decode() argument 'encoding' must be str",
                    ));
                };
                self.decode(bytes, &text::to_string(&encoding), arguments)
                    .map(Some)
            }
            "hex" if arguments.positional.is_empty() => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(Some(Datum::text(&digits)))
            }
            "upper" => answer(bytes.to_ascii_uppercase()),
            "lower" => answer(bytes.to_ascii_lowercase()),
            "strip" | "lstrip" | "rstrip" if arguments.positional.is_empty() => {
                let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
                let start = bytes
                    .iter()
                    .position(|byte| !blank(byte))
                    .unwrap_or(bytes.len());
                let end = bytes
                    .iter()
                    .rposition(|byte| !blank(byte))
                    .map_or(0, |at| at + 1);
                let start = if name == "rstrip" { 0 } else { start };
                let end = if name == "lstrip" { bytes.len() } else { end };
                answer(bytes.get(start..end).unwrap_or(&[]).to_vec())
            }
            "startswith" => Ok(Some(Datum::Bool(bytes.starts_with(&part(0)?)))),
            "endswith" => Ok(Some(Datum::Bool(bytes.ends_with(&part(0)?)))),
            "count" => {
                let bounds = window(self, bytes.len(), arguments.get(1), arguments.get(2))?;
                let within = bounds.and_then(|(start, end)| bytes.get(start..end.max(start)));
                let count = within.map_or(0, |within| {
                    occurrences(within, &part(0).unwrap_or_default())
                });
                Ok(Some(Datum::int(count)))
            }
            "find" | "rfind" | "index" | "rindex" => {
                let bounds = window(self, bytes.len(), arguments.get(1), arguments.get(2))?;
                match search(bytes, &part(0)?, bounds, name) {
                    Some(at) => Ok(Some(Datum::int(at))),
                    None if name.ends_with("find") => Ok(Some(Datum::int(-1))),
                    None => Err(EvalError::value_error("subsection not found")),
                }
            }
            "replace" if arguments.positional.len() == 2 => {
                self.budget.allocate(bytes.len() as u64)?;
                answer(replaced(bytes, &part(0)?, &part(1)?, usize::MAX))
            }
            "split" if arguments.positional.len() == 1 => {
                let separator = part(0)?;
                if separator.is_empty() {
                    return Err(EvalError::value_error("empty separator"));
                }
                let mut parts = Vec::new();
                let mut rest = bytes;
                while let Some(at) = crate::python::eval::sequence::find(rest, &separator) {
                    parts.push(Datum::Bytes(Arc::new(rest[..at].to_vec())));
                    rest = &rest[at + separator.len()..];
                }
                parts.push(Datum::Bytes(Arc::new(rest.to_vec())));
                Ok(Some(Datum::list(parts)))
            }
            "join" => {
                arguments.count("join", 1, 1, &[])?;
                let mut joined = Vec::new();
                for (index, member) in self.iterate(&arguments.positional[0])?.iter().enumerate() {
                    let (Datum::Bytes(part) | Datum::ByteArray(part)) = self.load(member)? else {
                        let kind = self.type_name(member);
                        return Err(EvalError::type_error(format!(
                            "sequence item {index}: expected a bytes-like object, {kind} found"
                        )));
                    };
                    self.budget.allocate((part.len() + bytes.len()) as u64)?;
                    if index > 0 {
                        joined.extend_from_slice(bytes);
                    }
                    joined.extend_from_slice(&part);
                }
                answer(joined)
            }
            _ => Ok(None),
        }
    }

    fn decode(
        &self,
        bytes: &[u8],
        encoding: &str,
        arguments: &Arguments,
    ) -> Result<Datum, EvalError> {
        let errors = match arguments.either(1, "errors") {
            Some(errors) => match self.load(errors)? {
                Datum::Str(points) => text::to_string(&points),
                _ => {
                    return Err(EvalError::type_error(
                        "decode() argument 'errors' must be str",
                    ));
                }
            },
            None => "strict".to_string(),
        };
        let name = encoding.to_lowercase().replace('_', "-");
        match name.as_str() {
            "latin-1" | "latin1" | "iso-8859-1" => {
                self.text_datum(bytes.iter().map(|&byte| byte.into()).collect())
            }
            "utf-8" | "utf8" | "ascii" => {
                let limit = if name == "ascii" { 0x80 } else { 0x100 };
                match std::str::from_utf8(bytes) {
                    Ok(decoded) if bytes.iter().all(|&byte| u32::from(byte) < limit) => {
                        self.text_datum(text::to_points(decoded))
                    }
                    _ if errors == "strict" => Err(EvalError::unsupported(
                        "the place where these bytes are no text; try errors='replace'",
                    )),
                    _ if errors == "replace" && limit == 0x100 => {
                        self.text_datum(text::to_points(&String::from_utf8_lossy(bytes)))
                    }
                    _ => Err(EvalError::unsupported(format!("errors='{errors}'"))),
                }
            }
            _ => Err(EvalError::unsupported(format!("the encoding '{encoding}'"))),
        }
    }
}
