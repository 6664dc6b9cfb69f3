//! The evaluator against the target's own `eval()`.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use nix::sys::signal::Signal;
use pmdb::model::Pid;
use pmdb::process::Process;
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::process::live::LiveProcess;
use pmdb::python::eval::{EvalError, Scope};
use pmdb::python::{Limits, Look, locate};
use support::{Fixture, Python, dump_core, fixture_path, on_each_python};

/// Calls `with` for the frame of a function in a process.
fn in_frame(process: &dyn Process, function: &str, with: impl Fn(&Look<'_>, &Scope)) {
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

fn live(fixture: &Fixture) -> LiveProcess {
    LiveProcess::open(Pid(fixture.pid())).expect("it runs")
}

/// What pmdb says of an expression, in the fixture's form.
fn answer(look: &Look<'_>, scope: &Scope, expression: &str) -> String {
    let limits = Limits {
        characters: 100_000,
        depth: 100,
    };
    match look.evaluate(expression, scope) {
        Ok(datum) => look.show(&datum, &limits).text,
        Err(EvalError::Raised { kind, message }) if message.is_empty() => format!("!{kind}"),
        Err(EvalError::Raised { kind, message }) => format!("!{kind}: {message}"),
        Err(other) => format!("?{other}"),
    }
}

/// Sentences of errors are those of 3.14; earlier versions must raise the same type.
fn same(python: &Python, said: &str, answered: &str) -> bool {
    let kind = |text: &str| text.split(':').next().unwrap_or_default().to_string();
    said == answered
        || python.minor != 14
            && said.starts_with('!')
            && kind(said) == kind(answered)
        // The address in a default repr of what pmdb made.
        || said.starts_with("<built-in method") && answered.starts_with("<built-in method")
}

fn compare(python: &Python, said: &BTreeMap<String, String>, look: &Look<'_>, scope: &Scope) {
    let mut wrong = Vec::new();
    for (expression, said) in said {
        let answered = answer(look, scope, expression);
        if !same(python, said, &answered) {
            wrong.push(format!(
                "{expression}\n    Python {said}\n    pmdb   {answered}"
            ));
        }
    }
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} of {} differ:\n{}",
        said.len(),
        wrong.join("\n")
    );
}

fn said(ready: &str) -> BTreeMap<String, String> {
    let said: BTreeMap<String, String> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 400, "{} expressions", said.len());
    said
}

fn table() -> String {
    fixture_path("expressions.txt").display().to_string()
}

#[test]
fn expressions_are_what_eval_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "expressions.py", &[&table()]);
        let said = said(fixture.ready());
        in_frame(&live(&fixture), "answer", |look, scope| {
            compare(python, &said, look, scope);
        });
    });
}

#[test]
fn expressions_work_on_a_core() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("expressions.py")).arg(table());
        let Some(core) = dump_core(&command, Signal::SIGABRT) else {
            return;
        };
        let said = said(&core.ready);
        let process = open(&core.path);
        in_frame(&process, "answer", |look, scope| {
            compare(python, &said, look, scope);
        });
    });
}

fn open(path: &Path) -> CoreProcess {
    CoreProcess::open(path, CoreOptions::default()).expect("a core")
}
