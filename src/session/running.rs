//! A session about a command that pmdb has started, with all its processes: whichever of them stops gets the focus.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::api::{Event, Resume, Stop, StoppedProcess, Summary};
use super::breakpoints::Breakpoints;
use super::error::SessionError;
use super::failing::Aside;
use super::failures::Failures;
use super::guardian;
use super::held::Held;
use super::inferior::Inferior;
use super::launched::describe;
use super::listing::Library;
use super::look::{Session, SessionOptions};
use super::selection::{Selection, StopKind};
use super::stack::Target;
use super::summons::Summons;
use super::tree::{Departure, Happening, Tree};
use crate::model::Pid;
use crate::process::trace::{End, Program};
use crate::python::agent::{self, Channel, Injection, Message};
use crate::python::locate::Locator;

/// How long one `Wait` waits at most.
const GLANCE: Duration = Duration::from_millis(100);
/// How often the agents are listened to.
pub(super) const BETWEEN_ROUNDS: Duration = Duration::from_millis(4);
/// For how long the ends of other processes are waited for when the command has ended.
const LONGEST_AFTER_END: Duration = Duration::from_millis(100);
/// How long a step may take before processes are shown that have stopped meanwhile: it may wait for one of them.
const LONGEST_STEP: Duration = Duration::from_secs(1);
/// How long the processes of a command may take to end when they are asked to.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a session needs to follow a command.
pub(super) struct Running {
    pub(super) tree: Tree,
    pub(super) locator: Locator,
    /// Processes with an agent that has not stopped them yet. Each becomes an inferior when it has.
    pub(super) quiet: Vec<Quiet>,
    /// Forked children that were asked to stop, until they are heard of.
    pub(super) summons: BTreeMap<Pid, Summons>,
    /// Processes that have stopped while another had the focus, with what is to be told then.
    pub(super) queue: VecDeque<(Pid, Vec<Event>)>,
    /// The one that was shown last.
    pub(super) shown: Option<Pid>,
    /// How processes stood still when they were shown.
    pub(super) stops: BTreeMap<Pid, Stop>,
    /// Threads that wait where they fail, since another one of their process stands still.
    pub(super) aside: VecDeque<Aside>,
    /// How processes stand still beneath what is shown of them.
    pub(super) beneath: BTreeMap<Pid, Stop>,
    /// Those in the queue that were shown before.
    pub(super) shown_before: BTreeSet<Pid>,
    /// The process that makes a step, if one does, and how long others wait for that.
    pub(super) stepping: Option<(Pid, Instant)>,
    /// How the command itself has ended.
    end: Option<End>,
    /// Nothing more will be heard of the processes.
    is_lost: bool,
    /// How many processes have ended.
    ended: usize,
    /// It was said that job control has stopped all of them.
    is_suspended: bool,
    pub(super) failures: Failures,
    /// Which processes stop by themselves, and for what.
    pub(super) selection: Selection,
    /// Breakpoints of those that come later.
    pub(super) later: Breakpoints,
    /// A failure has stopped a process.
    pub(super) has_failed: bool,
}

pub(super) struct Quiet {
    pub pid: Pid,
    pub injection: Injection,
    pub channel: Channel,
    /// What its agent has.
    pub breakpoints: Breakpoints,
}

