//! A process that stands still since a thread of it panics, or since nobody catches an exception of C++. It is looked at; then it goes on to
//! whatever its own program does with it.
//!
//! If another thread of it stands at the prompt, the one that fails waits where it is, alone, until that goes on or it is
//! asked for. Only one that has the interpreter is let go on: nothing could be run at the prompt as long as it waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::alarms::NativeFailure;
use super::api::{Event, Stop};
use super::crashed::Crashed;
use super::held::Held;
use super::inferior::Inferior;
use super::look::Session;
use super::tree::Standstill;
use crate::model::{GilState, Pid, Tid};
use crate::process::live::thread_name;

/// How long it may take until is heard what a thread fails of that stands where it does.
const LONGEST_NEWS: Duration = Duration::from_secs(1);

/// A thread that waits where it fails.
pub(super) struct Aside {
    pub pid: Pid,
    tid: Tid,
    failure: NativeFailure,
    standstill: Standstill,
}

impl Aside {
    /// It goes on, and nobody is shown what it fails of.
    pub fn let_go(&self) {
        self.standstill.let_go(self.tid);
    }
}

impl Session {
    /// A thread stands still where its own code is about to give up.
    pub(super) fn fails(
        &mut self,
        pid: Pid,
        tid: Tid,
        failure: NativeFailure,
        standstill: Standstill,
    ) {
        // What the agent said before it.
        self.listen();
        let is_aside = standstill.is_aside(tid);
        let has_gone_on = !is_aside && !standstill.is_at_tripwire(tid);
        let aside = Aside {
            pid,
            tid,
            failure,
            standstill,
        };
        let stands =
            |one: &&Inferior| one.report.pid == Some(pid) && !one.ended && one.stands_still();
        if has_gone_on {
            // It was let go on, for what was run at the prompt: by its own thread, whose matter it is, or by another that waited for it.
            let standing = self.inferiors.iter().find(stands);
            if standing.is_some_and(|one| !one.stands_in(tid)) {
                self.note_let_pass(&aside);
            }
            return;
        }
        if let Some(standing) = self.inferiors.iter().find(stands) {
            // What stands at the prompt, or waits to be shown, comes first.
            if self.holds_interpreter(standing, tid) {
                self.note_let_pass(&aside);
                match is_aside {
                    true => aside.let_go(),
                    false => aside.standstill.end(),
                }
            } else if is_aside || aside.standstill.set_aside() {
                self.note_aside(&aside);
                if let Some(running) = &mut self.running {
                    running.aside.push_back(aside);
                }
            }
            return;
        }
        if is_aside && !aside.standstill.bring_back(tid) {
            // It stands still for another thread, which is told next.
            if let Some(running) = &mut self.running {
                running.aside.push_back(aside);
            }
            return;
        }
        let quiet = self.running.as_mut().and_then(|running| {
            let place = running.quiet.iter().position(|quiet| quiet.pid == pid)?;
            Some(running.quiet.swap_remove(place))
        });
        let Some(place) = self.standing_before_its_end(pid) else {
            return aside.standstill.end();
        };
        if let (Some(quiet), Some(inferior)) = (quiet, self.inferiors.get_mut(place)) {
            inferior.held = Some(Held::arriving(pid, quiet.injection, quiet.channel));
            inferior.breakpoints = quiet.breakpoints;
        }
        let events = self.stops_at(place, aside);
        if let Some(running) = self.running.as_mut().filter(|_| !events.is_empty()) {
            running.queue.push_back((pid, events));
        }
    }

    /// The threads that wait where they fail are shown, or wait to be, when nothing else of their process stands still.
    pub(super) fn show_those_aside(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let is_standing = |pid: Pid| {
            let mut inferiors = self.inferiors.iter();
            inferiors.any(|one| one.report.pid == Some(pid) && one.stands_still())
        };
        let all = std::mem::take(&mut running.aside);
        let (waiting, due): (VecDeque<Aside>, VecDeque<Aside>) = (all.into_iter())
            .partition(|aside| is_standing(aside.pid) || running.is_in_step(aside.pid));
        running.aside = waiting;
        for aside in due {
            let Aside {
                pid,
                tid,
                failure,
                standstill,
            } = aside;
            self.fails(pid, tid, failure, standstill);
        }
    }

    /// Shows a thread of the focused process that waits where it fails, though another one stands still there. That is shown
    /// again behind it.
    pub(super) fn show_one_aside(&mut self) -> bool {
        let Some(aside) = self.bring_back_one() else {
            return false;
        };
        let pid = aside.pid;
        if let Some(running) = &mut self.running
            && let Some(stop) = running.stops.get(&pid).cloned()
        {
            running.beneath.insert(pid, stop);
        }
        self.comes_first(aside);
        self.show_next()
    }

