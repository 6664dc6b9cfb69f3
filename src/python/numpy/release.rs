//! Which numpy the process has imported.

use std::cell::OnceCell;

use crate::array::Release;
use crate::model::Addr;
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

impl Look<'_> {
    /// The numpy of the process, if it has imported one and that can be read. Asked once for each walk.
    pub(super) fn numpy_release(&self) -> Option<Release> {
        let known: &OnceCell<Option<Release>> = &self.numpy;
        *known.get_or_init(|| self.read_release().ok().flatten())
    }

    fn read_release(&self) -> Result<Option<Release>, LookError> {
        match self.numpy_attribute("__version__")? {
            Some(version) if self.type_of(version)?.builtin == Builtin::Str => {
                Ok(Release::parse(&self.name(version)?))
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
