//! The call frame information of a module: `.eh_frame`, through the table that the linker made for it where there is one, else
//! `.debug_frame` (DWARF 5, section 6.4; Linux Standard Base, section 10.6).

use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use gimli::{
    BaseAddresses, DebugFrame, EhFrame, EndianSlice, FrameDescriptionEntry, LittleEndian, Pointer,
    UnwindContext, UnwindSection,
};
use rustc_hash::FxHashMap;

use super::rules::{Row, Slice};
use super::table::Table;
use crate::native::Svma;
use crate::process::elf::ElfView;

/// Rows that are kept for one module; a stack has a few dozen frames, and those of many threads are mostly the same.
const MOST_ROWS: usize = 1 << 16;
/// Functions that are indexed where there is no table; the largest programs have some millions.
const MOST_ENTRIES: usize = 1 << 23;

/// A stretch of the file, and where it is linked to.
#[derive(Debug, Clone)]
struct Section {
    bytes: Range<usize>,
    address: u64,
}

/// Where a function's entry is.
#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: u64,
    end: u64,
    /// In the section, in bytes.
    offset: usize,
}

/// What is known of how to unwind the functions of a module.
#[derive(Debug, Default)]
pub(in crate::native) struct FrameInformation {
    table: Option<Section>,
    eh_frame: Option<Section>,
    debug_frame: Option<Section>,
    bases: BaseAddresses,
    /// Entries by address, where the linker made no table, or a damaged one.
    eh_frame_index: OnceLock<Vec<Entry>>,
    debug_frame_index: OnceLock<Vec<Entry>>,
    /// Nothing for an address that no entry is about.
    rows: RwLock<FxHashMap<u64, Option<Arc<Row>>>>,
}

impl FrameInformation {
    pub(in crate::native) fn find(view: &ElfView<'_>) -> FrameInformation {
        let section = |name| {
            let (address, bytes) = view.section_bytes(name)?;
            Some(Section { bytes, address })
        };
        let by_header = || {
            let (address, bytes) = view.unwind_table()?;
            Some(Section { bytes, address })
        };
        let table = by_header().or_else(|| section(".eh_frame_hdr"));
        let mut found = FrameInformation {
            eh_frame: section(".eh_frame"),
            debug_frame: section(".debug_frame"),
            ..FrameInformation::default()
        };
        let at = |name| view.section(name).map_or(0, |section| section.address);
        found.bases = BaseAddresses::default()
            .set_text(at(".text"))
            .set_got(at(".got"));
        if let Some(table) = &table {
            found.bases = found.bases.clone().set_eh_frame_hdr(table.address);
            // Without section headers (an image in memory) the table says where the entries are. They go on to the end of their
            // segment at most, and end with a zero.
            if found.eh_frame.is_none() {
                found.eh_frame = parse_table(table, view.bytes()).and_then(|table| {
                    let address = table.eh_frame();
                    let bytes = view.to_end_of_segment(address)?;
                    Some(Section { bytes, address })
                });
            }
        }
        if let Some(eh_frame) = &found.eh_frame {
            found.bases = found.bases.clone().set_eh_frame(eh_frame.address);
        }
        found.table = table;
        found
    }

    /// The rules at an address. `file` is what this was found in.
    pub(in crate::native) fn row(&self, file: &[u8], address: Svma) -> Option<Arc<Row>> {
        let known = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = known.get(&address.0) {
            return row.clone();
        }
        drop(known);
        let row = self.read_row(file, address.0).map(Arc::new);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MOST_ROWS {
            rows.clear();
        }
        rows.insert(address.0, row.clone());
        row
    }

    fn read_row(&self, file: &[u8], address: u64) -> Option<Row> {
        if let Some(eh_frame) = &self.eh_frame {
            let section = EhFrame::from(slice(eh_frame, file)?);
            let entry = self.of_eh_frame(file, eh_frame, &section, address);
            let row = entry.and_then(|entry| self.row_of(&section, &entry, address));
            if row.is_some() {
                return row;
            }
        }
        let mut section = DebugFrame::from(slice(self.debug_frame.as_ref()?, file)?);
        section.set_address_size(8);
        let index = self.debug_frame_index.get_or_init(|| self.index(&section));
        let entry = self.entry(&section, find(index, address)?)?;
        self.row_of(&section, &entry, address)
    }