    /// Those that the tracer has set aside, and whose failure is still to be told.
    fn hear_of_those_aside(&mut self) {
        let deadline = Instant::now() + LONGEST_NEWS;
        while Instant::now() < deadline
            && (self.running.as_ref()).is_some_and(|it| it.aside.len() < it.tree.aside())
            && self.take_happenings().is_ok()
        {}
    }

    /// The focused process stands still, all of it, for a thread that waited where it fails; nothing if there is none.
    pub(super) fn bring_back_one(&mut self) -> Option<Aside> {
        self.hear_of_those_aside();
        let focused = self.inferiors.get(self.focus);
        let focused = focused.filter(|one| one.crashed.is_none() && one.stands_still());
        let pid = focused.and_then(|inferior| inferior.report.pid)?;
        let running = self.running.as_mut()?;
        let place = running.aside.iter().position(|aside| aside.pid == pid)?;
        let aside = running.aside.remove(place)?;
        if aside.standstill.bring_back(aside.tid) {
            return Some(aside);
        }
        running.aside.push_back(aside);
        None
    }

    /// It waits again.
    pub(super) fn set_aside(&mut self, aside: Aside) {
        if aside.standstill.set_aside()
            && let Some(running) = &mut self.running
        {
            running.aside.push_front(aside);
        }
    }

    /// What the focused process stands still for is shown next.
    pub(super) fn comes_first(&mut self, aside: Aside) {
        let pid = aside.pid;
        let events = self.stops_at(self.focus, aside);
        if let Some(running) = self.running.as_mut().filter(|_| !events.is_empty()) {
            running.queue.push_front((pid, events));
        }
    }

    /// A process stands still for a thread of it that fails. Nothing if it is not to stay so.
    fn stops_at(&mut self, place: usize, aside: Aside) -> Vec<Event> {
        let Aside {
            pid,
            tid,
            failure,
            standstill,
        } = aside;
        if failure == NativeFailure::Written {
            return self.stops_behind_write(place, (pid, tid), standstill);
        }
        let (Some(running), Some(inferior)) = (&mut self.running, self.inferiors.get_mut(place))
        else {
            return Vec::new();
        };
        let told = told(pid, tid, &failure);
        if failure.kind().is_failure() {
            let name = &inferior.report.name;
            running.failures.failed(pid, tid, name, told.clone());
        }
        if !running.keeps(inferior, failure.kind()) {
            standstill.end();
            return Vec::new();
        }
        let outer = inferior.held.as_ref().and_then(Held::standing).is_some();
        let outer = outer.then(|| inferior.outer());
        let agent = inferior.held.take();
        let crashed = Crashed::failing(tid, &failure, agent, outer, standstill);
        let mut events = inferior.crash(crashed, failure.reason(), told, &self.interrupted);
        for event in &mut events {
            if let Event::Stopped(stop) = event {
                stop.fate = failure.fate().map(str::to_string);
            }
        }
        events
    }

    fn holds_interpreter(&self, inferior: &Inferior, tid: Tid) -> bool {
        let threads = inferior.threads(&self.interrupted).unwrap_or_default();
        let mut threads = threads.iter();
        threads.any(|thread| {
            let status = thread.status.as_ref();
            thread.gil == GilState::Holds && status.is_some_and(|status| status.tid == tid)
        })
    }

    fn note_let_pass(&mut self, aside: &Aside) {
        let name = self.name_of(aside.pid);
        if let Some(running) = (self.running.as_mut()).filter(|_| aside.failure.kind().is_failure())
        {
            let told = told(aside.pid, aside.tid, &aside.failure);
            running.failures.failed(aside.pid, aside.tid, &name, told);
            running.failures.let_pass += 1;
        }
    }

    fn note_aside(&mut self, aside: &Aside) {
        let (pid, name) = (aside.pid, self.name_of(aside.pid));
        let what = told(pid, aside.tid, &aside.failure);
        self.events.push(Event::FailedAside { pid, name, what });
    }

    fn name_of(&self, pid: Pid) -> String {
        let inferior = self
            .inferiors
            .iter()
            .find(|one| one.report.pid == Some(pid));
        inferior.map_or_else(String::new, |one| one.report.name.clone())
    }

    /// A process has gone on: another thread of it may have stood still all the time.
    pub(super) fn show_beneath(&mut self, pid: Pid) {
        let Some(running) = &mut self.running else {
            return;
        };
        let Some(stop) = running.beneath.remove(&pid) else {
            return;
        };
        let mut inferiors = self.inferiors.iter();
        if inferiors.any(|one| one.report.pid == Some(pid) && one.stands_still()) {
            running.stops.insert(pid, stop.clone());
            running
                .queue
                .push_front((pid, vec![Event::Stopped(Stop::again(&stop))]));
        }
    }
}

fn told(pid: Pid, tid: Tid, failure: &NativeFailure) -> String {
    let thread = (tid.0 != pid.0).then(|| thread_name(pid, tid)).flatten();
    failure.told(thread.as_deref())
}
