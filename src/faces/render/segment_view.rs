//! The answer of `pmdb shm show` as text.

use std::io::{self, Write};

use serde_json::Number;

use super::palette::{Palette, Role};
use super::plot::BARS;
use super::printable::{lines, one_line};
use super::quantity::bytes;
use super::segments::{kind, labels};
use super::table::{Align, Cell, Table};
use crate::array::real::{Real, to_half};
use crate::array::{Kind, Release, Width, calendar, dtype, number_text, page};
use crate::model::{FieldStatistics, Pid, SegmentBrief, SegmentDump, SegmentView, Statistics};
use crate::session::shm::Shown;

/// Bytes of a line of a dump.
const LINE: usize = 16;

pub fn write_shown(out: &mut dyn Write, shown: &Shown, palette: Palette) -> io::Result<()> {
    match shown {
        Shown::View { view, text } => write_view(out, view, text, palette),
        Shown::Bytes(dump) => write_dump(out, dump, palette),
    }
}

/// `psm_3f2a: posix, 1.0 MiB, written by 4242,4243, read by 4244`
pub fn write_heading(
    out: &mut dyn Write,
    segment: &SegmentBrief,
    palette: Palette,
) -> io::Result<()> {
    let mut parts = vec![kind(segment.kind).to_string(), bytes(segment.size)];
    let mut users = |how: &str, pids: &[Pid]| {
        if !pids.is_empty() {
            parts.push(format!("{how} {}", labels(pids)));
        }
    };
    users("mapped rw by", &segment.writers);
    users("r by", &segment.readers);
    if let Some(from) = &segment.from {
        parts.push(format!("in {}", one_line(from)));
    }
    let name = one_line(&segment.name);
    writeln!(
        out,
        "{}: {}",
        palette.paint(Role::Heading, name),
        parts.join(", ")
    )
}

fn write_view(
    out: &mut dyn Write,
    view: &SegmentView,
    text: &str,
    palette: Palette,
) -> io::Result<()> {
    write_heading(out, &view.segment, palette)?;
    let shape = page::shape_text(&view.shape);
    writeln!(
        out,
        "{} {shape} at byte {}",
        one_line(&view.dtype),
        view.offset
    )?;
    writeln!(out)?;
    writeln!(out, "{}", lines(text))?;
    if let Some(statistics) = &view.statistics {
        writeln!(out)?;
        write_statistics(out, statistics, &view.dtype)?;
    }
    if !view.fields.is_empty() {
        writeln!(out)?;
        write_fields(out, &view.fields, palette)?;
    }
    write_notes(out, &view.notes, palette)
}

pub fn write_notes(out: &mut dyn Write, notes: &[String], palette: Palette) -> io::Result<()> {
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for note in notes {
        writeln!(out, "{}", palette.paint(Role::Problem, one_line(note)))?;
    }
    Ok(())
}

fn write_statistics(out: &mut dyn Write, statistics: &Statistics, dtype: &str) -> io::Result<()> {
    let known =
        |name: &str, number: Option<String>| number.map(|number| format!("{name} {number}"));
    let extreme = |number: &Option<Number>| number.as_ref().map(|number| in_type(number, dtype));
    let first = [
        Some(format!("count {}", statistics.count)),
        known("min", extreme(&statistics.min)),
        known("max", extreme(&statistics.max)),
        known("mean", statistics.mean.map(|mean| mean_text(mean, dtype))),
        known(
            "std",
            statistics.std.filter(|_| !is_moment(dtype)).map(double),
        ),
    ];
    writeln!(
        out,
        "{}",
        first.into_iter().flatten().collect::<Vec<_>>().join("   ")
    )?;
    let is_time = is_moment(dtype) || dtype.contains("timedelta64") || dtype.contains("m8");
    let mut second = vec![format!(
        "{} {}",
        if is_time { "nat" } else { "nan" },
        statistics.nan
    )];
    second.push(match (statistics.positive_inf, statistics.negative_inf) {
        (0, 0) => "inf 0".to_string(),
        (positive, negative) => format!("inf {positive}   -inf {negative}"),
    });
    second.push(format!("zero {}", statistics.zero));
    second.push(format!("subnormal {}", statistics.subnormal));
    if let (Some(first), Some(last)) = (&statistics.first_nonzero, &statistics.last_nonzero) {
        second.push(format!("not zero from {first:?} to {last:?}"));
    }
    writeln!(out, "{}", second.join("   "))?;
    write_spread(out, statistics, dtype)
}

fn write_spread(out: &mut dyn Write, statistics: &Statistics, dtype: &str) -> io::Result<()> {
    if let Some(quantiles) = &statistics.quantiles {
        let each = [
            ("p1", quantiles.p1),
            ("p5", quantiles.p5),
            ("p25", quantiles.p25),
            ("p50", quantiles.p50),
            ("p75", quantiles.p75),
            ("p95", quantiles.p95),
            ("p99", quantiles.p99),
        ];
        let mut parts = each.map(|(name, value)| format!("{name} {}", mean_text(value, dtype)));
        let [.., last] = &mut parts;
        if quantiles.rank_error > 0.0 {
            last.push_str(&format!(
                "   (of {} elements: ranks ± {:.1}%; --exact)",
                quantiles.elements,
                quantiles.rank_error * 100.0
            ));
        }
        writeln!(out, "{}", parts.join("   "))?;
    }
    let distinct =
        statistics
            .distinct
            .as_ref()
            .map(|distinct| match distinct.relative_error > 0.0 {
                true => format!(
                    "distinct about {} (± {:.1}%)",
                    distinct.count,
                    distinct.relative_error * 100.0
                ),
                false => format!("distinct {}", distinct.count),
            });
    let histogram = statistics
        .histogram
        .as_ref()
        .map(|histogram| format!("histogram |{}|", bars(&histogram.counts)));
    let parts: Vec<String> = distinct.into_iter().chain(histogram).collect();
    match parts.is_empty() {
        true => Ok(()),
        false => writeln!(out, "{}", parts.join("   ")),
    }
}

