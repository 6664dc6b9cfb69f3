//! `pmdb shm where`: what the programs call a segment.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ColorChoice;

use super::json;
use crate::faces::cli::Failure;
use crate::faces::cli::stack::palette;
use crate::faces::render::palette::{Palette, Role};
use crate::faces::render::printable::one_line;
use crate::faces::render::set_label::compress;
use crate::faces::render::table::{Align, Cell, Table, line_width};
use crate::model::{Pid, SegmentContents};
use crate::session::shm::{contents, dumped_contents};

const EXAMPLES: &str = "\
Examples:
  pmdb shm where psm_3f2a            the arrays, memoryviews … of all processes that lie in it
  pmdb shm where psm_3f2a --json";

/// Show which variables of the processes that map a segment point into it: its table of contents.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name as `pmdb shm` lists it or the beginning of that, PID:ADDRESS, or DEVICE:INODE.
    #[arg(value_name = "NAME")]
    name: String,
    /// Core dumps and snapshots whose processes are asked, instead of those that live.
    #[arg(long, visible_alias = "core", value_name = "FILE", num_args = 1..)]
    pub(super) from: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn answer(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let found = match arguments.from.is_empty() {
        true => contents(&arguments.name),
        false => dumped_contents(&arguments.name, &arguments.from),
    };
    let found = found.map_err(|why| Failure::Operation(vec![one_line(&why).into_owned()]))?;
    if arguments.json {
        return json(&found);
    }
    let mut text = Vec::new();
    write_contents(&mut text, &found, palette(arguments.color))?;
    Ok(text)
}

fn write_contents(
    out: &mut dyn Write,
    found: &SegmentContents,
    palette: Palette,
) -> io::Result<()> {
    if found.objects.is_empty() {
        let text = format!("No variable that pmdb has seen points into {}.", found.name);
        writeln!(out, "{}", one_line(&text))?;
    } else {
        let mut table = Table::new(vec![
            ("OFFSET", Align::Right),
            ("WHAT", Align::Left),
            ("VARIABLE", Align::Left),
            ("IN", Align::Left),
            ("PROCESSES", Align::Left),
        ]);
        for object in &found.objects {
            for (number, variable) in object.variables.iter().enumerate() {
                let once = |text: String| Cell::new(if number == 0 { text } else { String::new() });
                let pids: Vec<String> = variable.pids.iter().map(Pid::to_string).collect();
                table.row(vec![
                    once(format!("+{}", object.offset)),
                    once(object.what.clone()).painted(Role::Heading),
                    Cell::new(&variable.expression),
                    Cell::new(&variable.place),
                    Cell::new(compress(pids.iter().map(String::as_str))),
                ]);
            }
        }
        table.write(out, palette, line_width())?;
    }
    for note in &found.notes {
        writeln!(out)?;
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(note)))?;
    }
    Ok(())
}
