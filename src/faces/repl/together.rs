//! Sets of processes that move: `@all next`, `@w1,w2 stop`, `hold @others`, `release`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::choice::process_labels;
use super::commands;
use super::control::PATIENCE;
use super::run::{Queued, Repl, Trouble};
use super::sets::members;
use super::termination;
use crate::faces::render::set_label::compress;
use crate::model::Pid;
use crate::session::{
    Arrival, Event, ProcessEntry, ProcessState, Progress, Request, Response, Resume, Stop,
};

/// After how long those are named that have not stopped, and after how long the prompt comes back for others that have.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// How a stop that is shown in the set's own answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// With the frame.
    Frame,
    /// As what it is for.
    Held,
}

impl Repl {
    /// Each process of a set that stands still makes its step.
    pub(super) fn step_set(
        &mut self,
        entries: &[ProcessEntry],
        chosen: &[usize],
        how: Resume,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let processes = stopped(entries, chosen)?;
        self.forget_stop();
        let request = Request::ResumeSeveral { processes, how };
        self.wait_for_set(request, Shown::Frame, BTreeMap::new(), out)
    }

    /// Each process of a set that runs is stopped where it is.
    pub(super) fn stop_set(
        &mut self,
        chosen: &[usize],
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let processes = chosen.to_vec();
        let request = Request::HoldSeveral { processes };
        self.wait_for_set(request, Shown::Frame, BTreeMap::new(), out)
    }

    /// `hold @SET`: they stay where they are, whatever others do.
    pub(super) fn hold(&mut self, arguments: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let chosen = self.set_of("hold", arguments)?;
        let entries = self.process_entries();
        let stands = |index: &&usize| {
            let state = entries.get(**index).map(|entry| &entry.state);
            matches!(state, Some(ProcessState::Stopped { .. }))
        };
        let standing = chosen.iter().filter(stands);
        let known = standing.map(|index| (*index, "held".to_string())).collect();
        let processes = chosen;
        self.wait_for_set(Request::Keep { processes }, Shown::Held, known, out)
    }

    /// `release [@SET]`: those that ran before they were held go on.
    pub(super) fn release(&mut self, arguments: &str, out: &mut dyn Write) -> Result<(), Trouble> {
        let entries = self.process_entries();
        let mut processes = match arguments {
            "" => (0..entries.len()).collect(),
            _ => self.set_of("release", arguments)?,
        };
        processes.retain(|index| entries.get(*index).is_some_and(|entry| entry.held));
        if processes.is_empty() {
            let why = "none of these processes is held; `procs` shows which are";
            return Err(Trouble::Words(why.to_string()));
        }
        let request = Request::LetGo {
            processes: processes.clone(),
        };
        self.session.ask(request)?;
        let entries = self.process_entries();
        let said = |index: usize| match entries.get(index).map(|entry| &entry.state) {
            Some(ProcessState::Stopped { .. }) => "released; stands still as before",
            Some(ProcessState::Ended) => "has ended",
            _ => "goes on",
        };
        let answers = processes
            .into_iter()
            .map(|index| (index, said(index).to_string()));
        self.fold(answers.collect(), out)
    }

    /// The processes of a set that is an argument.
    fn set_of(&mut self, command: &str, arguments: &str) -> Result<Vec<usize>, Trouble> {
        let Some(names) = arguments.strip_prefix('@') else {
            let why = format!("Invalid argument: {arguments}");
            return Err(match commands::find(command) {
                Some(command) => Trouble::Usage(why, command),
                None => Trouble::Words(why),
            });
        };
        self.session.ask(Request::Discover)?;
        let entries = self.process_entries();
        members(names, &entries)
    }

    /// Waits until all of them have stopped or ended, and shows where: equal answers once. Ctrl-C stops them where they are.
    fn wait_for_set(
        &mut self,
        request: Request,
        shown: Shown,
        mut answers: BTreeMap<usize, String>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let focused = self.focused_pid();
        let interrupted = self.session.interrupted();
        let is_step = matches!(request, Request::ResumeSeveral { .. });
        let begin = Instant::now();
        let mut deadline = (!is_step).then(|| begin + PATIENCE);
        let (mut next, mut is_told) = (request, false);
        let waited = loop {
            let progress = match self.session.ask(next) {
                Ok(Response::Several(progress)) => progress,
                Ok(_) => break Ok(Vec::new()),
                Err(error) => break Err(error.into()),
            };
            let Progress {
                arrived,
                under_way,
                others_wait,
            } = progress;
            let is_over = self.tell_others(out)?;
            for arrival in arrived {
                let index = arrival.index;
                let text = self.text_of(arrival, shown)?;
                answers.insert(index, text);
            }
            if termination::signal().is_some() {
                break Err(Trouble::Terminated);
            }
            let is_late = deadline.is_some_and(|deadline| Instant::now() > deadline);
            let may_wait = is_step && others_wait && begin.elapsed() > LONGEST_STEP;
            if under_way.is_empty() || is_over || is_late || may_wait {
                break Ok(under_way);
            }
            next = Request::WaitForSeveral;
            if interrupted.swap(false, Ordering::Relaxed) && is_step && deadline.is_none() {
                deadline = Some(Instant::now() + PATIENCE);
                next = Request::HoldSeveral {
                    processes: under_way,
                };
                continue;
            }
            if is_step && !is_told && begin.elapsed() > LONGEST_STEP {
                is_told = true;
                let labels = self.labels_of(&under_way);
                let text = format!("[under way: {labels}; Ctrl-C stops them where they are]");
                self.writer(out).line(&text)?;
            }
            out.flush()?;
        };
        self.focus_on(focused)?;
        for index in waited? {
            let text = match shown {
                Shown::Frame => "[still under way: it is shown when it stops]",
                Shown::Held => "held as soon as it runs a line of Python: it is in C code or waits",
            };
            answers.insert(index, text.to_string());
        }
        self.fold(answers, out)
    }

