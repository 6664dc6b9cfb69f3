//! What the compiler makes of closures and of async functions: structures of what they have captured, and state machines. `{:?}` has no form
//! for them.

use std::sync::Arc;

use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::native::dwarf::{Module, SourceFile};
use crate::native::types::{Member, Shape, Type, VariantPart};

/// rustc's prefix of what a closure captures by reference, and its name for what an async function awaits
/// (`compiler/rustc_codegen_ssa` and `rustc_ast_lowering`).
pub(in crate::native) const BY_REFERENCE: &str = "_ref__";
pub(in crate::native) const AWAITED: &str = "__awaitee";

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a closure or the state of an async function or block; `false` if it is none.
    pub(super) fn write_rust_state(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Result<bool, Stop> {
        let Some((what, _)) = value
            .kind
            .name
            .strip_prefix('{')
            .and_then(|name| name.split_once("_env#"))
        else {
            return Ok(false);
        };
        let path = value.kind.path(self.module);
        let function = path.trim_end_matches("::");
        match &value.kind.shape {
            Shape::Structure {
                variants: Some(states),
                ..
            } => self.write_state_machine(value, states, (what, function), text)?,
            Shape::Structure { members, .. } => {
                text.push(&format!("{{{what} in {function}}}"))?;
                self.write_captured(members, value, text)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn write_state_machine(
        &self,
        value: Shown<'_, 's, 'a>,
        states: &VariantPart<'s, 'a>,
        (what, function): (&str, &str),
        text: &mut Text,
    ) -> Written {
        let Some(state) = self.active_variant(states, value.storage)? else {
            return Err(Stop::OtherLayout);
        };
        let kind = state.kind.and_then(|at| Type::read(at, self.module));
        let kind = kind.ok_or(Stop::OtherLayout)?;
        let state_text = match kind.name.as_str() {
            "Unresumed" => "not started".to_owned(),
            "Returned" => "done".to_owned(),
            "Panicked" => "panicked".to_owned(),
            _ => match self.declared(value.kind, state) {
                Some(place) => format!("waiting at {place}"),
                None => "waiting".to_owned(),
            },
        };
        let what = match what {
            "async_fn" => format!("async {function}"),
            other => format!("{} in {function}", other.replace('_', " ")),
        };
        text.push(&format!("{{{what}, {state_text}}}"))?;
        let storage = value.storage.at(state.offset);
        let state = Shown {
            kind: &kind,
            storage: &storage,
            depth: value.depth,
        };
        self.write_captured(kind.members(), state, text)
    }

    /// `main.rs:12`
    fn declared(&self, of: &Type<'s, 'a>, member: &Member<'s, 'a>) -> Option<String> {
        let (file, line) = declared(self.module, of, member)?;
        let name = file.path.rsplit('/').next().unwrap_or_default();
        Some(format!("{name}:{line}"))
    }

    fn write_captured(
        &self,
        members: &[Member<'s, 'a>],
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Written {
        let shown = captured(members);
        if shown.is_empty() {
            return Ok(());
        }
        for (index, member) in shown.into_iter().enumerate() {
            text.push(if index == 0 { " { " } else { ", " })?;
            text.push(match member.name.as_deref().unwrap_or_default() {
                AWAITED => "awaits",
                name => name.strip_prefix(BY_REFERENCE).unwrap_or(name),
            })?;
            text.push(": ")?;
            self.write_within(
                member.kind,
                &value.storage.at(member.offset),
                value.depth,
                text,
            )?;
        }
        Ok(text.push(" }")?)
    }
}

/// Where a member is declared: of a state of an async function, where it waits.
pub(in crate::native) fn declared<'s, 'a>(
    module: &'s Module<'a>,
    of: &Type<'s, 'a>,
    member: &Member<'s, 'a>,
) -> Option<(Arc<SourceFile>, u64)> {
    let (number, line) = member.declared?;
    let within = of.at.within;
    let of_skeleton = || module.skeleton_of(within)?.lines().file(number);
    let file = within.lines().file(number).or_else(of_skeleton)?;
    Some((file, line))
}

/// The variables that are kept, each once, and what is awaited last.
pub(in crate::native) fn captured<'m, 's, 'a>(
    members: &'m [Member<'s, 'a>],
) -> Vec<&'m Member<'s, 'a>> {
    let mut kept: Vec<&Member<'s, 'a>> = Vec::new();
    for member in members {
        let same =
            |other: &&Member<'s, 'a>| other.offset == member.offset && other.name == member.name;
        if !kept.iter().any(same) {
            kept.push(member);
        }
    }
    kept.sort_by_key(|member| member.name.as_deref() == Some(AWAITED));
    kept
}
