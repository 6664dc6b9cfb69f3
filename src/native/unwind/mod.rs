//! Walking a native stack: from the registers of a thread to the frames of all its callers.
//!
//! `docs/internals/unwinding.md` tells how, and what is done where a program does not say how to.

mod information;
mod registers;
mod rules;
mod step;
mod table;

use crate::model::Addr;
use crate::process::{Memory, Registers};

pub(super) use self::information::FrameInformation;
pub use self::registers::FrameRegisters;
pub(super) use self::rules::Row;
pub use self::step::Trust;
use self::step::{Bottom, Surroundings};
use super::loaded::LoadedModules;

/// Deeper stacks are cut and said to be.
const DEEPEST: usize = 50_000;
/// A stack leads to another where a signal handler has its own, or a coroutine ends; more often than this is damage.
const MOST_STACKS: usize = 64;
/// Frames that are looked for one after the other where nothing tells of them.
const MOST_SCANS: usize = 16;

/// One function call that has not returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeFrame {
    pub registers: FrameRegisters,
    pub trust: Trust,
    /// The kernel made it, to call a signal handler from.
    pub is_signal_frame: bool,
}

impl NativeFrame {
    pub fn pc(&self) -> Addr {
        self.registers.pc()
    }

    /// Whether the pc is the instruction that comes next; else a call returns to it.
    pub fn is_exact(&self) -> bool {
        matches!(self.trust, Trust::Registers | Trust::Interrupted)
    }

    /// An address in the instruction that is executed: a call that never returns may be the last of its function.
    pub fn executed(&self) -> Addr {
        if self.is_exact() {
            self.pc()
        } else {
            self.pc().minus(1)
        }
    }
}

/// The stack of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeStack {
    /// The newest first.
    pub frames: Vec<NativeFrame>,
    /// Why it ends early, if it does.
    pub broken: Option<Broken>,
    /// What the thread knows itself by (`fs_base`); null if it has no such thing yet.
    pub thread_pointer: Addr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    TooDeep,
    /// Nothing tells who called the last frame.
    Lost,
    /// The frames lead in a circle, or to more stacks than a thread has.
    Circle,
    /// The walk took too long.
    Spent,
}

/// Walks the stack of a thread with these registers.
pub fn unwind(thread: &Registers, modules: &LoadedModules<'_>, memory: &Memory<'_>) -> NativeStack {
    let surroundings = Surroundings { modules, memory };
    let mut frames = vec![NativeFrame {
        registers: FrameRegisters::of(thread),
        trust: Trust::Registers,
        is_signal_frame: false,
    }];
    let (mut stacks, mut scans) = (1, 0);
    let broken = loop {
        let Some(&frame) = frames.last() else {
            break None;
        };
        let step = match surroundings.step(&frame.registers, frame.is_exact()) {
            _ if memory.spent().is_some() => break Some(Broken::Spent),
            Err(Bottom::End) => break None,
            Err(Bottom::Lost) => break Some(Broken::Lost),
            Ok(step) => step,
        };
        let top = frame.registers.stack_pointer();
        // On one stack callers lie above their callees, so that the walk comes to an end.
        if step.frame_address <= top
            || !surroundings.is_same_stack(step.frame_address.minus(1), top)
        {
            let is_circle = surroundings.is_same_stack(step.frame_address, top);
            stacks += 1;
            if stacks > MOST_STACKS || (is_circle && step.trust != Trust::Interrupted) {
                break Some(Broken::Circle);
            }
        }
        scans = if step.trust == Trust::Scan {
            scans + 1
        } else {
            0
        };
        if scans > MOST_SCANS {
            break Some(Broken::Lost);
        }
        if frames.len() == DEEPEST {
            break Some(Broken::TooDeep);
        }
        if let Some(frame) = frames.last_mut() {
            frame.is_signal_frame = step.trust == Trust::Interrupted;
        }
        frames.push(NativeFrame {
            registers: step.registers,
            trust: step.trust,
            is_signal_frame: false,
        });
    };
    NativeStack {
        frames,
        broken,
        thread_pointer: Addr(thread.fs_base),
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::TooDeep => write!(f, "only the newest {DEEPEST} native frames are shown"),
            Broken::Lost => f.write_str("nothing tells who called the oldest frame"),
            Broken::Circle => {
                f.write_str("its native frames lead in a circle: the stack is damaged")
            }
            Broken::Spent => f.write_str("the walk over its native frames took too long"),
        }
    }
}
