//! What a type is made of, in the form in which its language declares it.

use super::datum::{Datum, Target};
use super::evaluate::Evaluator;
use crate::native::types::{Member, Shape, Type, VariantPart};
use crate::native::values::is_rust;

/// Members that are listed.
const MOST_MEMBERS: usize = 2_000;

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn definition_of(&self, datum: &Datum<'s, 'a>) -> String {
        match datum {
            Datum::Text(_) | Datum::Symbol { .. } | Datum::Integer(_, None) => {
                self.type_name(datum)
            }
            other => self.definition(&self.target_of(other)),
        }
    }

    pub fn definition(&self, kind: &Target<'s, 'a>) -> String {
        let name = self.name_of(kind);
        let Target::Described(at) = kind else {
            return name;
        };
        let Some(kind) = Type::read(*at, self.writer.module) else {
            return name;
        };
        let size = kind.size.map_or(String::new(), |size| {
            format!(" // {size} byte{}", if size == 1 { "" } else { "s" })
        });
        match &kind.shape {
            Shape::Structure {
                variants: Some(variants),
                ..
            } => format!("enum {name} {{{size}\n{}}}", self.variants(variants)),
            Shape::Structure { members, .. } => {
                format!("struct {name} {{{size}\n{}}}", self.members(&kind, members))
            }
            Shape::Union(members) => {
                format!("union {name} {{{size}\n{}}}", self.members(&kind, members))
            }
            Shape::Enumeration(enumerators) => {
                let lines = enumerators.iter().take(MOST_MEMBERS);
                let lines: String = lines
                    .map(|(value, name)| format!("    {name} = {value},\n"))
                    .collect();
                format!("enum {name} {{{size}\n{lines}}}")
            }
            Shape::Pointer { to: Some(to), .. } if !is_rust(kind.at) => {
                // As gdb does: what it points to is what somebody wants to know.
                let inner = self.definition(&Target::Described(*to));
                format!("{inner} *")
            }
            Shape::Declared => format!("{name}, which is only declared in this unit"),
            _ => name,
        }
    }

    fn members(&self, kind: &Type<'s, 'a>, members: &[Member<'s, 'a>]) -> String {
        let rust = is_rust(kind.at);
        let line = |member: &Member<'s, 'a>| {
            let kind = self.member_type(member);
            let bits = member
                .bits
                .map_or(String::new(), |bits| format!(" : {}", bits.count));
            let name = member.name.as_deref();
            let at = member.bits.map_or(member.offset, |bits| bits.first / 8);
            match (name, rust) {
                (Some(name), true) => {
                    let name = name.strip_prefix("__").map_or(name, |digits| {
                        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                        if is_number { digits } else { name }
                    });
                    format!("    {name}: {kind}, // at {at}\n")
                }
                (Some(name), false) => format!("    {} // at {at}\n", declared(&kind, name, &bits)),
                (None, _) if member.is_base => format!("    // derived from {kind}, at {at}\n"),
                (None, _) => format!("    {kind}; // at {at}\n"),
            }
        };
        members.iter().take(MOST_MEMBERS).map(line).collect()
    }

    fn member_type(&self, member: &Member<'s, 'a>) -> String {
        let kind = member.kind.map(Target::Described);
        kind.map_or_else(|| "(unknown)".to_owned(), |kind| self.name_of(&kind))
    }

    fn variants(&self, part: &VariantPart<'s, 'a>) -> String {
        let line = |member: &Member<'s, 'a>| {
            let kind = member
                .kind
                .and_then(|at| Type::read(at, self.writer.module));
            let Some(kind) = kind else {
                return "    ?,\n".to_owned();
            };
            let members = kind.members();
            let is_positional = members
                .first()
                .is_some_and(|member| member.name.as_deref() == Some("__0"));
            let fields: Vec<String> = members
                .iter()
                .map(|member| {
                    let kind = self.member_type(member);
                    match &member.name {
                        Some(name) if !is_positional => format!("{name}: {kind}"),
                        _ => kind,
                    }
                })
                .collect();
            let fields = match (fields.is_empty(), is_positional) {
                (true, _) => String::new(),
                (false, true) => format!("({})", fields.join(", ")),
                (false, false) => format!(" {{ {} }}", fields.join(", ")),
            };
            format!("    {}{fields},\n", kind.name)
        };
        let variants = part.variants.iter().take(MOST_MEMBERS);
        variants.map(|variant| line(&variant.member)).collect()
    }
}

/// `char name[8];`
fn declared(kind: &str, name: &str, bits: &str) -> String {
    match kind.split_once('[') {
        Some((element, counts)) => {
            let element = element.trim_end();
            format!("{element} {name}[{counts}{bits};")
        }
        None if kind.ends_with('*') => format!("{kind}{name}{bits};"),
        None => format!("{kind} {name}{bits};"),
    }
}
