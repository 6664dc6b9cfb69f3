//! What the variables of a program call the memory that it shares: arrays, memoryviews, `ctypes` objects and the like whose data lies there.
//!
//! Looked through are the variables of all frames, the globals of their modules, and the attributes of the instances among these. What is found
//! only through containers or further attributes is not.

use rustc_hash::FxHashSet;

use super::look::Look;
use super::object::Builtin;
use super::repr::Limits;
use super::thread::PythonThread;
use crate::model::Addr;

/// Of each thread, the newest.
const MOST_FRAMES: usize = 200;
/// Of each module or instance.
const MOST_NAMES: usize = 1_000;
/// Objects that are looked at in all.
const MOST_OBJECTS: usize = 100_000;
/// Their text is not wanted, only where they lie.
const BRIEF: Limits = Limits {
    characters: 1,
    depth: 0,
};

/// A variable whose data lies in shared memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedVariable {
    /// `self.w`
    pub expression: String,
    /// The function whose variable it is, or the module, by its file.
    pub place: String,
    /// `/dev/shm/psm_1 +4096`, as [`segment_name`](super::segment_name) calls it.
    pub segment: String,
    /// `float64[1000,64]` of an array, else the type.
    pub what: String,
}

struct Search<'s, 'p> {
    look: &'s Look<'p>,
    found: Vec<SharedVariable>,
    /// Objects with their attributes, in each place.
    seen: FxHashSet<(u64, u64)>,
}

impl Look<'_> {
    /// The variables of these threads that lie in any shared memory.
    pub fn shared_variables(&self, threads: &[PythonThread]) -> Vec<SharedVariable> {
        let mut search = Search {
            look: self,
            found: Vec::new(),
            seen: FxHashSet::default(),
        };
        for thread in threads {
            for frame in self.stack(thread.address).frames.iter().take(MOST_FRAMES) {
                let place = &frame.code.qualname;
                let described = self.describe(frame, Some(&BRIEF));
                if frame.code.is_function() {
                    for local in &described.locals {
                        if let Some(object) = local.value.address {
                            search.object(frame.address, object, &local.name, place);
                        }
                    }
                }
                search.globals(frame.globals, &frame.code.file);
            }
        }
        search.found
    }
}

impl Search<'_, '_> {
    fn globals(&mut self, globals: Addr, file: &str) {
        if !self.seen.insert((globals.0, globals.0)) {
            return;
        }
        for (name, object) in self
            .look
            .dict_items(globals, MOST_NAMES)
            .unwrap_or_default()
        {
            if let Ok(name) = self.look.name(name) {
                self.object(globals, object, &name, file);
            }
        }
    }

    /// The variable itself, or what its attributes are.
    fn object(&mut self, place_of: Addr, object: Addr, expression: &str, place: &str) {
        if self.seen.len() >= MOST_OBJECTS || !self.seen.insert((place_of.0, object.0)) {
            return;
        }
        if self.lies_in_segment(object, expression, place) || !self.is_instance(object) {
            return;
        }
        let attributes = self.look.instance_attributes(object, MOST_NAMES);
        for (name, value) in attributes.unwrap_or_default() {
            if self.seen.len() >= MOST_OBJECTS {
                return;
            }
            self.lies_in_segment(value, &format!("{expression}.{name}"), place);
        }
    }

    fn lies_in_segment(&mut self, object: Addr, expression: &str, place: &str) -> bool {
        if !self.is_instance(object) {
            return false;
        }
        let value = self.look.value(object, &BRIEF);
        let Some(segment) = value.segment else {
            return false;
        };
        let what = match self.look.array_facts(object) {
            Ok(Some(facts)) => {
                let shape: Vec<String> = facts.shape.iter().map(u64::to_string).collect();
                format!("{}[{}]", facts.dtype, shape.join(","))
            }
            _ => value.type_name,
        };
        self.found.push(SharedVariable {
            expression: expression.to_string(),
            place: place.to_string(),
            segment,
            what,
        });
        true
    }

    /// Of a class that is not one of the interpreter's own simple ones.
    fn is_instance(&self, object: Addr) -> bool {
        let kind = self.look.type_of(object);
        kind.is_ok_and(|kind| kind.builtin == Builtin::Other)
    }
}
