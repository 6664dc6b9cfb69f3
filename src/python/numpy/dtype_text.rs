//! Dtypes as `str()`, `repr()` and the end of an array's text have them.

use super::dtype::{Dtype, Element, Field, FieldName, Width};
use super::value::NumpyScalar;
use crate::array::page::shape_text;
use crate::array::{Release, dtype_text};
use crate::model::Addr;
use crate::python::{Limits, Look, LookError};

impl Look<'_> {
    /// `dtype('float64')`.
    pub(super) fn dtype_repr(&self, dtype: &Dtype) -> Result<String, LookError> {
        let construction = self.construction(dtype, false, false)?;
        Ok(
            match dtype.aligned && matches!(dtype.element, Element::Record(_)) {
                true => format!("dtype({construction}, align=True)"),
                false => format!("dtype({construction})"),
            },
        )
    }

    /// `float64`, `<U5`, `[('a', '<i4')]`.
    pub(super) fn dtype_str(&self, dtype: &Dtype) -> Result<String, LookError> {
        match &dtype.element {
            Element::Record(_) => self.record(dtype, true),
            Element::Subarray { .. } => self.construction(dtype, true, false),
            Element::Bytes | Element::Text | Element::Opaque => Ok(array_protocol(dtype)),
            _ if dtype.byte_order == b'>' => Ok(array_protocol(dtype)),
            _ => self.dtype_name(dtype),
        }
    }

    /// What the type of a scalar is called where there is none in the process.
    pub(in crate::python) fn scalar_type_name(&self, scalar: &NumpyScalar) -> String {
        match self.dtype_name(&scalar.dtype) {
            Ok(name) if !scalar.dtype.is_flexible() => name,
            _ => "generic".to_string(),
        }
    }

    /// `name`, `str`, `kind` and `char` of a dtype object; nothing for other objects and attributes.
    pub(in crate::python) fn dtype_attribute(
        &self,
        object: Addr,
        attribute: &str,
    ) -> Result<Option<String>, LookError> {
        if !matches!(attribute, "name" | "str" | "kind" | "char") {
            return Ok(None);
        }
        let classes = self.mro(self.type_of(object)?.address)?;
        let is_dtype = classes.into_iter().any(|class| {
            let kind = self.type_at(class);
            kind.is_ok_and(|kind| kind.module == "numpy" && kind.name == "dtype")
        });
        if !is_dtype {
            return Ok(None);
        }
        let dtype = self.dtype(object)?;
        match attribute {
            "str" => Ok(Some(array_protocol(&dtype))),
            "kind" => Ok(kind(&dtype).map(String::from)),
            "char" => {
                let number = usize::try_from(dtype.type_number).unwrap_or(usize::MAX);
                Ok(CHARACTERS.chars().nth(number).map(String::from))
            }
            _ if dtype.is_flexible() => Ok(None),
            _ => self.dtype_name(&dtype).map(Some),
        }
    }

    /// What an array says of its dtype: `float32`, `'<U5'`.
    pub(super) fn dtype_short(&self, dtype: &Dtype, release: Release) -> Result<String, LookError> {
        let foreign_order = dtype.byte_order == b'>' && release.says_byte_order();
        if matches!(dtype.element, Element::Record(_)) {
            return self.record(dtype, true);
        }
        if dtype.is_flexible() || foreign_order {
            return Ok(format!("'{}'", self.dtype_str(dtype)?));
        }
        let name = self.dtype_name(dtype)?;
        let word = name.chars().all(char::is_alphanumeric);
        Ok(if word { name } else { format!("'{name}'") })
    }

    /// `dtype.name`, of one that is not flexible.
    fn dtype_name(&self, dtype: &Dtype) -> Result<String, LookError> {
        let bits = dtype.item_size.saturating_mul(8);
        Ok(match &dtype.element {
            Element::Bool => "bool".to_string(),
            Element::Object => "object".to_string(),
            Element::Integer { signed: true } => format!("int{bits}"),
            Element::Integer { signed: false } => format!("uint{bits}"),
            Element::Real(Width::Brain) => "bfloat16".to_string(),
            Element::Real(_) => format!("float{bits}"),
            Element::Complex(_) => format!("complex{bits}"),
            Element::Moment(unit) => format!("datetime64{}", unit.bracketed()),
            Element::Span(unit) => format!("timedelta64{}", unit.bracketed()),
            _ => self.qualified_type_name(dtype.scalar_type)?,
        })
    }

    /// The argument of `dtype(…)`.
    fn construction(&self, dtype: &Dtype, align: bool, short: bool) -> Result<String, LookError> {
        Ok(match &dtype.element {
            Element::Record(_) => self.record(dtype, align)?,
            Element::Subarray { base, shape } => {
                let base = self.construction(base, false, true)?;
                format!("({base}, {})", shape_text(shape))
            }
            Element::Bool if short => "'?'".to_string(),
            Element::Bool => "'bool'".to_string(),
            Element::Object => "'O'".to_string(),
            Element::Integer { .. } | Element::Real(_) | Element::Complex(_)
                if !short && matches!(dtype.byte_order, b'=' | b'|') =>
            {
                format!("'{}'", self.dtype_name(dtype)?)
            }
            Element::Bytes if dtype.item_size == 0 => "'S'".to_string(),
            Element::Bytes => format!("'S{}'", dtype.item_size),
            Element::Opaque if dtype.item_size == 0 => "'V'".to_string(),
            Element::Opaque => format!("'V{}'", dtype.item_size),
            Element::Text if dtype.item_size == 0 => format!("'{}U'", order(dtype)),
            Element::Foreign => self.dtype_name(dtype)?,
            _ => format!("'{}'", array_protocol(dtype)),
        })
    }

    fn record(&self, dtype: &Dtype, align: bool) -> Result<String, LookError> {
        let Element::Record(fields) = &dtype.element else {
            return Ok(String::new());
        };
        let text = if !(align && dtype.aligned) && is_packed(dtype, fields) {
            self.record_list(fields)?
        } else {
            self.record_dict(dtype, fields, align)?
        };
        if dtype.scalar_type.is_null() {
            return Ok(text);
        }
        let kind = self.qualified_type_name(dtype.scalar_type)?;
        Ok(match kind.as_str() {
            "numpy.void" => text,
            _ => format!("({kind}, {text})"),
        })
    }

    fn record_list(&self, fields: &[Field]) -> Result<String, LookError> {
        let mut items = Vec::new();
        for field in fields {
            let name = self.quoted_name(field);
            let name = match field.title {
                Some(title) => format!("({}, {name})", self.quoted(title)),
                None => name,
            };
            let construction = match &field.dtype.element {
                Element::Subarray { base, shape } => {
                    let base = self.construction(base, false, true)?;
                    format!("{base}, {}", shape_text(shape))
                }
                _ => self.construction(&field.dtype, false, true)?,
            };
            items.push(format!("({name}, {construction})"));
        }
        Ok(format!("[{}]", items.join(", ")))
    }

    fn record_dict(
        &self,
        dtype: &Dtype,
        fields: &[Field],
        align: bool,
    ) -> Result<String, LookError> {
        let release = self.release_of(dtype);
        let (colon, comma) = match release.spaces_dicts() {
            true => (": ", ", "),
            false => (":", ","),
        };
        let names: Vec<String> = fields.iter().map(|field| self.quoted_name(field)).collect();
        let formats = fields
            .iter()
            .map(|field| self.construction(&field.dtype, false, true));
        let formats: Vec<String> = formats.collect::<Result<_, _>>()?;
        let offsets: Vec<String> = fields
            .iter()
            .map(|field| field.offset.to_string())
            .collect();
        let mut text = format!(
            "{{'names'{colon}[{}], 'formats'{colon}[{}], 'offsets'{colon}[{}]",
            names.join(comma),
            formats.join(comma),
            offsets.join(comma)
        );
        if fields.iter().any(|field| field.title.is_some()) {
            let title = |field: &Field| match field.title {
                Some(title) => self.quoted(title),
                None => "None".to_string(),
            };
            let titles: Vec<String> = fields.iter().map(title).collect();
            text += &format!(", 'titles'{colon}[{}]", titles.join(comma));
        }
        text += &format!(", 'itemsize'{colon}{}", dtype.item_size);
        if align && dtype.aligned {
            text += &format!(", 'aligned'{colon}True");
        }
        Ok(text + "}")
    }

    pub(super) fn field_name(&self, field: &Field) -> Result<String, LookError> {
        match &field.name {
            FieldName::Object(name) => self.name(*name),
            FieldName::Told(name) => Ok(name.clone()),
        }
    }

    fn quoted_name(&self, field: &Field) -> String {
        match &field.name {
            FieldName::Object(name) => self.quoted(*name),
            FieldName::Told(name) => {
                let points: Vec<u32> = name.chars().map(u32::from).collect();
                self.text_literal(&points)
            }
        }
    }

    fn quoted(&self, text: Addr) -> String {
        self.value(text, &Limits::default()).text
    }

    /// The numpy that made a dtype.
    pub(super) fn release_of(&self, dtype: &Dtype) -> Release {
        self.numpy_release()
            .filter(|release| release.0 == dtype.major)
            .unwrap_or(Release::of_major(dtype.major))
    }
}

