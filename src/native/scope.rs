//! A frame of the source as what expressions and variables are read in.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::dwarf::{DebugInformation, SourceFile};
use super::expression::{Answer, Around, ExpressionError, Question};
use super::loaded::{LoadedModule, LoadedModules};
use super::locals::frame_address;
use super::unwind::{NativeFrame, NativeStack};
use super::values::{FrameState, Limits};
use crate::model::{Absence, Addr, Local, LocalKind};
use crate::process::{Memory, Process};

/// With DWARF's numbers (System V ABI for x86-64, figure 3.36).
const REGISTERS: [(&str, u16); 17] = [
    ("rax", 0),
    ("rbx", 3),
    ("rcx", 2),
    ("rdx", 1),
    ("rsi", 4),
    ("rdi", 5),
    ("rbp", 6),
    ("rsp", 7),
    ("r8", 8),
    ("r9", 9),
    ("r10", 10),
    ("r11", 11),
    ("r12", 12),
    ("r13", 13),
    ("r14", 14),
    ("r15", 15),
    ("rip", 16),
];

/// One of the functions that a machine frame of a stack executes.
pub struct FrameScope<'f> {
    pub process: &'f dyn Process,
    pub modules: &'f LoadedModules<'f>,
    pub memory: &'f Memory<'f>,
    pub stack: &'f NativeStack,
    /// Which machine frame: 0 is the newest.
    pub machine: usize,
    /// Which of its functions: 0 is the one that was inlined innermost.
    pub inlined: usize,
}

