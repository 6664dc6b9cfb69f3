//! Modules of the standard library that pmdb looks into, by their names in `sys.modules`.

use std::collections::HashMap;
use std::rc::Rc;

use super::LookError;
use super::look::Look;
use super::object::Builtin;
use crate::model::Addr;

/// Those that are looked for. `billiard` is Celery's `multiprocessing`,
/// `multiprocess` that of pathos.
const WANTED: &[&str] = &[
    "os",
    "threading",
    "linecache",
    "multiprocessing.process",
    "billiard.process",
    "multiprocess.process",
];

/// The dicts of modules, by name.
pub(super) type Modules = HashMap<&'static str, Addr>;

impl Look<'_> {
    /// Those of [`WANTED`] that an interpreter has imported: the dict of each.
    pub(super) fn known_modules(&self, interpreter: Addr) -> Result<Rc<Modules>, LookError> {
        if let Some(known) = self.modules.borrow().get(&interpreter.0) {
            return Ok(known.clone());
        }
        let found = Rc::new(self.find_modules(interpreter)?);
        let mut all = self.modules.borrow_mut();
        Ok(all.entry(interpreter.0).or_insert(found).clone())
    }

    fn find_modules(&self, interpreter: Addr) -> Result<Modules, LookError> {
        let layout = self.layout();
        let mut found = Modules::new();
        let modules = interpreter.plus(layout.interpreter.modules);
        let modules = self.memory.pointer(modules)?;
        if modules.is_null() {
            return Ok(found);
        }
        for &name in WANTED {
            if let Some(module) = self.dict_get_str(modules, name)?
                && self.type_of(module)?.builtin == Builtin::Module
            {
                let dict = self
                    .memory
                    .pointer(module.plus(layout.object.module_dict))?;
                found.insert(name, dict);
            }
        }
        Ok(found)
    }

    /// The interpreter that was first; NULL before there is one.
    pub(super) fn main_interpreter(&self) -> Result<Addr, LookError> {
        let at = self.layout().runtime.interpreters_main;
        Ok(self.memory.pointer(self.located.runtime.plus(at))?)
    }
}
