//! What a class of `ctypes` says of the memory of its instances.

use num_traits::ToPrimitive;

use super::c_numbers::size_of;
use crate::model::Addr;
use crate::python::layout::BitField;
use crate::python::object::{Builtin, Integer};
use crate::python::{Look, LookError};

/// Arrays and structures inside each other.
pub(super) const DEEPEST: usize = 20;
/// Fields of one class that are read.
const MOST_FIELDS: u64 = 1_000;

/// What a class of `ctypes` describes.
pub(super) enum Form {
    /// `_type_`, a letter; and whether its bytes are in the other order.
    Simple {
        code: u8,
        is_swapped: bool,
    },
    Array {
        item: Addr,
        length: u64,
    },
    /// A structure or union.
    Record,
    Pointer {
        target: Addr,
    },
    Function,
}

/// A member of a structure.
pub(super) struct Member {
    pub name: String,
    pub class: Addr,
    pub offset: u64,
    pub size: u64,
    /// The first bit, and how many.
    pub bits: Option<(u32, u32)>,
}

impl Look<'_> {
    /// What a class describes, by the class of `_ctypes` that it comes from; nothing if it comes from none.
    pub(super) fn c_form(&self, class: Addr) -> Result<Option<Form>, LookError> {
        for base in self.mro(class)? {
            let base = self.type_at(base)?;
            if base.module != "_ctypes" {
                continue;
            }
            return Ok(match base.name.as_str() {
                "_SimpleCData" => self
                    .c_letter(class)?
                    .map(|(code, is_swapped)| Form::Simple { code, is_swapped }),
                "Array" => {
                    let item = self.c_class(class, "_type_")?;
                    let length = self.c_length(class)?;
                    item.zip(length)
                        .map(|(item, length)| Form::Array { item, length })
                }
                "Structure" | "Union" => Some(Form::Record),
                "_Pointer" => self
                    .c_class(class, "_type_")?
                    .map(|target| Form::Pointer { target }),
                "CFuncPtr" => Some(Form::Function),
                _ => None,
            });
        }
        Ok(None)
    }

    /// `_type_` of a simple class. A class whose bytes are in the other order is its own `__ctype_be__`.
    pub(super) fn c_letter(&self, class: Addr) -> Result<Option<(u8, bool)>, LookError> {
        let Some(letter) = self.class_lookup(class, "_type_")? else {
            return Ok(None);
        };
        if self.type_of(letter)?.builtin != Builtin::Str {
            return Ok(None);
        }
        // Up to two letters are a complex number.
        let code = match self.name(letter)?.as_str() {
            "Zf" => b'F',
            "Zd" => b'D',
            "Zg" => b'G',
            letter => match letter.as_bytes() {
                [code] => *code,
                _ => return Ok(None),
            },
        };
        let swapped = self.class_lookup(class, "__ctype_be__")?;
        Ok(Some((code, swapped == Some(class))))
    }

    pub(super) fn c_class(&self, class: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        Ok(match self.class_lookup(class, name)? {
            Some(found) if self.type_of(found)?.builtin == Builtin::Type => Some(found),
            _ => None,
        })
    }

    pub(super) fn c_length(&self, class: Addr) -> Result<Option<u64>, LookError> {
        let Some(length) = self.class_lookup(class, "_length_")? else {
            return Ok(None);
        };
        if self.type_of(length)?.builtin != Builtin::Int {
            return Ok(None);
        }
        Ok(match self.integer(length)? {
            Integer::Exact(length) => length.to_u64(),
            Integer::Huge { .. } => None,
        })
    }

    /// Bytes of an instance, where the class alone tells: not of structures, which may end in padding.
    pub(super) fn c_size(&self, class: Addr, level: usize) -> Result<Option<u64>, LookError> {
        if level > DEEPEST {
            return Ok(None);
        }
        Ok(match self.c_form(class)? {
            Some(Form::Simple { code, .. }) => match code {
                b'u' => Some(4),
                b'z' | b'Z' | b'O' => Some(8),
                code => size_of(code).map(|size| size as u64),
            },
            Some(Form::Pointer { .. } | Form::Function) => Some(8),
            Some(Form::Array { item, length }) => self
                .c_size(item, level + 1)?
                .and_then(|size| size.checked_mul(length)),
            Some(Form::Record) | None => None,
        })
    }

    /// The members of a structure, those of its bases first: `_fields_` tells their classes, and a `CField` for each
    /// where it is.
    pub(super) fn c_members(&self, class: Addr) -> Result<Vec<Member>, LookError> {
        let mut members = Vec::new();
        for base in self.mro(class)?.into_iter().rev() {
            let dict = self.class_dict(base)?;
            if dict.is_null() {
                continue;
            }
            let Some(fields) = self.dict_get_str(dict, "_fields_")? else {
                continue;
            };
            for field in self.sequence(fields, MOST_FIELDS)? {
                let parts = self.sequence(field, 3)?;
                let [name, class, ..] = parts[..] else {
                    continue;
                };
                let name = self.name(name)?;
                if let Some(descriptor) = self.dict_get_str(dict, &name)? {
                    members.extend(self.c_member(name, class, descriptor)?);
                }
            }
        }
        Ok(members)
    }

    fn c_member(
        &self,
        name: String,
        class: Addr,
        descriptor: Addr,
    ) -> Result<Option<Member>, LookError> {
        if self.type_of(descriptor)?.plain_name() != "CField" {
            return Ok(None);
        }
        let layout = &self.layout().data;
        let size = self.memory.u64(descriptor.plus(layout.ctypes_field_size))?;
        let bits = match layout.ctypes_bits {
            BitField::InSize if size >> 16 == 0 => None,
            BitField::InSize => Some((size as u32 & 0xffff, (size >> 16) as u32)),
            BitField::Own { count, first } => {
                let count = self.memory.u8(descriptor.plus(count))?;
                let first = self.memory.u8(descriptor.plus(first))?;
                (count > 0).then_some((first.into(), count.into()))
            }
        };
        Ok(Some(Member {
            name,
            class,
            offset: self
                .memory
                .u64(descriptor.plus(layout.ctypes_field_offset))?,
            size,
            bits,
        }))
    }
}
