//! The names of static types whose `tp_name` cannot be read: a core leaves out what its files have, constants among
//! it, and then the files may be gone. The names also stand in dicts, and those are in the core.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::types::TYPE_SUBCLASS;
use crate::model::Addr;
use crate::python::{Look, LookError};

/// Names in `builtins` for a type that has another name.
const ALIASES: [&str; 3] = ["EnvironmentError", "IOError", "WindowsError"];

/// Values in `builtins` whose type has no name there.
const SINGLETONS: [(&str, &str); 4] = [
    ("None", "NoneType"),
    ("Ellipsis", "ellipsis"),
    ("NotImplemented", "NotImplementedType"),
    ("len", "builtin_function_or_method"),
];

/// The types that the module `types` names, and their own names. `Lib/types.py`.
const NAMED_BY_TYPES: [(&str, &str); 14] = [
    ("FunctionType", "function"),
    ("CodeType", "code"),
    ("MappingProxyType", "mappingproxy"),
    ("CellType", "cell"),
    ("GeneratorType", "generator"),
    ("CoroutineType", "coroutine"),
    ("AsyncGeneratorType", "async_generator"),
    ("MethodType", "method"),
    ("WrapperDescriptorType", "wrapper_descriptor"),
    ("MethodDescriptorType", "method_descriptor"),
    ("ModuleType", "module"),
    ("TracebackType", "traceback"),
    ("FrameType", "frame"),
    ("GetSetDescriptorType", "getset_descriptor"),
];

/// Every Python has this module, and this function in it. `Lib/importlib/_bootstrap.py`.
const SOME_MODULE: &str = "_frozen_importlib";
const SOME_FUNCTION: &str = "_call_with_frames_removed";

impl Look<'_> {
    /// The name of a static type, by way of the dicts that name it.
    pub(super) fn name_by_dicts(&self, kind: Addr) -> Option<String> {
        if let Some(names) = &*self.nameless.borrow() {
            return names.get(&kind.0).cloned();
        }
        // While they are collected nothing has a name: what is read for that may itself ask for one.
        *self.nameless.borrow_mut() = Some(HashMap::new());
        let mut names = HashMap::new();
        // What was found before something could not be read is right.
        let _ = self.collect_builtins(&mut names);
        let _ = self.collect_from_modules(&mut names);
        let name = names.get(&kind.0).cloned();
        *self.nameless.borrow_mut() = Some(names);
        name
    }

    fn type_address(&self, object: Addr) -> Result<Addr, LookError> {
        Ok(self
            .memory
            .pointer(object.plus(self.layout().object.kind))?)
    }

    fn of_interpreter(&self, member: u64) -> Result<Addr, LookError> {
        let head = self.layout().runtime.interpreters_head;
        let interpreter = self.memory.pointer(self.located.runtime.plus(head))?;
        Ok(self.memory.pointer(interpreter.plus(member))?)
    }

    fn collect_builtins(&self, names: &mut HashMap<u64, String>) -> Result<(), LookError> {
        let builtins = self.of_interpreter(self.layout().interpreter.builtins)?;
        self.each_dict_item(builtins, &mut |key, value| {
            if self.has_type_flag(value, TYPE_SUBCLASS)? {
                let name = self.name(key)?;
                if !ALIASES.contains(&name.as_str()) {
                    names.entry(value.0).or_insert(name);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for (value, name) in SINGLETONS {
            if let Some(value) = self.dict_get_str(builtins, value)? {
                names.insert(self.type_address(value)?.0, name.to_string());
            }
        }
        Ok(())
    }

    fn collect_from_modules(&self, names: &mut HashMap<u64, String>) -> Result<(), LookError> {
        let modules = self.of_interpreter(self.layout().interpreter.modules)?;
        let module_dict = |module: Addr| {
            let at = module.plus(self.layout().object.module_dict);
            self.memory.pointer(at)
        };
        if let Some(module) = self.dict_get_str(modules, SOME_MODULE)? {
            names.insert(self.type_address(module)?.0, "module".to_string());
            let function = self.dict_get_str(module_dict(module)?, SOME_FUNCTION)?;
            if let Some(function) = function {
                names.insert(self.type_address(function)?.0, "function".to_string());
                let code = function.plus(self.layout().function.code);
                let code = self.memory.pointer(code)?;
                names.insert(self.type_address(code)?.0, "code".to_string());
            }
        }
        if let Some(types) = self.dict_get_str(modules, "types")? {
            let types = module_dict(types)?;
            for (key, name) in NAMED_BY_TYPES {
                if let Some(kind) = self.dict_get_str(types, key)? {
                    names.insert(kind.0, name.to_string());
                }
            }
        }
        Ok(())
    }
}
