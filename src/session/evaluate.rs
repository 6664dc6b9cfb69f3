//! Values of expressions and variables in the focused frame.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::api::Display;
use super::convenience;
use super::error::SessionError;
use super::inferior::Inferior;
use super::listing::Place;
use crate::array::View;
use crate::model::{Absence, Local, LocalKind, Value};
use crate::python::eval::{Datum, EvalError, OPENER, OpensSegments, Scope, Segments};
use crate::python::{Limits, Look};

impl From<EvalError> for SessionError {
    fn from(error: EvalError) -> SessionError {
        match error {
            EvalError::Cancelled => SessionError::Interrupted,
            other => SessionError::Evaluation {
                text: other.to_string(),
            },
        }
    }
}

/// A longer text is no statement that somebody typed, and may be nested too deeply to be freed. Bytes.
const LONGEST_STATEMENT: usize = 10_000;

/// Whether Python would run it.
fn is_statement(text: &str) -> bool {
    // The first line of a block alone is one too.
    let begins = || ruff_python_parser::parse_module(&format!("{text}\n    pass\n")).is_ok();
    text.len() <= LONGEST_STATEMENT && (ruff_python_parser::parse_module(text).is_ok() || begins())
}

/// How values are read: limits, and how the user gives up.
pub(super) struct Asking<'s> {
    pub limits: &'s Limits,
    pub interrupted: &'s Arc<AtomicBool>,
    /// Which `shm(…)` opens.
    pub segments: Arc<dyn Segments>,
}

