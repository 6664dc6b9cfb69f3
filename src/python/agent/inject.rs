//! Bringing the agent in, and taking away what that needed.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::channel::Channel;
use super::compiled::{Compiled, Interpreter, Store};
use super::furniture::{self, Furniture, HELPER_TEXT_AT};
use super::helper::{self, Helper};
use super::ring::{Placed, Ring};
use super::script::Runner;
use super::unheard::Unheard;
use super::wanted_stops::WantedStops;
use super::{AgentError, remains, script, unwind_filter};
use crate::model::{Addr, Pid, Tid};
use crate::process::elf::{Elf, load_bias};
use crate::process::trace::{Custody, Hold, TraceError};
use crate::process::{Mapping, Process, ThreadStatus};
use crate::python::{Located, Look};

/// The functions of CPython that the interpreter is made to call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Functions {
    /// `PyRun_SimpleString`, of a text.
    run: Addr,
    /// `PyErr_CheckSignals`: takes the place of a call that is withdrawn. It may be called at any time, and gives back 0 unless
    /// a handler raised, which then would have been noticed anyway.
    pub(super) harmless: Addr,
}

/// An agent that was asked in, and what lies in the process on its behalf.
pub struct Injection {
    pid: Pid,
    custody: Custody,
    functions: Functions,
    furniture: Furniture,
    /// The last call that was put into the ring.
    placed: Option<Placed>,
    /// Whether an earlier call was begun.
    has_begun: bool,
    /// Helpers that were sent.
    helpers: u64,
    /// Bytes of the agent's source that the text reads from the pipe.
    source_length: usize,
}

/// What tells whether something of pmdb is in a process: an end of its agent's pipe of commands, or what is marked as pmdb's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foothold {
    pub pid: Pid,
    /// The file descriptor in the process, and the inode of the pipe; nothing for a process that pmdb is just coming into.
    pub end: Option<(i32, u64)>,
}

impl Foothold {
    /// Whether there may be an agent: the process still has the end of the pipe.
    pub fn has_agent(&self) -> bool {
        self.end.is_some_and(|(end, inode)| {
            let found = fs::metadata(format!("/proc/{}/fd/{end}", self.pid));
            found.is_ok_and(|found| found.file_type().is_fifo() && found.ino() == inode)
        })
    }

    /// Whether there is anything.
    pub fn is_there(&self) -> bool {
        self.has_agent() || remains::are_in(self.pid)
    }
}

/// What a forked child has of its parent's agent: a copy of all that lies in memory.
#[derive(Debug, Clone, Copy)]
pub struct Heritage {
    functions: Functions,
    furniture: Furniture,
    source_length: usize,
}

impl Heritage {
    /// In the process itself, or in one that it has forked.
    pub fn foothold(&self, pid: Pid) -> Foothold {
        let ends = self.furniture.ends;
        Foothold {
            pid,
            end: Some((ends.commands, ends.commands_inode)),
        }
    }

