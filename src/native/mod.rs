//! Native code: which files a process runs, where a thread is in them, what its frames are called.
//!
//! A [`Module`] is parsed once and serves all processes that map the same file. Addresses in a module are as linked
//! ([`Svma`]); a process adds its load bias to them.

pub mod debuginfod;
mod disassembly;
pub mod dwarf;
pub mod examine;
pub mod expression;
mod image;
mod loaded;
mod locals;
mod module;
mod module_list;
mod scope;
mod source_frame;
mod stack;
mod symbol_names;
mod symbols;
mod thread_local;
pub mod tokio;
mod types;
pub mod unhandled;
mod unwind;
pub mod values;

pub use disassembly::{FunctionExtent, Instruction, LONGEST_INSTRUCTION};
pub use loaded::{Code, LoadedModule, LoadedModules, ParsedModules};
pub use locals::locals;
pub use module::{Module, Svma};
pub use module_list::{Knowledge, ModuleEntry};
pub use scope::FrameScope;
pub use source_frame::SourceFrame;
pub use stack::{describe, foresee};
pub use symbol_names::{NamedSymbol, SymbolSort};
pub use symbols::Symbol;
pub use unwind::{Broken, FrameRegisters, NativeFrame, NativeStack, Trust, unwind};
