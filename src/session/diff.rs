//! What differs between two dumps: which stacks have moved, and which variables have other values.

use super::stack::{Limits, StackOptions, Target, stacks};
use crate::model::{
    DUMP_DIFF_SCHEMA, DumpDiff, Frame, Presence, ProcessDiff, ProcessReport, Thread, ThreadDiff,
    ValueChange,
};

/// What differs between the processes of `before` and those of `after`: the same by pid and name, else by name and rank.
pub fn diff(before: &[Target], after: &[Target], limits: Limits) -> DumpDiff {
    let options = StackOptions {
        locals: Some(limits),
        ..StackOptions::default()
    };
    let before = stacks(before, &options).processes;
    let all_after = stacks(after, &options).processes;
    let mut rest = all_after.clone();
    let mut processes = Vec::new();
    for one in &before {
        let place = rest
            .iter()
            .position(|other| one.pid.is_some() && other.pid == one.pid && other.name == one.name)
            .or_else(|| {
                let alike = |other: &ProcessReport| is_alike(one, other, [&before, &all_after]);
                rest.iter().position(alike)
            });
        match place {
            Some(place) => processes.push(of_process(one, &rest.remove(place))),
            None => processes.push(alone(one, Presence::OnlyBefore)),
        }
    }
    processes.extend(rest.iter().map(|other| alone(other, Presence::OnlyAfter)));
    DumpDiff {
        schema: DUMP_DIFF_SCHEMA,
        processes,
    }
}

/// A process that was started again has another pid. Its name tells it if no other has that.
fn is_alike(one: &ProcessReport, other: &ProcessReport, all: [&[ProcessReport]; 2]) -> bool {
    let is_same = |a: &ProcessReport, b: &ProcessReport| a.name == b.name && a.rank == b.rank;
    let is_alone = |of: &[ProcessReport]| of.iter().filter(|it| is_same(it, one)).count() == 1;
    is_same(one, other)
        && all.into_iter().all(is_alone)
        && all[0]
            .iter()
            .all(|process| process.pid.is_none() || process.pid != other.pid)
}

fn alone(process: &ProcessReport, presence: Presence) -> ProcessDiff {
    ProcessDiff {
        pid: process.pid,
        name: process.name.clone(),
        presence,
        error: process.error.as_ref().map(|why| match &process.core {
            Some(core) => format!("{core}: {why}"),
            None => why.clone(),
        }),
        threads: Vec::new(),
    }
}

fn of_process(before: &ProcessReport, after: &ProcessReport) -> ProcessDiff {
    let mut rest: Vec<&Thread> = after.threads.iter().collect();
    let mut threads = Vec::new();
    for one in &before.threads {
        let is_same_run = before.pid == after.pid;
        let is_it = |other: &&Thread| match is_same_run {
            true => other.tid == one.tid,
            false => other.name == one.name,
        };
        let place = rest.iter().position(is_it);
        match place {
            Some(place) => threads.push(of_thread(one, rest.remove(place))),
            None => threads.push(lone_thread(one, Presence::OnlyBefore)),
        }
    }
    threads.extend(
        rest.into_iter()
            .map(|other| lone_thread(other, Presence::OnlyAfter)),
    );
    ProcessDiff {
        pid: after.pid,
        name: after.name.clone(),
        presence: Presence::Both,
        error: before.error.clone().or(after.error.clone()),
        threads,
    }
}

fn lone_thread(thread: &Thread, presence: Presence) -> ThreadDiff {
    let frames: Vec<Frame> = thread.frames.iter().map(without_locals).collect();
    let (before, after) = match presence {
        Presence::OnlyAfter => (Vec::new(), frames),
        _ => (frames, Vec::new()),
    };
    ThreadDiff {
        tid: thread.tid,
        name: thread.name.clone(),
        presence,
        common: 0,
        before,
        after,
        changes: Vec::new(),
    }
}

fn without_locals(frame: &Frame) -> Frame {
    Frame {
        locals: Vec::new(),
        ..frame.clone()
    }
}

