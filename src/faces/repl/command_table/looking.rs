//! Commands that look at the stack, the source and the values.

use crate::faces::repl::commands::{Action, Command, Group, Operand};

pub(super) const LOOKING: &[Command] = &[
    Command {
        name: "where",
        short: &["w", "bt"],
        arguments: "[count]",
        help: "\
Prints the stack, the newest frame last, with `>` before the frame that the other commands are about.
With a count above 0 that many of the newest frames, with one below 0 that many of the oldest, with 0 the
current frame alone.",
        example: "where 3",
        operand: Operand::None,
        group: Group::Stack,
        action: Action::Where,
    },
    Command {
        name: "up",
        short: &["u"],
        arguments: "[count]",
        help: "Goes to the frame that called the current one, or `count` frames in that direction.",
        example: "up 2",
        operand: Operand::None,
        group: Group::Stack,
        action: Action::Up,
    },
    Command {
        name: "down",
        short: &["d"],
        arguments: "[count]",
        help: "Goes to the frame that the current one called, or `count` frames in that direction.",
        example: "down",
        operand: Operand::None,
        group: Group::Stack,
        action: Action::Down,
    },
    Command {
        name: "frame",
        short: &[],
        arguments: "[number]",
        help: "\
Goes to a frame by its number: 0 is the newest, 1 its caller; -1 is the oldest. Without a number: says which
one is current.",
        example: "frame 0",
        operand: Operand::FrameNumber,
        group: Group::Stack,
        action: Action::Frame,
    },
    Command {
        name: "list",
        short: &["l"],
        arguments: "[first[, last] | .]",
        help: "\
Lists eleven lines around the current one, and goes on from there when it is given again. With `.` around the
current line again; with a number around that line; with two from the first to the last, or, if the second is
the smaller one, that many lines more. `->` marks the current line; in the traceback of an exception `>>` marks
the line that raised, if that is another one.",
        example: "list 10, 20",
        operand: Operand::None,
        group: Group::Source,
        action: Action::List,
    },
    Command {
        name: "longlist",
        short: &["ll"],
        arguments: "",
        help: "Lists the whole function of the current frame.",
        example: "ll",
        operand: Operand::None,
        group: Group::Source,
        action: Action::LongList,
    },
    Command {
        name: "source",
        short: &[],
        arguments: "expression",
        help: "Lists the source of the function, method, class or module that an expression gives.",
        example: "source self.handle",
        operand: Operand::Expression,
        group: Group::Source,
        action: Action::Source,
    },
    Command {
        name: "args",
        short: &["a"],
        arguments: "",
        help: "Prints the arguments of the current function, with the values that they have by now.",
        example: "args",
        operand: Operand::None,
        group: Group::Values,
        action: Action::Arguments,
    },
    Command {
        name: "p",
        short: &[],
        arguments: "expression",
        help: "\
Prints the value of an expression. It is computed by pmdb from the memory of the process: no code runs there, so
what only code could tell (a property, a call of a Python function) is refused. An expression alone does the
same, unless its first word is a command; `!` before it makes sure. `$_exception` in it is the exception that is
looked at, or that the thread raises or handles.",
        example: "p len(self.queue), self.queue[0]",
        operand: Operand::Expression,
        group: Group::Values,
        action: Action::Print,
    },
    Command {
        name: "pp",
        short: &[],
        arguments: "expression",
        help: "Prints the value of an expression over as many lines as it needs.",
        example: "pp os.environ",
        operand: Operand::Expression,
        group: Group::Values,
        action: Action::PrettyPrint,
    },
    Command {
        name: "whatis",
        short: &[],
        arguments: "expression",
        help: "Prints the type of an expression's value.",
        example: "whatis self.lock",
        operand: Operand::Expression,
        group: Group::Values,
        action: Action::WhatIs,
    },
    Command {
        name: "locals",
        short: &[],
        arguments: "",
        help: "Prints the variables of the current frame.",
        example: "locals",
        operand: Operand::None,
        group: Group::Values,
        action: Action::Locals,
    },
    Command {
        name: "globals",
        short: &[],
        arguments: "",
        help: "Prints the global variables of the current frame's module.",
        example: "globals",
        operand: Operand::None,
        group: Group::Values,
        action: Action::Globals,
    },
    Command {
        name: "interact",
        short: &[],
        arguments: "",
        help: "\
Starts an interpreter with the prompt `>>> ` in the process, which has to stand still. It has a copy of the names of the current
frame, local and global: what is assigned there is gone when it ends, by Ctrl-D or `exit()`. Tracebacks are whole, and `_` is the
last value.",
        example: "interact",
        operand: Operand::None,
        group: Group::Values,
        action: Action::Interact,
    },
    Command {
        name: "display",
        short: &[],
        arguments: "[expression]",
        help: "\
Prints the value of an expression, and again before a command whenever it has changed while the frame is current.
Without an expression: lists those of the current frame.",
        example: "display len(self.queue)",
        operand: Operand::Expression,
        group: Group::Values,
        action: Action::Display,
    },
    Command {
        name: "undisplay",
        short: &[],
        arguments: "[expression]",
        help: "Ends the display of an expression in the current frame, or of all of them.",
        example: "undisplay len(self.queue)",
        operand: Operand::Displayed,
        group: Group::Values,
        action: Action::Undisplay,
    },
];
