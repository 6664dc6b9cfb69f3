//! What is answered of native frames.

use std::sync::atomic::AtomicBool;

use super::api::{NativeQuestion, Request, Response};
use super::error::SessionError;
use super::inferior::Inferior;
use crate::model::{Local, Value};
use crate::native::expression::{Answer, ExpressionError, Question, broken_into_lines};
use crate::native::values;
use crate::python::Limits;

/// Characters of what `pp` shows.
const MOST_CHARACTERS: usize = 1 << 20;

impl From<ExpressionError> for SessionError {
    fn from(error: ExpressionError) -> SessionError {
        SessionError::Evaluation {
            text: error.to_string(),
        }
    }
}

fn limits_of(limits: &Limits) -> values::Limits {
    values::Limits {
        characters: limits.characters,
        depth: limits.depth,
    }
}

/// `shm(…)` opens segments in expressions of Python. Says what does so here.
fn with_way_to_segments(text: &str, error: SessionError) -> SessionError {
    match text.trim_start().starts_with("shm(") {
        true => SessionError::Evaluation {
            text: format!(
                "{error}. shm(…) opens a segment in frames of Python; here `shm show NAME --as f64 '[10:20]'` shows elements and their statistics"
            ),
        },
        false => error,
    }
}

/// Answers what is about the native frame that is looked at; nothing if the request is about something else.
pub(super) fn answer(
    inferior: &mut Inferior,
    request: &Request,
    limits: &Limits,
    interrupted: &AtomicBool,
) -> Result<Option<Response>, SessionError> {
    let limits = limits_of(limits);
    let ask = |question: Result<Question, ExpressionError>, limits: &values::Limits| {
        inferior.ask_natively(&question?, limits, interrupted)
    };
    Ok(Some(match request {
        Request::Arguments => {
            let found = inferior.in_native_frame(interrupted, |it| it.arguments(&limits))?;
            Response::Variables(inferior.described(found)?)
        }
        Request::Locals => {
            let found = inferior.in_native_frame(interrupted, |it| it.locals(&limits))?;
            Response::Variables(inferior.described(found)?)
        }
        Request::Evaluate { text } | Request::Execute { text } => {
            let answer = ask(Question::value(text), &limits);
            match answer.map_err(|error| with_way_to_segments(text, error))? {
                Answer::Value(value) => Response::Value(value),
                other => Response::Text(text_of(other)),
            }
        }
        Request::Pretty { text, width } => {
            let limits = values::Limits {
                characters: MOST_CHARACTERS,
                ..limits
            };
            let answer = ask(Question::value(text), &limits);
            let text = text_of(answer.map_err(|error| with_way_to_segments(text, error))?);
            Response::Text(broken_into_lines(&text, *width))
        }
        Request::WhatIs { text } => Response::Text(text_of(ask(Question::type_of(text), &limits)?)),
        Request::Native {
            what: NativeQuestion::Type { text },
        } => {
            let text = text.trim();
            // `ptype struct node` of C names a type and nothing else.
            let marks = ["struct ", "union ", "enum ", "class "];
            let question = match marks.iter().any(|mark| text.starts_with(mark)) {
                true => Question::definition_of_type(text),
                false => Question::definition(text),
            };
            Response::Text(text_of(ask(question, &limits)?))
        }
        Request::Complete { text } => {
            let found = inferior.in_native_frame(interrupted, |it| it.locals(&limits))?;
            let begin = text.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let word = begin.map_or(text.as_str(), |at| {
                text.get(at..).map_or("", |rest| {
                    let mut letters = rest.chars();
                    letters.next();
                    letters.as_str()
                })
            });
            let names = found.unwrap_or_default().into_iter();
            let names = names.map(|local| local.name.to_string());
            Response::Names(names.filter(|name| name.starts_with(word)).collect())
        }
        Request::Globals => {
            return Err(refused(
                "`info variables PATTERN` lists statics, `p PATH::TO::STATIC` shows one",
            ));
        }
        Request::Display { .. } | Request::Undisplay { .. } | Request::Displays => {
            return Err(refused("`display` is for frames of Python"));
        }
        Request::SourceOf { .. } => {
            return Err(refused(
                "`source` is for Python: `list` shows the lines of a native frame",
            ));
        }
        Request::Exceptions | Request::SelectException { .. } if inferior.is_native() => {
            return Err(refused("the process has no Python"));
        }
        _ => return Ok(None),
    }))
}

fn refused(why: &str) -> SessionError {
    SessionError::Unreadable {
        why: why.to_owned(),
    }
}

fn text_of(answer: Answer) -> String {
    match answer {
        Answer::Value(Value { text, .. }) | Answer::Text(text) => text,
        Answer::Address(at) => at.to_string(),
    }
}

impl Inferior {
    pub(super) fn ask_natively(
        &self,
        question: &Question,
        limits: &values::Limits,
        interrupted: &AtomicBool,
    ) -> Result<Answer, SessionError> {
        let answered = self.in_native_frame(interrupted, |it| it.answer(question, limits))?;
        Ok(answered?)
    }

    /// The variables, or why there are none.
    fn described(&self, found: Option<Vec<Local>>) -> Result<Vec<Local>, SessionError> {
        found.ok_or_else(|| {
            let call = self.native.as_ref().and_then(|view| view.selected());
            let module = call.and_then(|call| call.frame.module.as_deref());
            let module = module.unwrap_or("the code");
            SessionError::Unreadable {
                why: format!(
                    "{module} has no debug information here: build it with `-g` (Rust: `debug = true` in the profile) to see its variables; `registers` and `disas` need none"
                ),
            }
        })
    }
}
