//! What `pmdb shm races` has observed, as text.

use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::printable::one_line;
use super::watch::frame_text;
use crate::model::{Language, RaceReport, RaceSide, RacingElements};

/// Frames of a stack that are shown, the newest.
const MOST_FRAMES: usize = 3;
/// Ranges of elements that are shown.
const MOST_RACES: usize = 20;

pub fn write_races(out: &mut dyn Write, report: &RaceReport, palette: Palette) -> io::Result<()> {
    let count: u64 = report.races.iter().map(|race| race.end - race.first).sum();
    let text = match (report.writes, count) {
        (0, _) => format!("Nothing was written to {} that could be seen.", report.name),
        (writes, 0) => format!(
            "{writes} writes to {} elements of {}: none was written by two threads without a lock that both held.",
            report.elements, report.name
        ),
        (writes, count) => format!(
            "{writes} writes to {} elements of {}: {count} {} written by several threads without a lock that all held.",
            report.elements,
            report.name,
            if count == 1 { "was" } else { "were" }
        ),
    };
    writeln!(out, "{}", palette.paint(Role::Heading, one_line(&text)))?;
    for race in report.races.iter().take(MOST_RACES) {
        write_race(out, race)?;
    }
    let more = report.races.len().saturating_sub(MOST_RACES);
    if more > 0 {
        writeln!(out, "… and {more} more ranges; --json has all")?;
    }
    if count > 0 {
        let text = "This was observed, and proves nothing: threads may take turns by other means, and a lock is only known if a variable names it.";
        writeln!(out, "{}", palette.paint(Role::Faint, text))?;
    }
    for remark in &report.remarks {
        writeln!(out, "{}", palette.paint(Role::Faint, one_line(remark)))?;
    }
    Ok(())
}

fn write_race(out: &mut dyn Write, race: &RacingElements) -> io::Result<()> {
    match race.end - race.first {
        1 => writeln!(out, "[{}]", race.first)?,
        _ => writeln!(out, "[{}:{}]", race.first, race.end)?,
    }
    race.sides.iter().try_for_each(|side| write_side(out, side))
}

fn write_side(out: &mut dyn Write, side: &RaceSide) -> io::Result<()> {
    let thread = side
        .thread
        .as_deref()
        .map_or(String::new(), |name| format!(" ({name})"));
    let locks = match &side.locks[..] {
        [] => "without a lock".to_string(),
        locks => format!("with {}", locks.join(", ")),
    };
    let times = match side.writes {
        1 => "once".to_string(),
        writes => format!("{writes} times"),
    };
    let text = format!(
        "  {} ({}), thread {}{thread}: {times}, {locks}",
        side.pid, side.process, side.tid
    );
    writeln!(out, "{}", one_line(&text))?;
    let is_python = |frame: &&crate::model::Frame| frame.language == Language::Python;
    let has_python = side.frames.iter().any(|frame| is_python(&frame));
    let shown = side
        .frames
        .iter()
        .filter(|frame| !has_python || is_python(frame));
    for frame in shown.take(MOST_FRAMES) {
        writeln!(out, "      {}", one_line(&frame_text(frame)))?;
    }
    Ok(())
}
