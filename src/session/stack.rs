//! The stacks of a set of processes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rayon::prelude::*;

use super::native_stack::{self, Walked};
use super::tasks::{NO_TOKIO, add_tasks, add_tokio};
use super::who;
use crate::model::{Addr, Exception, Frame, Pid, ProcessReport, Report, Thread, ThreadState, Tid};
use crate::native::tokio::{TokioModule, modules_with_tokio};
use crate::native::{LoadedModules, ParsedModules, values};
use crate::process::core::{CoreOptions, CoreProcess, bundle};
use crate::process::family::ProcessTable;
use crate::process::live::LiveProcess;
use crate::process::trace::Custody;
use crate::process::{
    Budget, Memory, Process, ProcessError, Registers, Source, ThreadStatus, mapped, still,
};
pub use crate::python::Limits;
use crate::python::{Effort, Evaluation, Located, Locator, Look, PythonError, PythonThread};

/// How often a stack that was torn is read anew.
const MOST_LOOKS: usize = 8;

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Live(Pid),
    Core {
        path: PathBuf,
        executable: Option<PathBuf>,
    },
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StackOptions {
    /// The variables of every frame, within these limits.
    pub locals: Option<Limits>,
    /// Stop each live process for the moment at which it is looked at.
    pub pause: bool,
    /// The native frames, too. Stops each live process for the moment at which it is looked at.
    pub native: bool,
    /// The tasks of asyncio, with the stacks of their coroutines. In a process without Python those of tokio, which stops a live one for
    /// the moment at which it is looked at; elsewhere those too if the native frames are shown.
    pub tasks: bool,
}

pub(super) fn core_options(executable: &Option<PathBuf>) -> CoreOptions {
    CoreOptions {
        executable: executable.clone(),
        ..CoreOptions::default()
    }
}

impl Target {
    pub(super) fn open(&self) -> Result<Box<dyn Process>, ProcessError> {
        Ok(match self {
            Target::Live(pid) => Box::new(LiveProcess::open(*pid)?),
            Target::Core { path, executable } => {
                Box::new(CoreProcess::open(path, core_options(executable))?)
            }
        })
    }
}

/// What is in files: cores, and bundles of them.
pub fn in_files(files: &[PathBuf], executable: Option<&PathBuf>) -> Vec<Target> {
    let cores = |path: &PathBuf| {
        let cores = bundle::cores(path).filter(|cores| !cores.is_empty());
        cores.unwrap_or_else(|| vec![path.clone()])
    };
    let target = |path| Target::Core {
        path,
        executable: executable.cloned(),
    };
    files.iter().flat_map(cores).map(target).collect()
}

/// Processes with all their descendants: each once, after its parent.
pub fn families(pids: &[Pid]) -> Result<Vec<Pid>, ProcessError> {
    let table = ProcessTable::read()?;
    let mut members: Vec<Pid> = Vec::new();
    for &pid in pids {
        let family = table.family(pid);
        members.extend(
            family
                .iter()
                .filter(|member| !members.contains(member))
                .copied()
                .collect::<Vec<_>>(),
        );
    }
    Ok(members)
}

/// The Python stacks of every thread of every target, in the order of the targets. A target that cannot be read has
/// the reason in its place.
pub fn stacks(targets: &[Target], options: &StackOptions) -> Report {
    let (budget, locator) = (Budget::usual(), Locator::default());
    let parsed = ParsedModules::default();
    let look = |target: &Target| match target.open() {
        Ok(process) => look_at(&*process, &locator, &parsed, options, &budget),
        Err(error) => refused(target, error.to_string()),
    };
    let processes = match targets {
        // Starting a pool of threads takes longer than looking at a process.
        [one] => vec![look(one)],
        several => several.par_iter().map(look).collect(),
    };
    Report::new(processes)
}

pub(super) fn refused(target: &Target, error: String) -> ProcessReport {
    let (pid, core) = match target {
        Target::Live(pid) => (Some(*pid), None),
        Target::Core { path, .. } => (None, Some(path.display().to_string())),
    };
    ProcessReport {
        pid,
        parent: None,
        name: String::new(),
        command: Vec::new(),
        rank: None,
        interpreter: None,
        state: ThreadState::Unknown,
        phase: None,
        core,
        error: Some(error),
        began_ms: None,
        notes: Vec::new(),
        usage: None,
        threads_without_python: 0,
        threads: Vec::new(),
        event_loops: Vec::new(),
    }
}

