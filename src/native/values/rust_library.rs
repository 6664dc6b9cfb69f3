//! Values of Rust's standard library, as `{:?}` writes them. They are told by their names and by those of their members.

use super::plain::{torn, without_parameters};
use super::storage::Storage;
use super::strings::MOST;
use super::text::Text;
use super::{Stop, Writer, Written};
use crate::model::{Absence, Addr};
use crate::native::dwarf::EntryRef;
use crate::native::types::{Shape, Type};

/// Structures inside structures that are looked through for a member.
const DEEPEST_MEMBER: usize = 8;

/// The crates that come with the compiler, and the one that its maps are made of.
const LIBRARY: [&str; 4] = ["alloc::", "core::", "std::", "hashbrown::"];

/// A member somewhere in a structure: its type, and where it is.
pub(super) type Found<'s, 'a> = (Type<'s, 'a>, Storage);

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a value of the library; `false` if it is none that is known here.
    pub(super) fn write_rust_library(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Result<bool, Stop> {
        if let Some(written) = self.write_wide_pointer(kind, storage, depth, text) {
            return written.map(|()| true);
        }
        let name = without_parameters(&kind.name);
        // A type of the program's own may have the same name.
        let path = kind.path(self.module);
        if !LIBRARY.iter().any(|of| path.starts_with(of)) {
            return Ok(false);
        }
        match name {
            "String" | "OsString" | "PathBuf" | "CString" => {
                self.write_owned_string(kind, storage, text)?
            }
            "Vec" => self.write_vec(kind, storage, depth, text)?,
            "VecDeque" => self.write_deque(kind, storage, depth, text)?,
            "Rc" | "Arc" => self.write_counted(kind, storage, depth, text)?,
            "Weak" => text.push("(Weak)")?,
            "UnsafeCell" | "ManuallyDrop" | "MaybeUninit" | "MaybeDangling" | "Pin" => {
                let (inner, storage) = self.sole_member(kind, storage).ok_or(Stop::OtherLayout)?;
                self.write(&inner, &storage, depth, text)?;
            }
            "Cell" | "RefCell" => {
                text.push(name)?;
                text.push(" { value: ")?;
                let (inner, storage) = self
                    .member_at(kind, storage, "value")
                    .ok_or(Stop::OtherLayout)?;
                self.write(&inner, &storage, depth, text)?;
                text.push(" }")?;
            }
            "Mutex" | "RwLock" => self.write_lock(kind, name, storage, depth, text)?,
            "NonZero" => {
                let number = self.innermost(kind, storage).ok_or(Stop::OtherLayout)?;
                self.write(&number.0, &number.1, depth, text)?;
            }
            "Range" | "RangeInclusive" => {
                let (start, end) = (
                    self.member_at(kind, storage, "start"),
                    self.member_at(kind, storage, "end"),
                );
                let ((start, at_start), (end, at_end)) = start.zip(end).ok_or(Stop::OtherLayout)?;
                self.write(&start, &at_start, depth, text)?;
                text.push(if name == "Range" { ".." } else { "..=" })?;
                self.write(&end, &at_end, depth, text)?;
            }
            "HashMap" | "HashSet" => {
                self.write_hash_map(kind, name == "HashSet", storage, depth, text)?
            }
            "BTreeMap" | "BTreeSet" => {
                self.write_btree(kind, name == "BTreeSet", storage, depth, text)?
            }
            atomic if atomic.starts_with("Atomic") => {
                let (value, storage) = self.innermost(kind, storage).ok_or(Stop::OtherLayout)?;
                match value.shape {
                    Shape::Base(_) if atomic == "AtomicBool" => {
                        let value = storage.unsigned(self.memory, 1)?;
                        text.push(if value == 0 { "false" } else { "true" })?;
                    }
                    _ => self.write(&value, &storage, depth, text)?,
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `&str`, `&[T]`, `Box<[T]>`, `Box<dyn T>` and the like: a pointer, and a length or a table of methods.
    fn write_wide_pointer(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Option<Written> {
        let [first, second] = kind.members() else {
            return None;
        };
        let pointer = first.name.as_deref()?;
        let (to, at) = self.member_at(kind, storage, pointer)?;
        let Shape::Pointer { to, .. } = to.shape else {
            return None;
        };
        match (pointer, second.name.as_deref()?) {
            ("data_ptr", "length") => {
                Some(self.write_slice(kind, to, &at, &storage.at(second.offset), depth, text))
            }
            ("pointer", "vtable") => Some(self.write_dynamic(kind, &at, text)),
            _ => None,
        }
    }

    fn write_slice(
        &self,
        kind: &Type<'s, 'a>,
        element: Option<EntryRef<'s, 'a>>,
        pointer: &Storage,
        length: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let data = pointer.pointer(self.memory)?;
        let length = length.unsigned(self.memory, 8)? as u64;
        let is_counted = ["Rc<", "Arc<"]
            .iter()
            .any(|counted| kind.name.starts_with(counted));
        if is_counted {
            return Err(super::plain::unsupported("a counted slice"));
        }
        let is_text = kind.name.contains("str") && !kind.name.contains('[');
        if is_text || kind.name.ends_with("OsStr") || kind.name.ends_with("Path") {
            return self.write_string(data, length, text);
        }
        self.write_elements(element, data, length, depth, text)
    }

    /// A trait object. What it really is would have to be found by the symbol of its table of methods.
    fn write_dynamic(&self, kind: &Type<'s, 'a>, pointer: &Storage, text: &mut Text) -> Written {
        let data = pointer.pointer(self.memory)?;
        Ok(text.push(&format!("{} at {data}", kind.name))?)
    }

    fn write_elements(
        &self,
        element: Option<EntryRef<'s, 'a>>,
        data: Addr,
        count: u64,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let size = element.and_then(|at| self.size_at(at)).unwrap_or(0);
        if count.checked_mul(size).is_none_or(|bytes| bytes > MOST) {
            return Err(garbage("length", count).into());
        }
        // Said once, not for each of them.
        if count > 0 {
            Storage::Memory(data).bytes(self.memory, size.min(1))?;
        }
        self.write_list(("[", "]"), count, text, |index, text| {
            let storage = Storage::Memory(data.plus(index.wrapping_mul(size)));
            self.write_within(element, &storage, depth, text)
        })
    }

    fn write_owned_string(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        text: &mut Text,
    ) -> Written {
        let (data, length) = match kind.name.as_str() {
            "CString" => {
                let (inner, at) = self
                    .member_at(kind, storage, "inner")
                    .ok_or(Stop::OtherLayout)?;
                let (_, pointer) = self
                    .member_at(&inner, &at, "data_ptr")
                    .ok_or(Stop::OtherLayout)?;
                let (_, length) = self
                    .member_at(&inner, &at, "length")
                    .ok_or(Stop::OtherLayout)?;
                // With the zero at its end.
                let length = (length.unsigned(self.memory, 8)? as u64).saturating_sub(1);
                (pointer.pointer(self.memory)?, length)
            }
            _ => self.vec_parts(kind, storage)?,
        };
        self.write_string(data, length, text)
    }

    /// The data and the length of the vector that a value is or has inside.
    fn vec_parts(&self, kind: &Type<'s, 'a>, storage: &Storage) -> Result<(Addr, u64), Stop> {
        let (length, at_length) = self.find(kind, storage, "len").ok_or(Stop::OtherLayout)?;
        let (buffer, at_buffer) = self.find(kind, storage, "buf").ok_or(Stop::OtherLayout)?;
        let data = self.data_of(&buffer, &at_buffer).ok_or(Stop::OtherLayout)?;
        let length = at_length.unsigned(self.memory, length.size.unwrap_or(8))? as u64;
        if let Some((capacity, at)) = self
            .find(&buffer, &at_buffer, "cap")
            .and_then(|(kind, at)| self.innermost(&kind, &at))
        {
            let capacity = at.unsigned(self.memory, capacity.size.unwrap_or(8))? as u64;
            // What takes no room has the capacity 0.
            if length > capacity && capacity != 0 {
                let why = format!("its length {length} is above its capacity {capacity}");
                return Err(torn(why).into());
            }
        }
        Ok((data.pointer(self.memory)?, length))
    }

    /// The pointer in a buffer (`RawVec`): `ptr`, inside of `NonNull` and `Unique`.
    pub(super) fn data_of(&self, buffer: &Type<'s, 'a>, storage: &Storage) -> Option<Storage> {
        let (kind, at) = self.find(buffer, storage, "ptr")?;
        let (kind, at) = self.innermost(&kind, &at)?;
        matches!(kind.shape, Shape::Pointer { .. }).then_some(at)
    }

    fn write_vec(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let (data, length) = self.vec_parts(kind, storage)?;
        let element = kind.parameter("T", self.module);
        self.write_elements(element, data, length, depth, text)
    }

    fn write_deque(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let (data, length) = self.vec_parts(kind, storage)?;
        let lacks = || Stop::OtherLayout;
        let number = |name: &str| -> Result<u64, Stop> {
            let (kind, at) = self
                .find(kind, storage, name)
                .and_then(|(kind, at)| self.innermost(&kind, &at))
                .ok_or_else(lacks)?;
            let value = at.unsigned(self.memory, kind.size.unwrap_or(8))?;
            Ok(value as u64)
        };
        let (head, capacity) = (number("head")?, number("cap")?);
        let element = kind.parameter("T", self.module);
        let size = element.and_then(|at| self.size_at(at)).unwrap_or(0);
        if size > 0 && (length > capacity || capacity > MOST / size) {
            return Err(garbage("length", length).into());
        }
        self.write_list(("[", "]"), length, text, |index, text| {
            let index = head.wrapping_add(index).checked_rem(capacity).unwrap_or(0);
            let storage = Storage::Memory(data.plus(index.wrapping_mul(size)));
            self.write_within(element, &storage, depth, text)
        })
    }

    /// `Rc` and `Arc`: the value behind the two counts.
    fn write_counted(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let (pointer, at) = self
            .find(kind, storage, "ptr")
            .and_then(|(kind, at)| self.innermost_pointer(&kind, &at))
            .ok_or_else(lacks)?;
        let Shape::Pointer {
            to: Some(inner), ..
        } = pointer.shape
        else {
            return Err(lacks());
        };
        let inner = Type::read(inner, self.module).ok_or_else(lacks)?;
        let data = Storage::Memory(at.pointer(self.memory)?);
        let value = ["value", "data"]
            .iter()
            .find_map(|name| self.member_at(&inner, &data, name));
        let (value, at) = value.ok_or_else(lacks)?;
        self.write(&value, &at, depth, text)
    }

    /// `Mutex { data: 5, poisoned: false, .. }`, whether it is locked or not.
    fn write_lock(
        &self,
        kind: &Type<'s, 'a>,
        name: &str,
        storage: &Storage,
        depth: usize,
        text: &mut Text,
    ) -> Written {
        let lacks = || Stop::OtherLayout;
        let (data, at) = self.member_at(kind, storage, "data").ok_or_else(lacks)?;
        let (_, poison) = self.member_at(kind, storage, "poison").ok_or_else(lacks)?;
        text.push(name)?;
        text.push(" { data: ")?;
        self.write(&data, &at, depth, text)?;
        let poisoned = poison.unsigned(self.memory, 1)? != 0;
        Ok(text.push(&format!(", poisoned: {poisoned}, .. }}"))?)
    }

    /// A member of a structure itself.
    pub(super) fn member_at(
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
    pub(super) fn find(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
    ) -> Option<Found<'s, 'a>> {
        self.find_that(kind, storage, name, |_| true)
    }

    /// The same, of a type that suits.
    pub(super) fn find_that(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
        name: &str,
        suits: impl Fn(&Type<'s, 'a>) -> bool,
    ) -> Option<Found<'s, 'a>> {
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
                    next.push((kind.members().to_vec(), at));
                }
            }
            level = next;
        }
        None
    }

    /// The only member of a structure that takes room.
    pub(super) fn sole_member(
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
    pub(super) fn innermost(
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
    pub(super) fn innermost_pointer(
        &self,
        kind: &Type<'s, 'a>,
        storage: &Storage,
    ) -> Option<Found<'s, 'a>> {
        let found = self.innermost(kind, storage)?;
        matches!(found.0.shape, Shape::Pointer { .. }).then_some(found)
    }
}

pub(super) fn garbage(what: &str, number: u64) -> Absence {
    torn(format!("its {what} would be {number}"))
}
