//! The names that may follow what was typed.

use super::Scope;
use crate::python::Look;

/// Names of one namespace that are offered.
const MOST_NAMES: usize = 10_000;

/// What may begin or go on in an expression (`keyword.kwlist`, those of statements left out).
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "await", "else", "for", "if", "in", "is", "lambda", "not",
    "or", "yield",
];

impl Look<'_> {
    /// The ways in which the last name of `text` can go on, sorted, each the whole last name: `["values"]` for
    /// `len(val`, and `["count"]` for `values.co`.
    pub fn complete(&self, text: &str, scope: &Scope) -> Vec<String> {
        let word_start = text
            .rfind(|character: char| !(character.is_alphanumeric() || character == '_'))
            .map_or(0, |at| {
                at + text[at..].chars().next().map_or(1, char::len_utf8)
            });
        let word = &text[word_start..];
        let mut found = self.names_in_reach(scope);
        found.retain(|name| name.starts_with(word));
        found.sort();
        found.dedup();
        found
    }

    fn names_in_reach(&self, scope: &Scope) -> Vec<String> {
        let mut names: Vec<String> = KEYWORDS.iter().map(ToString::to_string).collect();
        names.extend(scope.extra().iter().map(|(name, _)| name.clone()));
        let locals = self.locals_of(scope, None).unwrap_or_default();
        names.extend(locals.into_iter().map(|(name, ..)| name));
        for namespace in [scope.locals_dict(), scope.globals(), scope.builtins()] {
            let items = self.dict_items(namespace, MOST_NAMES).unwrap_or_default();
            names.extend(items.into_iter().filter_map(|(key, _)| self.name(key).ok()));
        }
        names
    }
}
