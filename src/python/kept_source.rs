//! The source of code that came from no file, as the process itself keeps it: the cells of IPython and Jupyter, doctests,
//! what attrs generates. Their makers put it into `linecache.cache`, where tracebacks find it (`Lib/linecache.py`).

use super::LookError;
use super::look::Look;
use super::object::Builtin;
use crate::model::Addr;

/// Lines that are read of one such source.
const MOST_LINES: u64 = 100_000;
/// In a tuple of `linecache.cache`: size, time, lines, name.
const LINES: usize = 2;

impl Look<'_> {
    /// A line of such a source, counted from 1; nothing if the process keeps none.
    pub(super) fn kept_line(&self, file: &str, line: u32) -> Option<String> {
        let lines = self.kept(file).ok().flatten()?;
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let text = self.sequence(lines, u64::from(line)).ok()?;
        self.name(*text.get(index)?).ok()
    }

    /// All lines of such a source, as one text.
    pub fn kept_source(&self, file: &str) -> Option<String> {
        let lines = self.kept(file).ok().flatten()?;
        let lines = self.sequence(lines, MOST_LINES).ok()?;
        lines.into_iter().map(|line| self.name(line).ok()).collect()
    }

    /// The list of its lines.
    fn kept(&self, file: &str) -> Result<Option<Addr>, LookError> {
        if !is_from_no_file(file) {
            return Ok(None);
        }
        let modules = self.known_modules(self.main_interpreter()?)?;
        let Some(&linecache) = modules.get("linecache") else {
            return Ok(None);
        };
        let Some(cache) = self.dict_get_str(linecache, "cache")? else {
            return Ok(None);
        };
        let Some(entry) = self.dict_get_str(cache, file)? else {
            return Ok(None);
        };
        if self.type_of(entry)?.builtin != Builtin::Tuple {
            return Ok(None);
        }
        // A shorter one holds what would load the lines.
        let Some(&lines) = self.sequence(entry, 4)?.get(LINES) else {
            return Ok(None);
        };
        Ok((self.type_of(lines)?.builtin == Builtin::List).then_some(lines))
    }
}

/// Whether a code object's file name is made up. ipykernel makes up names of files that it does not write.
fn is_from_no_file(file: &str) -> bool {
    let is_bracketed = file.starts_with('<') && !file.starts_with("<frozen ");
    is_bracketed || file.contains("/ipykernel_")
}
