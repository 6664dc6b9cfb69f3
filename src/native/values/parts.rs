//! What values of the libraries are made of, for expressions: the elements of containers, their length, and what pointers that
//! own something point to.

use super::plain::{is_rust, torn, without_parameters};
use super::storage::Storage;
use super::text::Text;
use super::{Limits, Stop, Writer};
use crate::model::{Absence, Addr, Value};
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

/// What of Rust's library stands around a value without a word about it.
const TRANSPARENT: [&str; 5] = [
    "UnsafeCell",
    "ManuallyDrop",
    "MaybeUninit",
    "MaybeDangling",
    "Pin",
];

/// The inline namespace of LLVM's C++ library.
const LLVM: &str = "std::__1::";

/// Elements that lie one behind the other.
#[derive(Clone)]
pub(in crate::native) struct Elements<'s, 'a> {
    pub element: EntryRef<'s, 'a>,
    /// Of one of them, in bytes.
    pub size: u64,
    pub first: Storage,
    pub count: u64,
    /// Of a ring: how many there is room for, and which is the first in it.
    pub ring: Option<(u64, u64)>,
    pub is_text: bool,
}

impl Elements<'_, '_> {
    pub fn at(&self, index: u64) -> Storage {
        let place = match self.ring {
            Some((room, begin)) => begin.wrapping_add(index).checked_rem(room).unwrap_or(0),
            None => index,
        };
        self.first.at(place.wrapping_mul(self.size))
    }
}

/// Nothing if it is no such value; else what it has, or why that cannot be told.
pub(super) type Part<T> = Option<Result<T, Absence>>;

pub(super) fn part<T>(found: Result<T, Stop>) -> Part<T> {
    match found {
        Ok(found) => Some(Ok(found)),
        Err(Stop::Absent(absence)) => Some(Err(absence)),
        Err(Stop::OtherLayout | Stop::Full) => None,
    }
}

