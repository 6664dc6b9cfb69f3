//! What happens in the processes of a command while nobody stands at the prompt: they come, stop, fail and end, and their agents speak.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::api::{Event, Summary};
use super::error::SessionError;
use super::guardian;
use super::held::Held;
use super::inferior::Inferior;
use super::launched::describe;
use super::look::Session;
use super::running::{BETWEEN_ROUNDS, Quiet};
use super::stack::Target;
use super::tree::{Departure, Happening};
use crate::model::Pid;
use crate::python::agent::{self, Message};
use crate::python::locate::Locator;

/// For how long the ends of other processes are waited for when the command has ended.
const LONGEST_AFTER_END: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn take_happenings(&mut self) -> Result<(), SessionError> {
        let mut patience = BETWEEN_ROUNDS;
        // The end of the command is the last thing that is told: whoever kills it may have killed all of its processes.
        let mut end_of_command = None;
        while let Some(running) = &mut self.running {
            let happening = match running.tree.next(patience) {
                Ok(Some(happening)) => happening,
                Ok(None) => break,
                Err(error) => {
                    running.is_lost = true;
                    return Err(error);
                }
            };
            let heard_for = end_of_command
                .as_ref()
                .map(|(_, since): &(_, Instant)| since.elapsed());
            if heard_for.is_none_or(|heard_for| heard_for > LONGEST_AFTER_END) {
                patience = Duration::ZERO;
            }
            match happening {
                Happening::Arrived {
                    pid,
                    parent,
                    injection,
                    channel,
                } => {
                    guardian::look_after(injection.foothold());
                    let summons = running.summons.remove(&pid);
                    if summons.is_none() {
                        // If it was one before, it has executed another program.
                        self.forget(pid);
                    }
                    let quiet = Quiet {
                        pid,
                        injection: match summons {
                            Some(summons) => summons.injection.with_pipes_of(&injection),
                            None => injection,
                        },
                        channel,
                        breakpoints: self.breakpoints_of_new(parent),
                    };
                    if let Some(running) = &mut self.running {
                        // One that has closed the pipes of the one before has made others.
                        running.quiet.retain(|one| one.pid != pid);
                        running.quiet.push(quiet);
                    }
                }
                Happening::Refused { pid, why } => {
                    let why = why.to_string();
                    self.events.push(Event::Unaccompanied { pid, why });
                }
                Happening::Unprivileged { pid, program } => {
                    let program = program.display().to_string();
                    self.events.push(Event::Unprivileged { pid, program });
                }
                Happening::SubInterpreter { pid } => {
                    self.events.push(Event::SubInterpreter { pid });
                }
                Happening::Crashing {
                    pid,
                    tid,
                    fault,
                    standstill,
                } => self.crashes(pid, tid, &fault, standstill),
                Happening::Exiting {
                    pid,
                    tid,
                    end,
                    death,
                    standstill,
                } => self.exits(pid, tid, end, death.as_ref(), standstill),
                Happening::Failing {
                    pid,
                    tid,
                    failure,
                    standstill,
                } => self.fails(pid, tid, failure, standstill),
                Happening::Ended(departure) if Some(departure.pid) == running.tree.root => {
                    end_of_command = Some((departure, Instant::now()));
                    patience = BETWEEN_ROUNDS;
                }
                Happening::Ended(departure) => self.ended(departure),
            }
        }
        if let Some((departure, _)) = end_of_command {
            self.ended(departure);
        }
        Ok(())
    }

    /// Opens the Python processes of the command that have not stopped yet.
    pub(super) fn discover(&mut self) -> Result<(), SessionError> {
        self.take_happenings()?;
        self.listen();
        let Some(running) = &self.running else {
            return Ok(());
        };
        for pid in running.tree.processes() {
            let place = self
                .inferiors
                .iter()
                .position(|one| one.report.pid == Some(pid));
            let known = place.and_then(|place| self.inferiors.get_mut(place));
            if known.as_ref().is_some_and(|known| !known.ended) {
                continue;
            }
            // It may end meanwhile, or have no Python: then there is nothing to look at.
            let opened = Inferior::open(&Target::Live(pid), &running.locator);
            let Ok(mut inferior) = opened else {
                continue;
            };
            inferior.custody = running.tree.custody();
            match known {
                // It has executed another program.
                Some(known) => *known = inferior,
                None if inferior.python.is_ok() => self.inferiors.push(inferior),
                None => {}
            }
        }
        Ok(())
    }

    fn forget(&mut self, pid: Pid) {
        for inferior in &mut self.inferiors {
            if inferior.report.pid == Some(pid) {
                inferior.held = None;
                inferior.crashed = None;
                inferior.kept = None;
                inferior.ended = true;
            }
        }
    }

    fn ended(&mut self, departure: Departure) {
        let Departure {
            pid, end, is_last, ..
        } = departure;
        // What the agent said before it ended.
        self.listen();
        let stood = (self.inferiors.iter())
            .find(|one| {
                one.report.pid == Some(pid) && (one.crashed.is_some() || one.kept.is_some())
            })
            .map(|one| one.report.name.clone());
        if let Some(name) = stood {
            let how = describe(end);
            self.events.push(Event::Killed { pid, name, how });
        }
        self.forget(pid);
        for inferior in &mut self.inferiors {
            if inferior.report.pid == Some(pid) {
                inferior.how = Some(describe(end));
            }
        }
        let Some(running) = &mut self.running else {
            return;
        };
        running.quiet.retain(|quiet| quiet.pid != pid);
        running.summons.remove(&pid);
        running.queue.retain(|(other, _)| *other != pid);
        running.stops.remove(&pid);
        running.beneath.remove(&pid);
        running.aside.retain(|aside| aside.pid != pid);
        running.shown_before.remove(&pid);
        running.stepping = running.stepping.filter(|(other, _)| *other != pid);
        running.ended += 1;
        let is_root = Some(pid) == running.tree.root;
        running.failures.ended(departure, is_root);
        if is_root || (is_last && running.tree.root.is_none()) {
            running.end = Some(end);
            let still = running.tree.processes().len();
            self.events.push(Event::Finished(Summary {
                how: is_root.then(|| describe(end)),
                processes: running.ended + still,
                running: still,
                failures: running.failures.told().to_vec(),
                let_pass: running.failures.let_pass,
                not_followed: running.not_followed,
            }));
            self.let_all_go();
        }
    }

    /// Takes what the agents have to say.
    pub(super) fn listen(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let mut place = 0;
        while let Some(quiet) = running.quiet.get_mut(place) {
            match quiet.channel.receive(Duration::ZERO) {
                Ok(Some(Message::Event(event @ agent::Event::Stopped { .. }))) => {
                    let quiet = running.quiet.swap_remove(place);
                    match stopped(quiet, &running.locator, event, &self.interrupted) {
                        Ok((mut inferior, events)) => {
                            self.events.extend(running.note_stop(&mut inferior, events));
                            let known = self
                                .inferiors
                                .iter_mut()
                                .find(|one| one.report.pid == inferior.report.pid);
                            match known {
                                Some(known) => *known = inferior,
                                None => self.inferiors.push(inferior),
                            }
                        }
                        Err((pid, error)) => {
                            let why = error.to_string();
                            self.events.push(Event::Unaccompanied { pid, why });
                        }
                    }
                }
                Ok(Some(Message::Event(agent::Event::Log { number, text, .. }))) => {
                    self.events.push(Event::Logged { number, text });
                }
                Ok(Some(Message::Event(agent::Event::Output { text }))) => {
                    self.events.push(Event::Printed { text });
                }
                Ok(Some(_)) => {}
                Ok(None) => place += 1,
                // It has ended, or has executed another program: the tracer tells.
                Err(_) => drop(running.quiet.swap_remove(place)),
            }
        }
        for inferior in &mut self.inferiors {
            if inferior.held.is_none() || inferior.stands_still() {
                continue;
            }
            match inferior.hear(&self.interrupted) {
                Ok(events) if inferior.stands_still() => {
                    self.events.extend(running.note_stop(inferior, events));
                }
                Ok(events) => self.events.extend(events),
                Err(_) => inferior.held = None,
            }
        }
    }
}

/// Makes an inferior of a process that has stopped.
fn stopped(
    quiet: Quiet,
    locator: &Locator,
    event: agent::Event,
    interrupted: &AtomicBool,
) -> Result<(Inferior, Vec<Event>), (Pid, SessionError)> {
    let Quiet {
        pid,
        injection,
        channel,
        breakpoints,
    } = quiet;
    let opened = Inferior::open(&Target::Live(pid), locator);
    let opened = opened.map_err(|error| {
        let why = error.to_string();
        (pid, SessionError::NotOpened { why })
    });
    let mut inferior = opened?;
    let mut held = Held::arriving(pid, injection, channel);
    held.note(&event);
    inferior.held = Some(held);
    inferior.breakpoints = breakpoints;
    match inferior.happened(event, interrupted) {
        Ok(events) => Ok((inferior, events)),
        Err(error) => Err((pid, error)),
    }
}
