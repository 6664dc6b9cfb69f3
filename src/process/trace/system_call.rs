//! System calls made in the name of a stopped thread.

use std::time::{Duration, Instant};

use nix::libc::{self, user_regs_struct};
use nix::sys::ptrace::{self, Options};

use super::TraceError;
use super::detour::Detour;
use super::hold::{Hold, raw};
use super::kernel::{self, Resume, SignalNumber, Status};
use super::registers::{self, Registers, set_general};
use super::sigframe::{Sigframe, is_lost_by_a_detour};
use crate::model::{Addr, Tid};

/// A call made for pmdb waits for nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// One that makes a child copies the tables of all pages: a second for some hundred GiB.
const PATIENCE_AT_BIRTH: Duration = Duration::from_secs(60);
/// Bytes to which a place on a stack is aligned.
const ALIGNMENT: u64 = 16;
/// The one signal that a thread gets although it blocks all, and lives on.
const STOP: SignalNumber = SignalNumber(libc::SIGSTOP);

/// A system call by its number and arguments (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
}

impl Hold {
    /// Makes system calls in the name of one of the threads, one after the other; what each returns comes back, a negative
    /// errno included. The thread then stands where it stood, also if it was in the middle of something.
    pub fn system_calls(&mut self, calls: &[Call]) -> Result<Vec<i64>, TraceError> {
        self.on_one_detour(|hold| {
            let detour = hold.detour.iter();
            let all = detour.flat_map(|detour| calls.iter().map(move |call| make(detour, call)));
            all.collect()
        })?
    }

    /// Does something that makes system calls, for all of which one thread is on one detour: it stands where it stood only when all is done.
    pub fn on_one_detour<T>(&mut self, what: impl FnOnce(&mut Hold) -> T) -> Result<T, TraceError> {
        if self.detour.is_some() {
            return Ok(what(self));
        }
        self.detour = Some(self.begin_any_detour()?);
        let answer = what(self);
        if let Some(detour) = self.detour.take() {
            // What was done is done. A thread that cannot be put back, as one that is killed just now, finds back by itself.
            let _ = self.end_detour(detour);
        }
        Ok(answer)
    }

    /// The same with bytes that the calls read or write: they lie where `calls` is told, and come back as the calls have left them.
    pub fn system_calls_on(
        &mut self,
        bytes: &mut [u8],
        calls: impl FnOnce(Addr) -> Vec<Call>,
    ) -> Result<Vec<i64>, TraceError> {
        self.on_one_detour(|hold| {
            let detour = hold.detour()?;
            hold.calls_on(detour, bytes, |place| {
                calls(place).iter().map(|call| make(detour, call)).collect()
            })
        })?
    }

    /// A call that makes a child: what it returns, and the child as pmdb knows it, which is traced and stops before its first instruction.
    ///
    /// If pmdb is killed before it has told the kernel to end the child then, the child ends itself: its stack leads through `rt_sigreturn` to
    /// `exit_group`. `call` is told where that stack is.
    pub(super) fn birth(
        &mut self,
        call: impl FnOnce(Addr) -> Call,
    ) -> Result<(i64, Option<Tid>), TraceError> {
        self.on_one_detour(|hold| {
            let detour = hold.detour()?;
            let to_exit = user_regs_struct {
                rax: libc::SYS_exit_group.cast_unsigned(),
                rdi: 0,
                ..detour.registers(detour.way_back.system_call)
            };
            let to_exit = Registers {
                general: to_exit,
                // It needs none, and so the frame may lie anywhere.
                extended: Vec::new(),
            };
            let frame = Sigframe::of(&to_exit, u64::MAX, detour.stack);
            let restorer = detour.way_back.restorer.0.to_le_bytes();
            let mut bytes = [&restorer[..], &frame.bytes].concat();
            hold.calls_on(detour, &mut bytes, |place| make_child(detour, &call(place)))
        })?
    }

    fn detour(&self) -> Result<&Detour, TraceError> {
        let failed = TraceError::NoPlaceForACall { pid: self.pid };
        self.detour.as_ref().ok_or(failed)
    }

