//! `pmdb shm edit`: writing an element.

use std::io::{self, IsTerminal, Write};

use super::print_json;
use crate::faces::cli::{Failure, print};
use crate::faces::render::printable::one_line;
use crate::faces::render::set_label::compress;
use crate::model::Pid;
use crate::session::shm::Edit;

const EXAMPLES: &str = "\
Examples:
  pmdb shm edit psm_3f2a[100] 0.5 --as f64         after a question on the terminal
  pmdb shm edit psm_3f2a[0] 0xff --as u32 --yes    without";

/// Write an element of a segment, which everybody who maps it then has.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The element: NAME[INDEX].
    #[arg(value_name = "NAME[INDEX]")]
    part: String,
    /// What is to be there.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// The type of its elements: u8 to u64, i8 to i64, f32, f64, bool.
    #[arg(long = "as", value_name = "TYPE")]
    element: String,
    /// Write without a question.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let failed = |why: String| Failure::Operation(vec![one_line(&why).into_owned()]);
    let edit =
        Edit::prepare(&arguments.part, &arguments.element, &arguments.value).map_err(failed)?;
    let told = &edit.edit;
    let pids: Vec<String> = told.mappers.iter().map(Pid::to_string).collect();
    let who = match pids.len() {
        0 => "nobody maps it".to_string(),
        _ => format!("mapped by {}", compress(pids.iter().map(String::as_str))),
    };
    let what = format!(
        "{}[{}] ({}): {} → {}",
        told.name, told.index, told.dtype, told.old, told.new
    );
    if !arguments.yes {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::Usage(
                "pmdb: nobody can be asked, since standard input is no terminal: --yes writes without a question"
                    .to_string(),
            ));
        }
        let mut out = io::stderr();
        write!(out, "{}, {who}. Write? [y/N] ", one_line(&what))?;
        out.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
    }
    edit.write().map_err(failed)?;
    if arguments.json {
        return print_json(told);
    }
    print(format!("{}\n", one_line(&what)).as_bytes())
}
