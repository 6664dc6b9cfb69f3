//! What `pmdb shm watch` and `pmdb shm diff` tell, as text.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::printable::one_line;
use super::set_label::compress;
use crate::model::{
    ElementChange, Frame, Language, Pid, SegmentChange, SegmentWrite, Tid, WatchBegun, WatchEngine,
    WatchEvent, WatchSummary,
};

/// How much is shown, and what was shown last.
#[derive(Debug)]
pub struct WatchLog {
    /// Of each stack, the newest.
    pub frames: usize,
    /// Native frames of Python processes, too.
    pub native: bool,
    pub palette: Palette,
    /// The stack from which each thread has written last: it is not shown again.
    pub last: BTreeMap<(Pid, Tid), Vec<String>>,
}

/// Elements of one write that are shown.
const MOST_ELEMENTS: usize = 8;
/// Writers that are listed at the end.
const MOST_WRITERS: usize = 50;

impl WatchLog {
    pub fn write_event(&mut self, out: &mut dyn Write, event: &WatchEvent) -> io::Result<()> {
        let palette = self.palette;
        match event {
            WatchEvent::Begun(begun) => write_begun(out, begun, palette),
            WatchEvent::Written(write) => self.write_write(out, write),
            WatchEvent::Changed(change) => write_change(out, change),
            WatchEvent::Note { text } => {
                writeln!(out, "{}", palette.paint(Role::Faint, one_line(text)))
            }
            WatchEvent::Ended(summary) => write_summary(out, summary, palette),
            WatchEvent::Failed { why } => writeln!(out, "{}", one_line(why)),
        }
    }

    fn write_write(&mut self, out: &mut dyn Write, write: &SegmentWrite) -> io::Result<()> {
        let who = match &write.thread {
            Some(thread) => format!(
                "{} ({}), thread {} ({thread})",
                write.pid, write.process, write.tid
            ),
            None => format!("{} ({}), thread {}", write.pid, write.process, write.tid),
        };
        let text = format!("{who} wrote {}", what(write));
        let text = self.palette.paint(Role::Heading, one_line(&text));
        writeln!(out, "{} {text}", time(write.at_ms))?;
        let has_python = write
            .frames
            .iter()
            .any(|frame| frame.language == Language::Python);
        let is_shown =
            |frame: &&Frame| self.native || !has_python || frame.language == Language::Python;
        let shown = write.frames.iter().filter(is_shown).take(self.frames);
        let stack: Vec<String> = shown.map(frame_text).collect();
        let writer = (write.pid, write.tid);
        if self.last.get(&writer) != Some(&stack) {
            for frame in &stack {
                writeln!(out, "    {}", one_line(frame))?;
            }
            self.last.insert(writer, stack);
        }
        if let Some(note) = &write.note {
            let note = format!("    {note}");
            writeln!(out, "{}", self.palette.paint(Role::Faint, one_line(&note)))?;
        }
        Ok(())
    }
}

/// What a thread has written.
fn what(write: &SegmentWrite) -> String {
    let mut elements = write.elements.iter();
    let is_same = elements.all(|element| element.old == element.new);
    let shown = write.elements.iter().take(MOST_ELEMENTS);
    let texts: Vec<String> = shown.map(element_text).collect();
    let more = write.count.saturating_sub(texts.len() as u64);
    match &texts[..] {
        some if more > 0 => format!("{}, … and {more} more", some.join(", ")),
        [one] => one.clone(),
        [] => "what could not be read".to_string(),
        several if is_same => format!("the same as before to one of {}", several.join(", ")),
        several => several.join(", "),
    }
}

fn write_change(out: &mut dyn Write, change: &SegmentChange) -> io::Result<()> {
    let count = change.count;
    let elements = if count == 1 {
        "1 element"
    } else {
        &format!("{count} elements")
    };
    writeln!(out, "{} {elements} changed", time(change.at_ms))?;
    for element in &change.elements {
        writeln!(out, "  {}", element_text(element))?;
    }
    let more = count - change.elements.len() as u64;
    if more > 0 {
        writeln!(out, "  … and {more} more")?;
    }
    Ok(())
}

