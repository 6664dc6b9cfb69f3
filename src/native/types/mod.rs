//! The types that debug information describes, read one level at a time.
//!
//! A type may refer to itself by way of a pointer, and a program has tens of thousands of them: so a [`Type`] holds its members, and each member
//! only says where its own type is described.

mod members;

use gimli::{AttributeValue, DwAte};

use super::dwarf::{Entry, EntryRef, Module};
pub use members::{Bits, Member, VariantPart, Variants};

/// Names and qualifiers around a type (`typedef`, `const`); more than this many are damage.
const MOST_WRAPPERS: usize = 32;

/// More entries in one type are not read: the largest enumerations of code that was generated have some ten thousand.
const MOST_CHILDREN: usize = 1 << 16;

pub struct Type<'s, 'a> {
    /// Without typedefs and qualifiers.
    pub at: EntryRef<'s, 'a>,
    /// As the program names it here: that of the typedef, if there is one. Without the path.
    pub name: String,
    /// In bytes; `None` for one that is only declared, or whose size the program computes.
    pub size: Option<u64>,
    pub shape: Shape<'s, 'a>,
}

pub enum Shape<'s, 'a> {
    Base(DwAte),
    Pointer {
        /// `None` is void.
        to: Option<EntryRef<'s, 'a>>,
        /// C++'s `&` and `&&`.
        is_reference: bool,
    },
    /// A structure or class; or, with variants, an enumeration of Rust.
    Structure {
        members: Vec<Member<'s, 'a>>,
        variants: Option<VariantPart<'s, 'a>>,
    },
    Union(Vec<Member<'s, 'a>>),
    Array {
        element: Option<EntryRef<'s, 'a>>,
        /// Of each dimension; `None` where the program computes it.
        counts: Vec<Option<u64>>,
    },
    Enumeration(Vec<(i128, String)>),
    Function,
    /// Only that it exists is known here.
    Declared,
    Other,
}

impl<'s, 'a> Type<'s, 'a> {
    pub fn read(at: EntryRef<'s, 'a>, module: &'s Module<'a>) -> Option<Type<'s, 'a>> {
        let (at, entry, name) = unwrapped(at, module)?;
        let number = |name| {
            entry
                .attr(name)
                .and_then(|attribute| attribute.udata_value())
        };
        let target = || {
            at.within
                .refer(entry.attr_value(gimli::DW_AT_type)?, module)
        };
        let mut size = number(gimli::DW_AT_byte_size);
        let is_declared = matches!(
            entry.attr_value(gimli::DW_AT_declaration),
            Some(AttributeValue::Flag(true))
        );
        let shape = match entry.tag() {
            _ if is_declared => Shape::Declared,
            gimli::DW_TAG_base_type => Shape::Base(match entry.attr_value(gimli::DW_AT_encoding) {
                Some(AttributeValue::Encoding(encoding)) => encoding,
                _ => gimli::DW_ATE_unsigned,
            }),
            gimli::DW_TAG_unspecified_type => Shape::Other,
            tag @ (gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_reference_type
            | gimli::DW_TAG_rvalue_reference_type) => {
                size = size.or(Some(8));
                Shape::Pointer {
                    to: target(),
                    is_reference: tag != gimli::DW_TAG_pointer_type,
                }
            }
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => {
                let (members, variants) = members::of(at, module);
                Shape::Structure { members, variants }
            }
            gimli::DW_TAG_union_type => Shape::Union(members::of(at, module).0),
            gimli::DW_TAG_array_type => {
                let (element, counts) = (target(), counts(at));
                size = size.or_else(|| {
                    let element = Type::read(element?, module)?.size?;
                    counts
                        .iter()
                        .try_fold(element, |size, count| size.checked_mul((*count)?))
                });
                Shape::Array { element, counts }
            }
            gimli::DW_TAG_enumeration_type => Shape::Enumeration(enumerators(at)),
            gimli::DW_TAG_subroutine_type | gimli::DW_TAG_subprogram => Shape::Function,
            _ => Shape::Other,
        };
        let name = name
            .or_else(|| spelled(&shape, module))
            .unwrap_or_else(|| "(anonymous)".to_owned());
        Some(Type {
            at,
            name,
            size,
            shape,
        })
    }

    /// The types that it was instantiated with: `T` of `Vec<T>`.
    pub fn parameters(&self, module: &'s Module<'a>) -> Vec<(String, EntryRef<'s, 'a>)> {
        let parameter = |(at, entry): (EntryRef<'s, 'a>, Entry<'a>)| {
            let is_type = entry.tag() == gimli::DW_TAG_template_type_parameter;
            let kind = at.within.refer(
                entry.attr_value(gimli::DW_AT_type).filter(|_| is_type)?,
                module,
            )?;
            let name = entry
                .attr_value(gimli::DW_AT_name)
                .and_then(|name| at.within.text(name));
            Some((name.unwrap_or_default(), kind))
        };
        children(self.at)
            .into_iter()
            .filter_map(parameter)
            .collect()
    }

    pub fn parameter(&self, name: &str, module: &'s Module<'a>) -> Option<EntryRef<'s, 'a>> {
        let mut parameters = self.parameters(module).into_iter();
        parameters.find_map(|(found, kind)| (found == name).then_some(kind))
    }

    pub fn members(&self) -> &[Member<'s, 'a>] {
        match &self.shape {
            Shape::Structure { members, .. } | Shape::Union(members) => members,
            _ => &[],
        }
    }

