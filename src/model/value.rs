//! A value as it is shown.

use serde::{Deserialize, Serialize};

use super::{Absence, Addr};

/// One value of the inferior, as text in its own language's form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Value {
    /// The type's name as the language prints it: `int`, `collections.deque`, `Point`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What `repr()` gives for it, cut at the limit that was asked for; or the absence, in angle brackets.
    #[serde(rename = "value")]
    pub text: String,
    /// Set when `text` was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub truncated: bool,
    /// How much there is of a value that was cut, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u64>,
    /// What `length` counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<LengthUnit>,
    /// Where the object lies, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Addr>,
    /// Why there is no value, if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub absence: Option<Absence>,
    /// Where a generator or coroutine is: `suspended at /app/work.py:12`, `created`, `running`, `finished`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<String>,
    /// The shared-memory segment that the value's data lies in, with the offset: `/dev/shm/psm_1 +4096`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segment: Option<String>,
}

/// What the length of a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengthUnit {
    Items,
    Characters,
    Bytes,
    Digits,
}

impl LengthUnit {
    /// `item`, `character`: without the plural.
    fn one(self) -> &'static str {
        match self {
            LengthUnit::Items => "item",
            LengthUnit::Characters => "character",
            LengthUnit::Bytes => "byte",
            LengthUnit::Digits => "digit",
        }
    }
}

impl Value {
    /// The value that stands for a missing one.
    pub fn absent(absence: Absence) -> Value {
        Value {
            text: absence.to_string(),
            absence: Some(absence),
            ..Value::default()
        }
    }

    /// How long a cut value is: `50,000 items`. Nothing if it was not cut.
    pub fn full_length(&self) -> Option<String> {
        let (length, unit) = self.length.zip(self.unit)?;
        let plural = if length == 1 { "" } else { "s" };
        let text = format!("{} {}{plural}", with_commas(length), unit.one());
        self.truncated.then_some(text)
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_of_a_cut_value_is_said() {
        let mut value = Value {
            truncated: true,
            length: Some(1_234_567),
            unit: Some(LengthUnit::Items),
            ..Value::default()
        };
        assert_eq!(value.full_length().as_deref(), Some("1,234,567 items"));
        value.length = Some(1);
        assert_eq!(value.full_length().as_deref(), Some("1 item"));
        value.length = Some(100);
        value.unit = Some(LengthUnit::Bytes);
        assert_eq!(value.full_length().as_deref(), Some("100 bytes"));
        value.truncated = false;
        assert_eq!(value.full_length(), None);
    }
}
