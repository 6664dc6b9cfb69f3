//! What was not tested, and why.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::Mutex;

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says once per test binary that something is not tested here. The line goes past the test runner's
/// capture (which holds back `eprintln!` only), and into the file that `PMDB_TEST_SKIPPED` names, which
/// `.ci/run` counts.
pub fn skip(what: &str, why: &str) {
    let line = format!("skipped: {what}: {why}");
    let mut said = SAID.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !said.insert(line.clone()) {
        return;
    }
    let _ = writeln!(io::stderr(), "{line}");
    if let Some(ledger) = std::env::var_os("PMDB_TEST_SKIPPED")
        && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(ledger)
    {
        let _ = writeln!(file, "{line}");
    }
}
