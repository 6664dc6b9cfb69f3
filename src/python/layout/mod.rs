//! Where CPython keeps things, per minor version: offsets and sizes in bytes, on x86-64, release builds with a GIL.
//!
//! The tables (`tables/`) are measured by `measure/measure.py`, which compiles `offsetof` against each version's own
//! headers and looks at live objects where no header tells; they are not written by hand
//! (`docs/internals/layouts.md`). What differs in kind between versions is an enum here, so that no reader asks for
//! a version.

mod data;
mod execution;
mod objects;
mod states;
mod tables;

pub use data::*;
pub use execution::*;
pub use objects::*;
pub use states::*;
pub use tables::{ALL, layout_of};

/// Everything that pmdb knows of one minor version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub version: Minor,
    pub runtime: RuntimeLayout,
    pub interpreter: InterpreterLayout,
    pub pending_calls: PendingCallsLayout,
    pub thread: ThreadLayout,
    pub gil: GilLayout,
    pub frame: FrameLayout,
    pub code: CodeLayout,
    pub types: TypeLayout,
    pub long: LongLayout,
    pub text: TextLayout,
    pub dict: DictLayout,
    pub instance: InstanceLayout,
    pub exception: ExceptionLayout,
    pub traceback: TracebackLayout,
    pub generator: GeneratorLayout,
    pub function: FunctionLayout,
    pub object: ObjectLayout,
    pub data: DataLayout,
    pub set: SetLayout,
    /// `_asyncio`'s task and future.
    pub asyncio: AsyncioLayout,
}

/// `3.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(pub u8);

impl std::fmt::Display for Minor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "3.{}", self.0)
    }
}
