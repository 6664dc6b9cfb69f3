//! Holding a live process with ptrace(2): stopping its threads, their registers, system calls made in its name.
//!
//! The only place that calls ptrace. The kernel binds a tracee to the thread that attached to it, so what is here cannot be
//! sent to another thread. If pmdb dies, the kernel detaches and the process goes on: `detour.rs` sees to it that it can.

mod custody;
mod detour;
mod error;
mod forked_copy;
mod function_call;
mod guarded_range;
mod hold;
mod kernel;
mod lending;
mod lent_device;
mod memory;
mod protection;
mod registers;
mod sigframe;
mod surviving;
mod system_call;
mod tracer;
mod waiting;
mod way_back;

pub use custody::Custody;
pub use error::TraceError;
pub use forked_copy::ForkedCopy;
pub use guarded_range::{GuardedFile, GuardedRange};
pub use hold::Hold;
pub use lending::{Borrowed, Noted, Standing, standing};
pub use lent_device::DeviceLoan;
pub use protection::{PAGE as GUARDED_PAGE, ProtectError};
pub use surviving::{Armed, disarm};
pub use system_call::Call;
pub use tracer::{
    AfterWrite, Aftercare, Birth, CallerChain, End, Fault, Follower, GuardedMoment, GuardedWriter,
    Interests, OnGuardedWrite, OnWrite, OpenedPage, Orders, Origin, Program, Replaced, Sender,
    TraceEvent, Tracer, Trap, WATCHPOINTS, Watchpoint, Write, WrittenBy,
};
