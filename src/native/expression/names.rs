//! What a name means: a variable of the frame, a member of its object, a static, a function, a symbol.

use gimli::Register;

use super::ExpressionError;
use super::datum::{Datum, Target};
use super::evaluate::{Evaluated, Evaluator};
use super::primitive;
use crate::model::{Absence, Addr};
use crate::native::dwarf::{EntryRef, Module, Sort, Variable, code_ranges, variable, variables_at};
use crate::native::types::Type;
use crate::native::values::Locator;

/// The parts of registers that have names of their own (Intel SDM, volume 1, figure 3-5), by the number that DWARF gives the whole.
const HALVES: [(&str, u16); 8] = [
    ("ax", 0),
    ("dx", 1),
    ("cx", 2),
    ("bx", 3),
    ("si", 4),
    ("di", 5),
    ("bp", 6),
    ("sp", 7),
];

/// Statics inside of what `thread_local!` makes, with std of Rust 1.70 to 1.95.
const THREAD_LOCALS: [&str; 3] = ["__RUST_STD_INTERNAL_VAL", "VAL", "__KEY"];

impl<'s, 'a> Evaluator<'_, 's, 'a> {
    pub fn register(&self, name: &str) -> Evaluated<'s, 'a> {
        let unknown = || ExpressionError::NoSuchRegister {
            name: format!("${name}"),
        };
        let (number, bits) = numbered(name).ok_or_else(unknown)?;
        let value = (self.around.frame.register)(Register(number));
        let value = value.ok_or_else(|| Absence::RegisterLost {
            register: name.to_owned(),
        })?;
        let is_address = matches!(name, "pc" | "sp" | "fp" | "rip" | "rsp" | "rbp");
        if is_address {
            return Ok(Datum::Address(
                Target::Primitive(primitive::NOTHING),
                Addr(value),
            ));
        }
        let kind = match bits {
            64 => primitive::INTEGER,
            _ => primitive::Primitive {
                name: "i32",
                size: bits / 8,
                sort: primitive::Sort::Signed,
            },
        };
        Ok(Datum::Integer(kind.wrapped(value.into()), Some(kind)))
    }

    pub fn named(&self, names: &[String]) -> Evaluated<'s, 'a> {
        if let [name] = names
            && let Some(found) = self.variable(name)
        {
            return found;
        }
        if let Some(found) = self.static_named(names) {
            return found;
        }
        if let Some(function) = self.function_named(names) {
            return Ok(function);
        }
        let whole = names.join("::");
        let symbol = (self.around.symbol)(&whole);
        symbol
            .map(|(address, is_function)| Datum::Symbol {
                name: whole.clone(),
                address,
                is_function,
            })
            .ok_or(ExpressionError::NoSuchName { name: whole })
    }

    /// A variable of the frame, or a member of the object that its method is called on.
    fn variable(&self, name: &str) -> Option<Evaluated<'s, 'a>> {
        let (scope, locator) = (self.scope?, self.locator.as_ref()?);
        let variables = variables_at(scope, self.around.address, self.writer.module);
        if let Some(found) = variables.iter().find(|it| it.name == name) {
            return Some(self.located(found, locator));
        }
        let this = variables.iter().find(|it| it.name == "this")?;
        let this = self.located(this, locator).ok()?;
        self.field(&this, name).ok().map(Ok)
    }

    fn located(
        &self,
        variable: &Variable<'s, 'a>,
        locator: &Locator<'_, 's, 'a>,
    ) -> Evaluated<'s, 'a> {
        let at = variable.kind.ok_or_else(|| Absence::Unsupported {
            what: format!(
                "the type of {}, which the debug information does not tell",
                variable.name
            ),
        })?;
        let size = Type::read(at, self.writer.module).and_then(|kind| kind.size);
        let storage = locator.locate(&variable.place, size.unwrap_or(0))?;
        Ok(Datum::Place(Target::Described(at), storage))
    }

    fn static_named(&self, names: &[String]) -> Option<Evaluated<'s, 'a>> {
        let module = self.writer.module;
        let last = names.last()?;
        let mut found: Option<(usize, EntryRef<'s, 'a>)> = None;
        for at in module.named(Sort::Static, last) {
            let Some(fits) = self.fits(at, names) else {
                continue;
            };
            // One of the frame's own unit comes first: others may have a `static` of the same name.
            let is_own = self
                .scope
                .is_some_and(|scope| std::ptr::eq(scope.within.unit, at.within.unit));
            let rank = fits + 2 * usize::from(is_own);
            if found.is_none_or(|(best, _)| rank > best) {
                found = Some((rank, at));
            }
        }
        let at = found
            .map(|(_, at)| at)
            .or_else(|| thread_local(module, &names.join("::")))?;
        let variable = variable(at, module)?;
        let locator = Locator {
            frame: self.around.frame,
            within: at.within,
            function: at,
            address: self.around.address,
        };
        let located = self.located(&variable, &locator);
        // What nobody uses the linker leaves out, and its address is 0 then.
        let is_left_out = |found: &Datum<'s, 'a>| matches!(found, Datum::Place(_, storage) if storage.address() == Some(self.around.frame.bias));
        Some(match located {
            Ok(found) if is_left_out(&found) => Err(Absence::OptimizedOut.into()),
            located => located,
        })
    }

    /// Whether an entry has this name, with as much of its path as was typed: 1 if that is all of it.
    fn fits(&self, at: EntryRef<'s, 'a>, names: &[String]) -> Option<usize> {
        let module = self.writer.module;
        let entry = at.read().ok()?;
        let origin = |name| at.within.refer(entry.attr_value(name)?, module);
        let declared = origin(gimli::DW_AT_specification)
            .or_else(|| origin(gimli::DW_AT_abstract_origin))
            .unwrap_or(at);
        let name = declared
            .within
            .text(declared.read().ok()?.attr_value(gimli::DW_AT_name)?)?;
        let path = declared.path();
        let (whole, wanted) = (format!("{path}{name}"), names.join("::"));
        if whole == wanted {
            return Some(1);
        }
        let is_end = whole
            .strip_suffix(&wanted)
            .is_some_and(|before| before.ends_with("::"));
        is_end.then_some(0)
    }

    fn function_named(&self, names: &[String]) -> Option<Datum<'s, 'a>> {
        let module = self.writer.module;
        let candidates = module.named(Sort::Function, names.last()?);
        let fitting = candidates.filter_map(|at| Some((self.fits(at, names)?, at)));
        let (_, at) = fitting.max_by_key(|(fits, _)| *fits)?;
        let entry = at.read().ok()?;
        let begin = code_ranges(at.within, entry.attrs()).first()?.begin;
        Some(Datum::Symbol {
            name: names.join("::"),
            address: self.around.frame.bias.plus(begin),
            is_function: true,
        })
    }
}

