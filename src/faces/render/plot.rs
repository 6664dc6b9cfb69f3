//! The pictures of `pmdb shm plot`, in text and as pixels.

use std::io::{self, Write};

use super::colours::Shade;
use super::palette::Palette;
use super::printable::one_line;
use super::segment_view::{write_heading, write_notes};
use crate::array::page;
use crate::array::real::Real;
use crate::array::{Release, number_text};
use crate::session::shm::{GridCell, Picture, Plot};

/// Of a picture of one axis, and of a histogram.
pub(super) const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    True,
    Colours256,
    Ascii,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    pub depth: Depth,
    /// Magnitudes by their logarithms.
    pub log: bool,
    /// Each row as a line of its own.
    pub sparklines: bool,
}

pub fn write_plot(
    out: &mut dyn Write,
    plot: &Plot,
    drawing: Drawing,
    palette: Palette,
) -> io::Result<()> {
    write_heading(out, &plot.segment, palette)?;
    writeln!(
        out,
        "{} {}",
        one_line(&plot.dtype),
        page::shape_text(&plot.shape)
    )?;
    writeln!(out)?;
    match plot.shape.len() {
        1 => write_line(out, &plot.picture, plot.range, drawing)?,
        _ if drawing.sparklines => write_sparklines(out, plot, drawing)?,
        _ => write_heat(out, &plot.picture, drawing)?,
    }
    writeln!(out)?;
    write_histogram(out, plot, drawing)?;
    write_notes(out, &plot.notes, palette)
}

/// What the cells of a picture are drawn by: their means, or the logarithms of these.
struct Levels {
    log: bool,
    least: f64,
    most: f64,
}

impl Levels {
    fn of(picture: &Picture, log: bool) -> Levels {
        let used = picture.cells.iter().filter(|cell| cell.count > 0);
        let values = used
            .map(|cell| value(cell, log))
            .filter(|value| value.is_finite());
        let (least, most) = values.fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(least, most), value| (least.min(value), most.max(value)),
        );
        Levels { log, least, most }
    }

    fn shade(&self, cell: &GridCell) -> Shade {
        if cell.has_nan {
            return Shade::Nan;
        }
        if cell.count == 0 {
            return Shade::Nothing;
        }
        let level = match self.most > self.least {
            // Halves, since the difference of two doubles may be too large for one.
            true => {
                (value(cell, self.log) / 2.0 - self.least / 2.0)
                    / (self.most / 2.0 - self.least / 2.0)
            }
            false => 0.5,
        };
        // The logarithm of 0 is below all others.
        Shade::Level(level.max(0.0))
    }

    fn text(&self) -> String {
        if self.least > self.most {
            return "no finite number".to_string();
        }
        let end = |value: f64| number(if self.log { 10_f64.powf(value) } else { value });
        let (least, most) = (end(self.least), end(self.most));
        match self.log {
            true => format!("magnitudes from {least} to {most}, by their logarithms"),
            false => format!("from {least} to {most}"),
        }
    }
}

fn value(cell: &GridCell, log: bool) -> f64 {
    let mean = cell.sum / cell.count as f64;
    if log { mean.abs().log10() } else { mean }
}

/// The shades of a picture's cells.
pub fn shades(picture: &Picture, log: bool) -> Vec<Shade> {
    let levels = Levels::of(picture, log);
    picture
        .cells
        .iter()
        .map(|cell| levels.shade(cell))
        .collect()
}

fn number(value: f64) -> String {
    number_text::plain(Real::Single(value as f32), Release::of_major(2))
}

