//! What the innermost of a chain of futures waits for.

use super::{Survey, Typed};
use crate::model::{Awaited, AwaitedKind, Frame};
use crate::native::values::Storage;

/// The modules of tokio, by what who waits there waits for. The first that suits counts.
const KINDS: [(&str, AwaitedKind); 10] = [
    ("tokio::sync::mpsc::", AwaitedKind::Queue),
    ("tokio::sync::broadcast::", AwaitedKind::Queue),
    ("tokio::sync::watch::", AwaitedKind::Queue),
    ("tokio::sync::oneshot::", AwaitedKind::Queue),
    ("tokio::sync::", AwaitedKind::Lock),
    ("tokio::time::", AwaitedKind::Sleep),
    ("tokio::process::", AwaitedKind::Subprocess),
    ("tokio::net::", AwaitedKind::Stream),
    ("tokio::io::", AwaitedKind::Stream),
    ("tokio::fs::", AwaitedKind::Executor),
];

impl<'s, 'a> Survey<'_, 's, 'a> {
    /// `frames` are the functions that await it, the outermost first.
    pub fn awaited(&self, future: &Typed<'s, 'a>, frames: &[Frame]) -> Awaited {
        let Typed { kind, storage } = future;
        if super::future::is_join_handle(kind) {
            return self.awaited_task(future);
        }
        let path = kind.path(self.module());
        let name = kind.name.split('<').next().unwrap_or_default();
        let whole = format!("{path}{name}");
        let functions = frames.iter().rev().map(|frame| frame.function.as_str());
        let mut functions = functions
            .take_while(|name| name.starts_with("tokio::"))
            .peekable();
        let inner = functions.peek().copied();
        // A lock of the library's own stands also in its channels: so the function counts before the type does.
        let places: Vec<&str> = functions.chain([whole.as_str()]).collect();
        let of = |place: &&str| KINDS.iter().position(|(begin, _)| place.starts_with(begin));
        let first = places.iter().filter_map(of).min();
        let awaited_kind = first.and_then(|at| KINDS.get(at)).map(|(_, kind)| *kind);
        let is_poll_fn = name == "PollFn" && inner.is_some();
        let mut text = match inner.filter(|_| is_poll_fn) {
            Some(function) => function.to_owned(),
            None => whole,
        };
        // Who waits for the same lock has the same address.
        let semaphore = self.writer.find(kind, storage, "semaphore");
        let at = semaphore.and_then(|(pointer, at)| self.pointed_to(&pointer, &at)?.1.address());
        if let Some(at) = at {
            text += &format!(" of semaphore at {at}");
        }
        Awaited {
            kind: awaited_kind.unwrap_or(AwaitedKind::Future),
            text,
            tasks: Vec::new(),
        }
    }

    /// Of the handle of a task: that task.
    fn awaited_task(&self, handle: &Typed<'s, 'a>) -> Awaited {
        let memory = self.writer.memory;
        let raw = self.writer.find(&handle.kind, &handle.storage, "raw");
        let header = raw.and_then(|(_, at)| at.pointer(memory).ok());
        let Some(header) = header.filter(|header| !header.is_null()) else {
            return Awaited {
                kind: AwaitedKind::Task,
                text: "a task".to_owned(),
                tasks: Vec::new(),
            };
        };
        let (number, is_blocking) = self.identify(&Storage::Memory(header));
        let task = match number {
            Some(number) => format!("Task-{number}"),
            None => format!("the task at {header}"),
        };
        match is_blocking {
            true => Awaited {
                kind: AwaitedKind::Executor,
                text: format!("a call in another thread ({task})"),
                tasks: Vec::new(),
            },
            false => Awaited {
                kind: AwaitedKind::Task,
                text: task,
                tasks: vec![header],
            },
        }
    }
}
