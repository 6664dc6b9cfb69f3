//! Bringing the agent in, and taking away what that needed.

use super::channel::Channel;
use super::furniture::Furniture;
use super::ring::{Placed, Ring};
use super::{AgentError, script};
use crate::model::{Addr, Pid};
use crate::process::Process;
use crate::process::elf::{Elf, load_bias};
use crate::process::trace::Hold;
use crate::python::{Located, Look};

/// The functions of CPython that the interpreter is made to call.
#[derive(Debug, Clone, Copy)]
struct Functions {
    /// `PyRun_SimpleString`, of a text.
    run: Addr,
    /// `PyErr_CheckSignals`: takes the place of a call that is withdrawn. It may be called at any time, and gives back 0 unless
    /// a handler raised, which then would have been noticed anyway.
    harmless: Addr,
}

/// An agent that was asked in, and what lies in the process on its behalf.
pub struct Injection {
    pid: Pid,
    functions: Functions,
    furniture: Furniture,
    placed: Placed,
}

impl Injection {
    /// Stops the process for a moment and makes its main thread start the agent at its next chance.
    ///
    /// Nothing is executed but system calls: the call that starts the agent is written into the ring in which the interpreter keeps calls for
    /// its main thread.
    pub fn begin(
        process: &dyn Process,
        located: &Located,
        pid: Pid,
    ) -> Result<(Injection, Channel), AgentError> {
        let functions = Functions::of(process, pid)?;
        let mut hold = Hold::seize(pid)?;
        // Made now, so that it has read nothing before the process stood still.
        let look = Look::new(process, located);
        let ring = look.pending_calls(pid)?;
        let source = script::source();
        let (furniture, channel) = Furniture::bring(&mut hold, source.as_bytes())?;
        let text = script::bootstrap(furniture.ends, source.len());
        let placed = place(&hold, &look, &ring, &furniture, &text, functions.run);
        match placed {
            Ok(placed) => {
                let injection = Injection {
                    pid,
                    functions,
                    furniture,
                    placed,
                };
                Ok((injection, channel))
            }
            Err(error) => {
                furniture.take_away_all(&mut hold);
                Err(error)
            }
        }
    }

    /// Makes the main thread of a process in which the agent is stop at its next line.
    pub fn interrupt(&self, process: &dyn Process, located: &Located) -> Result<(), AgentError> {
        let hold = Hold::seize(self.pid)?;
        let look = Look::new(process, located);
        let ring = look.pending_calls(self.pid)?;
        let text = script::interruption();
        place(
            &hold,
            &look,
            &ring,
            &self.furniture,
            &text,
            self.functions.run,
        )
        .map(drop)
    }

    /// Takes away the page for the text, once the agent has left: then nobody reads it any more.
    pub fn tidy(&self) -> Result<(), AgentError> {
        self.furniture.take_away_text(&mut Hold::seize(self.pid)?)
    }

    /// Takes back an agent that has not been started. False if it has been meanwhile: it will say hello.
    pub fn withdraw(self, process: &dyn Process, located: &Located) -> Result<bool, AgentError> {
        let mut hold = Hold::seize(self.pid)?;
        let look = Look::new(process, located);
        let ring = look.pending_calls(self.pid)?;
        if !look.withdraw(&hold, &ring, self.placed, self.functions.harmless)? {
            return Ok(false);
        }
        self.furniture.take_away_all(&mut hold);
        Ok(true)
    }
}

fn place(
    hold: &Hold,
    look: &Look<'_>,
    ring: &Ring,
    furniture: &Furniture,
    text: &[u8],
    function: Addr,
) -> Result<Placed, AgentError> {
    hold.write(furniture.text, text)?;
    look.add_pending_call(hold, ring, function, furniture.text)
}

impl Functions {
    fn of(process: &dyn Process, pid: Pid) -> Result<Functions, AgentError> {
        let find = |symbol: &'static str| {
            exported(process, symbol).ok_or(AgentError::NoSymbol { pid, symbol })
        };
        Ok(Functions {
            run: find("PyRun_SimpleString")?,
            harmless: find("PyErr_CheckSignals")?,
        })
    }
}

/// The address of a function, from the executable or a library that exports it.
fn exported(process: &dyn Process, symbol: &str) -> Option<Addr> {
    let code = |mapping: &&crate::process::Mapping| mapping.protection.execute;
    process.mappings().iter().filter(code).find_map(|mapping| {
        let file = process.open_file(mapping).ok()?;
        let elf = Elf::open(&file).ok()?;
        let view = elf.view().ok()?;
        let linked = view.exported(symbol)?;
        Some(load_bias(&view.segments(), mapping)?.plus(linked))
    })
}
