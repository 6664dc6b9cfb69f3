//! `help`, and the reference page of the prompt.

use std::fmt::Write;

use super::commands::{self, Command, Group};

/// Below an error, as pdb prints it.
pub(super) fn usage_line(command: &Command) -> String {
    format!("      Usage: {}", command.usage())
}

/// All commands under their headings.
pub(super) fn overview() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let members = commands::all().filter(|command| command.group == *group);
        let _ = writeln!(text, "{}:", group.title());
        for command in members {
            let first = first_sentence(command.help);
            let _ = writeln!(text, "  {:<32} {first}", command.usage());
        }
        text.push('\n');
    }
    text +=
        "An expression alone prints its value; `!` before it where its first word is a command.\n";
    text += "`help COMMAND` explains one.";
    text
}

pub(super) fn of(command: &Command) -> String {
    format!(
        "Usage: {}\n\n{}\n\nExample:\n  (pmdb) {}",
        command.usage(),
        command.help,
        command.example
    )
}

pub(super) fn of_expressions() -> String {
    "\
Usage: (!) expression

Prints the value of an expression, unless it is None. The exclamation mark may be left out where the first word is
no command.

Example:
  (pmdb) !p + 1"
        .to_string()
}

fn first_sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    let end = text.find(['.', ':', ';', ',']);
    match end {
        Some(end) => format!("{}.", text.get(..end).unwrap_or(&text)),
        None => text,
    }
}

/// The commands in Markdown, for `docs/guide/prompt.md`.
pub fn reference() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _ = writeln!(text, "## {}\n", group.title());
        let members = commands::all().filter(|command| command.group == *group);
        for command in members {
            let _ = writeln!(
                text,
                "### {}\n\n```\n{}\n```\n\n{}\n\nExample: `{}`\n",
                command.name,
                command.usage(),
                command.help,
                command.example
            );
        }
    }
    text
}
