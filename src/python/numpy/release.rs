//! Which numpy the process has imported, and what differs in what it prints.

use std::cell::OnceCell;

use crate::model::Addr;
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// `major.minor` of numpy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::python) struct Release(pub u32, pub u32);

impl Release {
    /// What stands for a version that cannot be read (its module is not in a core): the newest of its major version.
    pub(super) fn of_major(major: u32) -> Release {
        Release(major, u32::MAX)
    }

    /// Scalars say their type: `np.float64(3.0)`. Comparisons with a Python float happen in the array's own type
    /// (NEP 50). A subarray in a record is summarised too.
    pub(super) fn is_second(self) -> bool {
        self >= Release(2, 0)
    }

    /// More digits than tell a number apart are its own, not zeros (`min_digits`).
    pub(super) fn has_digits_beyond(self) -> bool {
        self >= Release(1, 21)
    }

    /// A record's dtype, written as a dict, has a space behind each colon and comma.
    pub(super) fn spaces_dicts(self) -> bool {
        self >= Release(1, 22)
    }

    /// A foreign byte order is said behind an array.
    pub(super) fn says_byte_order(self) -> bool {
        self >= Release(1, 25)
    }

    /// Reductions go through all elements that follow each other in memory at once, not through 8,192 of them, and
    /// buffers hold whole rows (the iterator's buffers are set up when it is made).
    pub(super) fn reduces_whole(self) -> bool {
        self >= Release(2, 3)
    }

    /// A summarised array says its shape.
    pub(super) fn says_shape(self) -> bool {
        self >= Release(2, 2)
    }

    /// From which power of ten on a number has an exponent depends on its type's precision.
    pub(super) fn exponent_by_type(self) -> bool {
        self >= Release(2, 3)
    }

    /// `datetime64('NaT')` says its unit.
    pub(super) fn nat_has_unit(self) -> bool {
        self >= Release(2, 4)
    }
}

impl Look<'_> {
    /// The numpy of the process, if it has imported one and that can be read. Asked once for each walk.
    pub(super) fn numpy_release(&self) -> Option<Release> {
        let known: &OnceCell<Option<Release>> = &self.numpy;
        *known.get_or_init(|| self.read_release().ok().flatten())
    }

    fn read_release(&self) -> Result<Option<Release>, LookError> {
        match self.numpy_attribute("__version__")? {
            Some(version) if self.type_of(version)?.builtin == Builtin::Str => {
                Ok(parse(&self.name(version)?))
            }
            _ => Ok(None),
        }
    }

    /// A name of the module `numpy`, if the process has imported it.
    pub(super) fn numpy_attribute(&self, name: &str) -> Result<Option<Addr>, LookError> {
        let layout = self.layout();
        let main = self.located.runtime.plus(layout.runtime.interpreters_main);
        let interpreter = self.memory.pointer(main)?;
        let modules = interpreter.plus(layout.interpreter.modules);
        let modules = self.memory.pointer(modules)?;
        let Some(numpy) = self.dict_get_str(modules, "numpy")? else {
            return Ok(None);
        };
        let names = self.memory.pointer(numpy.plus(layout.object.module_dict))?;
        self.dict_get_str(names, name)
    }
}

fn parse(version: &str) -> Option<Release> {
    let mut parts = version.split('.');
    let mut number = || parts.next()?.parse().ok();
    Some(Release(number()?, number()?))
}
