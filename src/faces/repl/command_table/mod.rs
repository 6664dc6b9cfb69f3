//! The commands of the prompt: one table, from which parsing, completion, `help` and `docs/guide/prompt.md` are made.

mod around;
mod control;
mod looking;
mod native;

use super::commands::Command;

/// In the order in which `help` shows them.
pub fn all() -> impl Iterator<Item = &'static Command> {
    [
        looking::LOOKING,
        native::NATIVE,
        around::AROUND,
        control::CONTROL,
    ]
    .into_iter()
    .flatten()
}
