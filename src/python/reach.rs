//! What somebody who looks at a frame may ask for next: its variables, the names around it, and what the values lead to. For a
//! snapshot, which keeps what was read.

use rustc_hash::{FxHashMap, FxHashSet};

use super::eval::{Datum, Scope};
use super::object::{Attribute, Builtin};
use super::{Limits, Look, LookError, PythonFrame};
use crate::model::Addr;

/// Members of one container, and attributes of one object, that are followed.
const MOST_MEMBERS: usize = 200;
/// Objects that are read in all.
const MOST_OBJECTS: usize = 20_000;
/// Global names are a step away themselves: what they lead to is followed for one more.
const FROM_GLOBALS: usize = 1;

/// A walk from frames to the objects around them. Each is read once.
pub struct Reach<'l, 'p> {
    look: &'l Look<'p>,
    depth: usize,
    limits: Limits,
    /// With the steps that were gone from it.
    objects: FxHashMap<Addr, usize>,
    classes: FxHashSet<Addr>,
    namespaces: FxHashSet<Addr>,
}

impl<'l, 'p> Reach<'l, 'p> {
    /// Goes `depth` steps from each variable: to members of containers and attributes of objects.
    pub fn new(look: &'l Look<'p>, depth: usize) -> Reach<'l, 'p> {
        Reach {
            look,
            depth,
            limits: Limits::default(),
            objects: FxHashMap::default(),
            classes: FxHashSet::default(),
            namespaces: FxHashSet::default(),
        }
    }

    /// Reads a frame's variables and the names that are in reach of it.
    pub fn frame(&mut self, frame: &PythonFrame) {
        let described = self.look.describe(frame, Some(&self.limits));
        let values = described.locals.iter().map(|local| local.value.address);
        for value in values.flatten().collect::<Vec<_>>() {
            self.go(value, self.depth);
        }
        let scope = Scope::of(frame);
        if self.namespaces.insert(frame.globals) {
            let globals = self.look.globals(frame, &self.limits).unwrap_or_default();
            for global in globals {
                // Through the table of hashes, as an expression finds it.
                let _ = self.look.dict_get_str(frame.globals, &global.name);
                if let Some(value) = global.value.address {
                    self.go(value, self.depth.min(FROM_GLOBALS));
                }
            }
        }
        if self.namespaces.insert(frame.builtins) {
            for name in self.look.complete("", &scope) {
                // Through the table of hashes, as an expression finds it.
                if let Ok(Some(value)) = self.look.dict_get_str(frame.builtins, &name) {
                    self.go(value, 0);
                }
            }
        }
    }

    /// Reads an object and what it leads to.
    pub fn object(&mut self, object: Addr) {
        self.go(object, self.depth);
    }

    fn go(&mut self, object: Addr, steps: usize) {
        let known = self.objects.get(&object).copied();
        let is_done = known.is_some_and(|gone| gone >= steps);
        if object.is_null() || is_done || self.objects.len() >= MOST_OBJECTS {
            return;
        }
        if self.look.spent().is_some() {
            return;
        }
        self.objects.insert(object, steps);
        if known.is_none() {
            self.look.value(object, &self.limits);
            self.class_of(object);
        }
        if steps == 0 {
            return;
        }
        for member in self.members(object).unwrap_or_default() {
            self.go(member, steps - 1);
        }
    }

    /// What an attribute is looked up in.
    fn class_of(&mut self, object: Addr) {
        let Ok(kind) = self.look.type_of(object) else {
            return;
        };
        let datum = Datum::Object(object);
        if matches!(kind.builtin, Builtin::Function | Builtin::Type) {
            let _ = self.look.source_of(&datum);
        }
        if matches!(kind.builtin, Builtin::Function | Builtin::Other) {
            let _ = self.look.whatis(&datum);
        }
        if self.classes.insert(kind.address) {
            let mut scope = Scope::nowhere();
            scope.define("it", datum.clone());
            for name in self.look.attribute_names(&datum).iter().take(MOST_MEMBERS) {
                let found = self.look.attribute(object, name);
                // What pmdb computes itself, such as the value of a member of an enumeration.
                if let Ok(Some(Attribute::Computed { .. })) = found {
                    let _ = self.look.evaluate(&format!("it.{name}"), &scope);
                }
            }
        }
    }

    fn members(&self, object: Addr) -> Result<Vec<Addr>, LookError> {
        let kind = self.look.type_of(object)?;
        let mut members = match kind.builtin {
            Builtin::List | Builtin::Tuple => self.look.sequence(object, MOST_MEMBERS as u64)?,
            Builtin::Set | Builtin::FrozenSet => self.look.set_members(object, MOST_MEMBERS)?.0,
            Builtin::Dict | Builtin::FrozenDict => {
                let items = self.look.dict_items(object, MOST_MEMBERS)?;
                items.into_iter().flat_map(<[Addr; 2]>::from).collect()
            }
            Builtin::Module | Builtin::Type | Builtin::Function => return Ok(Vec::new()),
            _ => Vec::new(),
        };
        if kind.is_heap() || kind.dict_offset != 0 {
            let attributes = self.look.instance_attributes(object, MOST_MEMBERS)?;
            members.extend(attributes.into_iter().map(|(_, value)| value));
        }
        Ok(members)
    }
}
