//! Values of Rust's standard library, as `{:?}` writes them. They are told by their names and by those of their members.

use super::plain::without_parameters;
use super::storage::Storage;
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::native::types::{Shape, Type};

/// The crates that come with the compiler, and the one that its maps are made of.
const LIBRARY: [&str; 4] = ["alloc::", "core::", "std::", "hashbrown::"];

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// Writes a value of the library; `false` if it is none that is known here.
    pub(super) fn write_rust_library(
        &self,
        value: Shown<'_, 's, 'a>,
        text: &mut Text,
    ) -> Result<bool, Stop> {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        if let Some(written) = self.write_wide_pointer(value, text) {
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
                self.write_owned_string(value, text)?
            }
            "Vec" => self.write_vec(value, text)?,
            "VecDeque" => self.write_deque(value, text)?,
            "Rc" | "Arc" => self.write_counted(value, text)?,
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
            "Mutex" | "RwLock" => self.write_lock(value, name, text)?,
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
            "HashMap" | "HashSet" => self.write_hash_map(value, name == "HashSet", text)?,
            "BTreeMap" | "BTreeSet" => self.write_btree(value, name == "BTreeSet", text)?,
            atomic if atomic.starts_with("Atomic") => {
                let (inner, storage) = self.innermost(kind, storage).ok_or(Stop::OtherLayout)?;
                match inner.shape {
                    Shape::Base(_) if atomic == "AtomicBool" => {
                        let value = storage.unsigned(self.memory, 1)?;
                        text.push(if value == 0 { "false" } else { "true" })?;
                    }
                    _ => self.write(&inner, &storage, depth, text)?,
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A trait object. What it really is would have to be found by the symbol of its table of methods.
    pub(super) fn write_dynamic(
        &self,
        kind: &Type<'s, 'a>,
        pointer: &Storage,
        text: &mut Text,
    ) -> Written {
        let data = pointer.pointer(self.memory)?;
        Ok(text.push(&format!("{} at {data}", kind.name))?)
    }

    /// `Rc` and `Arc`: the value behind the two counts.
    fn write_counted(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
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
    fn write_lock(&self, value: Shown<'_, 's, 'a>, name: &str, text: &mut Text) -> Written {
        let Shown {
            kind,
            storage,
            depth,
        } = value;
        let lacks = || Stop::OtherLayout;
        let (data, at) = self.member_at(kind, storage, "data").ok_or_else(lacks)?;
        let (_, poison) = self.member_at(kind, storage, "poison").ok_or_else(lacks)?;
        text.push(name)?;
        text.push(" { data: ")?;
        self.write(&data, &at, depth, text)?;
        let poisoned = poison.unsigned(self.memory, 1)? != 0;
        Ok(text.push(&format!(", poisoned: {poisoned}, .. }}"))?)
    }
}