impl Asking<'_> {
    /// What `answer` makes of an expression's value in the focused frame.
    fn of<T>(
        &self,
        inferior: &Inferior,
        text: &str,
        answer: impl FnOnce(&Look<'_>, &Datum) -> Result<T, EvalError>,
    ) -> Result<T, SessionError> {
        let mut scope = self.scope(inferior)?;
        let typed = text;
        let (text, variables) = convenience::replace(typed);
        for name in variables {
            if name == OPENER {
                continue;
            }
            let exception = match name.as_str() {
                "_exception" => inferior.exception(self.interrupted)?,
                _ => None,
            };
            let exception = exception.ok_or_else(|| convenience::unknown(&name))?;
            scope.define(convenience::python_name(&name), Datum::Object(exception));
        }
        let answer = inferior.look(self.interrupted, |look| {
            let datum = look.evaluate(&text, &scope)?;
            answer(look, &datum)
        })?;
        answer.map_err(|error| self.with_hint(inferior, typed, error.into()))
    }

    fn scope(&self, inferior: &Inferior) -> Result<Scope, SessionError> {
        let (_, seen) = inferior.frame()?;
        let mut scope = Scope::of(&seen.frame);
        scope.cancelled_by(self.interrupted.clone());
        let certain = convenience::python_name(OPENER);
        scope.open_segments_of(self.segments.clone(), certain);
        Ok(scope)
    }

    /// Whether an expression opens segments, which pmdb does, whoever computes what else there is.
    pub fn opens_segments(&self, inferior: &Inferior, text: &str) -> bool {
        self.how_it_opens(inferior, text) == OpensSegments::Yes
    }

    fn how_it_opens(&self, inferior: &Inferior, text: &str) -> OpensSegments {
        if !text.contains(OPENER) {
            return OpensSegments::No;
        }
        let (text, _) = convenience::replace(text);
        let Ok(scope) = self.scope(inferior) else {
            return OpensSegments::No;
        };
        let found = inferior.look(self.interrupted, |look| look.opens_segments(&text, &scope));
        found.unwrap_or(OpensSegments::No)
    }

    /// Says of a failed call of the program's `shm` how pmdb's is called.
    pub fn with_hint(&self, inferior: &Inferior, text: &str, error: SessionError) -> SessionError {
        match error {
            SessionError::Evaluation { text: why }
                if self.how_it_opens(inferior, text) == OpensSegments::ProgramsOwn =>
            {
                SessionError::Evaluation {
                    text: format!(
                        "{why} (`{OPENER}` is a name of the program here: ${OPENER}(NAME, DTYPE) opens a segment)"
                    ),
                }
            }
            other => other,
        }
    }

    /// The segment that an expression gives a part of, as a census finds it, and which elements; nothing if it gives something else.
    pub fn segment_part(
        &self,
        inferior: &Inferior,
        text: &str,
    ) -> Result<Option<(String, View)>, SessionError> {
        self.of(inferior, text, |look, datum| Ok(look.segment_part(datum)))
    }

    pub fn value(&self, inferior: &Inferior, text: &str) -> Result<Value, SessionError> {
        self.of(inferior, text, |look, datum| {
            Ok(look.show(datum, self.limits))
        })
    }

    pub fn execute(&self, inferior: &Inferior, text: &str) -> Result<Value, SessionError> {
        self.value(inferior, text).map_err(|error| match error {
            SessionError::Evaluation { text: why }
                if why.starts_with("SyntaxError") && is_statement(text) =>
            {
                inferior.why_nothing_runs(SessionError::Statement)
            }
            other => other,
        })
    }

    pub fn pretty(
        &self,
        inferior: &Inferior,
        text: &str,
        width: usize,
    ) -> Result<String, SessionError> {
        self.of(inferior, text, |look, datum| {
            Ok(look.pretty(datum, self.limits, width))
        })
    }

    /// The same, where the process itself computes the value if a thread of it stands still.
    fn of_own<T>(
        &self,
        inferior: &mut Inferior,
        text: &str,
        answer: impl FnOnce(&Look<'_>, &Datum) -> Result<T, EvalError>,
    ) -> Result<T, SessionError> {
        if inferior.held_frame().is_none() || self.opens_segments(inferior, text) {
            return self.of(inferior, text, answer);
        }
        let datum = inferior.own_object(text, self.interrupted)?;
        Ok(inferior.look(self.interrupted, |look| answer(look, &datum))??)
    }

    pub fn what_is(&self, inferior: &mut Inferior, text: &str) -> Result<String, SessionError> {
        self.of_own(inferior, text, |look, datum| look.whatis(datum))
    }

    pub fn place_of(&self, inferior: &mut Inferior, text: &str) -> Result<Place, SessionError> {
        let found = self.of_own(inferior, text, |look, datum| Ok(look.source_of(datum)))?;
        // As in pdb, without the class of the exception: the expression has a value.
        let definition = found.map_err(|error| {
            let text = error.to_string();
            let text = text
                .split_once("Error: ")
                .map_or(text.as_str(), |(_, why)| why);
            SessionError::Evaluation {
                text: text.to_string(),
            }
        })?;
        Ok(Place {
            file: definition.file,
            name: definition.qualname,
            first_line: definition.first_line,
        })
    }

    pub fn completions(
        &self,
        inferior: &Inferior,
        text: &str,
    ) -> Result<Vec<String>, SessionError> {
        let scope = self.scope(inferior)?;
        inferior.look(self.interrupted, |look| look.complete(text, &scope))
    }

    /// Every variable that the focused frame has.
    pub fn locals(&self, inferior: &Inferior) -> Result<Vec<Local>, SessionError> {
        let (_, seen) = inferior.frame()?;
        let frame = inferior.look(self.interrupted, |look| {
            look.describe(&seen.frame, Some(self.limits))
        })?;
        match frame.note {
            Some(why) if frame.locals.is_empty() => Err(SessionError::Unreadable { why }),
            _ => Ok(frame.locals),
        }
    }

    /// The arguments of the focused frame's function in their order, also those that have no value any more.
    pub fn arguments(&self, inferior: &mut Inferior) -> Result<Vec<Local>, SessionError> {
        let mut arguments = self.arguments_from_memory(inferior)?;
        if inferior.held_frame().is_some() {
            for argument in &mut arguments {
                self.ask_for_own(inferior, argument)?;
            }
        }
        Ok(arguments)
    }

    /// Puts what the process itself says of a variable in the place of what was read. A name like `.0` it cannot be asked for.
    fn ask_for_own(&self, inferior: &mut Inferior, local: &mut Local) -> Result<(), SessionError> {
        let name = local.name.clone();
        let is_bound = !matches!(local.value.absence, Some(Absence::Unbound));
        if !is_bound || name.starts_with('.') {
            return Ok(());
        }
        local.value = Arc::new(
            match inferior.own_value(&name, self.limits, self.interrupted) {
                Ok(value) => value,
                Err(SessionError::Evaluation { text }) => Value {
                    text: format!("*** repr({name}) failed: {text} ***"),
                    ..Value::default()
                },
                Err(other) => return Err(other),
            },
        );
        Ok(())
    }

    fn arguments_from_memory(&self, inferior: &Inferior) -> Result<Vec<Local>, SessionError> {
        let mut locals = self.locals(inferior)?;
        let (_, seen) = inferior.frame()?;
        let arguments = seen.frame.code.arguments();
        let of_name = |name: &Arc<str>| match locals.iter_mut().find(|local| local.name == *name) {
            Some(local) => Local {
                kind: LocalKind::Argument,
                ..local.clone()
            },
            None => Local {
                name: name.clone(),
                kind: LocalKind::Argument,
                value: Arc::new(Value::absent(Absence::Unbound)),
            },
        };
        Ok(arguments
            .map(|variable| &variable.name)
            .map(of_name)
            .collect())
    }

    /// The global names of the focused frame's module, those that every module has left out.
    pub fn globals(&self, inferior: &Inferior) -> Result<Vec<Local>, SessionError> {
        let (_, seen) = inferior.frame()?;
        let globals = inferior.look(self.interrupted, |look| {
            look.globals(&seen.frame, self.limits)
        })?;
        globals.map_err(|error| SessionError::Unreadable {
            why: format!("the globals could not be read: {error}"),
        })
    }

    /// What a displayed expression gives; if it gives nothing, that as a text.
    pub fn display(&self, inferior: &mut Inferior, text: &str) -> Result<Display, SessionError> {
        let value = if inferior.held_frame().is_some() && !self.opens_segments(inferior, text) {
            inferior.own_value(text, self.limits, self.interrupted)
        } else {
            self.value(inferior, text)
        };
        let value = match value {
            Ok(value) => value.text,
            Err(SessionError::Evaluation { text: why }) if why.starts_with("SyntaxError") => {
                return Err(SessionError::NotDisplayable {
                    expression: text.to_string(),
                    why,
                });
            }
            Err(SessionError::Evaluation { text }) => format!("** raised {text} **"),
            Err(other) => return Err(other),
        };
        Ok(Display {
            text: text.to_string(),
            value,
        })
    }
}
