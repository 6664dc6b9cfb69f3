//! How a command ends when it does not simply succeed.

use std::io;
use std::process::ExitCode;

/// What a subcommand gives back instead of success.
pub enum Failure {
    /// Nothing failed: the answer is printed and there is nothing more to do.
    Answered,
    /// The words make no sense. The whole text to print.
    Usage(String),
    /// The operation failed: one sentence for each thing that did.
    Operation(Vec<String>),
    /// The program that was run has ended by itself, with this exit code.
    Program(i32),
    /// What failed has been said where it did.
    Said,
    /// The answer could not be written.
    Output(io::Error),
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Answered => ExitCode::SUCCESS,
            // The reader has seen what it wanted and closed the pipe (`pmdb … | head`): not our failure.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Failure::Operation(_) | Failure::Said | Failure::Output(_) => ExitCode::FAILURE,
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Program(code) => ExitCode::from(code.to_le_bytes()[0]),
        }
    }

    /// Says on standard error what went wrong.
    pub(super) fn report(&self) {
        match self {
            Failure::Answered | Failure::Said | Failure::Program(_) => {}
            Failure::Usage(text) => complain(text.trim_end()),
            Failure::Operation(sentences) => {
                for sentence in sentences {
                    complain(&format!("pmdb: {sentence}"));
                }
            }
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Failure::Output(error) => {
                complain(&format!("pmdb: cannot write the answer: {error}"));
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Unlike `eprintln!`, does not panic when standard error is closed: nobody is left to tell.
fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "{text}");
}
