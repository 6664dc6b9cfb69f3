//! Attributes of an object: those that it holds itself, and a name by Python's own rule, without running code.

use super::{Builtin, TypeInfo};
use crate::model::Addr;
use crate::python::layout::InstanceLayout;
use crate::python::{Look, LookError};

/// Slots of one class that are looked for.
const MOST_NAMES: usize = 10_000;
/// `Py_T_OBJECT_EX` and `T_OBJECT`, `Include/descrobject.h`, `structmember.h`.
const MEMBER_OBJECT_EX: i32 = 16;
const MEMBER_OBJECT: i32 = 6;

/// What an attribute is, as far as memory tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attribute {
    /// This object.
    Object(Addr),
    /// A method made for the occasion: `function` bound to `receiver`.
    Method { function: Addr, receiver: Addr },
    /// A field of a C structure.
    Field(Field),
    /// A property, or another descriptor or `__getattr__`, which would have to run. `descriptor` is that object.
    Computed { descriptor: Addr },
}

/// A value that a C structure holds and no Python object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field {
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// `char *`, NUL-terminated, never NULL.
    Text(Addr),
}

/// Where an instance has its attributes.
enum Storage {
    None,
    Dict(Addr),
    Values { keys: Addr, values: Addr },
}

/// How an object behaves when it is found in a class (`Objects/object.c`, `_PyObject_GenericGetAttrWithDict`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Descriptor {
    /// Not at all.
    None,
    /// Has `__get__` only: the instance's own attributes come first.
    NonData,
    /// Has `__set__` or `__delete__`: comes before the instance's own attributes.
    Data,
}

