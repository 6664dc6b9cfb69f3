//! A family that runs already is followed from now on: `pmdb attach --tree`, once it goes on.

use std::sync::atomic::Ordering;

use super::api::{Event, Resume};
use super::error::SessionError;
use super::inferior::Inferior;
use super::look::Session;
use super::running::Running;
use super::selection::Selection;
use super::stack::Target;
use super::tree::Tree;
use crate::model::Pid;
use crate::python::locate::Locator;

impl Session {
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
        let not_followed = refused.len();
        let refused = refused.into_iter().map(|(pid, why)| {
            let why = why.to_string();
            Event::Unaccompanied { pid, why }
        });
        self.events.extend(refused);
        self.running = Some(Running {
            not_followed,
            ..Running::of(tree, selection)
        });
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
