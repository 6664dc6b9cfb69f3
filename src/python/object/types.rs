//! Types: their names, and which builtin layout their instances have.

use std::rc::Rc;

use crate::model::Addr;
use crate::python::{Look, LookError};

/// Bytes of a type's name that are read.
const LONGEST_NAME: usize = 512;
/// Bases that are followed to the builtin type at the bottom.
const DEEPEST_BASE: usize = 100;
/// Names of a class that are looked through.
const MOST_NAMES: usize = 10_000;
/// `Py_TPFLAGS_HEAPTYPE`, `Include/object.h`.
const HEAP_TYPE: u64 = 1 << 9;

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
    ("set", Builtin::Set),
    ("frozenset", Builtin::FrozenSet),
    ("range", Builtin::Range),
    ("slice", Builtin::Slice),
    ("function", Builtin::Function),
    ("module", Builtin::Module),
    ("type", Builtin::Type),
];

#[derive(Debug, Clone)]
pub struct TypeInfo {
    /// Without the module.
    pub name: String,
    /// The builtin that its instances are laid out as: its own, or that of a base.
    pub builtin: Builtin,
    /// It is that builtin itself and not a subclass.
    pub exact: bool,
}

impl Look<'_> {
    /// The type of the object at an address.
    pub(in crate::python) fn type_of(&self, object: Addr) -> Result<Rc<TypeInfo>, LookError> {
        let kind = self
            .memory
            .pointer(object.plus(self.layout().object.kind))?;
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
        // The type of a type is a type: its own type leads to one whose type is itself within a few steps.
        let name = self.type_name(kind)?;
        let mut base = kind;
        for depth in 0..DEEPEST_BASE {
            if base.is_null() {
                break;
            }
            if let Some(builtin) = self.as_builtin(base)? {
                return Ok(TypeInfo {
                    name,
                    builtin,
                    exact: depth == 0,
                });
            }
            base = self.memory.pointer(base.plus(self.layout().types.base))?;
        }
        Ok(TypeInfo {
            name,
            builtin: Builtin::Other,
            exact: false,
        })
    }

    /// Builtin types are static, and their names have no module in front.
    fn as_builtin(&self, kind: Addr) -> Result<Option<Builtin>, LookError> {
        let flags = self.memory.u64(kind.plus(self.layout().types.flags))?;
        if flags & HEAP_TYPE != 0 {
            return Ok(None);
        }
        let name = self.full_type_name(kind)?;
        let found = BUILTINS.iter().find(|(builtin, _)| *builtin == name);
        Ok(found.map(|(_, builtin)| *builtin))
    }

    fn full_type_name(&self, kind: Addr) -> Result<String, LookError> {
        let name = self.memory.pointer(kind.plus(self.layout().types.name))?;
        let name = self.memory.c_string(name, LONGEST_NAME)?;
        String::from_utf8(name).map_err(|_| LookError::Torn {
            what: "a type",
            address: kind,
        })
    }

    /// The name of the type at an address, without its module.
    pub(in crate::python) fn type_name(&self, kind: Addr) -> Result<String, LookError> {
        let full = self.full_type_name(kind)?;
        Ok(full.rsplit('.').next().unwrap_or_default().to_string())
    }

    /// The name as `repr()` of the class has it: qualified, and with its module unless that is `builtins`.
    pub(in crate::python) fn qualified_type_name(&self, kind: Addr) -> Result<String, LookError> {
        let layout = &self.layout().types;
        if self.memory.u64(kind.plus(layout.flags))? & HEAP_TYPE == 0 {
            return self.full_type_name(kind);
        }
        let name = self.name(self.memory.pointer(kind.plus(layout.heap_qualname))?)?;
        let names = self.memory.pointer(kind.plus(layout.dict))?;
        for (key, value) in self.dict_items(names, MOST_NAMES)? {
            let is_module = self.name(key)? == "__module__";
            if is_module && self.type_of(value)?.builtin == Builtin::Str {
                let module = self.name(value)?;
                let builtin = module == "builtins";
                return Ok(if builtin {
                    name
                } else {
                    format!("{module}.{name}")
                });
            }
        }
        Ok(name)
    }

    /// The names that a class made at run time defines; none for a static type.
    pub(in crate::python) fn heap_type_names(&self, kind: Addr) -> Result<Vec<String>, LookError> {
        let layout = &self.layout().types;
        if self.memory.u64(kind.plus(layout.flags))? & HEAP_TYPE == 0 {
            return Ok(Vec::new());
        }
        let names = self.memory.pointer(kind.plus(layout.dict))?;
        let items = self.dict_items(names, MOST_NAMES)?;
        items.into_iter().map(|(key, _)| self.name(key)).collect()
    }
}
