//! Calls: those of builtin functions and methods that only look are computed here, all others refused.

use ruff_python_ast::{Expr, ExprCall};

use super::{Datum, EvalError, Evaluator};
use crate::model::Addr;
use crate::python::object::Builtin;

/// The arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Datum>,
    pub(super) named: Vec<(String, Datum)>,
}

impl Arguments {
    pub(super) fn of(positional: Vec<Datum>) -> Arguments {
        Arguments {
            positional,
            named: Vec::new(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Datum> {
        self.positional.get(index)
    }

    /// The argument at a position or of a name.
    pub(super) fn either(&self, index: usize, name: &str) -> Option<&Datum> {
        self.get(index).or_else(|| self.named(name))
    }

    pub(super) fn named(&self, name: &str) -> Option<&Datum> {
        let found = self.named.iter().find(|(other, _)| other == name);
        found.map(|(_, datum)| datum)
    }

    /// Refuses a call with another number of arguments, in CPython's words.
    pub(super) fn count(
        &self,
        function: &str,
        least: usize,
        most: usize,
        names: &[&str],
    ) -> Result<(), EvalError> {
        let given = self.positional.len();
        if let Some((name, _)) = self
            .named
            .iter()
            .find(|(name, _)| !names.contains(&&**name))
        {
            let message = if names.is_empty() {
                format!("{function}() takes no keyword arguments")
            } else {
                format!("{function}() got an unexpected keyword argument '{name}'")
            };
            return Err(EvalError::type_error(message));
        }
        if given + self.named.len() >= least && given <= most {
            return Ok(());
        }
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        Err(EvalError::type_error(if least == most && least == 0 {
            format!("{function}() takes no arguments ({given} given)")
        } else if least == most && least == 1 {
            format!("{function}() takes exactly one argument ({given} given)")
        } else if least == most {
            format!("{function} expected {least} {}, got {given}", plural(least))
        } else if given < least {
            format!(
                "{function} expected at least {least} {}, got {given}",
                plural(least)
            )
        } else {
            format!(
                "{function} expected at most {most} {}, got {given}",
                plural(most)
            )
        }))
    }
}

impl Evaluator<'_, '_> {
    pub(super) fn call(&self, expr: &ExprCall) -> Result<Datum, EvalError> {
        if let Expr::Name(name) = &*expr.func
            && self.opens_segments(&name.id)
        {
            return self.open_segment(&self.arguments(expr)?);
        }
        let function = self.expression(&expr.func)?;
        // Refused before the arguments are worked out.
        self.callee(&function)?;
        self.invoke(&function, self.arguments(expr)?)
    }

    fn arguments(&self, expr: &ExprCall) -> Result<Arguments, EvalError> {
        let mut arguments = Arguments::default();
        for argument in &expr.arguments.args {
            if let Expr::Starred(starred) = argument {
                let members = self.iterate(&self.expression(&starred.value)?)?;
                arguments.positional.extend(members);
            } else {
                arguments.positional.push(self.expression(argument)?);
            }
        }
        for keyword in &expr.arguments.keywords {
            let value = self.expression(&keyword.value)?;
            match &keyword.arg {
                Some(name) => arguments.named.push((name.to_string(), value)),
                None => {
                    for (key, value) in self.items(&value)? {
                        let Datum::Str(points) = self.load(&key)? else {
                            return Err(EvalError::type_error("keywords must be strings"));
                        };
                        arguments
                            .named
                            .push((super::text::to_string(&points), value));
                    }
                }
            }
        }
        Ok(arguments)
    }

    /// Calls a value.
    pub(super) fn invoke(
        &self,
        function: &Datum,
        mut arguments: Arguments,
    ) -> Result<Datum, EvalError> {
        self.budget.deeper(|| match self.callee(function)? {
            Callee::Function(name) => self.builtin_function(&name, arguments),
            Callee::Class(name) => self.construct(&name, arguments),
            Callee::Method { receiver, name } => self.method(&receiver, &name, &arguments),
            Callee::Descriptor(name) => {
                if arguments.positional.is_empty() {
                    let message = format!("unbound method {name}() needs an argument");
                    return Err(EvalError::type_error(message));
                }
                let receiver = arguments.positional.remove(0);
                self.method(&receiver, &name, &arguments)
            }
        })
    }

    /// What a call of a value comes to.
    fn callee(&self, function: &Datum) -> Result<Callee, EvalError> {
        match function {
            Datum::BuiltinMethod { name, receiver } => Ok(Callee::Method {
                receiver: (**receiver).clone(),
                name: name.clone(),
            }),
            Datum::Method { function, .. } => {
                let name = self.look.function_qualname(*function);
                Err(EvalError::needs(format!("calling `{name}`")))
            }
            Datum::Object(object) => self.object_callee(*object),
            other => {
                let kind = self.type_name(other);
                Err(EvalError::type_error(format!(
                    "'{kind}' object is not callable"
                )))
            }
        }
    }

    fn object_callee(&self, object: Addr) -> Result<Callee, EvalError> {
        let kind = self.look.type_of(object)?;
        let layout = &self.look.layout().function;
        let memory = &self.look.memory;
        match kind.static_name() {
            Some("builtin_function_or_method") => {
                let definition = memory.pointer(object.plus(layout.builtin_def))?;
                let name = memory.c_string(memory.pointer(definition)?, 256)?;
                let name = String::from_utf8_lossy(&name).into_owned();
                let owner = memory.pointer(object.plus(layout.builtin_self))?;
                if owner.is_null() {
                    return Err(EvalError::needs(format!("calling `{name}`")));
                }
                if self.look.type_of(owner)?.builtin == Builtin::Module {
                    let module = self.find_attribute(&Datum::Object(owner), "__name__")?;
                    let module = module.map(|name| self.load(&name)).transpose()?;
                    return match module {
                        Some(Datum::Str(points))
                            if super::text::to_string(&points) == "builtins" =>
                        {
                            Ok(Callee::Function(name))
                        }
                        Some(Datum::Str(points)) => {
                            let module = super::text::to_string(&points);
                            Err(EvalError::needs(format!("calling `{module}.{name}`")))
                        }
                        _ => Err(EvalError::needs(format!("calling `{name}`"))),
                    };
                }
                Ok(Callee::Method {
                    receiver: Datum::Object(owner),
                    name,
                })
            }
            Some("method") => {
                let function = memory.pointer(object.plus(layout.method_function))?;
                let name = self.look.function_qualname(function);
                Err(EvalError::needs(format!("calling `{name}`")))
            }
            Some("method_descriptor") => {
                let at = object.plus(layout.descr_name);
                Ok(Callee::Descriptor(self.look.name(memory.pointer(at)?)?))
            }
            _ if kind.builtin == Builtin::Type => {
                let class = self.look.type_at(object)?;
                match class.static_name() {
                    Some(name) => Ok(Callee::Class(name.to_string())),
                    None => Err(EvalError::needs(format!("calling `{}`", class.name))),
                }
            }
            _ if kind.builtin == Builtin::Function => {
                let name = self.look.function_qualname(object);
                Err(EvalError::needs(format!("calling `{name}`")))
            }
            _ => {
                if self.look.class_lookup(kind.address, "__call__")?.is_some() {
                    return Err(EvalError::needs(format!("calling a `{}`", kind.name)));
                }
                let kind = self.type_name(&Datum::Object(object));
                Err(EvalError::type_error(format!(
                    "'{kind}' object is not callable"
                )))
            }
        }
    }
}

enum Callee {
    /// A function of `builtins`.
    Function(String),
    /// A class of `builtins`.
    Class(String),
    Method {
        receiver: Datum,
        name: String,
    },
    /// A method of a builtin class, its receiver given first.
    Descriptor(String),
}
