//! The units of one file of debug information, found without parsing them.

use std::collections::HashMap;
use std::sync::OnceLock;

use elsa::sync::FrozenMap;
use gimli::{
    DebugInfoOffset, DebugTypeSignature, Dwarf, Section, UnitHeader, UnitOffset, UnitType,
};

use super::problems::Problems;
use super::sections::Slice;
use super::unit::Unit;

/// The lengths of units that a `.debug_info` lists: 4 bytes, or the escape and 8 bytes (DWARF 5, section 7.4).
const ESCAPE: u32 = 0xffff_ffff;
/// Of this many bytes of `.debug_info` at a time the memory is given back when all headers are read.
const STRETCH: usize = 4 << 20;

/// A file (or the part of a package that belongs to one unit), and its units. To read the headers of all of them touches a page for
/// each, so they are read when it takes all; a unit is parsed when it is first asked for, and a damaged one is left out.
pub struct DebugFile<'a> {
    /// What to call it in a complaint.
    pub label: String,
    pub dwarf: Dwarf<Slice<'a>>,
    problems: &'a Problems,
    /// Of `.debug_info`, by offset.
    headers: OnceLock<Vec<UnitHeader<Slice<'a>>>>,
    /// Of `.debug_types` (DWARF 4), in no order.
    old_type_headers: OnceLock<Vec<UnitHeader<Slice<'a>>>>,
    /// Those that were asked for, by where they are; nothing for one that is damaged.
    units: FrozenMap<Place, Box<Option<Unit<'a>>>>,
    /// Type units of either section: which it is, its place in the list, and where in it the type is.
    types: OnceLock<HashMap<DebugTypeSignature, (bool, usize, UnitOffset)>>,
    relocated: Option<Relocated>,
}

/// Whether a unit is in `.debug_types`, and its offset there.
type Place = (bool, usize);

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
        DebugFile {
            label,
            dwarf,
            problems,
            headers: OnceLock::new(),
            old_type_headers: OnceLock::new(),
            units: FrozenMap::new(),
            types: OnceLock::new(),
            relocated,
        }
    }

    /// Reads the headers of all units, if that was not done before. `release` is told which bytes were gone over.
    pub fn read_headers(&self, release: impl Fn(&[u8])) -> &[UnitHeader<Slice<'a>>] {
        self.headers
            .get_or_init(|| headers(&self.dwarf, &self.label, self.problems, release))
    }

    fn headers(&self) -> &[UnitHeader<Slice<'a>>] {
        self.read_headers(|_| {})
    }

    fn old_type_headers(&self) -> &[UnitHeader<Slice<'a>>] {
        self.old_type_headers.get_or_init(|| {
            let mut headers = Vec::new();
            let mut units = self.dwarf.type_units();
            loop {
                match units.next() {
                    Ok(Some(header)) => headers.push(header),
                    Ok(None) => return headers,
                    Err(error) => {
                        let label = &self.label;
                        self.problems.add(format!(
                            "{label}: .debug_types is damaged: {error}; types may be missing"
                        ));
                        return headers;
                    }
                }
            }
        })
    }

    /// Notes all headers that are damaged.
    pub fn check_headers(&self) {
        self.headers();
        self.old_type_headers();
    }

    pub fn unit_count(&self) -> usize {
        self.headers().len()
    }

    /// The compile unit (or skeleton) at a place of the list: what may have code.
    pub fn compile_unit(&self, index: usize) -> Option<&Unit<'a>> {
        self.with_code(self.headers().get(index)?)
    }

    /// The same, at an offset into `.debug_info`.
    pub fn compile_unit_at(&self, offset: DebugInfoOffset) -> Option<&Unit<'a>> {
        match self.dwarf.unit_header(offset) {
            Ok(header) => self.with_code(&header),
            Err(error) => {
                self.problems
                    .add(damaged_header(&self.label, offset.0, error));
                None
            }
        }
    }

    fn with_code(&self, header: &UnitHeader<Slice<'a>>) -> Option<&Unit<'a>> {
        let has_code = matches!(
            header.type_(),
            UnitType::Compilation | UnitType::Skeleton(_) | UnitType::SplitCompilation(_)
        );
        has_code.then(|| self.load(header)).flatten()
    }

    /// The unit that an offset into `.debug_info` lies in, and the offset within it.
    pub fn unit_around(&self, offset: DebugInfoOffset) -> Option<(&Unit<'a>, UnitOffset)> {
        let headers = self.headers();
        let count = headers.partition_point(|header| header.debug_info_offset() <= Some(offset));
        let header = &headers[count.checked_sub(1)?];
        let within = offset.to_unit_offset(header)?;
        Some((self.load(header)?, within))
    }

    /// The unit that holds a type that is known by its signature, and where in it.
    pub fn type_unit(&self, signature: DebugTypeSignature) -> Option<(&Unit<'a>, UnitOffset)> {
        let types = self.types.get_or_init(|| {
            let listed = [(false, self.headers()), (true, self.old_type_headers())];
            let each = listed.into_iter().flat_map(|(old, headers)| {
                headers
                    .iter()
                    .enumerate()
                    .filter_map(move |(index, header)| match header.type_() {
                        UnitType::Type {
                            type_signature,
                            type_offset,
                        }
                        | UnitType::SplitType {
                            type_signature,
                            type_offset,
                        } => Some((type_signature, (old, index, type_offset))),
                        _ => None,
                    })
            });
            each.collect()
        });
        let &(old, index, offset) = types.get(&signature)?;
        let headers = match old {
            true => self.old_type_headers(),
            false => self.headers(),
        };
        Some((self.load(headers.get(index)?)?, offset))
    }

    fn load(&self, header: &UnitHeader<Slice<'a>>) -> Option<&Unit<'a>> {
        let offset = header.offset().0;
        let place = (header.section() == gimli::SectionId::DebugTypes, offset);
        if let Some(unit) = self.units.get(&place) {
            return unit.as_ref();
        }
        let unit = match self.dwarf.unit(*header) {
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
                Some(Unit::new(unit))
            }
            Err(error) => {
                self.complain(header, &error);
                None
            }
        };
        // Of two threads that read it at the same time the first one's stays.
        self.units.insert(place, Box::new(unit)).as_ref()
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
    release: impl Fn(&[u8]),
) -> Vec<UnitHeader<Slice<'a>>> {
    let bytes = dwarf.debug_info.reader().slice();
    let mut headers = Vec::new();
    let (mut at, mut released) = (0, 0);
    while let Some(length) = bytes.get(at..).and_then(length_of_unit) {
        match dwarf.unit_header(DebugInfoOffset(at)) {
            Ok(header) => headers.push(header),
            Err(error) => problems.add(damaged_header(label, at, error)),
        }
        at = at.saturating_add(length);
        if at - released >= STRETCH {
            release(&bytes[released..at.min(bytes.len())]);
            released = at;
        }
    }
    release(bytes.get(released..).unwrap_or_default());
    headers
}

fn damaged_header(label: &str, at: usize, error: gimli::Error) -> String {
    format!(
        "{label}: the unit at {at:#x} of .debug_info is damaged: {error}; names, lines and values of its code may be missing"
    )
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
