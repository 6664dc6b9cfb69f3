//! pdb's convenience variables: `$_exception` in an expression.

use super::error::SessionError;

/// What the names become, so that they are names of Python.
const PREFIX: &str = "__pmdb_variable";

/// Puts names of Python in the place of `$name` outside of string literals. Gives the text and the variables in it, each
/// once and without the `$`.
pub(super) fn replace(text: &str) -> (String, Vec<String>) {
    replace_by(text, python_name)
}

/// The same for the process itself to run, where the agent keeps the variables in a dictionary.
pub(super) fn in_process(text: &str) -> String {
    replace_by(text, |name| {
        format!("__pdb_convenience_variables['{name}']")
    })
    .0
}

fn replace_by(text: &str, python_name: impl Fn(&str) -> String) -> (String, Vec<String>) {
    let mut replaced = String::with_capacity(text.len());
    let mut names: Vec<String> = Vec::new();
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                replaced.push(c);
                replaced.extend(rest.next());
                continue;
            }
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '$') => {
                let mut name = String::new();
                while let Some(part) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(part);
                }
                if name.is_empty() {
                    replaced.push(c);
                    continue;
                }
                replaced += &python_name(&name);
                if !names.contains(&name) {
                    names.push(name);
                }
                continue;
            }
            _ => {}
        }
        replaced.push(c);
    }
    (replaced, names)
}

pub(super) fn python_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// As pdb complains of one that is not there.
pub(super) fn unknown(name: &str) -> SessionError {
    SessionError::Evaluation {
        text: format!("KeyError: '{name}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_outside_of_strings() {
        let (text, names) = replace("$_exception.args, '$x', \"\\\"$y\", $_exception, $");
        assert_eq!(
            text,
            "__pmdb_variable_exception.args, '$x', \"\\\"$y\", __pmdb_variable_exception, $"
        );
        assert_eq!(names, ["_exception"]);
        assert_eq!(replace("a + b").0, "a + b");
    }
}
