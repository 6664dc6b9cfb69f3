//! The shared memory of the processes: what there was, who had it, and where in it something was written.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::escaped;
use crate::faces::render::quantity;
use crate::model::{DumpReport, SegmentOutline, SharedFacts};

pub(super) fn write_memory(page: &mut String, report: &DumpReport) {
    let mut known = BTreeSet::new();
    let mut rows = String::new();
    for process in &report.processes {
        let Some(facts) = &process.facts else {
            continue;
        };
        // The outlines are in the order of the facts. A path may be that of several: `/dev/zero (deleted)`.
        let outlines = process.segments.iter().map(Some);
        let outlines = outlines.chain(std::iter::repeat(None));
        for (segment, outline) in facts.shared.iter().zip(outlines) {
            if known.insert((segment.device, segment.inode)) {
                rows += &row(segment, outline);
            }
        }
    }
    if !rows.is_empty() {
        let _ = writeln!(
            page,
            "<section id=\"memory\"><h2>Shared memory</h2><div class=\"wide\"><table>\
             <tr><th>segment</th><th>size</th><th>written</th><th>kept</th><th>mapped by</th></tr>{rows}</table></div>\
             <p class=\"note\">Each strip is a segment from its beginning to its end: the darker, the more of it is not zero; \
             grey where it is not kept.</p></section>"
        );
    }
}

fn row(segment: &SharedFacts, outline: Option<&SegmentOutline>) -> String {
    let mappers = segment.segment.iter().flat_map(|segment| &segment.mappers);
    let pids: BTreeSet<_> = mappers.map(|mapper| mapper.pid).collect();
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let picture = outline.map(strip).unwrap_or_default();
    let evidence = segment
        .segment
        .as_ref()
        .map(|segment| escaped(&segment.evidence));
    format!(
        "<tr><td><code>{}</code>{picture}<small>{}</small></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        escaped(&segment.path),
        evidence.unwrap_or_default(),
        quantity::bytes(segment.size),
        quantity::bytes(segment.there),
        quantity::bytes(segment.kept),
        escaped(&pids.join(", ")),
    )
}

fn strip(outline: &SegmentOutline) -> String {
    let width = outline.parts.len();
    let mut strip = format!(
        "<svg class=\"strip\" viewBox=\"0 0 {width} 6\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"what is written in it\">"
    );
    for (number, part) in outline.parts.iter().enumerate() {
        // From 0.08, so that what is all zeros can be told from nothing.
        let (class, opacity) = match part {
            Some(part) => ("w", 0.08 + f64::from(*part) / 255.0 * 0.92),
            None => ("n", 1.0),
        };
        let _ = write!(
            strip,
            "<rect class=\"{class}\" x=\"{number}\" width=\"1\" height=\"6\" opacity=\"{opacity:.2}\"/>"
        );
    }
    strip + "</svg>"
}
