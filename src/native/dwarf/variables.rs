//! The variables of a function, or of a call that was inlined, that are in scope at an address.

use gimli::AttributeValue;

use super::functions::{LONGEST_CHAIN, code_ranges};
use super::module::Module;
use super::sections::Slice;
use super::unit::{Entry, EntryRef};

/// A variable or parameter, with what its origin says where it is a copy of one (as in each inlined call).
pub struct Variable<'s, 'a> {
    pub name: String,
    pub is_parameter: bool,
    pub kind: Option<EntryRef<'s, 'a>>,
    pub place: Place<'a>,
}

/// What tells where a variable is. It is to be read in the unit of `within`.
pub enum Place<'a> {
    /// `DW_AT_location`: an expression, or a list of them.
    Location(AttributeValue<Slice<'a>>),
    /// `DW_AT_const_value`
    Constant(AttributeValue<Slice<'a>>),
    /// The compiler kept nothing of it.
    None,
}

/// The variables of the innermost blocks at an address that `scope`, a function or an inlined call, has itself. An inner one hides those of
/// its name that are further out.
pub fn variables_at<'s, 'a>(
    scope: EntryRef<'s, 'a>,
    address: u64,
    module: &'s Module<'a>,
) -> Vec<Variable<'s, 'a>> {
    let mut found = Vec::new();
    // What stands behind damage is left out; the list of functions has complained.
    let _ = collect(scope, address, &mut found);
    let mut variables: Vec<Variable<'s, 'a>> = Vec::new();
    for entry in found {
        let Some(variable) = variable(entry, module) else {
            continue;
        };
        variables.retain(|outer| outer.name != variable.name);
        variables.push(variable);
    }
    variables
}

fn collect<'s, 'a>(
    scope: EntryRef<'s, 'a>,
    address: u64,
    found: &mut Vec<EntryRef<'s, 'a>>,
) -> Result<(), gimli::Error> {
    let within = scope.within;
    let mut entries = within.reading().entries_raw(Some(scope.offset))?;
    let top = entries.next_depth();
    let mut attributes = Vec::new();
    // The depth of an entry whose children are of no interest.
    let mut skipped: Option<isize> = Some(isize::MAX);
    while !entries.is_empty() && (skipped == Some(isize::MAX) || entries.next_depth() > top) {
        let (offset, depth) = (entries.next_offset(), entries.next_depth());
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let is_scope = skipped == Some(isize::MAX);
        skipped = skipped.filter(|&skipped| skipped < depth);
        entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
        if is_scope || skipped.is_some() {
            continue;
        }
        match abbreviation.tag() {
            gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                found.push(within.entry(offset));
                skipped = Some(depth);
            }
            gimli::DW_TAG_lexical_block => {
                let ranges = code_ranges(within, &attributes);
                let holds = |range: &gimli::Range| (range.begin..range.end).contains(&address);
                if !ranges.is_empty() && !ranges.iter().any(holds) {
                    skipped = Some(depth);
                }
            }
            // Their variables are those of other frames.
            _ => skipped = Some(depth),
        }
    }
    Ok(())
}

/// What an entry says that is one.
pub fn variable<'s, 'a>(at: EntryRef<'s, 'a>, module: &'s Module<'a>) -> Option<Variable<'s, 'a>> {
    let entry = at.read().ok()?;
    let origins = origins(at, entry, module);
    let attribute = |name| {
        origins
            .iter()
            .find_map(|(at, entry)| Some((*at, entry.attr_value(name)?)))
    };
    let (named, name) = attribute(gimli::DW_AT_name)?;
    let kind = attribute(gimli::DW_AT_type).and_then(|(at, value)| at.within.refer(value, module));
    // Of itself only: where the origin is, the copy need not be. A constant holds for all copies.
    let location = origins
        .first()
        .and_then(|(_, entry)| entry.attr_value(gimli::DW_AT_location));
    let place = match (location, attribute(gimli::DW_AT_const_value)) {
        (Some(location), _) => Place::Location(location),
        (None, Some((_, constant))) => Place::Constant(constant),
        (None, None) => Place::None,
    };
    Some(Variable {
        name: named.within.text(name)?,
        is_parameter: origins[0].1.tag() == gimli::DW_TAG_formal_parameter,
        kind,
        place,
    })
}

/// An entry, and those that it is a copy or the definition of.
fn origins<'s, 'a>(
    at: EntryRef<'s, 'a>,
    entry: Entry<'a>,
    module: &'s Module<'a>,
) -> Vec<(EntryRef<'s, 'a>, Entry<'a>)> {
    let mut origins = vec![(at, entry)];
    while let Some((at, entry)) = origins.last().filter(|_| origins.len() < LONGEST_CHAIN) {
        let origin = entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(gimli::DW_AT_specification));
        let Some(origin) = origin.and_then(|value| at.within.refer(value, module)) else {
            break;
        };
        let Ok(entry) = origin.read() else { break };
        origins.push((origin, entry));
    }
    origins
}