impl Session {
    /// Starts a command, which runs until something goes wrong in it or in a process that it makes.
    pub fn run(
        program: Program,
        options: SessionOptions,
        selection: Selection,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Session, SessionError> {
        let tree = Tree::start(program, &selection)?;
        Ok(Session {
            focus: 0,
            inferiors: Vec::new(),
            events: Vec::new(),
            library: Library::new(options.syntax),
            limits: options.limits,
            interrupted,
            running: Some(Running::of(tree, selection)),
            is_family: false,
            under_way: Vec::new(),
        })
    }

    /// Follows the processes of a family that runs already: from now on each of them, and each that they make, stops where something goes wrong in it.
    pub(super) fn join(&mut self) -> Result<(), SessionError> {
        if self.running.is_some() || !self.is_family {
            return Ok(());
        }
        let selection = Selection::default();
        let living = self.inferiors.iter().filter(|one| !one.ended);
        let living: Vec<Pid> = living.filter_map(|one| one.report.pid).collect();
        let (tree, refused) = Tree::join(&living, &selection)?;
        let is_followed = |pid: Pid| !refused.iter().any(|(other, _)| *other == pid);
        let locator = Locator::default();
        for pid in tree.processes() {
            let is_known = |one: &Inferior| one.report.pid == Some(pid) && !one.ended;
            if !self.inferiors.iter().any(is_known)
                && let Ok(inferior) = Inferior::open(&Target::Live(pid), &locator)
            {
                self.inferiors.push(inferior);
            }
        }
        for inferior in &mut self.inferiors {
            if let Some(pid) = inferior.report.pid.filter(|&pid| is_followed(pid)) {
                inferior.be_followed(&tree.custody(), selection.wanted());
                if let Some(held) = &inferior.held {
                    tree.note_agent(pid, held.heritage());
                }
            }
        }
        let refused = refused.into_iter().map(|(pid, why)| {
            let why = why.to_string();
            Event::Unaccompanied { pid, why }
        });
        self.events.extend(refused);
        self.running = Some(Running::of(tree, selection));
        self.accompany_all();
        Ok(())
    }

    /// Brings agents into those that have none, which go on at once.
    fn accompany_all(&mut self) {
        let focused = self.focus;
        for index in 0..self.inferiors.len() {
            let is_meant = |one: &Inferior| {
                !one.ended && !one.stands_still() && one.held.is_none() && one.located().is_ok()
            };
            if self.interrupted.load(Ordering::Relaxed) {
                break;
            }
            if !self.inferiors.get(index).is_some_and(is_meant) {
                continue;
            }
            self.focus = index;
            let held = self.hold_focused();
            let Some(inferior) = self.inferiors.get_mut(index) else {
                continue;
            };
            // What it stops for is its request alone.
            let going_on = held.and_then(|_| match inferior.stands_still() {
                true => inferior.resume(Resume::Continue),
                false => Ok(()),
            });
            if let (Err(why), Some(pid)) = (going_on, inferior.report.pid) {
                let why = why.to_string();
                self.events.push(Event::Unaccompanied { pid, why });
            }
        }
        self.focus = focused;
    }

    /// Whether it follows processes that have run before pmdb came.
    pub fn has_joined(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|it| it.tree.root.is_none())
    }
}

impl Running {
    fn of(tree: Tree, selection: Selection) -> Running {
        Running {
            tree,
            locator: Locator::default(),
            quiet: Vec::new(),
            summons: BTreeMap::new(),
            queue: VecDeque::new(),
            shown: None,
            stops: BTreeMap::new(),
            aside: VecDeque::new(),
            beneath: BTreeMap::new(),
            shown_before: BTreeSet::new(),
            stepping: None,
            end: None,
            is_lost: false,
            ended: 0,
            is_suspended: false,
            failures: Failures::default(),
            selection,
            later: Breakpoints::default(),
            has_failed: false,
        }
    }
}

