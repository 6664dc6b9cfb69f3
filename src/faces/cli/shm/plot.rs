//! `pmdb shm plot`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clap::{ColorChoice, ValueEnum, ValueHint};
use terminal_size::{Height, Width, terminal_size};

use super::progress::watched;
use super::show::{Elements, failure};
use crate::faces::cli::Failure;
use crate::faces::cli::stack::palette;
use crate::faces::render::palette::Palette;
use crate::faces::render::plot::{Depth, Drawing, shades, write_plot};
use crate::session::shm::{Canvas, Plot, plot};

/// Pixels of an image's side at most.
const LARGEST_IMAGE: usize = 2048;
/// Columns and lines of a terminal that are believed.
const LARGEST: usize = 512;
/// Where the terminal does not tell.
const COLUMNS: usize = 80;
const LINES: usize = 24;

const EXAMPLES: &str = "\
Examples:
  pmdb shm plot psm_3f2a --as f32 --shape 512,512            a heat map, and a histogram
  pmdb shm plot psm_3f2a --as f32 --shape 8,512,512 '[3]'    of one slice
  pmdb shm plot psm_3f2a --as f64                            a line
  pmdb shm plot psm_3f2a --as f32 --shape -1,1000 --sparklines
  pmdb shm plot psm_3f2a --as f32 --shape 512,512 --log --png weights.png";

/// Draw the numbers of a segment: a line of one axis, a heat map of two, and a histogram.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name as `pmdb shm` lists it or the beginning of that, PID:ADDRESS, or DEVICE:INODE.
    name: String,
    /// Which elements, as in numpy: '[10:20]', '[::2, 3]'. One axis or two have to be left.
    slice: Option<String>,
    #[command(flatten)]
    pub(super) elements: Elements,
    /// Colours by the logarithm of magnitudes.
    #[arg(long)]
    log: bool,
    /// Each row as a line of its own.
    #[arg(long)]
    sparklines: bool,
    /// Write the heat map as an image instead.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    png: Option<PathBuf>,
    /// How many colours; otherwise as many as the terminal says that it has.
    #[arg(long, value_name = "WHICH")]
    colors: Option<DepthName>,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DepthName {
    Truecolor,
    #[value(name = "256")]
    Colours256,
    Ascii,
}

pub(super) fn answer(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let Some(_) = arguments.elements.dtype() else {
        let text = "pmdb: what is drawn are numbers: say of what type with --as";
        return Err(Failure::Usage(text.to_string()));
    };
    let options = arguments
        .elements
        .options(&arguments.name, arguments.slice.as_deref());
    let palette = palette(arguments.color);
    let depth = match arguments.colors {
        Some(DepthName::Truecolor) => Depth::True,
        Some(DepthName::Colours256) => Depth::Colours256,
        Some(DepthName::Ascii) => Depth::Ascii,
        None => depth(palette),
    };
    let (columns, lines) = room();
    let canvas = |shape: &[u64]| match (&arguments.png, shape.len()) {
        (Some(_), _) => Canvas {
            rows: LARGEST_IMAGE,
            columns: LARGEST_IMAGE,
            bins: 1,
        },
        (None, 1) => Canvas {
            rows: 1,
            columns: columns.saturating_sub(16).max(8),
            bins: 40,
        },
        _ => Canvas {
            // Beside the heading, the legend and the histogram.
            rows: lines.saturating_sub(8).max(4)
                * if depth == Depth::Ascii || arguments.sparklines {
                    1
                } else {
                    2
                },
            columns: columns.saturating_sub(12).max(8),
            bins: 40,
        },
    };
    let plot =
        watched(|progress| plot(&options, canvas, progress)).map_err(|error| failure(&error))?;
    if let Some(path) = &arguments.png {
        let written = write_png(path, &plot, arguments.log);
        return written.map(|()| Vec::new()).map_err(|error| {
            Failure::Operation(vec![format!("cannot write {}: {error}", path.display())])
        });
    }
    let drawing = Drawing {
        depth,
        log: arguments.log,
        sparklines: arguments.sparklines,
    };
    let mut text = Vec::new();
    write_plot(&mut text, &plot, drawing, palette)?;
    Ok(text)
}

/// What the terminal says of itself.
fn depth(palette: Palette) -> Depth {
    let says = |name: &str, words: &[&str]| {
        std::env::var(name).is_ok_and(|value| words.iter().any(|word| value.contains(word)))
    };
    match palette {
        Palette::Plain => Depth::Ascii,
        Palette::Ansi if says("COLORTERM", &["truecolor", "24bit"]) => Depth::True,
        Palette::Ansi if says("TERM", &["256color"]) => Depth::Colours256,
        Palette::Ansi => Depth::Ascii,
    }
}

fn room() -> (usize, usize) {
    let said = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let told = terminal_size();
    let columns = told.map_or(COLUMNS, |(Width(columns), _)| columns.into());
    let lines = told.map_or(LINES, |(_, Height(lines))| lines.into());
    (
        said("COLUMNS").unwrap_or(columns).min(LARGEST),
        said("LINES").unwrap_or(lines).min(LARGEST),
    )
}

/// One pixel for each cell.
fn write_png(path: &Path, plot: &Plot, log: bool) -> Result<(), png::EncodingError> {
    let out = BufWriter::new(File::create(path)?);
    let side = |cells: usize| u32::try_from(cells).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(out, side(plot.picture.columns), side(plot.picture.rows));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = shades(&plot.picture, log)
        .into_iter()
        .flat_map(|shade| {
            let (red, green, blue) = shade.rgb();
            [red, green, blue]
        })
        .collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()
}
