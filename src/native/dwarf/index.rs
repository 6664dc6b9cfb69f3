//! The names of a module: of its statics, its functions and its types. Made when one is first asked for by name, by a pass over all
//! entries of all units, several units at a time; what is kept of each is a hash and where it is. Commands that come later find the
//! index of a large module in the user's cache.

use std::hash::{Hash, Hasher};

use gimli::{AttributeValue, UnitOffset};
use memmap2::Mmap;
use rustc_hash::FxHasher;

use super::module::Module;
use super::other_files::OtherFile;
use super::parallel::for_each;
use super::sections::Slice;
use super::separate::Origin;
use super::unit::{EntryRef, UnitIn};
use crate::process::user_cache::{self, Known};

/// More are not kept: 24 bytes for each.
const MOST_NAMES: usize = 1 << 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    Static,
    Function,
    Type,
}

/// Sorted by sort and hash.
pub struct NameIndex {
    entries: Entries,
}

enum Entries {
    Made(Vec<Named>),
    Kept(KeptEntries),
}

/// Made by an earlier command: a file of these entries, each in [`RECORD`] bytes, of a line for each of the other files that they are
/// from, and of the number of entries in 8 bytes.
struct KeptEntries {
    file: Mmap,
    count: usize,
}

/// Of an entry in a file: its hash, unit, offset and sort, each in little-endian.
const RECORD: usize = 20;
/// An index of fewer is as quickly made as read.
const FEWEST_KEPT: usize = 5_000;
/// Of all indexes that are kept, in bytes.
const MOST_KEPT: u64 = 512 << 20;
/// The number goes up when what is written changes.
const PREFIX: &str = "names-3-";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    sort: Sort,
    hash: u64,
    unit: u32,
    offset: u32,
}

fn hash_of(name: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    hasher.finish()
}

impl NameIndex {
    pub fn of(module: &Module<'_>) -> NameIndex {
        let kept_as = kept_as(module);
        if let Some(entries) = kept_as
            .as_deref()
            .and_then(|name| KeptEntries::read(name, module.origin()))
        {
            return NameIndex {
                entries: Entries::Kept(entries),
            };
        }
        let names = for_each(module.unit_count(), |index| {
            let mut names = Vec::new();
            // What stands behind damage is left out; the list of functions complains of it.
            let unit = module.unit_at(index);
            let _ = unit.map(|unit| collect(unit, index as u32, &mut names));
            names
        });
        let mut entries: Vec<Named> = names.into_iter().flatten().take(MOST_NAMES).collect();
        entries.sort_unstable();
        if let Some(name) = kept_as.filter(|_| entries.len() >= FEWEST_KEPT)
            && let Some(others) = lines_of(module.other_files())
        {
            let records: Vec<[u8; RECORD]> = entries.iter().map(Named::record).collect();
            let count = (entries.len() as u64).to_le_bytes();
            let pieces = [records.as_flattened(), others.as_bytes(), &count];
            user_cache::write(&name, &pieces, Known::ByLength);
            user_cache::remove_oldest(PREFIX, MOST_KEPT);
        }
        NameIndex {
            entries: Entries::Made(entries),
        }
    }

    fn len(&self) -> usize {
        match &self.entries {
            Entries::Made(entries) => entries.len(),
            Entries::Kept(kept) => kept.count,
        }
    }

    fn get(&self, number: usize) -> Option<Named> {
        match &self.entries {
            Entries::Made(entries) => entries.get(number).copied(),
            Entries::Kept(kept) => kept.get(number),
        }
    }

    /// The entries from the first on that does not come before what is wanted.
    fn behind(&self, comes_before: impl Fn(&Named) -> bool) -> impl Iterator<Item = Named> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).is_some_and(|entry| comes_before(&entry)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        (low..self.len()).map_while(|number| self.get(number))
    }

    fn named<'i>(&'i self, sort: Sort, name: &str) -> impl Iterator<Item = Named> + 'i {
        let wanted = (sort, hash_of(name.as_bytes()));
        let behind = self.behind(move |entry| (entry.sort, entry.hash) < wanted);
        behind.take_while(move |entry| (entry.sort, entry.hash) == wanted)
    }

    fn of_sort(&self, sort: Sort) -> impl Iterator<Item = Named> + '_ {
        let behind = self.behind(move |entry| entry.sort < sort);
        behind.take_while(move |entry| entry.sort == sort)
    }
}

impl KeptEntries {
    /// Nothing if there is no such file, or one of the others is not as it was.
    fn read(name: &str, origin: &Origin) -> Option<KeptEntries> {
        let file = user_cache::map_any(name)?;
        let (rest, count) = file.split_last_chunk()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let others = rest.get(count.checked_mul(RECORD)?..)?;
        let others = std::str::from_utf8(others).ok()?;
        let are_same = others.lines().all(|line| OtherFile::is_same(line, origin));
        are_same.then_some(KeptEntries { file, count })
    }

    fn get(&self, number: usize) -> Option<Named> {
        let records = self.file.get(..self.count * RECORD)?;
        records.as_chunks().0.get(number).map(Named::from_record)
    }
}

