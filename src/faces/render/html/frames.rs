//! Stacks: each frame with the lines around it and its variables, which unfold. Equal stacks of several threads are there once.

use std::collections::HashMap;
use std::fmt::Write;

use super::{escaped, name};
use crate::model::{DumpReport, DumpedProcess, Frame, Thread};

/// Frames of one stack that are written: the newest, and the oldest.
const MOST_NEWEST: usize = 120;
const MOST_OLDEST: usize = 20;

/// The stacks of the processes in which nothing went wrong.
pub(super) fn write_others(page: &mut String, report: &DumpReport) {
    let mut stacks: Vec<Vec<(&DumpedProcess, &Thread)>> = Vec::new();
    let mut places: HashMap<Vec<Line<'_>>, usize> = HashMap::new();
    for process in report
        .processes
        .iter()
        .filter(|process| process.failure.is_none())
    {
        for thread in &process.report.threads {
            let place = *places.entry(lines_of(&thread.frames)).or_insert_with(|| {
                stacks.push(Vec::new());
                stacks.len() - 1
            });
            stacks[place].push((process, thread));
        }
    }
    stacks.sort_by_key(|stack| std::cmp::Reverse(stack.len()));
    let silent = report
        .processes
        .iter()
        .filter(|process| process.report.error.is_some());
    let silent: Vec<&DumpedProcess> = silent.collect();
    if stacks.is_empty() && silent.is_empty() {
        return;
    }
    page.push_str("<section id=\"stacks\"><h2>What the others did</h2>\n");
    for stack in &stacks {
        let Some((process, thread)) = stack.first() else {
            continue;
        };
        let who: Vec<String> = stack
            .iter()
            .map(|(process, thread)| who(process, thread))
            .collect();
        let _ = write!(
            page,
            "<article><p class=\"who\"><b>{}</b> {}</p>",
            counted(stack.len()),
            escaped(&who.join(", "))
        );
        write_frames(page, process, &thread.frames, false);
        page.push_str("</article>\n");
    }
    for process in silent {
        let why = process.report.error.as_deref().unwrap_or_default();
        let _ = writeln!(
            page,
            "<p class=\"note\">{}: {}</p>",
            escaped(&name(process)),
            escaped(why)
        );
    }
    page.push_str("</section>\n");
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 thread:".to_owned(),
        count => format!("{count} threads:"),
    }
}

fn who(process: &DumpedProcess, thread: &Thread) -> String {
    let is_alone = process.report.threads.len() == 1;
    match (&thread.name, is_alone) {
        (Some(thread), false) => format!("{} {thread}", name(process)),
        _ => name(process),
    }
}

/// Function, file, and line.
type Line<'r> = (&'r str, Option<&'r str>, Option<u32>);

/// What stacks have in common that are there once.
fn lines_of(frames: &[Frame]) -> Vec<Line<'_>> {
    let frames = frames.iter();
    frames
        .map(|frame| (&*frame.function, frame.file.as_deref(), frame.line))
        .collect()
}

pub(super) fn write_thread(
    page: &mut String,
    process: &DumpedProcess,
    thread: &Thread,
    is_open: bool,
) {
    let open = if is_open { " open" } else { "" };
    let title = thread.name.clone().unwrap_or_else(|| "thread".to_owned());
    let tid = thread.tid.map(|tid| format!(" {tid}")).unwrap_or_default();
    let _ = write!(
        page,
        "<details{open}><summary>stack of {}{tid}, {} frames</summary>",
        escaped(&title),
        thread.frames.len()
    );
    write_frames(page, process, &thread.frames, false);
    if let Some(note) = &thread.note {
        let _ = write!(page, "<p class=\"note\">{}</p>", escaped(note));
    }
    page.push_str("</details>\n");
}

/// The newest last. `frames` has it first. With `opens` the newest is unfolded.
pub(super) fn write_frames(
    page: &mut String,
    process: &DumpedProcess,
    frames: &[Frame],
    opens: bool,
) {
    page.push_str("<ol class=\"stack\">");
    let count = frames.len();
    for (number, frame) in frames.iter().enumerate().rev() {
        let from_oldest = count - 1 - number;
        if number >= MOST_NEWEST && from_oldest >= MOST_OLDEST {
            if from_oldest == MOST_OLDEST {
                let left = count - MOST_NEWEST - MOST_OLDEST;
                let _ = write!(page, "<li class=\"note\">… {left} frames</li>");
            }
            continue;
        }
        write_frame(page, process, frame, opens && number == 0);
    }
    page.push_str("</ol>");
}

fn write_frame(page: &mut String, process: &DumpedProcess, frame: &Frame, is_open: bool) {
    let file = frame
        .file
        .as_deref()
        .or(frame.module.as_deref())
        .unwrap_or("");
    let short = file.rsplit('/').next().unwrap_or(file);
    let line = frame
        .line
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    let known = frame.file.as_ref().and_then(|file| process.lines.get(file));
    let source = frame.line.and_then(|at| Some((at, known?.get(&at)?)));
    let open = if is_open { " open" } else { "" };
    let _ = write!(
        page,
        "<li><details{open}><summary><b>{}</b> <span class=\"at\" title=\"{}\">{}{line}</span>",
        escaped(&frame.function),
        escaped(file),
        escaped(short),
    );
    if let Some((_, text)) = source {
        let _ = write!(page, "<code class=\"line\">{}</code>", escaped(text.trim()));
    }
    page.push_str("</summary>");
    if let (Some(known), Some((at, _))) = (known, source) {
        let _ = write!(page, "<p class=\"path\">{}{line}</p><pre>", escaped(file));
        for (number, text) in known.range(at.saturating_sub(4)..=at.saturating_add(4)) {
            let mark = if *number == at { "mark" } else { "span" };
            let _ = write!(
                page,
                "<{mark}><i>{number:>5}</i> {}\n</{mark}>",
                escaped(text)
            );
        }
        page.push_str("</pre>");
    }
    if !frame.locals.is_empty() {
        page.push_str("<div class=\"wide\"><table class=\"locals\">");
        for local in &frame.locals {
            let length = local.value.full_length();
            let length = length
                .map(|length| format!(" <i>({length})</i>"))
                .unwrap_or_default();
            let segment = local.value.segment.as_ref();
            let segment = segment
                .map(|it| format!(" <i>[{}]</i>", escaped(it)))
                .unwrap_or_default();
            let _ = write!(
                page,
                "<tr><th>{}</th><td title=\"{}\"><code>{}</code>{length}{segment}</td></tr>",
                escaped(&local.name),
                escaped(&local.value.type_name),
                escaped(&local.value.text),
            );
        }
        page.push_str("</table></div>");
    }
    page.push_str("</details></li>");
}
