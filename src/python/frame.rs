//! Frames and their variables.

use std::sync::Arc;

use super::LookError;
use super::code::Code;
use super::layout::FrameLayout;
use super::lines::Position;
use super::look::Look;
use super::repr::Limits;
use crate::model::{Absence, Addr, Frame, Language, Local, LocalKind, Value};

/// Names shown of one module or class body.
const MOST_NAMES: usize = 1_000;

/// One Python frame of a stack.
#[derive(Clone)]
pub struct PythonFrame {
    pub address: Addr,
    pub code: Arc<Code>,
    pub position: Position,
    /// The dicts of globals and builtins.
    pub globals: Addr,
    pub builtins: Addr,
    /// The names of a module or class body, any mapping; NULL for a function.
    pub locals_dict: Addr,
}

impl Look<'_> {
    /// `None` for a frame that is not Python code: the shim between the interpreter and its C caller.
    pub(super) fn frame(&self, address: Addr) -> Result<Option<PythonFrame>, LookError> {
        let (code, position) = match self.layout().frame {
            FrameLayout::Object(layout) => {
                let code = self.code(self.memory.pointer(address.plus(layout.code))?)?;
                let lasti = i64::from(self.memory.i32(address.plus(layout.lasti))?);
                let offset = lasti * layout.lasti_unit as i64;
                let position = self.position(&code, offset);
                (code, position)
            }
            FrameLayout::Interpreter(layout) => {
                let owner = self.memory.u8(address.plus(layout.owner))?;
                if layout.shim_owners.contains(&owner) {
                    return Ok(None);
                }
                let code = self.memory.u64(address.plus(layout.code))? & !layout.reference_tag;
                let code = self.code(Addr(code))?;
                let instruction = self.memory.pointer(address.plus(layout.instruction))?;
                let position = self.position(&code, code.offset_of(instruction));
                (code, position)
            }
        };
        if code.is_made_up() {
            return Ok(None);
        }
        let (globals, builtins, locals) = match self.layout().frame {
            FrameLayout::Object(layout) => (layout.globals, layout.builtins, layout.locals),
            FrameLayout::Interpreter(layout) => (layout.globals, layout.builtins, layout.locals),
        };
        let field = |at| self.memory.pointer(address.plus(at));
        let locals_dict = if code.is_function() {
            Addr::NULL
        } else {
            field(locals)?
        };
        Ok(Some(PythonFrame {
            address,
            globals: field(globals)?,
            builtins: field(builtins)?,
            locals_dict,
            code,
            position,
        }))
    }

    /// The frame as the model has it; with its variables if `limits` are given.
    pub fn describe(&self, frame: &PythonFrame, limits: Option<&Limits>) -> Frame {
        let mut note = None;
        let locals = match limits.map(|limits| self.locals(frame, limits)) {
            None => Vec::new(),
            Some(Ok(locals)) => {
                note = self.names_left_out(frame);
                locals
            }
            Some(Err(error)) => {
                note = Some(format!("its variables could not be read: {error}"));
                Vec::new()
            }
        };
        let code = &*frame.code;
        let size = size_of::<Frame>() + code.qualname.len() + code.file.len();
        if let Err(error) = self.memory.keep(frame.address, size) {
            note = Some(error.to_string());
        }
        Frame {
            language: Language::Python,
            function: code.qualname.clone(),
            file: Some(code.file.clone()),
            line: frame.position.line,
            columns: frame.position.columns,
            source: (frame.position.line).and_then(|line| self.kept_line(&code.file, line)),
            pc: None,
            module: None,
            inlined: false,
            locals,
            note,
        }
    }

    fn locals(&self, frame: &PythonFrame, limits: &Limits) -> Result<Vec<Local>, LookError> {
        if !frame.code.is_function() {
            return self.names_of(frame.locals_dict, limits);
        }
        let (slots, tag) = match self.layout().frame {
            FrameLayout::Object(layout) => (frame.address.plus(layout.localsplus), 0),
            FrameLayout::Interpreter(layout) => {
                (frame.address.plus(layout.localsplus), layout.reference_tag)
            }
        };
        let absent = |absence| Arc::new(Value::absent(absence));
        let mut locals: Vec<Local> = Vec::with_capacity(frame.code.variables.len());
        for (slot, variable) in (0_u64..).zip(&frame.code.variables) {
            let object = Addr(self.memory.u64(slots.plus(slot * 8))? & !tag);
            let object = self.through_cell(object, variable.kind)?;
            let local = Local {
                name: variable.name.clone(),
                kind: variable.kind,
                value: if object.is_null() {
                    absent(Absence::Unbound)
                } else {
                    self.shared_value(object, limits)
                },
            };
            self.keep_local(&local)?;
            // Up to 3.10 an argument that is a cell has two slots, of which the first is empty once the cell is made.
            let mut others = locals.iter_mut();
            let is_cell = variable.kind == LocalKind::Cell;
            match others.find(|other| is_cell && other.name == local.name) {
                Some(other) if other.value.absence.is_some() => *other = local,
                Some(_) => {}
                None => locals.push(local),
            }
        }
        Ok(locals)
    }

    /// Says so if a body has more names than are shown.
    fn names_left_out(&self, frame: &PythonFrame) -> Option<String> {
        if frame.locals_dict.is_null() {
            return None;
        }
        let count = self.dict_length(frame.locals_dict).ok()?;
        let is_more = count > MOST_NAMES as u64;
        is_more.then(|| format!("the first {MOST_NAMES} of its {count} names are shown"))
    }

    pub(super) fn through_cell(&self, object: Addr, kind: LocalKind) -> Result<Addr, LookError> {
        let may_be_cell = matches!(kind, LocalKind::Cell | LocalKind::Free);
        if object.is_null() || !may_be_cell || self.type_of(object)?.static_name() != Some("cell") {
            return Ok(object);
        }
        let contents = object.plus(self.layout().object.cell_contents);
        Ok(self.memory.pointer(contents)?)
    }

    /// The global names of a frame, in the order in which they were made.
    pub fn globals(&self, frame: &PythonFrame, limits: &Limits) -> Result<Vec<Local>, LookError> {
        self.names_of(frame.globals, limits)
    }

    /// The names of a namespace. A module's own dunder names are left out: every module has them.
    fn names_of(&self, names: Addr, limits: &Limits) -> Result<Vec<Local>, LookError> {
        let mut locals = Vec::new();
        for (key, value) in self.dict_items(names, MOST_NAMES)? {
            let name = self.name(key)?;
            if name.starts_with("__") && name.ends_with("__") {
                continue;
            }
            let local = Local {
                name: name.into(),
                kind: LocalKind::Name,
                value: self.shared_value(value, limits),
            };
            self.keep_local(&local)?;
            locals.push(local);
        }
        Ok(locals)
    }

    /// Counts what a variable takes in the answer, where each is written out.
    fn keep_local(&self, local: &Local) -> Result<(), LookError> {
        let texts = local.name.len() + local.value.text.len() + local.value.type_name.len();
        let at = local.value.address.unwrap_or_default();
        let size = size_of::<Local>() + size_of::<Value>() + texts;
        Ok(self.memory.keep(at, size)?)
    }
}
