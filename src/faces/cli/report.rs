//! `pmdb open --report`: everything that dumps tell, as text, JSON or one page of HTML.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

use clap::ValueEnum;

use super::Failure;
use super::stack::palette;
use crate::faces::render::html;
use crate::faces::render::palette::Palette;
use crate::faces::render::stack::{Arrangement, write_report};
use crate::faces::render::time::utc;
use crate::faces::render::{printable, quantity};
use crate::model::{DumpReport, DumpedProcess, Report};
use crate::session::dump_report::dump_report;
use crate::session::source::Sources;
use crate::session::stack::{Limits, Target};

/// Bytes that are written at once.
const PIECE: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Text,
    Json,
    /// One page that needs nothing else.
    Html,
}

pub(super) fn run(
    targets: &[Target],
    form: Form,
    limit: usize,
    color: clap::ColorChoice,
) -> Result<(), Failure> {
    let limits = Limits {
        characters: limit,
        ..Limits::default()
    };
    let report = dump_report(targets, limits);
    let unreadable = |process: &DumpedProcess| {
        let is_empty = process.report.threads.is_empty();
        let why = process.report.error.as_ref().filter(|_| is_empty)?;
        Some(match &process.report.core {
            Some(core) => format!("{core}: {why}"),
            None => why.clone(),
        })
    };
    let failures: Vec<String> = report.processes.iter().filter_map(unreadable).collect();
    if failures.len() < report.processes.len() {
        let mut out = BufWriter::with_capacity(PIECE, io::stdout().lock());
        match form {
            Form::Text => write_text(&mut out, &report, palette(color))?,
            Form::Json => {
                serde_json::to_writer_pretty(&mut out, &report)
                    .map_err(|error| Failure::Output(error.into()))?;
                out.write_all(b"\n")?;
            }
            Form::Html => out.write_all(html::page(&report).as_bytes())?,
        }
        out.flush()?;
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operation(failures)),
    }
}

fn write_text(out: &mut dyn Write, report: &DumpReport, palette: Palette) -> io::Result<()> {
    for process in &report.processes {
        let Some(failure) = &process.failure else {
            continue;
        };
        let taken = process.taken_ms.map(|taken| format!("{}: ", utc(taken)));
        let pid = process.report.pid.map(|pid| format!(" ({pid})"));
        let (taken, pid) = (taken.unwrap_or_default(), pid.unwrap_or_default());
        let name = printable::one_line(&process.report.name);
        let failure = printable::one_line(failure);
        writeln!(out, "{taken}{name}{pid}: {failure}")?;
    }
    writeln!(out)?;
    let stacks = Report::new(
        report
            .processes
            .iter()
            .map(|it| it.report.clone())
            .collect(),
    );
    write_report(
        out,
        &stacks,
        Arrangement::Folded,
        palette,
        &mut Sources::to_pass_on(),
    )?;
    write_memory(out, report)?;
    for process in &report.processes {
        write_circumstances(out, process)?;
    }
    Ok(())
}

fn write_memory(out: &mut dyn Write, report: &DumpReport) -> io::Result<()> {
    let mut known = BTreeSet::new();
    let facts = report
        .processes
        .iter()
        .filter_map(|process| process.facts.as_ref());
    for segment in facts.flat_map(|facts| &facts.shared) {
        if !known.insert((segment.device, segment.inode)) {
            continue;
        }
        if known.len() == 1 {
            writeln!(out, "\nShared memory:")?;
        }
        writeln!(
            out,
            "  {}: {}, of which {} are written and {} kept{}",
            printable::one_line(&segment.path),
            quantity::bytes(segment.size),
            quantity::bytes(segment.there),
            quantity::bytes(segment.kept),
            (segment.segment.as_ref()).map_or(String::new(), |it| {
                format!("; {}", printable::one_line(&it.evidence))
            })
        )?;
    }
    Ok(())
}

fn write_circumstances(out: &mut dyn Write, process: &DumpedProcess) -> io::Result<()> {
    let Some(facts) = process.facts.as_ref().map(|facts| &facts.process) else {
        return Ok(());
    };
    writeln!(
        out,
        "\nProcess {} ({}): {}",
        facts.pid,
        printable::one_line(&facts.name),
        printable::one_line(&facts.command.join(" "))
    )?;
    if let Some(folder) = &facts.working_folder {
        writeln!(out, "  in {}", printable::one_line(folder))?;
    }
    for variable in &facts.environment {
        let value = variable.value.as_deref().unwrap_or("(masked)");
        let name = printable::one_line(&variable.name);
        writeln!(out, "  {name}={}", printable::one_line(value))?;
    }
    Ok(())
}
