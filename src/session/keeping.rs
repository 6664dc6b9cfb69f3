//! Processes that the user keeps where they are while others go on.

use super::api::{Progress, Resume};
use super::inferior::Inferior;
use super::look::Session;
use super::waiting::ASKED_FOR;

/// What a process that is kept did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It ran, and goes on when it is released.
    Running,
    /// It stood still for another reason, and goes on standing.
    Standing,
}

impl Session {
    /// They stay where they are, and are stopped for that if they run.
    pub(super) fn keep(&mut self, processes: &[usize]) -> Progress {
        for &index in processes {
            if let Some(inferior) = self.inferiors.get_mut(index)
                && !inferior.ended
                && inferior.kept.is_none()
            {
                inferior.kept = Some(match inferior.stands_still() {
                    true => Kept::Standing,
                    false => Kept::Running,
                });
            }
        }
        self.hold_several(processes)
    }

    /// Those that ran go on. One that has come to something of its own on the way to its stop waits to be shown.
    pub(super) fn let_go_of(&mut self, processes: &[usize]) {
        for &index in processes {
            let Some(inferior) = self.inferiors.get_mut(index) else {
                continue;
            };
            let was_running = inferior.kept.take() == Some(Kept::Running);
            if was_running && inferior.stands_where_asked() {
                // If it cannot be told to, it has ended.
                let _ = inferior.resume(Resume::Continue);
                if let (Some(running), Some(pid)) = (&mut self.running, inferior.report.pid) {
                    running.forget_stop(pid);
                }
            }
        }
    }

    /// When the command has ended nobody is kept any more.
    pub(super) fn let_all_go(&mut self) {
        let all: Vec<usize> = (0..self.inferiors.len()).collect();
        self.let_go_of(&all);
    }

    /// Whether Ctrl-C is to give the prompt back instead of ending the command: one that waits for somebody who is kept waits for ever.
    pub fn keeps_some(&self) -> bool {
        self.inferiors.iter().any(|one| one.kept.is_some())
    }
}

impl Inferior {
    /// Whether it stands still for no reason but that it was asked to.
    fn stands_where_asked(&self) -> bool {
        let reason = self.why_stopped.as_ref().map(|(reason, _)| reason.as_str());
        self.stands_still()
            && self.crashed.is_none()
            && reason.is_some_and(|reason| ASKED_FOR.contains(&reason))
    }
}
