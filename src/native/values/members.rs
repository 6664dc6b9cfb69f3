//! Members of structures, found by their names wherever they are inside: the wrappers between change with versions of a library.

use super::Writer;
use super::storage::Storage;
use crate::native::types::{Shape, Type};

/// Structures inside structures that are looked through for a member.
const DEEPEST_MEMBER: usize = 8;
/// Structures that are looked through for one: damaged ones may be inside each other. Those of a library have some dozens.
const MOST_LOOKED_AT: usize = 4096;

/// A member somewhere in a structure: its type, and where it is.
pub(in crate::native) type Found<'s, 'a> = (Type<'s, 'a>, Storage);

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// A member of a structure itself.
    pub(in crate::native) fn member_at(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Option<Found<'s, 'a>> {
        let member = kind
            .members()
            .iter()
            .find(|member| member.name.as_deref() == Some(name))?;
        let kind = Type::read(member.kind?, self.module)?;
        Some((kind, storage.at(member.offset)))
    }

    /// A member of a structure, or of those inside of it, the least deep first.
    pub(in crate::native) fn find(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Option<Found<'s, 'a>> {
        self.find_that(kind, storage, name, |_| true)
    }

    /// The same, of a type that suits.
    pub(in crate::native) fn find_that(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
        suits: impl Fn(&Type<'s, 'a>) -> bool,
    ) -> Option<Found<'s, 'a>> {
        let mut looked_at = 0;
        let mut level = vec![(kind.members().to_vec(), storage.clone())];
        for _ in 0..DEEPEST_MEMBER {
            let mut next = Vec::new();
            for (members, storage) in level {
                for member in members {
                    let Some(kind) = member.kind.and_then(|at| Type::read(at, self.module)) else {
                        continue;
                    };
                    let at = storage.at(member.offset);
                    if member.name.as_deref() == Some(name) && suits(&kind) {
                        return Some((kind, at));
                    }
                    looked_at += 1;
                    if looked_at > MOST_LOOKED_AT || self.memory.spent().is_some() {
                        return None;
                    }
                    if !kind.members().is_empty() {
                        next.push((kind.members().to_vec(), at));
                    }
                }
            }
            level = next;
        }
        None
    }

    /// The only member of a structure that takes room.
    pub(in crate::native) fn sole_member(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Option<Found<'s, 'a>> {
        let members = kind
            .members()
            .iter()
            .filter_map(|member| Some((Type::read(member.kind?, self.module)?, member.offset)));
        let mut sized = members.filter(|(kind, _)| kind.size != Some(0));
        let (kind, offset) = sized.next()?;
        sized.next().is_none().then(|| (kind, storage.at(offset)))
    }

    /// What is in a structure with one member, in a structure with one member, and so on.
    pub(in crate::native) fn innermost(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Option<Found<'s, 'a>> {
        let (mut kind, mut storage) = (Type::read(kind.at, self.module)?, storage.clone());
        for _ in 0..DEEPEST_MEMBER {
            match self.sole_member(&kind, &storage) {
                Some(inner) => (kind, storage) = inner,
                None => return Some((kind, storage)),
            }
        }
        None
    }

    /// The same, down to a pointer.
    pub(in crate::native) fn innermost_pointer(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Option<Found<'s, 'a>> {
        let found = self.innermost(kind, storage)?;
        matches!(found.0.shape, Shape::Pointer { .. }).then_some(found)
    }
}