/// When it began, or the latest moment at which it can have: when a process was started its core does not tell.
fn began(process: &dyn Process) -> Option<SystemTime> {
    match &process.identity().source {
        Source::Live => process.started(),
        Source::Core(path) => process.started().or_else(|| {
            let metadata = std::fs::metadata(path).ok()?;
            metadata.modified().ok()
        }),
    }
}

/// A time since the epoch, as [`ProcessReport::began_ms`] counts it.
pub(crate) fn milliseconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// Who a process is, without what Python says.
pub(super) fn identify(process: &dyn Process) -> ProcessReport {
    let identity = process.identity();
    ProcessReport {
        pid: identity.pid,
        parent: identity.parent,
        name: who::program(&identity.command, identity.executable.as_deref()),
        command: identity.command.clone(),
        rank: None,
        interpreter: None,
        state: identity.state,
        phase: None,
        core: match &identity.source {
            Source::Live => None,
            Source::Core(path) => Some(path.display().to_string()),
        },
        error: None,
        began_ms: began(process).and_then(milliseconds),
        notes: process.notes(),
        usage: None,
        threads_without_python: 0,
        threads: Vec::new(),
        event_loops: Vec::new(),
    }
}

/// Why no Python is read. What a core lacks comes first: the search may have failed for that.
pub(super) fn why_no_python(process: &dyn Process, error: &PythonError) -> String {
    match process.lacks() {
        Some(lack) => format!("{lack}; of what is there: {error}"),
        None => error.to_string(),
    }
}

/// What there is to say if files that pmdb had mapped were cut while they were read.
fn note_of_lost_pages(before: usize) -> Option<String> {
    let lost = mapped::lost_pages().saturating_sub(before);
    (lost > 0).then(|| {
        format!(
            "{lost} pages of files that pmdb had open were cut off while they were read, and read as zeros: a core \
             that is written anew, or a program replaced in place; try again"
        )
    })
}

pub(super) fn look_at(
    process: &dyn Process,
    locator: &Locator,
    parsed: &ParsedModules,
    options: &StackOptions,
    budget: &Arc<Budget>,
) -> ProcessReport {
    let lost = mapped::lost_pages();
    let mut report = identify(process);
    let located = locator.locate(process, Effort::Thorough);
    let modules = LoadedModules::new(process, parsed);
    let is_native = matches!(located, Err(PythonError::NotPython));
    let tokio = match options.tasks && (is_native || options.native) {
        true => modules_with_tokio(&modules),
        false => Vec::new(),
    };
    let shows_threads = options.native;
    let options = &StackOptions {
        native: options.native || !tokio.is_empty(),
        ..*options
    };
    match &located {
        Ok(located) => {
            report.interpreter = Some(located.name());
            report.notes.extend(located.notes.iter().cloned());
        }
        Err(error) => {
            report.rank = who::rank(|name| process.environment(name));
            match error {
                PythonError::NotPython if options.native && options.tasks && tokio.is_empty() => {
                    report.notes.push(NO_TOKIO.to_owned());
                }
                PythonError::NotPython if options.tasks && tokio.is_empty() => {
                    report.error = Some(format!("{}; {NO_TOKIO}", why_no_python(process, error)));
                }
                PythonError::NotPython if options.native => {}
                PythonError::NotPython => {
                    let why = why_no_python(process, error);
                    report.error = Some(format!("{why}; `--native` shows its native frames"));
                }
                _ if options.native => report.notes.push(why_no_python(process, error)),
                _ => report.error = Some(why_no_python(process, error)),
            }
        }
    }
    let located = located.ok();
    if located.is_some() || options.native {
        let look = Looking {
            located: located.as_ref(),
            modules: &modules,
            options,
            tokio: &tokio,
            shows_threads,
        };
        report = look.report(process, report, budget);
    }
    report.notes.extend(note_of_lost_pages(lost));
    let is_whole = report.error.is_none() && report.threads.iter().all(|t| t.note.is_none());
    if !is_whole && let Some(change) = process.has_changed() {
        report.error = Some(change.to_string());
    }
    report
}

/// What is looked for in a process.
struct Looking<'l> {
    /// Its Python, if it has one.
    located: Option<&'l Located>,
    modules: &'l LoadedModules<'l>,
    options: &'l StackOptions,
    /// The modules whose tasks of tokio are looked for.
    tokio: &'l [TokioModule],
    /// Their native frames are shown, and not only walked for the tasks that they run.
    shows_threads: bool,
}