    /// What has happened to processes beside those that are waited for. Says whether the command has ended by it.
    fn tell_others(&mut self, out: &mut dyn Write) -> Result<bool, Trouble> {
        let mut is_over = false;
        for event in self.session.take_events() {
            is_over |= matches!(event, Event::Finished(_));
            self.writer(out).event(&event)?;
        }
        Ok(is_over)
    }

    /// Where a process has come to.
    fn text_of(&mut self, arrival: Arrival, shown: Shown) -> Result<String, Trouble> {
        let mut text = Vec::new();
        let Arrival {
            index,
            events,
            refused,
        } = arrival;
        let mut stands = None;
        for event in &events {
            match event {
                Event::Ended { how, .. } => {
                    let how = how
                        .as_ref()
                        .map_or(String::new(), |how| format!(" with {how}"));
                    self.writer(&mut text)
                        .line(&format!("[it has ended{how}]"))?;
                }
                Event::Stopped(stop) => {
                    stands = Some(stop);
                    if shown == Shown::Frame || stop.process.is_some() {
                        self.writer(&mut text).event(event)?;
                    }
                }
                other => self.writer(&mut text).event(other)?,
            }
        }
        let result = match (refused, stands) {
            (Some(error), _) => Err(error.into()),
            (None, None) => Ok(()),
            (None, Some(_)) if shown == Shown::Held => {
                self.writer(&mut text).line("held").map_err(Trouble::from)
            }
            (None, Some(stop)) => match self.session.ask(Request::SelectProcess { index }) {
                Ok(_) => {
                    // What has happened to it is not what was asked for.
                    self.session.take_events();
                    self.meet_stop(stop, &mut text)
                }
                Err(error) => Err(error.into()),
            },
        };
        self.report(result, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs the commands of the breakpoint at which a process of a set has stopped, and shows where it stands, if it still does.
    fn meet_stop(&mut self, stop: &Stop, out: &mut dyn Write) -> Result<(), Trouble> {
        let list = self.list_of(stop)?;
        let rest = std::mem::take(&mut self.queue);
        if !list.is_empty() {
            self.queue_list(list);
        }
        self.queue.push_back(Queued::ShowStop(stop.value.clone()));
        self.waits_for_set = true;
        let worked = self.work_off(out);
        self.waits_for_set = false;
        self.queue = rest;
        Ok(worked.map(drop)?)
    }

    fn labels_of(&mut self, processes: &[usize]) -> String {
        let labels = process_labels(&self.process_entries());
        let label = |index: &usize| labels.get(*index).map_or("?", String::as_str);
        compress(processes.iter().map(label))
    }

    /// Puts the focus back to where it was.
    fn focus_on(&mut self, pid: Option<Pid>) -> Result<(), Trouble> {
        let entries = self.process_entries();
        let place = entries.iter().position(|entry| entry.report.pid == pid);
        if let Some(index) = place.filter(|_| pid.is_some()) {
            self.session.ask(Request::SelectProcess { index })?;
            self.session.take_events();
        }
        Ok(())
    }
}

/// Those of a set that stand still, and that the user does not hold where they are.
pub(super) fn stopped(entries: &[ProcessEntry], chosen: &[usize]) -> Result<Vec<usize>, Trouble> {
    let of_set = |index: &&usize| {
        let entry = entries.get(**index);
        entry.is_some_and(|entry| matches!(entry.state, ProcessState::Stopped { .. }))
    };
    let stopped: Vec<usize> = chosen.iter().filter(of_set).copied().collect();
    let is_free = |index: &&usize| entries.get(**index).is_some_and(|entry| !entry.held);
    let free: Vec<usize> = stopped.iter().filter(is_free).copied().collect();
    let why = match (stopped.is_empty(), free.is_empty()) {
        (_, false) => return Ok(free),
        (false, true) => "these processes are held; `release` lets them go on",
        (true, true) => {
            "none of these processes stands still; `procs` shows their states, and `@SET stop` stops those that run"
        }
    };
    Err(Trouble::Words(why.to_string()))
}
