//! The answer of `pmdb shm` as text.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::palette::{Palette, Role};
use super::printable::one_line;
use super::quantity::{bytes, duration};
use super::set_label::compress;
use super::table::{Align, Cell, Table, cut};
use crate::model::{
    Certainty, Pid, Segment, SegmentKind, SegmentReport, SegmentVerdict, Unreadable,
};

/// A name is cut here, so that the columns behind it can be seen. Columns.
const WIDEST_NAME: usize = 48;

/// Where something is not known.
const MARK: &str = "?";

/// Writes the segments and the semaphores as tables, or that there is nothing, and below them what the verdicts rest on and what could not be seen.
pub fn write_segments(
    out: &mut dyn Write,
    report: &SegmentReport,
    nothing: &str,
    palette: Palette,
    width: Option<usize>,
) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.ok().and_then(|now| u64::try_from(now.as_millis()).ok());
    let now = report.taken_ms.or(now);
    if report.segments.is_empty() {
        writeln!(out, "{nothing}")?;
    } else {
        table("NAME", &report.segments, now).write(out, palette, width)?;
    }
    if !report.semaphores.is_empty() {
        writeln!(out)?;
        table("SEMAPHORE", &report.semaphores, now).write(out, palette, width)?;
    }
    let all = report.segments.iter().chain(&report.semaphores);
    let odd: Vec<&Segment> = all.filter(|segment| is_odd(segment.verdict)).collect();
    write_evidence(out, &odd, palette)?;
    write_unseen(out, report, palette)
}

fn table(title: &'static str, segments: &[Segment], now: Option<u64>) -> Table {
    let mut table = Table::new(vec![
        (title, Align::Left),
        ("KIND", Align::Left),
        ("SIZE", Align::Right),
        ("KEPT", Align::Right),
        ("RESIDENT", Align::Right),
        ("SWAPPED", Align::Right),
        ("AGE", Align::Right),
        ("CREATOR", Align::Right),
        ("VERDICT", Align::Left),
        ("USED BY", Align::Left),
    ]);
    for segment in segments {
        table.row(cells(segment, now));
    }
    table
}

fn cells(segment: &Segment, now: Option<u64>) -> Vec<Cell> {
    let size = |known: Option<u64>| Cell::new(known.map_or(MARK.to_string(), bytes));
    let age = now
        .zip(segment.created_ms)
        .map(|(now, created)| duration(now.saturating_sub(created)));
    let creator = segment.creator.map(|pid| pid.to_string());
    let verdict = Cell::new(verdict(segment));
    vec![
        Cell::new(cut(&segment.name, WIDEST_NAME)).painted(Role::Heading),
        Cell::new(kind(segment.kind)),
        size(segment.size),
        Cell::new(segment.kept.map_or(String::new(), bytes)),
        match (segment.resident, segment.kept) {
            // Most dumps do not tell.
            (None, Some(_)) => Cell::new(String::new()),
            (resident, _) => size(resident),
        },
        Cell::new(
            segment
                .swapped
                .filter(|&swapped| swapped > 0)
                .map_or(String::new(), bytes),
        ),
        Cell::new(age.unwrap_or_default()),
        Cell::new(creator.unwrap_or_default()),
        if is_odd(segment.verdict) {
            verdict.painted(Role::Problem)
        } else {
            verdict
        },
        Cell::new(users(segment)),
    ]
}

pub(super) fn kind(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Posix => "posix",
        SegmentKind::Unlinked => "unlinked",
        SegmentKind::Memfd => "memfd",
        SegmentKind::Sysv => "sysv",
        SegmentKind::Anonymous => "anonymous",
        SegmentKind::File => "file",
        SegmentKind::Hugetlb => "hugetlb",
    }
}

fn verdict_word(verdict: SegmentVerdict) -> &'static str {
    match verdict {
        SegmentVerdict::InUse => "in use",
        SegmentVerdict::Unlinked => "in use, unlinked",
        SegmentVerdict::Truncated => "truncated",
        SegmentVerdict::TooBig => "too big",
        SegmentVerdict::Doomed => "about to go",
        SegmentVerdict::Idle => "idle",
        SegmentVerdict::Leaked => "leaked",
    }
}

