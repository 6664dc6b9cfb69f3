//! `pmdb debuginfo`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use super::stack::pid;
use super::{Failure, print};
use crate::faces::render::printable;
use crate::model::Pid;
use crate::session::debuginfo::fetch;
use crate::session::stack::{Target, in_files};

const EXAMPLES: &str = "\
Examples:
  export DEBUGINFOD_URLS=https://debuginfod.debian.net
  pmdb debuginfo 4242                  of the modules of a process
  pmdb debuginfo --core core.4242      of those of a core

Files are kept by build-id in ~/.cache/debuginfod_client, where gdb finds them too.";

/// Fetch the debug information that modules lack, from the servers in DEBUGINFOD_URLS.
///
/// Nothing else in pmdb asks a server. No process is stopped meanwhile. It takes curl.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Running processes.
    #[arg(value_name = "PID", required_unless_present = "core", value_parser = pid)]
    pids: Vec<Pid>,
    /// Core dumps.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    core: Vec<PathBuf>,
    /// The executable of the cores, where it is not at the path that they name.
    #[arg(long, value_name = "FILE", requires = "core")]
    exe: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let live = arguments.pids.iter().map(|pid| Target::Live(*pid));
    let cores = in_files(&arguments.core, arguments.exe.as_ref());
    let is_watched = io::stderr().is_terminal();
    let tell = |module: &str| {
        if is_watched {
            // Nothing depends on it that this is seen.
            let _ = writeln!(
                io::stderr(),
                "looking for that of {}",
                printable::one_line(module)
            );
        }
    };
    let (mut text, mut failures, mut count) = (String::new(), Vec::new(), 0);
    for target in live.chain(cores) {
        match fetch(&target, &tell) {
            Ok(fetched) => {
                for one in fetched {
                    count += 1;
                    let module = printable::one_line(&one.module);
                    match one.outcome {
                        Ok(path) => text += &format!("{module}: {}\n", path.display()),
                        Err(why) => {
                            failures.push(format!("{module} (build-id {}): {why}", one.build_id))
                        }
                    }
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    if count == 0 && failures.is_empty() {
        text += "All modules with a build-id have their debug information.\n";
    }
    print(text.as_bytes())?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operation(failures)),
    }
}
