//! Code objects: names, file, variables and lines of a function.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::LookError;
use super::layout::{Bytecode, VariablesLayout};
use super::lines::{Position, position};
use super::look::Look;
use crate::model::{Addr, LocalKind};

/// More variables than this in one function are damage.
const MOST_VARIABLES: u64 = 65_536;
/// Bytes of a line table; the largest generated functions come near a tenth of it.
const LONGEST_TABLE: usize = 16 << 20;
/// `CO_OPTIMIZED`: the locals are in fast slots and not in a dict. `Include/cpython/code.h`.
const OPTIMIZED: u32 = 1;

/// `co_localspluskinds`, `Include/internal/pycore_code.h`.
const KIND_CELL: u8 = 0x40;
const KIND_FREE: u8 = 0x80;

/// What one `PyCodeObject` says.
pub struct Code {
    pub file: String,
    pub qualname: String,
    pub first_line: i64,
    pub flags: u32,
    /// The fast slots in their order.
    pub variables: Vec<Variable>,
    /// How many of them, from the first, are arguments; some of these may be cells.
    argument_count: usize,
    bytecode: Addr,
    /// The tuple of its constants.
    pub(super) constants: Addr,
    line_table: Vec<u8>,
    /// What the line table says of the instructions that were asked for. A recursive function has many frames at one.
    positions: Mutex<FxHashMap<i64, Position>>,
}

pub struct Variable {
    pub name: Arc<str>,
    pub kind: LocalKind,
}

impl Code {
    /// The code by which the interpreter waits for a class's `__init__` (`INIT_CLEANUP` in `Python/specialize.c`, 3.13+). No file is called so.
    pub(super) fn is_made_up(&self) -> bool {
        self.file == "__init__" && self.qualname == "__init__"
    }

    pub fn is_function(&self) -> bool {
        self.flags & OPTIMIZED != 0
    }

    /// About how much memory it takes without its variables, in bytes.
    fn size(&self) -> usize {
        size_of::<Code>() + self.file.len() + self.qualname.len() + self.line_table.len()
    }

    pub fn arguments(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().take(self.argument_count)
    }

    /// Bytes from the beginning of the bytecode.
    pub fn offset_of(&self, instruction: Addr) -> i64 {
        instruction.0.wrapping_sub(self.bytecode.0) as i64
    }
}

impl Look<'_> {
    /// The code object at an address, read once.
    pub(super) fn code(&self, address: Addr) -> Result<Arc<Code>, LookError> {
        if let Some(code) = self.codes.borrow().get(&address.0) {
            return Ok(code.clone());
        }
        let code = Arc::new(self.read_code(address)?);
        self.memory.keep(address, code.size())?;
        self.codes.borrow_mut().insert(address.0, code.clone());
        Ok(code)
    }

    pub(super) fn position(&self, code: &Code, offset: i64) -> Position {
        let form = self.layout().code.line_table_form;
        let find = || position(form, &code.line_table, code.first_line, offset);
        *code
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(offset)
            .or_insert_with(find)
    }

    fn read_code(&self, address: Addr) -> Result<Code, LookError> {
        let layout = &self.layout().code;
        if self.type_of(address)?.name != "code" {
            return Err(LookError::Torn {
                what: "a code object",
                address,
            });
        }
        let field = |offset| self.memory.pointer(address.plus(offset));
        let int = |offset| self.memory.u32(address.plus(offset));
        let arguments = u64::from(int(layout.argcount)?)
            .saturating_add(int(layout.kwonlyargcount)?.into())
            .saturating_add((int(layout.flags)? >> 2 & 1).into())
            .saturating_add((int(layout.flags)? >> 3 & 1).into());
        Ok(Code {
            file: self.name(field(layout.filename)?)?,
            qualname: self.name(field(layout.qualname.unwrap_or(layout.name))?)?,
            first_line: i64::from(int(layout.firstlineno)? as i32),
            flags: int(layout.flags)?,
            variables: self.variables(address, arguments)?,
            argument_count: usize::try_from(arguments).unwrap_or(usize::MAX),
            constants: field(layout.consts)?,
            bytecode: match layout.bytecode {
                Bytecode::BytesObject(_) => Addr::NULL,
                Bytecode::Inline(offset) => address.plus(offset),
            },
            line_table: self
                .bytes_object(field(layout.line_table)?, LONGEST_TABLE)?
                .0,
            positions: Mutex::default(),
        })
    }

    fn variables(&self, code: Addr, arguments: u64) -> Result<Vec<Variable>, LookError> {
        let field = |offset| self.memory.pointer(code.plus(offset));
        let mut variables = Vec::new();
        match self.layout().code.variables {
            VariablesLayout::Tuples {
                varnames,
                cellvars,
                freevars,
                ..
            } => {
                let groups = [
                    (varnames, LocalKind::Local),
                    (cellvars, LocalKind::Cell),
                    (freevars, LocalKind::Free),
                ];
                for (tuple, kind) in groups {
                    for name in self.sequence(field(tuple)?, MOST_VARIABLES)? {
                        let kind = argument_or(kind, variables.len() as u64, arguments);
                        variables.push(self.variable(name, kind)?);
                    }
                }
            }
            VariablesLayout::LocalsPlus { names, kinds, .. } => {
                let (kinds, _) = self.bytes_object(field(kinds)?, MOST_VARIABLES as usize)?;
                let names = self.sequence(field(names)?, MOST_VARIABLES)?;
                for (name, kind) in names.into_iter().zip(kinds) {
                    let kind = match kind {
                        kind if kind & KIND_FREE != 0 => LocalKind::Free,
                        kind if kind & KIND_CELL != 0 => LocalKind::Cell,
                        _ => argument_or(LocalKind::Local, variables.len() as u64, arguments),
                    };
                    variables.push(self.variable(name, kind)?);
                }
            }
        }
        Ok(variables)
    }

    fn variable(&self, name: Addr, kind: LocalKind) -> Result<Variable, LookError> {
        let text = self.name(name)?;
        self.memory.keep(name, size_of::<Variable>() + text.len())?;
        let name = text.into();
        Ok(Variable { name, kind })
    }
}

fn argument_or(kind: LocalKind, slot: u64, arguments: u64) -> LocalKind {
    if kind == LocalKind::Local && slot < arguments {
        LocalKind::Argument
    } else {
        kind
    }
}
