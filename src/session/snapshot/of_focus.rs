//! A snapshot of the process that a person looks at.

use std::path::{Path, PathBuf};

use super::{Occasion, SnapshotOptions, new_names, take_in};
use crate::model::CauseFacts;
use crate::process::trace::Custody;
use crate::session::inferior::Inferior;
use crate::session::look::Session;
use crate::session::view::Thrown;
use crate::snapshot::write_new;

impl Session {
    /// Why a process stands still.
    fn cause_of(&self, inferior: &Inferior) -> Option<CauseFacts> {
        let (reason, what) = inferior.why_stopped.clone()?;
        let pid = inferior.report.pid?;
        let failures = self
            .running
            .iter()
            .flat_map(|running| running.failures.told());
        let failure = failures.filter(|failure| failure.pid == pid).last();
        let told = failure.map(|failure| [&failure.raised, &failure.failed, &failure.why]);
        let told = told.into_iter().flatten().flatten().cloned();
        let view = inferior.view.as_ref();
        Some(CauseFacts {
            reason,
            thread: inferior.signalled.or(view.and_then(|view| view.tid)),
            thread_state: inferior.standing_thread.or(view.map(|view| view.thread)),
            exception: inferior.raised.map(Thrown::exception),
            has_left: matches!(inferior.raised, Some(Thrown::Lost(_))),
            evidence: told.filter(|text| Some(text) != what.as_ref()).collect(),
            what,
        })
    }

    /// Writes a snapshot of the focused process into a folder, which is made if it is not there, and gives its path. An earlier
    /// file is never replaced.
    pub fn write_down(&self, folder: &Path) -> Result<PathBuf, String> {
        let inferior = self.inferiors.get(self.focus);
        let pid = inferior.and_then(|inferior| inferior.report.pid);
        let pid = pid.ok_or("there is no process any more")?;
        let names = new_names(folder, pid).map_err(|error| error.to_string())?;
        let custody = match &self.running {
            Some(running) => running.tree.custody(),
            None => Custody::Nobody,
        };
        let options = SnapshotOptions {
            depth: SnapshotOptions::DEPTH,
            full: false,
            secrets: false,
            fork: false,
            shared: SnapshotOptions::SHARED,
        };
        let cause = inferior.and_then(|inferior| self.cause_of(inferior));
        let occasion = Occasion {
            cause,
            memory: None,
        };
        let taken = take_in(&custody, pid, options, occasion, |contents| {
            write_new(names, contents)
        });
        Ok(taken.map_err(|error| error.to_string())?.written.path)
    }
}