impl Session {
    /// Whether it follows a command with all its processes.
    pub fn is_about_a_command(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the command that was [run](Session::run) has ended, or the process that had asked for pmdb goes on without it.
    pub fn is_over(&self) -> bool {
        let running = self.running.as_ref();
        let has_ended = running.is_some_and(|running| {
            running.is_lost || (running.end.is_some() && running.queue.is_empty())
        });
        has_ended || self.is_let_go()
    }

    /// Lets the focused process go on. If a thread of it waits where it fails, that is shown first.
    pub(super) fn resume_focused(&mut self, how: Resume) -> Result<(), SessionError> {
        let aside = (how == Resume::Continue).then(|| self.bring_back_one());
        let aside = aside.flatten();
        let inferior = (self.inferiors.get_mut(self.focus)).ok_or(SessionError::NoSuchProcess)?;
        if let Err(error) = inferior.resume(how) {
            if let Some(aside) = aside {
                self.set_aside(aside);
            }
            return Err(error);
        }
        if how == Resume::Continue {
            inferior.kept = None;
        }
        self.note_resumed(how);
        if let Some(aside) = aside {
            self.comes_first(aside);
        }
        Ok(())
    }

    /// The focused process goes on.
    pub(super) fn note_resumed(&mut self, how: Resume) {
        let pid = self
            .inferiors
            .get(self.focus)
            .and_then(|one| one.report.pid);
        if let Some(pid) = pid {
            self.keep_waiting(pid);
            self.show_beneath(pid);
        }
        if let Some(running) = &mut self.running {
            running.stepping = None;
        }
        if how != Resume::Continue {
            self.note_step();
        }
    }

    /// The focused process is about to stop: others are not shown before, unless that takes long.
    pub(super) fn note_step(&mut self) {
        let focused = self.inferiors.get(self.focus);
        if let (Some(running), Some(pid)) =
            (&mut self.running, focused.and_then(|one| one.report.pid))
        {
            running.stepping = Some((pid, Instant::now() + LONGEST_STEP));
        }
    }

    /// Takes what has happened in the processes of a command while nobody asks for it: those that are not to stop go on.
    pub fn attend(&mut self) {
        // If it fails, the next that is asked for says so.
        if self.running.is_some() && self.take_happenings().is_ok() {
            self.listen();
        }
    }

    /// Waits a moment for what happens in any of the processes.
    pub(super) fn wait_for_any(&mut self) -> Result<(), SessionError> {
        self.keep_keyboard(self.keeps_some());
        let deadline = Instant::now() + GLANCE;
        while Instant::now() < deadline && !self.interrupted.load(Ordering::Relaxed) {
            // What has become meanwhile of those that wait to be shown.
            self.take_happenings()?;
            self.listen();
            self.show_those_aside();
            if self.show_next() {
                self.keep_keyboard(true);
                return Ok(());
            }
            if self.is_over() {
                return Ok(());
            }
        }
        self.note_suspension();
        Ok(())
    }

    /// Says once that nothing will happen, since job control has stopped all processes.
    fn note_suspension(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let suspended = running.tree.suspended();
        let is_news = !std::mem::replace(&mut running.is_suspended, !suspended.is_empty());
        let told = suspended.into_iter().filter(|_| is_news);
        self.events.extend(told.map(|pid| Event::Suspended { pid }));
    }

    pub(super) fn keep_keyboard(&self, is_ours: bool) {
        if let Some(running) = &self.running {
            let flag = &running.tree.keyboard_is_ours;
            flag.store(is_ours, Ordering::Relaxed);
        }
    }

    /// Puts the focus on the process that has stopped first and was not shown yet.
    pub(super) fn show_next(&mut self) -> bool {
        let kept = self.kept();
        let Some(running) = &mut self.running else {
            return false;
        };
        while let Some((pid, mut events)) = running.next_to_show(&kept) {
            // Of one that was killed meanwhile the end is told, not the stop.
            let is_there = |one: &Inferior| {
                one.stands_still() && (one.crashed.is_some() || one.process.has_changed().is_none())
            };
            let place = (self.inferiors.iter())
                .position(|one| one.report.pid == Some(pid) && is_there(one));
            let Some(place) = place else {
                continue;
            };
            let waiting = (running.queue.iter()).filter(|(pid, _)| !kept.contains(pid));
            let waiting = waiting.count();
            let is_other = running.shown.replace(pid) != Some(pid);
            for event in &mut events {
                let Event::Stopped(stop) = event else {
                    continue;
                };
                running.stops.insert(pid, stop.clone());
                if is_other || StopKind::of(&stop.reason).is_some() {
                    let name = self.inferiors.get(place).map(|one| one.report.name.clone());
                    stop.process = Some(StoppedProcess { pid, name, waiting });
                }
            }
            self.focus = place;
            self.events.extend(events);
            return true;
        }
        false
    }

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

    /// Processes that have run before pmdb came go on when it leaves.
    fn leave_all(&mut self) {
        if let Some(running) = &mut self.running {
            running.quiet.clear();
            running.aside.drain(..).for_each(|aside| aside.let_go());
        }
        self.inferiors.iter_mut().for_each(Inferior::let_crash);
    }

    /// Ends all processes of the command. Gives back its exit code if it has ended by itself.
    pub(super) fn end_command(&mut self) -> Option<i32> {
        let taken = self.take_happenings();
        let running = self.running.as_mut()?;
        if running.tree.root.is_none() {
            self.leave_all();
            return None;
        }
        if let Some(end) = running.end {
            return Some(end.exit_code());
        }
        if taken.is_err() {
            return Some(1);
        }
        // Those that crash die when they go on. The others are to be asked to end before they see that.
        let living = self.inferiors.iter_mut();
        for inferior in living.filter(|one| one.crashed.is_none()) {
            let _ = inferior.release();
        }
        running.quiet.clear();
        running.aside.drain(..).for_each(|aside| aside.let_go());
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            for pid in running.tree.processes() {
                let _ = kill(nix::unistd::Pid::from_raw(pid.0.cast_signed()), signal);
            }
            self.inferiors.iter_mut().for_each(Inferior::let_crash);
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline && !running.tree.processes().is_empty() {
                match running.tree.next(BETWEEN_ROUNDS) {
                    Ok(Some(
                        Happening::Crashing { standstill, .. }
                        | Happening::Failing { standstill, .. }
                        | Happening::Exiting { standstill, .. },
                    )) => standstill.end(),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        }
        None
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