/// In colours two rows stand in one line: the upper half of a block has the colour of the text, the lower one that behind it.
fn write_heat(out: &mut dyn Write, picture: &Picture, drawing: Drawing) -> io::Result<()> {
    let shades = shades(picture, drawing.log);
    let rows: Vec<&[Shade]> = shades.chunks(picture.columns).collect();
    if drawing.depth == Depth::Ascii {
        for row in &rows {
            let line: String = row.iter().map(|shade| shade.letter()).collect();
            writeln!(out, "|{line}|")?;
        }
    } else {
        for pair in rows.chunks(2) {
            let upper = pair.first().copied().unwrap_or_default();
            let lower = pair.get(1).copied();
            for (column, &shade) in upper.iter().enumerate() {
                write!(out, "\x1b[38;{}m", colour(shade, drawing.depth))?;
                if let Some(&below) = lower.and_then(|row| row.get(column)) {
                    write!(out, "\x1b[48;{}m", colour(below, drawing.depth))?;
                }
                write!(out, "▀")?;
            }
            writeln!(out, "\x1b[0m")?;
        }
    }
    let mut legend = String::new();
    for step in 0..=9 {
        let shade = Shade::Level(f64::from(step) / 9.0);
        legend += &match drawing.depth {
            Depth::Ascii => shade.letter().to_string(),
            depth => format!("\x1b[48;{}m  ", colour(shade, depth)),
        };
    }
    let (reset, nan) = match drawing.depth {
        Depth::Ascii => ("", Shade::Nan.letter().to_string()),
        depth => (
            "\x1b[0m",
            format!("\x1b[48;{}m  \x1b[0m", colour(Shade::Nan, depth)),
        ),
    };
    let scale = Levels::of(picture, drawing.log).text();
    writeln!(
        out,
        "[{legend}{reset}] {scale}, each a mean   {nan} has a NaN"
    )
}

fn colour(shade: Shade, depth: Depth) -> String {
    match depth {
        Depth::True => {
            let (red, green, blue) = shade.rgb();
            format!("2;{red};{green};{blue}")
        }
        _ => format!("5;{}", shade.of_256()),
    }
}

/// From the least to the largest number of each column.
fn write_line(
    out: &mut dyn Write,
    picture: &Picture,
    (least, most): (f64, f64),
    drawing: Drawing,
) -> io::Result<()> {
    const HEIGHT: usize = 12;
    let place = |value: f64| {
        let level = match most > least {
            true => (value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0),
            false => 0.5,
        };
        ((level * HEIGHT as f64) as usize).min(HEIGHT - 1)
    };
    let mark = if drawing.depth == Depth::Ascii {
        '#'
    } else {
        '█'
    };
    let labels = [number(most), number(least)];
    let wide = labels.iter().map(String::len).max().unwrap_or(0);
    for line in (0..HEIGHT).rev() {
        let label = match line {
            0 => &labels[1],
            line if line == HEIGHT - 1 => &labels[0],
            _ => "",
        };
        let drawn: String = picture
            .cells
            .iter()
            .map(|cell| match cell {
                cell if cell.has_nan && line == 0 => '?',
                cell if cell.count > 0 && (place(cell.min)..=place(cell.max)).contains(&line) => {
                    mark
                }
                _ => ' ',
            })
            .collect();
        writeln!(out, "{label:>wide$} |{}", drawn.trim_end())?;
    }
    Ok(())
}

fn write_sparklines(out: &mut dyn Write, plot: &Plot, drawing: Drawing) -> io::Result<()> {
    let shades = shades(&plot.picture, drawing.log);
    let height = plot.shape.first().copied().unwrap_or(1);
    for (number, row) in shades.chunks(plot.picture.columns).enumerate() {
        let first = number as u64 * height / plot.picture.rows as u64;
        let line: String = row.iter().map(|&shade| bar(shade, drawing.depth)).collect();
        writeln!(out, "{first:>10} {line}")?;
    }
    Ok(())
}

fn bar(shade: Shade, depth: Depth) -> char {
    match (shade, depth) {
        (Shade::Level(level), Depth::True | Depth::Colours256) => {
            let place = (level.clamp(0.0, 1.0) * 8.0).round() as usize;
            BARS.get(place.max(1)).copied().unwrap_or(' ')
        }
        (shade, _) => shade.letter(),
    }
}

fn write_histogram(out: &mut dyn Write, plot: &Plot, drawing: Drawing) -> io::Result<()> {
    let most = plot.picture.bins.iter().max().copied().unwrap_or(0).max(1);
    let line: String = plot
        .picture
        .bins
        .iter()
        .map(|&count| match (count, drawing.depth) {
            (0, _) => ' ',
            (count, Depth::Ascii) => Shade::Level(count as f64 / most as f64).letter().max('.'),
            (count, _) => bar(Shade::Level(count as f64 / most as f64), drawing.depth),
        })
        .collect();
    let (least, largest) = (number(plot.range.0), number(plot.range.1));
    writeln!(
        out,
        "{least} |{line}| {largest}   at most {most} of {} in one",
        plot.statistics.count
    )?;
    if plot.statistics.nan + plot.statistics.inf > 0 {
        writeln!(
            out,
            "nan {}   inf {}",
            plot.statistics.nan, plot.statistics.inf
        )?;
    }
    Ok(())
}
