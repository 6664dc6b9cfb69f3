//! Whether a function catches whatever is thrown through one of its calls: its language-specific data area in `.gcc_except_table`
//! (`libstdc++-v3/libsupc++/eh_personality.cc`, `library/std/src/sys/personality/dwarf/eh.rs`). Those of Rust and C++ have one form.

use gimli::{EndianSlice, LittleEndian, Reader};

use crate::native::{Module, Svma};

/// Calls of one function that are looked at, and actions of one call.
const MOST_CALLS: usize = 100_000;
const MOST_ACTIONS: usize = 64;

/// What a function does with a panic that comes out of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// It lets it through, and may run destructors before.
    Passes,
    /// It catches it, as it catches everything.
    Catches,
    /// Nothing may come out of it: the program ends (`noexcept`, `extern "C"`).
    Ends,
}

type Slice<'f> = EndianSlice<'f, LittleEndian>;

/// What the function does that executes a call at an address. What cannot be read passes.
pub fn handling(module: &Module, executed: Svma) -> Handling {
    of(module, executed).unwrap_or(Handling::Passes)
}

fn of(module: &Module, executed: Svma) -> Option<Handling> {
    let (function, area) = module.data_area(executed)?;
    let view = module.elf().view().ok()?;
    let bytes = view.bytes().get(view.to_end_of_segment(area.0)?)?;
    by_table(bytes, executed.0.checked_sub(function.0)?)
}

/// What the table says of an instruction, by its distance from the beginning of the function.
fn by_table(bytes: &[u8], distance: u64) -> Option<Handling> {
    let whole = EndianSlice::new(bytes, LittleEndian);
    let mut area = whole;
    // Where landing pads begin to be counted, if that is not the function.
    let encoding = area.read_u8().ok()?;
    if encoding != OMITTED {
        number(&mut area, encoding)?;
    }
    let encoding = area.read_u8().ok()?;
    let types = if encoding == OMITTED {
        None
    } else {
        let end = usize::try_from(area.read_uleb128().ok()?).ok()?;
        let end = end.checked_add(whole.len() - area.len())?;
        Some(Types {
            bytes: bytes.get(..end)?,
            size: size(encoding)?,
        })
    };
    let encoding = area.read_u8().ok()?;
    let length = usize::try_from(area.read_uleb128().ok()?).ok()?;
    let mut calls = area.split(length).ok()?;
    let actions = area;
    for _ in 0..MOST_CALLS {
        if calls.is_empty() {
            break;
        }
        let start = number(&mut calls, encoding)?;
        let size = number(&mut calls, encoding)?;
        let pad = number(&mut calls, encoding)?;
        let action = calls.read_uleb128().ok()?;
        if distance < start {
            break;
        }
        if distance - start < size {
            return match (pad, action) {
                (0, _) | (_, 0) => Some(Handling::Passes),
                _ => by_actions(actions, action, types.as_ref()),
            };
        }
    }
    // A call that is not in the table may not throw.
    Some(Handling::Ends)
}

/// A chain of filters: positive ones catch a type, 0 is a cleanup, negative ones are of what nothing may pass.
fn by_actions(actions: Slice<'_>, first: u64, types: Option<&Types<'_>>) -> Option<Handling> {
    let mut at = usize::try_from(first.checked_sub(1)?).ok()?;
    for _ in 0..MOST_ACTIONS {
        let mut action = actions;
        action.skip(at).ok()?;
        let filter = action.read_sleb128().ok()?;
        let link = actions.len() - action.len();
        let next = action.read_sleb128().ok()?;
        match filter {
            // A handler of one type of C++ does not catch a panic.
            1.. if types.is_none_or(|types| types.is_everything(filter)) => {
                return Some(Handling::Catches);
            }
            ..=-1 => return Some(Handling::Ends),
            _ if next == 0 => return Some(Handling::Passes),
            _ => at = link.checked_add_signed(isize::try_from(next).ok()?)?,
        }
    }
    None
}

/// The table of types, which is counted from its end.
struct Types<'f> {
    bytes: &'f [u8],
    size: usize,
}

impl Types<'_> {
    /// Whether the entry stands for any type: it is null, in whatever form.
    fn is_everything(&self, filter: i64) -> bool {
        let entry = usize::try_from(filter).ok().and_then(|filter| {
            let start = self
                .bytes
                .len()
                .checked_sub(filter.checked_mul(self.size)?)?;
            self.bytes.get(start..start + self.size)
        });
        entry.is_some_and(|entry| entry.iter().all(|byte| *byte == 0))
    }
}

/// `DW_EH_PE_omit`, and the forms of numbers (Linux Standard Base, 10.5.1).
const OMITTED: u8 = 0xff;

fn number(area: &mut Slice<'_>, encoding: u8) -> Option<u64> {
    match encoding & 0x0f {
        0x00 | 0x04 | 0x0c => area.read_u64().ok(),
        0x01 => area.read_uleb128().ok(),
        0x02 => area.read_u16().ok().map(u64::from),
        0x03 | 0x0b => area.read_u32().ok().map(u64::from),
        _ => None,
    }
}

/// Bytes of a number in a form of fixed length.
fn size(encoding: u8) -> Option<usize> {
    match encoding & 0x0f {
        0x00 | 0x04 | 0x0c => Some(8),
        0x02 | 0x0a => Some(2),
        0x03 | 0x0b => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls at 0, 16, 32, 48 and 64, each of 16 bytes: one without a landing pad, one with a cleanup, one that catches everything, one that
    /// catches a type, one that nothing may leave.
    const AREA: [u8; 41] = [
        0xff, 0x9b, 38, 0x01, 20, //
        0, 16, 0, 0, 16, 16, 90, 0, 32, 16, 91, 1, 48, 16, 92, 3, 64, 16, 93, 5, //
        1, 0, 2, 0, 0x7f, 0, //
        0, 0, // aligned
        7, 0, 0, 0, 0, 0, 0, 0, // the second type, and the first, which is null
    ];

    #[test]
    fn calls_are_told_apart_by_what_catches_them() {
        let at = |distance| by_table(&AREA, distance);
        assert_eq!(at(3), Some(Handling::Passes));
        assert_eq!(at(20), Some(Handling::Passes));
        assert_eq!(at(40), Some(Handling::Catches));
        assert_eq!(at(50), Some(Handling::Passes));
        assert_eq!(at(79), Some(Handling::Ends));
        assert_eq!(at(80), Some(Handling::Ends));
    }

    #[test]
    fn a_cut_or_damaged_area_is_no_answer() {
        for length in 0..AREA.len() {
            by_table(&AREA[..length], 40);
        }
        let mut circle = AREA;
        (circle[25], circle[26]) = (0, 0x7f);
        assert_eq!(by_table(&circle, 40), None);
    }
}
