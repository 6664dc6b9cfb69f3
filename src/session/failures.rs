//! The processes of a command in which something went wrong, in the order in which it did.

use std::collections::{BTreeMap, BTreeSet};

use nix::libc;

use super::api::Failure;
use super::launched::describe;
use super::tree::Departure;
use crate::model::{Pid, Tid};
use crate::process::trace::End;

#[derive(Debug, Default)]
pub(super) struct Failures {
    told: Vec<Failure>,
    /// The signals that processes stand or stood before, and which end them.
    crashes: BTreeMap<Pid, i32>,
    /// Processes that stand before their end.
    exits: BTreeSet<Pid>,
    /// The threads whose native code has given up last.
    natives: BTreeMap<Pid, Tid>,
    /// Failures that did not stop since they were not to.
    pub let_pass: usize,
}

impl Failures {
    pub fn told(&self) -> &[Failure] {
        &self.told
    }

    /// An exception has left it.
    pub fn raised(&mut self, pid: Pid, name: &str, error: Option<String>) {
        // A worker may fail in each of a million tasks.
        let last = self.told.iter_mut().rfind(|one| one.pid == pid);
        if let Some(last) = last.filter(|last| last.how.is_none() && last.raised == error) {
            last.times += 1;
            return;
        }
        self.told.push(Failure {
            raised: error,
            times: 1,
            ..failure(pid, name)
        });
    }

    /// A thread panics, or ends the program for an exception of C++.
    pub fn failed(&mut self, pid: Pid, tid: Tid, name: &str, told: String) {
        self.natives.insert(pid, tid);
        let last = self.told.iter_mut().rfind(|one| one.pid == pid);
        let told = Some(told);
        if let Some(last) = last.filter(|last| last.how.is_none() && last.failed == told) {
            last.times += 1;
            return;
        }
        self.told.push(Failure {
            failed: told,
            times: 1,
            ..failure(pid, name)
        });
    }

    /// Whether a signal is but what a failure leads to that was told: who panics or has an exception that nobody catches calls `abort()`.
    pub fn leads_to(&self, pid: Pid, tid: Tid, signal: i32) -> bool {
        signal == libc::SIGABRT && self.natives.get(&pid) == Some(&tid) && self.has_failed(pid)
    }

    /// It is about to die of a signal that a failure leads to which was told.
    pub fn dies(&mut self, pid: Pid, signal: i32) {
        self.crashes.insert(pid, signal);
    }

    /// It is about to die of a signal.
    pub fn crashed(&mut self, pid: Pid, name: &str, signal: i32, why: String) {
        self.crashes.insert(pid, signal);
        self.told.push(Failure {
            why: Some(why),
            ..failure(pid, name)
        });
    }

    /// It is about to end, and stands still before that or not.
    pub fn exits(&mut self, pid: Pid, name: &str, why: Option<String>) {
        self.exits.insert(pid);
        self.told.push(Failure {
            why,
            ..failure(pid, name)
        });
    }

    /// Whether nothing runs in it any more.
    pub fn is_over(&self, pid: Pid) -> bool {
        self.crashes.contains_key(&pid) || self.exits.contains(&pid)
    }

    /// Whether it was told of something that went wrong in a process which lives.
    pub fn has_failed(&self, pid: Pid) -> bool {
        let is_it = |one: &Failure| one.pid == pid && one.how.is_none();
        self.told.iter().any(is_it)
    }

    /// What went wrong by how a process ended. A worker that its family has ended is none of it.
    pub fn ended(&mut self, departure: Departure, is_root: bool) {
        let Departure {
            pid,
            name,
            end,
            lived,
            death,
            by_family,
            answers_shell,
            ..
        } = departure;
        let crash = self.crashes.remove(&pid);
        self.exits.remove(&pid);
        self.natives.remove(&pid);
        let known = self
            .told
            .iter_mut()
            .rfind(|one| one.pid == pid && one.how.is_none());
        let how = Some(describe(end));
        let lived_ms = u64::try_from(lived.as_millis()).ok();
        let why = death.map(|death| death.to_string());
        if let Some(known) = known {
            (known.how, known.lived_ms) = (how, lived_ms);
            // It may have been killed while it stood before its own signal.
            let is_own = matches!(end, End::Killed { signal, .. } if Some(signal) == crash);
            known.why = known.why.take().filter(|_| is_own).or(why);
            return;
        }
        let is_sent_away = matches!(end, End::Killed { signal, .. } if signal == libc::SIGTERM)
            && !is_root
            && by_family;
        if end != (End::Exited { code: 0 }) && !is_sent_away {
            let is_exit = matches!(end, End::Exited { .. });
            self.told.push(Failure {
                answers_shell: answers_shell && is_exit && !is_root,
                how,
                why,
                lived_ms,
                ..failure(pid, &name)
            });
        }
    }
}

fn failure(pid: Pid, name: &str) -> Failure {
    Failure {
        pid,
        name: Some(name.to_string()),
        raised: None,
        failed: None,
        times: 0,
        how: None,
        why: None,
        lived_ms: None,
        answers_shell: false,
    }
}
