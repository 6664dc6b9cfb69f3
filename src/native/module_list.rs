//! The files of code that a process has mapped, and what is known of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::loaded::{LoadedModule, LoadedModules};
use crate::model::{Addr, BuildId};
use crate::process::Process;

/// How much of a module has names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    DebugInformation,
    Symbols,
    Nothing,
}

/// A file of code of a process.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    /// As the process names it.
    pub path: String,
    /// Of all its mappings together; the end is exclusive.
    pub begin: Addr,
    pub end: Addr,
    pub knowledge: Knowledge,
    pub build_id: Option<BuildId>,
    /// Where its debug information is, if that is another file.
    pub debug_file: Option<PathBuf>,
    /// What was found damaged or missing, or why the file cannot be used.
    pub problems: Vec<String>,
    pub loaded: Option<LoadedModule>,
}

impl LoadedModules<'_> {
    /// Those of a process, by address.
    pub fn list(&self, process: &dyn Process) -> Vec<ModuleEntry> {
        let mappings = process.code_mappings();
        let mut entries: Vec<ModuleEntry> = mappings
            .iter()
            .filter_map(|mapping| {
                let code = self.find(mapping.start)?;
                let path = mapping.path()?;
                let own = || {
                    process
                        .mappings()
                        .iter()
                        .filter(|it| it.path() == Some(path))
                };
                let begin = own().map(|it| it.start).min().unwrap_or(mapping.start);
                let end = own().map(|it| it.end).max().unwrap_or(mapping.end);
                let place = (path, begin, end);
                Some(match &code.module {
                    Ok(loaded) => known(place, loaded),
                    Err(why) => ModuleEntry {
                        path: path.display().to_string(),
                        begin,
                        end,
                        knowledge: Knowledge::Nothing,
                        build_id: None,
                        debug_file: None,
                        problems: vec![why.to_string()],
                        loaded: None,
                    },
                })
            })
            .collect();
        entries.sort_by_key(|entry| entry.begin);
        entries
    }
}

fn known((path, begin, end): (&Path, Addr, Addr), loaded: &LoadedModule) -> ModuleEntry {
    let module: &Arc<super::Module> = &loaded.module;
    let information = module.debug_information();
    let has_symbols = || !module.symbols_that(1, |_| true).is_empty();
    let knowledge = match information {
        Some(_) => Knowledge::DebugInformation,
        None if has_symbols() => Knowledge::Symbols,
        None => Knowledge::Nothing,
    };
    let debug_file = information.map(|it| it.debug_file().to_path_buf());
    ModuleEntry {
        path: path.display().to_string(),
        begin,
        end,
        knowledge,
        build_id: module.build_id().cloned(),
        debug_file: debug_file
            .filter(|file| !file.ends_with(path.strip_prefix("/").unwrap_or(path))),
        problems: match information {
            Some(information) => information.problems(),
            None => module
                .refusal()
                .map(ToString::to_string)
                .into_iter()
                .collect(),
        },
        loaded: Some(loaded.clone()),
    }
}
