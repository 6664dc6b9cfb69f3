//! The commands of the prompt: one table, from which parsing, completion, `help` and `docs/guide/prompt.md` are made.

use super::commands::{Action, Command, Control, Group, Operand};

const fn control(
    name: &'static str,
    short: &'static [&'static str],
    arguments: &'static str,
    help: &'static str,
    example: &'static str,
    control: Control,
) -> Command {
    Command {
        name,
        short,
        arguments,
        help,
        example,
        operand: Operand::None,
        group: Group::Control,
        action: Action::Control(control),
    }
}

/// In the order in which `help` shows them.
pub const COMMANDS: &[Command] = &[
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
    Command {
        name: "threads",
        short: &[],
        arguments: "",
        help: "\
Lists the threads of the process: the kernel's id, the name, what it is doing, and where. `>` marks the current
one.",
        example: "threads",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::Threads,
    },
    Command {
        name: "tasks",
        short: &[],
        arguments: "",
        help: "\
Shows the tasks of asyncio as trees: where each waits, for what, and below it the tasks that it awaits. Tasks in
the same place are shown once.",
        example: "tasks",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::Tasks,
    },
    Command {
        name: "thread",
        short: &[],
        arguments: "[id | name]",
        help: "\
Goes to another thread. Without an argument: back to the stack of the current one, from the traceback of an
exception.",
        example: "thread worker_3",
        operand: Operand::Thread,
        group: Group::Processes,
        action: Action::Thread,
    },
    Command {
        name: "exceptions",
        short: &[],
        arguments: "[number]",
        help: "\
Lists the exceptions that the current thread raises and handles with those that led to them, the newest last.
With a number: goes to the frames of its traceback; `thread` leads back.",
        example: "exceptions 0",
        operand: Operand::Exception,
        group: Group::Processes,
        action: Action::Exceptions,
    },
    Command {
        name: "procs",
        short: &[],
        arguments: "",
        help: "Lists the processes of this session and what each does. `>` marks the one that the commands are about; `@all COMMAND`, `@stopped COMMAND` or `@NAME,NAME COMMAND` is for several of them.",
        example: "procs",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::Processes,
    },
    Command {
        name: "proc",
        short: &[],
        arguments: "pid | name",
        help: "Goes to another process of this session.",
        example: "proc ForkPoolWorker-3",
        operand: Operand::Process,
        group: Group::Processes,
        action: Action::Process,
    },
    Command {
        name: "next-failure",
        short: &["nf"],
        arguments: "",
        help: "\
Goes to the next process of a command (`pmdb run`) that waits with a failure: an exception, a crash, a bad end. The one that had the prompt
goes on standing still, and waits behind the others; `continue` comes back to it after them.",
        example: "next-failure",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::NextFailure,
    },
    Command {
        name: "alias",
        short: &[],
        arguments: "[name [command]]",
        help: "\
Gives a command line a name. `%1` to `%9` in it stand for the words behind the name, `%*` for all of them, and
`;;` separates several commands. Without a command: shows what the name stands for; without a name: all aliases.",
        example: "alias pn p len(%1) ;; p %1[0]",
        operand: Operand::Alias,
        group: Group::Prompt,
        action: Action::Alias,
    },
    Command {
        name: "unalias",
        short: &[],
        arguments: "name",
        help: "Removes an alias.",
        example: "unalias pn",
        operand: Operand::Alias,
        group: Group::Prompt,
        action: Action::Unalias,
    },
    Command {
        name: "help",
        short: &["h", "?"],
        arguments: "[command]",
        help: "Lists the commands, or explains one.",
        example: "help where",
        operand: Operand::Command,
        group: Group::Prompt,
        action: Action::Help,
    },
    Command {
        name: "quit",
        short: &["q", "exit"],
        arguments: "",
        help: "\
Leaves pmdb. The process goes on as if it had never been looked at. A program that pmdb has started (`pmdb run`) is ended: it
runs its `finally` blocks as if it had called `sys.exit()` where it stands.",
        example: "quit",
        operand: Operand::None,
        group: Group::Prompt,
        action: Action::Quit,
    },
    Command {
        name: "EOF",
        short: &[],
        arguments: "",
        help: "Leaves pmdb; what Ctrl-D gives.",
        example: "EOF",
        operand: Operand::None,
        group: Group::Prompt,
        action: Action::EndOfFile,
    },
    control(
        "stop",
        &[],
        "",
        "\
Stops the process at the next line that its main thread runs, wherever it is. Commands that need a stopped process, such
as `next` and `break`, do this first. `detach` lets it go again.",
        "stop",
        Control::Stop,
    ),
    control(
        "break",
        &["b"],
        "[[file:]line | function | /pattern/[, condition]]",
        "\
Sets a breakpoint: in the current file or another, where the body of a function begins, or in all functions whose qualified
names match a regular expression, also in those that are defined later. It stops every thread. With a condition it stops
only where that is true. Without an argument: lists the breakpoints.",
        "break train.py:95, loss > 10",
        Control::Break,
    ),
    control(
        "tbreak",
        &[],
        "[[file:]line | function | /pattern/[, condition]]",
        "Sets a breakpoint that is deleted when it has stopped the process.",
        "tbreak step",
        Control::BreakOnce,
    ),
    control(
        "log",
        &[],
        "[file:]line text",
        "\
Prints a text whenever a line is reached, and goes on. The text is an f-string without its quotes.",
        "log 95 loss is {loss}",
        Control::Log,
    ),
    Command {
        name: "watch",
        short: &[],
        arguments: "expression",
        help: "\
Stops at the line after the one that changed the value of an expression, and says what it was before: also where a container,
an object's attributes or an array were changed in place. If the expression names a variable of the current function, it is
about that call of it, and gone when that returns; else about the module's globals, in all threads. A variable by itself costs time
only in its function; where an attribute or an element may be changed by others, every line is looked at, and Python
runs many times slower.",
        example: "watch self.loss",
        operand: Operand::Expression,
        group: Group::Control,
        action: Action::Control(Control::Watch),
    },
    Command {
        name: "catch",
        short: &[],
        arguments: "[class[, condition]]",
        help: "\
Stops wherever an exception of a class or of one derived from it is raised, in all threads, whether it is handled or not; several
classes are written in brackets. `$_exception` is the exception. A class that is not there yet is
known by its name when one is raised. From Python 3.12 on what else is raised takes a little longer; up to 3.11 every
line is traced meanwhile, and Python runs many times slower. Without an argument: lists the catchpoints. `clear` with
its number deletes one.",
        example: "catch (KeyError, json.JSONDecodeError), key == 'rate'",
        operand: Operand::Expression,
        group: Group::Control,
        action: Action::Control(Control::Catch),
    },
    control(
        "clear",
        &["cl"],
        "[file:line | number…]",
        "Deletes breakpoints; without an argument all of them, if the answer is yes.",
        "clear 1 2",
        Control::Clear,
    ),
    control(
        "disable",
        &[],
        "number…",
        "Turns breakpoints off; they stay in the list.",
        "disable 1",
        Control::Disable,
    ),
    control(
        "enable",
        &[],
        "number…",
        "Turns breakpoints on again.",
        "enable 1",
        Control::Enable,
    ),
    control(
        "ignore",
        &[],
        "number [count]",
        "Lets a breakpoint pass that many times before it counts; without a count it counts again at once.",
        "ignore 1 20",
        Control::Ignore,
    ),
    control(
        "condition",
        &[],
        "number [condition]",
        "Gives a breakpoint a condition, or takes it away.",
        "condition 1 i == 7",
        Control::Condition,
    ),
    control(
        "commands",
        &[],
        "[number]",
        "\
Gives a breakpoint commands, the newest one if there is no number. They are typed on the lines that follow, and run when it
stops the process, before the line is shown. `end` ends them, and so does a command that lets the process go on, such as
`continue`. With `silent` among them the line is not shown. `end` at once takes the commands away.",
        "commands 1",
        Control::Commands,
    ),
    control(
        "step",
        &["s"],
        "",
        "Runs to the next line, also in a function that is called.",
        "step",
        Control::Step,
    ),
    control(
        "next",
        &["n"],
        "",
        "Runs to the next line of the current function, or to its return.",
        "next",
        Control::Next,
    ),
    control(
        "until",
        &["unt"],
        "[line]",
        "Runs to a later line of the function: out of a loop; or to the given line or one after it.",
        "until 120",
        Control::Until,
    ),
    control(
        "return",
        &["r"],
        "",
        "Runs until the current function returns.",
        "return",
        Control::Return,
    ),
    control(
        "continue",
        &["c", "cont"],
        "",
        "Lets the process go on to a breakpoint, to its end, or until Ctrl-C stops it.",
        "continue",
        Control::Continue,
    ),
    control(
        "retval",
        &["rv"],
        "",
        "Prints what the function returned, after `return` or at `--Return--`.",
        "retval",
        Control::Returned,
    ),
    control(
        "jump",
        &["j"],
        "line",
        "Sets the line of the newest frame that is run next.",
        "jump 88",
        Control::Jump,
    ),
    Command {
        name: "debug",
        short: &[],
        arguments: "code",
        help: "\
Runs a piece of code in the current frame and steps through it, while the process stands still where it does. The prompt is `((pmdb))`
then, and `where` ends where the code begins. When it has come to its end, or at `quit`, the prompt is about the stop before. Breakpoints
count in it as everywhere; other threads that come to one wait for its end. At `detach` it is run to its end.",
        example: "debug step(batch)",
        operand: Operand::Expression,
        group: Group::Control,
        action: Action::Control(Control::Debug),
    },
    control(
        "run",
        &["restart"],
        "[argument…]",
        "\
Ends the program that pmdb has started (`pmdb run`), and starts it again, with other arguments if there are some. Breakpoints
stay. A process that pmdb was attached to is not started again.",
        "run --epochs 5",
        Control::Restart,
    ),
    control(
        "detach",
        &[],
        "",
        "\
Takes everything out of the process that stopping it needed, and lets it go on. The prompt goes on looking. `quit` does
the same and leaves.",
        "detach",
        Control::Detach,
    ),
];