    fn injection(&self, pid: Pid, custody: Custody, furniture: Furniture) -> Injection {
        Injection {
            pid,
            custody,
            functions: self.functions,
            furniture,
            placed: None,
            has_begun: true,
            helpers: 0,
            source_length: self.source_length,
        }
    }
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
        custody: &Custody,
        wanted: &WantedStops,
        compiled: &Compiled,
    ) -> Result<(Injection, Channel), AgentError> {
        custody.hold(pid, |hold| {
            Injection::begin_in(
                hold,
                custody.clone(),
                process,
                located,
                Runner::Main,
                wanted,
                compiled,
            )
        })?
    }

    /// The same for a process that is held already.
    pub(super) fn begin_in(
        hold: &mut Hold,
        custody: Custody,
        process: &dyn Process,
        located: &Located,
        runner: Runner,
        wanted: &WantedStops,
        compiled: &Compiled,
    ) -> Result<(Injection, Channel), AgentError> {
        let pid = hold.pid();
        let functions = Functions::of(process, pid)?;
        let threads = process.threads().unwrap_or_default();
        let has_ended = |thread: &ThreadStatus| thread.tid.0 == pid.0 && thread.state.has_ended();
        if threads.iter().any(has_ended) {
            // exit(2) of the main thread alone: its thread state stays in the list, and it never comes by.
            return Err(AgentError::NoMainThread { pid });
        }
        // Made now, so that it has read nothing before the process stood still.
        let look = Look::new(process, located);
        let ring = look.pending_calls(pid)?;
        if !ring.has_thread(hold, threads.len()) {
            return Err(AgentError::NoMainThread { pid });
        }
        let layout = look.layout();
        let mut source_length = 0;
        let brought = hold.on_one_detour(|hold| {
            let brought = Furniture::bring(hold, |hold| {
                let program = script::Program::of(layout, wanted);
                let interpreter = Interpreter::at(process, functions.run, program.parts.sum);
                let store =
                    interpreter.and_then(|interpreter| Store::bring(hold, interpreter, compiled));
                let source = program.source(store.as_ref());
                source_length = source.read_at_once;
                (source.text, store)
            })?;
            let function = match runner {
                // Without `sys.monitoring` nothing is foreseen.
                Runner::BeforeMainProgramInTree | Runner::EmbeddedInTree
                    if layout.thread.tracing.is_none() =>
                {
                    unwind_filter::bring(hold, process, layout)
                }
                _ => Ok(None),
            };
            Ok::<_, AgentError>((brought, function))
        });
        let ((mut furniture, channel), function) = brought??;
        let inner = inner_pid(process, pid);
        let text = script::entrance(furniture.ends, source_length, inner, runner);
        let placed = function.and_then(|function| {
            if let Some((page, _)) = function {
                furniture.has_filter(hold, page)?;
            }
            let function = function.map_or(functions.run, |(_, entrance)| entrance);
            place(hold, &look, &ring, &furniture, &text, function)
        });
        match placed {
            Ok(placed) => {
                let placed = Some(placed);
                let injection = Injection {
                    pid,
                    custody,
                    functions,
                    furniture,
                    placed,
                    has_begun: false,
                    helpers: 0,
                    source_length,
                };
                Ok((injection, channel))
            }
            Err(error) => {
                furniture.take_away_all(hold);
                Err(error)
            }
        }
    }

    pub fn foothold(&self) -> Foothold {
        self.heritage().foothold(self.pid)
    }

    /// Whether the main thread has come by. Asked while the process runs.
    pub fn is_begun(&self, process: &dyn Process, located: &Located) -> Result<bool, AgentError> {
        let look = Look::new(process, located);
        let ring = look.pending_calls(self.pid)?;
        Ok(self.has_begun || !self.waits_in(&look, &ring)?)
    }

    /// What a child that is forked now has of this agent.
    pub fn heritage(&self) -> Heritage {
        Heritage {
            functions: self.functions,
            furniture: self.furniture,
            source_length: self.source_length,
        }
    }

    /// The agent of a forked child that stands still: it has made pipes of its own, which are opened here. Nothing if it has not.
    pub fn of_child(
        pid: Pid,
        custody: Custody,
        heritage: &Heritage,
    ) -> Result<Option<(Injection, Channel)>, AgentError> {
        let made = heritage.furniture.of_child(pid)?;
        Ok(made.map(|(furniture, channel)| (heritage.injection(pid, custody, furniture), channel)))
    }

    /// The agent that a forked child has from its parent, as long as it has not made pipes of its own: it can be made to, by what else
    /// stops a process in which the agent is. Nothing if the program has closed what it needs, or it has been taken out.
    pub fn inherited(pid: Pid, custody: Custody, heritage: &Heritage) -> Option<Injection> {
        let has_agent = heritage.foothold(pid).has_agent();
        has_agent.then(|| heritage.injection(pid, custody, heritage.furniture))
    }

    /// The same agent, which has made pipes of its own since.
    pub fn with_pipes_of(mut self, now: &Injection) -> Injection {
        self.furniture.ends = now.furniture.ends;
        self
    }

    /// Who holds the process still when that is needed.
    pub fn custody(&self) -> Custody {
        self.custody.clone()
    }

    /// Somebody follows the process from now on, who holds it then.
    pub fn be_followed(&mut self, custody: Custody) {
        self.custody = custody;
    }

    /// Whether job control has stopped a process that pmdb follows.
    pub fn is_suspended(&self) -> bool {
        self.custody.is_suspended(self.pid)
    }

    /// The thread at a tripwire for which the process is kept still.
    pub fn kept_at_tripwire(&self) -> Option<Tid> {
        self.custody.kept_at_tripwire(self.pid)
    }

    /// Lets it go on from there: all of it, or without that thread.
    pub fn leave_tripwire(&self, with_it: bool) {
        self.custody.leave_tripwire(self.pid, with_it);
    }

    /// Whether the process stands still before a signal that will end it.
    pub fn is_crashing(&self) -> bool {
        self.custody.is_crashing(self.pid)
    }

    /// Makes the main thread of a process in which the agent is stop at its next line.
    pub fn interrupt(
        &mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<(), AgentError> {
        let custody = self.custody.clone();
        custody.hold(self.pid, |hold| {
            let look = Look::new(process, located);
            let ring = look.pending_calls(self.pid)?;
            if self.waits_in(&look, &ring)? {
                // It is asked already, and comes by when it is back. In a child that was being forked it may have been forgotten that there is
                // something in the ring.
                return look.trip(hold, &ring);
            }
            if look.makes_call(&ring)? {
                // The agent comes in at this moment: it is asked again behind that.
                return Ok(());
            }
            self.has_begun = true;
            let text = script::interruption(inner_pid(process, self.pid));
            let function = self.functions.run;
            self.placed = Some(place(hold, &look, &ring, &self.furniture, &text, function)?);
            Ok(())
        })?
    }

    /// Whether the main thread has not come by yet to make the call that was put into the ring.
    pub fn still_waits(
        &self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<bool, AgentError> {
        let look = Look::new(process, located);
        let ring = look.pending_calls(self.pid)?;
        self.waits_in(&look, &ring)
    }

    fn waits_in(&self, look: &Look<'_>, ring: &Ring) -> Result<bool, AgentError> {
        match self.placed {
            Some(placed) => look.still_waits(ring, placed),
            None => Ok(false),
        }
    }

    /// Has the last call made if it waits although the main thread runs Python code: see `unheard.rs`.
    pub fn insist(&self, process: &dyn Process, located: &Located) -> Result<(), AgentError> {
        let unheard = || {
            let look = Look::new(process, located);
            let ring = look.pending_calls(self.pid)?;
            let waits = self.waits_in(&look, &ring)?;
            let why = waits.then(|| look.why_unheard(&ring)).transpose()?;
            Ok::<_, AgentError>((look, ring, why.flatten()))
        };
        if unheard()?.2.is_none() {
            return Ok(());
        }
        self.custody.hold(self.pid, |hold| {
            let (look, ring, why) = unheard()?;
            why.map_or(Ok(()), |why| look.have_heard(hold, &ring, why))
        })?
    }

    /// Takes the last call out of the ring again. False if it has been made, or is being made.
    fn take_back(&self, hold: &Hold, look: &Look<'_>, ring: &Ring) -> Result<bool, AgentError> {
        let Some(placed) = self.placed else {
            return Ok(false);
        };
        if let Some(Unheard::Endless) = look.why_unheard(ring)? {
            look.have_heard(hold, ring, Unheard::Endless)?;
        }
        look.withdraw(hold, ring, placed, self.functions.harmless)
    }

    /// Makes a thread that speaks for the main thread while that is in C code; false if no thread waits where it can be called away for that, or the main
    /// thread has come by.
    ///
    /// If the main thread comes back, a call in the ring makes it wait for what the session decides.
    pub fn send_helper(
        &mut self,
        process: &dyn Process,
        located: &Located,
    ) -> Result<bool, AgentError> {
        let helper = Helper::of(process, self.pid, self.functions.run)?;
        let (custody, before) = (self.custody.clone(), self.furniture);
        let sent = helper::hold_after_end(&custody, self.pid, &before, |hold| {
            let look = Look::new(process, located);
            let ring = look.pending_calls(self.pid)?;
            if look.makes_call(&ring)? {
                return Ok(Some(false));
            }
            // The main thread knows best that it waits.
            let main = Tid(hold.pid().0);
            let mut threads: Vec<Tid> = hold.stopped().collect();
            threads.sort_by_key(|tid| *tid != main);
            threads.retain(|tid| hold.may_be_borrowed(*tid));
            if threads.is_empty() {
                return Ok(Some(false));
            }
            let inner = inner_pid(process, self.pid);
            let text = |runner| script::entrance(before.ends, self.source_length, inner, runner);
            self.helpers += 1;
            let (of, serial) = (ring.main, self.helpers);
            let rejoin = text(Runner::MainAfterHelper { serial });
            let stand_in = text(Runner::Helper { of, serial });
            if self.waits_in(&look, &ring)? {
                hold.write(self.furniture.text, &rejoin)?;
            } else {
                self.has_begun = true;
                let function = self.functions.run;
                self.placed = Some(place(
                    hold,
                    &look,
                    &ring,
                    &self.furniture,
                    &rejoin,
                    function,
                )?);
            }
            let mut sent = Ok(false);
            for borrowed in threads {
                sent = helper.start(hold, borrowed, &mut self.furniture, &stand_in);
                // One may have no room below its stack, where another has.
                let is_its_own = matches!(
                    sent,
                    Err(AgentError::Trace(
                        TraceError::Memory { .. } | TraceError::Thread { .. }
                    ))
                );
                if !is_its_own {
                    break;
                }
            }
            sent.map(Some)
        })?;
        Ok(sent.unwrap_or(false))
    }

    /// Takes away the pages, once the agent has left and nobody reads them any more. If the main thread is just
    /// about to read one, they stay. `with_code`: the agent has given back what it had of pmdb's code.
    pub fn tidy(
        &self,
        process: &dyn Process,
        located: &Located,
        with_code: bool,
    ) -> Result<(), AgentError> {
        // The main thread comes by whenever its call in C code ends. Where it has brought the agent in itself, that is behind it.
        self.take_away_pages(process, located, self.helpers > 0, with_code)
    }

    /// `in_doubt`: the main thread may have taken the call out of the ring and not have read its text yet.
    fn take_away_pages(
        &self,
        process: &dyn Process,
        located: &Located,
        in_doubt: bool,
        with_code: bool,
    ) -> Result<(), AgentError> {
        let taken = helper::hold_after_end(&self.custody, self.pid, &self.furniture, |hold| {
            let look = Look::new(process, located);
            let ring = look.pending_calls(self.pid)?;
            if self.waits_in(&look, &ring)? {
                self.take_back(hold, &look, &ring)?;
            } else if in_doubt && may_be_read(hold, process, self.furniture.text)? {
                return Ok(None);
            }
            let furniture = &self.furniture;
            furniture.take_away_pages(hold, with_code).map(Some)
        });
        taken.map(drop)
    }

    /// Takes away everything after the agent has refused to start, or has said nothing at all.
    pub fn abandon(
        self,
        process: &dyn Process,
        located: &Located,
        is_silent: bool,
    ) -> Result<(), AgentError> {
        self.take_away_pages(process, located, is_silent || self.helpers > 0, false)?;
        let furniture = self.furniture;
        let take_away = |hold: &mut Hold| furniture.take_away_ends(hold);
        Ok(self.custody.hold(self.pid, take_away)?)
    }

    /// Takes back an agent that has not been started. False if it has been meanwhile: it will say hello.
    pub fn withdraw(&self, process: &dyn Process, located: &Located) -> Result<bool, AgentError> {
        self.custody.hold(self.pid, |hold| {
            let look = Look::new(process, located);
            let ring = look.pending_calls(self.pid)?;
            if !self.take_back(hold, &look, &ring)? {
                return Ok(false);
            }
            if self.has_begun {
                // It leaves, and closes its ends, when it notices that the pipes have ended.
                return Ok(false);
            }
            if self.furniture.code.is_some() {
                // A helper waits for the interpreter's lock. It needs the pages when it gets it.
                let text = script::closing(self.furniture.ends);
                hold.write(self.furniture.text.plus(HELPER_TEXT_AT), &text)?;
            } else {
                self.furniture.take_away_all(hold);
            }
            Ok(true)
        })?
    }
}

/// Whether the main thread has the address of a text anywhere: one that it is about to read it has.
pub(super) fn may_be_read(
    hold: &Hold,
    process: &dyn Process,
    text: Addr,
) -> Result<bool, AgentError> {
    let main = Tid(hold.pid().0);
    if !hold.stopped().any(|tid| tid == main) {
        return Ok(true);
    }
    Ok(hold.has_pointer(main, process, text..text.plus(furniture::PAGE))?)
}

/// The number that a process has for itself: it may live in a pid namespace of its own.
fn inner_pid(process: &dyn Process, pid: Pid) -> Pid {
    let threads = process.threads().unwrap_or_default();
    let leader = threads.iter().find(|thread| thread.tid.0 == pid.0);
    leader.map_or(pid, |leader| Pid(leader.inner_tid.0))
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
    pub(super) fn of(process: &dyn Process, pid: Pid) -> Result<Functions, AgentError> {
        let [run, harmless] =
            all_exported(process, pid, ["PyRun_SimpleString", "PyErr_CheckSignals"])?;
        Ok(Functions { run, harmless })
    }
}

/// The addresses of functions, from the executable or a library that exports them. Each file is opened once.
pub(super) fn exported<const COUNT: usize>(
    process: &dyn Process,
    symbols: [&'static str; COUNT],
) -> [Option<Addr>; COUNT] {
    let mut found = [None; COUNT];
    let code = |mapping: &&Mapping| mapping.protection.execute;
    for mapping in process.mappings().iter().filter(code) {
        // Nothing is found in what is no such file.
        let _ = find_in(process, mapping, symbols.iter().zip(&mut found));
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found
}

fn find_in<'s>(
    process: &dyn Process,
    mapping: &Mapping,
    wanted: impl Iterator<Item = (&'s &'static str, &'s mut Option<Addr>)>,
) -> Option<()> {
    let file = process.open_file(mapping).ok()?;
    let elf = Elf::open(&file).ok()?;
    let view = elf.view().ok()?;
    let bias = load_bias(&view.segments(), mapping)?;
    for (symbol, address) in wanted.filter(|(_, address)| address.is_none()) {
        *address = view.exported(symbol).map(|linked| bias.plus(linked));
    }
    Some(())
}

/// The same where none may be missing.
pub(super) fn all_exported<const COUNT: usize>(
    process: &dyn Process,
    pid: Pid,
    symbols: [&'static str; COUNT],
) -> Result<[Addr; COUNT], AgentError> {
    let mut all = [Addr(0); COUNT];
    let found = exported(process, symbols).into_iter().zip(symbols);
    for (address, (found, symbol)) in all.iter_mut().zip(found) {
        *address = found.ok_or(AgentError::NoSymbol { pid, symbol })?;
    }
    Ok(all)
}
