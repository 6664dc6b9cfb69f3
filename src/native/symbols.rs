//! The symbols of a module: the names of its functions, for who links with it (`.dynsym`) and for who debugs it (`.symtab`, which
//! most installed programs lack, and `.gnu_debugdata`, where some distributions keep a compressed one).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use super::Svma;
use super::dwarf::demangled;
use crate::process::elf::{Elf, ElfView, LoadSegment};

/// Bytes of an `Elf64_Sym` (System V ABI, "Symbol Table").
const SYMBOL: usize = 24;
/// Of a symbol's type, in the lower half of `st_info`: none, as assembly may leave it; a function; one that the dynamic linker calls
/// to learn the function.
const STT_NOTYPE: u8 = 0;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
/// In `st_shndx`: defined elsewhere; no address at all.
const SHN_UNDEF: u16 = 0;
const SHN_ABS: u16 = 0xfff1;
/// What a compressed symbol table may come to, in bytes; those of the largest libraries have some MiB.
const LARGEST_DEBUG_DATA: u64 = 256 << 20;
/// Symbols before the nearest that are asked whether they hold an address, where one function lies in another.
const MOST_ENCLOSING: usize = 16;
/// Bytes of a symbol table that is gone over for each of a few addresses, before all of it is sorted.
const LARGE_TABLE: usize = 1 << 20;
/// Symbols before an address that are kept while the table is gone over: with other names of the same functions among them, enough for
/// [`MOST_ENCLOSING`].
const NEAREST: usize = 512;

/// A function's symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub address: Svma,
    /// Bytes; 0 if it does not tell.
    pub size: u64,
    /// Demangled.
    pub name: String,
}

/// The function symbols of a module, by address.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    /// One for each address.
    entries: Vec<Entry>,
    names: Vec<Names>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    address: u64,
    size: u64,
    /// In its table of names.
    name: u32,
    /// Which of [`SymbolTable::names`].
    table: u8,
    /// 2 for a global symbol, 1 for a weak one, 0 for a local one.
    binding: u8,
}

/// A table of names, each with a NUL behind it.
#[derive(Debug)]
struct Names {
    elf: Arc<Elf>,
    strings: Range<usize>,
}

impl SymbolTable {
    /// `separate` gives the file that the debug information was moved to, with the symbols that nobody links with.
    pub(super) fn read(
        elf: &Arc<Elf>,
        segments: &[LoadSegment],
        separate: impl FnOnce() -> Option<Arc<Elf>>,
    ) -> SymbolTable {
        let mut table = SymbolTable::default();
        let Ok(view) = elf.view() else {
            return table;
        };
        table.add(elf, &view, [".symtab", ".strtab"], segments);
        if table.entries.is_empty() {
            table.add(elf, &view, [".dynsym", ".dynstr"], segments);
            if let Some(separate) = separate()
                && let Ok(view) = separate.view()
            {
                table.add(&separate, &view, [".symtab", ".strtab"], segments);
            }
            if let Some(debug) = debug_data(&view).map(Arc::new)
                && let Ok(view) = debug.view()
            {
                table.add(&debug, &view, [".symtab", ".strtab"], segments);
            }
        }
        table.order();
        table
    }

    /// Those of a large table that are nearest to an address, so that one can be found without sorting all.
    pub(super) fn near(
        address: Svma,
        elf: &Arc<Elf>,
        segments: &[LoadSegment],
    ) -> Option<SymbolTable> {
        let view = elf.view().ok()?;
        let (_, symbols) = view.section_bytes(".symtab")?;
        if symbols.len() < LARGE_TABLE {
            return None;
        }
        let mut table = SymbolTable::default();
        let bytes = &view.bytes()[symbols];
        for stretch in bytes.chunks(LARGE_TABLE / SYMBOL * SYMBOL) {
            let entries = stretch
                .as_chunks()
                .0
                .iter()
                .filter_map(|symbol| Entry::of(symbol, 0));
            let before = entries
                .filter(|entry| entry.address <= address.0 && is_code(entry.address, segments));
            table.entries.extend(before);
            table
                .entries
                .sort_unstable_by_key(|entry| Reverse(entry.address));
            table.entries.truncate(NEAREST);
            elf.release(stretch);
        }
        let (_, strings) = view.section_bytes(".strtab")?;
        table.names.push(Names {
            elf: elf.clone(),
            strings,
        });
        table.order();
        Some(table)
    }