fn verdict(segment: &Segment) -> String {
    let word = verdict_word(segment.verdict);
    match segment.certainty {
        Certainty::Certain => word.to_string(),
        Certainty::Likely => format!("likely {word}"),
        Certainty::Unknown => format!("perhaps {word}"),
    }
}

/// Whether a verdict has to be explained.
fn is_odd(verdict: SegmentVerdict) -> bool {
    !matches!(verdict, SegmentVerdict::InUse | SegmentVerdict::Unlinked)
}

/// `4242-4245 rw, 4250 r, 4251 open`: who maps it and how, and who only has it open.
fn users(segment: &Segment) -> String {
    let mut protections: BTreeMap<Pid, [bool; 3]> = BTreeMap::new();
    for mapper in &segment.mappers {
        let allowed = protections.entry(mapper.pid).or_default();
        for (has, letter) in allowed.iter_mut().zip(['r', 'w', 'x']) {
            *has |= mapper.protection.contains(letter);
        }
    }
    let mut alike: BTreeMap<String, Vec<Pid>> = BTreeMap::new();
    for (pid, allowed) in &protections {
        let letters = allowed.iter().zip(['r', 'w', 'x']);
        let text: String = letters
            .filter(|(has, _)| **has)
            .map(|(_, letter)| letter)
            .collect();
        let text = if text.is_empty() {
            "-".to_string()
        } else {
            text
        };
        alike.entry(text).or_default().push(*pid);
    }
    let only_open = segment.descriptors.iter().map(|opener| opener.pid);
    let only_open: Vec<Pid> = only_open
        .filter(|pid| !protections.contains_key(pid))
        .collect();
    // Those who may write come first.
    let mut alike: Vec<(String, Vec<Pid>)> = alike.into_iter().collect();
    alike.sort_by_key(|(how, _)| !how.contains('w'));
    if !only_open.is_empty() {
        alike.push(("open".to_string(), only_open));
    }
    let parts: Vec<String> = alike
        .iter()
        .map(|(how, pids)| format!("{} {how}", labels(pids)))
        .collect();
    parts.join(", ")
}

pub(super) fn labels(pids: &[Pid]) -> String {
    let pids: Vec<String> = pids.iter().map(Pid::to_string).collect();
    compress(pids.iter().map(String::as_str))
}

/// One sentence for each verdict with its evidence, and which segments it is on.
fn write_evidence(out: &mut dyn Write, odd: &[&Segment], palette: Palette) -> io::Result<()> {
    let mut alike: Vec<((String, &str), Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for segment in odd {
        let key = (verdict(segment), segment.evidence.as_str());
        let place = *places.entry(key.clone()).or_insert_with(|| {
            alike.push((key, Vec::new()));
            alike.len() - 1
        });
        if let Some((_, names)) = alike.get_mut(place) {
            names.push(&segment.name);
        }
    }
    for (index, ((verdict, evidence), names)) in alike.iter().enumerate() {
        if index == 0 {
            writeln!(out)?;
        }
        let text = format!("{}: {verdict}: {evidence}", some(names));
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(&text)))?;
    }
    Ok(())
}

/// Names, as many as a line has room for.
fn some(names: &[&str]) -> String {
    const MOST: usize = 3;
    let mut text = names
        .iter()
        .take(MOST)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

fn write_unseen(out: &mut dyn Write, report: &SegmentReport, palette: Palette) -> io::Result<()> {
    for note in &report.notes {
        writeln!(out)?;
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(note)))?;
    }
    for Unreadable { why, pids } in &report.unreadable {
        let who = if pids.len() == 1 {
            "process"
        } else {
            "processes"
        };
        let text = format!("{who} {} may not be looked at: {why}", labels(pids));
        writeln!(out)?;
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(&text)))?;
    }
    let hidden = report.read_only_files;
    if hidden > 0 {
        let files = if hidden == 1 {
            "1 file is"
        } else {
            &format!("{hidden} files are")
        };
        let text = format!("{files} mapped shared and not to be written to; --all lists them too");
        writeln!(out)?;
        writeln!(out, "{}", palette.paint(Role::Faint, text))?;
    }
    Ok(())
}