impl Looking<'_> {
    /// Adds the threads to a report.
    fn report(
        &self,
        process: &dyn Process,
        report: ProcessReport,
        budget: &Arc<Budget>,
    ) -> ProcessReport {
        let is_held = self.options.pause || self.options.native;
        let held = report
            .pid
            .filter(|_| is_held && process.identity().source == Source::Live);
        let (mut report, evaluations, walked) = match held {
            None => self.look(process, &report, budget),
            Some(pid) => {
                let rehearse =
                    |process: &dyn Process| drop(self.look(process, &report, &Budget::usual()));
                let look = |moment: &dyn Process| self.look(moment, &report, budget);
                match still::look_at_one_moment(process, (pid, &Custody::Nobody), rehearse, look) {
                    Ok(seen) => seen,
                    Err(error) => {
                        let mut report = report;
                        report.error = Some(error.to_string());
                        (report, Vec::new(), Vec::new())
                    }
                }
            }
        };
        native_stack::add(walked, self.modules, &evaluations, &mut report);
        report
    }

    fn look(
        &self,
        process: &dyn Process,
        report: &ProcessReport,
        budget: &Arc<Budget>,
    ) -> (ProcessReport, Vec<Vec<Evaluation>>, Vec<Walked>) {
        let mut report = report.clone();
        let evaluations = match self.located {
            Some(located) => read_threads(process, located, self.options, budget, &mut report),
            None => Vec::new(),
        };
        let walked = if self.options.native {
            let limits = self.options.locals.map(|limits| values::Limits {
                characters: limits.characters,
                depth: limits.depth,
            });
            let of_threads = limits.as_ref().filter(|_| self.shows_threads);
            let walked = native_stack::walk(process, self.modules, of_threads, budget);
            if !self.tokio.is_empty() {
                let memory = Memory::within(process, budget.clone());
                let (of, limits) = (self.tokio, limits.as_ref());
                let found =
                    native_stack::tokio_tasks_of(&walked, self.modules, of, &memory, limits);
                add_tokio(found, &mut report);
            }
            match self.shows_threads {
                true => walked,
                false => Vec::new(),
            }
        } else {
            Vec::new()
        };
        (report, evaluations, walked)
    }
}

/// Reads the Python threads into a report, and gives of each the calls of the interpreter's loop.
pub(super) fn read_threads(
    process: &dyn Process,
    located: &Located,
    options: &StackOptions,
    budget: &Arc<Budget>,
    report: &mut ProcessReport,
) -> Vec<Vec<Evaluation>> {
    let kernel = match process.threads() {
        Ok(threads) => threads,
        Err(error) => {
            report.error = Some(error.to_string());
            return Vec::new();
        }
    };
    let look = Look::within(process, located, budget.clone());
    let (mut threads, broken) = look.threads(&kernel);
    let who = who::who(process, Some(&look));
    (report.name, report.rank) = (who.name, who.rank);
    report.phase = Some(look.phase());
    report.threads_without_python = without_python(&kernel, &threads);
    // CPython puts the newest thread first in its list; a reader expects the main one first.
    threads.reverse();
    let described: Vec<(Addr, (Thread, Vec<Evaluation>))> = threads
        .iter()
        .map(|thread| (thread.address, describe(&look, thread, options)))
        .collect();
    // What was read of a thread that has ended meanwhile may be anything.
    let living = look.living_threads();
    let evaluations;
    (report.threads, evaluations) = described
        .into_iter()
        .filter(|(state, _)| living.as_ref().is_none_or(|living| living.contains(state)))
        .map(|(_, thread)| thread)
        .unzip();
    if let Some(error) = broken {
        report.error = Some(format!("not all threads could be read: {error}"));
    }
    if let Some(cause) = process.cause()
        && let Some(exception) = cause.exception
    {
        add_exception(&look, exception, cause.thread, options, report);
    }
    if options.tasks {
        add_tasks(&look, &threads, options.locals.as_ref(), report);
    }
    if let Some(limit) = look.spent() {
        report.error = Some(format!("not everything was read: {limit}"));
    }
    evaluations
}

/// The frames of all threads, tracebacks and tasks.
pub(super) fn frames_of_report(report: &ProcessReport) -> Vec<&Frame> {
    let mut frames = Vec::new();
    let mut exceptions: Vec<&Exception> = Vec::new();
    for thread in &report.threads {
        frames.extend(&thread.frames);
        exceptions.extend(&thread.exceptions);
    }
    while let Some(exception) = exceptions.pop() {
        frames.extend(&exception.frames);
        let linked = exception.cause.iter().chain(&exception.context);
        exceptions.extend(linked.map(|other| &**other).chain(&exception.members));
    }
    let tasks = report.event_loops.iter().flat_map(|one| &one.tasks);
    frames.extend(tasks.flat_map(|task| &task.frames));
    frames
}

