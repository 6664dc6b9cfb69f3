//! Classes: the dict of each, and a name along the method resolution order.

use std::collections::HashMap;

use super::types::{HEAP_TYPE, STATIC_BUILTIN};
use crate::model::Addr;
use crate::python::{Look, LookError};

/// Classes of one method resolution order that are looked through.
const LONGEST_MRO: u64 = 1_000;

impl Look<'_> {
    /// The classes in which a name is looked up, the class itself first.
    pub(in crate::python) fn mro(&self, class: Addr) -> Result<Vec<Addr>, LookError> {
        let mro = self.memory.pointer(class.plus(self.layout().types.mro))?;
        if mro.is_null() {
            // A class that is being made.
            return Ok(vec![class]);
        }
        self.sequence(mro, LONGEST_MRO)
    }

    /// The dict of a class, without those of its bases; NULL if it has none.
    pub(in crate::python) fn class_dict(&self, class: Addr) -> Result<Addr, LookError> {
        let layout = &self.layout().types;
        let flags = self.memory.u64(class.plus(layout.flags))?;
        let is_elsewhere = !layout.static_dicts.is_empty() && flags & STATIC_BUILTIN != 0;
        if is_elsewhere && flags & HEAP_TYPE == 0 {
            return self.static_dict(class);
        }
        Ok(self.memory.pointer(class.plus(layout.dict))?)
    }

    /// What a name is in a class, along its method resolution order, without binding it.
    pub fn class_lookup(&self, class: Addr, name: &str) -> Result<Option<Addr>, LookError> {
        Ok(self.class_lookup_from(class, name)?.map(|(_, found)| found))
    }

    /// The same, with the class that it was found in.
    pub(in crate::python) fn class_lookup_from(
        &self,
        class: Addr,
        name: &str,
    ) -> Result<Option<(Addr, Addr)>, LookError> {
        for base in self.mro(class)? {
            let dict = self.class_dict(base)?;
            if dict.is_null() {
                continue;
            }
            if let Some(found) = self.dict_get_str(dict, name)? {
                return Ok(Some((base, found)));
            }
        }
        Ok(None)
    }

    /// The dict of a static type that the interpreter keeps. It is the main interpreter's: those of others differ in
    /// nothing that pmdb shows.
    fn static_dict(&self, class: Addr) -> Result<Addr, LookError> {
        let known = self.static_dicts.get();
        let dicts = match known {
            Some(dicts) => dicts,
            None => {
                let read = self.read_static_dicts()?;
                self.static_dicts.get_or_init(|| read)
            }
        };
        Ok(dicts.get(&class.0).copied().unwrap_or(Addr::NULL))
    }

    fn read_static_dicts(&self) -> Result<HashMap<u64, Addr>, LookError> {
        let layout = self.layout();
        let main = self.located.runtime.plus(layout.runtime.interpreters_main);
        let interpreter = self.memory.pointer(main)?;
        let mut dicts = HashMap::new();
        for array in layout.types.static_dicts {
            for index in 0..array.count {
                let element = interpreter.plus(array.array + index * array.element);
                let class = self.memory.pointer(element.plus(array.element_type))?;
                let dict = self.memory.pointer(element.plus(array.element_dict))?;
                if !class.is_null() && !dict.is_null() {
                    dicts.insert(class.0, dict);
                }
            }
        }
        Ok(dicts)
    }
}
