//! Asking the tracing thread for something.

use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::super::TraceError;
use super::follower::Follower;
use crate::model::Tid;

/// What wakes the tracing thread out of its wait. Nobody sends it to pmdb otherwise, and by default it does nothing.
const KNOCK: Signal = Signal::SIGURG;
/// A knock that comes just before the thread waits is not heard; so it is repeated.
const BETWEEN_KNOCKS: Duration = Duration::from_millis(1);

/// Something for the tracing thread to do.
pub(super) type Order = Box<dyn FnOnce(&mut Follower) + Send>;

/// The way to the tracing thread, for everybody who has something for it to do.
#[derive(Clone)]
pub struct Orders(Arc<Mutex<Way>>);

struct Way {
    /// None when nothing can be asked for any more.
    sender: Option<Sender<Order>>,
    /// None once it was joined.
    thread: Option<JoinHandle<()>>,
}

fn ended() -> TraceError {
    TraceError::NoTracer {
        why: "it has ended".to_string(),
    }
}

impl Orders {
    /// Starts the thread, which carries out what it is asked for until nobody can ask any more.
    pub(super) fn to(
        run: impl FnOnce(Receiver<Order>) + Send + 'static,
    ) -> Result<Orders, TraceError> {
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
        let (sender, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tracer".to_string())
            .spawn(move || run(received))
            .map_err(failed)?;
        Ok(Orders(Arc::new(Mutex::new(Way {
            sender: Some(sender),
            thread: Some(thread),
        }))))
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        // Nothing that holds it can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something done on the tracing thread, and waits for it. Not for that thread itself.
    pub fn ask<T: Send>(
        &self,
        what: impl FnOnce(&mut Follower) -> T + Send,
    ) -> Result<T, TraceError> {
        let (answer, answered) = mpsc::channel();
        let is_taken = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&is_taken);
        let order: Box<dyn FnOnce(&mut Follower) + Send + '_> = Box::new(move |follower| {
            taken.store(true, Ordering::Release);
            let done = what(follower);
            // Nobody waits for the answer any more if that fails.
            let _ = answer.send(done);
        });
        // SAFETY: what the order borrows lives until this function returns, and it does so only when the order is no more: it
        // was carried out, which used up what it borrowed before it sent the answer, or it was dropped, with which its end of
        // `answer` went.
        let order: Order = unsafe { std::mem::transmute(order) };
        if let Some(sender) = &self.way().sender {
            sender.send(order).map_err(|_| ended())?;
        } else {
            drop(order);
            return Err(ended());
        }
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

    /// Lets a thread go on that stands still after an event, with its signal or without.
    pub fn go_on(&self, tid: Tid, deliver: bool) -> Result<(), TraceError> {
        self.ask(|follower| follower.go_on(tid, deliver))?
    }

    fn knock(&self) {
        if let Some(thread) = &self.way().thread {
            // SAFETY: the thread was not joined, so that its id is still valid; the signal's handler does nothing.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), KNOCK as i32) };
        }
    }

    /// Ends the thread: the kernel then detaches from what it has not let go itself.
    pub fn end(&self) {
        self.way().sender = None;
        while self
            .way()
            .thread
            .as_ref()
            .is_some_and(|it| !it.is_finished())
        {
            self.knock();
            std::thread::sleep(BETWEEN_KNOCKS);
        }
        let thread = self.way().thread.take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

extern "C" fn ignore_knock(_signal: i32) {}
