//! What the word before the cursor can become.

use super::choice::process_labels;
use super::commands::{self, Command, Operand};
use super::run::Repl;
use crate::session::{Request, Response};

/// Frames whose numbers are offered.
const MOST_FRAMES: usize = 1_000;

impl Repl {
    /// Where the word begins, in bytes, and what it can become.
    pub(super) fn complete(&mut self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let typed = line.get(..cursor).unwrap_or(line);
        if self.awaited.is_console() {
            return self.complete_in_console(typed);
        }
        let command_start = typed.rfind(";;").map_or(0, |at| at + 2);
        let command_text = &typed[command_start..];
        let start = command_start + command_text.len() - command_text.trim_start().len();
        let text = &typed[start..];
        if !text.contains(char::is_whitespace) {
            let (word_start, word) = match text.strip_prefix('?') {
                Some(word) => (start + 1, word),
                None => (start, text),
            };
            let names = self.command_names(word);
            if !names.is_empty() {
                return (word_start, names);
            }
            return self.last_name(typed, start);
        }
        let (word, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument_start = typed.len() - arguments.trim_start().len();
        match commands::find(word) {
            Some(command) => self.operand(command, typed, argument_start),
            None => self.last_name(typed, start),
        }
    }

    fn command_names(&self, word: &str) -> Vec<String> {
        let of_table = commands::all().flat_map(Command::names);
        let of_user = self.aliases.iter().map(|(name, _)| name.to_string());
        starting_with(word, of_table.map(str::to_string).chain(of_user))
    }

    fn operand(&mut self, command: &Command, typed: &str, start: usize) -> (usize, Vec<String>) {
        let word = &typed[start..];
        let names: Vec<String> = match command.operand {
            Operand::Expression => return self.last_name(typed, start),
            Operand::None => Vec::new(),
            Operand::Command => commands::all()
                .map(|command| command.name.to_string())
                .collect(),
            Operand::Alias => self
                .aliases
                .iter()
                .map(|(name, _)| name.to_string())
                .collect(),
            Operand::Displayed => match self.session.ask(Request::Displays) {
                Ok(Response::Displays(displays)) => {
                    displays.into_iter().map(|display| display.text).collect()
                }
                _ => Vec::new(),
            },
            Operand::FrameNumber => match self.session.ask(Request::Stack) {
                Ok(Response::Stack(stack)) => (0..stack.frames.len().min(MOST_FRAMES))
                    .map(|number| number.to_string())
                    .collect(),
                _ => Vec::new(),
            },
            Operand::Exception => match self.session.ask(Request::Exceptions) {
                Ok(Response::Exceptions(entries)) => (0..entries.len())
                    .map(|number| number.to_string())
                    .collect(),
                _ => Vec::new(),
            },
            Operand::Thread => {
                let entries = self.thread_entries().unwrap_or_default();
                let tids = entries.iter().filter_map(|entry| entry.thread.tid);
                let names = entries.iter().filter_map(|entry| entry.thread.name.clone());
                tids.map(|tid| tid.to_string()).chain(names).collect()
            }
            Operand::Process => {
                let entries = self.process_entries();
                let pids = entries.iter().filter_map(|entry| entry.report.pid);
                let pids: Vec<String> = pids.map(|pid| pid.to_string()).collect();
                pids.into_iter().chain(process_labels(&entries)).collect()
            }
        };
        (start, starting_with(word, names))
    }

    /// The last name of an expression that begins at `start`.
    fn last_name(&mut self, typed: &str, start: usize) -> (usize, Vec<String>) {
        let text = &typed[start..];
        let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
        let word_start = typed.len() - text.len()
            + text
                .char_indices()
                .rev()
                .take_while(|(_, c)| is_of_name(*c))
                .last()
                .map_or(text.len(), |(at, _)| at);
        let text = text.to_string();
        let names = match self.session.ask(Request::Complete { text }) {
            Ok(Response::Names(names)) => names,
            _ => Vec::new(),
        };
        (word_start, names)
    }
}

fn starting_with(word: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names
        .into_iter()
        .filter(|name| name.starts_with(word))
        .collect();
    names.sort();
    names.dedup();
    names
}
