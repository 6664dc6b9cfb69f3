//! Everything that dumps tell, in one piece.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::source::Sources;
use super::stack::{
    Limits, StackOptions, Target, core_options, frames_of_report, look_at, refused,
};
use super::tasks::NO_TOKIO;
use crate::model::{
    Addr, CauseFacts, DUMP_REPORT_SCHEMA, DumpReport, DumpedProcess, Exception, Frame,
    ProcessReport, SegmentOutline, SharedFacts, SnapshotFacts,
};
use crate::native::ParsedModules;
use crate::process::core::CoreProcess;
use crate::process::{Backing, Budget, Process, ReadMemory};
use crate::python::Locator;
use crate::snapshot::secrets::Secrets;

/// Lines of source before and behind the one that a frame is at.
const AROUND: u32 = 4;
/// Parts that a segment is cut into.
const PARTS: u64 = 96;
/// What is looked at of each, in bytes.
const SAMPLE: usize = 4096;

/// What cores and snapshots tell. `None` in the place of a facts is a core that pmdb has not made. Of what cannot be opened the report says why.
pub fn dump_report(targets: &[Target], limits: Limits) -> DumpReport {
    let (locator, parsed) = (Locator::default(), ParsedModules::default());
    let read = |target: &Target| read(target, limits, &locator, &parsed);
    let mut processes: Vec<DumpedProcess> = targets.par_iter().map(read).collect();
    let mut sources = Sources::to_pass_on();
    for process in &mut processes {
        process.lines = lines(&process.report, &mut sources);
        mask(process);
    }
    // Stable: what is equal stays as it is in the files.
    processes.sort_by_key(|process| match process.failure {
        Some(_) => (false, process.taken_ms),
        None => (true, None),
    });
    DumpReport {
        schema: DUMP_REPORT_SCHEMA,
        made_by: concat!("pmdb ", env!("CARGO_PKG_VERSION")).to_owned(),
        processes,
    }
}

fn read(
    target: &Target,
    limits: Limits,
    locator: &Locator,
    parsed: &ParsedModules,
) -> DumpedProcess {
    let alone = |report| DumpedProcess {
        failure: None,
        taken_ms: None,
        report,
        facts: None,
        lines: BTreeMap::new(),
        segments: Vec::new(),
    };
    let Target::Core { path, executable } = target else {
        return alone(refused(target, "it is no dump".to_owned()));
    };
    let core = match CoreProcess::open(path, core_options(executable)) {
        Ok(core) => core,
        Err(error) => return alone(refused(target, error.to_string())),
    };
    let mut options = StackOptions {
        locals: Some(limits),
        tasks: true,
        ..StackOptions::default()
    };
    let mut report = look_at(&core, locator, parsed, &options, &Budget::usual());
    if report.interpreter.is_none() {
        options.native = true;
        report = look_at(&core, locator, parsed, &options, &Budget::usual());
        // Nobody has asked for them.
        report.notes.retain(|note| note != NO_TOKIO);
    }
    let facts = core.snapshot().cloned();
    let failed = facts.as_ref().and_then(|facts| facts.cause.as_ref());
    let failed = failed.and_then(failure);
    let signal = core
        .fatal_signal()
        .map(|signal| format!("killed by {signal}"));
    DumpedProcess {
        failure: failed.or(signal),
        taken_ms: facts.as_ref().map(|facts| facts.taken_ms),
        segments: facts
            .iter()
            .flat_map(|facts| outlines(&core, facts))
            .collect(),
        facts,
        ..alone(report)
    }
}

/// A snapshot may have been asked to keep the secrets of the environment (`--secrets`, `--full`): what is made of it to be passed on tells none.
fn mask(process: &mut DumpedProcess) {
    let Some(facts) = &mut process.facts else {
        return;
    };
    let secrets = Secrets::of_facts(facts);
    if secrets.is_empty() {
        return;
    }
    secrets.mask_facts(facts);
    let lines = process.lines.values_mut().flat_map(BTreeMap::values_mut);
    let outlines = process.segments.iter_mut().map(|outline| &mut outline.path);
    let report = &mut process.report;
    let texts = lines
        .chain(outlines)
        .chain(&mut process.failure)
        .chain(&mut report.command)
        .chain(std::iter::once(&mut report.name));
    for text in texts {
        secrets.mask_text(text);
    }
    for thread in &mut report.threads {
        mask_frames(&mut thread.frames, &secrets);
        for exception in &mut thread.exceptions {
            mask_exception(exception, &secrets);
        }
    }
    let tasks = report.event_loops.iter_mut().flat_map(|it| &mut it.tasks);
    tasks.for_each(|task| mask_frames(&mut task.frames, &secrets));
}