impl FrameScope<'_> {
    fn frame(&self) -> Option<&NativeFrame> {
        self.stack.frames.get(self.machine)
    }

    /// The instruction that it executes next.
    pub fn pc(&self) -> Addr {
        self.frame().map_or(Addr::NULL, NativeFrame::pc)
    }

    /// The general registers by their names, in gdb's order, as far as they are known in this frame.
    pub fn registers(&self) -> Vec<(&'static str, Option<u64>)> {
        let value = |number| self.frame()?.registers.get(gimli::Register(number));
        let named = REGISTERS
            .iter()
            .map(|&(name, number)| (name, value(number)));
        named.collect()
    }

    /// The file that its line is of, and when the debug information that says so was written.
    pub fn source_file(&self) -> Option<(Arc<SourceFile>, Option<SystemTime>)> {
        let (frame, loaded) = (self.frame()?, self.loaded()?);
        let information = loaded.module.debug_information()?;
        let mut frames = information.frames_at(loaded.svma(frame.executed()));
        let written = std::fs::metadata(information.debug_file());
        let written = written.and_then(|metadata| metadata.modified()).ok();
        (self.inlined < frames.len())
            .then(|| Some((frames.swap_remove(self.inlined).file?, written)))?
    }

    fn loaded(&self) -> Option<LoadedModule> {
        let code = self.modules.find(self.frame()?.executed())?;
        code.module.clone().ok()
    }

    /// The frame, for what a module says.
    fn with_state<T>(
        &self,
        of: Option<&LoadedModule>,
        use_it: impl FnOnce(&FrameState<'_>) -> T,
    ) -> T {
        let frame = self.frame();
        let caller = self.stack.frames.get(self.machine + 1);
        use_it(&FrameState {
            memory: self.memory,
            bias: of.map_or(Addr::NULL, |of| of.bias),
            register: &|register| frame?.registers.get(register),
            cfa: caller.and_then(frame_address),
            thread_block: &|| {
                let of = of.ok_or(Absence::OptimizedOut)?;
                self.modules
                    .thread_block(of, self.memory, self.stack.thread_pointer)
            },
        })
    }

    /// The variables of the function; nothing if there is no debug information that could tell.
    pub fn locals(&self, limits: &Limits) -> Option<Vec<Local>> {
        let (frame, loaded) = (self.frame()?, self.loaded()?);
        let information = loaded.module.debug_information()?;
        let address = loaded.svma(frame.executed());
        self.with_state(Some(&loaded), |state| {
            let mut frames = information.locals_at(address, state, limits);
            (self.inlined < frames.len()).then(|| frames.swap_remove(self.inlined))
        })
    }

    pub fn arguments(&self, limits: &Limits) -> Option<Vec<Local>> {
        let mut locals = self.locals(limits)?;
        locals.retain(|local| local.kind == LocalKind::Argument);
        Some(locals)
    }

    /// Answers a question about the frame. What its own module does not know, the others are asked for.
    pub fn answer(&self, question: &Question, limits: &Limits) -> Result<Answer, ExpressionError> {
        let own = self.loaded();
        let empty = DebugInformation::none();
        let information = own.as_ref().and_then(|it| it.module.debug_information());
        let bias = own.as_ref().map_or(Addr::NULL, |it| it.bias);
        let executed = self.frame().map_or(Addr::NULL, NativeFrame::executed);
        let address = executed.minus(bias.0).0;
        let symbol = |name: &str| self.symbol(own.as_ref(), name);
        let mut refused = match self.with_state(own.as_ref(), |frame| {
            let around = Around {
                frame,
                address,
                inlined: information.map(|_| self.inlined),
                // What others describe is better than what a symbol says.
                symbol: &|name| symbol(name).filter(|_| own_has_it(own.as_ref(), name)),
            };
            information
                .unwrap_or(&empty)
                .answer(&around, question, limits)
        }) {
            Err(
                error @ (ExpressionError::NoSuchName { .. } | ExpressionError::NoSuchType { .. }),
            ) => error,
            answered => return answered,
        };
        for other in self.others(own.as_ref()) {
            let Some(information) = other.module.debug_information() else {
                continue;
            };
            let answered = self.with_state(Some(&other), |frame| {
                let around = Around {
                    frame,
                    address: 0,
                    inlined: None,
                    symbol: &|_| None,
                };
                information.answer(&around, question, limits)
            });
            match answered {
                Err(ExpressionError::NoSuchName { .. } | ExpressionError::NoSuchType { .. }) => {}
                answered => return answered,
            }
        }
        let last = self.with_state(own.as_ref(), |frame| {
            let around = Around {
                frame,
                address,
                inlined: information.map(|_| self.inlined),
                symbol: &symbol,
            };
            information
                .unwrap_or(&empty)
                .answer(&around, question, limits)
        });
        if let Err(ExpressionError::NoSuchName { name }) = last {
            refused = match &refused {
                ExpressionError::NoSuchType { .. } => refused,
                _ => ExpressionError::NoSuchName { name },
            };
            return Err(refused);
        }
        last
    }

    /// The other modules of the process, the program first.
    fn others(&self, own: Option<&LoadedModule>) -> Vec<LoadedModule> {
        let own = own.map(|own| Arc::as_ptr(&own.module));
        let executable = self.process.identity().executable.clone();
        let mut mappings = self.process.code_mappings();
        mappings.sort_by_key(|mapping| mapping.path().map(Path::to_path_buf) != executable);
        let mut seen = HashSet::new();
        mappings
            .iter()
            .filter_map(|mapping| self.modules.find(mapping.start)?.module.clone().ok())
            .filter(|loaded| Some(Arc::as_ptr(&loaded.module)) != own)
            .filter(|loaded| seen.insert(Arc::as_ptr(&loaded.module)))
            .collect()
    }

    /// By the symbols of the modules: the frame's own first.
    fn symbol(&self, own: Option<&LoadedModule>, name: &str) -> Option<(Addr, bool)> {
        let of = |loaded: &LoadedModule| {
            let symbol = loaded.module.symbol_named(name)?;
            Some((loaded.bias.plus(symbol.address.0), symbol.is_function))
        };
        own.and_then(of)
            .or_else(|| self.others(own).iter().find_map(of))
    }
}

fn own_has_it(own: Option<&LoadedModule>, name: &str) -> bool {
    own.is_some_and(|own| own.module.symbol_named(name).is_some())
}