/// A bar for each count, as high as that is to the largest; a space where there is nothing.
fn bars(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0);
    let bar = |&count: &u64| match count {
        0 => ' ',
        count => {
            let heights = BARS.len() as u128 - 1;
            let height = (u128::from(count) * heights / u128::from(most)).max(1);
            BARS.get(height as usize).copied().unwrap_or('█')
        }
    };
    counts.iter().map(bar).collect()
}

fn is_moment(dtype: &str) -> bool {
    dtype::parse(dtype).is_ok_and(|element| matches!(element.kind, Kind::Moment(_)))
}

fn double(value: f64) -> String {
    number_text::plain(Real::Double(value), Release::of_major(2))
}

/// A number with the digits that its type gives it.
fn in_type(number: &Number, dtype: &str) -> String {
    let Ok(element) = dtype::parse(dtype) else {
        return number.to_string();
    };
    let (Some(value), integer) = (number.as_f64(), number.as_i64()) else {
        return number.to_string();
    };
    let plain = |real| number_text::plain(real, Release::of_major(2));
    match (&element.kind, integer) {
        (Kind::Moment(unit), Some(count)) => calendar::moment(count, *unit),
        (Kind::Real(Width::Half), _) => plain(Real::Half(value, to_half(value))),
        (Kind::Real(Width::Brain), _) => {
            plain(Real::Brain(((value as f32).to_bits() >> 16) as u16))
        }
        (Kind::Real(Width::Single), _) => plain(Real::Single(value as f32)),
        (Kind::Real(_), _) => plain(Real::Double(value)),
        _ => number.to_string(),
    }
}

fn mean_text(mean: f64, dtype: &str) -> String {
    match dtype::parse(dtype).map(|element| element.kind.clone()) {
        Ok(Kind::Moment(unit)) => calendar::moment(mean.round() as i64, unit),
        _ => double(mean),
    }
}

fn write_fields(
    out: &mut dyn Write,
    fields: &[FieldStatistics],
    palette: Palette,
) -> io::Result<()> {
    let mut table = Table::new(vec![
        ("FIELD", Align::Left),
        ("DTYPE", Align::Left),
        ("COUNT", Align::Right),
        ("MIN", Align::Right),
        ("MAX", Align::Right),
        ("MEAN", Align::Right),
        ("STD", Align::Right),
        ("NAN", Align::Right),
        ("INF", Align::Right),
        ("ZERO", Align::Right),
    ]);
    for field in fields {
        let statistics = &field.statistics;
        let extreme = |number: &Option<Number>| {
            number
                .as_ref()
                .map_or(String::new(), |number| in_type(number, &field.dtype))
        };
        let mean = statistics.mean.map(|mean| mean_text(mean, &field.dtype));
        table.row(vec![
            Cell::new(&field.name).painted(Role::Variable),
            Cell::new(&field.dtype),
            Cell::new(statistics.count.to_string()),
            Cell::new(extreme(&statistics.min)),
            Cell::new(extreme(&statistics.max)),
            Cell::new(mean.unwrap_or_default()),
            Cell::new(statistics.std.map_or(String::new(), double)),
            Cell::new(statistics.nan.to_string()),
            Cell::new(statistics.inf.to_string()),
            Cell::new(statistics.zero.to_string()),
        ]);
    }
    table.write(out, palette, None)
}

fn write_dump(out: &mut dyn Write, dump: &SegmentDump, palette: Palette) -> io::Result<()> {
    write_heading(out, &dump.segment, palette)?;
    writeln!(out)?;
    let digits: Vec<&str> = dump
        .bytes
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .collect();
    let mut before: Option<&[&str]> = None;
    let mut is_repeated = false;
    for (number, line) in digits.chunks(LINE).enumerate() {
        // As hexdump(1) has it.
        if before == Some(line) {
            if !is_repeated {
                writeln!(out, "*")?;
            }
            is_repeated = true;
            continue;
        }
        (before, is_repeated) = (Some(line), false);
        let text: String = line.iter().map(|pair| character(pair)).collect();
        let (left, right) = line.split_at(line.len().min(LINE / 2));
        let offset = dump.offset + (number * LINE) as u64;
        writeln!(
            out,
            "{}  {:<23}  {:<23}  |{text}|",
            palette.paint(Role::Faint, format!("{offset:08x}")),
            left.join(" "),
            right.join(" ")
        )?;
    }
    let end = dump.offset + digits.len() as u64;
    writeln!(out, "{}", palette.paint(Role::Faint, format!("{end:08x}")))?;
    if let Some(guess) = &dump.guess {
        writeln!(out)?;
        writeln!(
            out,
            "A guess: --as {}, since {}.",
            one_line(&guess.dtype),
            one_line(&guess.why)
        )?;
    }
    write_notes(out, &dump.notes, palette)
}

fn character(pair: &str) -> char {
    match u8::from_str_radix(pair, 16) {
        Ok(byte @ b' '..=b'~') => char::from(byte),
        _ => '.',
    }
}
