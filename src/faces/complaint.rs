//! What is said on standard error, whoever still reads it.

use std::io::{self, Write};

/// Unlike `eprintln!`, does not panic when standard error is a pipe that nobody reads or a terminal that is gone: nobody is left to tell.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
