//! Where a variable is in a frame: location lists and DWARF expressions (DWARF 5, sections 2.5 and 2.6), evaluated on the registers of the
//! frame and the memory of the process.

use gimli::{
    AttributeValue, EvaluationResult, Expression, Piece, Reader, Register, UnitRef, Value,
    ValueType,
};

use super::storage::{Pieces, Storage};
use crate::model::{Absence, Addr};
use crate::native::dwarf::{EntryRef, Place, Slice, UnitIn};
use crate::process::Memory;

/// Operations of one expression; more are a loop that a damaged one makes.
const MOST_OPERATIONS: u32 = 10_000;

/// A value that is put together from pieces is not longer. Bytes.
const LONGEST_OF_PIECES: u64 = 1 << 16;

/// What a frame has, as far as it is known.
pub struct FrameState<'f> {
    pub memory: &'f Memory<'f>,
    /// The load bias of the module.
    pub bias: Addr,
    /// As they are in this frame. `None` for one that a callee may have overwritten.
    pub register: &'f dyn Fn(Register) -> Option<u64>,
    /// The canonical frame address: what the stack pointer was before the call.
    pub cfa: Option<Addr>,
    /// Where the thread has the thread-local variables of the module.
    pub thread_block: &'f dyn Fn() -> Result<Addr, Absence>,
}

/// An expression, and what it is evaluated on.
pub struct Locator<'f, 's, 'a> {
    pub frame: &'f FrameState<'f>,
    pub within: UnitIn<'s, 'a>,
    /// The function that the frame is of, which says what its frame base is.
    pub function: EntryRef<'s, 'a>,
    /// As linked: in the instruction that is executed.
    pub address: u64,
}

impl<'a> Locator<'_, '_, 'a> {
    /// Where a variable is. `size` is that of its type, in bytes.
    pub fn locate(&self, place: &Place<'a>, size: u64) -> Result<Storage, Absence> {
        match place {
            Place::None => Err(Absence::OptimizedOut),
            Place::Constant(value) => constant(self.within.reading(), *value, size),
            Place::Location(value) => {
                let expression = self.expression(*value)?;
                self.storage(expression, size)
            }
        }
    }

    fn unit(&self) -> UnitRef<'_, Slice<'a>> {
        self.within.reading()
    }

