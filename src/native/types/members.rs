//! What structures, unions and enumerations of Rust are made of.

use gimli::{Attribute, AttributeValue, Operation};

use super::children;
use crate::native::dwarf::{Entry, EntryRef, Module, Slice};

#[derive(Clone)]
pub struct Member<'s, 'a> {
    /// `None` for an anonymous structure or union within another.
    pub name: Option<String>,
    pub kind: Option<EntryRef<'s, 'a>>,
    /// From the beginning of the whole, in bytes.
    pub offset: u64,
    /// The number of the source file, and the line: of a state of an async function, where it waits.
    pub declared: Option<(u64, u64)>,
    pub bits: Option<Bits>,
    /// A class that this one is derived from.
    pub is_base: bool,
}

/// Which bits of the whole a bit-field has, counted from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    pub first: u64,
    pub count: u64,
}

/// The variants of an enumeration of Rust (DWARF 5, section 5.7.10).
pub struct VariantPart<'s, 'a> {
    /// What tells which variant it is; none if there is but one.
    pub discriminant: Option<Member<'s, 'a>>,
    pub variants: Vec<Variant<'s, 'a>>,
}

pub struct Variant<'s, 'a> {
    pub values: Variants,
    pub member: Member<'s, 'a>,
}

/// For which discriminants a variant stands.
pub enum Variants {
    One(i128),
    /// For all that no other one stands for: with a niche, the variant that has the data.
    Others,
}

/// The members, and the variants if there are any.
pub fn of<'s, 'a>(
    at: EntryRef<'s, 'a>,
    module: &'s Module<'a>,
) -> (Vec<Member<'s, 'a>>, Option<VariantPart<'s, 'a>>) {
    let (mut members, mut variants) = (Vec::new(), None);
    for (at, entry) in children(at) {
        match entry.tag() {
            gimli::DW_TAG_member | gimli::DW_TAG_inheritance => {
                members.extend(member(at, &entry, module))
            }
            gimli::DW_TAG_variant_part => variants = Some(variant_part(at, &entry, module)),
            _ => {}
        }
    }
    (members, variants)
}

fn member<'s, 'a>(
    at: EntryRef<'s, 'a>,
    entry: &Entry<'a>,
    module: &'s Module<'a>,
) -> Option<Member<'s, 'a>> {
    let number = |name| {
        entry
            .attr(name)
            .and_then(|attribute| attribute.udata_value())
    };
    // A static member, in DWARF 4.
    if entry.attr(gimli::DW_AT_external).is_some() || entry.attr(gimli::DW_AT_declaration).is_some()
    {
        return None;
    }
    let offset = match entry.attr(gimli::DW_AT_data_member_location) {
        Some(location) => offset_of(location, at)?,
        None => 0,
    };
    let bits = number(gimli::DW_AT_bit_size).map(|count| {
        let first = number(gimli::DW_AT_data_bit_offset).or_else(|| {
            // DWARF 2: from the most significant bit of a unit of storage.
            let size = number(gimli::DW_AT_byte_size)?;
            let from_top = number(gimli::DW_AT_bit_offset)?;
            let from_bottom = size
                .checked_mul(8)?
                .checked_sub(from_top)?
                .checked_sub(count)?;
            offset.checked_mul(8)?.checked_add(from_bottom)
        });
        let first = first.unwrap_or(offset.saturating_mul(8));
        Bits { first, count }
    });
    Some(Member {
        name: entry
            .attr_value(gimli::DW_AT_name)
            .and_then(|name| at.within.text(name)),
        kind: entry
            .attr_value(gimli::DW_AT_type)
            .and_then(|value| at.within.refer(value, module)),
        offset,
        declared: number(gimli::DW_AT_decl_file).zip(number(gimli::DW_AT_decl_line)),
        bits,
        is_base: entry.tag() == gimli::DW_TAG_inheritance,
    })
}

/// `None` for a virtual base class, whose place only the object knows.
fn offset_of<'a>(location: &Attribute<Slice<'a>>, at: EntryRef<'_, 'a>) -> Option<u64> {
    match location.value() {
        AttributeValue::Exprloc(expression) => {
            let mut operations = expression.operations(at.within.unit.parsed.encoding());
            match (operations.next().ok()??, operations.next().ok()?) {
                (
                    Operation::PlusConstant { value } | Operation::UnsignedConstant { value },
                    None,
                ) => Some(value),
                _ => None,
            }
        }
        _ => location.udata_value(),
    }
}

fn variant_part<'s, 'a>(
    at: EntryRef<'s, 'a>,
    entry: &Entry<'a>,
    module: &'s Module<'a>,
) -> VariantPart<'s, 'a> {
    let discriminant = entry.attr_value(gimli::DW_AT_discr).and_then(|value| {
        let at = at.within.refer(value, module)?;
        member(at, &at.read().ok()?, module)
    });
    let variant = |(at, entry): (EntryRef<'s, 'a>, Entry<'a>)| {
        if entry.tag() != gimli::DW_TAG_variant {
            return None;
        }
        let values = match entry.attr(gimli::DW_AT_discr_value) {
            Some(value) => Variants::One(number(value)?),
            None => Variants::Others,
        };
        let mut members = children(at).into_iter();
        let member = members.find_map(|(at, entry)| {
            let is_member = entry.tag() == gimli::DW_TAG_member;
            is_member.then(|| member(at, &entry, module)).flatten()
        })?;
        Some(Variant { values, member })
    };
    let variants = children(at).into_iter().filter_map(variant).collect();
    VariantPart {
        discriminant,
        variants,
    }
}

/// A constant. Which sign one of a fixed size has, only the type says that it is compared with.
pub fn number(attribute: &Attribute<Slice<'_>>) -> Option<i128> {
    match attribute.value() {
        AttributeValue::Sdata(value) => Some(value.into()),
        AttributeValue::Udata(value) => Some(value.into()),
        // u128, as rustc writes it.
        AttributeValue::Block(bytes) => {
            let bytes = bytes.slice().first_chunk::<16>()?;
            Some(i128::from_le_bytes(*bytes))
        }
        _ => attribute
            .udata_value()
            .map(i128::from)
            .or_else(|| attribute.sdata_value().map(i128::from)),
    }
}
