//! What debug information says of a place in the code.

use std::sync::Arc;

use super::dwarf::SourceFile;

/// A function of the source at one address of the code. Where the compiler put one function into another, an address has
/// several, the innermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFrame {
    /// Demangled; nothing if the debug information has no name for it.
    pub function: Option<Arc<str>>,
    pub file: Option<Arc<SourceFile>>,
    /// The line that is executed; in all but the innermost, the line of the call. From 1.
    pub line: Option<u32>,
    /// From 1, in bytes; nothing where the compiler does not say.
    pub column: Option<u32>,
    /// Its code lies in that of the next frame.
    pub is_inlined: bool,
}
