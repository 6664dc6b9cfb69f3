//! Locks and what is built on them, and futures: who holds, how many wait, what has come out.

use super::dispatch::{Known, native, python};
use super::{Writer, instances};
use crate::model::Addr;
use crate::python::LookError;
use crate::python::object::{Builtin, Integer, TypeInfo};

pub(super) const TYPES: &[Known] = &[
    native("_thread.lock", lock),
    native("_thread.RLock", recursive_lock),
    python("threading.Event.__repr__", event),
    python("threading.Condition.__repr__", condition),
    python("threading.Barrier.__repr__", barrier),
    python("threading.Semaphore.__repr__", semaphore),
    python("threading.BoundedSemaphore.__repr__", bounded_semaphore),
    python("concurrent.futures._base.Future.__repr__", future),
];

/// `lock_repr`, `Modules/_threadmodule.c`.
fn lock(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    // From 3.14 on it is a `PyMutex`, whose second bit says that threads wait.
    let is_locked = look
        .memory
        .u8(object.plus(look.layout().object.lock_locked))?
        & 1
        == 1;
    let state = if is_locked { "locked" } else { "unlocked" };
    let name = kind.full_name();
    writer.put(&format!("<{state} {name} object at {object}>"));
    Ok(())
}

/// `rlock_repr`, `Modules/_threadmodule.c`.
fn recursive_lock(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    let look = writer.look;
    let layout = &look.layout().object;
    let owner = look.memory.u64(object.plus(layout.rlock_owner))?;
    let count = look.memory.u64(object.plus(layout.rlock_count))?;
    let (state, count) = match owner {
        0 => ("unlocked", 0),
        _ => ("locked", count.wrapping_add(layout.rlock_count_from)),
    };
    let name = kind.full_name();
    writer.put(&format!(
        "<{state} {name} object owner={owner} count={count} at {object}>"
    ));
    Ok(())
}

fn event(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let is_set = writer.look.truth_of(object, "_flag")?;
    let state = if is_set { "set" } else { "unset" };
    writer.put(&format!("<{} at {object}: {state}>", kind.full_name()));
    Ok(())
}

fn condition(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let lock = look.attribute_object(object, "_lock")?;
    let waiters = look.attribute_object(object, "_waiters")?;
    let (Some(lock), Some(waiters)) = (lock, waiters) else {
        return instances::instance(writer, object, kind);
    };
    writer.nested(object, "<Condition(...)>", "<Condition(…)>", |writer| {
        writer.put("<Condition(");
        writer.object(lock);
        let count = look.length(waiters)?;
        writer.put(&format!(", {count})>"));
        Ok(())
    })
}

fn barrier(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    /// `_state` of one that waits for its parties, and of one that is broken.
    const FILLS: i64 = 0;
    const BROKEN: i64 = -2;
    let look = writer.look;
    let mut numbers = [0; 3];
    for (number, name) in numbers.iter_mut().zip(["_state", "_count", "_parties"]) {
        let found = look.attribute_object(object, name)?;
        let found = found.map(|found| look.integer(found)).transpose()?;
        *number = match found {
            Some(Integer::Exact(exact)) => exact.try_into().unwrap_or_default(),
            _ => return instances::instance(writer, object, kind),
        };
    }
    let [state, count, parties] = numbers;
    let waiters = if state == FILLS { count } else { 0 };
    writer.put(&match state {
        BROKEN => format!("<{} at {object}: broken>", kind.full_name()),
        _ => format!(
            "<{} at {object}: waiters={waiters}/{parties}>",
            kind.full_name()
        ),
    });
    Ok(())
}

fn semaphore(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    counted(writer, object, kind, &["_value"])
}

fn bounded_semaphore(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
) -> Result<(), LookError> {
    counted(writer, object, kind, &["_value", "_initial_value"])
}

fn counted(
    writer: &mut Writer<'_, '_>,
    object: Addr,
    kind: &TypeInfo,
    names: &[&str],
) -> Result<(), LookError> {
    writer.put(&format!("<{} at {object}: value=", kind.full_name()));
    for (index, name) in names.iter().enumerate() {
        writer.put(if index == 0 { "" } else { "/" });
        match writer.look.attribute_object(object, name)? {
            Some(value) => writer.object(value),
            None => writer.put("<unbound>"),
        }
    }
    writer.put(">");
    Ok(())
}

/// `concurrent.futures.Future`.
fn future(writer: &mut Writer<'_, '_>, object: Addr, kind: &TypeInfo) -> Result<(), LookError> {
    let look = writer.look;
    let Some(state) = look.attribute_object(object, "_state")? else {
        return instances::instance(writer, object, kind);
    };
    if look.type_of(state)?.builtin != Builtin::Str {
        return instances::instance(writer, object, kind);
    }
    let state = match look.name(state)?.as_str() {
        "CANCELLED_AND_NOTIFIED" => "cancelled".to_string(),
        other => other.to_lowercase(),
    };
    let mut text = format!("<{} at {object} state={state}", kind.plain_name());
    if state == "finished" {
        let parts = [("raised", "_exception"), ("returned", "_result")];
        for (what, name) in parts {
            if let Some(value) = look.attribute_object(object, name)?
                && (what == "returned" || !look.is_none(value)?)
            {
                text += &format!(" {what} {}", look.type_of(value)?.plain_name());
                break;
            }
        }
    }
    writer.put(&text);
    writer.put(">");
    Ok(())
}
