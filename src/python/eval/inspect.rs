//! What a value is, for `whatis`, and where it was defined, for `source`.

use super::{Datum, EvalError};
use crate::model::Addr;
use crate::python::object::{Attribute, Builtin, Integer};
use crate::python::repr::dimensions;
use crate::python::{Limits, Look, LookError};

/// Names of a class that are looked through for a method.
const MOST_NAMES: usize = 10_000;
/// Decorators around one function; they may lead back to themselves.
const MOST_WRAPPERS: usize = 100;

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
    /// pdb's answer to `whatis`: `Function f`, `Method m`, `Class module.Name`, else the type as `repr()` writes it; and
    /// the form of an array and of a memoryview.
    pub fn whatis(&self, datum: &Datum) -> Result<String, EvalError> {
        let Datum::Object(object) = datum else {
            return Ok(match datum {
                Datum::Method { function, .. } => {
                    format!("Method {}", self.function_name(*function)?)
                }
                other => self.whatis_class(other)? + &self.form_of(other)?,
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
            _ => Ok(self.whatis_class(datum)? + &self.form_of(datum)?),
        }
    }

    /// The class of a value as `repr()` writes it.
    pub(super) fn whatis_class(&self, datum: &Datum) -> Result<String, EvalError> {
        let class = match datum {
            Datum::Object(object) => self.type_of(*object)?.address,
            Datum::Array(view) => view.class(),
            Datum::Scalar(scalar) => scalar.class(),
            other => return Ok(format!("<class '{}'>", self.host_type_name(other))),
        };
        if class.is_null() {
            // Of a process without numpy.
            return Ok(format!("<class 'numpy.{}'>", self.type_name_of(datum)));
        }
        Ok(self.show(&Datum::Object(class), &Limits::default()).text)
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
        let function = match (kind.builtin, kind.static_name()) {
            (Builtin::Function, _) => object,
            (Builtin::Type, _) => return self.source_of_class(object),
            (Builtin::Module, _) => {
                let file = self.text_in(self.attribute(object, "__file__")?)?;
                let file = file.ok_or_else(|| {
                    let module = self.show(&Datum::Object(object), &Limits::default()).text;
                    EvalError::type_error(format!("{module} is a built-in module"))
                })?;
                return Ok(Definition {
                    file,
                    qualname: String::new(),
                    first_line: None,
                });
            }
            (_, Some("method")) => {
                let at = self.layout().function.method_function;
                self.memory.pointer(object.plus(at))?
            }
            _ => return Err(no_source(&kind.name)),
        };
        match self.unwrapped(function)? {
            // A class can be wrapped too.
            other if other != function => self.source_of(&Datum::Object(other)),
            _ => self.source_of_function(function),
        }
    }

    /// What a decorator has left in `__wrapped__`, as `inspect.unwrap` finds it.
    fn unwrapped(&self, mut function: Addr) -> Result<Addr, EvalError> {
        for _ in 0..MOST_WRAPPERS {
            match self.attribute(function, "__wrapped__")? {
                Some(Attribute::Object(wrapped)) => function = wrapped,
                _ => break,
            }
        }
        Ok(function)
    }

    fn source_of_function(&self, function: Addr) -> Result<Definition, EvalError> {
        let kind = self.type_of(function)?;
        if kind.builtin != Builtin::Function {
            return Err(no_source(&kind.name));
        }
        let at = self.layout().function.code;
        let code = self.code(self.memory.pointer(function.plus(at))?)?;
        Ok(Definition {
            file: code.file.clone(),
            qualname: self.function_qualname(function),
            first_line: u32::try_from(code.first_line).ok(),
        })
    }

    /// From `__firstlineno__` (3.13+), and the file that one of its methods comes from.
    fn source_of_class(&self, class: Addr) -> Result<Definition, EvalError> {
        let info = self.type_at(class)?;
        if !info.is_heap() {
            return Err(EvalError::type_error(format!(
                "<class '{}'> is a built-in class",
                self.qualified_type_name(class)?
            )));
        }
        let dict = self.class_dict(class)?;
        let first_line = match self.dict_get_str(dict, "__firstlineno__")? {
            Some(line) => match self.integer(line)? {
                Integer::Exact(line) => u32::try_from(&line).ok(),
                Integer::Huge { .. } => None,
            },
            None => None,
        };
        for (_, value) in self.dict_items(dict, MOST_NAMES)? {
            if let Ok(method) = self.source_of_function(value)
                && method.qualname.starts_with(&format!("{}.", info.name))
            {
                return Ok(Definition {
                    file: method.file,
                    qualname: info.name.clone(),
                    first_line,
                });
            }
        }
        // One without methods: the file of its module, as `inspect` finds it.
        let file = match self.names_of_module(self.main_interpreter()?, &info.module)? {
            Some(names) => self.dict_get_str(names, "__file__")?,
            None => None,
        };
        let file = self.text_in(file.map(Attribute::Object))?;
        let Some(file) = file else {
            return Err(EvalError::raised("OSError", "source code not available"));
        };
        Ok(Definition {
            file,
            qualname: info.name.clone(),
            first_line,
        })
    }

    /// What else there is to say of memory with a form: `, format 'i', shape (3, 1), strides (4, 4), read-only`.
    fn form_of(&self, datum: &Datum) -> Result<String, EvalError> {
        let view = match datum {
            Datum::Array(view) => Some((**view).clone()),
            Datum::Object(object) => self.array_view(*object)?,
            _ => None,
        };
        if let Some(view) = view {
            return Ok(format!(
                ", dtype {}, shape {}, strides {}",
                self.dtype_text(&view)?,
                dimensions(view.shape()),
                dimensions(view.strides())
            ));
        }
        let Datum::Object(object) = datum else {
            return Ok(String::new());
        };
        if self.type_of(*object)?.static_name() != Some("memoryview") {
            return Ok(String::new());
        }
        Ok(match self.buffer(*object)? {
            None => ", released".to_string(),
            Some(buffer) => format!(
                ", format '{}', shape {}, strides {}{}",
                buffer.format,
                dimensions(&buffer.shape),
                dimensions(&buffer.strides),
                if buffer.is_read_only {
                    ", read-only"
                } else {
                    ""
                }
            ),
        })
    }

    fn text_in(&self, attribute: Option<Attribute>) -> Result<Option<String>, LookError> {
        match attribute {
            Some(Attribute::Object(text)) if self.type_of(text)?.builtin == Builtin::Str => {
                self.name(text).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// That of its code, which `functools.wraps` does not change.
    fn function_name(&self, function: Addr) -> Result<String, LookError> {
        let at = self.layout().function.code;
        let code = self.code(self.memory.pointer(function.plus(at))?)?;
        let qualname = code.qualname.as_str();
        Ok(qualname.rsplit('.').next().unwrap_or(qualname).to_string())
    }

    /// `module.Qualname`, `builtins.int` too.
    fn class_name(&self, class: Addr) -> Result<String, LookError> {
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