/// What a `thread_local!` of Rust keeps for each thread: the macro puts it into closures of a constant of that name.
pub(in crate::native) fn thread_local<'s, 'a>(
    module: &'s Module<'a>,
    wanted: &str,
) -> Option<EntryRef<'s, 'a>> {
    let inner = THREAD_LOCALS.iter();
    let mut candidates = inner.flat_map(|inner| module.named(Sort::Static, inner));
    candidates.find(|at| {
        let path = module.full_name(*at).unwrap_or_default();
        let outer = thread_local_of(&path).unwrap_or_default();
        let before = outer.strip_suffix(wanted);
        let is_wanted = before.is_some_and(|it| it.is_empty() || it.ends_with("::"));
        // There is a closure for each way in which it could have to be dropped, of which the linker has kept one.
        is_wanted && module.is_linked(*at)
    })
}

/// The name of the variable that a static inside of what `thread_local!` makes stands for.
pub(in crate::native) fn thread_local_of(path: &str) -> Option<&str> {
    let (outer, inner) = path.split_once("::{")?;
    let last = inner.rsplit("::").next()?;
    THREAD_LOCALS.contains(&last).then_some(outer)
}

/// DWARF's number of a register, and how many bits of it a name means.
fn numbered(name: &str) -> Option<(u16, u64)> {
    match name {
        "pc" | "rip" => return Some((16, 64)),
        "sp" => return Some((7, 64)),
        "fp" => return Some((6, 64)),
        _ => {}
    }
    let half = |short: &str| HALVES.iter().find(|(name, _)| *name == short);
    if let Some((_, number)) = name.strip_prefix('r').and_then(half) {
        return Some((*number, 64));
    }
    if let Some((_, number)) = name.strip_prefix('e').and_then(half) {
        return Some((*number, 32));
    }
    let digits = name.strip_prefix('r')?;
    let (digits, bits) = match digits.strip_suffix('d') {
        Some(digits) => (digits, 32),
        None => (digits, 64),
    };
    let number: u16 = digits.parse().ok()?;
    (8..=15).contains(&number).then_some((number, bits))
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn registers_are_known_by_all_of_their_names() {
        assert_eq!(numbered("rax"), Some((0, 64)));
        assert_eq!(numbered("edi"), Some((5, 32)));
        assert_eq!(numbered("r12"), Some((12, 64)));
        assert_eq!(numbered("r9d"), Some((9, 32)));
        assert_eq!(numbered("pc"), Some((16, 64)));
        for none in ["r7", "r16", "rxx", "", "r", "e", "eflagz"] {
            assert_eq!(numbered(none), None, "{none}");
        }
    }
}
