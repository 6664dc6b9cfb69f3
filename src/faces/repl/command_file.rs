//! Files of commands: `--script FILE` and pdb's `.pdbrc`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A longer one is not read. Bytes.
const LONGEST: u64 = 1 << 20;

/// The commands of a file, one for each line that is neither empty nor a comment.
pub fn commands_in(path: &Path) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        let why = format!("it is longer than {LONGEST} bytes");
        return Err(io::Error::other(why));
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_string)
        .collect())
}
