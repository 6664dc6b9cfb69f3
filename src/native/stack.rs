//! Native frames as the model has them.

use std::path::Path;

use super::SourceFrame;
use super::loaded::LoadedModules;
use super::unwind::{NativeFrame, Trust};
use crate::model::{Frame, Language};

/// What stands for the frame that the kernel makes to call a signal handler from; the next one was interrupted. In gdb's words.
const SIGNAL_FRAME: &str = "<signal handler called>";

/// The frames of the source that a machine frame is, the newest first: the functions that the compiler put into one another, and
/// the one that holds them.
pub fn describe(frame: &NativeFrame, modules: &LoadedModules<'_>) -> Vec<Frame> {
    let executed = frame.executed();
    let code = modules.find(executed);
    let loaded = code.as_ref().and_then(|code| code.module.as_ref().ok());
    let symbol = loaded.and_then(|loaded| loaded.module.symbol(loaded.svma(executed)));
    let name = code.as_ref().and_then(|code| code.name.clone());
    let symbol = symbol.map(|symbol| symbol.name);
    let kernels = || SIGNAL_FRAME.to_owned();
    let symbol = frame.is_signal_frame.then(kernels).or(symbol);
    let function = symbol.unwrap_or_else(|| {
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
    });
    let note = match (frame.trust, &code) {
        (Trust::Scan, _) => Some(
            "found by looking for a return address on the stack: it may have returned long ago, and frames may be \
             missing below it"
                .to_owned(),
        ),
        (_, None) => Some("no code is there".to_owned()),
        _ => None,
    };
    let machine = Frame {
        language: Language::Native,
        function,
        file: None,
        line: None,
        columns: None,
        source: None,
        pc: Some(frame.pc()),
        module: name,
        inlined: false,
        locals: Vec::new(),
        note,
    };
    let sources = match loaded {
        Some(loaded) if !frame.is_signal_frame => {
            loaded.module.source_frames(loaded.svma(executed))
        }
        _ => Vec::new(),
    };
    if sources.is_empty() {
        return vec![machine];
    }
    let with_source = |source: SourceFrame| Frame {
        function: match source.function {
            Some(function) => function.to_string(),
            None => machine.function.clone(),
        },
        file: source.file.map(|file| file.path.clone()),
        line: source.line,
        inlined: source.is_inlined,
        note: machine.note.clone().filter(|_| !source.is_inlined),
        ..machine.clone()
    };
    sources.into_iter().map(with_source).collect()
}
