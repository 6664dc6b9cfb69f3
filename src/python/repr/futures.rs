//! Futures and tasks of asyncio.

use super::Writer;
use super::dispatch::{Known, native, python};
use crate::model::Addr;
use crate::python::asyncio::{Future, FutureState};
use crate::python::object::TypeInfo;
use crate::python::{Look, LookError};

pub(super) const TYPES: &[Known] = &[
    native("_asyncio.Future", future),
    native("_asyncio.Task", future),
    python("asyncio.base_futures._future_repr", future),
    python("asyncio.base_tasks._task_repr", future),
    python("asyncio.futures.Future.__repr__", future),
    python("asyncio.tasks.Task.__repr__", future),
];

/// As `asyncio.base_futures._future_repr` and `asyncio.base_tasks._task_repr`, without the list of callbacks.
fn future(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let Some(future) = writer.look.future(object)? else {
        return super::instances::instance(writer, object, kind);
    };
    writer.nested(object, "...", "…", |writer| {
        write_future(writer, future, kind)
    })
}

fn write_future(
    writer: &mut Writer<'_, '_>,
    future: Future,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let state = look.future_state(future)?;
    let is_cancelling = future.class.task
        && state == FutureState::Pending
        && look.task_says_cancelling(future).unwrap_or(false);
    let word = match state {
        FutureState::Pending if is_cancelling => "cancelling",
        FutureState::Pending => "pending",
        FutureState::Cancelled => "cancelled",
        FutureState::Finished => "finished",
    };
    writer.put(&format!("<{} {word}", kind.plain_name()));
    if future.class.task {
        writer.put(&format!(" name={}", in_quotes(&look.task_name(future)?)));
        if let Some(coroutine) = look.task_coroutine(future)? {
            writer.put(&format!(" coro=<{}>", running_coroutine(look, coroutine)?));
        }
        if let Some(waiter) = look.task_waiter(future)? {
            writer.put(" wait_for=");
            writer.object(waiter);
        }
    }
    if state == FutureState::Finished {
        match (look.future_exception(future)?, look.future_result(future)?) {
            (Some(exception), _) => {
                writer.put(" exception=");
                writer.object(exception);
            }
            (None, Some(result)) => {
                writer.put(" result=");
                writer.object(result);
            }
            (None, None) => {}
        }
    }
    writer.put(">");
    Ok(())
}

fn in_quotes(name: &str) -> String {
    let quote = if name.contains('\'') && !name.contains('"') {
        '"'
    } else {
        '\''
    };
    let escaped = name.replace('\\', "\\\\");
    format!("{quote}{escaped}{quote}")
}

/// As `asyncio.coroutines._format_coroutine`.
fn running_coroutine(look: &Look<'_>, coroutine: Addr) -> Result<String, LookError> {
    if look.generator_kind(coroutine)?.is_none() {
        return Ok(look.type_of(coroutine)?.plain_name().to_string());
    }
    let name = look.generator_name(coroutine)?;
    Ok(match look.suspended_frame(coroutine)? {
        Some(frame) => {
            let line = frame.position.line.unwrap_or_default();
            format!("{name}() running at {}:{line}", frame.code.file)
        }
        None => {
            let code = look.generator_code(coroutine)?;
            format!(
                "{name}() done, defined at {}:{}",
                code.file, code.first_line
            )
        }
    })
}
