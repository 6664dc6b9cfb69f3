//! What is said on standard error, whoever still reads it.

use std::io::{self, Write};

/// Takes what can no longer be written as written: what is said beside a program is no reason to leave that.
pub(super) struct Unheeded(pub Box<dyn Write>);

impl Write for Unheeded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Unlike `eprintln!`, does not panic when standard error is a pipe that nobody reads or a terminal that is gone: nobody is left to tell.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// One line that the next one takes the place of.
pub(super) fn report_progress(text: &str) {
    let mut out = io::stderr();
    let _ = write!(out, "\r\x1b[K{text}");
    let _ = out.flush();
}
