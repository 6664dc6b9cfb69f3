//! The debug information of one module: its units by address, and the other files that they need.

use std::sync::{Arc, OnceLock};

use gimli::{AttributeValue, DebugInfoOffset, DebugTypeSignature, Dwarf, DwarfPackage};
use rustc_hash::FxHashSet;

use super::debug_file::{DebugFile, Relocated};
use super::functions::code_ranges;
use super::index::NameIndex;
use super::listed::{Around, ListedUnits};
use super::other_files::OtherFile;
use super::parallel::for_each;
use super::problems::Problems;
use super::ranges::RangeTable;
use super::sections::{Kept, Sections, Slice, empty};
use super::separate::{Origin, SplitName, open_package, open_split};
use super::unit::{EntryRef, Unit, UnitIn};
use super::{SourceFile, SourceLocation};
use crate::model::BuildId;
use crate::native::SourceFrame;
use crate::process::elf::{Elf, FileIdentity};

/// What outlives the parsed information, which borrows from it.
pub struct Owner {
    pub kept: Kept,
    pub problems: Problems,
    pub origin: Origin,
    /// The file that has the debug information.
    pub file: Arc<Elf>,
    /// Whether that is another one than the module.
    pub is_separate: bool,
    /// The build of the file of dwz, if it refers to one that is not there.
    pub lacks: OnceLock<BuildId>,
}

pub struct Module<'a> {
    owner: &'a Owner,
    main: DebugFile<'a>,
    /// What dwz has taken out of several files, because they all had it.
    supplementary: Option<DebugFile<'a>>,
    listed: ListedUnits<'a>,
    /// Those that `.debug_aranges` does not list, by what they say of themselves.
    unlisted: OnceLock<RangeTable<DebugInfoOffset>>,
    package: OnceLock<Option<Package<'a>>>,
    names: OnceLock<NameIndex>,
}

/// A `.dwp`: many `.dwo` files in one.
struct Package<'a> {
    parsed: DwarfPackage<Slice<'a>>,
    label: String,
    /// The type units, by their row in the index.
    types: Vec<OnceLock<Option<Box<DebugFile<'a>>>>>,
}

impl<'a> Module<'a> {
    pub fn new(
        owner: &'a Owner,
        main: &Sections<'a>,
        supplementary: Option<(String, &Sections<'a>)>,
    ) -> Module<'a> {
        let mut dwarf = main.dwarf();
        if let Some((_, sections)) = &supplementary {
            dwarf.set_sup(sections.dwarf());
        }
        let file = |label: String, dwarf| DebugFile::new(label, dwarf, &owner.problems, None);
        Module {
            owner,
            listed: ListedUnits::new(dwarf.debug_aranges),
            main: file(owner.origin.debug_file.display().to_string(), dwarf),
            supplementary: supplementary.map(|(label, sections)| file(label, sections.dwarf())),
            unlisted: OnceLock::new(),
            package: OnceLock::new(),
            names: OnceLock::new(),
        }
    }

