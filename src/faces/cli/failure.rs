//! How a command ends when it does not simply succeed.

use std::io;
use std::process::ExitCode;

use nix::sys::signal::Signal;

use crate::faces::complaint::complain;

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
    /// pmdb was told to leave, by this signal.
    Terminated(i32),
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
            // As a shell has it for what a signal has ended.
            Failure::Terminated(signal) => ExitCode::from((128 + signal).to_le_bytes()[0]),
        }
    }

    /// Says on standard error what went wrong.
    pub(super) fn report(&self) {
        match self {
            Failure::Answered | Failure::Said | Failure::Program(_) => {}
            Failure::Terminated(signal) => {
                let name = Signal::try_from(*signal).map_or("a signal", Signal::as_str);
                complain(&format!("pmdb: ended by {name}"));
            }
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
