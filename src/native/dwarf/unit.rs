//! One unit: the code and the types of what was compiled together. Its tables are made when they are first needed.

use std::sync::OnceLock;

use gimli::{AttributeValue, DebuggingInformationEntry, UnitOffset, UnitRef};

use super::debug_file::DebugFile;
use super::functions::{Function, Functions, Wanted};
use super::lines::LineTable;
use super::module::Module;
use super::scopes::Scopes;
use super::sections::Slice;
use super::vtables::{self, Vtables};

/// An entry of the tree of a unit ("DIE"), with all of its attributes.
pub type Entry<'a> = DebuggingInformationEntry<Slice<'a>>;

pub struct Unit<'a> {
    pub parsed: gimli::Unit<Slice<'a>>,
    /// Where a skeleton's own entries are.
    pub split: OnceLock<Option<Box<DebugFile<'a>>>>,
    outer_functions: OnceLock<Functions>,
    all_functions: OnceLock<Functions>,
    scopes: OnceLock<Scopes<'a>>,
    lines: OnceLock<LineTable>,
    vtables: OnceLock<Vtables>,
    language: OnceLock<Option<gimli::DwLang>>,
}

/// A unit, and the file that it is in: what it takes to read its entries.
pub struct UnitIn<'s, 'a> {
    pub file: &'s DebugFile<'a>,
    pub unit: &'s Unit<'a>,
}

/// An entry, wherever it is.
pub struct EntryRef<'s, 'a> {
    pub within: UnitIn<'s, 'a>,
    pub offset: UnitOffset,
}

impl Clone for UnitIn<'_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for UnitIn<'_, '_> {}

impl Clone for EntryRef<'_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for EntryRef<'_, '_> {}

impl<'a> Unit<'a> {
    pub fn new(parsed: gimli::Unit<Slice<'a>>) -> Unit<'a> {
        Unit {
            parsed,
            split: OnceLock::new(),
            outer_functions: OnceLock::new(),
            all_functions: OnceLock::new(),
            scopes: OnceLock::new(),
            lines: OnceLock::new(),
            vtables: OnceLock::new(),
            language: OnceLock::new(),
        }
    }

    /// Of its source. A type unit says it as well.
    pub fn language(&self) -> Option<gimli::DwLang> {
        *self.language.get_or_init(|| {
            let root = self.parsed.entry(self.parsed.header.root_offset()).ok()?;
            match root.attr_value(gimli::DW_AT_language)? {
                AttributeValue::Language(language) => Some(language),
                _ => None,
            }
        })
    }
}

impl<'s, 'a> UnitIn<'s, 'a> {
    pub fn reading(self) -> UnitRef<'s, Slice<'a>> {
        UnitRef::new(&self.file.dwarf, &self.unit.parsed)
    }

    pub fn lines(self) -> &'s LineTable {
        self.unit.lines.get_or_init(|| {
            let (table, damage) = LineTable::run(self.reading());
            self.complain_of(damage);
            table
        })
    }

    /// The function that has the code at an address: of nested ones the innermost.
    pub fn function_at(self, address: u64) -> Option<&'s Function> {
        let of = |wanted| {
            let (functions, damage) = Functions::of(self, wanted);
            self.complain_of(damage);
            functions
        };
        let outer = self.unit.outer_functions.get_or_init(|| of(Wanted::Outer));
        let found = outer.at(address);
        if found.is_some() || !outer.are_outer {
            return found;
        }
        let all = self.unit.all_functions.get_or_init(|| of(Wanted::All));
        all.at(address)
    }

    fn scopes(self) -> &'s Scopes<'a> {
        // What damage there is, the functions complain of.
        self.unit.scopes.get_or_init(|| Scopes::of(self).0)
    }

    /// Whether names of its language have paths.
    fn has_paths(self) -> bool {
        let language = self.unit.language();
        !matches!(
            language,
            Some(
                gimli::DW_LANG_C
                    | gimli::DW_LANG_C89
                    | gimli::DW_LANG_C99
                    | gimli::DW_LANG_C11
                    | gimli::DW_LANG_C17
                    | gimli::DW_LANG_Mips_Assembler
            )
        )
    }

    pub fn vtables(self) -> &'s Vtables {
        self.unit.vtables.get_or_init(|| vtables::of_unit(self))
    }

    fn complain_of(self, damage: Option<impl std::fmt::Display>) {
        if let Some(damage) = damage {
            self.file.complain(&self.unit.parsed.header, &damage);
        }
    }

    pub fn entry(self, offset: UnitOffset) -> EntryRef<'s, 'a> {
        EntryRef {
            within: self,
            offset,
        }
    }

    pub fn root(self) -> EntryRef<'s, 'a> {
        self.entry(self.unit.parsed.header.root_offset())
    }

    /// A string attribute's text. Bytes that are not UTF-8 are replaced.
    pub fn text(self, value: AttributeValue<Slice<'a>>) -> Option<String> {
        let bytes = self.reading().attr_string(value).ok()?;
        Some(String::from_utf8_lossy(bytes.slice()).into_owned())
    }

    /// The entry that an attribute refers to: in this unit, in another one of its file, in the supplementary file
    /// (dwz), or in a type unit.
    pub fn refer(
        self,
        value: AttributeValue<Slice<'a>>,
        module: &'s Module<'a>,
    ) -> Option<EntryRef<'s, 'a>> {
        let (file, found) = match value {
            AttributeValue::UnitRef(offset) => return Some(self.entry(offset)),
            AttributeValue::DebugInfoRef(offset) => (self.file, self.file.unit_around(offset)),
            AttributeValue::DebugInfoRefSup(offset) => {
                let file = module.supplementary()?;
                (file, file.unit_around(offset))
            }
            AttributeValue::DebugTypesRef(signature) => match self.file.type_unit(signature) {
                Some(found) => (self.file, Some(found)),
                None => {
                    let file = module.packaged_type(signature)?;
                    (file, file.type_unit(signature))
                }
            },
            _ => return None,
        };
        let (unit, offset) = found?;
        Some(UnitIn { file, unit }.entry(offset))
    }
}

impl<'a> EntryRef<'_, 'a> {
    /// What stands before its name: `alloc::vec::`.
    pub fn path(self) -> String {
        match self.within.has_paths() {
            true => self.within.scopes().path(self.offset),
            false => String::new(),
        }
    }

    pub fn read(self) -> Result<Entry<'a>, gimli::Error> {
        self.within.unit.parsed.entry(self.offset)
    }
}
