//! The thread that owns the tracees which are followed for longer than a moment.
//!
//! The kernel binds a tracee to the thread that attached to it, and tells what happens to it to that thread only. So everything that
//! concerns them is done on one thread: it waits for all of them at once, never for one, and carries out what it is asked to
//! in between. What happens is told as [`TraceEvent`]s.

mod custody;
mod event;
mod event_loop;
mod follower;
mod launch;
mod tracees;
mod trap;

use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

pub use event::{Birth, End, TraceEvent};
use event_loop::run;
pub use follower::{Follower, Interests};
pub use launch::Program;
pub use trap::Trap;

use super::TraceError;
use crate::model::{Pid, Tid};

/// What wakes the tracing thread out of its wait. Nobody sends it to pmdb otherwise, and by default it does nothing.
const KNOCK: Signal = Signal::SIGURG;
/// A knock that comes just before the thread waits is not heard; so it is repeated.
const BETWEEN_KNOCKS: Duration = Duration::from_millis(1);

/// Something for the tracing thread to do.
type Order = Box<dyn FnOnce(&mut Follower) + Send>;

/// Follows processes with ptrace, on a thread of its own. Dropping it lets all of them go on, as the end of pmdb would.
pub struct Tracer {
    /// None only while it is dropped.
    orders: Option<Sender<Order>>,
    events: Receiver<TraceEvent>,
    thread: Option<JoinHandle<()>>,
}

impl Tracer {
    /// Starts the thread; it follows nothing yet.
    pub fn start(interests: Interests) -> Result<Tracer, TraceError> {
        let failed = |error: std::io::Error| TraceError::NoTracer {
            why: error.to_string(),
        };
        let heard = SigAction::new(
            SigHandler::Handler(ignore_knock),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: the handler does nothing.
        unsafe { sigaction(KNOCK, &heard) }.map_err(|errno| failed(errno.into()))?;
        let (orders, received) = mpsc::channel();
        let (teller, events) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tracer".to_string())
            .spawn(move || run(Follower::new(interests, teller), &received))
            .map_err(failed)?;
        Ok(Tracer {
            orders: Some(orders),
            events,
            thread: Some(thread),
        })
    }

    /// What happens to the followed processes, in the order in which the kernel told it.
    pub fn events(&self) -> &Receiver<TraceEvent> {
        &self.events
    }

    /// Has something done on the tracing thread, and waits for it.
    pub fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Follower) -> T + Send + 'static,
    ) -> Result<T, TraceError> {
        let ended = || TraceError::NoTracer {
            why: "it has ended".to_string(),
        };
        let (answer, answered) = mpsc::channel();
        let is_taken = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&is_taken);
        let order: Order = Box::new(move |follower| {
            taken.store(true, Ordering::Release);
            // Nobody waits for the answer any more if that fails.
            let _ = answer.send(what(follower));
        });
        let orders = self.orders.as_ref().ok_or_else(ended)?;
        orders.send(order).map_err(|_| ended())?;
        loop {
            if is_taken.load(Ordering::Acquire) {
                return answered.recv().map_err(|_| ended());
            }
            self.knock();
            match answered.recv_timeout(BETWEEN_KNOCKS) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
    }

    /// Starts a program, which is followed from its first instruction on.
    pub fn launch(&self, program: Program) -> Result<Pid, TraceError> {
        self.ask(move |follower| launch::launch(follower, &program))?
    }

    /// Follows a process that runs already. It is not stopped for that.
    pub fn follow(&self, pid: Pid) -> Result<(), TraceError> {
        self.ask(move |follower| follower.follow(pid))?
    }

    /// Lets a thread go on that stands still after an event, with its signal or without.
    pub fn go_on(&self, tid: Tid, deliver: bool) -> Result<(), TraceError> {
        self.ask(move |follower| follower.go_on(tid, deliver))?
    }

    /// Follows a process no longer; it goes on.
    pub fn release(&self, pid: Pid) -> Result<(), TraceError> {
        self.ask(move |follower| follower.release(pid))?
    }

    fn knock(&self) {
        if let Some(thread) = &self.thread {
            // SAFETY: the thread was not joined, so that its id is still valid; the signal's handler does nothing.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), KNOCK as i32) };
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // The loop ends when nobody can ask it for something any more; the kernel then detaches.
        self.orders = None;
        if let Some(thread) = &self.thread {
            while !thread.is_finished() {
                self.knock();
                std::thread::sleep(BETWEEN_KNOCKS);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

extern "C" fn ignore_knock(_signal: i32) {}
