//! A thread that pmdb makes inside of the process because its main thread is in C code and does not come by.
//!
//! A thread that waits in the kernel calls `pthread_create` on a stub, which calls `PyGILState_Ensure`, `PyRun_SimpleString` and
//! `PyGILState_Release`. The thread ends when the session lets the main thread go on.

use std::time::{Duration, Instant};

use super::AgentError;
use super::furniture::{DATA_AT, Furniture, HELPER_TEXT_AT};
use super::inject::all_exported;
use crate::model::{Addr, Pid, Tid};
use crate::process::Process;
use crate::process::trace::{Custody, Hold};

/// The start routine: `rdi` points to [`Helper::data`]. The thread's own id, as pthread(7) has it, is what `fs:0` holds.
const STUB: [u8; 53] = [
    0x53, // push rbx
    0x48, 0x89, 0xfb, // mov rbx, rdi
    0x48, 0x83, 0xec, 0x10, // sub rsp, 16
    0x64, 0x48, 0x8b, 0x3c, 0x25, 0, 0, 0, 0, // mov rdi, fs:0
    0xff, 0x53, 0x20, // call [rbx+32]: pthread_detach
    0xff, 0x13, // call [rbx]: PyGILState_Ensure
    0x89, 0x04, 0x24, // mov [rsp], eax
    0x48, 0x8b, 0x7b, 0x18, // mov rdi, [rbx+24]: the text
    0xff, 0x53, 0x08, // call [rbx+8]: PyRun_SimpleString
    0x8b, 0x3c, 0x24, // mov edi, [rsp]
    0xff, 0x53, 0x10, // call [rbx+16]: PyGILState_Release
    0x48, 0x83, 0xc4, 0x10, // add rsp, 16
    0xc7, 0x43, 0x28, 1, 0, 0, 0, // mov dword [rbx+40], 1: done
    0x5b, 0x31, 0xc0, 0xc3, // pop rbx; xor eax, eax; ret
];
/// Where `done` lies in the data, and where `pthread_create` writes the id of the thread.
const DONE_AT: u64 = 40;
const THREAD_AT: u64 = 48;
/// How long a thread may take to end after the session has let it go.
const PATIENCE: Duration = Duration::from_secs(2);

/// The functions that the stub calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Helper {
    create: Addr,
    detach: Addr,
    ensure: Addr,
    release: Addr,
    run: Addr,
}

impl Helper {
    pub(super) fn of(process: &dyn Process, pid: Pid, run: Addr) -> Result<Helper, AgentError> {
        let symbols = [
            "pthread_create",
            "pthread_detach",
            "PyGILState_Ensure",
            "PyGILState_Release",
        ];
        let [create, detach, ensure, release] = all_exported(process, pid, symbols)?;
        Ok(Helper {
            create,
            detach,
            ensure,
            release,
            run,
        })
    }

    /// What the stub reads.
    fn data(&self, text: Addr) -> Vec<u8> {
        let words = [
            self.ensure,
            self.run,
            self.release,
            text,
            self.detach,
            Addr(0),
            Addr(0),
        ];
        words.iter().flat_map(|word| word.0.to_le_bytes()).collect()
    }

    /// Makes the thread, which runs a text. False if the borrowed thread does not wait where it may be borrowed.
    pub(super) fn start(
        &self,
        hold: &mut Hold,
        borrowed: Tid,
        furniture: &mut Furniture,
        text: &[u8],
    ) -> Result<bool, AgentError> {
        let code = furniture.bring_code(hold)?;
        hold.write(code, &STUB)?;
        let text_at = furniture.text.plus(HELPER_TEXT_AT);
        hold.write(text_at, text)?;
        let data = furniture.text.plus(DATA_AT);
        hold.write(data, &self.data(text_at))?;
        let arguments = [data.plus(THREAD_AT).0, 0, code.0, data.0];
        let is_called = hold.call_from_wait(borrowed, self.create, arguments)?;
        if !is_called {
            hold.write(data.plus(DONE_AT), &1_u32.to_le_bytes())?;
        }
        Ok(is_called)
    }
}

/// Holds the process at a moment when no thread runs the stub any more, and does something then, again if that gives nothing; nothing
/// if such a moment does not come.
pub(super) fn hold_after_end<T: Send>(
    custody: &Custody,
    pid: Pid,
    furniture: &Furniture,
    mut what: impl FnMut(&mut Hold) -> Result<Option<T>, AgentError> + Send,
) -> Result<Option<T>, AgentError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let done = custody.hold(pid, |hold| {
            if is_free(hold, furniture.text, furniture.code)? {
                what(hold)
            } else {
                Ok(None)
            }
        })??;
        if done.is_some() {
            return Ok(done);
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether no thread will ever run the stub of a pmdb that was killed: the helper is done, or has never been made, and nobody is about to make it.
pub(super) fn is_over(
    hold: &Hold,
    process: &dyn Process,
    text: Addr,
    code: Option<Addr>,
) -> Result<bool, AgentError> {
    let Some(stub) = code else {
        return Ok(true);
    };
    let mut made = [0; 8];
    hold.read(text.plus(DATA_AT + THREAD_AT), &mut made)?;
    if made != [0; 8] {
        return is_free(hold, text, code);
    }
    // `pthread_create` has been given the stub.
    for tid in hold.stopped().collect::<Vec<_>>() {
        if hold.has_pointer(tid, process, stub..stub.plus(super::furniture::PAGE))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether no thread runs the stub, nor is about to.
fn is_free(hold: &Hold, text: Addr, code: Option<Addr>) -> Result<bool, AgentError> {
    let Some(code) = code else {
        return Ok(true);
    };
    let mut done = [0; 4];
    hold.read(text.plus(DATA_AT + DONE_AT), &mut done)?;
    let mut inside = false;
    for tid in hold.stopped().collect::<Vec<_>>() {
        inside |= hold.runs_in(tid, code, super::furniture::PAGE)?;
    }
    Ok(done != [0; 4] && !inside)
}