fn write_begun(out: &mut dyn Write, begun: &WatchBegun, palette: Palette) -> io::Result<()> {
    let count = begun.end - begun.first;
    let range = match count {
        1 => format!("[{}]", begun.first),
        _ => format!("[{}:{}]", begun.first, begun.end),
    };
    let engine = match begun.engine {
        WatchEngine::Hardware => {
            let pids: Vec<String> = begun.processes.iter().map(Pid::to_string).collect();
            let pids = compress(pids.iter().map(String::as_str));
            format!("hardware watchpoints in all threads of {pids}")
        }
        WatchEngine::Protection => {
            let pids: Vec<String> = begun.processes.iter().map(Pid::to_string).collect();
            let pids = compress(pids.iter().map(String::as_str));
            format!("write protection (userfaultfd) in {pids}")
        }
        WatchEngine::Polling => "polling".to_string(),
    };
    let text = format!(
        "Watching {}{range} ({}) by {engine}. Ctrl-C ends it.",
        begun.name, begun.dtype
    );
    writeln!(out, "{}", palette.paint(Role::Heading, one_line(&text)))?;
    for remark in &begun.remarks {
        writeln!(
            out,
            "{}",
            palette.paint(Role::Faint, one_line(&format!("  {remark}")))
        )?;
    }
    Ok(())
}

pub(super) fn frame_text(frame: &Frame) -> String {
    let place = match (&frame.file, frame.line, &frame.module) {
        (Some(file), Some(line), _) => format!(" at {file}:{line}"),
        (Some(file), None, _) => format!(" at {file}"),
        (None, _, Some(module)) => format!(" in {module}"),
        _ => String::new(),
    };
    let source = frame
        .source
        .as_deref()
        .map_or(String::new(), |source| format!(": {}", source.trim()));
    format!("{}{place}{source}", frame.function)
}

/// `[100] 0.0 → 1.5`
fn element_text(element: &ElementChange) -> String {
    let ElementChange {
        index, old, new, ..
    } = element;
    format!("[{index}] {old} → {new}")
}

fn write_summary(out: &mut dyn Write, summary: &WatchSummary, palette: Palette) -> io::Result<()> {
    let writes = if summary.writers.is_empty() {
        "changes"
    } else {
        "writes"
    };
    let text = match (summary.writes, summary.shown) {
        (0, _) => "Nothing was written that could be seen.".to_string(),
        (all, shown) if all == shown => format!("{all} {writes}, all of them shown."),
        (all, shown) => format!("{all} {writes}, {shown} of them shown."),
    };
    writeln!(out, "{}", palette.paint(Role::Heading, text))?;
    if summary.writers.len() > MOST_WRITERS {
        write_threads(out, summary)?;
    }
    let mut writers: Vec<_> = summary.writers.iter().collect();
    writers.sort_by_key(|writer| std::cmp::Reverse(writer.writes));
    // Of very many, the few that were written most say nothing.
    let most = match writers.len() {
        0..=MOST_WRITERS => MOST_WRITERS,
        _ => MOST_ELEMENTS,
    };
    for writer in writers.iter().take(most) {
        let thread = writer
            .thread
            .as_deref()
            .map_or(String::new(), |name| format!(" ({name})"));
        let text = format!(
            "  {} times [{}] by {} ({}), thread {}{thread}",
            writer.writes, writer.index, writer.pid, writer.process, writer.tid
        );
        writeln!(out, "{}", one_line(&text))?;
    }
    let more = writers.len().saturating_sub(most);
    if more > 0 {
        writeln!(out, "  … and {more} more elements; --json has all")?;
    }
    for remark in &summary.remarks {
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(remark)))?;
    }
    Ok(())
}

fn write_threads(out: &mut dyn Write, summary: &WatchSummary) -> io::Result<()> {
    for one in summary.threads.iter().take(MOST_WRITERS) {
        let thread = one
            .thread
            .as_deref()
            .map_or(String::new(), |name| format!(" ({name})"));
        let text = format!(
            "  {} times in [{}] to [{}] by {} ({}), thread {}{thread}",
            one.writes, one.lowest, one.highest, one.pid, one.process, one.tid
        );
        writeln!(out, "{}", one_line(&text))?;
    }
    let more = summary.threads.len().saturating_sub(MOST_WRITERS);
    if more > 0 {
        writeln!(out, "  … and {more} more threads; --json has all")?;
    }
    Ok(())
}

/// Since the watch began.
fn time(milliseconds: u64) -> String {
    format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000)
}
