//! Expressions that are shown whenever their values change, each in the frame that it was asked for in.

use super::api::{Display, Event};
use super::view::Seen;
use crate::model::Addr;

/// A frame by what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FrameKey {
    address: Addr,
    function: String,
    first_line: i64,
}

impl FrameKey {
    fn of(seen: &Seen) -> FrameKey {
        FrameKey {
            address: seen.frame.address,
            function: seen.described.function.clone(),
            first_line: seen.frame.code.first_line,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Displays(Vec<(FrameKey, Display)>);

impl Displays {
    /// Those of a frame, in the order in which they were asked for.
    pub fn of(&self, frame: &Seen) -> Vec<Display> {
        let key = FrameKey::of(frame);
        let of_frame = self.0.iter().filter(|(of, _)| *of == key);
        of_frame.map(|(_, display)| display.clone()).collect()
    }

    pub fn add(&mut self, frame: &Seen, display: Display) {
        let key = FrameKey::of(frame);
        let known =
            |(of, known): &&mut (FrameKey, Display)| *of == key && known.text == display.text;
        match self.0.iter_mut().find(known) {
            Some((_, known)) => *known = display,
            None => self.0.push((key, display)),
        }
    }

    /// Takes one away, or all of the frame; says whether there was any.
    pub fn remove(&mut self, frame: &Seen, text: Option<&str>) -> bool {
        let key = FrameKey::of(frame);
        let before = self.0.len();
        self.0
            .retain(|(of, display)| *of != key || text.is_some_and(|text| text != display.text));
        self.0.len() < before
    }

    /// Takes over values that have changed, and says which did.
    pub fn update(&mut self, frame: &Seen, value_of: impl Fn(&Display) -> String) -> Vec<Event> {
        let key = FrameKey::of(frame);
        let mut events = Vec::new();
        for (_, display) in self.0.iter_mut().filter(|(of, _)| *of == key) {
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
