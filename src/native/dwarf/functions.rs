//! The functions of a unit, and what was inlined into each.

use std::sync::{Arc, OnceLock};

use gimli::{Attribute, AttributeValue, UnitOffset};

use super::module::Module;
use super::names::demangled;
use super::ranges::RangeTable;
use super::sections::Slice;
use super::unit::{EntryRef, UnitIn};

/// A chain of origins that is longer than this goes round in a circle.
pub const LONGEST_CHAIN: usize = 16;

pub struct Functions {
    functions: Vec<Function>,
    /// Indexes into `functions`.
    by_address: RangeTable<u32>,
    /// Whether functions that lie in others may be missing.
    pub are_outer: bool,
}

/// Which functions of a unit are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those whose entries do not lie in another function's or a type's, where the compiler says how to pass over the inside of
    /// that. In optimised code that is most of a unit.
    Outer,
    All,
}

pub struct Function {
    pub offset: UnitOffset,
    name: OnceLock<Option<Arc<str>>>,
    inlined: OnceLock<Inlined>,
}

/// What was inlined into a function.
pub struct Inlined {
    calls: Vec<InlinedCall>,
    /// Indexes into `calls`.
    by_address: RangeTable<u32>,
}

/// A call whose place the body of the called function has taken.
pub struct InlinedCall {
    pub offset: UnitOffset,
    /// How many inlined calls lie around it.
    depth: u32,
    /// The number of the file in the unit's line table.
    pub call_file: Option<u64>,
    pub call_line: Option<u32>,
    pub call_column: Option<u32>,
    name: OnceLock<Option<Arc<str>>>,
}

impl Functions {
    /// Goes over the entries of the unit; what stands behind damage is left out.
    pub fn of(within: UnitIn<'_, '_>, wanted: Wanted) -> (Functions, Option<gimli::Error>) {
        let (mut functions, mut ranges) = (Vec::new(), Vec::new());
        let mut are_outer = false;
        let into = (&mut functions, &mut ranges, &mut are_outer);
        let damage = collect_functions(within, wanted, into).err();
        let by_address = RangeTable::new(ranges);
        (
            Functions {
                functions,
                by_address,
                are_outer,
            },
            damage,
        )
    }

    /// The function that has the code at an address: of nested ones the innermost.
    pub fn at(&self, address: u64) -> Option<&Function> {
        let index = self.by_address.covering(address).next()?;
        self.functions.get(*index as usize)
    }
}

fn collect_functions(
    within: UnitIn<'_, '_>,
    wanted: Wanted,
    (functions, ranges, are_outer): (&mut Vec<Function>, &mut Vec<(gimli::Range, u32)>, &mut bool),
) -> Result<(), gimli::Error> {
    let mut entries = within.reading().entries_raw(None)?;
    let mut attributes = Vec::new();
    while !entries.is_empty() {
        let offset = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let is_function = abbreviation.tag() == gimli::DW_TAG_subprogram;
        let is_passed_over = wanted == Wanted::Outer
            && abbreviation.has_children()
            && !is_around_functions(abbreviation.tag());
        if !is_function && !is_passed_over {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
        if is_passed_over
            && let Some(sibling) = sibling(&attributes)
            && sibling.0 > entries.next_offset().0
            && let Ok(behind) = within.reading().entries_raw(Some(sibling))
        {
            *are_outer = true;
            entries = behind;
        }
        if !is_function {
            continue;
        }
        let before = ranges.len();
        let index = functions.len() as u32;
        ranges.extend(
            code_ranges(within, &attributes)
                .into_iter()
                .map(|range| (range, index)),
        );
        if ranges.len() > before {
            functions.push(Function {
                offset,
                name: OnceLock::new(),
                inlined: OnceLock::new(),
            });
        }
    }
    Ok(())
}

/// Whether functions that are no other's lie in entries of this kind.
fn is_around_functions(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_compile_unit
            | gimli::DW_TAG_partial_unit
            | gimli::DW_TAG_namespace
            | gimli::DW_TAG_module
    )
}

