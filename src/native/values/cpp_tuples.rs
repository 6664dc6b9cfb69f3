//! `std::tuple` of both C++ libraries: each element is in a base of its own, whose type names its place.

use super::storage::Storage;
use super::text::Text;
use super::{Shown, Writer, Written};
use crate::native::types::Type;

/// The bases that have an element, and the members that are it: of libstdc++ and of libc++.
const ELEMENTS: [(&str, &str); 2] = [
    ("_Head_base<", "_M_head_impl"),
    ("__tuple_leaf<", "__value_"),
];
/// What the bases are in.
const AROUND: [&str; 2] = ["_Tuple_impl<", "__tuple_impl<"];
/// Elements of a tuple, each of which may be one base deeper.
const MOST: usize = 256;
/// Bases and members that are looked at for them: debug information may say that a type has itself twice within.
const MOST_LOOKED_AT: usize = 4096;

/// The place of an element in its tuple; its type and where it is, if it takes room.
type Element<'s, 'a> = (u64, Option<(Type<'s, 'a>, Storage)>);

#[derive(Default)]
struct Collected<'s, 'a> {
    elements: Vec<Element<'s, 'a>>,
    looked_at: usize,
}

impl<'s, 'a> Writer<'_, 's, 'a> {
    pub(super) fn write_tuple(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let mut collected = Collected::default();
        self.collect(value.kind, value.storage, MOST, &mut collected);
        let mut elements = collected.elements;
        elements.sort_by_key(|(place, _)| *place);
        self.write_list(
            ("{", "}"),
            elements.len() as u64,
            text,
            |index, text| match elements.get(index as usize) {
                Some((_, Some((kind, at)))) => {
                    self.write_within(Some(kind.at), at, value.depth, text)
                }
                _ => Ok(text.push("{}")?),
            },
        )
    }

    fn collect(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        into: &mut Collected<'s, 'a>,
    ) {
        let Some(deeper) = depth.checked_sub(1) else {
            return;
        };
        for member in kind.members() {
            let Some(part) = member.kind.and_then(|at| Type::read(at, self.module)) else {
                continue;
            };
            into.looked_at += 1;
            let is_enough = into.looked_at > MOST_LOOKED_AT || into.elements.len() >= MOST;
            if is_enough || self.memory.spent().is_some() {
                return;
            }
            let at = storage.at(member.offset);
            let name = part.own_name(self.module).unwrap_or_default();
            let element = ELEMENTS.iter().find_map(|(begin, member)| {
                let place = name.strip_prefix(begin)?.split([',', '>']).next()?;
                // As clang writes it: `0UL`.
                let place = place.trim_end_matches(char::is_alphabetic).parse().ok()?;
                Some((place, self.member_at(&part, &at, member)))
            });
            match element {
                Some(element) => into.elements.push(element),
                None if AROUND.iter().any(|begin| name.starts_with(begin)) => {
                    self.collect(&part, &at, deeper, into);
                }
                None => {}
            }
        }
    }
}
