//! What the commands about native code ask for.

use std::io::Write;

use super::commands::{self, Command, NativeAction};
use super::run::{Repl, Trouble};
use crate::model::Language;
use crate::session::{NativeQuestion, Request, Response};

/// Nothing for `native` alone, which asks how it is.
pub(super) fn native_question(
    action: NativeAction,
    arguments: &str,
) -> Result<Option<NativeQuestion>, Trouble> {
    let text = arguments.to_string();
    Ok(Some(match action {
        NativeAction::Show => match arguments {
            "" => return Ok(None),
            "on" => NativeQuestion::Show,
            "off" => NativeQuestion::Hide,
            other => {
                return Err(Trouble::Words(format!(
                    "`native on` shows the native frames, `native off` those of Python alone; '{other}' is neither"
                )));
            }
        },
        NativeAction::Type => NativeQuestion::Type { text },
        NativeAction::Registers => NativeQuestion::Registers,
        NativeAction::Modules => NativeQuestion::Modules { pattern: text },
        NativeAction::Sections => NativeQuestion::Sections { pattern: text },
        NativeAction::Symbols => NativeQuestion::Symbols { pattern: text },
        NativeAction::Disassemble => NativeQuestion::Disassemble { text },
        NativeAction::Examine => {
            let (layout, text) = match arguments.strip_prefix('/') {
                Some(rest) => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
                None => ("", arguments),
            };
            NativeQuestion::Examine {
                layout: layout.to_string(),
                text: text.trim().to_string(),
            }
        }
        NativeAction::Info => {
            let (what, rest) = arguments
                .split_once(char::is_whitespace)
                .unwrap_or((arguments, ""));
            let rest = rest.trim().to_string();
            match what {
                "line" => NativeQuestion::Line { text: rest },
                "functions" => NativeQuestion::Functions { pattern: rest },
                "types" => NativeQuestion::Types { pattern: rest },
                "variables" => NativeQuestion::Variables { pattern: rest },
                other => {
                    return Err(Trouble::Words(format!(
                        "`info {other}` is nothing; there are `info line`, `info functions`, `info types` and `info variables`, and `help` lists the commands for all else"
                    )));
                }
            }
        }
    }))
}

/// What `info` of gdb shows, and the command here that does.
const OF_GDB: [(&str, &str); 13] = [
    ("locals", "locals"),
    ("args", "args"),
    ("registers", "registers"),
    ("all-registers", "registers"),
    ("threads", "threads"),
    ("frame", "frame"),
    ("stack", "where"),
    ("symbol", "symbols"),
    ("sharedlibrary", "modules"),
    ("files", "sections"),
    ("breakpoints", "break"),
    ("display", "display"),
    ("inferiors", "procs"),
];

impl Repl {
    /// `info registers` is `registers`.
    pub(super) fn info_of_gdb(arguments: &str) -> Option<(&'static Command, &str)> {
        let (what, rest) = arguments
            .split_once(char::is_whitespace)
            .unwrap_or((arguments, ""));
        let (_, command) = OF_GDB.iter().find(|(of_gdb, _)| *of_gdb == what)?;
        Some((commands::find(command)?, rest.trim()))
    }

    pub(super) fn show_native_state(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let Response::Stack(stack) = self.session.ask(Request::Stack)? else {
            return Ok(());
        };
        let is_native = |language| language == Language::Native;
        let shown = stack
            .frames
            .iter()
            .any(|entry| is_native(entry.frame.language));
        self.writer(out).line(match shown {
            true => "native frames are shown",
            false => "native frames are not shown: `native on` shows them",
        })?;
        Ok(())
    }
}
