//! Types: their names, and which builtin layout their instances have.

use std::cell::OnceCell;
use std::rc::Rc;

use super::attributes::Descriptor;
use crate::model::Addr;
use crate::python::repr::Write;
use crate::python::{Look, LookError};

/// Bytes of a type's name that are read.
const LONGEST_NAME: usize = 512;
/// Bases that are followed to the builtin type at the bottom.
const DEEPEST_BASE: usize = 100;
/// `Py_TPFLAGS_HEAPTYPE`, `Include/object.h`.
pub(super) const HEAP_TYPE: u64 = 1 << 9;
/// `Py_TPFLAGS_UNICODE_SUBCLASS`, `Py_TPFLAGS_DICT_SUBCLASS` and `Py_TPFLAGS_TYPE_SUBCLASS`, `Include/object.h`.
pub(super) const STR_SUBCLASS: u64 = 1 << 28;
pub(super) const DICT_SUBCLASS: u64 = 1 << 29;
pub(super) const TYPE_SUBCLASS: u64 = 1 << 31;
/// `_Py_TPFLAGS_STATIC_BUILTIN` (3.12+), `Include/object.h`.
pub(super) const STATIC_BUILTIN: u64 = 1 << 1;

/// The builtin types whose layout pmdb reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    None,
    Ellipsis,
    NotImplemented,
    Bool,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    ByteArray,
    List,
    Tuple,
    Dict,
    FrozenDict,
    Set,
    FrozenSet,
    Range,
    Slice,
    Function,
    Module,
    Type,
    Other,
}

const BUILTINS: &[(&str, Builtin)] = &[
    ("NoneType", Builtin::None),
    ("ellipsis", Builtin::Ellipsis),
    ("NotImplementedType", Builtin::NotImplemented),
    ("bool", Builtin::Bool),
    ("int", Builtin::Int),
    ("float", Builtin::Float),
    ("complex", Builtin::Complex),
    ("str", Builtin::Str),
    ("bytes", Builtin::Bytes),
    ("bytearray", Builtin::ByteArray),
    ("list", Builtin::List),
    ("tuple", Builtin::Tuple),
    ("dict", Builtin::Dict),
    ("frozendict", Builtin::FrozenDict),
    ("set", Builtin::Set),
    ("frozenset", Builtin::FrozenSet),
    ("range", Builtin::Range),
    ("slice", Builtin::Slice),
    ("function", Builtin::Function),
    ("module", Builtin::Module),
    ("type", Builtin::Type),
];

/// A type, as far as its instances need it to be read.
#[derive(Debug, Clone)]
pub struct TypeInfo {
    pub address: Addr,
    /// `__qualname__`.
    pub name: String,
    /// `__module__`; `builtins` where there is none.
    pub module: String,
    /// The builtin that its instances are laid out as: its own, or that of a base.
    pub builtin: Builtin,
    /// `tp_flags`, `tp_basicsize`, `tp_itemsize`, `tp_dictoffset`.
    pub flags: u64,
    pub basic_size: u64,
    pub item_size: u64,
    pub dict_offset: i64,
    /// How its instances behave in a class, once that was asked for.
    pub(super) descriptor: OnceCell<Descriptor>,
    /// What writes its instances, once that was asked for.
    pub write: OnceCell<Write>,
}

impl TypeInfo {
    /// Made by a class statement, or by a C module at run time.
    pub fn is_heap(&self) -> bool {
        self.flags & HEAP_TYPE != 0
    }

    /// The name, if it is a type of CPython's own in `builtins` or without a module: `function`, `property`.
    pub fn static_name(&self) -> Option<&str> {
        (!self.is_heap() && self.module == "builtins").then_some(self.name.as_str())
    }

    /// `__name__`: the last part of the qualified name.
    pub fn plain_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// As an error message or a traceback names it: with its module unless that is `builtins` or `__main__`.
    pub fn shown_name(&self) -> String {
        match self.module.as_str() {
            "builtins" | "__main__" => self.name.clone(),
            module => format!("{module}.{}", self.name),
        }
    }

    /// As `repr()` of its instances names it: always with its module.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.module, self.name)
    }
}

