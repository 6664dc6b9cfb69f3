//! A function in machine code that stands before the agent's callback for exceptions that leave a function (`inferior/unwinding.py`), and
//! asks it only about what has not been decided yet.
//!
//! A callback in Python costs a fifth of what raising and catching an exception does before it has looked at anything, and half of it with the
//! least that it has to look at. So what is known to be kept is written into a table (`inferior/filter.py`), where this function looks.
//! It is brought in with the agent, as a function of CPython's own kind, which `sys` has for the moment until the agent takes it.

use nix::libc;

use super::AgentError;
use super::furniture::{FILTER_FUNCTION_AT, PAGE, make_page};
use super::inject::all_exported;
use crate::model::Addr;
use crate::process::Process;
use crate::process::trace::Hold;
use crate::python::layout::{FrameLayout, Layout};

/// The name in `sys`, with its NUL.
const NAME: &[u8] = b"_pmdb_unwinding\0";
/// How many places and classes the table has room for, which is a power of two. Known to `inferior/filter.py`, too.
pub(super) const SLOTS: u32 = 1024;

/// More than anybody has to it, and less than any address.
const MOST_REFERENCES: u64 = 0xffff;

/// Functions of CPython that the code calls, by their place in the page. None is private (`Include/`).
const NEW_LIST: usize = 0;
const NEW_FUNCTION: usize = 1;
const SET_IN_SYS: usize = 2;
const CLEAR_ERROR: usize = 3;
const RUN: usize = 4;
const CALL: usize = 5;
const DROP: usize = 6;
const FUNCTIONS: [&str; 7] = [
    "PyList_New",
    "PyCFunction_NewEx",
    "PySys_SetObject",
    "PyErr_Clear",
    "PyRun_SimpleString",
    "PyObject_Vectorcall",
    "Py_DecRef",
];
/// Where the rest lies in the page: a `PyMethodDef` (`Include/methodobject.h`), its name, and the two pieces of code.
const DEFINITION_AT: usize = 56;
const NAME_AT: usize = 88;
const ENTRANCE_AT: usize = 104;
const FILTER_AT: usize = 240;
/// `METH_FASTCALL`: called with the object that it is bound to, an array of arguments and their number.
const FAST_CALL: u64 = 0x80;

