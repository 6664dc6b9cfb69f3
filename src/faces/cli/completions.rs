//! `pmdb completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Failure, print};

const EXAMPLES: &str = "\
Examples:
  pmdb completions bash > ~/.local/share/bash-completion/completions/pmdb
  pmdb completions zsh > ~/.zfunc/_pmdb
  pmdb completions fish > ~/.config/fish/completions/pmdb.fish";

/// Print the script that makes a shell complete pmdb's commands and options.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Into memory first: the generator panics when its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::Arguments::command(),
        "pmdb",
        &mut script,
    );
    print(&script)
}
