//! Colours, in the roles that CPython 3.13 and later give them in tracebacks, and 3.14 in source.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The line that names a process or a set of threads.
    Heading,
    File,
    Line,
    Function,
    /// The marks below the part of the source that is being executed.
    Marker,
    /// The name of a variable.
    Variable,
    ExceptionType,
    Message,
    /// A failure of pmdb, or a warning.
    Problem,
    /// What is there for orientation only.
    Faint,
    /// The prompt, and the mark of what is current.
    Prompt,
    Keyword,
    Builtin,
    Definition,
    String,
    Number,
    Comment,
}

/// Paints, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    Plain,
    Ansi,
}

impl Palette {
    pub fn paint<T: Display>(self, role: Role, text: T) -> Painted<T> {
        let style = match self {
            Palette::Plain => Style::new(),
            Palette::Ansi => style(role),
        };
        Painted { style, text }
    }
}

fn style(role: Role) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match role {
        Role::Heading => Style::new().bold(),
        Role::File | Role::Line | Role::Function | Role::Message => colour(AnsiColor::Magenta),
        Role::Marker => colour(AnsiColor::Red).bold(),
        Role::Variable => colour(AnsiColor::Cyan),
        Role::ExceptionType => colour(AnsiColor::Magenta).bold(),
        Role::Problem => colour(AnsiColor::Yellow),
        Role::Faint => Style::new().dimmed(),
        Role::Prompt => colour(AnsiColor::Magenta).bold(),
        Role::Keyword => colour(AnsiColor::Blue).bold(),
        Role::Builtin => colour(AnsiColor::Cyan),
        Role::Definition => Style::new().bold(),
        Role::String => colour(AnsiColor::Green),
        Role::Number => colour(AnsiColor::Yellow),
        Role::Comment => colour(AnsiColor::Red),
    }
}

/// Text in a style; prints the text alone if there is none.
pub struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}
