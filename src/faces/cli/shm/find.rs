//! `pmdb shm find`.

use clap::ColorChoice;

use super::json;
use super::progress::watched;
use super::show::{Elements, failure};
use crate::faces::cli::Failure;
use crate::faces::cli::stack::palette;
use crate::faces::render::segment_hits::write_hits;
use crate::session::shm::find;

const EXAMPLES: &str = "\
Examples:
  pmdb shm find psm_3f2a --as f64 nan                      the first NaNs, and how many there are
  pmdb shm find psm_3f2a --as f64 --shape 1000,64 inf      with their indices along two axes
  pmdb shm find psm_3f2a --as f32 1e6..                    from a million on
  pmdb shm find psm_3f2a --as u32 --at 4096 0xdeadbeef
  pmdb shm find psm_3f2a 'hex:50 4d 51 31'                 bytes, wherever they begin
  pmdb shm find psm_3f2a text:PMQ1";

/// Find elements of a segment: NaNs, infinities, a value, a range of them, or a pattern of bytes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name as `pmdb shm` lists it or the beginning of that, PID:ADDRESS, or DEVICE:INODE.
    name: String,
    /// nan, inf, -inf, subnormal; 3.5; 0..1, 1e6.., ..0 (both ends belong to it); hex:DIGITS or text:LETTERS.
    #[arg(value_name = "WHAT", allow_hyphen_values = true)]
    sought: String,
    /// Among which elements, as in numpy: '[10:20]', '[::2, 3]'.
    slice: Option<String>,
    #[command(flatten)]
    pub(super) elements: Elements,
    /// Tell so many of them one by one.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

pub(super) fn answer(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let options = arguments
        .elements
        .options(&arguments.name, arguments.slice.as_deref());
    let sought = &arguments.sought;
    let found = watched(|progress| find(&options, sought, arguments.limit, progress))
        .map_err(|error| failure(&error))?;
    if arguments.json {
        return json(&found);
    }
    let mut text = Vec::new();
    write_hits(&mut text, &found, palette(arguments.color))?;
    Ok(text)
}