/// Of an `optional`.
pub(super) fn without_value() -> Absence {
    Absence::Unsupported {
        what: "this optional has no value".to_owned(),
    }
}

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// The elements of an array, a slice, a string, or a container that has them in one piece.
    pub(in crate::native) fn elements(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Part<Elements<'s, 'a>> {
        if let Shape::Array { element, counts } = &kind.shape {
            return self.elements_of_array(*element, counts, storage);
        }
        if let Some(slice) = self.elements_of_slice(kind, storage) {
            return Some(slice);
        }
        let path = kind.path(self.module);
        let name = kind.own_name(self.module).unwrap_or_default();
        let name = without_parameters(&name).to_owned();
        let at = |(data, count): (Addr, u64), element, is_text| Elements {
            element,
            size: self.size_at(element).unwrap_or(0),
            first: Storage::Memory(data),
            count,
            ring: None,
            is_text,
        };
        if is_rust(kind.at) {
            if !path.starts_with("alloc::") && !path.starts_with("std::") {
                return None;
            }
            let text = || {
                let (vector, _) = self.find(kind, storage, "vec").or_else(|| {
                    let inner = self.find(kind, storage, "inner")?;
                    self.find(&inner.0, &inner.1, "inner").or(Some(inner))
                })?;
                vector.parameter("T", self.module)
            };
            return match name.as_str() {
                "Vec" => {
                    let element = kind.parameter("T", self.module)?;
                    part(
                        self.vec_parts(kind, storage)
                            .map(|parts| at(parts, element, false)),
                    )
                }
                "String" | "OsString" | "PathBuf" => {
                    let element = text()?;
                    part(
                        self.vec_parts(kind, storage)
                            .map(|parts| at(parts, element, true)),
                    )
                }
                "VecDeque" => {
                    let element = kind.parameter("T", self.module)?;
                    let number = |name| {
                        let (kind, at) = self.find(kind, storage, name)?;
                        let (kind, at) = self.innermost(&kind, &at)?;
                        let value = at.unsigned(self.memory, kind.size.unwrap_or(8)).ok()?;
                        Some(value as u64)
                    };
                    let ring = number("cap").zip(number("head"))?;
                    part(self.vec_parts(kind, storage).map(|parts| Elements {
                        ring: Some(ring),
                        ..at(parts, element, false)
                    }))
                }
                _ => None,
            };
        }
        if path.starts_with(LLVM) {
            return self.llvm_elements(&name, kind, storage);
        }
        if !path.starts_with("std::") {
            return None;
        }
        match name.as_str() {
            "vector" => part(self.elements_of_vector(kind, storage, ("_M_start", "_M_finish"))),
            "array" => self.elements_in_array(kind, storage, "_M_elems"),
            "basic_string" => {
                let element = kind.parameter("_CharT", self.module)?;
                let data = self.pointer_in(kind, storage, "_M_p");
                let count = self.number_in(kind, storage, "_M_string_length");
                part(data.and_then(|data| Ok(at((data, count?), element, true))))
            }
            "basic_string_view" => {
                let element = kind.parameter("_CharT", self.module)?;
                let data = self.pointer_in(kind, storage, "_M_str");
                let count = self.number_in(kind, storage, "_M_len");
                part(data.and_then(|data| Ok(at((data, count?), element, true))))
            }
            _ => None,
        }
    }

    /// Of `std::array`, which has an array within: what else debug information says to be there may be the same type again.
    pub(super) fn elements_in_array(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        member: &str,
    ) -> Part<Elements<'s, 'a>> {
        let (array, storage) = self.member_at(kind, storage, member)?;
        let Shape::Array { element, counts } = &array.shape else {
            return None;
        };
        self.elements_of_array(*element, counts, &storage)
    }

    fn elements_of_array(
        &self,
        element: Option<EntryRef<'s, 'a>>,
        counts: &[Option<u64>],
        storage: &Storage,
    ) -> Part<Elements<'s, 'a>> {
        let (element, (count, inner)) = (element?, counts.split_first()?);
        // Of an array of arrays in C the elements have no type of their own.
        let count = match (count, inner) {
            (Some(count), []) => *count,
            _ => return None,
        };
        Some(Ok(Elements {
            element,
            size: self.size_at(element)?,
            first: storage.clone(),
            count,
            ring: None,
            is_text: false,
        }))
    }

    fn elements_of_slice(&self, kind: &Type<'s, 'a>, storage: &Storage) -> Part<Elements<'s, 'a>> {
        let [first, second] = kind.members() else {
            return None;
        };
        let names = (first.name.as_deref()?, second.name.as_deref()?);
        if names != ("data_ptr", "length") {
            return None;
        }
        let (pointer, at_pointer) = self.member_at(kind, storage, "data_ptr")?;
        let Shape::Pointer {
            to: Some(element), ..
        } = pointer.shape
        else {
            return None;
        };
        let length = storage.at(second.offset).unsigned(self.memory, 8);
        let data = at_pointer.pointer(self.memory);
        let is_text = kind.name.contains("str") && !kind.name.contains('[');
        Some(data.and_then(|data| {
            Ok(Elements {
                element,
                size: self.size_at(element).unwrap_or(0),
                first: Storage::Memory(data),
                count: length? as u64,
                ring: None,
                is_text,
            })
        }))
    }

    /// By the members that point to the first element, and behind the last.
    pub(super) fn elements_of_vector(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        (first, behind): (&str, &str),
    ) -> Result<Elements<'s, 'a>, Stop> {
        let (start, _) = self.find(kind, storage, first).ok_or(Stop::OtherLayout)?;
        let Shape::Pointer {
            to: Some(element), ..
        } = start.shape
        else {
            return Err(Stop::OtherLayout);
        };
        let size = self.size_at(element).filter(|size| *size > 0);
        let size = size.ok_or(Stop::OtherLayout)?;
        let begin = self.pointer_in(kind, storage, first)?;
        let end = self.pointer_in(kind, storage, behind)?;
        let bytes = end.0.wrapping_sub(begin.0);
        if bytes > super::strings::MOST || !bytes.is_multiple_of(size) {
            return Err(torn(format!("its length in bytes would be {bytes}")).into());
        }
        Ok(Elements {
            element,
            size,
            first: Storage::Memory(begin),
            count: bytes / size,
            ring: None,
            is_text: false,
        })
    }

    /// Elements as they stand in their container's text.
    pub(in crate::native) fn elements_value(
        &self,
        elements: &Elements<'s, 'a>,
        limits: &Limits,
    ) -> Value {
        let mut text = Text::new(limits.characters);
        let written = match (elements.is_text, elements.first.address()) {
            (true, Some(data)) => self.write_string(data, elements.count, &mut text),
            _ => {
                let brackets = match is_rust(elements.element) {
                    true => ("[", "]"),
                    false => ("{", "}"),
                };
                let depth = self.depth.saturating_sub(1);
                self.write_list(brackets, elements.count, &mut text, |index, text| {
                    self.write_within(Some(elements.element), &elements.at(index), depth, text)
                })
            }
        };
        if let Err(Stop::Absent(absence)) = written {
            return Value::absent(absence);
        }
        Value {
            text: text.text,
            truncated: written == Err(Stop::Full),
            address: elements.first.address(),
            ..Value::default()
        }
    }

    /// How many elements a container has.
    pub(in crate::native) fn count(&self, kind: &Type<'s, 'a>, storage: &Storage) -> Part<u64> {
        if let Some(elements) = self.elements(kind, storage) {
            return Some(elements.map(|elements| elements.count));
        }
        let name = kind.own_name(self.module).unwrap_or_default();
        let path = kind.path(self.module);
        if path.starts_with(LLVM) {
            return self.llvm_count(without_parameters(&name), kind, storage);
        }
        let known = ["std::", "alloc::", "hashbrown::"];
        if !known.iter().any(|of| path.starts_with(of)) {
            return None;
        }
        let member = match without_parameters(&name) {
            "HashMap" | "HashSet" => "items",
            "BTreeMap" | "BTreeSet" => "length",
            "map" | "multimap" | "set" | "multiset" => "_M_node_count",
            "unordered_map" | "unordered_multimap" | "unordered_set" | "unordered_multiset" => {
                "_M_element_count"
            }
            "list" => "_M_size",
            _ => return None,
        };
        part(self.number_in(kind, storage, member))
    }

    /// What a pointer that owns or shares something points to: `Rc`, `Arc`, `unique_ptr`, `shared_ptr`; what an `optional` or a cell has.
    pub(in crate::native) fn pointee(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Part<(EntryRef<'s, 'a>, Storage)> {
        let path = kind.path(self.module);
        let name = kind.own_name(self.module).unwrap_or_default();
        let name = without_parameters(&name);
        if is_rust(kind.at) {
            if path.starts_with("core::") && TRANSPARENT.contains(&name) {
                let (inner, at) = self.sole_member(kind, storage)?;
                return Some(Ok((inner.at, at)));
            }
            if !(path.starts_with("alloc::") && ["Rc", "Arc"].contains(&name)) {
                return None;
            }
            let (pointer, at) = self.find(kind, storage, "ptr")?;
            let (pointer, at) = self.innermost_pointer(&pointer, &at)?;
            let Shape::Pointer {
                to: Some(inner), ..
            } = pointer.shape
            else {
                return None;
            };
            let inner = Type::read(inner, self.module)?;
            let data = match at.pointer(self.memory) {
                Ok(data) => Storage::Memory(data),
                Err(absence) => return Some(Err(absence)),
            };
            let value = ["value", "data"].iter();
            let found = value
                .filter_map(|name| self.member_at(&inner, &data, name))
                .next()?;
            return Some(Ok((found.0.at, found.1)));
        }
        if path.starts_with(LLVM) {
            return self.llvm_pointee(name, kind, storage);
        }
        if !path.starts_with("std::") {
            return None;
        }
        let pointer = match name {
            "unique_ptr" => "_M_head_impl",
            "shared_ptr" => "_M_ptr",
            "optional" => {
                match part(self.number_in(kind, storage, "_M_engaged"))? {
                    Ok(engaged) if engaged & 0xff != 0 => {}
                    Ok(_) => return Some(Err(without_value())),
                    Err(absence) => return Some(Err(absence)),
                }
                let (value, at) = self.find(kind, storage, "_M_value")?;
                return Some(Ok((value.at, at)));
            }
            _ => return None,
        };
        let (pointer, at) = self.find_that(kind, storage, pointer, |kind| {
            matches!(kind.shape, Shape::Pointer { .. })
        })?;
        let Shape::Pointer { to: Some(to), .. } = pointer.shape else {
            return None;
        };
        Some(at.pointer(self.memory).map(|at| (to, Storage::Memory(at))))
    }
}
