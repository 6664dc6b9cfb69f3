//! `pmdb open`.

use std::path::PathBuf;

use super::Failure;
use super::attach::{PromptArguments, prompt};
use super::report::{self, Form};
use crate::session::stack::in_files;

const EXAMPLES: &str = "\
Examples:
  pmdb open core.4242                          a prompt on a process that has crashed
  pmdb open stuck.pmdb                         a snapshot, of one process or a tree
  pmdb open core.4242.zst --exe ./train        where the executable has moved
  pmdb open core.4242 -c where -c 'p x' -c q   the answers alone
  pmdb open crashes/*.pmdb --report html > it.html   all that they tell, on one page";

/// Look into cores of processes that have crashed and snapshots of those that have not, from a prompt with the commands of pdb.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Cores: of the kernel or of gcore, also compressed (zstd, gzip, xz, lz4); and what `pmdb snapshot` has written.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The executable, where it is not at the path that the core names.
    #[arg(long, value_name = "FILE")]
    exe: Option<PathBuf>,
    /// Print everything that they tell instead: what failed first, tracebacks with source and variables, the stacks of the others, shared
    /// memory, environment.
    #[arg(long, value_name = "FORM", num_args = 0..=1, default_missing_value = "text", conflicts_with = "commands")]
    report: Option<Form>,
    #[command(flatten)]
    prompt: PromptArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let targets = in_files(&arguments.files, arguments.exe.as_ref());
    if let Some(form) = arguments.report {
        let prompt = &arguments.prompt;
        return report::run(&targets, form, prompt.limit, prompt.color);
    }
    prompt(&targets, false, |_| true, &arguments.prompt)
}
