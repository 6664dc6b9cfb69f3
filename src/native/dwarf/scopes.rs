//! The namespaces and types of a unit that other entries lie in, for the full names of those.

use std::borrow::Cow;

use gimli::UnitOffset;

use super::sections::Slice;
use super::unit::UnitIn;

#[derive(Clone, Copy)]
enum Name<'a> {
    Given(Slice<'a>),
    AnonymousNamespace,
    /// A type without a name, as that of a lambda.
    AnonymousType,
}

/// By where they begin. Of those that an entry lies in, each lies in the one before.
pub struct Scopes<'a> {
    scopes: Vec<Scope<'a>>,
}

struct Scope<'a> {
    begin: usize,
    end: usize,
    name: Name<'a>,
    parent: Option<usize>,
}

impl<'a> Scopes<'a> {
    /// Goes over all entries of the unit; what stands behind damage is left out.
    pub fn of(within: UnitIn<'_, 'a>) -> (Scopes<'a>, Option<gimli::Error>) {
        let mut scopes = Scopes { scopes: Vec::new() };
        let damage = scopes.collect(within).err();
        (scopes, damage)
    }

    fn collect(&mut self, within: UnitIn<'_, 'a>) -> Result<(), gimli::Error> {
        let unit = within.reading();
        let mut entries = unit.entries_raw(None)?;
        // The scopes that are open, with their depth.
        let mut open: Vec<(isize, usize)> = Vec::new();
        while !entries.is_empty() {
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            while let Some((_, index)) = open.pop_if(|(opened, _)| *opened >= depth) {
                self.scopes[index].end = offset.0;
            }
            if !is_scope(abbreviation.tag()) || !abbreviation.has_children() {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut name = match abbreviation.tag() {
                gimli::DW_TAG_namespace => Name::AnonymousNamespace,
                _ => Name::AnonymousType,
            };
            for &specification in abbreviation.attributes() {
                let attribute = entries.read_attribute(specification)?;
                if attribute.name() == gimli::DW_AT_name {
                    name = unit
                        .attr_string(attribute.value())
                        .map_or(name, Name::Given);
                }
            }
            let parent = open.last().map(|(_, index)| *index);
            open.push((depth, self.scopes.len()));
            let (begin, end) = (offset.0, usize::MAX);
            self.scopes.push(Scope {
                begin,
                end,
                name,
                parent,
            });
        }
        Ok(())
    }

    /// What stands before the name of an entry: `alloc::vec::`. Empty outside of all scopes.
    pub fn path(&self, offset: UnitOffset) -> String {
        let mut names = Vec::new();
        let mut at = self
            .scopes
            .partition_point(|scope| scope.begin < offset.0)
            .checked_sub(1);
        while let Some(scope) = at.map(|index| &self.scopes[index]) {
            if offset.0 < scope.end {
                names.push(scope.name.text());
            }
            at = scope.parent;
        }
        names
            .into_iter()
            .rev()
            .flat_map(|name| [name, "::".into()])
            .collect()
    }
}

impl<'a> Name<'a> {
    fn text(self) -> Cow<'a, str> {
        match self {
            Name::Given(name) => String::from_utf8_lossy(name.slice()),
            Name::AnonymousNamespace => "(anonymous namespace)".into(),
            Name::AnonymousType => "(anonymous)".into(),
        }
    }
}

fn is_scope(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_namespace
            | gimli::DW_TAG_module
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type
            | gimli::DW_TAG_interface_type
    )
}
