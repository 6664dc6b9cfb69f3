//! The agent's source, and the few lines that start it.

use std::sync::LazyLock;

use super::compiled::Store;
use super::unwind_filter;
use super::wanted_stops::WantedStops;
use crate::model::Pid;
use crate::python::layout::{Bytecode, Layout};

/// The parts that each process needs, in an order in which each finds what it inherits from.
const CORE: [&str; 11] = [
    include_str!("inferior/genuine.py"),
    include_str!("inferior/channel.py"),
    include_str!("inferior/values.py"),
    include_str!("inferior/catchers.py"),
    include_str!("inferior/breakpoints.py"),
    include_str!("inferior/new_threads.py"),
    include_str!("inferior/room.py"),
    include_str!("inferior/tracing.py"),
    include_str!("inferior/guard.py"),
    include_str!("inferior/forking.py"),
    include_str!("inferior/program_hooks.py"),
];
/// How breakpoints are done where `sys.monitoring` is there, and where it is not.
const MONITORING: [&str; 6] = [
    include_str!("inferior/exception_table.py"),
    include_str!("inferior/filter.py"),
    include_str!("inferior/handlers.py"),
    include_str!("inferior/resolving.py"),
    include_str!("inferior/unwinding.py"),
    include_str!("inferior/monitoring.py"),
];
const REWRITING: [&str; 4] = [
    include_str!("inferior/exception_table.py"),
    include_str!("inferior/bytecode.py"),
    include_str!("inferior/thread_states.py"),
    include_str!("inferior/rewriting.py"),
];
const AGENT: [&str; 2] = [
    include_str!("inferior/company.py"),
    include_str!("inferior/agent.py"),
];
/// Where all that a process needs is there.
const BEGIN: &str = include_str!("inferior/begin.py");
/// What is needed where something stops, in such an order.
const REST: [&str; 15] = [
    include_str!("inferior/errands.py"),
    include_str!("inferior/catches.py"),
    include_str!("inferior/stepping.py"),
    include_str!("inferior/compiling.py"),
    include_str!("inferior/awaiting.py"),
    include_str!("inferior/evaluate.py"),
    include_str!("inferior/console.py"),
    include_str!("inferior/watches.py"),
    include_str!("inferior/entering.py"),
    include_str!("inferior/post_mortem.py"),
    include_str!("inferior/commands.py"),
    include_str!("inferior/arrivals.py"),
    include_str!("inferior/levels.py"),
    include_str!("inferior/standing.py"),
    include_str!("inferior/whole.py"),
];

/// Brings in the others where they are compiled for the next process, and where they have been.
const LOADING: &str = include_str!("inferior/loading.py");
const LOADED: &str = include_str!("inferior/loaded.py");

/// What waits in the pipe.
pub(super) struct Source {
    pub(super) text: String,
    /// Bytes of it that the text which starts the agent reads. It reads the others itself.
    pub(super) read_at_once: usize,
}

/// The parts for some versions, each of which is one module with them.
pub(super) struct Parts {
    core: String,
    rest: String,
    /// Of both: what was compiled of others is of no use.
    pub(super) sum: md5::Digest,
}

impl Parts {
    /// They are the same for all processes.
    fn of(layout: &Layout) -> &'static Parts {
        static TRACED: LazyLock<Parts> = LazyLock::new(|| Parts::joined(&REWRITING));
        static MONITORED: LazyLock<Parts> = LazyLock::new(|| Parts::joined(&MONITORING));
        match layout.thread.tracing {
            Some(_) => &TRACED,
            None => &MONITORED,
        }
    }

    fn joined(engine: &[&str]) -> Parts {
        let all = |parts: &[&str]| -> String { parts.iter().copied().map(shortened).collect() };
        let core = all(&[&CORE, engine, &AGENT].concat());
        let rest = all(&REST);
        let mut sum = md5::Context::new();
        for part in [&core, &rest, LOADING, BEGIN] {
            sum.consume(part);
        }
        Parts {
            core,
            rest,
            sum: sum.finalize(),
        }
    }
}

/// The agent for one version, which is one module.
pub(super) struct Program {
    /// What differs between processes, and where the interpreter keeps things.
    constants: String,
    pub(super) parts: &'static Parts,
}

impl Program {
    /// With a store it is brought in from there, or compiled for it.
    pub(super) fn source(self, store: Option<&Store>) -> Source {
        let Program {
            constants: mut text,
            parts: Parts { core, rest, .. },
        } = self;
        let begin = shortened(BEGIN);
        let Some(store) = store else {
            text += &format!("REST = None\n{core}{rest}{begin}");
            let read_at_once = text.len();
            return Source { text, read_at_once };
        };
        if let Some(length) = store.code {
            text += &format!("STORE = {}, {length}\n{}", store.end, shortened(LOADED));
            let read_at_once = text.len();
            return Source { text, read_at_once };
        }
        let lengths = [core.len() + begin.len(), rest.len()];
        text += &format!("STORE = {}, {}, {}\n", store.end, lengths[0], lengths[1]);
        text += &shortened(LOADING);
        let read_at_once = text.len();
        text += &format!("{core}{begin}{rest}");
        Source { text, read_at_once }
    }

