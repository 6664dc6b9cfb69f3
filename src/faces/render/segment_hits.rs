//! The answer of `pmdb shm find` as text.

use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::printable::one_line;
use super::segment_view::{write_heading, write_notes};
use super::table::{Align, Cell, Table};
use crate::array::page;
use crate::model::{SegmentHit, SegmentHits};

pub fn write_hits(out: &mut dyn Write, found: &SegmentHits, palette: Palette) -> io::Result<()> {
    write_heading(out, &found.segment, palette)?;
    writeln!(
        out,
        "{} {}: {} in {} elements",
        one_line(&found.dtype),
        page::shape_text(&found.shape),
        match found.count {
            0 => format!("no {}", one_line(&found.sought)),
            count => format!("{count} × {}", one_line(&found.sought)),
        },
        found.elements
    )?;
    if !found.hits.is_empty() {
        writeln!(out)?;
        table(found).write(out, palette, None)?;
    }
    write_notes(out, &found.notes, palette)
}

fn table(found: &SegmentHits) -> Table {
    let mut table = Table::new(vec![
        ("INDEX", Align::Left),
        ("OFFSET", Align::Right),
        ("VALUE", Align::Right),
    ]);
    let row = |hit: &SegmentHit| {
        let index = hit.index.as_ref().map(|index| format!("{index:?}"));
        vec![
            Cell::new(index.unwrap_or_default()).painted(Role::Variable),
            Cell::new(format!("+{:#x}", hit.offset)),
            Cell::new(hit.text.as_deref().unwrap_or_default()),
        ]
    };
    for hit in &found.hits {
        table.row(row(hit));
    }
    let told = found.hits.len() as u64;
    if let Some(last) = &found.last {
        let between = found.count - told - 1;
        if between > 0 {
            table.row(vec![
                Cell::new(format!("… {between} more …")).painted(Role::Faint),
                Cell::new(""),
                Cell::new(""),
            ]);
        }
        table.row(row(last));
    }
    table
}
