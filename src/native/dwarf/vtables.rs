//! The types behind the trait objects of Rust: rustc describes each table of methods as a variable of the unit, and says of that variable's type
//! which one implements the trait (`DW_AT_containing_type`).

use gimli::{Operation, UnitOffset};
use rustc_hash::FxHashMap;

use super::module::Module;
use super::unit::{EntryRef, UnitIn};

/// Of one unit: the types of its tables, by the address of the table as linked.
pub type Vtables = FxHashMap<u64, UnitOffset>;

/// What stands behind damage is left out; the list of functions complains of it.
pub fn of_unit(within: UnitIn<'_, '_>) -> Vtables {
    let mut found = Vtables::default();
    let _ = collect(within, &mut found);
    found
}

fn collect(within: UnitIn<'_, '_>, found: &mut Vtables) -> Result<(), gimli::Error> {
    let unit = within.reading();
    let mut entries = unit.entries_raw(None)?;
    let mut attributes = Vec::new();
    while !entries.is_empty() {
        let depth = entries.next_depth();
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        if depth != 1 || abbreviation.tag() != gimli::DW_TAG_variable {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        entries.read_attributes(abbreviation.attributes(), &mut attributes)?;
        let value = |name| {
            let mut attributes = attributes.iter();
            let attribute =
                attributes.find(|attribute: &&gimli::Attribute<_>| attribute.name() == name)?;
            Some(attribute.value())
        };
        let (Some(location), Some(gimli::AttributeValue::UnitRef(kind))) =
            (value(gimli::DW_AT_location), value(gimli::DW_AT_type))
        else {
            continue;
        };
        let gimli::AttributeValue::Exprloc(expression) = location else {
            continue;
        };
        let mut operations = expression.operations(unit.encoding());
        let address = match operations.next() {
            Ok(Some(Operation::Address { address })) => Some(address),
            Ok(Some(Operation::AddressIndex { index })) => unit.address(index).ok(),
            _ => None,
        };
        if let Some(address) = address {
            found.insert(address, kind);
        }
    }
    Ok(())
}

impl<'a> Module<'a> {
    /// The type whose table of methods lies at an address as linked. `.debug_aranges`, which rustc writes, lists tables with the code of
    /// their unit.
    pub fn type_of_vtable(&self, address: u64) -> Option<EntryRef<'_, 'a>> {
        self.units_at(address).find_map(|unit| {
            let entries = self.entries(unit);
            let table = entries.entry(*entries.vtables().get(&address)?);
            let kind = table.read().ok()?;
            let containing = kind.attr_value(gimli::DW_AT_containing_type)?;
            entries.refer(containing, self)
        })
    }
}
