//! The chain of frames of a thread, newest first: of a thread that runs, as it was at one moment.
//!
//! Why a stack that is read word by word may never have been, and what is done about it: `docs/internals/torn-stacks.md`.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::LookError;
use super::agent::{OWN_FILE, TEXT_BEGINS};
use super::frame::PythonFrame;
use super::layout::{CurrentFrame, FrameLayout};
use super::look::Look;
use crate::model::Addr;
use crate::process::{Piece, Source};

/// Deeper stacks are cut and said to be. CPython's own limit is 1,000 unless the program raised it.
const DEEPEST: usize = 50_000;
/// Frames that are no Python code and follow each other; CPython puts one before each call from C.
const MOST_SHIMS: usize = 16;
/// How often the stack of a running thread is read until it agrees with itself. An attempt takes some 2 µs.
const MOST_ATTEMPTS: usize = 1000;
/// Frames that are read in all attempts together: a deep stack is not read that often.
const MOST_VISITED: usize = 4 * DEEPEST;
/// Frames that are no further apart, in bytes, are read as one piece.
const GAP: u64 = 256;
/// A longer piece is not begun for frames that lie side by side, in bytes.
const LONGEST_PIECE: u64 = 64 * 1024;

/// Constants of the text that starts the agent: it has fewer.
const MOST_CONSTANTS: u64 = 16;

/// A stack, and why it ends early if it does.
pub struct Stack {
    /// The newest first, without pmdb's own.
    pub frames: Vec<PythonFrame>,
    /// Which of them are below frames of pmdb's own that are not the newest: what is above is code that pmdb runs there.
    pub below_agent: Vec<usize>,
    pub broken: Option<LookError>,
    /// The calls of the interpreter's loop, the newest first.
    pub evaluations: Vec<Evaluation>,
    /// The thread ran on while its frames were read, at every attempt: callers and callees may be of two moments.
    pub moving: bool,
}

/// A call of the interpreter's loop (`_PyEval_EvalFrameDefault`). From 3.11 on a Python function that calls another goes on in the
/// same loop; a call from C begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// How many frames of the stack it runs.
    pub frames: usize,
    /// One of its variables: the shim that it puts below its first frame (3.12+).
    pub variable: Option<Addr>,
}

impl Stack {
    /// Whether another look may find more of it.
    pub fn is_torn(&self) -> bool {
        may_be_whole_later(&self.broken)
    }

    /// What the reader of the stack should know.
    pub fn note(&self) -> Option<String> {
        match &self.broken {
            Some(error @ LookError::TooDeep { .. }) => Some(error.to_string()),
            Some(error) => Some(format!("not all frames could be read: {error}")),
            None if self.moving => Some(
                "it ran on while its stack was read, so that callers and callees may be of two moments; --pause \
                 holds it still"
                    .to_owned(),
            ),
            None => None,
        }
    }
}

/// The addresses of frames, and why there are no more if that is not the end.
struct Chain {
    frames: Vec<Addr>,
    broken: Option<LookError>,
}

/// Whether what ended a stack may not be there at another moment.
fn may_be_whole_later(broken: &Option<LookError>) -> bool {
    !matches!(
        broken,
        None | Some(LookError::TooDeep { .. } | LookError::Blank { .. })
    )
}

/// While a thread stands still, the newest frames of its stack are pmdb's own.
pub(super) fn is_of_agent(frame: &PythonFrame) -> bool {
    frame.code.file == OWN_FILE
}

/// What `PyRun_SimpleString` runs. Directly below a module of the agent, it is the text that started that.
fn is_text(frame: &PythonFrame) -> bool {
    frame.code.file == "<string>" && frame.code.qualname == "<module>"
}

