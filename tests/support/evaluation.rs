//! Expressions in a frame of a process.

use pmdb::model::Pid;
use pmdb::process::Process;
use pmdb::process::live::LiveProcess;
use pmdb::python::eval::{EvalError, Scope};
use pmdb::python::{Limits, Look, locate};

use super::Fixture;

/// Calls `with` for the frame of a function in a process.
pub fn in_frame(process: &dyn Process, function: &str, with: impl Fn(&Look<'_>, &Scope)) {
    let located = locate(process).expect("Python");
    let look = Look::new(process, &located);
    let (threads, broken) = look.threads(&process.threads().expect("threads"));
    assert!(broken.is_none(), "{broken:?}");
    for thread in &threads {
        let stack = look.stack(thread.address);
        for frame in &stack.frames {
            if frame.code.qualname.ends_with(function) {
                return with(&look, &Scope::of(frame));
            }
        }
    }
    panic!("no frame of {function}");
}

pub fn live(fixture: &Fixture) -> LiveProcess {
    LiveProcess::open(Pid(fixture.pid())).expect("it runs")
}

/// What pmdb says of an expression, in the fixture's form.
pub fn answer(look: &Look<'_>, scope: &Scope, expression: &str) -> String {
    let limits = Limits {
        characters: 100_000,
        depth: 100,
    };
    let pretty = expression.strip_prefix("pp ");
    match look.evaluate(pretty.unwrap_or(expression), scope) {
        Ok(datum) if pretty.is_some() => look.pretty(&datum, &limits, 80),
        Ok(datum) => look.show(&datum, &limits).text,
        Err(EvalError::Raised { kind, message }) if message.is_empty() => format!("!{kind}"),
        Err(EvalError::Raised { kind, message }) => format!("!{kind}: {message}"),
        Err(other) => format!("?{other}"),
    }
}
