//! Commands about native code.

use crate::faces::repl::commands::{Action, Command, Group, NativeAction, Operand};

pub(super) const NATIVE: &[Command] = &[
    Command {
        name: "native",
        short: &[],
        arguments: "[on | off]",
        help: "\
Shows the native frames (Rust, C, C++) of a process with Python between those of Python, or no longer: `where`, `up`, `down`, `frame`, `threads`
and `thread` are about both then, and expressions are in the language of the frame. A process without Python has only these. A running process
is stopped for a moment whenever they are read.",
        example: "native on",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Show),
    },
    Command {
        name: "ptype",
        short: &[],
        arguments: "expression | type",
        help: "Prints what a type is made of, by its name or that of an expression: its fields with their places in bytes, its variants.",
        example: "ptype alloc::vec::Vec<u8>",
        operand: Operand::Expression,
        group: Group::Native,
        action: Action::Native(NativeAction::Type),
    },
];
