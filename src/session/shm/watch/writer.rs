//! A thread that has written, and stands behind the instruction: who it is, and its stack.

use std::collections::BTreeMap;

use crate::model::{Frame, HeldLock, Pid, Tid};
use crate::native::ParsedModules;
use crate::process::live::LiveProcess;
use crate::process::{Process, Registers};
use crate::python::{Effort, Located, Locator, Look};
use crate::session::stack::one_thread;

/// The processes that write.
#[derive(Default)]
pub(super) struct Writers {
    processes: BTreeMap<Pid, Known>,
    with_locks: bool,
    parsed: ParsedModules,
    locator: Locator,
}

struct Known {
    process: LiveProcess,
    python: Option<Located>,
}

/// Who has written, and where.
#[derive(Debug, Clone, Default)]
pub(super) struct WriterStack {
    pub process: String,
    pub thread: Option<String>,
    pub frames: Vec<Frame>,
    pub locks: Vec<HeldLock>,
    pub note: Option<String>,
}

impl Writers {
    /// With the locks that they hold, or without.
    pub fn new(with_locks: bool) -> Writers {
        Writers {
            with_locks,
            ..Writers::default()
        }
    }

    pub fn with_locks(&self) -> bool {
        self.with_locks
    }

    /// Another program runs in a process, or it has ended.
    pub fn forget(&mut self, pid: Pid) {
        self.processes.remove(&pid);
    }

    /// Reads the memory of a process. False if that cannot be.
    pub fn read(&mut self, pid: Pid, address: crate::model::Addr, buffer: &mut [u8]) -> bool {
        use crate::process::ReadMemory;
        self.known(pid)
            .is_some_and(|known| known.process.read(address, buffer).is_ok())
    }

    pub fn stack(&mut self, pid: Pid, tid: Tid, registers: &Registers) -> WriterStack {
        // What it has loaded since, and where its code lies now, is in its mappings.
        self.forget_if_changed(pid);
        if self.known(pid).is_none() {
            let note = Some("it has ended, or may not be looked into".to_string());
            return WriterStack {
                note,
                ..WriterStack::default()
            };
        }
        let Some(known) = self.processes.get(&pid) else {
            return WriterStack::default();
        };
        let mut report = one_thread(
            &known.process,
            known.python.as_ref(),
            &self.parsed,
            tid,
            registers,
        );
        let locks = match &known.python {
            Some(located) if self.with_locks => locks(&known.process, located, tid, registers),
            _ => Vec::new(),
        };
        let thread = report.threads.pop();
        WriterStack {
            process: report.name,
            thread: thread.as_ref().and_then(|thread| thread.name.clone()),
            note: report
                .error
                .or_else(|| thread.as_ref().and_then(|thread| thread.note.clone())),
            locks,
            frames: thread.map(|thread| thread.frames).unwrap_or_default(),
        }
    }

    fn forget_if_changed(&mut self, pid: Pid) {
        let known = self.processes.get(&pid);
        if known.is_some_and(|known| known.process.has_changed().is_some()) {
            self.forget(pid);
        }
    }

    fn known(&mut self, pid: Pid) -> Option<&Known> {
        if !self.processes.contains_key(&pid) {
            let process = LiveProcess::open(pid).ok()?;
            let python = self.locator.locate(&process, Effort::Thorough).ok();
            self.processes.insert(pid, Known { process, python });
        }
        self.processes.get(&pid)
    }
}

/// The locks that a thread holds which stands still.
fn locks(
    process: &LiveProcess,
    located: &Located,
    tid: Tid,
    registers: &Registers,
) -> Vec<HeldLock> {
    let Ok(kernel) = process.threads() else {
        return Vec::new();
    };
    let look = Look::new(process, located);
    let (threads, _) = look.threads(&kernel);
    let is_it = |status: &crate::process::ThreadStatus| status.tid == tid;
    let mut threads = threads.iter();
    let thread = threads.find(|thread| thread.status.as_ref().is_some_and(is_it));
    // What glibc has in FS is `pthread_self()`.
    thread.map_or(Vec::new(), |thread| {
        look.held_locks(thread, registers.fs_base)
    })
}
