//! What a command of the prompt is, and how one is found. The commands themselves: `command_table/`.

pub use super::command_table::all;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Where,
    Up,
    Down,
    Frame,
    List,
    LongList,
    Source,
    Arguments,
    Print,
    PrettyPrint,
    WhatIs,
    Locals,
    Globals,
    Display,
    Undisplay,
    Threads,
    Tasks,
    Thread,
    Exceptions,
    Processes,
    Process,
    NextFailure,
    SharedMemory,
    Hold,
    Release,
    Alias,
    Unalias,
    Interact,
    Help,
    Quit,
    EndOfFile,
    Control(Control),
    Native(NativeAction),
}

/// What is asked of native code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeAction {
    Show,
    Type,
    Registers,
    Modules,
    Sections,
    Symbols,
    Disassemble,
    Examine,
    Info,
}

/// What stops the process first, if no thread of it stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Stop,
    Break,
    BreakOnce,
    Log,
    Watch,
    Catch,
    Clear,
    Disable,
    Enable,
    Ignore,
    Condition,
    Commands,
    Restart,
    Step,
    Next,
    Until,
    Return,
    Continue,
    Returned,
    Jump,
    Debug,
    Detach,
}

/// What the arguments of a command are, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    None,
    Expression,
    /// One of the expressions that are displayed.
    Displayed,
    FrameNumber,
    Thread,
    Process,
    Exception,
    Command,
    Alias,
}

/// Under which heading `help` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Stack,
    Source,
    Values,
    Native,
    Processes,
    Control,
    Prompt,
}

impl Group {
    pub const ALL: &[Group] = &[
        Group::Stack,
        Group::Source,
        Group::Values,
        Group::Native,
        Group::Processes,
        Group::Control,
        Group::Prompt,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Group::Stack => "The stack",
            Group::Source => "The source",
            Group::Values => "Values",
            Group::Native => "Native code",
            Group::Processes => "Threads, exceptions, processes",
            Group::Control => "Stopping, stepping, breakpoints",
            Group::Prompt => "The prompt",
        }
    }
}

#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// Its other names.
    pub short: &'static [&'static str],
    /// As they stand behind the name; empty if it takes none.
    pub arguments: &'static str,
    pub help: &'static str,
    /// A line that a user could type.
    pub example: &'static str,
    pub operand: Operand,
    pub group: Group,
    pub action: Action,
}

impl Command {
    /// `where, w, bt [count]`, without the arguments if it has none.
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_string();
        for short in self.short {
            usage += ", ";
            usage += short;
        }
        if !self.arguments.is_empty() {
            usage.push(' ');
            usage += self.arguments;
        }
        usage
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.short.iter().copied())
    }
}

/// The command that a line begins with, as it is split into its first word and the rest.
///
/// pdb's own commands go before names of the program. Those about native code do not where Python could mean the line:
/// `x = 1`, `info is None`, and `x` alone.
pub fn of_line(word: &str, rest: &str) -> Option<&'static Command> {
    find(word).filter(|command| {
        let is_name_alone = command.name == "x" && rest.is_empty();
        command.group != Group::Native || !(is_name_alone || goes_on_in_python(rest))
    })
}

/// Whether what stands behind a name makes an expression or an assignment of it.
pub(super) fn goes_on_in_python(rest: &str) -> bool {
    const OPERATORS: [&str; 7] = ["and", "for", "if", "in", "is", "not", "or"];
    let word = rest.split_whitespace().next().unwrap_or_default();
    // `x/4x` and `disas *0x40` have no space there.
    let is_symbol = |letter: char| letter.is_ascii_punctuation();
    !word.is_empty() && (OPERATORS.contains(&word) || word.chars().all(is_symbol))
}

/// The command of a name or an abbreviation.
pub fn find(word: &str) -> Option<&'static Command> {
    let is_named = |command: &&Command| command.names().any(|name| name == word);
    all().find(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_one_command() {
        let mut names: Vec<&str> = all().flat_map(Command::names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_example_is_of_its_command() {
        for command in all() {
            let word = command.example.split([' ', '/']).next().unwrap_or_default();
            assert!(command.names().any(|name| name == word), "{command:?}");
        }
    }

    #[test]
    fn names_of_a_program_go_before_commands_about_native_code() {
        let is_command = |word, rest| of_line(word, rest).is_some();
        for rest in ["", "= 1", "+ 1", "is None", "/ 2", "in names", "+= 1"] {
            assert!(!is_command("x", rest), "{rest}");
        }
        for rest in ["/4xg $rsp", "$rsp", "0x40", "&name", "buffer"] {
            assert!(is_command("x", rest), "{rest}");
        }
        assert!(is_command("modules", "") && !is_command("modules", "= []"));
        assert!(is_command("p", "= 1"));
    }
}