/// Where the next entry is that does not lie in this one (DWARF 5, section 2.3).
fn sibling(attributes: &[Attribute<Slice<'_>>]) -> Option<UnitOffset> {
    let mut attributes = attributes.iter();
    let sibling = attributes.find(|attribute| attribute.name() == gimli::DW_AT_sibling)?;
    match sibling.value() {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

/// Where an entry's code is (DWARF 5, section 2.17). Ranges that cannot be read are left out.
pub fn code_ranges<'a>(
    within: UnitIn<'_, 'a>,
    attributes: &[Attribute<Slice<'a>>],
) -> Vec<gimli::Range> {
    let unit = within.reading();
    let (mut low, mut high, mut size) = (None, None, None);
    for attribute in attributes {
        match attribute.name() {
            gimli::DW_AT_low_pc => low = unit.attr_address(attribute.value()).ok().flatten(),
            gimli::DW_AT_high_pc => match attribute.value() {
                AttributeValue::Udata(bytes) => size = Some(bytes),
                value => high = unit.attr_address(value).ok().flatten(),
            },
            gimli::DW_AT_ranges => {
                let Ok(Some(mut list)) = unit.attr_ranges(attribute.value()) else {
                    return Vec::new();
                };
                return std::iter::from_fn(|| list.next().ok().flatten()).collect();
            }
            _ => {}
        }
    }
    let range = low.and_then(|begin| {
        let end = high.or_else(|| begin.checked_add(size?))?;
        Some(gimli::Range { begin, end })
    });
    range.into_iter().collect()
}

impl Function {
    pub fn name<'s, 'a>(&self, within: UnitIn<'s, 'a>, module: &'s Module<'a>) -> Option<Arc<str>> {
        self.name
            .get_or_init(|| name_of(within.entry(self.offset), module))
            .clone()
    }

    pub fn inlined(&self, within: UnitIn<'_, '_>) -> &Inlined {
        self.inlined
            .get_or_init(|| Inlined::into(within, self.offset))
    }
}

impl Inlined {
    /// What stands behind damage is left out.
    fn into(within: UnitIn<'_, '_>, function: UnitOffset) -> Inlined {
        let (mut calls, mut ranges) = (Vec::new(), Vec::new());
        // The table of functions has complained.
        let _ = collect_inlined(within, function, &mut calls, &mut ranges);
        let by_address = RangeTable::new(ranges);
        Inlined { calls, by_address }
    }

    /// The calls that an address lies in, the innermost first.
    pub fn at(&self, address: u64) -> Vec<&InlinedCall> {
        let covering = self.by_address.covering(address);
        let mut calls: Vec<_> = covering
            .filter_map(|index| self.calls.get(*index as usize))
            .collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.depth));
        // Two calls at one depth cannot both hold an address.
        calls.dedup_by_key(|call| call.depth);
        calls
    }
}

fn collect_inlined(
    within: UnitIn<'_, '_>,
    function: UnitOffset,
    calls: &mut Vec<InlinedCall>,
    ranges: &mut Vec<(gimli::Range, u32)>,
) -> Result<(), gimli::Error> {
    let mut entries = within.reading().entries_raw(Some(function))?;
    let top = entries.next_depth();
    let mut attributes = Vec::new();
    // The depths in the tree of the inlined calls that are open, and of a nested function, whose calls are its own.
    let mut open: Vec<isize> = Vec::new();
    let mut nested: Option<isize> = None;
    let mut is_first = true;
    while !entries.is_empty() && (is_first || entries.next_depth() > top) {
        let (offset, depth) = (entries.next_offset(), entries.next_depth());
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        open.retain(|&opened| opened < depth);
        nested = nested.filter(|&nested| nested < depth);
        let tag = abbreviation.tag();
        if tag == gimli::DW_TAG_subprogram && !is_first && nested.is_none() {
            nested = Some(depth);
        }
        is_first = false;
        if tag != gimli::DW_TAG_inlined_subroutine || nested.is_some() {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
        let index = calls.len() as u32;
        ranges.extend(
            code_ranges(within, &attributes)
                .into_iter()
                .map(|range| (range, index)),
        );
        let number = |name| {
            let attribute = attributes
                .iter()
                .find(|attribute| attribute.name() == name)?;
            attribute.udata_value()
        };
        let nonzero = |name| {
            number(name)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|&number| number != 0)
        };
        calls.push(InlinedCall {
            offset,
            depth: open.len() as u32,
            call_file: attributes
                .iter()
                .find_map(|attribute| match attribute.value() {
                    AttributeValue::FileIndex(index)
                        if attribute.name() == gimli::DW_AT_call_file =>
                    {
                        Some(index)
                    }
                    _ => None,
                }),
            call_line: nonzero(gimli::DW_AT_call_line),
            call_column: nonzero(gimli::DW_AT_call_column),
            name: OnceLock::new(),
        });
        open.push(depth);
    }
    Ok(())
}

impl InlinedCall {
    /// Of the function that was called.
    pub fn name<'s, 'a>(&self, within: UnitIn<'s, 'a>, module: &'s Module<'a>) -> Option<Arc<str>> {
        self.name
            .get_or_init(|| name_of(within.entry(self.offset), module))
            .clone()
    }
}

/// The name of a function, demangled: from the symbol that it was linked by, else from its name and where it is declared. An
/// inlined call and a copy of a function have it from their origin, and a definition from its declaration.
fn name_of<'s, 'a>(entry: EntryRef<'s, 'a>, module: &'s Module<'a>) -> Option<Arc<str>> {
    let mut at = entry;
    let mut plain = None;
    for _ in 0..LONGEST_CHAIN {
        let entry = at.read().ok()?;
        let symbol = entry
            .attr_value(gimli::DW_AT_linkage_name)
            .or_else(|| entry.attr_value(gimli::DW_AT_MIPS_linkage_name));
        if let Some(symbol) = symbol.and_then(|value| at.within.text(value)) {
            return Some(demangled(&symbol).into());
        }
        plain = plain.or_else(|| at.within.text(entry.attr_value(gimli::DW_AT_name)?));
        let origin = entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(gimli::DW_AT_specification));
        match origin.and_then(|value| at.within.refer(value, module)) {
            Some(origin) => at = origin,
            None => break,
        }
    }
    let path = at.path();
    Some(format!("{path}{}", plain?).into())
}
