//! What threads are doing, in words.

use super::merge::Unit;
use crate::model::{GilState, Phase, Thread, ThreadState};

/// `(holds the GIL, running)` for one thread, `(3 sleeping, 1 holds the GIL, 1 running)` for several; empty if
/// nothing is known.
pub fn in_parentheses(units: &[Unit<'_>]) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for unit in units {
        for phrase in phrases(unit.thread) {
            match counted.iter_mut().find(|(known, _)| *known == phrase) {
                Some((_, count)) => *count += 1,
                None => counted.push((phrase, 1)),
            }
        }
    }
    if counted.is_empty() {
        return String::new();
    }
    // What holds for all of them needs no number.
    let phrases: Vec<String> = counted
        .into_iter()
        .map(|(phrase, count)| match count {
            all if all == units.len() => phrase,
            some => format!("{some} {phrase}"),
        })
        .collect();
    format!(" ({})", phrases.join(", "))
}

/// What one thread is doing, each thing by itself.
pub fn phrases(thread: &Thread) -> Vec<String> {
    let mut phrases = Vec::new();
    phrases.extend(match thread.gil {
        GilState::Holds => Some("holds the GIL".to_string()),
        GilState::Waits => Some("waits for the GIL".to_string()),
        GilState::Released | GilState::Unknown => None,
    });
    if thread.collecting_garbage {
        phrases.push("collecting garbage".to_string());
    }
    phrases.extend(word(thread.state).map(str::to_string));
    if thread.interpreter != 0 {
        phrases.push(format!("in interpreter {}", thread.interpreter));
    }
    phrases
}

/// Where Python is in its life, if that is worth a word.
pub fn phase_word(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Starting => Some("starting up"),
        Phase::Running => None,
        Phase::Finalizing => Some("shutting down"),
    }
}

/// The state's name; nothing where it is not known.
pub fn word(state: ThreadState) -> Option<&'static str> {
    match state {
        ThreadState::Running => Some("running"),
        ThreadState::Sleeping => Some("sleeping"),
        ThreadState::Blocked => Some("in uninterruptible sleep"),
        ThreadState::Stopped => Some("stopped"),
        ThreadState::Traced => Some("stopped by a tracer"),
        ThreadState::Zombie => Some("zombie"),
        ThreadState::Dead => Some("dead"),
        ThreadState::Idle => Some("idle"),
        ThreadState::Unknown => None,
    }
}
