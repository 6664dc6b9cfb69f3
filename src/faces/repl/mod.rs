//! The prompt: pdb's commands on a session.

mod answer;
mod attendant;
mod awaited;
mod breakpoints;
mod choice;
mod command_file;
mod command_table;
mod commands;
mod complete;
mod console;
mod control;
mod dispatch;
mod follow;
mod help;
mod levels;
mod line;
mod native;
mod prompt;
mod run;
mod script;
mod sets;
mod summary;
mod termination;
mod together;
mod turn;

pub use command_file::commands_in;
pub use commands::{Command, all as all_commands};
pub use follow::{Following, Snapshots, follow};
pub use help::reference;
pub use run::{Ending, Repl};
pub use script::{Options, Outcome, converse};
pub use termination::{heed as heed_termination, signal as termination};
