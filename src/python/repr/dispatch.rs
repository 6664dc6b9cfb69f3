//! Which function writes the instances of a type.

use super::{
    Writer, arrays, c_data, callables, classes, collections, containers, decimals, enums,
    exceptions, execution, files, futures, identifiers, instances, iteration, library, locks,
    memory_views, numbers, packed, records, shared_lists, text, times, type_forms, views,
};
use crate::model::Addr;
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

/// Writes the object at an address, whose type is given.
pub(in crate::python) type Write =
    fn(&mut Writer<'_, '_>, Addr, &TypeInfo) -> Result<(), LookError>;

/// A `__repr__` that pmdb knows.
pub(super) struct Known {
    name: &'static str,
    made: Made,
    write: Write,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// In C: named by the type that defines it, `collections.deque`.
    Native,
    /// In Python: named by the function's module and qualified name, `enum.Flag.__repr__`.
    Python,
}

/// The `__repr__` of a type written in C, named as `MODULE.QUALNAME`.
pub(super) const fn native(name: &'static str, write: Write) -> Known {
    Known {
        name,
        made: Made::Native,
        write,
    }
}

/// A `__repr__` written in Python, named as `MODULE.QUALNAME.__repr__`.
pub(super) const fn python(name: &'static str, write: Write) -> Known {
    Known {
        name,
        made: Made::Python,
        write,
    }
}

/// The families whose static types all define a `__repr__` of their own: no need to look for it.
static PLAIN: &[&[Known]] = &[numbers::TYPES, text::TYPES, containers::TYPES];

/// The table of every family.
static FAMILIES: &[&[Known]] = &[
    numbers::TYPES,
    text::TYPES,
    containers::TYPES,
    views::TYPES,
    memory_views::TYPES,
    collections::TYPES,
    records::TYPES,
    enums::TYPES,
    exceptions::TYPES,
    callables::TYPES,
    classes::TYPES,
    execution::TYPES,
    library::TYPES,
    locks::TYPES,
    arrays::TYPES,
    decimals::TYPES,
    packed::TYPES,
    c_data::TYPES,
    times::TYPES,
    identifiers::TYPES,
    instances::TYPES,
    futures::TYPES,
    type_forms::TYPES,
    files::TYPES,
    iteration::TYPES,
    shared_lists::TYPES,
];

fn known(families: &[&[Known]], name: &str, made: Made) -> Option<Write> {
    let mut all = families.iter().flat_map(|family| family.iter());
    let found = all.find(|known| known.made == made && known.name == name);
    found.map(|known| known.write)
}

impl Look<'_> {
    /// What writes the instances of a type: found once.
    pub(super) fn write_of(&self, kind: &TypeInfo) -> Write {
        let found = || self.find_write(kind).unwrap_or(instances::instance);
        *kind.write.get_or_init(found)
    }

    /// The function for the `__repr__` that Python would run for instances of a type.
    fn find_write(&self, kind: &TypeInfo) -> Result<Write, LookError> {
        if !kind.is_heap()
            && let Some(write) = known(PLAIN, &kind.full_name(), Made::Native)
        {
            return Ok(write);
        }
        let Some((owner, method)) = self.class_lookup_from(kind.address, "__repr__")? else {
            return Ok(instances::instance);
        };
        let owner = self.type_at(owner)?;
        if self.type_of(method)?.static_name() != Some("function") {
            if let Some(write) = known(FAMILIES, &owner.full_name(), Made::Native) {
                return Ok(write);
            }
            let shared = self.shared_repr(&owner)?;
            return Ok(shared.unwrap_or(instances::instance));
        }
        let name = self.function_full_name(method)?;
        if let Some(write) = known(FAMILIES, &name, Made::Python) {
            return Ok(write);
        }
        Ok(self
            .generated_repr(&owner, method)?
            .unwrap_or(instances::instance))
    }
}
