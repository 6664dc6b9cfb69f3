//! The thread that owns the tracees which are followed for longer than a moment.
//!
//! The kernel binds a tracee to the thread that attached to it, and tells what happens to it to that thread only. So everything that
//! concerns them is done on one thread: it waits for all of them at once, never for one, and carries out what it is asked to
//! in between. What happens is told as [`TraceEvent`]s.

mod caller_chain;
mod event;
mod event_loop;
mod fault;
mod first_instruction;
mod follower;
mod freezing;
mod guarded;
mod holding;
mod launch;
mod orders;
mod passage;
mod place;
mod tracees;
mod trap;
mod tripwire;
mod watchpoint;

use std::sync::mpsc::{self, Receiver};

pub use caller_chain::CallerChain;
pub use event::{Birth, End, TraceEvent};
use event_loop::run;
pub use fault::{Fault, Origin, Sender};
pub use follower::{Follower, Interests};
pub use guarded::{GuardedMoment, GuardedWriter, OnGuardedWrite, WrittenBy};
pub use launch::Program;
pub use orders::Orders;
pub use passage::OpenedPage;
pub use trap::{Aftercare, Trap};
pub use tripwire::Replaced;
pub(super) use watchpoint::set_debug_register;
pub use watchpoint::{AfterWrite, OnWrite, WATCHPOINTS, Watchpoint, Write};

use super::TraceError;
use super::lending::Lender;
use crate::model::{Pid, Tid};

/// Follows processes with ptrace, on a thread of its own. Dropping it lets all of them go on, as the end of pmdb would.
pub struct Tracer {
    orders: Orders,
    events: Receiver<TraceEvent>,
    _lender: Option<Lender>,
}

impl Tracer {
    /// Starts the thread; it follows nothing yet.
    pub fn start(interests: Interests) -> Result<Tracer, TraceError> {
        let (teller, events) = mpsc::channel();
        let orders = Orders::to(move |received| run(Follower::new(interests, teller), &received))?;
        Ok(Tracer {
            _lender: Lender::of(&orders),
            orders,
            events,
        })
    }

    /// What happens to the followed processes, in the order in which the kernel told it.
    pub fn events(&self) -> &Receiver<TraceEvent> {
        &self.events
    }

    /// A way to ask the thread for something, also for those who do not hear what happens.
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Has something done on the tracing thread, and waits for it.
    pub fn ask<T: Send>(
        &self,
        what: impl FnOnce(&mut Follower) -> T + Send,
    ) -> Result<T, TraceError> {
        self.orders.ask(what)
    }

    /// Starts a program, which is followed from its first instruction on.
    pub fn launch(&self, program: Program) -> Result<Pid, TraceError> {
        self.ask(|follower| launch::launch(follower, &program))?
    }

    /// Follows a process that runs already. It is not stopped for that.
    pub fn follow(&self, pid: Pid) -> Result<(), TraceError> {
        self.ask(|follower| follower.follow(pid))?
    }

    /// Lets a thread go on that stands still after an event, with its signal or without.
    pub fn go_on(&self, tid: Tid, deliver: bool) -> Result<(), TraceError> {
        self.orders.go_on(tid, deliver)
    }

    /// Follows a process no longer; it goes on.
    pub fn release(&self, pid: Pid) -> Result<(), TraceError> {
        self.ask(|follower| follower.release(pid))?
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.orders.end();
    }
}
