//! Holding a live process with ptrace(2): stopping its threads, their registers, system calls made in its name.
//!
//! The only place that calls ptrace. The kernel binds a tracee to the thread that attached to it, so what is here cannot be
//! sent to another thread. If pmdb dies, the kernel detaches and the process goes on.

mod error;
mod function_call;
mod hold;
mod kernel;
mod registers;
mod system_call;
mod tracer;
mod waiting;

pub use error::TraceError;
pub use hold::Hold;
pub use system_call::Call;
pub use tracer::{Birth, End, Follower, Interests, Program, TraceEvent, Tracer};

/// The code that a function called by [`Hold::call_from_wait`] is called by, and returns to: `call rax; mov eax, 15; syscall`.
pub const WAY_BACK: [u8; 9] = [0xff, 0xd0, 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05];