impl Look<'_> {
    /// The attributes that an instance itself holds, at most `limit`: its slots, base classes first, then its dict
    /// in the order in which they were set.
    pub fn instance_attributes(
        &self,
        object: Addr,
        limit: usize,
    ) -> Result<Vec<(String, Addr)>, LookError> {
        let kind = self.type_of(object)?;
        let mut found = Vec::new();
        for class in self.mro(kind.address)?.into_iter().rev() {
            for (name, offset) in self.slots_of(class)? {
                let value = self.memory.pointer(object.plus(offset))?;
                if !value.is_null() && found.len() < limit {
                    found.push((name, value));
                }
            }
        }
        let room = limit - found.len();
        let items = match self.storage(object, &kind)? {
            Storage::None => Vec::new(),
            Storage::Dict(dict) => self.dict_items(dict, room)?,
            Storage::Values { keys, values } => self.shared_key_items(keys, values)?,
        };
        for (key, value) in items.into_iter().take(room) {
            found.push((self.name(key)?, value));
        }
        Ok(found)
    }

    /// The instance's `__dict__`, if it exists as an object: attributes may be kept without one.
    pub fn instance_dict(&self, object: Addr) -> Result<Option<Addr>, LookError> {
        let kind = self.type_of(object)?;
        Ok(match self.storage(object, &kind)? {
            Storage::Dict(dict) => Some(dict),
            Storage::None | Storage::Values { .. } => None,
        })
    }

    /// What `object.name` is, by Python's rule; nothing if it raises `AttributeError`. A `__getattribute__` written
    /// in Python is not run and not heeded.
    pub fn attribute(&self, object: Addr, name: &str) -> Result<Option<Attribute>, LookError> {
        let kind = self.type_of(object)?;
        let of_class = self.class_lookup(kind.address, name)?;
        let descriptor = match of_class {
            Some(found) => self.descriptor(found)?,
            None => Descriptor::None,
        };
        if let (Some(found), Descriptor::Data) = (of_class, descriptor) {
            return self.bind(found, object, kind.address);
        }
        if kind.builtin == Builtin::Type {
            if let Some(found) = self.class_lookup(object, name)? {
                return self.bind_to_class(found, object);
            }
        } else if let Some(value) = self.own_attribute(object, &kind, name)? {
            return Ok(Some(Attribute::Object(value)));
        }
        if let Some(found) = of_class {
            return self.bind(found, object, kind.address);
        }
        let fallback = match self.class_lookup(kind.address, "__getattr__")? {
            None if kind.builtin == Builtin::Module => {
                self.own_attribute(object, &kind, "__getattr__")?
            }
            found => found,
        };
        Ok(fallback.map(|descriptor| Attribute::Computed { descriptor }))
    }

    /// An attribute that the instance itself holds in its dict, whatever its class says of that name.
    pub(in crate::python) fn held_attribute(
        &self,
        object: Addr,
        name: &str,
    ) -> Result<Option<Addr>, LookError> {
        let kind = self.type_of(object)?;
        self.own_attribute(object, &kind, name)
    }

    fn own_attribute(
        &self,
        object: Addr,
        kind: &TypeInfo,
        name: &str,
    ) -> Result<Option<Addr>, LookError> {
        match self.storage(object, kind)? {
            Storage::None => Ok(None),
            Storage::Dict(dict) => self.dict_get_str(dict, name),
            Storage::Values { keys, values } => {
                for (key, value) in self.shared_key_items(keys, values)? {
                    if self.name(key)? == name {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
        }
    }

    fn storage(&self, object: Addr, kind: &TypeInfo) -> Result<Storage, LookError> {
        let dict_at = |at: Addr| -> Result<Storage, LookError> {
            let dict = self.memory.pointer(at)?;
            Ok(if dict.is_null() {
                Storage::None
            } else {
                Storage::Dict(dict)
            })
        };
        let cached_keys = kind.address.plus(self.layout().types.heap_cached_keys);
        let keys = || self.memory.pointer(cached_keys);
        match self.layout().instance {
            InstanceLayout::ValuesAndDict { flag, values, dict } if kind.flags & flag != 0 => {
                let values = self.memory.pointer(object.minus(values))?;
                if values.is_null() {
                    return dict_at(object.minus(dict));
                }
                let keys = keys()?;
                Ok(Storage::Values { keys, values })
            }
            InstanceLayout::DictOrValues { flag, at } if kind.flags & flag != 0 => {
                let word = self.memory.u64(object.minus(at))?;
                if word & 1 == 0 {
                    return dict_at(object.minus(at));
                }
                let (keys, values) = (keys()?, Addr(word).plus(1));
                Ok(Storage::Values { keys, values })
            }
            InstanceLayout::Inline {
                flag,
                dict,
                inline_flag,
                valid,
            } if kind.flags & flag != 0 => {
                let values = object.plus(kind.basic_size);
                let has_values = kind.flags & inline_flag != 0
                    && self.memory.pointer(object.minus(dict))?.is_null()
                    && self.memory.u8(values.plus(valid))? == 1;
                if !has_values {
                    return dict_at(object.minus(dict));
                }
                let keys = keys()?;
                Ok(Storage::Values { keys, values })
            }
            _ => match kind.dict_offset {
                0 => Ok(Storage::None),
                offset if offset > 0 => dict_at(object.plus(offset.unsigned_abs())),
                offset => {
                    let end = object.plus(self.size_of(object, kind)?);
                    dict_at(end.minus(offset.unsigned_abs()))
                }
            },
        }
    }

    /// Bytes of an object of variable size, up to the next word (`_PyObject_VAR_SIZE`, `Include/cpython/objimpl.h`).
    fn size_of(&self, object: Addr, kind: &TypeInfo) -> Result<u64, LookError> {
        let count = if kind.builtin == Builtin::Int {
            self.digit_count(object)?
        } else {
            self.memory
                .i64(object.plus(self.layout().object.size))?
                .unsigned_abs()
        };
        let size = count
            .wrapping_mul(kind.item_size)
            .wrapping_add(kind.basic_size);
        Ok(size.wrapping_add(7) & !7)
    }

    /// The slots that `__slots__` of one class made, by name and offset.
    fn slots_of(&self, class: Addr) -> Result<Vec<(String, u64)>, LookError> {
        let layout = self.layout();
        let slots = self.is_heap_type(class)?
            && !self
                .memory
                .pointer(class.plus(layout.types.heap_slots))?
                .is_null();
        if !slots {
            return Ok(Vec::new());
        }
        let dict = self.class_dict(class)?;
        let mut found = Vec::new();
        for (key, value) in self.dict_items(dict, MOST_NAMES)? {
            if self.type_of(value)?.static_name() == Some("member_descriptor") {
                let (kind, offset) = self.member(value)?;
                if kind == MEMBER_OBJECT_EX && offset >= 0 {
                    found.push((self.name(key)?, offset.unsigned_abs()));
                }
            }
        }
        Ok(found)
    }

    /// The type code and the offset of a member descriptor.
    fn member(&self, descriptor: Addr) -> Result<(i32, i64), LookError> {
        let layout = &self.layout().function;
        let definition = self.memory.pointer(descriptor.plus(layout.member_def))?;
        Ok((
            self.memory.i32(definition.plus(layout.memberdef_type))?,
            self.memory.i64(definition.plus(layout.memberdef_offset))?,
        ))
    }

    fn descriptor(&self, found: Addr) -> Result<Descriptor, LookError> {
        let kind = self.type_of(found)?;
        if let Some(known) = kind.descriptor.get() {
            return Ok(*known);
        }
        let has = |name| -> Result<bool, LookError> {
            Ok(self.class_lookup(kind.address, name)?.is_some())
        };
        let descriptor = if has("__set__")? || has("__delete__")? {
            Descriptor::Data
        } else if has("__get__")? {
            Descriptor::NonData
        } else {
            Descriptor::None
        };
        Ok(*kind.descriptor.get_or_init(|| descriptor))
    }

    /// What was found in the class of `receiver`, as an attribute of `receiver`; nothing if that is an unset slot.
    fn bind(
        &self,
        found: Addr,
        receiver: Addr,
        class: Addr,
    ) -> Result<Option<Attribute>, LookError> {
        const FUNCTIONS: [&str; 4] = [
            "function",
            "method_descriptor",
            "wrapper_descriptor",
            "instancemethod",
        ];
        let kind = self.type_of(found)?;
        let wrapped = found.plus(self.layout().function.wrapped_callable);
        Ok(Some(match kind.static_name() {
            Some(name) if FUNCTIONS.contains(&name) => {
                let function = found;
                Attribute::Method { function, receiver }
            }
            Some("classmethod_descriptor") => Attribute::Method {
                function: found,
                receiver: class,
            },
            Some("staticmethod") => Attribute::Object(self.memory.pointer(wrapped)?),
            Some("classmethod") => Attribute::Method {
                function: self.memory.pointer(wrapped)?,
                receiver: class,
            },
            Some("member_descriptor") => return self.member_value(found, receiver),
            Some("getset_descriptor") => self.known_getter(found, receiver)?,
            _ if self.descriptor(found)? == Descriptor::None => Attribute::Object(found),
            _ => Attribute::Computed { descriptor: found },
        }))
    }

    /// What was found in `class` or a base of it, as an attribute of `class` (`type_getattro`, `Objects/typeobject.c`).
    fn bind_to_class(&self, found: Addr, class: Addr) -> Result<Option<Attribute>, LookError> {
        const THEMSELVES: [&str; 6] = [
            "function",
            "property",
            "method_descriptor",
            "wrapper_descriptor",
            "member_descriptor",
            "getset_descriptor",
        ];
        let kind = self.type_of(found)?;
        match kind.static_name() {
            Some("classmethod" | "staticmethod" | "classmethod_descriptor") => {
                self.bind(found, class, class)
            }
            Some(name) if THEMSELVES.contains(&name) => Ok(Some(Attribute::Object(found))),
            _ if self.descriptor(found)? == Descriptor::None => Ok(Some(Attribute::Object(found))),
            _ => Ok(Some(Attribute::Computed { descriptor: found })),
        }
    }

    /// `PyMember_GetOne`, `Python/structmember.c`.
    fn member_value(&self, descriptor: Addr, object: Addr) -> Result<Option<Attribute>, LookError> {
        let (kind, offset) = self.member(descriptor)?;
        let at = object.plus(offset as u64);
        let memory = &self.memory;
        let field = match kind {
            MEMBER_OBJECT | MEMBER_OBJECT_EX => {
                let value = memory.pointer(at)?;
                return Ok(match (value.is_null(), kind) {
                    (false, _) => Some(Attribute::Object(value)),
                    (true, MEMBER_OBJECT) => Some(Attribute::Field(Field::None)),
                    (true, _) => None,
                });
            }
            0 => Field::Integer(i128::from(memory.u16(at)? as i16)),
            1 => Field::Integer(memory.i32(at)?.into()),
            2 | 17 | 19 => Field::Integer(memory.i64(at)?.into()),
            3 => Field::Float(f32::from_bits(memory.u32(at)?).into()),
            4 => Field::Float(memory.f64(at)?),
            5 => match memory.pointer(at)? {
                text if text.is_null() => Field::None,
                text => Field::Text(text),
            },
            8 => Field::Integer(i128::from(memory.u8(at)?.cast_signed())),
            9 => Field::Integer(memory.u8(at)?.into()),
            10 => Field::Integer(memory.u16(at)?.into()),
            11 => Field::Integer(memory.u32(at)?.into()),
            12 | 18 => Field::Integer(memory.u64(at)?.into()),
            13 => Field::Text(at),
            14 => Field::Bool(memory.u8(at)? != 0),
            20 => Field::None,
            _ => return Ok(Some(Attribute::Computed { descriptor })),
        };
        Ok(Some(Attribute::Field(field)))
    }

    /// The getters written in C that only hand out an object which memory has too.
    fn known_getter(&self, descriptor: Addr, object: Addr) -> Result<Attribute, LookError> {
        let layout = self.layout();
        let name = self.name(
            self.memory
                .pointer(descriptor.plus(layout.function.descr_name))?,
        )?;
        let kind = self.type_of(object)?;
        let is_class = kind.builtin == Builtin::Type;
        let is_function = kind.static_name() == Some("function");
        let field = |at: u64| self.memory.pointer(object.plus(at));
        let found = match name.as_str() {
            "__class__" => Some(kind.address),
            "__dict__" if !is_class => self.instance_dict(object)?,
            "__name__" if is_class && self.is_heap_type(object)? => {
                Some(field(layout.types.heap_name)?)
            }
            "__qualname__" if is_class && self.is_heap_type(object)? => {
                Some(field(layout.types.heap_qualname)?)
            }
            "__module__" if is_class && self.is_heap_type(object)? => {
                let dict = self.class_dict(object)?;
                self.dict_get_str(dict, "__module__")?
            }
            "__doc__" if is_class && self.is_heap_type(object)? => {
                let dict = self.class_dict(object)?;
                self.dict_get_str(dict, "__doc__")?
            }
            "__name__" if is_function => Some(field(layout.function.name)?),
            "__qualname__" if is_function => Some(field(layout.function.qualname)?),
            "__code__" if is_function => Some(field(layout.function.code)?),
            "__defaults__" if is_function => Some(field(layout.function.defaults)?),
            "args" if self.is_exception(object)? => Some(field(layout.exception.args)?),
            "__traceback__" if self.is_exception(object)? => {
                Some(field(layout.exception.traceback)?)
            }
            "__context__" if self.is_exception(object)? => Some(field(layout.exception.context)?),
            "__cause__" if self.is_exception(object)? => Some(field(layout.exception.cause)?),
            "cell_contents" if kind.static_name() == Some("cell") => {
                Some(field(layout.object.cell_contents)?)
            }
            _ => None,
        };
        Ok(match found {
            Some(found) if found.is_null() => Attribute::Field(Field::None),
            Some(found) => Attribute::Object(found),
            None => Attribute::Computed { descriptor },
        })
    }
}
