//! What the program in a process says of that process: its name as a worker, and its environment.

use std::collections::HashMap;

use super::LookError;
use super::look::Look;
use super::modules::Modules;
use super::object::Builtin;
use crate::model::Addr;

/// Modules that keep `_current_process`, the object that stands for the process that runs.
const PROCESS_MODULES: &[&str] = &[
    "multiprocessing.process",
    "billiard.process",
    "multiprocess.process",
];

/// What those call the process that was not started by them.
const MAIN_PROCESS: &str = "_MainProcess";

/// Bytes of a variable that are read.
const LONGEST_VALUE: usize = 256;

/// Names that a process has for itself, in the memory of its main interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnWords {
    /// `multiprocessing.current_process().name`, unless that is the process which was there first.
    pub worker: Option<String>,
    /// Of `os.environ` the variables that were asked for; `None` if it could not be read. A program may have set them
    /// long after it was started, and after a fork.
    pub environment: Option<HashMap<String, String>>,
}

impl Look<'_> {
    /// What the program says. What is not there, or torn, is left out: these are names, and there are others.
    pub fn own_words(&self, variables: &[&str]) -> OwnWords {
        let modules = self
            .main_interpreter()
            .and_then(|interpreter| self.known_modules(interpreter));
        let Ok(modules) = modules else {
            return OwnWords::default();
        };
        OwnWords {
            worker: PROCESS_MODULES
                .iter()
                .find_map(|name| self.worker_name(*modules.get(name)?).ok().flatten()),
            environment: self.environment(&modules, variables).ok().flatten(),
        }
    }

    /// `_current_process._name`, from the dict of a module (`Lib/multiprocessing/process.py`).
    fn worker_name(&self, module: Addr) -> Result<Option<String>, LookError> {
        let Some(process) = self.dict_get_str(module, "_current_process")? else {
            return Ok(None);
        };
        if self.type_of(process)?.name == MAIN_PROCESS {
            return Ok(None);
        }
        self.text_attribute(process, "_name")
    }

    /// `os.environ._data`, a dict of `bytes` (`Lib/os.py`).
    fn environment(
        &self,
        modules: &Modules,
        wanted: &[&str],
    ) -> Result<Option<HashMap<String, String>>, LookError> {
        let Some(&os) = modules.get("os") else {
            return Ok(None);
        };
        let Some(environ) = self.dict_get_str(os, "environ")? else {
            return Ok(None);
        };
        let Some(data) = self.held_attribute(environ, "_data")? else {
            return Ok(None);
        };
        let mut found = HashMap::new();
        for &name in wanted {
            if let Some(value) = self.dict_get_bytes(data, name.as_bytes())?
                && self.type_of(value)?.builtin == Builtin::Bytes
            {
                let (value, _) = self.bytes_object(value, LONGEST_VALUE)?;
                let value = String::from_utf8_lossy(&value).into_owned();
                found.insert(name.to_string(), value);
            }
        }
        Ok(Some(found))
    }

    /// An attribute that the instance itself holds, if it is a `str`.
    pub(super) fn text_attribute(
        &self,
        object: Addr,
        name: &str,
    ) -> Result<Option<String>, LookError> {
        match self.held_attribute(object, name)? {
            Some(text) if self.type_of(text)?.builtin == Builtin::Str => self.name(text).map(Some),
            _ => Ok(None),
        }
    }
}