/// Adds an exception to those of the thread that has raised it, if that does not show it by itself.
pub(super) fn add_exception(
    look: &Look<'_>,
    exception: Addr,
    thread: Option<Tid>,
    options: &StackOptions,
    report: &mut ProcessReport,
) {
    let Some(exception) = look.exception_at(exception, options.locals.as_ref()) else {
        return;
    };
    let threads = &mut report.threads;
    let is_it = |one: &Thread| thread.is_some() && one.tid == thread;
    let place = threads.iter().position(is_it).unwrap_or(0);
    let is_same = |other: &Exception| {
        other.type_name == exception.type_name && other.frames == exception.frames
    };
    if let Some(thread) = threads.get_mut(place)
        && !thread.exceptions.iter().any(is_same)
    {
        thread.exceptions.insert(0, exception);
    }
}

/// One thread that stands still while the others run, with its Python and its native stack; without any if it has ended.
pub(super) fn one_thread(
    process: &dyn Process,
    located: Option<&Located>,
    parsed: &ParsedModules,
    tid: Tid,
    registers: &Registers,
) -> ProcessReport {
    let mut report = identify(process);
    let budget = Budget::usual();
    let kernel = match process.threads() {
        Ok(threads) => threads,
        Err(error) => {
            report.error = Some(error.to_string());
            return report;
        }
    };
    let mut evaluations = Vec::new();
    if let Some(located) = located {
        let look = Look::within(process, located, budget.clone());
        (report.name, report.rank) = {
            let who = who::who(process, Some(&look));
            (who.name, who.rank)
        };
        let (threads, broken) = look.threads(&kernel);
        let is_it = |thread: &&PythonThread| thread.status.as_ref().is_some_and(|it| it.tid == tid);
        (report.threads, evaluations) = threads
            .iter()
            .filter(is_it)
            .map(|thread| describe(&look, thread, &StackOptions::default()))
            .unzip();
        if report.threads.is_empty() {
            report.error = broken.map(|error| error.to_string());
        }
    }
    if let Some(status) = kernel.into_iter().find(|status| status.tid == tid) {
        let modules = LoadedModules::new(process, parsed);
        let memory = Memory::within(process, budget);
        let walked = native_stack::walk_one(status, registers, &modules, &memory);
        native_stack::add(vec![walked], &modules, &evaluations, &mut report);
    }
    report
}

/// How many of the process's threads no Python thread is.
fn without_python(kernel: &[ThreadStatus], threads: &[PythonThread]) -> u64 {
    let known: HashSet<Tid> = threads
        .iter()
        .filter_map(|thread| Some(thread.status.as_ref()?.tid))
        .collect();
    let unknown = kernel.iter().filter(|status| {
        let lives = !matches!(status.state, ThreadState::Zombie | ThreadState::Dead);
        lives && !known.contains(&status.tid)
    });
    unknown.count() as u64
}

fn describe(
    look: &Look<'_>,
    thread: &PythonThread,
    options: &StackOptions,
) -> (Thread, Vec<Evaluation>) {
    let mut stack = look.stack(thread.address);
    // It was changing: what comes next is from another moment, and mostly whole.
    for _ in 0..MOST_LOOKS {
        if !stack.is_torn() || look.spent().is_some() {
            break;
        }
        look.forget();
        stack = look.stack(thread.address);
    }
    let frames = &stack.frames;
    let described = Thread {
        frames: frames
            .iter()
            .map(|frame| look.describe(frame, options.locals.as_ref()))
            .collect(),
        exceptions: look.exceptions(thread.address, options.locals.as_ref()),
        note: stack.note().or_else(|| {
            let nowhere = frames.is_empty() && thread.status.is_none();
            nowhere.then(|| "it is being created, or ends".to_string())
        }),
        ..thread_facts(thread)
    };
    (described, stack.evaluations)
}

/// A thread without its stack.
pub(super) fn thread_facts(thread: &PythonThread) -> Thread {
    let status = thread.status.as_ref();
    Thread {
        tid: status.map(|status| status.tid),
        name: thread
            .name
            .clone()
            .or_else(|| status.and_then(|status| status.name.clone())),
        daemon: thread.daemon,
        state: status.map_or(ThreadState::Unknown, |status| status.state),
        gil: thread.gil,
        holds_gil: thread.gil == crate::model::GilState::Holds,
        collecting_garbage: thread.collecting_garbage,
        interpreter: thread.interpreter,
        frames: Vec::new(),
        exceptions: Vec::new(),
        note: None,
    }
}
