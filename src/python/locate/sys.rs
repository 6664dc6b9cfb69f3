//! What the module `sys` of a process says of the interpreter that it runs.

use num_traits::ToPrimitive;

use crate::python::object::Integer;
use crate::python::{Look, LookError};

pub(super) struct FactsOfSys {
    /// `PY_VERSION_HEX`.
    pub hexversion: u32,
    /// `sys.gettotalrefcount` is there, in builds with `Py_DEBUG`.
    pub counts_references: bool,
    /// `sys.getobjects` is there, in builds with `Py_TRACE_REFS`.
    pub lists_objects: bool,
}

impl Look<'_> {
    pub(super) fn facts_of_sys(&self) -> Result<FactsOfSys, LookError> {
        let layout = self.layout();
        let head = self.located.runtime.plus(layout.runtime.interpreters_head);
        let interpreter = self.memory.pointer(head)?;
        let names = interpreter.plus(layout.interpreter.sysdict);
        let names = self.memory.pointer(names)?;
        let torn = LookError::Torn {
            what: "the module sys",
            address: names,
        };
        let has = |name| Ok::<_, LookError>(self.dict_get_str(names, name)?.is_some());
        let number = self
            .dict_get_str(names, "hexversion")?
            .ok_or(torn.clone())?;
        let Integer::Exact(number) = self.integer(number)? else {
            return Err(torn);
        };
        Ok(FactsOfSys {
            hexversion: number.to_u32().ok_or(torn)?,
            counts_references: has("gettotalrefcount")?,
            lists_objects: has("getobjects")?,
        })
    }
}
