//! What a value is, for `whatis`, and where it was defined, for `source`.

use super::{Datum, EvalError};
use crate::python::object::Builtin;
use crate::python::{Look, LookError};

/// Where a function, class or module is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// As its code says: a path of the inferior, or `<string>` and its like.
    pub file: String,
    /// The qualified name, `Class.method`; empty for a module.
    pub qualname: String,
    /// Where it begins (its decorators included), where that is known: not for a class up to 3.12.
    pub first_line: Option<u32>,
}

impl Look<'_> {
    /// pdb's answer to `whatis`: `Function f`, `Method m`, `Class module.Name`, else the type as `repr()` writes it.
    pub fn whatis(&self, datum: &Datum) -> Result<String, EvalError> {
        let Datum::Object(object) = datum else {
            return Ok(match datum {
                Datum::Method { function, .. } => {
                    format!("Method {}", self.function_name(*function)?)
                }
                other => format!("<class '{}'>", self.host_type_name(other)),
            });
        };
        let kind = self.type_of(*object)?;
        match (kind.builtin, kind.name.as_str()) {
            (Builtin::Function, _) => Ok(format!("Function {}", self.function_name(*object)?)),
            (_, "method") => {
                let at = self.layout().function.method_function;
                let function = self.memory.pointer(object.plus(at))?;
                Ok(format!("Method {}", self.function_name(function)?))
            }
            (Builtin::Type, _) => Ok(format!("Class {}", self.class_name(*object)?)),
            _ => {
                let class = self
                    .memory
                    .pointer(object.plus(self.layout().object.kind))?;
                Ok(format!("<class '{}'>", self.qualified_type_name(class)?))
            }
        }
    }

    /// Where a function, method, class or module is defined, from its code.
    ///
    /// # Errors
    /// A `TypeError` for what has no source, in `inspect`'s words.
    pub fn source_of(&self, datum: &Datum) -> Result<Definition, EvalError> {
        let object = match datum {
            Datum::Object(object) => *object,
            Datum::Method { function, .. } => *function,
            _ => return Err(no_source(&self.type_name_of(datum))),
        };
        let kind = self.type_of(object)?;
        if kind.builtin != Builtin::Function {
            return Err(no_source(&kind.name));
        }
        let code = self.code(
            self.memory
                .pointer(object.plus(self.layout().function.code))?,
        )?;
        Ok(Definition {
            file: code.file.clone(),
            qualname: code.qualname.clone(),
            first_line: u32::try_from(code.first_line).ok(),
        })
    }

    fn function_name(&self, function: crate::model::Addr) -> Result<String, LookError> {
        let at = function.plus(self.layout().function.name);
        self.name(self.memory.pointer(at)?)
    }

    /// `module.Qualname`, `builtins.int` too.
    fn class_name(&self, class: crate::model::Addr) -> Result<String, LookError> {
        let name = self.qualified_type_name(class)?;
        let is_builtin = !name.contains('.');
        Ok(if is_builtin {
            format!("builtins.{name}")
        } else {
            name
        })
    }
}

fn no_source(kind: &str) -> EvalError {
    EvalError::type_error(format!(
        "module, class, method, function, traceback, frame, or code object was expected, got {kind}"
    ))
}
