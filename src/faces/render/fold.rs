//! Which threads show the same, values included.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::merge::{Unit, group};
use crate::model::{Exception, Frame, Thread};

/// Groups of units that show the same: frames, values and exceptions, wherever the values lie.
pub fn fold_equal(units: Vec<Unit<'_>>) -> Vec<Vec<Unit<'_>>> {
    let state = RandomState::new();
    group(units, |unit| {
        digest(&state, |hasher| hash_thread(unit.thread, hasher))
    })
}

/// Groups of units whose exceptions and notes are the same.
pub fn fold_ends(units: Vec<Unit<'_>>) -> Vec<Vec<Unit<'_>>> {
    let state = RandomState::new();
    group(units, |unit| {
        digest(&state, |hasher| hash_end(unit.thread, hasher))
    })
}

/// Texts of many megabytes are compared by their hash. Its key is random, so that a chance of 2^-64 is all that
/// anyone has to make two of them pass for one.
fn digest(state: &RandomState, feed: impl FnOnce(&mut dyn Hasher)) -> u64 {
    let mut hasher = state.build_hasher();
    feed(&mut hasher);
    hasher.finish()
}

fn hash_thread(thread: &Thread, mut hasher: &mut dyn Hasher) {
    hash_frames(&thread.frames, hasher);
    hash_end(thread, &mut hasher);
}

fn hash_end(thread: &Thread, mut hasher: &mut dyn Hasher) {
    thread.note.hash(&mut hasher);
    hash_exceptions(&thread.exceptions, hasher);
}

fn hash_frames(frames: &[Frame], mut hasher: &mut dyn Hasher) {
    frames.len().hash(&mut hasher);
    for frame in frames {
        let place = (&frame.function, &frame.file, frame.line, &frame.note);
        place.hash(&mut hasher);
        frame.locals.len().hash(&mut hasher);
        for local in &frame.locals {
            (&local.name, &local.value.text).hash(&mut hasher);
        }
    }
}

/// Walks with a list of its own: a chain of exceptions may be long.
fn hash_exceptions(exceptions: &[Exception], mut hasher: &mut dyn Hasher) {
    let mut waiting: Vec<&Exception> = exceptions.iter().collect();
    exceptions.len().hash(&mut hasher);
    while let Some(exception) = waiting.pop() {
        let Exception {
            type_name,
            message,
            state,
            notes,
            frames,
            cause,
            context,
            suppress_context,
            members,
        } = exception;
        (type_name, message, state, notes, suppress_context).hash(&mut hasher);
        (cause.is_some(), context.is_some(), members.len()).hash(&mut hasher);
        hash_frames(frames, hasher);
        waiting.extend(cause.as_deref());
        waiting.extend(context.as_deref());
        waiting.extend(members);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::merge::units;
    use super::super::sample::{exception, local, process, thread};
    use super::*;

    fn sizes(threads: Vec<Thread>) -> Vec<usize> {
        let processes = [process(1, "p", threads)];
        let groups = fold_equal(units(&processes));
        groups.iter().map(Vec::len).collect()
    }

    #[test]
    fn values_tell_stacks_apart_and_addresses_do_not() {
        let mut threads = vec![
            thread(1, "t", &["a"]),
            thread(2, "t", &["a"]),
            thread(3, "t", &["a"]),
        ];
        for (thread, value) in threads.iter_mut().zip(["1", "1", "2"]) {
            thread.frames[0].locals = vec![local("x", value)];
        }
        let value = Arc::make_mut(&mut threads[0].frames[0].locals[0].value);
        value.address = Some(crate::model::Addr(16));
        assert_eq!(sizes(threads), [2, 1]);
    }

    #[test]
    fn exceptions_tell_stacks_apart_down_to_their_causes() {
        let mut threads = vec![thread(1, "t", &["a"]), thread(2, "t", &["a"])];
        for thread in &mut threads {
            thread.exceptions = vec![exception("ValueError", "x")];
        }
        assert_eq!(sizes(threads.clone()), [2]);
        threads[1].exceptions[0].cause = Some(Box::new(exception("KeyError", "'y'")));
        assert_eq!(sizes(threads), [1, 1]);
    }
}
