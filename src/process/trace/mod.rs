//! Holding a live process with ptrace(2): stopping its threads, their registers, system calls made in its name.
//!
//! The only place that calls ptrace. The kernel binds a tracee to the thread that attached to it, so what is here cannot be
//! sent to another thread. If pmdb dies, the kernel detaches and the process goes on.

mod error;
mod hold;
mod kernel;
mod registers;
mod system_call;

pub use error::TraceError;
pub use hold::Hold;
pub use system_call::Call;
