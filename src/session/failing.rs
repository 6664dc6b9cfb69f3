//! A process that stands still since a thread of it panics, or since nobody catches an exception of C++. It is looked at; then it goes on to
//! whatever its own program does with it.

use super::alarms::NativeFailure;
use super::crashed::Crashed;
use super::held::Held;
use super::look::Session;
use super::tree::Standstill;
use crate::model::{Pid, Tid};
use crate::process::live::thread_name;

impl Session {
    /// A thread stands still where its own code is about to give up.
    pub(super) fn fails(
        &mut self,
        pid: Pid,
        tid: Tid,
        failure: &NativeFailure,
        standstill: Standstill,
    ) {
        // What the agent said before it.
        self.listen();
        // It may have been let go on, for what was run in it at the prompt.
        if !standstill.is_at_tripwire() {
            return;
        }
        let stands = |one: &super::inferior::Inferior| {
            one.report.pid == Some(pid) && !one.ended && one.stands_still()
        };
        if self.inferiors.iter().any(stands) {
            // Another thread of it stands at the prompt, or waits to be shown. That comes first.
            return standstill.end();
        }
        let quiet = self.running.as_mut().and_then(|running| {
            let place = running.quiet.iter().position(|quiet| quiet.pid == pid)?;
            Some(running.quiet.swap_remove(place))
        });
        let Some(place) = self.standing_before_its_end(pid) else {
            return standstill.end();
        };
        let (Some(running), Some(inferior)) = (&mut self.running, self.inferiors.get_mut(place))
        else {
            return;
        };
        if let Some(quiet) = quiet {
            inferior.held = Some(Held::arriving(pid, quiet.injection, quiet.channel));
            inferior.breakpoints = quiet.breakpoints;
        }
        let thread = (tid.0 != pid.0).then(|| thread_name(pid, tid)).flatten();
        let told = failure.told(thread.as_deref());
        let name = &inferior.report.name;
        if failure.kind().is_failure() {
            running.failures.failed(pid, tid, name, told.clone());
        }
        if !running.keeps(inferior, failure.kind()) {
            return standstill.end();
        }
        let agent = inferior.held.take();
        let crashed = Crashed::failing(tid, failure, agent, standstill);
        let mut events = inferior.crash(crashed, failure.reason(), told, &self.interrupted);
        for event in &mut events {
            if let super::api::Event::Stopped(stop) = event {
                stop.fate = failure.fate().map(str::to_string);
            }
        }
        running.queue.push_back((pid, events));
    }
}
