//! From what was typed to a command and its arguments, by the rules of pdb.

use std::collections::BTreeMap;

use super::commands::goes_on_in_python;

/// Aliases may name each other in a circle.
const MOST_EXPANSIONS: usize = 100;
/// An alias that names itself and repeats its parameters doubles with each expansion. Bytes.
const LONGEST_LINE: usize = 100_000;

/// Names for command lines.
#[derive(Debug, Default)]
pub struct Aliases(BTreeMap<String, String>);

impl Aliases {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, line)| (name.as_str(), line.as_str()))
    }

    /// # Errors
    /// Numbered parameters that leave one out.
    pub fn set(&mut self, name: &str, line: &str) -> Result<(), String> {
        if !line.contains("%*") {
            let has = |number: usize| line.contains(&format!("%{number}"));
            let used = (1..=9).take_while(|&number| has(number)).count();
            if (used + 1..=9).any(has) {
                return Err("Replaceable parameters must be consecutive".to_string());
            }
        }
        self.0.insert(name.to_string(), line.to_string());
        Ok(())
    }

    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Puts the meaning in the place of an alias at the beginning of a line.
    ///
    /// # Errors
    /// Too few or too many words behind it; aliases in a circle.
    pub fn expand(&self, line: &str) -> Result<String, String> {
        let mut line = line.to_string();
        for _ in 0..MOST_EXPANSIONS {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some((name, arguments)) = words.split_first() else {
                return Ok(line);
            };
            let Some(meaning) = self.get(name) else {
                return Ok(line);
            };
            let expanded = substitute(name, meaning, arguments)?;
            if expanded.len() > LONGEST_LINE {
                return Err(format!(
                    "The alias '{name}' makes a line of more than {LONGEST_LINE} characters"
                ));
            }
            line = expanded;
        }
        let name = line.split_whitespace().next().unwrap_or_default();
        Err(format!("The alias '{name}' leads back to itself"))
    }
}

fn substitute(name: &str, meaning: &str, arguments: &[&str]) -> Result<String, String> {
    let mut line = meaning.to_string();
    for (index, parameter) in (1..=9).map(|number| format!("%{number}")).enumerate() {
        if line.contains(&parameter) {
            let argument = arguments.get(index);
            let argument =
                argument.ok_or_else(|| format!("Not enough arguments for alias '{name}'"))?;
            line = line.replace(&parameter, argument);
        } else if !line.contains("%*") {
            if index < arguments.len() {
                return Err(format!("Too many arguments for alias '{name}'"));
            }
            break;
        }
    }
    Ok(line.replace("%*", &arguments.join(" ")))
}

/// The first command of a line, and what stands behind `;;`. The whole line belongs to `alias`.
pub fn split_first(line: &str) -> (&str, Option<&str>) {
    if line.split_whitespace().next() == Some("alias") {
        return (line, None);
    }
    match line.split_once(";;") {
        Some((first, rest)) => (first.trim_end(), Some(rest.trim_start())),
        None => (line, None),
    }
}

/// Commands that take a format behind a `/`.
const FORMATTED: [&str; 2] = ["p", "x"];

/// The word that may be a command, and its arguments. The word is longer than the name of a command where Python goes
/// on: `c.a`, `c['a']` and `c=1` are no commands. `None` if the line cannot be a command: `!x`, `(1, 2)`.
pub fn split_command(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if let Some(topic) = line.strip_prefix('?') {
        return Some(("help", topic.trim()));
    }
    let end = line
        .find(|c| !is_command_character(c))
        .unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    // `p/x count`, which could be no expression as `p/x - 1` is, with the format as the first of its arguments.
    if let Some((command, format)) = word.split_once('/')
        && FORMATTED.contains(&command)
        && !rest.trim().is_empty()
        && !goes_on_in_python(rest.trim())
        && format.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Some((command, line[command.len()..].trim()));
    }
    (!word.is_empty()).then_some((word, rest.trim()))
}

/// Letters and digits, and the characters that go on an expression.
fn is_command_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_=.[](),\"'+-*/%@&|<>~^".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_expressions() {
        assert_eq!(split_command(" p  x + 1 "), Some(("p", "x + 1")));
        assert_eq!(split_command("?where"), Some(("help", "where")));
        assert_eq!(split_command("c.a"), Some(("c.a", "")));
        assert_eq!(split_command("l[0] + 1"), Some(("l[0]", "+ 1")));
        assert_eq!(split_command("p/x count + 1"), Some(("p", "/x count + 1")));
        assert_eq!(split_command("p/x"), Some(("p/x", "")));
        assert_eq!(split_command("x/y - 1"), Some(("x/y", "- 1")));
        assert_eq!(split_command("!p"), None);
        assert_eq!(split_command("{1: 2}"), None);
        assert_eq!(split_command("l 3,4"), Some(("l", "3,4")));
    }

    #[test]
    fn aliases_take_their_arguments() {
        let mut aliases = Aliases::default();
        aliases.set("pi", "p %1.x, %2").unwrap();
        aliases.set("all", "p (%*)").unwrap();
        aliases.set("ps", "pi self").unwrap();
        assert_eq!(aliases.expand("pi a b").unwrap(), "p a.x, b");
        assert_eq!(aliases.expand("all 1, 2").unwrap(), "p (1, 2)");
        assert_eq!(aliases.expand("where").unwrap(), "where");
        assert_eq!(
            aliases.expand("pi a").unwrap_err(),
            "Not enough arguments for alias 'pi'"
        );
        assert_eq!(
            aliases.expand("pi a b c").unwrap_err(),
            "Too many arguments for alias 'pi'"
        );
        assert!(aliases.set("bad", "p %2").is_err());
    }

    #[test]
    fn aliases_in_a_circle_end() {
        let mut aliases = Aliases::default();
        aliases.set("a", "b").unwrap();
        aliases.set("b", "a").unwrap();
        assert!(aliases.expand("a").is_err());
        aliases.set("grow", "grow %* %*").unwrap();
        let why = aliases.expand("grow text").unwrap_err();
        assert!(why.len() < 100, "{why}");
    }

    #[test]
    fn lines_of_several_commands_are_split() {
        assert_eq!(split_first("up;; p x"), ("up", Some("p x")));
        assert_eq!(split_first("alias a b ;; c"), ("alias a b ;; c", None));
    }
}
