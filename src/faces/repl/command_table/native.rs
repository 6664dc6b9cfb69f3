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
    Command {
        name: "registers",
        short: &["regs"],
        arguments: "",
        help: "\
Prints the general registers of the current frame. In a caller those are not known that what it called may have used.",
        example: "registers",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Registers),
    },
    Command {
        name: "disas",
        short: &["disassemble"],
        arguments: "[location]",
        help: "\
Prints the instructions of the current function, or of the one at a location (a function, an address, an expression), in Intel's syntax, with the
lines of source between them. `=>` marks the instruction that the frame executes next.",
        example: "disas srv::Server::serve",
        operand: Operand::Expression,
        group: Group::Native,
        action: Action::Native(NativeAction::Disassemble),
    },
    Command {
        name: "x",
        short: &[],
        arguments: "[/layout] address",
        help: "\
Prints memory from the address of an expression on. The layout is that of gdb: a count, a format (`x` hexadecimal, `d` decimal, `u` unsigned, `o`
octal, `t` binary, `c` character, `a` address, `f` floating point, `s` string, `i` instruction) and a size (`b` 1, `h` 2, `w` 4, `g` 8 bytes).",
        example: "x/4xg $rsp",
        operand: Operand::Expression,
        group: Group::Native,
        action: Action::Native(NativeAction::Examine),
    },
    Command {
        name: "modules",
        short: &[],
        arguments: "[part of a path]",
        help: "\
Lists the program and the libraries that are mapped: where, what is known of their names, and what of their debug information is damaged or missing.",
        example: "modules libc",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Modules),
    },
    Command {
        name: "sections",
        short: &[],
        arguments: "[part of a path]",
        help: "\
Lists the sections of the current frame's module, or of another one, and where they are.",
        example: "sections libc",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Sections),
    },
    Command {
        name: "symbols",
        short: &[],
        arguments: "pattern",
        help: "\
Lists the symbols whose names have a text in them, or suit a pattern with `*`, `?` and `[...]`: where they are, how many bytes they have, and in which module.",
        example: "symbols *malloc*",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Symbols),
    },
    Command {
        name: "info",
        short: &[],
        arguments: "line location | functions pattern | types pattern | variables pattern | ...",
        help: "\
`info line file.rs:12` says which code a line has, `info line $pc` which line an address; `info functions` and `info types` look for names in
the debug information, and `info variables` for statics and thread-local variables, which it shows with their values. For who knows gdb: `info locals`, `args`, `registers`, `threads`, `frame`, `symbol`, `sharedlibrary`, `breakpoints`, `display` and `inferiors` do what the
commands of pmdb do.",
        example: "info line main.rs:42",
        operand: Operand::None,
        group: Group::Native,
        action: Action::Native(NativeAction::Info),
    },
];