fn order(dtype: &Dtype) -> &'static str {
    match dtype.byte_order {
        b'>' => ">",
        b'|' => "",
        _ => "<",
    }
}

/// `NPY_TYPECHAR`, by type number.
const CHARACTERS: &str = "?bBhHiIlLqQfdgFDGOSUVMme";

/// `dtype.kind`.
fn kind(dtype: &Dtype) -> Option<char> {
    Some(match &dtype.element {
        Element::Bool => 'b',
        Element::Integer { signed: true } => 'i',
        Element::Integer { signed: false } => 'u',
        Element::Real(_) => 'f',
        Element::Complex(_) => 'c',
        Element::Object => 'O',
        Element::Bytes => 'S',
        Element::Text => 'U',
        Element::Opaque | Element::Record(_) | Element::Subarray { .. } => 'V',
        Element::Moment(_) => 'M',
        Element::Span(_) => 'm',
        Element::Foreign => return None,
    })
}

/// `dtype.str`: `<f8`, `|S3`, `>M8[ns]`.
fn array_protocol(dtype: &Dtype) -> String {
    dtype_text::array_protocol(&dtype.shallow_type())
}

/// The fields follow each other in order, without gaps other than those that alignment asks for.
fn is_packed(dtype: &Dtype, fields: &[Field]) -> bool {
    let align = |offset: u64, to: u64| offset.checked_next_multiple_of(to.max(1)).unwrap_or(offset);
    let (mut end, mut widest) = (0_u64, 1);
    for field in fields {
        if dtype.aligned {
            end = align(end, field.dtype.alignment);
            widest = widest.max(field.dtype.alignment);
        }
        if field.offset != end {
            return false;
        }
        end = end.saturating_add(field.dtype.item_size);
    }
    if dtype.aligned {
        end = align(end, widest);
    }
    end == dtype.item_size
}
