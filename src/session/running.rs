//! A session about a command that pmdb has started, with all its processes: whichever of them stops gets the focus.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::api::{Event, Resume, Stop, StoppedProcess};
use super::breakpoints::Breakpoints;
use super::error::SessionError;
use super::failing::Aside;
use super::failures::Failures;
use super::inferior::Inferior;
use super::listing::Library;
use super::look::{Session, SessionOptions};
use super::segment_watches::SegmentWatches;
use super::selection::{Selection, StopKind};
use super::summons::Summons;
use super::tree::{Happening, Tree};
use crate::model::Pid;
use crate::process::trace::{End, Program};
use crate::python::agent::{Channel, Injection};
use crate::python::locate::Locator;

/// How long one `Wait` waits at most.
const GLANCE: Duration = Duration::from_millis(100);
/// How often the agents are listened to.
pub(super) const BETWEEN_ROUNDS: Duration = Duration::from_millis(4);
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
    pub(super) end: Option<End>,
    /// Nothing more will be heard of the processes.
    pub(super) is_lost: bool,
    /// How many processes have ended.
    pub(super) ended: usize,
    /// How many could not be followed.
    pub(super) not_followed: usize,
    /// It was said that job control has stopped all of them.
    pub(super) is_suspended: bool,
    pub(super) failures: Failures,
    /// Which processes stop by themselves, and for what.
    pub(super) selection: Selection,
    /// Breakpoints of those that come later.
    pub(super) later: Breakpoints,
    /// A failure has stopped a process.
    pub(super) has_failed: bool,
    pub(super) segment_watches: SegmentWatches,
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
            dumped: None,
        })
    }
}

impl Running {
    pub(super) fn of(tree: Tree, selection: Selection) -> Running {
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
            not_followed: 0,
            is_suspended: false,
            failures: Failures::default(),
            selection,
            later: Breakpoints::default(),
            has_failed: false,
            segment_watches: SegmentWatches::default(),
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
        match how {
            Resume::Continue => self.arm_newcomers(),
            // There may be many.
            _ => self.look_for_newcomers(),
        }
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
            self.look_for_newcomers();
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
            self.look_for_newcomers();
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