impl Look<'_> {
    /// Whether a frame is that of the text that starts the agent, before or after it does: its first words are a constant of it.
    fn is_entrance(&self, frame: &PythonFrame) -> bool {
        let begins = |constant: &Addr| {
            let text = self.text(*constant, TEXT_BEGINS.len());
            text.is_ok_and(|text| {
                text.code_points
                    .iter()
                    .copied()
                    .eq(TEXT_BEGINS.chars().map(u32::from))
            })
        };
        is_text(frame)
            && (self.sequence(frame.code.constants, MOST_CONSTANTS))
                .is_ok_and(|constants| constants.iter().any(begins))
    }

    /// The stack of the thread state at `thread`.
    pub fn stack(&self, thread: Addr) -> Stack {
        let (chain, moving) = self.chain_of_one_moment(thread);
        let mut stack = Stack {
            frames: Vec::new(),
            below_agent: Vec::new(),
            broken: chain.broken,
            evaluations: Vec::new(),
            moving,
        };
        let mut below_entrance = false;
        let (mut counted, mut passed) = (0, 0);
        let oldest = chain.frames.last().copied();
        for address in chain.frames {
            let kept = self.memory.keep(address, size_of::<PythonFrame>());
            match kept
                .map_err(LookError::from)
                .and_then(|()| self.frame(address))
            {
                Ok(Some(frame)) => {
                    let is_hidden = is_of_agent(&frame)
                        || (below_entrance && is_text(&frame))
                        || (stack.frames.is_empty() && self.is_entrance(&frame));
                    let place = stack.frames.len();
                    if is_of_agent(&frame) && place > 0 && stack.below_agent.last() != Some(&place)
                    {
                        stack.below_agent.push(place);
                    }
                    below_entrance = is_of_agent(&frame) && frame.code.qualname == "<module>";
                    if !is_hidden {
                        stack.frames.push(frame);
                    }
                }
                Ok(None) => {}
                // An older frame can be told although a newer one is being made or taken down.
                Err(error) => {
                    let error = match self.is_blank(address) {
                        true => LookError::Blank { address },
                        false => error,
                    };
                    let first = stack.broken.take();
                    stack.broken = Some(first.unwrap_or(error));
                }
            }
            passed += 1;
            // From 3.14 on the oldest of all is one that belongs to no call.
            let is_base = passed == 1 && oldest == Some(address) && self.is_shim(address);
            if self.is_called_from_c(address) && !is_base {
                stack.evaluations.push(Evaluation {
                    frames: stack.frames.len() - counted,
                    variable: self.is_shim(address).then_some(address),
                });
                (counted, passed) = (stack.frames.len(), 0);
            }
        }
        stack
    }

    /// Whether the interpreter's loop was begun for a frame: always (up to 3.10), if it says so (3.11), or if it is the shim
    /// that the loop puts below its first frame (3.12+; `_PyEval_EvalFrameDefault` in `Python/ceval.c`).
    fn is_called_from_c(&self, frame: Addr) -> bool {
        match self.layout().frame {
            FrameLayout::Object(_) => true,
            FrameLayout::Interpreter(layout) => match layout.is_entry {
                Some(at) => self.memory.u8(frame.plus(at)).is_ok_and(|flag| flag != 0),
                None => self.is_shim(frame),
            },
        }
    }

    fn is_shim(&self, frame: Addr) -> bool {
        let FrameLayout::Interpreter(layout) = self.layout().frame else {
            return false;
        };
        let owner = self.memory.u8(frame.plus(layout.owner));
        owner.is_ok_and(|owner| layout.shim_owners.contains(&owner))
    }

    /// Whether a core has nothing but zeros for a frame. gcore writes them for all of a mapping in which one page
    /// cannot be read, such as the guard page of a thread's stack, where the frames of calls from C are.
    fn is_blank(&self, frame: Addr) -> bool {
        let is_core = matches!(self.process.identity().source, Source::Core(_));
        let header = usize::try_from(self.frame_header()).unwrap_or_default();
        is_core
            && (self.memory.bytes(frame, header))
                .is_ok_and(|bytes| bytes.iter().all(|&byte| byte == 0))
    }

    /// Whether a frame is on the stack of the thread state at `thread`.
    pub fn is_on_stack(&self, thread: Addr, frame: Addr) -> bool {
        self.chain(thread).frames.contains(&frame)
    }

    /// The newest Python frame of the thread state at `thread`; nothing if it has none, or it cannot be read.
    pub fn newest(&self, thread: Addr) -> Option<PythonFrame> {
        let mut address = self.newest_frame(thread).ok()?;
        for _ in 0..MOST_SHIMS {
            if address.is_null() {
                return None;
            }
            match self.frame(address).ok()? {
                Some(frame) if !is_of_agent(&frame) && !self.is_entrance(&frame) => {
                    return Some(frame);
                }
                _ => {}
            }
            address = self.caller(address).ok()?;
        }
        None
    }

    /// The chain as the cache has it once frames and the pointer to the newest were read together and agree, and
    /// whether they never did in all that they say.
    fn chain_of_one_moment(&self, thread: Addr) -> (Chain, bool) {
        let mut chain = self.chain(thread);
        if matches!(self.process.identity().source, Source::Core(_)) {
            return (chain, false);
        }
        let mut visited = 0;
        let mut shortest = Duration::MAX;
        for attempt in 0..MOST_ATTEMPTS {
            visited += chain.frames.len();
            if visited > MOST_VISITED {
                break;
            }
            let mut pieces = self.pieces(thread, &chain.frames);
            let begin = Instant::now();
            let refreshed = self.memory.refresh(&mut pieces);
            let took = begin.elapsed();
            shortest = shortest.min(took);
            if refreshed.is_err() {
                // A frame, or what passed for one, is not there any more.
                self.memory.forget();
                chain = self.chain(thread);
                if self.memory.spent().is_some() {
                    break;
                }
                continue;
            }
            let read: FxHashSet<Addr> = chain.frames.iter().copied().collect();
            chain = self.chain(thread);
            let all_read = chain.frames.iter().all(|frame| read.contains(frame));
            let agrees = self.agree(&mut pieces, chain.frames.first(), attempt);
            // One that lost the processor in the middle read two moments, which may look alike by chance.
            let at_once = took <= shortest.saturating_mul(2);
            if agrees && at_once && all_read && !may_be_whole_later(&chain.broken) {
                return (chain, !Self::compares_all(attempt));
            }
        }
        (chain, true)
    }

    fn chain(&self, thread: Addr) -> Chain {
        let mut chain = Chain {
            frames: Vec::new(),
            broken: None,
        };
        let mut seen = FxHashSet::default();
        let mut next = self.newest_frame(thread);
        loop {
            let address = match next {
                Ok(address) if address.is_null() => return chain,
                Ok(_) if chain.frames.len() == DEEPEST => {
                    chain.broken = Some(LookError::TooDeep { limit: DEEPEST });
                    return chain;
                }
                Ok(address) if seen.insert(address) => address,
                Ok(address) => {
                    let what = "the chain of frames";
                    chain.broken = Some(LookError::Torn { what, address });
                    return chain;
                }
                Err(error) => {
                    chain.broken = Some(error);
                    return chain;
                }
            };
            chain.frames.push(address);
            next = self.caller(address);
        }
    }

    /// Whether what was read twice is the same both times: the pointer to the newest frame, and the frames. Of the
    /// newest frame only whose it is, since it runs on. A thread that calls and returns all the time may never give
    /// the same twice; then it is the pointer alone that has to, and the stack is said to be what it may be.
    fn agree(&self, pieces: &mut [Piece], newest: Option<&Addr>, attempt: usize) -> bool {
        let pointers = self.pointers_per_thread();
        let compared = if Self::compares_all(attempt) {
            pieces.len() / 2
        } else {
            pointers
        };
        if let Some(newest) = newest {
            for piece in pieces.iter_mut() {
                self.hide_what_runs(piece, *newest);
            }
        }
        let (first, second) = (pieces.iter(), pieces.iter().rev());
        first
            .zip(second)
            .take(compared)
            .all(|(one, other)| one == other)
    }

    fn compares_all(attempt: usize) -> bool {
        attempt < MOST_ATTEMPTS / 2
    }

    /// Blanks what changes in a frame while it is the newest.
    fn hide_what_runs(&self, piece: &mut Piece, frame: Addr) {
        let (code, back) = match self.layout().frame {
            FrameLayout::Object(layout) => (layout.code, layout.back),
            FrameLayout::Interpreter(layout) => (layout.code, layout.previous),
        };
        let changing = (0..self.frame_header())
            .step_by(8)
            .filter(|at| *at != code && *at != back);
        for at in changing {
            let start = frame.plus(at).0.checked_sub(piece.address.0);
            let start = start.and_then(|start| usize::try_from(start).ok());
            let word = start.and_then(|start| piece.bytes.get_mut(start..start.checked_add(8)?));
            if let Some(word) = word {
                word.fill(0);
            }
        }
    }

    /// What has to be read together, twice: the pointer to the newest frame, the frames, and the same in reverse.
    fn pieces(&self, thread: Addr, frames: &[Addr]) -> Vec<Piece> {
        let newest = self.pointer_to_newest(thread);
        let length = self.frame_header();
        let mut sorted = frames.to_vec();
        sorted.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for frame in sorted {
            let end = frame.0.saturating_add(length);
            match runs.last_mut() {
                Some(run)
                    if frame.0 <= run.1.saturating_add(GAP) && end - run.0 <= LONGEST_PIECE =>
                {
                    run.1 = end;
                }
                _ => runs.push((frame.0, end)),
            }
        }
        let of_frames = runs
            .into_iter()
            .map(|(start, end)| Piece::new(Addr(start), (end - start) as usize));
        let pointers = newest.iter().map(|&at| Piece::new(at, 8));
        let mut pieces: Vec<Piece> = pointers.chain(of_frames).collect();
        pieces.extend(pieces.clone().into_iter().rev());
        pieces
    }

    /// Where the words are that lead to the newest frame. The last one leads to it directly.
    fn pointer_to_newest(&self, thread: Addr) -> Vec<Addr> {
        match self.layout().thread.current_frame {
            CurrentFrame::FrameObject(at) | CurrentFrame::Direct(at) => vec![thread.plus(at)],
            CurrentFrame::ThroughCFrame {
                cframe,
                current_frame,
            } => {
                let mut words = vec![thread.plus(cframe)];
                let frame = self.memory.pointer(thread.plus(cframe));
                words.extend(
                    frame
                        .ok()
                        .filter(|frame| !frame.is_null())
                        .map(|frame| frame.plus(current_frame)),
                );
                words
            }
        }
    }

    /// How much of a frame is read together with the others: all but its variables, in bytes.
    fn frame_header(&self) -> u64 {
        match self.layout().frame {
            FrameLayout::Object(layout) => layout.localsplus,
            FrameLayout::Interpreter(layout) => layout.localsplus,
        }
    }

    pub(super) fn newest_frame(&self, thread: Addr) -> Result<Addr, LookError> {
        let at = match self.layout().thread.current_frame {
            CurrentFrame::FrameObject(at) | CurrentFrame::Direct(at) => thread.plus(at),
            CurrentFrame::ThroughCFrame {
                cframe,
                current_frame,
            } => {
                let cframe = self.memory.pointer(thread.plus(cframe))?;
                if cframe.is_null() {
                    return Ok(Addr::NULL);
                }
                cframe.plus(current_frame)
            }
        };
        Ok(self.memory.pointer(at)?)
    }

    fn pointers_per_thread(&self) -> usize {
        match self.layout().thread.current_frame {
            CurrentFrame::FrameObject(_) | CurrentFrame::Direct(_) => 1,
            CurrentFrame::ThroughCFrame { .. } => 2,
        }
    }

    pub(super) fn caller(&self, frame: Addr) -> Result<Addr, LookError> {
        let at = match self.layout().frame {
            FrameLayout::Object(layout) => layout.back,
            FrameLayout::Interpreter(layout) => layout.previous,
        };
        Ok(self.memory.pointer(frame.plus(at))?)
    }
}
