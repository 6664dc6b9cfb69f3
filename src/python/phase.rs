//! Where an interpreter is in its life.

use super::look::Look;
use crate::model::Phase;

impl Look<'_> {
    /// Asked of `_PyRuntime.initialized` and `_PyRuntime.finalizing`. A process that cannot be read runs, as far as
    /// anybody knows.
    pub fn phase(&self) -> Phase {
        let layout = &self.layout().runtime;
        let runtime = self.located.runtime;
        let finalizing = self.memory.pointer(runtime.plus(layout.finalizing));
        if finalizing.is_ok_and(|thread| !thread.is_null()) {
            return Phase::Finalizing;
        }
        match self.memory.i32(runtime.plus(layout.initialized)) {
            Ok(0) => Phase::Starting,
            _ => Phase::Running,
        }
    }
}