    pub(super) fn of(layout: &Layout, wanted: &WantedStops) -> Program {
        let mut constants = wanted.in_python();
        match &layout.thread.tracing {
            Some(tracing) => {
                let members = [
                    ("interp", layout.thread.interp),
                    ("thread_id", layout.thread.thread_id),
                    ("tracefunc", tracing.function),
                    ("traceobj", tracing.object),
                    ("use_tracing", tracing.is_used.unwrap_or_default()),
                    ("tracing_possible", tracing.is_possible.unwrap_or_default()),
                    ("tuple_items", layout.object.tuple_items),
                ];
                let member = |(name, at): (&str, u64)| format!("\"{name}\": {at}");
                let members: Vec<String> = members.into_iter().map(member).collect();
                constants += &format!("LAYOUT = {{{}}}\n", members.join(", "));
            }
            None => {
                if let Bytecode::Inline(bytecode) = layout.code.bytecode {
                    let slots = unwind_filter::SLOTS;
                    constants +=
                        &format!("FILTER = {{\"slots\": {slots}, \"bytecode\": {bytecode}}}\n");
                }
            }
        }
        Program {
            constants,
            parts: Parts::of(layout),
        }
    }
}

/// A part without what is for readers: comments, docstrings, and three of each four spaces of indentation. The pipe has little room.
fn shortened(part: &str) -> String {
    const QUOTES: &str = "\"\"\"";
    let mut text = String::with_capacity(part.len());
    let (mut is_in_docstring, mut is_in_text) = (false, false);
    for line in part.lines() {
        let mut rest = line.trim_start();
        let begins_or_ends = line.matches(QUOTES).count() % 2 == 1;
        if is_in_text || (begins_or_ends && !is_in_docstring && !rest.starts_with(QUOTES)) {
            // A text that the program uses, at the level of the module.
            is_in_text ^= begins_or_ends;
            text.push_str(line);
            text.push('\n');
            continue;
        }
        if is_in_docstring {
            is_in_docstring = !rest.ends_with(QUOTES);
            continue;
        }
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let indentation = (line.len() - rest.len()) / 4;
        if let Some(docstring) = rest.strip_prefix(QUOTES) {
            is_in_docstring = !docstring.ends_with(QUOTES);
            // It may be all that there is in a block.
            rest = "0";
        }
        text.extend(std::iter::repeat_n(' ', indentation));
        text.push_str(rest);
        text.push('\n');
    }
    text
}

/// The ends of the two pipes that the process has, by file descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub commands: i32,
    pub answers: i32,
    /// A reading end of the answers: see `inferior/channel.py`.
    pub kept: i32,
    /// The inodes of the pipes: after pmdb was killed, other files may have these descriptors.
    pub commands_inode: u64,
    pub answers_inode: u64,
    /// The file with the agent's code, or for it, and its inode. The agent closes it as soon as it is in.
    pub store: Option<(i32, u64)>,
}

impl Ends {
    /// Each descriptor with the inode of its file.
    pub(super) fn all(&self) -> Vec<(i32, u64)> {
        let pipes = [
            (self.commands, self.commands_inode),
            (self.answers, self.answers_inode),
            (self.kept, self.answers_inode),
        ];
        pipes.into_iter().chain(self.store).collect()
    }

    /// The same as a tuple of Python.
    fn in_python(&self) -> String {
        let pair = |(end, inode)| format!("({end}, {inode}), ");
        let pairs: String = self.all().into_iter().map(pair).collect();
        format!("({pairs})")
    }
}

/// Who runs a text, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    /// The main thread, which stops at its next line.
    Main,
    /// The main thread of a program that pmdb has started, before its main program.
    BeforeMainProgram,
    /// The same, to stop where something goes wrong, in it and in those that it forks.
    BeforeMainProgramInTree,
    /// The same in a program that has a Python in it, which has just been initialized.
    EmbeddedInTree,
    /// The main thread, which came by although a helper was sent for it.
    MainAfterHelper { serial: u64 },
    /// A helper, while the thread with this identifier (`_thread.get_ident()`) waits in C code.
    Helper { of: u64, serial: u64 },
}