    /// Where the function at an address begins, and where its language-specific data area is, if it has one: what its language catches, and
    /// destroys, when it is unwound.
    pub(in crate::native) fn data_area(&self, file: &[u8], address: Svma) -> Option<(Svma, Svma)> {
        let eh_frame = self.eh_frame.as_ref()?;
        let section = EhFrame::from(slice(eh_frame, file)?);
        let entry = self.of_eh_frame(file, eh_frame, &section, address.0)?;
        match entry.lsda()? {
            Pointer::Direct(area) if entry.contains(address.0) => {
                Some((Svma(entry.initial_address()), Svma(area)))
            }
            _ => None,
        }
    }

    fn of_eh_frame<'f>(
        &self,
        file: &[u8],
        eh_frame: &Section,
        section: &EhFrame<Slice<'f>>,
        address: u64,
    ) -> Option<FrameDescriptionEntry<Slice<'f>>> {
        let of_table = self.look_up(file, eh_frame, address);
        let entry = of_table.and_then(|offset| self.entry(section, offset));
        // A table has all functions if there is one; but that of a damaged file may lead anywhere.
        entry.or_else(|| {
            let index = self.eh_frame_index.get_or_init(|| self.index(section));
            self.entry(section, find(index, address)?)
        })
    }

    /// Where in `.eh_frame` the entry is that the linker's table has for an address.
    fn look_up(&self, file: &[u8], eh_frame: &Section, address: u64) -> Option<usize> {
        let entry = parse_table(self.table.as_ref()?, file)?.entry(address)?;
        usize::try_from(entry.checked_sub(eh_frame.address)?).ok()
    }

    fn entry<'f, S: UnwindSection<Slice<'f>>>(
        &self,
        section: &S,
        offset: usize,
    ) -> Option<FrameDescriptionEntry<Slice<'f>>> {
        let offset = S::Offset::from(offset);
        let entry = section.fde_from_offset(&self.bases, offset, S::cie_from_offset);
        entry.ok()
    }

    fn row_of<'f, S: UnwindSection<Slice<'f>>>(
        &self,
        section: &S,
        entry: &FrameDescriptionEntry<Slice<'f>>,
        address: u64,
    ) -> Option<Row> {
        let mut context = UnwindContext::new();
        let row = entry
            .unwind_info_for_address(section, &self.bases, &mut context, address)
            .ok()?;
        Row::of(row, section, entry.cie())
    }

    /// All entries of a section, by address. Those behind a damaged one are not found.
    fn index<'f, S: UnwindSection<Slice<'f>>>(&self, section: &S) -> Vec<Entry> {
        let mut index = Vec::new();
        let mut entries = section.entries(&self.bases);
        while let Ok(Some(entry)) = entries.next() {
            let gimli::CieOrFde::Fde(partial) = entry else {
                continue;
            };
            let Ok(entry) = partial.parse(S::cie_from_offset) else {
                continue;
            };
            if index.len() == MOST_ENTRIES {
                break;
            }
            index.push(Entry {
                begin: entry.initial_address(),
                end: entry.end_address(),
                offset: entry.offset(),
            });
        }
        index.sort_unstable_by_key(|entry| entry.begin);
        index
    }
}

fn parse_table<'f>(table: &Section, file: &'f [u8]) -> Option<Table<'f>> {
    Table::parse(file.get(table.bytes.clone())?, table.address)
}

fn slice<'f>(section: &Section, file: &'f [u8]) -> Option<Slice<'f>> {
    let bytes = file.get(section.bytes.clone())?;
    Some(EndianSlice::new(bytes, LittleEndian))
}

fn find(index: &[Entry], address: u64) -> Option<usize> {
    let after = index.partition_point(|entry| entry.begin <= address);
    let entry = index.get(after.checked_sub(1)?)?;
    (address < entry.end).then_some(entry.offset)
}
