//! What somebody who looks at a frame may ask for next: its variables, the names around it, and what the values lead to. For a
//! snapshot, which keeps what was read.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::eval::{Datum, Scope};
use super::object::{Attribute, Builtin, TypeInfo};
use super::{Limits, Look, LookError, PythonFrame};
use crate::model::Addr;

/// Members of one container, and attributes of one object, that are followed.
const MOST_MEMBERS: usize = 200;
/// Objects that are read in all.
const MOST_OBJECTS: usize = 20_000;
/// Attributes that are computed in all.
const MOST_COMPUTED: usize = 5_000;
/// Global names are a step away themselves: what they lead to is followed for one more.
const FROM_GLOBALS: usize = 1;

/// What leads out of an object to a whole module, or to the frame that has called it: they are reached from their own frames.
const LEADS_AWAY: &[&str] = &[
    "__builtins__",
    "__class__",
    "__dict__",
    "__globals__",
    "__weakref__",
    "f_back",
    "f_builtins",
    "f_globals",
];

/// What the instances of a class have beside their own attributes.
#[derive(Default)]
struct Names {
    /// Objects that they hold in fields of C: the `args` of an exception, the code of a function.
    fields: Vec<String>,
    /// What pmdb computes itself: the value of a member of an enumeration, the type of an array's elements.
    computed: Vec<String>,
}

/// A walk from frames to the objects around them. Each is read once.
pub struct Reach<'l, 'p> {
    look: &'l Look<'p>,
    depth: usize,
    limits: Limits,
    /// With the steps that were gone from it.
    objects: FxHashMap<Addr, usize>,
    classes: FxHashMap<Addr, Rc<Names>>,
    /// How many attributes were computed.
    computed: usize,
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
            classes: FxHashMap::default(),
            computed: 0,
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
            // `__doc__` and its like, which are not listed among them.
            self.go(frame.globals, self.depth.min(FROM_GLOBALS));
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
        let mut scope = Scope::nowhere();
        scope.define("it", datum.clone());
        if let Some(names) = self.classes.get(&kind.address).cloned() {
            for name in &names.computed {
                self.computed += 1;
                if self.computed > MOST_COMPUTED {
                    return;
                }
                if let Ok(value) = self.look.evaluate(&format!("it.{name}"), &scope) {
                    self.look.show(&value, &self.limits);
                }
            }
            return;
        }
        let mut names = Names::default();
        let all = self.look.attribute_names(&datum);
        for name in all.into_iter().take(MOST_MEMBERS) {
            match self.look.attribute(object, &name) {
                Ok(Some(Attribute::Computed { .. })) => {
                    if let Ok(value) = self.look.evaluate(&format!("it.{name}"), &scope)
                        && !LEADS_AWAY.contains(&&*name)
                    {
                        self.look.show(&value, &self.limits);
                        names.computed.push(name);
                    }
                }
                Ok(_) if self.is_field(&kind, &name) => names.fields.push(name),
                _ => {}
            }
        }
        self.classes.insert(kind.address, Rc::new(names));
    }

    /// Whether a class finds a name in the C structure of its instances.
    fn is_field(&self, class: &TypeInfo, name: &str) -> bool {
        let found = self.look.class_lookup(class.address, name).ok().flatten();
        let by = found.and_then(|found| self.look.type_of(found).ok());
        let descriptor = by.as_ref().and_then(|by| by.static_name());
        matches!(descriptor, Some("getset_descriptor" | "member_descriptor"))
            && !LEADS_AWAY.contains(&name)
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
            Builtin::Module | Builtin::Type => return Ok(Vec::new()),
            _ => Vec::new(),
        };
        let names = self.classes.get(&kind.address);
        for name in names.iter().flat_map(|names| &names.fields) {
            if let Some(Attribute::Object(value)) = self.look.attribute(object, name)? {
                members.push(value);
            }
        }
        if kind.builtin == Builtin::Function {
            return Ok(members);
        }
        if kind.is_heap() || kind.dict_offset != 0 {
            let attributes = self.look.instance_attributes(object, MOST_MEMBERS)?;
            members.extend(attributes.into_iter().map(|(_, value)| value));
        }
        Ok(members)
    }
}
