//! Commands that stop a process, step it and set breakpoints in it.

use crate::faces::repl::commands::{Action, Command, Control, Group, Operand};

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

pub(super) const CONTROL: &[Command] = &[
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
runs many times slower. Elements of shared memory, `watch shm('NAME', 'f64')[10]`, stop whichever process of the session writes to
them, behind the instruction: 32 bytes in all, and nothing is slower beside the writes.",
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
