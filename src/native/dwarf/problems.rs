//! What was found damaged or missing while debug information was read, for whoever wonders why something is not there.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// More are not kept: a file that is garbage throughout would fill the memory with complaints.
const MOST: usize = 20;

#[derive(Default)]
pub struct Problems {
    sentences: Mutex<BTreeSet<String>>,
}

impl Problems {
    pub fn add(&self, sentence: String) {
        let mut sentences = self
            .sentences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if sentences.len() < MOST {
            sentences.insert(sentence);
        }
    }

    pub fn sentences(&self) -> Vec<String> {
        let sentences = self
            .sentences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sentences.iter().cloned().collect()
    }
}
