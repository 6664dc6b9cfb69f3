//! The names of a module: of its statics, its functions and its types. Made when one is first asked for by name, by a pass over all
//! entries of all units, several units at a time; what is kept of each is a hash and where it is.

use std::hash::{Hash, Hasher};

use gimli::{AttributeValue, UnitOffset};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rustc_hash::FxHasher;

use super::module::Module;
use super::sections::Slice;
use super::unit::{EntryRef, UnitIn};

/// More are not kept: 24 bytes for each.
const MOST_NAMES: usize = 1 << 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    Static,
    Function,
    Type,
}

/// Sorted by sort and hash.
#[derive(Default)]
pub struct NameIndex {
    entries: Vec<Named>,
}

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
        let mut entries: Vec<Named> = (0..module.unit_count())
            .into_par_iter()
            .flat_map_iter(|index| {
                let mut names = Vec::new();
                if let Some(unit) = module.unit_at(index) {
                    // What stands behind damage is left out; the list of functions complains of it.
                    let _ = collect(unit, index as u32, &mut names);
                }
                names
            })
            .collect();
        entries.truncate(MOST_NAMES);
        entries.sort_unstable();
        NameIndex { entries }
    }

    fn named<'i>(&'i self, sort: Sort, name: &str) -> impl Iterator<Item = Named> + 'i {
        let wanted = (sort, hash_of(name.as_bytes()));
        let begin = self
            .entries
            .partition_point(|entry| (entry.sort, entry.hash) < wanted);
        let behind = self.entries[begin..].iter();
        behind
            .take_while(move |entry| (entry.sort, entry.hash) == wanted)
            .copied()
    }

    fn of_sort(&self, sort: Sort) -> impl Iterator<Item = Named> + '_ {
        let begin = self.entries.partition_point(|entry| entry.sort < sort);
        let behind = self.entries[begin..].iter();
        behind.take_while(move |entry| entry.sort == sort).copied()
    }
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
fn is_static(location: AttributeValue<Slice<'_>>) -> bool {
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
