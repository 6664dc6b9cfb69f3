//! Expressions that are shown whenever their values change, each in the frame that it was asked for in.

use std::sync::atomic::AtomicBool;

use super::api::{Display, Event};
use super::error::SessionError;
use super::inferior::Inferior;
use super::view::Seen;
use crate::model::Addr;
use crate::python::agent::Command;

/// What the process itself tells a frame by: a function that is called again may get its frame at the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// It is not held, and cannot be asked.
    Unknown,
    /// None that anything is displayed in.
    Other,
    Number(u64),
}

/// A frame by what tells it from others.
#[derive(Debug, Clone)]
struct FrameKey {
    address: Addr,
    function: String,
    first_line: i64,
    activation: Activation,
}

impl FrameKey {
    fn of(seen: &Seen, activation: Activation) -> FrameKey {
        FrameKey {
            address: seen.frame.address,
            function: seen.described.function.clone(),
            first_line: seen.frame.code.first_line,
            activation,
        }
    }

    fn is(&self, other: &FrameKey) -> bool {
        match (self.activation, other.activation) {
            (Activation::Unknown, _) | (_, Activation::Unknown) => {
                self.address == other.address
                    && self.function == other.function
                    && self.first_line == other.first_line
            }
            (one, other) => one == other,
        }
    }
}

impl Inferior {
    /// What tells the focused frame from others. With `keep` it is one that something is displayed in.
    pub(super) fn activation(
        &mut self,
        keep: bool,
        interrupted: &AtomicBool,
    ) -> Result<Activation, SessionError> {
        let displays_nothing = (self.view.as_ref()).is_none_or(|view| view.displays.is_empty());
        let Some(frame) = self.held_frame().filter(|_| keep || !displays_nothing) else {
            return Ok(Activation::Unknown);
        };
        let (answer, _) = self.command(&Command::Activation { frame, keep }, interrupted)?;
        Ok(answer.length.map_or(Activation::Other, Activation::Number))
    }
}

#[derive(Debug, Default, Clone)]
pub(super) struct Displays(Vec<(FrameKey, Display)>);

impl Displays {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a frame, in the order in which they were asked for.
    pub fn of(&self, frame: &Seen, activation: Activation) -> Vec<Display> {
        let key = FrameKey::of(frame, activation);
        let of_frame = self.0.iter().filter(|(of, _)| of.is(&key));
        of_frame.map(|(_, display)| display.clone()).collect()
    }

    pub fn add(&mut self, frame: &Seen, activation: Activation, display: Display) {
        let key = FrameKey::of(frame, activation);
        let known =
            |(of, known): &&mut (FrameKey, Display)| of.is(&key) && known.text == display.text;
        match self.0.iter_mut().find(known) {
            Some((_, known)) => *known = display,
            None => self.0.push((key, display)),
        }
    }

    /// Takes one away, or all of the frame; says whether there was any.
    pub fn remove(&mut self, frame: &Seen, activation: Activation, text: Option<&str>) -> bool {
        let key = FrameKey::of(frame, activation);
        let before = self.0.len();
        self.0
            .retain(|(of, display)| !of.is(&key) || text.is_some_and(|text| text != display.text));
        self.0.len() < before
    }

    /// Takes over values that have changed, and says which did.
    pub fn update(
        &mut self,
        frame: &Seen,
        activation: Activation,
        value_of: impl Fn(&Display) -> String,
    ) -> Vec<Event> {
        let key = FrameKey::of(frame, activation);
        let mut events = Vec::new();
        for (_, display) in self.0.iter_mut().filter(|(of, _)| of.is(&key)) {
            let value = value_of(display);
            if value != display.value {
                let old = std::mem::replace(&mut display.value, value.clone());
                events.push(Event::DisplayChanged {
                    text: display.text.clone(),
                    value,
                    old,
                });
            }
        }
        events
    }
}
