//! A report as one page of HTML: it needs nothing else, loads nothing and runs nothing, and can be read on a phone.

mod failures;
mod frames;
mod memory;
mod timeline;

use std::fmt::Write;

use self::failures::write_failures;
use self::frames::write_others;
use self::memory::write_memory;
use self::timeline::write_timeline;
use crate::faces::render::time::utc;
use crate::model::{DumpReport, DumpedProcess};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(report: &DumpReport) -> String {
    let mut page = String::new();
    let first = report
        .processes
        .iter()
        .find(|process| process.failure.is_some());
    let title = match (first, report.processes.first()) {
        (Some(failed), _) => format!(
            "{}: {}",
            name(failed),
            failed.failure.as_deref().unwrap_or("")
        ),
        (None, Some(process)) => format!("{}, as it was", name(process)),
        (None, None) => "nothing".to_owned(),
    };
    let taken = report
        .processes
        .iter()
        .filter_map(|process| process.taken_ms)
        .min();
    // Writing to a String does not fail.
    let _ = writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n\
         <header><p class=\"by\">{by}{when}</p><h1>{title}</h1>{count}</header>",
        title = escaped(&title),
        by = escaped(&report.made_by),
        when = taken
            .map(|taken| format!(", {}", utc(taken)))
            .unwrap_or_default(),
        count = match report.processes.len() {
            1 => String::new(),
            count => format!(
                "<p>{count} processes, {} of which failed</p>",
                failed(report)
            ),
        },
    );
    write_failures(&mut page, report);
    write_others(&mut page, report);
    write_timeline(&mut page, report);
    write_memory(&mut page, report);
    write_circumstances(&mut page, report);
    page.push_str("</body></html>\n");
    page
}

fn failed(report: &DumpReport) -> usize {
    let failed = report
        .processes
        .iter()
        .filter(|process| process.failure.is_some());
    failed.count()
}

/// `train.py (4242, rank 3)`.
fn name(process: &DumpedProcess) -> String {
    let report = &process.report;
    let pid = report.pid.map(|pid| pid.to_string());
    let rank = report.rank.map(|rank| format!("rank {rank}"));
    let inside: Vec<String> = pid.into_iter().chain(rank).collect();
    let name = match (&*report.name, &report.core) {
        ("", Some(core)) => core,
        (name, _) => name,
    };
    match inside.is_empty() {
        true => name.to_owned(),
        false => format!("{name} ({})", inside.join(", ")),
    }
}

/// Command, environment, limits and open files: equal ones once.
fn write_circumstances(page: &mut String, report: &DumpReport) {
    let known = report.processes.iter().filter_map(|process| {
        let facts = process.facts.as_ref()?;
        Some((process, &facts.process))
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return;
    }
    page.push_str("<section id=\"circumstances\"><h2>Circumstances</h2>\n");
    for (process, facts) in known {
        let _ = write!(
            page,
            "<details><summary>{}</summary><dl><dt>command</dt><dd><code>{}</code></dd>",
            escaped(&name(process)),
            escaped(&facts.command.join(" "))
        );
        let told = [
            ("executable", facts.executable.as_deref()),
            ("working folder", facts.working_folder.as_deref()),
            ("interpreter", facts.interpreter.as_deref()),
        ];
        for (what, text) in told {
            if let Some(text) = text {
                let _ = write!(
                    page,
                    "<dt>{what}</dt><dd><code>{}</code></dd>",
                    escaped(text)
                );
            }
        }
        page.push_str("</dl>");
        table(
            page,
            "environment",
            facts.environment.iter().map(|variable| {
                let value = variable.value.as_deref().unwrap_or("(masked)");
                [variable.name.clone(), value.to_owned()]
            }),
        );
        table(
            page,
            "limits",
            facts.limits.iter().map(|limit| {
                let value = format!("{} of {} {}", limit.soft, limit.hard, limit.unit);
                [limit.name.clone(), value]
            }),
        );
        table(
            page,
            "open files",
            facts
                .open_files
                .iter()
                .map(|file| [file.number.to_string(), file.target.clone()]),
        );
        page.push_str("</details>\n");
    }
    page.push_str("</section>\n");
}

fn table(page: &mut String, title: &str, rows: impl Iterator<Item = [String; 2]>) {
    let rows: String = rows
        .map(|[name, value]| {
            format!(
                "<tr><th>{}</th><td>{}</td></tr>",
                escaped(&name),
                escaped(&value)
            )
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(
            page,
            "<h4>{title}</h4><div class=\"wide\"><table>{rows}</table></div>"
        );
    }
}

/// Text of a dump, which may be anything.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            // Marks that turn the order of letters around would hide what is written.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            character if character.is_control() => safe.push('\u{fffd}'),
            character => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_dump_is_markup() {
        assert_eq!(
            escaped("<script>'\"&\u{1b}[0m\u{202e}\n"),
            "&lt;script&gt;&#39;&quot;&amp;\u{fffd}[0m\u{fffd}\n"
        );
    }
}
