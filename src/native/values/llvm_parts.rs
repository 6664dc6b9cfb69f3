//! What values of LLVM's C++ library (libc++) are made of, for expressions.

use super::parts::{Elements, Part, part, without_value};
use super::storage::Storage;
use super::{Stop, Writer};
use crate::model::Addr;
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// The elements of a container that has them in one piece.
    pub(super) fn llvm_elements(
        &self,
        name: &str,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Part<Elements<'s, 'a>> {
        let text = |found: Result<(Addr, u64), Stop>| {
            let element = kind.parameter("_CharT", self.module)?;
            let elements = found.map(|(data, count)| Elements {
                element,
                size: self.size_at(element).unwrap_or(0),
                first: Storage::Memory(data),
                count,
                ring: None,
                is_text: true,
            });
            part(elements)
        };
        match name {
            "vector" => part(self.elements_of_vector(kind, storage, ("__begin_", "__end_"))),
            "array" => self.elements_in_array(kind, storage, "__elems_"),
            "basic_string" if self.has_bytes(kind) => text(self.llvm_text(kind, storage)),
            "basic_string_view" if self.has_bytes(kind) => text(self.llvm_view(kind, storage)),
            _ => None,
        }
    }

    /// How many elements another container has.
    pub(super) fn llvm_count(
        &self,
        name: &str,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Part<u64> {
        let (inner, pair) = match name {
            "map" | "multimap" | "set" | "multiset" => ("__tree_", "__pair3_"),
            "unordered_map" | "unordered_multimap" | "unordered_set" | "unordered_multiset" => {
                ("__table_", "__p2_")
            }
            "list" | "deque" => {
                let pair = if name == "list" {
                    "__size_alloc_"
                } else {
                    "__size_"
                };
                return part(
                    self.count_in(kind, storage, pair)
                        .or_else(|_| self.number_in(kind, storage, "__size_")),
                );
            }
            _ => return None,
        };
        let (inner, at) = self.member_at(kind, storage, inner)?;
        part(self.count_in(&inner, &at, pair))
    }

    /// The pointer of one that owns or shares something, or the value of an `optional`.
    pub(super) fn llvm_pointee(
        &self,
        name: &str,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Part<(EntryRef<'s, 'a>, Storage)> {
        let is_pointer = |kind: &Type<'s, 'a>| matches!(kind.shape, Shape::Pointer { .. });
        match name {
            "unique_ptr" | "shared_ptr" => {
                let names = ["__ptr_", "__value_"].into_iter();
                let mut found =
                    names.filter_map(|name| self.find_that(kind, storage, name, is_pointer));
                let (pointer, at) = found.next()?;
                let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
                    return None;
                };
                Some(at.pointer(self.memory).map(|at| (to, Storage::Memory(at))))
            }
            "optional" => match part(self.number_in(kind, storage, "__engaged_"))? {
                Ok(engaged) if engaged & 0xff != 0 => {
                    let (value, at) = self.find(kind, storage, "__val_")?;
                    Some(Ok((value.at, at)))
                }
                Ok(_) => Some(Err(without_value())),
                Err(absence) => Some(Err(absence)),
            },
            _ => None,
        }
    }
}
