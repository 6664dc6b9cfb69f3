//! When the processes were started and written down.

use std::fmt::Write;

use super::{escaped, name};
use crate::faces::render::quantity::duration;
use crate::faces::render::time::utc;
use crate::model::{DumpReport, DumpedProcess};

/// When a process was started, and when it was written down: milliseconds.
fn life(process: &DumpedProcess) -> Option<(u64, u64)> {
    let facts = process.facts.as_ref()?;
    let start = facts.process.started_ms.unwrap_or(facts.taken_ms);
    Some((start.min(facts.taken_ms), facts.taken_ms))
}

pub(super) fn write_timeline(page: &mut String, report: &DumpReport) {
    let lives: Vec<(&DumpedProcess, (u64, u64))> = (report.processes.iter())
        .filter_map(|process| Some((process, life(process)?)))
        .collect();
    let start = lives.iter().map(|(_, life)| life.0).min();
    let end = lives.iter().map(|(_, life)| life.1).max();
    let (Some(start), Some(end)) = (start, end) else {
        return;
    };
    let whole = end.saturating_sub(start).max(1);
    let percent = |time: u64| time.saturating_sub(start) as f64 * 100.0 / whole as f64;
    let _ = writeln!(
        page,
        "<section id=\"timeline\"><h2>Timeline</h2><p>from {} on, {}</p>",
        utc(start),
        duration(whole)
    );
    for (process, (began, taken)) in &lives {
        let (from, to) = (percent(*began), percent(*taken));
        let class = if process.failure.is_some() {
            "bar failed"
        } else {
            "bar"
        };
        let _ = writeln!(
            page,
            "<div class=\"life\"><span>{}</span><div class=\"track\"><div class=\"{class}\" style=\"left:{from:.2}%;width:{:.2}%\" \
             title=\"{} to {}\"></div></div></div>",
            escaped(&name(process)),
            (to - from).max(0.5),
            utc(*began),
            utc(*taken),
        );
    }
    page.push_str("</section>\n");
}
