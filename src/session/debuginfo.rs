//! Debug information that is missing, fetched for the commands that come after.

use super::stack::Target;
use crate::native::debuginfod::{FetchError, Fetched, fetch_missing};
use crate::native::{LoadedModules, ParsedModules};
use crate::process::ProcessError;

#[derive(Debug, thiserror::Error)]
pub enum DebuginfoError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// What came of the search for the debug information of the modules that have none. No process is held meanwhile. `tell` hears of each before it is looked for.
pub fn fetch(target: &Target, tell: &dyn Fn(&str)) -> Result<Vec<Fetched>, DebuginfoError> {
    let process = target.open()?;
    let parsed = ParsedModules::default();
    let modules = LoadedModules::new(&*process, &parsed);
    Ok(fetch_missing(&modules, tell)?)
}