fn of_thread(before: &Thread, after: &Thread) -> ThreadDiff {
    let pairs = before.frames.iter().rev().zip(after.frames.iter().rev());
    let is_same = |(one, other): &(&Frame, &Frame)| {
        (&one.function, &one.file) == (&other.function, &other.file)
    };
    let common: Vec<(&Frame, &Frame)> = pairs.take_while(is_same).collect();
    // From the first of them on that is at another line, what is above is what it has called since.
    let unmoved = common
        .iter()
        .take_while(|(one, other)| one.line == other.line)
        .count();
    let above = |frames: &[Frame]| -> Vec<Frame> {
        let count = frames.len() - unmoved.min(frames.len());
        frames[..count].iter().map(without_locals).collect()
    };
    ThreadDiff {
        tid: after.tid,
        name: after.name.clone(),
        presence: Presence::Both,
        common: common.len(),
        before: above(&before.frames),
        after: above(&after.frames),
        changes: common
            .iter()
            .flat_map(|(one, other)| changes(one, other))
            .collect(),
    }
}

fn changes(before: &Frame, after: &Frame) -> Vec<ValueChange> {
    let text = |frame: &Frame, name: &str| {
        let local = frame.locals.iter().find(|local| &*local.name == name)?;
        Some(local.value.text.clone())
    };
    let only_after = after
        .locals
        .iter()
        .filter(|local| text(before, &local.name).is_none());
    let names = before
        .locals
        .iter()
        .chain(only_after)
        .map(|local| &*local.name);
    let change = |name: &str| {
        let (old, new) = (text(before, name), text(after, name));
        (old != new).then(|| ValueChange {
            function: after.function.clone(),
            name: name.to_owned(),
            before: old,
            after: new,
        })
    };
    names.filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{GilState, Language, Local, LocalKind, ThreadState, Tid, Value};

    fn frame(function: &str, line: u32, locals: &[(&str, &str)]) -> Frame {
        let local = |(name, text): &(&str, &str)| Local {
            name: Arc::from(*name),
            kind: LocalKind::Local,
            value: Arc::new(Value {
                text: (*text).to_owned(),
                ..Value::default()
            }),
        };
        Frame {
            language: Language::Python,
            function: function.to_owned(),
            file: Some("/srv/a.py".to_owned()),
            line: Some(line),
            columns: None,
            source: None,
            pc: None,
            module: None,
            inlined: false,
            locals: locals.iter().map(local).collect(),
            note: None,
        }
    }

    fn thread(frames: Vec<Frame>) -> Thread {
        Thread {
            tid: Some(Tid(7)),
            name: None,
            daemon: None,
            state: ThreadState::Sleeping,
            gil: GilState::Unknown,
            holds_gil: false,
            collecting_garbage: false,
            interpreter: 0,
            frames,
            exceptions: Vec::new(),
            note: None,
        }
    }

    #[test]
    fn frames_above_the_common_ones_have_moved_and_variables_of_these_changed() {
        let before = thread(vec![
            frame("wait", 9, &[]),
            frame("step", 3, &[("i", "1"), ("kept", "0")]),
            frame("main", 1, &[]),
        ]);
        let after = thread(vec![
            frame("put", 2, &[]),
            frame("step", 3, &[("i", "5"), ("kept", "0"), ("new", "[]")]),
            frame("main", 1, &[]),
        ]);
        let found = of_thread(&before, &after);
        assert!(found.has_moved());
        assert_eq!(
            (found.common, found.before.len(), found.after.len()),
            (2, 1, 1)
        );
        let changes: Vec<_> = (found.changes.iter())
            .map(|change| {
                (
                    &*change.name,
                    change.before.as_deref(),
                    change.after.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            changes,
            [("i", Some("1"), Some("5")), ("new", None, Some("[]"))]
        );

        let same = of_thread(&before, &before);
        assert!(!same.has_moved() && same.changes.is_empty());
    }
}