    /// The expression that holds at the address.
    fn expression(
        &self,
        value: AttributeValue<Slice<'a>>,
    ) -> Result<Expression<Slice<'a>>, Absence> {
        if let AttributeValue::Exprloc(expression) = value {
            return Ok(expression);
        }
        let damaged = |error: gimli::Error| damaged(&error);
        let mut list = self
            .unit()
            .attr_locations(value)
            .map_err(damaged)?
            .ok_or(Absence::OptimizedOut)?;
        while let Some(entry) = list.next().map_err(damaged)? {
            if (entry.range.begin..entry.range.end).contains(&self.address) {
                return Ok(entry.data);
            }
        }
        Err(Absence::NotHere)
    }

    fn storage(&self, expression: Expression<Slice<'a>>, size: u64) -> Result<Storage, Absence> {
        if expression.0.is_empty() {
            return Err(Absence::OptimizedOut);
        }
        let pieces = self.evaluate(expression)?;
        match pieces.as_slice() {
            [] => Err(Absence::OptimizedOut),
            [
                Piece {
                    size_in_bits: None,
                    location: gimli::Location::Address { address },
                    ..
                },
            ] => Ok(Storage::Memory(Addr(*address))),
            pieces => self.put_together(pieces, size).map(Storage::of),
        }
    }

    fn put_together(&self, pieces: &[Piece<Slice<'a>>], size: u64) -> Result<Pieces, Absence> {
        let mut whole = Pieces::default();
        for piece in pieces {
            let bits = piece.size_in_bits.unwrap_or(size.saturating_mul(8));
            let length = bits.div_ceil(8);
            let begin = whole.bytes.len() as u64;
            if !bits.is_multiple_of(8) || begin.saturating_add(length) > LONGEST_OF_PIECES {
                return Err(Absence::Unsupported {
                    what: "pieces that are no whole bytes, or very long".into(),
                });
            }
            let skipped = piece.bit_offset.unwrap_or(0);
            let bytes = if skipped.is_multiple_of(8) {
                self.piece(&piece.location, skipped / 8, length)
            } else {
                Err(Absence::Unsupported {
                    what: "a piece that begins within a byte".into(),
                })
            };
            match bytes {
                Ok(bytes) => whole.bytes.extend(bytes),
                // If nothing is left, the reason is that of the whole.
                Err(absence) if pieces.len() == 1 => return Err(absence),
                Err(absence) => {
                    whole.bytes.resize((begin + length) as usize, 0);
                    whole.lost.push((begin..begin + length, absence));
                }
            }
        }
        if !whole.lost.is_empty() && whole.lost.len() == pieces.len() {
            return Err(whole.lost.swap_remove(0).1);
        }
        Ok(whole)
    }

    fn piece(
        &self,
        location: &gimli::Location<Slice<'a>>,
        skipped: u64,
        length: u64,
    ) -> Result<Vec<u8>, Absence> {
        let part = |bytes: &[u8]| {
            let part = bytes.get(skipped as usize..(skipped + length) as usize);
            part.map(<[u8]>::to_vec).ok_or(Absence::OptimizedOut)
        };
        match location {
            gimli::Location::Empty => Err(Absence::OptimizedOut),
            gimli::Location::Register { register } => {
                let value = self.register(*register)?;
                let mut bytes = value.to_le_bytes().to_vec();
                // A register may be read as more than its width where the value is padded.
                bytes.resize(bytes.len().max((skipped + length) as usize).min(16), 0);
                part(&bytes)
            }
            gimli::Location::Address { address } => {
                let storage = Storage::Memory(Addr(*address).plus(skipped));
                storage.bytes(self.frame.memory, length)
            }
            gimli::Location::Value { value } => {
                let mut bytes = match value {
                    Value::F32(value) => value.to_bits().to_le_bytes().to_vec(),
                    Value::F64(value) => value.to_bits().to_le_bytes().to_vec(),
                    value => {
                        let value = value.to_u64(u64::MAX).map_err(|error| damaged(&error))?;
                        value.to_le_bytes().to_vec()
                    }
                };
                bytes.resize(bytes.len().max((skipped + length) as usize).min(16), 0);
                part(&bytes)
            }
            gimli::Location::Bytes { value } => part(value.slice()),
            // The pointer is gone; what it pointed to may be known, which no pointer can say.
            gimli::Location::ImplicitPointer { .. } => Err(Absence::OptimizedOut),
        }
    }

    fn register(&self, register: Register) -> Result<u64, Absence> {
        let name = gimli::X86_64::register_name(register);
        let name = name.map_or_else(|| format!("register {}", register.0), str::to_owned);
        (self.frame.register)(register).ok_or(Absence::RegisterLost { register: name })
    }

    fn evaluate(
        &self,
        expression: Expression<Slice<'a>>,
    ) -> Result<Vec<Piece<Slice<'a>>>, Absence> {
        let failed = |error: gimli::Error| damaged(&error);
        let unit = self.unit();
        let mut evaluation = expression.evaluation(unit.encoding());
        evaluation.set_max_iterations(MOST_OPERATIONS);
        let mut state = evaluation.evaluate().map_err(failed)?;
        loop {
            let next = match state {
                EvaluationResult::Complete => return Ok(evaluation.result()),
                EvaluationResult::RequiresMemory {
                    address,
                    size,
                    space: None,
                    base_type,
                } => {
                    let storage = Storage::Memory(Addr(address));
                    let bytes = storage.unsigned(self.frame.memory, size.into())? as u64;
                    evaluation.resume_with_memory(self.value(base_type, bytes)?)
                }
                EvaluationResult::RequiresRegister {
                    register,
                    base_type,
                } => {
                    let value = self.register(register)?;
                    evaluation.resume_with_register(self.value(base_type, value)?)
                }
                EvaluationResult::RequiresFrameBase => {
                    evaluation.resume_with_frame_base(self.frame_base()?)
                }
                EvaluationResult::RequiresCallFrameCfa => {
                    let cfa = self.frame.cfa.ok_or(Absence::Unsupported {
                        what: "the frame's address is not known".into(),
                    })?;
                    evaluation.resume_with_call_frame_cfa(cfa.0)
                }
                EvaluationResult::RequiresRelocatedAddress(address) => {
                    evaluation.resume_with_relocated_address(self.frame.bias.plus(address).0)
                }
                EvaluationResult::RequiresIndexedAddress { index, relocate } => {
                    let address = unit.address(index).map_err(failed)?;
                    let bias = if relocate {
                        self.frame.bias
                    } else {
                        Addr::NULL
                    };
                    evaluation.resume_with_indexed_address(bias.plus(address).0)
                }
                EvaluationResult::RequiresBaseType(offset) => {
                    let kind = self.value_type(offset)?;
                    evaluation.resume_with_base_type(kind)
                }
                // What the caller put there is in the caller's frame, of which this one knows nothing.
                EvaluationResult::RequiresEntryValue(_) => return Err(Absence::OptimizedOut),
                EvaluationResult::RequiresTls(offset) => {
                    let block = (self.frame.thread_block)()?;
                    evaluation.resume_with_tls(block.plus(offset).0)
                }
                _ => {
                    return Err(Absence::Unsupported {
                        what: "its location expression".into(),
                    });
                }
            };
            state = next.map_err(failed)?;
        }
    }

    fn value(&self, base_type: gimli::UnitOffset, bits: u64) -> Result<Value, Absence> {
        let kind = self.value_type(base_type)?;
        Value::from_u64(kind, bits).map_err(|error| damaged(&error))
    }

    fn value_type(&self, offset: gimli::UnitOffset) -> Result<ValueType, Absence> {
        // The generic type (DWARF 5, section 2.5.1).
        if offset.0 == 0 {
            return Ok(ValueType::Generic);
        }
        let entry = self
            .within
            .entry(offset)
            .read()
            .map_err(|error| damaged(&error))?;
        let kind = ValueType::from_entry(&entry).map_err(|error| damaged(&error))?;
        kind.ok_or(Absence::Unsupported {
            what: "a type of its location expression".into(),
        })
    }

    fn frame_base(&self) -> Result<u64, Absence> {
        let entry = self.function.read().map_err(|error| damaged(&error))?;
        let missing = Absence::Unsupported {
            what: "its function has no frame base".into(),
        };
        let base = entry.attr_value(gimli::DW_AT_frame_base).ok_or(missing)?;
        let expression = self.expression(base)?;
        // One that needs a frame base for its frame base would go on without end.
        let mut operations = expression.operations(self.unit().encoding());
        while let Ok(Some(operation)) = operations.next() {
            if matches!(operation, gimli::Operation::FrameOffset { .. }) {
                return Err(Absence::Torn {
                    what: "the frame base refers to itself".into(),
                });
            }
        }
        match self.evaluate(expression)?.as_slice() {
            [
                Piece {
                    location: gimli::Location::Address { address },
                    ..
                },
            ] => Ok(*address),
            [
                Piece {
                    location: gimli::Location::Register { register },
                    ..
                },
            ] => self.register(*register),
            _ => Err(Absence::Unsupported {
                what: "its function's frame base".into(),
            }),
        }
    }
}

