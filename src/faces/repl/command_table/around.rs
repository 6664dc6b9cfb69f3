//! Commands that go to other threads and processes, and those of the prompt itself.

use crate::faces::repl::commands::{Action, Command, Group, Operand};

pub(super) const AROUND: &[Command] = &[
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
the same place are shown once. Where native frames are looked at, also those of tokio.",
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
        name: "shm",
        short: &[],
        arguments: "[show | find | plot | where] [arguments]",
        help: "\
Lists the shared memory of the processes of this session: what it is, how large, who else maps it. With more words
it answers as `pmdb shm` does: `shm show NAME --as f64 '[10:20]'` shows elements with their statistics, `shm find`
finds some, `shm plot` draws them, and `shm where NAME` says which variables lie in it. In dumps it tells of what they
hold. In expressions `shm('NAME', 'f64')` is a segment as an array.",
        example: "shm show psm_3f2a --as f64 '[10:20]'",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::SharedMemory,
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
        name: "hold",
        short: &[],
        arguments: "@set",
        help: "\
Keeps processes where they are while others go on, and stops them for that if they run: `hold @others` all but the one at the prompt. They
do not come to the prompt either, and steps and `continue` of a set pass them over, until `release`. A step of its own moves one, and `continue` at
its own prompt releases it.",
        example: "hold @others",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::Hold,
    },
    Command {
        name: "release",
        short: &[],
        arguments: "[@set]",
        help: "\
Holds processes no longer, without a set none: those that ran before go on, and those that had stopped for another reason stand still as they
did.",
        example: "release @w1,w2",
        operand: Operand::None,
        group: Group::Processes,
        action: Action::Release,
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
];
