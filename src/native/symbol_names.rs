//! Symbols by their names: of functions and of data.

use std::collections::HashSet;

use object::SymbolKind;

use super::dwarf::demangled;
use super::symbols::without_version;
use super::{Module, Svma};
use crate::process::elf::ElfSymbol;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolSort {
    Function,
    Data,
    /// One for each thread; its address is none.
    ThreadLocal,
    Other,
}

/// A symbol as a user looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSymbol {
    pub address: Svma,
    /// In bytes; 0 if it is not told.
    pub size: u64,
    /// Demangled.
    pub name: String,
    pub sort: SymbolSort,
}

impl NamedSymbol {
    pub fn is_function(&self) -> bool {
        self.sort == SymbolSort::Function
    }
}

fn sort(kind: SymbolKind) -> Option<SymbolSort> {
    Some(match kind {
        SymbolKind::Text => SymbolSort::Function,
        SymbolKind::Data => SymbolSort::Data,
        SymbolKind::Tls => SymbolSort::ThreadLocal,
        SymbolKind::Label | SymbolKind::Unknown => SymbolSort::Other,
        SymbolKind::File | SymbolKind::Section | _ => return None,
    })
}

impl Module {
    /// One of exactly this name, as the linker has it or demangled.
    pub(super) fn symbol_named(&self, wanted: &str) -> Option<FoundSymbol> {
        let is_path = wanted.contains("::");
        let mut views = self.symbol_files().filter_map(|file| file.view().ok());
        let of = |symbol: ElfSymbol<'_>| {
            let sort = sort(symbol.kind)?;
            let name = std::str::from_utf8(symbol.name).ok()?;
            let is_wanted = without_version(name) == wanted
                || (is_path && name.starts_with('_') && demangled(name) == wanted);
            (is_wanted && sort != SymbolSort::ThreadLocal).then_some(FoundSymbol {
                address: Svma(symbol.address),
                is_function: sort == SymbolSort::Function,
            })
        };
        views.find_map(|view| view.all_symbols().find_map(of))
    }

    /// Those whose demangled names suit, by address; at most so many.
    pub fn symbols_that(&self, most: usize, suits: impl Fn(&str) -> bool) -> Vec<NamedSymbol> {
        let mut seen = HashSet::new();
        let views: Vec<_> = self
            .symbol_files()
            .filter_map(|file| file.view().ok())
            .collect();
        let all = views.iter().flat_map(|view| view.all_symbols());
        let symbols = all.filter_map(|symbol| {
            let sort = sort(symbol.kind)?;
            let name = String::from_utf8_lossy(symbol.name);
            let name = demangled(without_version(&name));
            let is_wanted =
                !name.is_empty() && suits(&name) && seen.insert((symbol.address, name.clone()));
            is_wanted.then_some(NamedSymbol {
                address: Svma(symbol.address),
                size: symbol.size,
                name,
                sort,
            })
        });
        let mut found: Vec<NamedSymbol> = symbols.take(most).collect();
        found.sort_by_key(|symbol| symbol.address);
        found
    }
}

/// Where a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundSymbol {
    pub address: Svma,
    pub is_function: bool,
}
