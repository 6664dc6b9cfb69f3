//! What `str()` of an exception gives, without running code (`Objects/exceptions.c`).

use super::LookError;
use super::look::Look;
use super::object::Builtin;
use super::repr::Limits;
use crate::model::Addr;

/// Exceptions as the only argument of exceptions that are followed.
const DEEPEST: usize = 10;
/// Characters of an encoding's name and of the like.
const LONGEST_WORD: usize = 200;

impl Look<'_> {
    /// The message of an exception, as a traceback has it behind the type. A `__str__` written in Python is not run:
    /// what the arguments say stands in for it, and that is said.
    pub(super) fn message(&self, object: Addr, limits: &Limits) -> Result<String, LookError> {
        self.message_within(object, limits, DEEPEST)
    }

    fn message_within(
        &self,
        object: Addr,
        limits: &Limits,
        depth: usize,
    ) -> Result<String, LookError> {
        let kind = self.type_of(object)?;
        let (owner, is_native) = match self.class_lookup_from(kind.address, "__str__")? {
            Some((owner, method)) => {
                let is_native = self.type_of(method)?.static_name() != Some("function");
                (self.type_at(owner)?.full_name(), is_native)
            }
            None => (String::new(), true),
        };
        if !is_native {
            let text = self.arguments_text(object, limits, depth)?;
            return Ok(format!(
                "{text} (its arguments: its own __str__ was not run)"
            ));
        }
        let own = match owner.as_str() {
            "builtins.BaseExceptionGroup" => self.group_message(object, limits)?,
            "builtins.KeyError" => self.key_message(object, limits)?,
            "builtins.OSError" => self.os_message(object, limits)?,
            "builtins.ImportError" => self.import_message(object, limits)?,
            "builtins.SyntaxError" => self.syntax_message(object, limits)?,
            "builtins.UnicodeEncodeError" => self.encode_message(object, limits)?,
            "builtins.UnicodeDecodeError" => self.decode_message(object, limits)?,
            "builtins.UnicodeTranslateError" => self.translate_message(object, limits)?,
            _ => None,
        };
        match own {
            Some(text) => Ok(text),
            None => self.arguments_text(object, limits, depth),
        }
    }

    /// `BaseException_str`: nothing, the only argument, or all of them as a tuple.
    fn arguments_text(
        &self,
        object: Addr,
        limits: &Limits,
        depth: usize,
    ) -> Result<String, LookError> {
        let at = object.plus(self.layout().exception.args);
        let arguments = self.memory.pointer(at)?;
        match self.sequence(arguments, 2)?.as_slice() {
            [] => Ok(String::new()),
            [only] if depth > 0 && self.is_exception(*only)? => {
                self.message_within(*only, limits, depth - 1)
            }
            [only] => Ok(self.plain_text(*only, limits)),
            _ => Ok(self.value(arguments, limits).text),
        }
    }

    fn group_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let Some(layout) = self.layout().exception.group else {
            return Ok(None);
        };
        let members = self.memory.pointer(object.plus(layout.members))?;
        let count = self.length(members)?;
        let plural = if count == 1 { "" } else { "s" };
        let message = self.memory.pointer(object.plus(layout.message))?;
        let text = self.plain_text(message, limits);
        Ok(Some(format!("{text} ({count} sub-exception{plural})")))
    }

    fn key_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let at = object.plus(self.layout().exception.args);
        let arguments = self.sequence(self.memory.pointer(at)?, 2)?;
        Ok(match arguments.as_slice() {
            [only] => Some(self.value(*only, limits).text),
            _ => None,
        })
    }

    fn os_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let layout = &self.layout().exception;
        let field = |at| self.memory.pointer(object.plus(at));
        let (number, reason) = (field(layout.os_errno)?, field(layout.os_strerror)?);
        let (file, other) = (field(layout.os_filename)?, field(layout.os_filename2)?);
        if file.is_null() && (number.is_null() || reason.is_null()) {
            return Ok(None);
        }
        let or_none = |object: Addr| match object.is_null() {
            true => "None".to_string(),
            false => self.plain_text(object, limits),
        };
        let mut text = format!("[Errno {}] {}", or_none(number), or_none(reason));
        if !file.is_null() {
            text += &format!(": {}", self.value(file, limits).text);
            if !other.is_null() {
                text += &format!(" -> {}", self.value(other, limits).text);
            }
        }
        Ok(Some(text))
    }

    fn import_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let at = object.plus(self.layout().exception.import_msg);
        let message = self.memory.pointer(at)?;
        let is_text = !message.is_null() && self.type_of(message)?.static_name() == Some("str");
        Ok(is_text.then(|| self.plain_text(message, limits)))
    }

    fn syntax_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let layout = &self.layout().exception;
        let field = |at| self.memory.pointer(object.plus(at));
        let message = field(layout.syntax_msg)?;
        let message = if message.is_null() {
            "None".to_string()
        } else {
            self.plain_text(message, limits)
        };
        let (file, line) = (field(layout.syntax_filename)?, field(layout.syntax_lineno)?);
        let is_text = !file.is_null() && self.type_of(file)?.builtin == Builtin::Str;
        let file = match is_text {
            true => Some(self.name(file)?),
            false => None,
        };
        let is_number = !line.is_null() && self.type_of(line)?.static_name() == Some("int");
        let line = is_number.then(|| self.value(line, limits).text);
        let base = |file: String| file.rsplit('/').next().unwrap_or_default().to_string();
        Ok(Some(match (file.map(base), line) {
            (Some(file), Some(line)) => format!("{message} ({file}, line {line})"),
            (Some(file), None) => format!("{message} ({file})"),
            (None, Some(line)) => format!("{message} (line {line})"),
            (None, None) => message,
        }))
    }

    fn encode_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let Some(part) = self.unicode_part(object, limits)? else {
            return Ok(Some(String::new()));
        };
        let UnicodePart {
            encoding,
            start,
            last,
            reason,
            ..
        } = &part;
        Ok(Some(match self.only_character(&part)? {
            Some(character) => format!(
                "'{encoding}' codec can't encode character '{character}' in position {start}: {reason}"
            ),
            None => format!(
                "'{encoding}' codec can't encode characters in position {start}-{last}: {reason}"
            ),
        }))
    }

    fn translate_message(
        &self,
        object: Addr,
        limits: &Limits,
    ) -> Result<Option<String>, LookError> {
        let Some(part) = self.unicode_part(object, limits)? else {
            return Ok(Some(String::new()));
        };
        let UnicodePart {
            start,
            last,
            reason,
            ..
        } = &part;
        Ok(Some(match self.only_character(&part)? {
            Some(character) => {
                format!("can't translate character '{character}' in position {start}: {reason}")
            }
            None => format!("can't translate characters in position {start}-{last}: {reason}"),
        }))
    }

    fn decode_message(&self, object: Addr, limits: &Limits) -> Result<Option<String>, LookError> {
        let Some(part) = self.unicode_part(object, limits)? else {
            return Ok(Some(String::new()));
        };
        let UnicodePart {
            encoding,
            start,
            last,
            reason,
            text,
        } = part;
        if start == last && self.type_of(text)?.builtin == Builtin::Bytes {
            let at = self.layout().object.bytes_data;
            let byte = self.memory.u8(text.plus(at).plus(start as u64))?;
            return Ok(Some(format!(
                "'{encoding}' codec can't decode byte {byte:#04x} in position {start}: {reason}"
            )));
        }
        Ok(Some(format!(
            "'{encoding}' codec can't decode bytes in position {start}-{last}: {reason}"
        )))
    }

    /// The fields that the Unicode errors share; nothing if it was not initialised.
    fn unicode_part(
        &self,
        object: Addr,
        limits: &Limits,
    ) -> Result<Option<UnicodePart>, LookError> {
        let layout = &self.layout().exception;
        let field = |at| self.memory.pointer(object.plus(at));
        let text = field(layout.unicode_object)?;
        if text.is_null() {
            return Ok(None);
        }
        let encoding = field(layout.unicode_encoding)?;
        let words = Limits {
            characters: LONGEST_WORD,
            ..*limits
        };
        Ok(Some(UnicodePart {
            text,
            // A translation has none.
            encoding: match encoding.is_null() {
                true => String::new(),
                false => self.plain_text(encoding, &words),
            },
            start: self.memory.i64(object.plus(layout.unicode_start))?,
            last: self
                .memory
                .i64(object.plus(layout.unicode_end))?
                .saturating_sub(1),
            reason: self.plain_text(field(layout.unicode_reason)?, limits),
        }))
    }

    /// The one character that could not be encoded, as an escape; nothing if there are several.
    fn only_character(&self, part: &UnicodePart) -> Result<Option<String>, LookError> {
        let Ok(start) = usize::try_from(part.start) else {
            return Ok(None);
        };
        if part.start != part.last || self.type_of(part.text)?.builtin != Builtin::Str {
            return Ok(None);
        }
        let point = self.text_part(part.text, start, 1)?.first().copied();
        Ok(point.map(|point| match point {
            0..=0xff => format!("\\x{point:02x}"),
            0x100..=0xffff => format!("\\u{point:04x}"),
            _ => format!("\\U{point:08x}"),
        }))
    }

    /// `__notes__`, as a traceback prints them.
    pub(super) fn notes(&self, object: Addr, most: u64, limits: &Limits) -> Vec<String> {
        let read = || -> Result<Vec<String>, LookError> {
            let Some(notes) = self.attribute_object(object, "__notes__")? else {
                return Ok(Vec::new());
            };
            if !matches!(self.type_of(notes)?.builtin, Builtin::List | Builtin::Tuple) {
                return Ok(vec![self.value(notes, limits).text]);
            }
            let notes = self.sequence(notes, most)?;
            Ok(notes
                .into_iter()
                .map(|note| self.plain_text(note, limits))
                .collect())
        };
        read().unwrap_or_else(|error| vec![error.absence().to_string()])
    }

    /// `str()` of an object: its characters if it is a `str`, else its `repr()`.
    fn plain_text(&self, object: Addr, limits: &Limits) -> String {
        let is_text = self
            .type_of(object)
            .is_ok_and(|kind| kind.builtin == Builtin::Str);
        let text = is_text
            .then(|| self.text(object, limits.characters).ok())
            .flatten();
        let Some(text) = text else {
            return self.value(object, limits).text;
        };
        let character = |&point: &u32| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut shown: String = text.code_points.iter().map(character).collect();
        if text.code_points.len() as u64 != text.length {
            shown.push('…');
        }
        shown
    }
}

/// Which part of what could not be encoded, decoded or translated, and why.
struct UnicodePart {
    text: Addr,
    encoding: String,
    start: i64,
    last: i64,
    reason: String,
}