/// What `PyRun_SimpleString` runs. Its `except` need no names, which the program may have taken away. It ends in a NUL, binds no name in `__main__`, and lets no exception out: one would reach the code
/// that it interrupted.
///
/// A child that is forked before the call is made has it in its ring too: only the process that calls itself `inner` is meant.
///
/// The first who runs one brings the agent in, which it reads from the pipe, so that little has to lie in the memory of the
/// process; the lock, which all find under the same name, makes others wait for it.
pub(super) fn entrance(ends: Ends, length: usize, inner: Pid, runner: Runner) -> Vec<u8> {
    let Ends {
        commands,
        answers,
        kept,
        commands_inode,
        answers_inode,
        ..
    } = ends;
    let all = ends.in_python();
    let then = match runner {
        Runner::Main => "arrive()".to_owned(),
        Runner::BeforeMainProgram => "enter()".to_owned(),
        Runner::BeforeMainProgramInTree => "accompany()".to_owned(),
        Runner::EmbeddedInTree => "accompany(True)".to_owned(),
        Runner::MainAfterHelper { serial } => format!("rejoin({serial})"),
        Runner::Helper { of, serial } => format!("stand_in({of}, {serial})"),
    };
    let session = std::process::id();
    let at_once = match runner {
        Runner::BeforeMainProgramInTree | Runner::EmbeddedInTree => "False",
        _ => "True",
    };
    let program = format!(
        "import sys, posix, _thread\n\
         ours = lambda: getattr(sys.__dict__.get('_pmdb_agent'), 'inode', 0) == {commands_inode}\n\
         if posix.getpid() == {inner}:\n\
         \x20with sys.__dict__.setdefault('_pmdb_entrance', _thread.allocate_lock()):\n\
         \x20 if not ours() and posix.fstat({commands}).st_ino == {commands_inode}:\n\
         \x20  exec(compile(posix.read({commands}, {length}), '<pmdb>', 'exec'), {{'__name__': '__pmdb__', \
         'commands': {commands}, 'answers': {answers}, 'kept': {kept}, 'session': {session}, 'at_once': {at_once}}})\n\
         \x20if ours(): sys._pmdb_agent.{then}\n\
         elif not ours():\n\
         \x20for end, inode in {all}:\n\
         \x20 if posix.fstat(end).st_ino == inode: posix.close(end)"
    );
    let program = program.replace('\n', "\\n");
    format!(
        "try:\n exec(compile(\"{program}\", '<pmdb>', 'exec'), {{}})\nexcept:\n try: \
         __import__('posix').getpid() == {inner} and __import__('posix').fstat({answers}).st_ino == {answers_inode} and \
         __import__('posix').write({answers}, ('{{\"event\": \"failed\", \"text\": \"%s\"}}\\n' \
         % ascii(__import__('sys').exc_info()[1]).replace('\\\\', '/').replace('\"', \"'\")).encode())\n \
         except: pass\n\0"
    )
    .into_bytes()
}

/// For a helper that has not begun and cannot be taken back: it closes what the agent would have used.
pub(super) fn closing(ends: Ends) -> Vec<u8> {
    let all = ends.in_python();
    let program = format!(
        "import posix\\nfor end, inode in {all}:\\n if posix.fstat(end).st_ino == inode: posix.close(end)"
    );
    format!("try:\n exec(\"{program}\", {{}})\nexcept:\n pass\n\0").into_bytes()
}

/// What `PyRun_SimpleString` runs to stop a process in which the agent is: its main thread stops at its next line. A child that is forked
/// before that has the call in its ring too: only the process that calls itself `inner` is meant.
pub(super) fn interruption(inner: Pid) -> Vec<u8> {
    format!(
        "try:\n __import__('posix').getpid() == {inner} and __import__('sys')._pmdb_agent.interrupt()\n\
         except:\n pass\n\0"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_fits_into_a_pipe() {
        let most = crate::python::agent::furniture::LARGER_PIPE as usize;
        for layout in crate::python::layout::ALL {
            let length = Program::of(layout, &WantedStops::default())
                .source(None)
                .text
                .len();
            assert!(length < most, "{length}");
        }
    }

    /// All parts run in one namespace: the second of two things with one name would take the place of the first.
    #[test]
    fn each_name_is_given_once() {
        for layout in crate::python::layout::ALL {
            let mut names = std::collections::BTreeSet::new();
            for line in Program::of(layout, &WantedStops::default())
                .source(None)
                .text
                .lines()
            {
                let name = ["class ", "def ", "async def "]
                    .iter()
                    .find_map(|word| line.strip_prefix(word))
                    .map(|rest| rest.split(['(', ':']).next().unwrap_or(rest))
                    .or_else(|| line.split_once(" = ").map(|(name, _)| name));
                let is_name = |name: &&str| !name.starts_with(' ');
                for name in name
                    .filter(is_name)
                    .into_iter()
                    .flat_map(|it| it.split(", "))
                {
                    assert!(names.insert(name.to_string()), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_texts_fit_into_their_places() {
        let most = i32::MAX;
        let ends = Ends {
            commands: most,
            answers: most,
            kept: most,
            commands_inode: u64::MAX,
            answers_inode: u64::MAX,
            store: Some((most, u64::MAX)),
        };
        let (of, serial) = (u64::MAX, u64::MAX);
        let text = entrance(ends, 60_000, Pid(u32::MAX), Runner::Helper { of, serial });
        assert!(text.len() < 1500, "{}", text.len());
    }
}