    /// The namespaces that it is declared in: `std::`.
    pub fn path(&self, module: &'s Module<'a>) -> String {
        let at = declaration(self.at, module);
        at.path()
    }

    /// The name of the type itself, where [`Type::name`] is that of a typedef.
    pub fn own_name(&self, module: &'s Module<'a>) -> Option<String> {
        own_name(self.at, module)
    }
}

/// Where a type is declared that is defined elsewhere: in a type unit of GCC, the definition stands outside of its namespace.
fn declaration<'s, 'a>(at: EntryRef<'s, 'a>, module: &'s Module<'a>) -> EntryRef<'s, 'a> {
    let declared = || {
        let entry = at.read().ok()?;
        at.within
            .refer(entry.attr_value(gimli::DW_AT_specification)?, module)
    };
    declared().unwrap_or(at)
}

fn own_name<'s, 'a>(at: EntryRef<'s, 'a>, module: &'s Module<'a>) -> Option<String> {
    let name = |at: EntryRef<'s, 'a>| {
        at.within
            .text(at.read().ok()?.attr_value(gimli::DW_AT_name)?)
    };
    name(at).or_else(|| name(declaration(at, module)))
}

/// The type below names and qualifiers, and its name.
fn unwrapped<'s, 'a>(
    mut at: EntryRef<'s, 'a>,
    module: &'s Module<'a>,
) -> Option<(EntryRef<'s, 'a>, Entry<'a>, Option<String>)> {
    let mut name = None;
    for _ in 0..MOST_WRAPPERS {
        let entry = at.read().ok()?;
        name = name.or_else(|| at.within.text(entry.attr_value(gimli::DW_AT_name)?));
        let next = match entry.tag() {
            gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type
            | gimli::DW_TAG_packed_type
            | gimli::DW_TAG_immutable_type => Some(
                at.within
                    .refer(entry.attr_value(gimli::DW_AT_type)?, module)?,
            ),
            // The description is in a type unit (DWARF 5, section 5.7.1).
            _ => entry
                .attr_value(gimli::DW_AT_signature)
                .and_then(|signature| at.within.refer(signature, module)),
        };
        match next {
            Some(next) => at = next,
            None => return Some((at, entry, name.or_else(|| own_name(at, module)))),
        }
    }
    None
}

/// The name of a type that has none of its own: `int *`.
fn spelled<'s, 'a>(shape: &Shape<'s, 'a>, module: &'s Module<'a>) -> Option<String> {
    let name = |at: Option<EntryRef<'s, 'a>>| match at {
        Some(at) => unwrapped(at, module)
            .and_then(|(_, _, name)| name)
            .unwrap_or_else(|| "(anonymous)".to_owned()),
        None => "void".to_owned(),
    };
    match shape {
        Shape::Pointer {
            to,
            is_reference: false,
        } => Some(format!("{} *", name(*to))),
        Shape::Pointer {
            to,
            is_reference: true,
        } => Some(format!("{} &", name(*to))),
        Shape::Array { element, counts } => {
            let counts = counts
                .iter()
                .map(|count| count.map_or("[]".to_owned(), |count| format!("[{count}]")));
            Some(format!("{}{}", name(*element), counts.collect::<String>()))
        }
        _ => None,
    }
}

/// The entries directly below one.
fn children<'s, 'a>(at: EntryRef<'s, 'a>) -> Vec<(EntryRef<'s, 'a>, Entry<'a>)> {
    let mut children = Vec::new();
    let Ok(mut entries) = at.within.unit.parsed.entries_at_offset(at.offset) else {
        return children;
    };
    let Ok(true) = entries.next_entry() else {
        return children;
    };
    let top = entries.depth();
    let mut is_first = true;
    while children.len() < MOST_CHILDREN {
        let moved = if is_first {
            entries.next_entry()
        } else {
            entries.next_sibling().map(|entry| entry.is_some())
        };
        is_first = false;
        let Ok(true) = moved else { break };
        let Some(entry) = entries.current() else {
            break;
        };
        if entry.depth() <= top || entry.is_null() {
            break;
        }
        children.push((at.within.entry(entry.offset()), entry.clone()));
    }
    children
}

/// How many elements each dimension of an array has (DWARF 5, section 5.13).
fn counts(at: EntryRef<'_, '_>) -> Vec<Option<u64>> {
    let dimension = |entry: &Entry<'_>| {
        let number = |name| {
            entry
                .attr(name)
                .and_then(|attribute| attribute.udata_value())
        };
        let upper = || {
            let lower = number(gimli::DW_AT_lower_bound).unwrap_or(0);
            number(gimli::DW_AT_upper_bound)?
                .wrapping_sub(lower)
                .checked_add(1)
        };
        let is_dimension = entry.tag() == gimli::DW_TAG_subrange_type;
        is_dimension.then(|| number(gimli::DW_AT_count).or_else(upper))
    };
    let entries = children(at).into_iter();
    entries.filter_map(|(_, entry)| dimension(&entry)).collect()
}

fn enumerators(at: EntryRef<'_, '_>) -> Vec<(i128, String)> {
    let entries = children(at).into_iter();
    let enumerators = entries.filter_map(|(at, entry)| {
        let value = members::number(entry.attr(gimli::DW_AT_const_value)?)?;
        Some((value, at.within.text(entry.attr_value(gimli::DW_AT_name)?)?))
    });
    enumerators.collect()
}
