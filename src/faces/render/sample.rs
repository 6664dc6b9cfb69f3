//! Reports made by hand, for the tests of this folder.

use std::sync::Arc;

use crate::model::{
    Exception, ExceptionState, Frame, GilState, Language, Local, LocalKind, Pid, ProcessReport,
    Thread, ThreadState, Tid, Value,
};

pub fn process(pid: u32, name: &str, threads: Vec<Thread>) -> ProcessReport {
    ProcessReport {
        pid: Some(Pid(pid)),
        parent: None,
        name: name.to_string(),
        command: vec!["python".to_string(), "train.py".to_string()],
        rank: None,
        interpreter: Some("CPython 3.12.1".to_string()),
        state: ThreadState::Sleeping,
        phase: None,
        core: None,
        error: None,
        began_ms: None,
        notes: Vec::new(),
        usage: None,
        threads_without_python: 0,
        threads,
        event_loops: Vec::new(),
    }
}

/// A sleeping thread with a stack of these functions, the oldest first.
pub fn thread(tid: u32, name: &str, oldest_first: &[&str]) -> Thread {
    Thread {
        tid: Some(Tid(tid)),
        name: Some(name.to_string()),
        daemon: None,
        state: ThreadState::Sleeping,
        gil: GilState::Released,
        holds_gil: false,
        collecting_garbage: false,
        interpreter: 0,
        frames: oldest_first.iter().rev().map(|name| frame(name)).collect(),
        exceptions: Vec::new(),
        note: None,
    }
}

/// In a file that is not there, at the line that is the length of the name.
pub fn frame(function: &str) -> Frame {
    Frame {
        language: Language::Python,
        function: function.to_string(),
        file: Some("/nowhere/train.py".to_string()),
        line: u32::try_from(function.len()).ok(),
        columns: None,
        source: None,
        pc: None,
        module: None,
        inlined: false,
        locals: Vec::new(),
        note: None,
    }
}

pub fn local(name: &str, text: &str) -> Local {
    Local {
        name: name.into(),
        kind: LocalKind::Local,
        value: Arc::new(Value {
            type_name: "int".to_string(),
            text: text.to_string(),
            ..Value::default()
        }),
    }
}

pub fn exception(type_name: &str, message: &str) -> Exception {
    Exception {
        type_name: type_name.to_string(),
        message: message.to_string(),
        state: ExceptionState::Handled,
        notes: Vec::new(),
        frames: Vec::new(),
        cause: None,
        context: None,
        suppress_context: false,
        members: Vec::new(),
    }
}
