//! How the registers of a caller are found from those of its callee: one row of the table that call frame information
//! describes (DWARF 5, section 6.4), free of the file that it was read from.

use std::sync::Arc;

use gimli::{
    CfaRule, EndianSlice, Evaluation, EvaluationResult, Expression, Format, LittleEndian, Location,
    Register, RegisterRule, UnwindExpression, UnwindSection, UnwindTableRow, Value,
};

use super::registers::{FrameRegisters, RIP, RSP};
use crate::model::Addr;
use crate::process::Memory;

/// Operations of one expression; those that compilers, linkers and C libraries write have a dozen.
const MOST_OPERATIONS: u32 = 1000;
/// Bytes of one expression.
const LONGEST_EXPRESSION: usize = 1024;

pub(super) type Slice<'f> = EndianSlice<'f, LittleEndian>;

/// The rules for the addresses between two changes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::native) struct Row {
    frame_address: FrameAddress,
    rules: Box<[(Register, Rule)]>,
    /// The kernel made this frame; the registers of its caller were those when the signal came.
    pub(super) is_signal_frame: bool,
    return_address: Register,
    encoding: gimli::Encoding,
}

/// Where the canonical frame address is: the value of the stack pointer in the caller, before it called.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FrameAddress {
    Offset(Register, i64),
    Expression(Arc<[u8]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Undefined,
    SameValue,
    /// Saved this far from the frame address, in bytes.
    SavedAt(i64),
    /// The frame address plus this.
    Offset(i64),
    InRegister(Register),
    SavedAtExpression(Arc<[u8]>),
    Expression(Arc<[u8]>),
    Constant(u64),
}

/// What a row gives.
pub(super) struct Caller {
    pub(super) frame_address: Addr,
    /// Its `RIP` is unknown if the row says that there is no caller.
    pub(super) registers: FrameRegisters,
}

impl Row {
    /// Nothing if it says something that does not exist on x86-64, or cannot be read.
    pub(super) fn of<'f, S: UnwindSection<Slice<'f>>>(
        row: &UnwindTableRow<usize>,
        section: &S,
        cie: &gimli::CommonInformationEntry<Slice<'f>>,
    ) -> Option<Row> {
        let text = |expression: &UnwindExpression<usize>| {
            let bytes = expression.get(section).ok()?.0.slice();
            (bytes.len() <= LONGEST_EXPRESSION).then(|| Arc::<[u8]>::from(bytes))
        };
        let frame_address = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                FrameAddress::Offset(*register, *offset)
            }
            CfaRule::Expression(expression) => FrameAddress::Expression(text(expression)?),
        };
        let mut rules = Vec::new();
        for &(register, ref rule) in row.registers() {
            let rule = match rule {
                RegisterRule::Undefined => Rule::Undefined,
                RegisterRule::SameValue => Rule::SameValue,
                RegisterRule::Offset(offset) => Rule::SavedAt(*offset),
                RegisterRule::ValOffset(offset) => Rule::Offset(*offset),
                RegisterRule::Register(other) => Rule::InRegister(*other),
                RegisterRule::Expression(expression) => Rule::SavedAtExpression(text(expression)?),
                RegisterRule::ValExpression(expression) => Rule::Expression(text(expression)?),
                RegisterRule::Constant(value) => Rule::Constant(*value),
                _ => return None,
            };
            rules.push((register, rule));
        }
        Some(Row {
            frame_address,
            rules: rules.into(),
            is_signal_frame: cie.is_signal_trampoline(),
            return_address: cie.return_address_register(),
            encoding: cie.encoding(),
        })
    }

    /// The registers of the caller of a frame with these. Nothing if the frame address is not known, or the return address
    /// cannot be read.
    pub(super) fn caller(&self, callee: &FrameRegisters, memory: &Memory<'_>) -> Option<Caller> {
        let frame_address = match &self.frame_address {
            FrameAddress::Offset(register, offset) => {
                Addr(callee.get(*register)?.wrapping_add_signed(*offset))
            }
            FrameAddress::Expression(text) => Addr(self.evaluate(text, None, callee, memory)?),
        };
        let mut registers = callee.preserved();
        registers.set(RSP, Some(frame_address.0));
        // The ABI's own rule. A row that has none has lost it: it is not at the bottom of a stack, which says "undefined".
        let mut return_address = self.saved(frame_address, -8, memory);
        for (register, rule) in &self.rules {
            let value = self.value(*register, rule, frame_address, callee, memory);
            if *register == self.return_address {
                return_address = value;
                if value.is_none() && *rule != Rule::Undefined {
                    return None;
                }
            } else {
                registers.set(*register, value);
            }
        }
        registers.set(RIP, return_address);
        Some(Caller {
            frame_address,
            registers,
        })
    }

    fn value(
        &self,
        register: Register,
        rule: &Rule,
        frame_address: Addr,
        callee: &FrameRegisters,
        memory: &Memory<'_>,
    ) -> Option<u64> {
        let evaluate = |text| self.evaluate(text, Some(frame_address), callee, memory);
        match rule {
            Rule::Undefined => None,
            Rule::SameValue => callee.get(register),
            Rule::SavedAt(offset) => self.saved(frame_address, *offset, memory),
            Rule::Offset(offset) => Some(frame_address.0.wrapping_add_signed(*offset)),
            Rule::InRegister(other) => callee.get(*other),
            Rule::SavedAtExpression(text) => memory.u64(Addr(evaluate(text)?)).ok(),
            Rule::Expression(text) => evaluate(text),
            Rule::Constant(value) => Some(*value),
        }
    }

    fn saved(&self, frame_address: Addr, offset: i64, memory: &Memory<'_>) -> Option<u64> {
        let at = Addr(frame_address.0.wrapping_add_signed(offset));
        memory.u64(at).ok()
    }

    /// What an expression comes to, which begins with `first` on its stack (DWARF 5, section 6.4.2.3).
    fn evaluate(
        &self,
        text: &[u8],
        first: Option<Addr>,
        registers: &FrameRegisters,
        memory: &Memory<'_>,
    ) -> Option<u64> {
        let encoding = gimli::Encoding {
            format: Format::Dwarf32,
            address_size: 8,
            ..self.encoding
        };
        let bytes = EndianSlice::new(text, LittleEndian);
        let mut evaluation: Evaluation<Slice<'_>> = Expression(bytes).evaluation(encoding);
        evaluation.set_max_iterations(MOST_OPERATIONS);
        if let Some(first) = first {
            evaluation.set_initial_value(first.0);
        }
        let mut result = evaluation.evaluate().ok()?;
        loop {
            result = match result {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = Value::Generic(registers.get(register)?);
                    evaluation.resume_with_register(value).ok()?
                }
                EvaluationResult::RequiresMemory { address, size, .. } => {
                    let mut bytes = [0; 8];
                    let wanted = bytes.get_mut(..usize::from(size))?;
                    memory.read(Addr(address), wanted).ok()?;
                    let value = Value::Generic(u64::from_le_bytes(bytes));
                    evaluation.resume_with_memory(value).ok()?
                }
                _ => return None,
            };
        }
        // A value on the stack counts as an address for gimli, since in debug information it mostly is one.
        match evaluation.as_result() {
            [piece] => match piece.location {
                Location::Address { address } => Some(address),
                Location::Value {
                    value: Value::Generic(value),
                } => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}
