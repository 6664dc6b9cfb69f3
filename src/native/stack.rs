//! Native frames as the model has them.

use std::path::Path;
use std::sync::Arc;

use super::SourceFrame;
use super::loaded::{LoadedModule, LoadedModules};
use super::unwind::{NativeFrame, Trust};
use crate::model::{Frame, Language};

/// What stands for the frame that the kernel makes to call a signal handler from; the next one was interrupted. In gdb's words.
const SIGNAL_FRAME: &str = "<signal handler called>";

/// Makes ready to describe some frames: of each module, where the code of all of them is described is found at once.
pub fn foresee<'f>(frames: impl Iterator<Item = &'f NativeFrame>, modules: &LoadedModules<'_>) {
    let mut by_module: Vec<(LoadedModule, Vec<u64>)> = Vec::new();
    for frame in frames {
        let executed = frame.executed();
        let Some(code) = modules.find(executed) else {
            continue;
        };
        let Ok(loaded) = &code.module else { continue };
        let address = loaded.svma(executed).0;
        let is_it =
            |(other, _): &&mut (LoadedModule, _)| Arc::ptr_eq(&other.module, &loaded.module);
        match by_module.iter_mut().find(is_it) {
            Some((_, addresses)) => addresses.push(address),
            None => by_module.push((loaded.clone(), vec![address])),
        }
    }
    for (loaded, addresses) in by_module {
        if let Some(information) = loaded.module.debug_information() {
            information.foresee(&addresses);
        }
    }
}

/// The frames of the source that a machine frame is, the newest first: the functions that the compiler put into one another, and
/// the one that holds them.
pub fn describe(frame: &NativeFrame, modules: &LoadedModules<'_>) -> Vec<Frame> {
    let executed = frame.executed();
    let code = modules.find(executed);
    let loaded = code.as_ref().and_then(|code| code.module.as_ref().ok());
    let name = code.as_ref().and_then(|code| code.name.clone());
    // Of a large program the symbols are many: they are not looked at where the debug information has the name.
    let own_name = || {
        if frame.is_signal_frame {
            return SIGNAL_FRAME.to_owned();
        }
        let symbol = loaded.and_then(|loaded| loaded.module.symbol(loaded.svma(executed)));
        symbol.map(|symbol| symbol.name).unwrap_or_else(|| {
            // Where no symbol is near, what a symbolizer needs to know.
            match (&name, loaded) {
                (Some(name), Some(loaded)) => {
                    let file = Path::new(&**name).file_name();
                    let file = file.map_or((**name).into(), |file| file.to_string_lossy());
                    format!("{file}+{:#x}", loaded.svma(frame.pc()).0)
                }
                (Some(name), None) => format!("{name}, {}", frame.pc()),
                (None, _) => frame.pc().to_string(),
            }
        })
    };
    let note = match (frame.trust, &code) {
        (Trust::Scan, _) => Some(
            "found by looking for a return address on the stack: it may have returned long ago, and frames may be \
             missing below it"
                .to_owned(),
        ),
        (_, None) => Some("no code is there".to_owned()),
        _ => None,
    };
    let machine = |function: String| Frame {
        language: Language::Native,
        function,
        file: None,
        line: None,
        columns: None,
        source: None,
        pc: Some(frame.pc()),
        module: name.clone(),
        inlined: false,
        locals: Vec::new(),
        note: note.clone(),
    };
    let sources = match loaded {
        Some(loaded) if !frame.is_signal_frame => {
            loaded.module.source_frames(loaded.svma(executed))
        }
        _ => Vec::new(),
    };
    if sources.is_empty() {
        return vec![machine(own_name())];
    }
    let with_source = |source: SourceFrame| Frame {
        file: source.file.map(|file| file.path.clone()),
        line: source.line,
        inlined: source.is_inlined,
        note: note.clone().filter(|_| !source.is_inlined),
        ..machine(match source.function {
            Some(function) => function.to_string(),
            None => own_name(),
        })
    };
    sources.into_iter().map(with_source).collect()
}
