//! Instructions as text, in Intel's syntax.

use std::path::Path;
use std::sync::Arc;

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter, OpKind, Register};

use super::dwarf::SourceFile;
use super::{LoadedModules, SourceFrame};
use crate::model::{Absence, Addr};
use crate::process::Memory;

/// The longest instruction of x86-64, in bytes (Intel SDM, volume 2, section 2.3.11).
pub const LONGEST_INSTRUCTION: u64 = 15;
/// Bytes.
const PAGE: u64 = 4096;
/// Code that is read for one listing, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// One instruction of a listing.
#[derive(Debug, Clone)]
pub struct Instruction {
    pub address: Addr,
    pub text: String,
    /// What it calls, jumps to or reads, where it says that by an address.
    pub target: Option<Addr>,
    pub file: Option<Arc<SourceFile>>,
    pub line: Option<u32>,
}

/// A function by its symbol, and where it begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionExtent {
    pub name: String,
    pub begin: Addr,
    /// Exclusive; nothing if the symbol does not tell its size.
    pub end: Option<Addr>,
}

impl LoadedModules<'_> {
    /// The function that has the code at an address.
    pub fn function_at(&self, address: Addr) -> Option<FunctionExtent> {
        let code = self.find(address)?;
        let loaded = code.module.as_ref().ok()?;
        let symbol = loaded.module.symbol(loaded.svma(address))?;
        let begin = loaded.bias.plus(symbol.address.0);
        Some(FunctionExtent {
            name: symbol.name,
            begin,
            end: (symbol.size > 0).then(|| begin.plus(symbol.size)),
        })
    }

    /// `main+12`; the file and the offset in it where there is no symbol; nothing where no code is.
    pub fn name_of(&self, address: Addr) -> Option<String> {
        if let Some(function) = self.function_at(address) {
            return Some(match address.0 - function.begin.0 {
                0 => function.name,
                offset => format!("{}+{offset}", function.name),
            });
        }
        let code = self.find(address)?;
        let loaded = code.module.as_ref().ok()?;
        let name = Path::new(&**code.name.as_ref()?).file_name()?;
        let offset = loaded.svma(address).0;
        Some(format!("{}+{offset:#x}", name.to_string_lossy()))
    }

    /// From where to where the code around an address is of one line, and which that is.
    pub fn line_around(&self, address: Addr) -> Option<((Addr, Addr), String, u32)> {
        let code = self.find(address)?;
        let loaded = code.module.as_ref().ok()?;
        let information = loaded.module.debug_information()?;
        let (begin, end) = information.line_around(loaded.svma(address))?;
        let at = self.line_at(address)?;
        let range = (loaded.bias.plus(begin.0), loaded.bias.plus(end.0));
        Some((range, at.file?.path.clone(), at.line?))
    }

    fn line_at(&self, address: Addr) -> Option<SourceFrame> {
        let code = self.find(address)?;
        let loaded = code.module.as_ref().ok()?;
        let frames = loaded.module.source_frames(loaded.svma(address));
        frames.into_iter().next()
    }

    /// Instructions from an address on, up to another one or so many of them. What cannot be read ends the listing, unless it is the first.
    pub fn instructions(
        &self,
        memory: &Memory<'_>,
        begin: Addr,
        end: Option<Addr>,
        count: usize,
    ) -> Result<Vec<Instruction>, Absence> {
        let by_count = (count as u64).saturating_mul(LONGEST_INSTRUCTION);
        let wanted = end.map_or(by_count, |end| end.0.saturating_sub(begin.0));
        let bytes = readable(memory, begin, wanted.min(by_count).clamp(1, MOST_BYTES))?;
        let mut decoder = Decoder::with_ip(64, &bytes, begin.0, DecoderOptions::NONE);
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_first_operand_char_index(7);
        options.set_space_after_operand_separator(true);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_branch_leading_zeros(false);
        options.set_uppercase_hex(false);
        options.set_rip_relative_addresses(true);
        let mut instructions = Vec::new();
        while decoder.can_decode() && instructions.len() < count {
            let decoded = decoder.decode();
            let address = Addr(decoded.ip());
            // What was cut off at the end of what was read is no instruction.
            let is_cut = decoded.is_invalid()
                && bytes.len() as u64 - (address.0 - begin.0) < LONGEST_INSTRUCTION;
            if is_cut && !instructions.is_empty() {
                break;
            }
            let mut text = String::new();
            formatter.format(&decoded, &mut text);
            let is_branch = matches!(
                decoded.op0_kind(),
                OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
            );
            let target = if decoded.op_count() > 0 && is_branch {
                Some(Addr(decoded.near_branch_target()))
            } else if decoded.memory_base() == Register::RIP {
                Some(Addr(decoded.memory_displacement64()))
            } else {
                None
            };
            let at = self.line_at(address);
            instructions.push(Instruction {
                address,
                text,
                target,
                line: at.as_ref().and_then(|at| at.line),
                file: at.and_then(|at| at.file),
            });
        }
        Ok(instructions)
    }
}

/// As many of the bytes as can be read, at least one.
fn readable(memory: &Memory<'_>, begin: Addr, length: u64) -> Result<Vec<u8>, Absence> {
    let mut bytes = Vec::new();
    let mut at = begin;
    while (bytes.len() as u64) < length {
        let to_end = PAGE - at.0 % PAGE;
        let count = to_end.min(length - bytes.len() as u64);
        match memory.bytes(at, count as usize) {
            Ok(more) => bytes.extend(more),
            Err(error) if bytes.is_empty() => return Err(error.absence()),
            Err(_) => break,
        }
        at = at.plus(count);
    }
    Ok(bytes)
}

impl Instruction {
    /// With the name of what it calls, jumps to or reads.
    pub fn with_target(&self, modules: &LoadedModules<'_>) -> String {
        let name = self.target.and_then(|target| modules.name_of(target));
        match (name, self.target) {
            (Some(name), Some(target)) if self.text.ends_with(&target.to_string()) => {
                format!("{} <{name}>", self.text)
            }
            (Some(name), Some(target)) => format!("{}  # {target} <{name}>", self.text),
            (None, Some(target)) if !self.text.ends_with(&target.to_string()) => {
                format!("{}  # {target}", self.text)
            }
            _ => self.text.clone(),
        }
    }
}
