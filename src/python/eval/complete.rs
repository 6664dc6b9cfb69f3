//! The names that may follow what was typed.

use super::{Datum, Evaluator, Scope};
use crate::model::Addr;
use crate::python::Look;
use crate::python::object::Builtin;

/// Names of one namespace that are offered.
const MOST_NAMES: usize = 10_000;

/// What may begin or go on in an expression (`keyword.kwlist`, those of statements left out).
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "await", "else", "for", "if", "in", "is", "lambda", "not",
    "or", "yield",
];

impl Look<'_> {
    /// The ways in which the last name of `text` can go on, sorted, each the whole last name: `["values"]` for
    /// `len(val`, and `["count"]` for `values.co`. After `d['`, the keys of `d` that are text.
    pub fn complete(&self, text: &str, scope: &Scope) -> Vec<String> {
        if let Some((container, prefix)) = open_key(text) {
            return self.keys_after(container, prefix, scope);
        }
        let start = word_start(text);
        let word = &text[start..];
        let mut found = match text[..start].strip_suffix('.') {
            Some(before) => self.attributes_after(before, scope),
            None => self.names_in_reach(scope),
        };
        // Private names are offered once somebody asks for them.
        let private = word.starts_with('_');
        found.retain(|name| name.starts_with(word) && (private || !name.starts_with('_')));
        found.sort();
        found.dedup();
        found
    }

    fn attributes_after(&self, before: &str, scope: &Scope) -> Vec<String> {
        let object = &before[primary_start(before)..];
        match self.evaluate(object, scope) {
            Ok(datum) => self.attribute_names(&datum),
            Err(_) => Vec::new(),
        }
    }

    fn keys_after(&self, container: &str, prefix: &str, scope: &Scope) -> Vec<String> {
        let container = &container[primary_start(container)..];
        let Ok(datum) = self.evaluate(container, scope) else {
            return Vec::new();
        };
        let evaluator = Evaluator::new(self, scope);
        let mut found = Vec::new();
        for (key, _) in evaluator.items(&datum).unwrap_or_default() {
            if let Ok(Datum::Str(points)) = evaluator.load(&key) {
                let key = super::text::to_string(&points);
                if key.starts_with(prefix) && found.len() < MOST_NAMES {
                    found.push(key);
                }
            }
        }
        found.sort();
        found
    }

    /// The attributes of a value that `dir()` names: its own, those of its class and of all bases; in no order.
    pub(in crate::python) fn attribute_names(&self, datum: &Datum) -> Vec<String> {
        let mut names = Vec::new();
        let class = match datum {
            Datum::Object(object) => {
                let own = self
                    .instance_attributes(*object, MOST_NAMES)
                    .unwrap_or_default();
                names.extend(own.into_iter().map(|(name, _)| name));
                match self.type_of(*object) {
                    Ok(kind) if kind.builtin == Builtin::Type => Some(*object),
                    Ok(kind) if kind.builtin == Builtin::Module => None,
                    Ok(kind) => Some(kind.address),
                    Err(_) => None,
                }
            }
            _ => None,
        };
        for class in class
            .into_iter()
            .flat_map(|class| self.mro(class).unwrap_or_default())
        {
            names.extend(self.names_of_class(class));
        }
        names
    }

    fn names_of_class(&self, class: Addr) -> Vec<String> {
        let dict = self.class_dict(class).unwrap_or(Addr::NULL);
        let items = self.dict_items(dict, MOST_NAMES).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|(key, _)| self.name(key).ok())
            .collect()
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

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn word_start(text: &str) -> usize {
    text.char_indices()
        .rev()
        .take_while(|(_, character)| is_word(*character))
        .last()
        .map_or(text.len(), |(at, _)| at)
}

/// Where the primary expression that ends a text begins: names, points and balanced brackets (`a.b[0]`).
fn primary_start(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        match character {
            ')' | ']' => depth += 1,
            '(' | '[' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '.' => {}
            _ if is_word(character) => {}
            _ => break,
        }
        start = at;
    }
    start
}

/// For `d['ab`: what comes before the bracket, and what of the key was typed.
fn open_key(text: &str) -> Option<(&str, &str)> {
    let quote = text.rfind(['\'', '"'])?;
    let container = text[..quote].strip_suffix('[')?;
    let opened_by = |quote: char| container.matches(quote).count() % 2 == 0;
    let closed = text[quote + 1..].contains(']');
    (!closed && opened_by('\'') && opened_by('"')).then_some((container, &text[quote + 1..]))
}
