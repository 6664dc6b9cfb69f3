//! Values of Rust's standard library, as `{:?}` writes them. They are told by their names and by those of their members.

use super::plain::without_parameters;
use super::text::Text;
use super::{Shown, Stop, Writer, Written};
use crate::native::types::Shape;

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
        if self.write_rust_state(value, text)? {
            return Ok(true);
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
            range if range.starts_with("Range") => self.write_range(value, range, text)?,
            "Duration" => self.write_duration(value, text)?,
            "Instant" | "SystemTime" if path.starts_with("std::time::") => {
                self.write_moment(value, name, text)?
            }
            "Iter" | "IterMut" if path.starts_with("core::slice::") => {
                self.write_rust_iterator(value, name, ["ptr", "end_or_len"], text)?
            }
            "IntoIter" if path.starts_with("alloc::vec::") => {
                self.write_rust_iterator(value, name, ["ptr", "end"], text)?
            }
            "Chars" => self.write_chars(value, text)?,
            "Ref" | "RefMut" => self.write_guarded(value, "value", text)?,
            "MutexGuard" | "RwLockWriteGuard" => self.write_guarded(value, "lock", text)?,
            "RwLockReadGuard" => self.write_guarded(value, "data", text)?,
            "NonNull" => self.write_inside(value, "pointer", text)?,
            "BinaryHeap" => self.write_inside(value, "data", text)?,
            "Wrapping" | "Saturating" => self.write_inside(value, "__0", text)?,
            "Cow" | "IpAddr" => self.write_inside_variant(value, text)?,
            "Ipv4Addr" | "Ipv6Addr" => self.write_ip_address(value, text)?,
            "OnceCell" => self.write_once_cell(value, text)?,
            "LinkedList" => self.write_rust_linked_list(value, text)?,
            "HashMap" | "HashSet" => self.write_entries(("", ": "), depth, text, |each| {
                self.hash_entries(kind, storage, name == "HashSet", each)
            })?,
            "BTreeMap" | "BTreeSet" => self.write_entries(("", ": "), depth, text, |each| {
                self.btree_entries(kind, storage, name == "BTreeSet", each)
            })?,
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

    /// `1..5` and its relatives, of which some lack an end.
    fn write_range(&self, value: Shown<'_, 's, 'a>, name: &str, text: &mut Text) -> Written {
        let member = |name| self.member_at(value.kind, value.storage, name);
        let (start, end) = (member("start"), member("end"));
        let lacks_start =
            start.is_none() && matches!(name, "Range" | "RangeInclusive" | "RangeFrom");
        if lacks_start || (end.is_none() && !matches!(name, "RangeFrom" | "RangeFull")) {
            return Err(Stop::OtherLayout);
        }
        if let Some((kind, at)) = start {
            self.write(&kind, &at, value.depth, text)?;
        }
        text.push(if name.ends_with("Inclusive") {
            "..="
        } else {
            ".."
        })?;
        if let Some((kind, at)) = end {
            self.write(&kind, &at, value.depth, text)?;
        }
        Ok(())
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