    fn calls_on<T>(
        &self,
        detour: &Detour,
        bytes: &mut [u8],
        calls: impl FnOnce(Addr) -> Result<T, TraceError>,
    ) -> Result<T, TraceError> {
        let place = Addr(detour.stack.minus(bytes.len() as u64).0 & !(ALIGNMENT - 1));
        let mut covered = vec![0; bytes.len()];
        self.read(place, &mut covered)?;
        self.write(place, bytes)?;
        let results = calls(place);
        self.read(place, bytes)?;
        self.write(place, &covered)?;
        results
    }

    /// A detour of the thread that is least disturbed if pmdb is killed meanwhile, and has room below its stack.
    fn begin_any_detour(&mut self) -> Result<Detour, TraceError> {
        let mut threads: Vec<Tid> = self.stopped().collect();
        threads.sort_by_cached_key(|&tid| match registers::general(tid) {
            Ok(at) => is_lost_by_a_detour(&at),
            Err(_) => true,
        });
        let mut failed = TraceError::NoPlaceForACall { pid: self.pid };
        for tid in threads {
            match self.begin_detour(tid) {
                Ok(detour) => return Ok(detour),
                Err(error @ (TraceError::Memory { .. } | TraceError::Thread { .. })) => {
                    failed = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(failed)
    }
}

/// One call, from the instruction to its end.
fn make(detour: &Detour, call: &Call) -> Result<i64, TraceError> {
    let tid = detour.tid;
    set_out(detour, call)?;
    // To its beginning and to its end.
    for _ in 0..2 {
        to_system_call(tid, PATIENCE, || false)?;
    }
    Ok(registers::general(tid)?.rax.cast_signed())
}

/// The same of one that makes a child, which is told before its end.
fn make_child(detour: &Detour, call: &Call) -> Result<(i64, Option<Tid>), TraceError> {
    let tid = detour.tid;
    set_out(detour, call)?;
    to_system_call(tid, PATIENCE, || false)?;
    follow(tid, Options::PTRACE_O_TRACECLONE)?;
    let mut child = None;
    let ended = to_system_call(tid, PATIENCE_AT_BIRTH, || {
        let number = ptrace::getevent(raw(tid)).ok();
        child = number.and_then(|number| u32::try_from(number).ok().map(Tid));
        child.is_some()
    });
    let followed = follow(tid, Options::empty());
    ended.and(followed)?;
    Ok((registers::general(tid)?.rax.cast_signed(), child))
}

/// Has a stopped thread's children traced, or not any more.
fn follow(tid: Tid, children: Options) -> Result<(), TraceError> {
    let options = Options::PTRACE_O_TRACESYSGOOD | children;
    let action = "followed to its children";
    ptrace::setoptions(raw(tid), options).map_err(|errno| TraceError::Thread { tid, action, errno })
}

/// Has a thread about to make a call.
fn set_out(detour: &Detour, call: &Call) -> Result<(), TraceError> {
    let [rdi, rsi, rdx, r10, r8, r9] = call.arguments;
    set_general(
        detour.tid,
        user_regs_struct {
            rax: call.number.cast_unsigned(),
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            r9,
            ..detour.registers(detour.way_back.system_call)
        },
    )
}

/// Lets a thread go on to the next beginning or end of a system call; waits for nothing.
pub(super) fn go_on_to_system_call(
    tid: Tid,
    signal: Option<SignalNumber>,
) -> Result<(), TraceError> {
    let action = "resumed";
    kernel::resume(tid, Resume::ToSystemCall, signal).map_err(|errno| TraceError::Thread {
        tid,
        action,
        errno,
    })
}

/// `event` says whether a stop of any other kind is expected.
fn to_system_call(
    tid: Tid,
    patience: Duration,
    mut event: impl FnMut() -> bool,
) -> Result<(), TraceError> {
    let deadline = Instant::now() + patience;
    let go_on = |signal| go_on_to_system_call(tid, signal);
    go_on(None)?;
    loop {
        match kernel::status(tid) {
            Status::SystemCall => return Ok(()),
            // The kernel tells again that the whole process is stopped.
            Status::Interrupted => go_on(None)?,
            Status::Signal(STOP) => go_on(Some(STOP))?,
            Status::Other if event() => go_on(None)?,
            Status::Unchanged if Instant::now() < deadline => std::thread::yield_now(),
            _ => return Err(TraceError::Disturbed { tid }),
        }
    }
}