    pub fn supplementary(&self) -> Option<&DebugFile<'a>> {
        self.supplementary.as_ref()
    }

    /// Of the file that has the debug information.
    pub fn file_identity(&self) -> Option<FileIdentity> {
        self.owner.file.identity()
    }

    pub fn origin(&self) -> &Origin {
        &self.owner.origin
    }

    /// The other ones that what it says is in, as far as they were asked for.
    pub fn other_files(&self) -> impl Iterator<Item = &OtherFile> {
        self.owner.kept.others()
    }

    /// Those of the file itself.
    pub fn unit_count(&self) -> usize {
        self.main.unit_count()
    }

    /// Where the entries of a unit of the file itself are.
    pub fn unit_at(&self, index: usize) -> Option<UnitIn<'_, 'a>> {
        let unit = self.main.compile_unit(index)?;
        Some(self.entries(UnitIn {
            file: &self.main,
            unit,
        }))
    }

    /// The unit of the file itself whose entries another one has. File numbers in a `.dwo` are those of its line table (DWARF 5, section 7.3.2).
    pub fn skeleton_of(&self, split: UnitIn<'_, 'a>) -> Option<UnitIn<'_, 'a>> {
        let id = split.unit.parsed.dwo_id?;
        let mut units = (0..self.unit_count()).filter_map(|index| self.main.compile_unit(index));
        let unit = units.find(|unit| unit.parsed.dwo_id == Some(id))?;
        let file = &self.main;
        Some(UnitIn { file, unit })
    }

    /// Whether the file has the symbol that an entry was linked by; also if that is not known.
    pub fn is_linked(&self, at: EntryRef<'_, 'a>) -> bool {
        let name = at.read().ok().and_then(|entry| {
            let name = entry.attr_value(gimli::DW_AT_linkage_name)?;
            at.within.text(name)
        });
        let (Some(name), Ok(view)) = (name, self.owner.file.view()) else {
            return true;
        };
        view.all_symbols()
            .any(|symbol| symbol.name == name.as_bytes())
    }

    /// The name of an entry, with its path.
    pub fn full_name(&self, at: EntryRef<'_, 'a>) -> Option<String> {
        let entry = at.read().ok()?;
        let origin = |name| at.within.refer(entry.attr_value(name)?, self);
        let declared = origin(gimli::DW_AT_specification)
            .or_else(|| origin(gimli::DW_AT_abstract_origin))
            .unwrap_or(at);
        let name = declared.read().ok()?.attr_value(gimli::DW_AT_name)?;
        let name = declared.within.text(name)?;
        Some(format!("{}{name}", declared.path()))
    }

    /// Where the code of a line is, in the files that suit.
    pub fn code_of(
        &self,
        suits: &(dyn Fn(&SourceFile) -> bool + Sync),
        line: u32,
    ) -> Vec<(gimli::Range, Arc<SourceFile>)> {
        let code = for_each(self.main.unit_count(), |index| {
            let unit = self.main.compile_unit(index)?;
            let unit = UnitIn {
                file: &self.main,
                unit,
            };
            Some(unit.lines().code_of(&|file| suits(file), line))
        });
        code.into_iter().flatten().flatten().collect()
    }

    pub fn index(&self) -> &NameIndex {
        self.names.get_or_init(|| NameIndex::of(self))
    }

    /// The frames at an address, innermost first: what was inlined there, and the function itself.
    pub fn frames_at(&self, address: u64) -> Vec<SourceFrame> {
        let mut without_function = Vec::new();
        for unit in self.units_at(address) {
            let frames = self.frames_in(unit, address);
            if frames.first().is_some_and(|frame| frame.function.is_some()) {
                return frames;
            }
            without_function = frames;
        }
        without_function
    }

    fn frames_in(&self, unit: UnitIn<'_, 'a>, address: u64) -> Vec<SourceFrame> {
        let lines = unit.lines();
        let location = lines.location(address);
        let entries = self.entries(unit);
        let Some(function) = entries.function_at(address) else {
            return location
                .into_iter()
                .map(|at| source_frame(None, Some(at), false))
                .collect();
        };
        let mut frames = Vec::new();
        let mut location = location;
        for call in function.inlined(entries).at(address) {
            frames.push(source_frame(call.name(entries, self), location, true));
            location = Some(SourceLocation {
                file: call.call_file.and_then(|number| lines.file(number)),
                line: call.call_line,
                column: call.call_column,
            });
        }
        frames.push(source_frame(function.name(entries, self), location, false));
        frames
    }

    /// The entries of those frames that have a function: of inlined calls, and last of the function itself.
    pub fn scopes_at(&self, address: u64) -> Vec<EntryRef<'_, 'a>> {
        let function = self.units_at(address).find_map(|unit| {
            let entries = self.entries(unit);
            Some((entries, entries.function_at(address)?))
        });
        let Some((entries, function)) = function else {
            return Vec::new();
        };
        let calls = function.inlined(entries).at(address);
        let offsets = calls
            .iter()
            .map(|call| call.offset)
            .chain([function.offset]);
        offsets.map(|offset| entries.entry(offset)).collect()
    }

    /// The units that may have the code at an address. More than one, if their ranges overlap.
    pub fn units_at(&self, address: u64) -> impl Iterator<Item = UnitIn<'_, 'a>> {
        let before = self.listed.found_before(address).into_iter();
        let listed = std::iter::once_with(move || self.listed.at(address, self)).flatten();
        let unlisted = std::iter::once_with(move || {
            let unlisted = self.unlisted.get_or_init(|| self.survey_units());
            unlisted.covering(address).copied()
        });
        let mut seen = FxHashSet::default();
        let all = before.chain(listed).chain(unlisted.flatten());
        let offsets = all.filter(move |offset| seen.insert(*offset));
        offsets.filter_map(|offset| {
            let unit = self.main.compile_unit_at(offset)?;
            Some(UnitIn {
                file: &self.main,
                unit,
            })
        })
    }

    /// Finds the units of many addresses at once.
    pub fn foresee(&self, addresses: &[u64]) {
        self.listed.look_for(addresses, self);
    }

    /// By the ranges that each unit claims at its root, else by those of its line table.
    fn survey_units(&self) -> RangeTable<DebugInfoOffset> {
        let headers = self.main.read_headers(|bytes| self.release(bytes));
        let listed: FxHashSet<DebugInfoOffset> = self.listed.units(self).into_iter().collect();
        let offsets = headers
            .iter()
            .filter_map(|header| header.debug_info_offset());
        let unlisted: Vec<_> = offsets.filter(|offset| !listed.contains(offset)).collect();
        let ranges = for_each(unlisted.len(), |number| {
            let offset = unlisted[number];
            let unit = self.main.compile_unit_at(offset);
            let ranges = unit.map(|unit| self.claimed(unit)).into_iter().flatten();
            ranges.map(|range| (range, offset)).collect::<Vec<_>>()
        });
        RangeTable::new(ranges.into_iter().flatten())
    }

    /// Notes all units that are damaged.
    pub fn check_headers(&self) {
        self.main.check_headers();
        self.supplementary.iter().for_each(DebugFile::check_headers);
    }

    fn claimed(&self, unit: &Unit<'a>) -> Vec<gimli::Range> {
        let unit = UnitIn {
            file: &self.main,
            unit,
        };
        let Ok(root) = unit.root().read() else {
            return Vec::new();
        };
        let ranges = code_ranges(unit, root.attrs());
        if !ranges.is_empty() {
            return ranges;
        }
        unit.lines().ranges().collect()
    }

    /// Where the entries of a unit are: in itself, or for a skeleton in a `.dwo` or `.dwp` file.
    pub fn entries<'s>(&'s self, unit: UnitIn<'s, 'a>) -> UnitIn<'s, 'a> {
        let split = unit
            .unit
            .split
            .get_or_init(|| self.load_split(unit).map(Box::new));
        let split = split.as_deref().and_then(|file| {
            let units = (0..file.unit_count()).filter_map(|index| file.compile_unit(index));
            let is_meant = |split: &&Unit<'a>| {
                split.parsed.dwo_id.is_none() || split.parsed.dwo_id == unit.unit.parsed.dwo_id
            };
            let unit = units.into_iter().find(is_meant)?;
            Some(UnitIn { file, unit })
        });
        split.unwrap_or(unit)
    }

    fn load_split(&self, skeleton: UnitIn<'_, 'a>) -> Option<DebugFile<'a>> {
        let parsed = &skeleton.unit.parsed;
        let id = parsed.dwo_id?;
        let name = parsed.dwo_name().ok()??;
        let relocated = Some(Relocated {
            low_pc: parsed.low_pc,
            addr_base: parsed.addr_base,
            rnglists_base: parsed.rnglists_base,
        });
        let make =
            |label: String, dwarf| DebugFile::new(label, dwarf, &self.owner.problems, relocated);
        if let Some(package) = self.package()
            && let Ok(Some(dwarf)) = package.parsed.find_cu(id, &self.main.dwarf)
        {
            return Some(make(package.label.clone(), dwarf));
        }
        let text = |value: AttributeValue<Slice<'a>>| skeleton.text(value);
        let folder = parsed
            .comp_dir
            .map(|bytes| String::from_utf8_lossy(bytes.slice()).into_owned());
        let name = SplitName {
            name: text(name)?,
            folder,
        };
        match open_split(&self.owner.kept, &self.owner.origin, &name) {
            Ok((path, sections)) => {
                let mut dwarf: Dwarf<_> = sections.dwarf();
                dwarf.make_dwo(&self.main.dwarf);
                Some(make(path.display().to_string(), dwarf))
            }
            Err(error) => {
                self.owner.problems.add(error.to_string());
                None
            }
        }
    }

    fn package(&self) -> Option<&Package<'a>> {
        let package = self.package.get_or_init(|| {
            let (path, sections) = open_package(&self.owner.kept, &self.owner.origin)?;
            let label = path.display().to_string();
            let load = |id| Ok::<_, gimli::Error>(sections.get(id));
            match DwarfPackage::load(load, empty()) {
                Ok(parsed) => {
                    let types = (0..parsed.tu_index.unit_count())
                        .map(|_| OnceLock::new())
                        .collect();
                    Some(Package {
                        parsed,
                        label,
                        types,
                    })
                }
                Err(error) => {
                    self.owner
                        .problems
                        .add(format!("{label} is damaged: {error}"));
                    None
                }
            }
        });
        package.as_ref()
    }

    /// The part of a package that has a type.
    pub fn packaged_type(&self, signature: DebugTypeSignature) -> Option<&DebugFile<'a>> {
        let package = self.package()?;
        // Rows count from 1 (DWARF 5, section 7.3.5.3).
        let row = package.parsed.tu_index.find(signature.0)?;
        let slot = package.types.get(row.checked_sub(1)? as usize)?;
        let file = slot.get_or_init(|| {
            let dwarf = package.parsed.tu_sections(row, &self.main.dwarf).ok()?;
            Some(Box::new(DebugFile::new(
                package.label.clone(),
                dwarf,
                &self.owner.problems,
                None,
            )))
        });
        file.as_deref()
    }
}

impl Around for Module<'_> {
    fn complain(&self, why: gimli::Error) {
        let label = &self.main.label;
        self.owner.problems.add(format!(
            "{label}: .debug_aranges is damaged: {why}; the units are asked instead"
        ));
    }

    fn release(&self, bytes: &[u8]) {
        self.owner.file.release(bytes);
    }
}

fn source_frame(
    function: Option<Arc<str>>,
    location: Option<SourceLocation>,
    is_inlined: bool,
) -> SourceFrame {
    let (file, line, column) =
        location.map_or((None, None, None), |at| (at.file, at.line, at.column));
    SourceFrame {
        function,
        file,
        line,
        column,
        is_inlined,
    }
}