/// Brings the function into a process that is held. What comes back is its page, and what takes the place of `PyRun_SimpleString` in the call that
/// brings the agent in: it makes the function known first. Nothing where that cannot be had (some systems forbid code in memory of no file): the
/// agent's callback is then called for each.
pub(super) fn bring(
    hold: &mut Hold,
    process: &dyn Process,
    layout: &Layout,
) -> Result<Option<(Addr, Addr)>, AgentError> {
    let functions = all_exported(process, hold.pid(), FUNCTIONS);
    let (Ok(functions), Some(filter)) = (functions, filter(layout)) else {
        return Ok(None);
    };
    let page = match make_page(
        hold,
        "map a page for code",
        libc::PROT_READ | libc::PROT_EXEC,
    ) {
        Ok(page) => page,
        Err(AgentError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    hold.write(page, &contents(page, &functions, filter))?;
    Ok(Some((page, page.plus(ENTRANCE_AT as u64))))
}

/// Whether nothing leads any more into the page of a pmdb that was killed: no thread is in it, and the function is freed at which the page of the text
/// points. What is freed has no count of references any more, or an address in its place (`Objects/methodobject.c`).
pub(super) fn is_over(
    hold: &Hold,
    layout: &Layout,
    text: Addr,
    page: Addr,
) -> Result<bool, AgentError> {
    let range = page..page.plus(PAGE);
    for tid in hold.stopped() {
        if range.contains(&Addr(hold.registers(tid)?.rip)) {
            return Ok(false);
        }
    }
    let word = |at: Addr| {
        let mut word = [0; 8];
        hold.read(at, &mut word).map(|()| u64::from_le_bytes(word))
    };
    let function = Addr(word(text.plus(FILTER_FUNCTION_AT))?);
    if function.is_null() {
        return Ok(true);
    }
    // It may be unmapped with all that was beside it. The count is the lower half, from 3.14 on with flags above it; `m_ml` is what comes behind
    // the head of the object.
    let count = word(function).unwrap_or(0) & u64::from(u32::MAX);
    let definition = word(function.plus(layout.object.size)).unwrap_or(0);
    let is_alive = (1..=MOST_REFERENCES).contains(&count);
    Ok(!is_alive || definition != page.plus(DEFINITION_AT as u64).0)
}

fn contents(page: Addr, functions: &[Addr], filter: Assembly) -> Vec<u8> {
    let at = |offset: usize| page.plus(offset as u64).0;
    let mut bytes: Vec<u8> = functions
        .iter()
        .flat_map(|function| function.0.to_le_bytes())
        .collect();
    let definition = [at(NAME_AT), at(FILTER_AT), FAST_CALL, 0];
    bytes.extend(definition.iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(NAME);
    bytes.resize(ENTRANCE_AT, 0);
    bytes.extend(entrance().assembled());
    bytes.resize(FILTER_AT, 0);
    bytes.extend(filter.assembled());
    debug_assert!(bytes.len() as u64 <= PAGE);
    bytes
}

/// What the interpreter calls with the text that brings the agent in (`rdi`): it puts the function into `sys`, bound to a new list, and
/// runs the text. Both are freed when the agent gives them up (`give_back` in `inferior/filter.py`), and then nothing leads into the page any more.
fn entrance() -> Assembly {
    let mut code = Assembly::at(ENTRANCE_AT);
    code.add(&[0x53]); // push rbx
    code.add(&[0x41, 0x54]); // push r12
    code.add(&[0x41, 0x55]); // push r13
    code.add(&[0x48, 0x89, 0xfb]); // mov rbx, rdi
    code.add(&[0x31, 0xff]); // xor edi, edi
    code.with(&[0xff, 0x15], NEW_LIST * 8); // call PyList_New(0)
    code.add(&[0x48, 0x85, 0xc0]); // test rax, rax
    code.jump(0x74, Label::Run); // je
    code.add(&[0x49, 0x89, 0xc4]); // mov r12, rax
    code.with(&[0x48, 0x8d, 0x3d], DEFINITION_AT); // lea rdi, its definition
    code.add(&[0x48, 0x89, 0xc6]); // mov rsi, rax
    code.add(&[0x31, 0xd2]); // xor edx, edx
    code.with(&[0xff, 0x15], NEW_FUNCTION * 8); // call PyCFunction_NewEx(definition, list, NULL)
    code.add(&[0x49, 0x89, 0xc5]); // mov r13, rax
    code.add(&[0x48, 0x89, 0x83]); // mov [rbx+FILTER_FUNCTION_AT], rax: the page of the text says where it is
    code.add(&(FILTER_FUNCTION_AT as u32).to_le_bytes());
    code.add(&[0x4c, 0x89, 0xe7]); // mov rdi, r12
    code.with(&[0xff, 0x15], DROP * 8); // call Py_DecRef(list): the function has it
    code.add(&[0x4d, 0x85, 0xed]); // test r13, r13
    code.jump(0x74, Label::Run); // je
    code.with(&[0x48, 0x8d, 0x3d], NAME_AT); // lea rdi, its name
    code.add(&[0x4c, 0x89, 0xee]); // mov rsi, r13
    code.with(&[0xff, 0x15], SET_IN_SYS * 8); // call PySys_SetObject(name, function)
    code.add(&[0x4c, 0x89, 0xef]); // mov rdi, r13
    code.with(&[0xff, 0x15], DROP * 8); // call Py_DecRef(function): `sys` has it
    code.label(Label::Run);
    code.with(&[0xff, 0x15], CLEAR_ERROR * 8); // call PyErr_Clear(): there was no memory
    code.add(&[0x48, 0x89, 0xdf]); // mov rdi, rbx
    code.add(&[0x41, 0x5d]); // pop r13
    code.add(&[0x41, 0x5c]); // pop r12
    code.add(&[0x5b]); // pop rbx
    code.with(&[0xff, 0x25], RUN * 8); // jmp PyRun_SimpleString(text)
    code
}

/// `function(list, [code, offset, exception], 3)`. The list has the table, the callback and None, which is never freed (PEP 683). The table begins with
/// 64 bits, one for each number that bits 4 to 9 of an exception's address can be: where it is set, the callback is always asked. After 8 more bytes come the slots. A slot is the address of an instruction that a caller is at, and a class, with
/// bit 0 set if what is of it leaves that caller too; else it is kept there.
///
/// The frames are those that the callback would go through (`_PyInterpreterFrame`): while an exception is on its way nothing else runs in this thread.
/// Nothing if the parts of an object are not where a byte reaches them.
fn filter(layout: &Layout) -> Option<Assembly> {
    let FrameLayout::Interpreter(frame) = &layout.frame else {
        return None;
    };
    let byte = |at: u64| i8::try_from(at).ok().map(i8::cast_unsigned);
    let items = byte(layout.object.list_items)?;
    let start = byte(layout.object.bytearray_start)?;
    let kind = byte(layout.object.kind)?;
    let traceback = byte(layout.exception.traceback)?;
    let (next, of) = (byte(layout.traceback.next)?, byte(layout.traceback.frame)?);
    let inner = byte(frame.frame_object_frame)?;
    let (previous, instruction) = (byte(frame.previous)?, byte(frame.instruction)?);
    // From the first of these on (`enum _frameowner`).
    let (owner, shim) = (byte(frame.owner)?, *frame.shim_owners.iter().min()?);
    let mut code = Assembly::at(FILTER_AT);
    code.add(&[0x48, 0x8b, 0x47, items]); // mov rax, [rdi+items]
    code.add(&[0x4c, 0x8b, 0x00]); // mov r8, [rax]
    code.add(&[0x4d, 0x8b, 0x40, start]); // mov r8, [r8+start]: the table
    code.add(&[0x48, 0x8b, 0x4e, 0x10]); // mov rcx, [rsi+16]: the exception
    code.add(&[0x4d, 0x8b, 0x18]); // mov r11, [r8]
    code.add(&[0x49, 0x89, 0xc9]); // mov r9, rcx
    code.add(&[0x49, 0xc1, 0xe9, 0x04]); // shr r9, 4
    code.add(&[0x4d, 0x0f, 0xa3, 0xcb]); // bt r11, r9: modulo 64
    code.jump(0x72, Label::Ask); // jc
    code.add(&[0x4c, 0x8b, 0x49, traceback]); // mov r9, [rcx+traceback]
    code.add(&[0x4d, 0x85, 0xc9]); // test r9, r9
    code.jump(0x74, Label::Done); // je
    code.add(&[0x49, 0x83, 0x79, next, 0x00]); // cmp qword [r9+next], 0: it has left another function before
    code.jump(0x75, Label::Done); // jne
    code.add(&[0x4d, 0x8b, 0x49, of]); // mov r9, [r9+frame]
    code.add(&[0x4d, 0x8b, 0x49, inner]); // mov r9, [r9+inner]: the frame that it leaves
    code.add(&[0x48, 0x8b, 0x49, kind]); // mov rcx, [rcx+kind]: its class
    code.add(&[0x49, 0x89, 0xca]); // mov r10, rcx
    code.add(&[0x49, 0xc1, 0xea, 0x04]); // shr r10, 4
    code.label(Label::Caller);
    code.add(&[0x4d, 0x8b, 0x49, previous]); // mov r9, [r9+previous]
    code.add(&[0x4d, 0x85, 0xc9]); // test r9, r9
    code.jump(0x74, Label::Ask); // je
    code.add(&[0x41, 0x80, 0x79, owner, shim]); // cmp byte [r9+owner], shim
    code.jump(0x73, Label::Caller); // jae
    code.add(&[0x4d, 0x8b, 0x59, instruction]); // mov r11, [r9+instruction]
    code.add(&[0x4c, 0x89, 0xdf]); // mov rdi, r11
    code.add(&[0x48, 0xd1, 0xef]); // shr rdi, 1
    code.add(&[0x4c, 0x31, 0xd7]); // xor rdi, r10
    code.add(&[0x81, 0xe7]); // and edi, SLOTS - 1
    code.add(&(SLOTS - 1).to_le_bytes());
    code.add(&[0x48, 0xc1, 0xe7, 0x04]); // shl rdi, 4
    code.add(&[0x4d, 0x39, 0x5c, 0x38, 0x10]); // cmp [r8+rdi+16], r11
    code.jump(0x75, Label::Ask); // jne
    code.add(&[0x4d, 0x8b, 0x5c, 0x38, 0x18]); // mov r11, [r8+rdi+24]
    code.add(&[0x49, 0x39, 0xcb]); // cmp r11, rcx
    code.jump(0x74, Label::Done); // je: kept
    code.add(&[0x49, 0xff, 0xcb]); // dec r11
    code.add(&[0x49, 0x39, 0xcb]); // cmp r11, rcx
    code.jump(0x74, Label::Caller); // je: it leaves this one, too
    code.label(Label::Ask);
    code.add(&[0x48, 0x8b, 0x78, 0x08]); // mov rdi, [rax+8]
    code.add(&[0x31, 0xc9]); // xor ecx, ecx
    code.with(&[0xff, 0x25], CALL * 8); // jmp PyObject_Vectorcall(callback, arguments, 3, NULL)
    code.label(Label::Done);
    code.add(&[0x48, 0x8b, 0x40, 0x10, 0xc3]); // mov rax, [rax+16]; ret
    Some(code)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Run,
    Caller,
    Ask,
    Done,
}

/// A piece of code that is written down in order, and its jumps.
struct Assembly {
    /// Where it begins in the page.
    start: usize,
    bytes: Vec<u8>,
    labels: Vec<(Label, usize)>,
    /// Where the byte lies that says how far a jump goes.
    jumps: Vec<(Label, usize)>,
}

impl Assembly {
    fn at(start: usize) -> Assembly {
        Assembly {
            start,
            bytes: Vec::new(),
            labels: Vec::new(),
            jumps: Vec::new(),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// An instruction whose operand lies in the page, by its distance from the end of the instruction.
    fn with(&mut self, opcode: &[u8], operand: usize) {
        self.add(opcode);
        let end = self.start + self.bytes.len() + 4;
        let distance = operand.wrapping_sub(end) as u32;
        self.add(&distance.to_le_bytes());
    }

    /// A jump of less than 128 bytes.
    fn jump(&mut self, opcode: u8, to: Label) {
        self.add(&[opcode, 0]);
        self.jumps.push((to, self.bytes.len() - 1));
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.bytes.len()));
    }

    fn assembled(mut self) -> Vec<u8> {
        for (label, at) in self.jumps {
            let target = self.labels.iter().find(|(known, _)| *known == label);
            let target = target.map_or(0, |(_, target)| *target);
            let distance = target as isize - (at + 1) as isize;
            debug_assert!(i8::try_from(distance).is_ok(), "{label:?}");
            self.bytes[at] = distance as u8;
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_fits_and_finds_its_labels() {
        for layout in crate::python::layout::ALL {
            let Some(filter) = filter(layout) else {
                continue;
            };
            for code in [entrance(), filter] {
                let known = |label| code.labels.iter().any(|(one, _)| *one == label);
                assert!(code.jumps.iter().all(|(label, _)| known(*label)));
            }
            assert!(ENTRANCE_AT + entrance().assembled().len() <= FILTER_AT);
        }
    }
}
