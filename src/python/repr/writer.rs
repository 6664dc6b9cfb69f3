//! The text that grows, and the limits that it keeps.

use super::Limits;
use crate::model::{Absence, Addr, LengthUnit, Value};
use crate::python::{Look, LookError};

/// Objects inside each other, whatever depth of containers is asked for: a cycle may lead through what is no container
/// (a range whose start is itself, a task whose name is). Each level takes some KiB of pmdb's stack.
const DEEPEST: usize = 100;

/// Writes one value and what it holds. Once the room is used up, everything that is put is dropped, so that who writes
/// need not ask; who loops should, by [`Writer::is_full`].
pub(in crate::python) struct Writer<'l, 'p> {
    pub look: &'l Look<'p>,
    text: String,
    /// Characters that may still be written.
    room: usize,
    depth: usize,
    /// The containers that are being written: one that comes again is a cycle.
    open: Vec<Addr>,
    cut: bool,
    /// Something lay too deep.
    is_shallow: bool,
    /// How long the outermost value is.
    length: Option<(u64, LengthUnit)>,
    /// Where the outermost value is, if it is a generator.
    progress: Option<String>,
    /// The shared-memory segment that the outermost value's data lies in.
    segment: Option<String>,
    /// The attributes of an instance are being written.
    pub(super) is_in_instance: bool,
    /// Why the outermost value's data is missing.
    absence: Option<Absence>,
}

impl<'l, 'p> Writer<'l, 'p> {
    pub fn new(look: &'l Look<'p>, limits: &Limits) -> Writer<'l, 'p> {
        Writer {
            look,
            text: look.writing_room.take(),
            room: limits.characters,
            depth: limits.depth.min(Limits::DEEPEST),
            open: Vec::new(),
            cut: false,
            is_shallow: false,
            length: None,
            progress: None,
            segment: None,
            is_in_instance: false,
            absence: None,
        }
    }

    /// What was written; its type and its address are for the caller to say.
    pub fn finish(mut self) -> Value {
        if self.cut {
            self.text.push('…');
        }
        let length = self.length.filter(|_| self.cut);
        let text = self.text.clone();
        self.text.clear();
        self.look.writing_room.set(self.text);
        Value {
            text,
            truncated: self.cut || self.is_shallow,
            length: length.map(|(length, _)| length),
            unit: length.map(|(_, unit)| unit),
            progress: self.progress,
            segment: self.segment,
            absence: self.absence,
            ..Value::default()
        }
    }

    pub fn put(&mut self, piece: &str) {
        // A character takes a byte at least, so that this many fit.
        if piece.len() <= self.room {
            self.room -= piece.chars().count();
            self.text.push_str(piece);
            return;
        }
        for character in piece.chars() {
            if self.room == 0 {
                self.cut = true;
                return;
            }
            self.room -= 1;
            self.text.push(character);
        }
    }

    /// Nothing more can be written.
    pub fn is_full(&self) -> bool {
        self.cut
    }

    /// Says that what was written is not all, and drops the rest.
    pub fn cut(&mut self) {
        self.cut = true;
        self.room = 0;
    }

    /// Elements that are worth being read: each takes a character at least, and one more shows that it was cut.
    pub fn wanted(&self) -> usize {
        self.room.saturating_add(1)
    }

    /// How long the value is that is being written. Kept if that is the outermost one.
    pub fn count(&mut self, length: u64, unit: LengthUnit) {
        if self.open.is_empty() && self.length.is_none() {
            self.length = Some((length, unit));
        }
    }

    /// The segment that the data of the value lies in. Kept if that is the outermost one.
    pub fn lies_in(&mut self, segment: String) {
        if self.open.is_empty() {
            self.segment = Some(segment);
        }
    }

    /// Where a generator is. Kept if it is the outermost value.
    pub fn is_at(&mut self, progress: String) {
        if self.open.is_empty() {
            self.progress = Some(progress);
        }
    }

    /// The text of an object, whatever it is; what cannot be read says so in its place.
    pub fn object(&mut self, object: Addr) {
        if self.cut {
            return;
        }
        let depth = self.look.writing.get();
        if depth >= DEEPEST {
            self.put("…");
            return;
        }
        self.look.writing.set(depth + 1);
        let written = self.look.type_of(object).and_then(|kind| {
            let write = self.look.write_of(&kind);
            write(self, object, &kind)
        });
        self.look.writing.set(depth);
        if let Err(error) = written {
            self.put(&error.absence().to_string());
        }
    }

    /// Runs `write` with the room that there is, which is given back afterwards: what it writes is to be put together
    /// and put by its caller.
    pub fn aside<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let (room, cut) = (self.room, self.cut);
        let written = write(self);
        (self.room, self.cut) = (room, cut);
        written
    }

    /// The text of an object by itself, which still takes room.
    pub fn captured(&mut self, object: Addr) -> String {
        let start = self.text.len();
        self.object(object);
        self.text.split_off(start)
    }

    /// Says why the value has no text, or only a part of one. Kept if that is the outermost one.
    pub fn misses(&mut self, absence: Absence) {
        if self.open.len() <= 1 {
            self.absence = Some(absence);
        }
    }

    /// The object that a field points at.
    pub fn field(&mut self, at: Addr) -> Result<(), LookError> {
        let object = self.look.memory.pointer(at)?;
        self.object(object);
        Ok(())
    }

    /// Writes what `object` holds by `write`; or `cycle` if it is being written already, or `deep` if it lies too deep.
    pub fn nested(
        &mut self,
        object: Addr,
        cycle: &str,
        deep: &str,
        write: impl FnOnce(&mut Self) -> Result<(), LookError>,
    ) -> Result<(), LookError> {
        if self.open.contains(&object) {
            self.put(cycle);
            return Ok(());
        }
        if self.open.len() >= self.depth {
            self.is_shallow = true;
            self.put(deep);
            return Ok(());
        }
        self.open.push(object);
        let written = write(self);
        self.open.pop();
        written
    }

    /// Writes the same object again in another form from within [`Writer::nested`]: that is no cycle.
    pub fn reopened(
        &mut self,
        object: Addr,
        write: impl FnOnce(&mut Self) -> Result<(), LookError>,
    ) -> Result<(), LookError> {
        let closed = self.open.pop_if(|last| *last == object);
        let written = write(self);
        self.open.extend(closed);
        written
    }

    /// Objects with commas between.
    pub fn objects(&mut self, objects: impl IntoIterator<Item = Addr>) {
        for (index, object) in objects.into_iter().enumerate() {
            self.put(if index == 0 { "" } else { ", " });
            self.object(object);
            if self.cut {
                break;
            }
        }
    }

    /// Keys and values with colons and commas between.
    pub fn pairs(&mut self, pairs: impl IntoIterator<Item = (Addr, Addr)>) {
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            self.put(if index == 0 { "" } else { ", " });
            self.object(key);
            self.put(": ");
            self.object(value);
            if self.cut {
                break;
            }
        }
    }

    /// Names and values, `x=1, y=2`.
    pub fn attributes(&mut self, attributes: impl IntoIterator<Item = (String, Addr)>) {
        for (index, (name, value)) in attributes.into_iter().enumerate() {
            self.put(if index == 0 { "" } else { ", " });
            self.put(&name);
            self.put("=");
            self.object(value);
            if self.cut {
                break;
            }
        }
    }
}