    fn add(
        &mut self,
        elf: &Arc<Elf>,
        view: &ElfView<'_>,
        [symbols, strings]: [&str; 2],
        segments: &[LoadSegment],
    ) {
        let (Some((_, symbols)), Some((_, strings))) =
            (view.section_bytes(symbols), view.section_bytes(strings))
        else {
            return;
        };
        let table = self.names.len() as u8;
        let (symbols, _) = view.bytes()[symbols].as_chunks();
        let entries = symbols.iter().filter_map(|symbol| Entry::of(symbol, table));
        self.entries
            .extend(entries.filter(|entry| is_code(entry.address, segments)));
        let elf = elf.clone();
        self.names.push(Names { elf, strings });
    }

    /// Sorts them, and keeps the best name of each address.
    fn order(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let underscores = |entry: &Entry| {
            let name = self.name(entry);
            name.bytes().take_while(|&byte| byte == b'_').count()
        };
        entries.sort_unstable_by_key(|entry| entry.address);
        let mut best: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            match best.last_mut() {
                Some(last) if last.address == entry.address => {
                    let rank = |entry: &Entry| {
                        (entry.size > 0, entry.binding, Reverse(underscores(entry)))
                    };
                    if rank(&entry) > rank(last) {
                        *last = entry;
                    }
                }
                _ => best.push(entry),
            }
        }
        self.entries = best;
    }

    fn name(&self, entry: &Entry) -> Cow<'_, str> {
        let bytes = self.names.get(usize::from(entry.table)).and_then(|names| {
            let strings = names.elf.bytes().get(names.strings.clone())?;
            strings.get(entry.name as usize..)
        });
        let bytes = bytes.unwrap_or_default();
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end])
    }

    /// The function at an address: the one that says to hold it, else the last one before it that does not say how long it is.
    pub(super) fn find(&self, address: Svma) -> Option<Symbol> {
        let after = self
            .entries
            .partition_point(|entry| entry.address <= address.0);
        let before = self.entries.get(..after)?;
        let nearest = before.last()?;
        let holds = |entry: &&Entry| address.0 - entry.address < entry.size;
        let enclosing = before.iter().rev().take(MOST_ENCLOSING).find(holds);
        let entry = enclosing.or((nearest.size == 0).then_some(nearest))?;
        Some(Symbol {
            address: Svma(entry.address),
            size: entry.size,
            name: demangled(without_version(&self.name(entry))),
        })
    }
}

fn is_code(address: u64, segments: &[LoadSegment]) -> bool {
    segments.iter().any(|segment| {
        let begin = segment.address;
        segment.executable && (begin..begin.saturating_add(segment.file_size)).contains(&address)
    })
}

/// The version of a symbol is no part of the function's name: `clock_nanosleep@@GLIBC_2.17`.
pub(super) fn without_version(name: &str) -> &str {
    match name.split_once('@') {
        Some((plain, _)) if !plain.is_empty() => plain,
        _ => name,
    }
}

impl Entry {
    fn of(symbol: &[u8; SYMBOL], table: u8) -> Option<Entry> {
        let [n0, n1, n2, n3, info, _, s0, s1, rest @ ..] = *symbol;
        let (name, section) = (
            u32::from_le_bytes([n0, n1, n2, n3]),
            u16::from_le_bytes([s0, s1]),
        );
        let ([address, size], []) = rest.as_chunks() else {
            return None;
        };
        let is_function = matches!(info & 0xf, STT_NOTYPE | STT_FUNC | STT_GNU_IFUNC);
        let is_here = section != SHN_UNDEF && section != SHN_ABS;
        (is_function && is_here && name != 0).then(|| Entry {
            address: u64::from_le_bytes(*address),
            size: u64::from_le_bytes(*size),
            name,
            table,
            binding: match info >> 4 {
                1 => 2,
                2 => 1,
                _ => 0,
            },
        })
    }
}

/// The ELF file in `.gnu_debugdata`, which is compressed with xz ("MiniDebuginfo" in gdb's manual).
fn debug_data(view: &ElfView<'_>) -> Option<Elf> {
    let (_, range) = view.section_bytes(".gnu_debugdata")?;
    let decoder = liblzma::read::XzDecoder::new(&view.bytes()[range]);
    let mut image = Vec::new();
    decoder
        .take(LARGEST_DEBUG_DATA)
        .read_to_end(&mut image)
        .ok()?;
    Some(Elf::copied(image))
}