impl Look<'_> {
    /// The type of the object at an address.
    pub(in crate::python) fn type_of(&self, object: Addr) -> Result<Rc<TypeInfo>, LookError> {
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        self.type_at(kind)
    }

    /// The type at an address.
    pub(in crate::python) fn type_at(&self, kind: Addr) -> Result<Rc<TypeInfo>, LookError> {
        if let Some(known) = self.types.borrow().get(&kind.0) {
            return Ok(known.clone());
        }
        let info = Rc::new(self.read_type(kind)?);
        self.memory
            .keep(kind, size_of::<TypeInfo>() + info.name.len())?;
        self.types.borrow_mut().insert(kind.0, info.clone());
        Ok(info)
    }

    fn read_type(&self, kind: Addr) -> Result<TypeInfo, LookError> {
        let layout = &self.layout().types;
        // First what is cheap: an address that is no type fails here.
        let builtin = self.builtin_below(kind)?;
        let (module, name) = self.module_and_name(kind)?;
        Ok(TypeInfo {
            address: kind,
            name,
            module,
            builtin,
            flags: self.memory.u64(kind.plus(layout.flags))?,
            basic_size: self.memory.u64(kind.plus(layout.basicsize))?,
            item_size: self.memory.u64(kind.plus(layout.itemsize))?,
            dict_offset: self.memory.i64(kind.plus(layout.dictoffset))?,
            descriptor: OnceCell::new(),
            write: OnceCell::new(),
        })
    }

    /// The builtin that instances are laid out as.
    pub(super) fn builtin_below(&self, kind: Addr) -> Result<Builtin, LookError> {
        let mut base = kind;
        for _ in 0..DEEPEST_BASE {
            if base.is_null() {
                break;
            }
            if let Some(builtin) = self.as_builtin(base)? {
                return Ok(builtin);
            }
            base = self.memory.pointer(base.plus(self.layout().types.base))?;
        }
        Ok(Builtin::Other)
    }

    /// Builtin types are static, and their names have no module in front.
    fn as_builtin(&self, kind: Addr) -> Result<Option<Builtin>, LookError> {
        if self.is_heap_type(kind)? {
            return Ok(None);
        }
        let name = self.c_type_name(kind)?;
        let found = BUILTINS.iter().find(|(builtin, _)| *builtin == name);
        Ok(found.map(|(_, builtin)| *builtin))
    }

    pub(super) fn is_heap_type(&self, kind: Addr) -> Result<bool, LookError> {
        let flags = self.memory.u64(kind.plus(self.layout().types.flags))?;
        Ok(flags & HEAP_TYPE != 0)
    }

    /// `tp_name`.
    pub(in crate::python) fn c_type_name(&self, kind: Addr) -> Result<String, LookError> {
        let torn = LookError::Torn {
            what: "a type",
            address: kind,
        };
        let name = self.memory.pointer(kind.plus(self.layout().types.name))?;
        let name = match self.memory.c_string(name, LONGEST_NAME) {
            Ok(name) => name,
            Err(error) => return self.name_by_dicts(kind).ok_or(error.into()),
        };
        if name.is_empty() {
            return Err(torn);
        }
        String::from_utf8(name).map_err(|_| torn)
    }

    /// `__module__` and `__qualname__` (`type_module`, `type_qualname`, `Objects/typeobject.c`).
    fn module_and_name(&self, kind: Addr) -> Result<(String, String), LookError> {
        let layout = &self.layout().types;
        if !self.is_heap_type(kind)? {
            let full = self.c_type_name(kind)?;
            return Ok(match full.rsplit_once('.') {
                Some((module, name)) => (module.to_string(), name.to_string()),
                None => ("builtins".to_string(), full),
            });
        }
        let name = self.name(self.memory.pointer(kind.plus(layout.heap_qualname))?)?;
        let dict = self.memory.pointer(kind.plus(layout.dict))?;
        let module = self.module_in(dict).unwrap_or(None);
        Ok((module.unwrap_or_else(|| "builtins".to_string()), name))
    }

    /// `__module__` in the dict of a class.
    fn module_in(&self, dict: Addr) -> Result<Option<String>, LookError> {
        match self.dict_get_str(dict, "__module__")? {
            Some(module) if self.has_type_flag(module, STR_SUBCLASS)? => {
                Ok(Some(self.name(module)?))
            }
            _ => Ok(None),
        }
    }

    /// Whether the type of an object has a flag. Unlike `type_of` it follows nothing else, so that reading a type can
    /// rest on it.
    pub(super) fn has_type_flag(&self, object: Addr, flag: u64) -> Result<bool, LookError> {
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
        let flags = self.memory.u64(kind.plus(self.layout().types.flags))?;
        Ok(flags & flag != 0)
    }

    /// The name as `repr()` of the class has it: qualified, and with its module unless that is `builtins`.
    pub(in crate::python) fn qualified_type_name(&self, kind: Addr) -> Result<String, LookError> {
        let info = self.type_at(kind)?;
        Ok(if info.module == "builtins" {
            info.name.clone()
        } else {
            info.full_name()
        })
    }
}
