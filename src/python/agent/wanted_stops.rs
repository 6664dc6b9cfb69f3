//! What the agent of a program that is followed stops for, told to it in its source.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::compiled::Compiled;
use super::message::WantedBreakpoint;

/// Where an agent that nobody has told anything stops by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedStops {
    /// At exceptions that are about to be lost with their frames.
    pub exceptions: bool,
    /// At `breakpoint()` and `set_trace()`. Otherwise they do what they would without pmdb.
    pub breakpoints: bool,
    /// Where the main program is left with an exit code other than 0 (from 3.12 on).
    pub exits: bool,
    /// Exceptions of these types, by their names, with or without the module, are let pass.
    pub except: Vec<String>,
    /// Beside those that the agent knows (`inferior/catchers.py`).
    pub catchers: Vec<Catcher>,
    /// Breakpoints that the user has set for all processes.
    pub places: Vec<WantedBreakpoint>,
    /// Also if the agent comes into a program that runs already.
    pub while_running: bool,
}

/// The same for all processes of a command: what the agents get that come from now on.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    wanted: Arc<Mutex<WantedStops>>,
    pub(super) compiled: Compiled,
}

impl Wishes {
    pub fn new(wanted: WantedStops) -> Wishes {
        Wishes {
            wanted: Arc::new(Mutex::new(wanted)),
            compiled: Compiled::default(),
        }
    }

    pub fn set_places(&self, places: Vec<WantedBreakpoint>) {
        // Nothing panics while it has the lock.
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.places = places;
    }

    pub(super) fn now(&self) -> WantedStops {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.clone()
    }
}

impl Default for WantedStops {
    fn default() -> WantedStops {
        WantedStops {
            exceptions: true,
            breakpoints: true,
            exits: false,
            except: Vec::new(),
            catchers: Vec::new(),
            places: Vec::new(),
            while_running: false,
        }
    }
}

/// A function that is called with an exception in its hands, and only then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catcher {
    /// The end of the name of its file.
    pub file: String,
    /// Its qualified name.
    pub function: String,
    /// Which of its arguments is the exception; empty for the one that is being handled.
    pub argument: String,
    /// The function that must have called it, if not any.
    pub caller: String,
    /// What becomes of the exception.
    pub fate: String,
}

impl WantedStops {
    /// As a line of Python.
    pub(super) fn in_python(&self) -> String {
        let row = |catcher: &Catcher| {
            let Catcher {
                file,
                function,
                argument,
                caller,
                fate,
            } = catcher;
            tuple([file, function, argument, caller, fate].map(|text| literal(text)))
        };
        format!(
            "WANTED = {{\"exceptions\": {}, \"breakpoints\": {}, \"exits\": {}, \"except\": {}, \"catchers\": {}, \"places\": {}, \"while_running\": {}}}\n",
            truth(self.exceptions),
            truth(self.breakpoints),
            truth(self.exits),
            tuple(self.except.iter().map(|text| literal(text))),
            tuple(self.catchers.iter().map(row)),
            // As it comes in a command: with the names of JSON.
            literal(&serde_json::to_string(&self.places).unwrap_or_default()),
            truth(self.while_running),
        )
    }
}

fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A text of JSON is one of Python too, as long as no surrogates are written with escapes, which `serde_json` does not do.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn tuple(items: impl IntoIterator<Item = String>) -> String {
    let items: String = items.into_iter().map(|item| item + ", ").collect();
    format!("({items})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        let wanted = WantedStops {
            breakpoints: false,
            except: vec!["a\"b\\\n\u{2028}é".to_string()],
            ..WantedStops::default()
        };
        let expected = "WANTED = {\"exceptions\": True, \"breakpoints\": False, \"exits\": False, \
            \"except\": (\"a\\\"b\\\\\\n\u{2028}é\", ), \"catchers\": (), \"places\": \"[]\", \
            \"while_running\": False}\n";
        assert_eq!(wanted.in_python(), expected);
    }
}
