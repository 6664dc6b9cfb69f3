//! The units of one file of debug information, found without parsing them.

use std::collections::HashMap;
use std::sync::OnceLock;

use gimli::{
    DebugInfoOffset, DebugTypeSignature, Dwarf, Section, UnitHeader, UnitOffset, UnitType,
};

use super::problems::Problems;
use super::sections::Slice;
use super::unit::Unit;

/// The lengths of units that a `.debug_info` lists: 4 bytes, or the escape and 8 bytes (DWARF 5, section 7.4).
const ESCAPE: u32 = 0xffff_ffff;

/// A file (or the part of a package that belongs to one unit), and its units. Reading the headers of the units touches one page for
/// each; a unit itself is parsed when it is first asked for, and a damaged one is left out.
pub struct DebugFile<'a> {
    /// What to call it in a complaint.
    pub label: String,
    pub dwarf: Dwarf<Slice<'a>>,
    problems: &'a Problems,
    /// Of `.debug_info`, by offset.
    units: Vec<Slot<'a>>,
    /// Of `.debug_types` (DWARF 4), in no order.
    old_type_units: Vec<Slot<'a>>,
    /// Type units of either section: which it is, its place in the list, and where in it the type is.
    types: OnceLock<HashMap<DebugTypeSignature, (bool, usize, UnitOffset)>>,
    relocated: Option<Relocated>,
}

struct Slot<'a> {
    header: UnitHeader<Slice<'a>>,
    unit: OnceLock<Option<Box<Unit<'a>>>>,
}

/// What a split unit has from its skeleton (DWARF 5, section 3.1.3).
#[derive(Debug, Clone, Copy)]
pub struct Relocated {
    pub low_pc: u64,
    pub addr_base: gimli::DebugAddrBase,
    /// Only before DWARF 5.
    pub rnglists_base: gimli::DebugRngListsBase,
}

impl<'a> DebugFile<'a> {
    pub fn new(
        label: String,
        dwarf: Dwarf<Slice<'a>>,
        problems: &'a Problems,
        relocated: Option<Relocated>,
    ) -> DebugFile<'a> {
        let headers = headers(&dwarf, &label, problems);
        let mut old_type_headers = Vec::new();
        let mut type_units = dwarf.type_units();
        loop {
            match type_units.next() {
                Ok(Some(header)) => old_type_headers.push(header),
                Ok(None) => break,
                Err(error) => {
                    problems.add(format!(
                        "{label}: .debug_types is damaged: {error}; types may be missing"
                    ));
                    break;
                }
            }
        }
        let slot = |header| Slot {
            header,
            unit: OnceLock::new(),
        };
        DebugFile {
            label,
            dwarf,
            problems,
            units: headers.into_iter().map(slot).collect(),
            old_type_units: old_type_headers.into_iter().map(slot).collect(),
            types: OnceLock::new(),
            relocated,
        }
    }

    pub fn unit_count(&self) -> usize {
        self.units.len()
    }

    /// Which unit of the list begins at an offset.
    pub fn index_at(&self, offset: DebugInfoOffset) -> Option<usize> {
        let begin = |slot: &Slot<'a>| slot.header.debug_info_offset();
        self.units.binary_search_by_key(&Some(offset), begin).ok()
    }

    /// The compile unit (or skeleton) at a place of the list: what may have code.
    pub fn compile_unit(&self, index: usize) -> Option<&Unit<'a>> {
        let slot = self.units.get(index)?;
        let has_code = matches!(
            slot.header.type_(),
            UnitType::Compilation | UnitType::Skeleton(_) | UnitType::SplitCompilation(_)
        );
        has_code.then(|| self.load(slot)).flatten()
    }

    /// The unit that an offset into `.debug_info` lies in, and the offset within it.
    pub fn unit_around(&self, offset: DebugInfoOffset) -> Option<(&Unit<'a>, UnitOffset)> {
        let count = self
            .units
            .partition_point(|slot| slot.header.debug_info_offset() <= Some(offset));
        let slot = &self.units[count.checked_sub(1)?];
        let within = offset.to_unit_offset(&slot.header)?;
        Some((self.load(slot)?, within))
    }

    /// The unit that holds a type that is known by its signature, and where in it.
    pub fn type_unit(&self, signature: DebugTypeSignature) -> Option<(&Unit<'a>, UnitOffset)> {
        let types = self.types.get_or_init(|| {
            let listed = [(false, &self.units), (true, &self.old_type_units)];
            let each = listed.into_iter().flat_map(|(old, slots)| {
                slots.iter().enumerate().filter_map(move |(index, slot)| {
                    match slot.header.type_() {
                        UnitType::Type {
                            type_signature,
                            type_offset,
                        }
                        | UnitType::SplitType {
                            type_signature,
                            type_offset,
                        } => Some((type_signature, (old, index, type_offset))),
                        _ => None,
                    }
                })
            });
            each.collect()
        });
        let &(old, index, offset) = types.get(&signature)?;
        let slots = if old {
            &self.old_type_units
        } else {
            &self.units
        };
        Some((self.load(&slots[index])?, offset))
    }

    fn load<'s>(&'s self, slot: &'s Slot<'a>) -> Option<&'s Unit<'a>> {
        let unit = slot
            .unit
            .get_or_init(|| match self.dwarf.unit(slot.header) {
                Ok(mut unit) => {
                    if let Some(Relocated {
                        low_pc,
                        addr_base,
                        rnglists_base,
                    }) = self.relocated
                    {
                        (unit.low_pc, unit.addr_base) = (low_pc, addr_base);
                        if unit.header.version() < 5 {
                            unit.rnglists_base = rnglists_base;
                        }
                    }
                    Some(Box::new(Unit::new(unit)))
                }
                Err(error) => {
                    self.complain(&slot.header, &error);
                    None
                }
            });
        unit.as_deref()
    }

    /// Notes that a unit, or a part of it, is damaged.
    pub fn complain(&self, unit: &UnitHeader<Slice<'a>>, why: &impl std::fmt::Display) {
        let at = unit.offset().0;
        let section = unit.section().name();
        self.problems.add(format!(
            "{}: the unit at {at:#x} of {section} is damaged: {why}; names, lines and values of its code may be missing",
            self.label
        ));
    }
}

/// The headers of all units of `.debug_info`. After one that makes no sense the next is looked for where its length says that it is.
fn headers<'a>(
    dwarf: &Dwarf<Slice<'a>>,
    label: &str,
    problems: &Problems,
) -> Vec<UnitHeader<Slice<'a>>> {
    let bytes = dwarf.debug_info.reader().slice();
    let mut headers = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(length_of_unit) {
        match dwarf.unit_header(DebugInfoOffset(at)) {
            Ok(header) => headers.push(header),
            Err(error) => problems.add(format!(
                "{label}: the unit at {at:#x} of .debug_info is damaged: {error}; names, lines and values of its code may be missing"
            )),
        }
        at = at.saturating_add(length);
    }
    headers
}

/// Of a unit with its length field, in bytes. `None` at the end of the section.
fn length_of_unit(bytes: &[u8]) -> Option<usize> {
    let short = u32::from_le_bytes(*bytes.first_chunk()?);
    if short != ESCAPE {
        return Some(short as usize + 4);
    }
    let long = u64::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    usize::try_from(long).ok()?.checked_add(12)
}
