//! Where the names of an expression are looked up.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Datum, EvalError, Segments};
use crate::model::{Addr, LocalKind};
use crate::python::code::Code;
use crate::python::layout::FrameLayout;
use crate::python::{Look, LookError, PythonFrame};

/// The namespaces of one frame, innermost first: names that the debugger adds, the frame's own, those of enclosing
/// functions that it uses, globals, builtins.
#[derive(Clone)]
pub struct Scope {
    frame: Option<(Addr, Arc<Code>)>,
    locals_dict: Addr,
    globals: Addr,
    builtins: Addr,
    extra: Vec<(String, Datum)>,
    /// Where segments are found, and a name that always opens them.
    pub(super) segments: Option<(Arc<dyn Segments>, String)>,
    pub(super) cancelled: Option<Arc<AtomicBool>>,
}

/// What a name of a frame's own is.
pub(super) enum Local {
    Bound(Addr),
    Unbound(LocalKind),
    NotHere,
}

impl Scope {
    /// The scope of a frame. Nothing is read until an expression is evaluated.
    pub fn of(frame: &PythonFrame) -> Scope {
        Scope {
            frame: Some((frame.address, frame.code.clone())),
            locals_dict: frame.locals_dict,
            globals: frame.globals,
            builtins: frame.builtins,
            extra: Vec::new(),
            segments: None,
            cancelled: None,
        }
    }

    /// A scope without a name in it.
    pub(in crate::python) fn nowhere() -> Scope {
        Scope {
            frame: None,
            locals_dict: Addr::NULL,
            globals: Addr::NULL,
            builtins: Addr::NULL,
            extra: Vec::new(),
            segments: None,
            cancelled: None,
        }
    }

    /// Adds a name that is found before all others: the convenience variables of a prompt.
    pub fn define(&mut self, name: impl Into<String>, datum: Datum) {
        let name = name.into();
        self.extra.retain(|(other, _)| *other != name);
        self.extra.push((name, datum));
    }

    /// Where `shm(…)` finds segments, and a name that does the same where the program has a `shm` of its own. Without it
    /// both are names like others.
    pub fn open_segments_of(&mut self, segments: Arc<dyn Segments>, certain: String) {
        self.segments = Some((segments, certain));
    }

    /// Evaluation ends with [`EvalError::Cancelled`] soon after the flag is set.
    pub fn cancelled_by(&mut self, flag: Arc<AtomicBool>) {
        self.cancelled = Some(flag);
    }

    pub fn globals(&self) -> Addr {
        self.globals
    }

    pub(super) fn builtins(&self) -> Addr {
        self.builtins
    }

    pub(super) fn locals_dict(&self) -> Addr {
        self.locals_dict
    }

    pub(super) fn extra(&self) -> &[(String, Datum)] {
        &self.extra
    }
}

impl Look<'_> {
    /// What a name is in a frame. Compiled code binds names by the same rule: the slots and dict of the frame itself,
    /// then globals, then builtins.
    pub(super) fn resolve(&self, scope: &Scope, name: &str) -> Result<Datum, EvalError> {
        if let Some((_, datum)) = scope.extra.iter().find(|(other, _)| other == name) {
            return Ok(datum.clone());
        }
        if !scope.locals_dict.is_null()
            && let Some(found) = self.dict_get_str(scope.locals_dict, name)?
        {
            return Ok(Datum::Object(found));
        }
        match self.local(scope, name)? {
            Local::Bound(object) => return Ok(Datum::Object(object)),
            Local::Unbound(LocalKind::Free) => {
                return Err(EvalError::raised(
                    "NameError",
                    format!(
                        "cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
                    ),
                ));
            }
            Local::Unbound(_) => {
                return Err(EvalError::raised(
                    "UnboundLocalError",
                    format!(
                        "cannot access local variable '{name}' where it is not associated with a value"
                    ),
                ));
            }
            Local::NotHere => {}
        }
        for names in [scope.globals, scope.builtins] {
            if !names.is_null()
                && let Some(found) = self.dict_get_str(names, name)?
            {
                return Ok(Datum::Object(found));
            }
        }
        Err(EvalError::raised(
            "NameError",
            format!("name '{name}' is not defined"),
        ))
    }

    fn local(&self, scope: &Scope, wanted: &str) -> Result<Local, LookError> {
        let mut found = Local::NotHere;
        for (name, kind, object) in self.locals_of(scope, Some(wanted))? {
            debug_assert_eq!(name, wanted);
            // Up to 3.10 an argument that is a cell has two slots, and the later one counts.
            if !object.is_null() {
                found = Local::Bound(object);
            } else if matches!(found, Local::NotHere) {
                found = Local::Unbound(kind);
            }
        }
        Ok(found)
    }

    /// The variables in the slots of the frame, NULL where unbound; one that is held twice (up to 3.10) comes twice.
    pub(super) fn locals_of(
        &self,
        scope: &Scope,
        wanted: Option<&str>,
    ) -> Result<Vec<(String, LocalKind, Addr)>, LookError> {
        let Some((frame, code)) = &scope.frame else {
            return Ok(Vec::new());
        };
        let (slots, tag) = match self.layout().frame {
            FrameLayout::Object(layout) => (frame.plus(layout.localsplus), 0),
            FrameLayout::Interpreter(layout) => {
                (frame.plus(layout.localsplus), layout.reference_tag)
            }
        };
        let mut found = Vec::new();
        for (slot, variable) in (0_u64..).zip(&code.variables) {
            if wanted.is_some_and(|wanted| *wanted != *variable.name) {
                continue;
            }
            let object = Addr(self.memory.u64(slots.plus(slot.wrapping_mul(8)))? & !tag);
            let object = self.through_cell(object, variable.kind)?;
            found.push((variable.name.to_string(), variable.kind, object));
        }
        Ok(found)
    }
}
