//! `pmdb shm show`.

use std::path::PathBuf;

use clap::{ColorChoice, ValueEnum, ValueHint};

use super::json;
use super::progress::watched;
use crate::faces::cli::Failure;
use crate::faces::cli::stack::palette;
use crate::faces::render::printable::one_line;
use crate::faces::render::segment_view::write_shown;
use crate::session::shm::{Depth, Order, ShowError, ShowOptions, show};

const EXAMPLES: &str = "\
Examples:
  pmdb shm show psm_3f2a                                   bytes, and a guess at what they are
  pmdb shm show psm_3f2a --as f64 --shape 1000,64          an array, and its statistics
  pmdb shm show psm_3f2a --as '>f4' --shape -1,3 '[::2, 0]'
  pmdb shm show psm_3f2a --as 'struct {u32 seq; u32 len; f32 x[256];}' --at 4096
  pmdb shm show 4242:0x7f2a50000000 --as u8                the segment that a process maps there
  pmdb shm show psm_3f2a --as f64 --from core.4242          as it was in a core, a snapshot or a bundle
  pmdb shm show psm_3f2a --as f64 --json | jq .statistics";

/// Show what is in a segment: bytes, or elements of a type as numpy writes them, with their statistics.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name as `pmdb shm` lists it or the beginning of that, PID:ADDRESS, or DEVICE:INODE.
    name: String,
    /// Which elements, as in numpy: '[10:20]', '[::2, 3]', "['field']".
    slice: Option<String>,
    #[command(flatten)]
    pub(super) elements: Elements,
    /// At most so many values with --json.
    #[arg(long, value_name = "N", requires = "json")]
    values: Option<u64>,
    /// Do not go through all elements.
    #[arg(long)]
    no_statistics: bool,
    /// Quantiles and different numbers of all elements, however many: that takes several passes.
    #[arg(long, requires = "dtype", conflicts_with = "no_statistics")]
    exact: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

/// What the bytes are to be taken for.
#[derive(clap::Args)]
pub(super) struct Elements {
    /// The type of the elements: f64, float32, '>i4', u8, bf16, bool, complex64, 'datetime64[ns]', S8, U4, or a structure of C
    /// or Rust.
    #[arg(long = "as", value_name = "DTYPE")]
    dtype: Option<String>,
    /// How many along each axis; -1 for one of them is what the others leave.
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        requires = "dtype"
    )]
    shape: Vec<i64>,
    /// Bytes from one element to the next along each axis.
    #[arg(
        long,
        value_name = "BYTES,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        requires = "shape"
    )]
    strides: Vec<i64>,
    /// Which axis is the fastest: the last (C) or the first (F).
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "C",
        ignore_case = true,
        conflicts_with = "strides"
    )]
    order: OrderName,
    /// Where the first element lies: bytes from the beginning of the segment, also 0x….
    #[arg(long, value_name = "OFFSET", default_value = "0", value_parser = offset)]
    at: u64,
    /// A core dump or snapshot to read it from, instead of this machine. It may be given several times.
    #[arg(long, visible_alias = "core", value_name = "FILE", value_hint = ValueHint::FilePath)]
    from: Vec<PathBuf>,
    /// Hold all processes that may write to it while it is read, so that it is of one moment.
    #[arg(long, conflicts_with = "from", requires = "dtype")]
    consistent: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OrderName {
    #[value(name = "C")]
    C,
    #[value(name = "F")]
    F,
}

impl Elements {
    pub(super) fn dtype(&self) -> Option<&str> {
        self.dtype.as_deref()
    }

    /// Reads from these dumps, if no others were said.
    pub(super) fn or_from(&mut self, files: &[PathBuf]) {
        if self.from.is_empty() {
            self.from = files.to_vec();
        }
    }

    /// What they say of a segment.
    pub(super) fn options(&self, name: &str, slice: Option<&str>) -> ShowOptions {
        let given = |list: &Vec<i64>| (!list.is_empty()).then(|| list.clone());
        ShowOptions {
            name: name.to_string(),
            from: self.from.clone(),
            consistent: self.consistent,
            dtype: self.dtype.clone(),
            shape: given(&self.shape),
            strides: given(&self.strides),
            order: match self.order {
                OrderName::C => Order::C,
                OrderName::F => Order::Fortran,
            },
            at: self.at,
            slice: slice.map(str::to_string),
            ..ShowOptions::default()
        }
    }
}

fn offset(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "an offset is a number of bytes".to_string())
}

pub(super) fn failure(error: &ShowError) -> Failure {
    match error.is_usage() {
        true => Failure::Usage(format!("pmdb: {}", one_line(&error.to_string()))),
        // It may have names of segments in it.
        false => Failure::Operation(vec![one_line(&error.to_string()).into_owned()]),
    }
}

pub(super) fn answer(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let slice = arguments.slice.as_deref();
    if slice.is_some() && arguments.elements.dtype.is_none() {
        let text = "pmdb: a slice is of elements: say of what type with --as";
        return Err(Failure::Usage(text.to_string()));
    }
    let options = ShowOptions {
        values: match arguments.json {
            true => arguments.values,
            false => Some(0),
        },
        without_statistics: arguments.no_statistics,
        depth: match arguments.exact {
            true => Depth::Exact,
            false => Depth::OnePass,
        },
        ..arguments.elements.options(&arguments.name, slice)
    };
    let shown = watched(|progress| show(&options, progress)).map_err(|error| failure(&error))?;
    if arguments.json {
        return json(&shown);
    }
    let mut text = Vec::new();
    write_shown(&mut text, &shown, palette(arguments.color))?;
    Ok(text)
}