fn constant<'a>(
    unit: UnitRef<'_, Slice<'a>>,
    value: AttributeValue<Slice<'a>>,
    size: u64,
) -> Result<Storage, Absence> {
    let mut bytes = match value {
        AttributeValue::Sdata(value) => i128::from(value).to_le_bytes().to_vec(),
        AttributeValue::Udata(value) => u128::from(value).to_le_bytes().to_vec(),
        AttributeValue::Data1(value) => vec![value],
        AttributeValue::Data2(value) => value.to_le_bytes().to_vec(),
        AttributeValue::Data4(value) => value.to_le_bytes().to_vec(),
        AttributeValue::Data8(value) => value.to_le_bytes().to_vec(),
        AttributeValue::Block(bytes) => bytes.slice().to_vec(),
        AttributeValue::Exprloc(expression) => expression.0.slice().to_vec(),
        value => unit
            .attr_string(value)
            .map_err(|error| damaged(&error))?
            .slice()
            .to_vec(),
    };
    if bytes.len() < size as usize && size <= 16 {
        bytes.resize(size as usize, 0);
    }
    let lost = Vec::new();
    Ok(Storage::of(Pieces { bytes, lost }))
}

fn damaged(error: &gimli::Error) -> Absence {
    let what = format!("its location in the debug information: {error}");
    Absence::Torn { what }
}