/// A line for each file; nothing if one has a name that cannot be written so.
fn lines_of<'o>(files: impl Iterator<Item = &'o OtherFile>) -> Option<String> {
    files.map(|file| Some(file.line()? + "\n")).collect()
}

impl Named {
    fn record(&self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&self.hash.to_le_bytes());
        record[8..12].copy_from_slice(&self.unit.to_le_bytes());
        record[12..16].copy_from_slice(&self.offset.to_le_bytes());
        record[16..].copy_from_slice(&(self.sort as u32).to_le_bytes());
        record
    }

    fn from_record(record: &[u8; RECORD]) -> Named {
        let [a, b, c, d, e, f, g, h, rest @ ..] = *record;
        let (numbers, _) = rest.as_chunks();
        let number = |at: usize| {
            numbers
                .get(at)
                .map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        Named {
            hash: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            unit: number(0),
            offset: number(1),
            sort: match number(2) {
                0 => Sort::Static,
                1 => Sort::Function,
                _ => Sort::Type,
            },
        }
    }
}

/// The name of a module's index in the cache: of this state of its file.
fn kept_as(module: &Module<'_>) -> Option<String> {
    let identity = module.file_identity()?;
    Some(format!(
        "{PREFIX}{:x}",
        md5::compute(format!("{identity:?}"))
    ))
}

impl<'a> Module<'a> {
    /// The entries of this name, without its path. They may be of other names with the same hash.
    pub fn named<'s>(
        &'s self,
        sort: Sort,
        name: &str,
    ) -> impl Iterator<Item = EntryRef<'s, 'a>> + 's {
        self.index()
            .named(sort, name)
            .filter_map(|named| self.entry_of(named))
    }

    /// All of a sort, in no order.
    pub fn all_of(&self, sort: Sort) -> impl Iterator<Item = EntryRef<'_, 'a>> {
        self.index()
            .of_sort(sort)
            .filter_map(|named| self.entry_of(named))
    }

    fn entry_of(&self, named: Named) -> Option<EntryRef<'_, 'a>> {
        let unit = self.unit_at(named.unit as usize)?;
        Some(unit.entry(UnitOffset(named.offset as usize)))
    }
}

fn collect(within: UnitIn<'_, '_>, unit: u32, names: &mut Vec<Named>) -> Result<(), gimli::Error> {
    let reading = within.reading();
    let mut entries = within.reading().entries_raw(None)?;
    let mut attributes = Vec::new();
    while !entries.is_empty() {
        let offset = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let sort = match abbreviation.tag() {
            gimli::DW_TAG_variable => Sort::Static,
            gimli::DW_TAG_subprogram => Sort::Function,
            gimli::DW_TAG_structure_type
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type
            | gimli::DW_TAG_typedef
            | gimli::DW_TAG_base_type => Sort::Type,
            _ => {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
        };
        entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
        let value = |name| {
            let mut attributes = attributes.iter();
            let found = attributes.find(|attribute| attribute.name() == name)?;
            Some(found.value())
        };
        let is_here = match sort {
            Sort::Static => value(gimli::DW_AT_location).is_some_and(is_static),
            Sort::Function => [gimli::DW_AT_low_pc, gimli::DW_AT_ranges]
                .into_iter()
                .any(|name| value(name).is_some()),
            Sort::Type => value(gimli::DW_AT_declaration).is_none(),
        };
        let Some(offset) = u32::try_from(offset.0).ok().filter(|_| is_here) else {
            continue;
        };
        let own = value(gimli::DW_AT_name).and_then(|name| reading.attr_string(name).ok());
        let name = own.or_else(|| {
            let origin = value(gimli::DW_AT_specification)
                .or_else(|| value(gimli::DW_AT_abstract_origin))?;
            let AttributeValue::UnitRef(origin) = origin else {
                return None;
            };
            let origin = within.entry(origin).read().ok()?;
            reading
                .attr_string(origin.attr_value(gimli::DW_AT_name)?)
                .ok()
        });
        if let Some(name) = name {
            let hash = hash_of(name.slice());
            names.push(Named {
                sort,
                hash,
                unit,
                offset,
            });
        }
    }
    Ok(())
}

/// Whether a variable is at one place for the whole program, or for a thread: its location begins with an address.
pub fn is_static(location: AttributeValue<Slice<'_>>) -> bool {
    let AttributeValue::Exprloc(expression) = location else {
        return false;
    };
    let first = expression.0.slice().first().copied();
    let addresses = [
        gimli::DW_OP_addr,
        gimli::DW_OP_addrx,
        gimli::DW_OP_GNU_addr_index,
    ];
    // A thread-local one begins with a constant (DWARF 5, section 2.6.1.1.1), and ends with what makes an address of it.
    let last = expression.0.slice().last().copied();
    let of_thread = [
        gimli::DW_OP_form_tls_address,
        gimli::DW_OP_GNU_push_tls_address,
    ];
    first.is_some_and(|first| addresses.iter().any(|it| it.0 == first))
        || last.is_some_and(|last| of_thread.iter().any(|it| it.0 == last))
}
