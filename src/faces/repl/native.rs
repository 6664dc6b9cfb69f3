//! What the commands about native code ask for.

use std::io::Write;

use super::commands::NativeAction;
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
    }))
}

impl Repl {
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