fn mask_frames(frames: &mut [Frame], secrets: &Secrets) {
    for local in frames.iter_mut().flat_map(|frame| &mut frame.locals) {
        let mut text = local.value.text.clone();
        secrets.mask_text(&mut text);
        if text != local.value.text {
            Arc::make_mut(&mut local.value).text = text;
        }
    }
}

fn mask_exception(exception: &mut Exception, secrets: &Secrets) {
    secrets.mask_text(&mut exception.message);
    exception
        .notes
        .iter_mut()
        .for_each(|note| secrets.mask_text(note));
    mask_frames(&mut exception.frames, secrets);
    let linked = exception.cause.iter_mut().chain(&mut exception.context);
    let linked = linked.map(|other| &mut **other);
    // As deep as the reader of exceptions goes, which has a limit.
    linked
        .chain(&mut exception.members)
        .for_each(|other| mask_exception(other, secrets));
}

/// Nothing if it stood still for something that is no failure.
fn failure(cause: &CauseFacts) -> Option<String> {
    let what = cause.what.clone().unwrap_or_default();
    let told = match cause.reason.as_str() {
        "raised" | "uncaught" => format!("it has raised {what}"),
        "signal" => format!("it is about to die of {what}"),
        // `panicked at src/main.rs:7:5: …`, `threw std::logic_error: …`.
        "panic" | "terminate" => format!("it {what}"),
        "exit" | "exits" => format!("it ends: {what}"),
        _ => return None,
    };
    let evidence = cause.evidence.iter().map(|text| format!("; {text}"));
    Some(told.trim_end().to_owned() + &evidence.collect::<String>())
}

fn lines(report: &ProcessReport, sources: &mut Sources) -> BTreeMap<String, BTreeMap<u32, String>> {
    let mut lines: BTreeMap<String, BTreeMap<u32, String>> = BTreeMap::new();
    for frame in frames_of_report(report) {
        let (Some(file), Some(line)) = (&frame.file, frame.line) else {
            continue;
        };
        let Some(source) = sources.of_process(report, file) else {
            continue;
        };
        let around = line.saturating_sub(AROUND).max(1)..=line.saturating_add(AROUND);
        let known = lines.entry(file.clone()).or_default();
        for number in around {
            if let Some(text) = source.line(number) {
                known.insert(number, text);
            }
        }
    }
    lines
}

fn outlines(core: &CoreProcess, facts: &SnapshotFacts) -> Vec<SegmentOutline> {
    facts
        .shared
        .iter()
        .map(|segment| outline(core, segment))
        .collect()
}

/// Each part is looked at where it begins.
fn outline(core: &CoreProcess, segment: &SharedFacts) -> SegmentOutline {
    let windows: Vec<(u64, u64, Addr)> = (core.mappings().iter())
        .filter_map(|mapping| match &mapping.backing {
            Backing::File {
                device,
                inode,
                offset,
                ..
            } if mapping.shared && (*device, *inode) == (segment.device, segment.inode) => Some((
                *offset,
                offset.saturating_add(mapping.length()),
                mapping.start,
            )),
            _ => None,
        })
        .collect();
    let part = segment
        .size
        .div_ceil(PARTS)
        .next_multiple_of(SAMPLE as u64)
        .max(1);
    let look = |number: u64| {
        let at = number * part;
        let window = windows
            .iter()
            .find(|(start, end, _)| (*start..*end).contains(&at))?;
        let length = segment.size.saturating_sub(at).min(SAMPLE as u64);
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        core.read(window.2.plus(at - window.0), &mut bytes).ok()?;
        let written = bytes.iter().filter(|&&byte| byte != 0).count();
        u8::try_from(written * 255 / bytes.len().max(1)).ok()
    };
    SegmentOutline {
        path: segment.path.clone(),
        size: segment.size,
        part,
        parts: (0..segment.size.div_ceil(part).min(PARTS))
            .map(look)
            .collect(),
    }
}
