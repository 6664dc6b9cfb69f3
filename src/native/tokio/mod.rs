//! The tasks of tokio's runtimes, live and from a core: what each is, and where its futures are suspended.
//!
//! A runtime is found from what tokio keeps for each thread (`roots`), its tasks from the list that it has of them (`list`), and where a task
//! waits from the states that the compiler has made of its async functions (`future`). All of it is read from what the debug information says of the
//! types, not from a version of tokio (`docs/internals/tokio.md`).

mod awaited;
mod future;
mod list;
mod roots;

use std::collections::HashMap;
use std::sync::Arc;

use super::dwarf::Module;
use super::loaded::{Code, LoadedModule, LoadedModules};
use super::types::Type;
use super::unwind::NativeStack;
use super::values::{Limits, Storage, Writer};
use crate::model::{Addr, EventLoop, Task, Tid};
use crate::process::Memory;
use roots::{Roots, TaskList};

/// What the names of functions of tokio's runtime have, in both manglings.
const MANGLED: &[u8] = b"5tokio7runtime";

/// A thread of the process, as far as it matters here.
pub struct TokioThread<'t> {
    pub tid: Tid,
    pub name: Option<&'t str>,
    pub stack: &'t NativeStack,
}

/// What was found.
#[derive(Debug, Default)]
pub struct TokioTasks {
    pub runtimes: Vec<EventLoop>,
    /// What was not found, or not read.
    pub notes: Vec<String>,
}

/// A module that has a tokio of its own, of which the debug information tells.
pub struct TokioModule {
    loaded: LoadedModule,
    /// The file, as the process names it.
    name: Option<Arc<str>>,
}

/// Those of a process. The first look at one makes the index of its names: do it before anything is held.
pub fn modules_with_tokio(modules: &LoadedModules<'_>) -> Vec<TokioModule> {
    let mentions = |loaded: &LoadedModule| {
        let mut files = loaded.module.symbol_files();
        files.any(|file| {
            file.view().is_ok_and(|view| {
                let mut symbols = view.all_symbols();
                symbols.any(|symbol| memchr::memmem::find(symbol.name, MANGLED).is_some())
            })
        })
    };
    let knows = |loaded: &LoadedModule| {
        let information = loaded.module.debug_information();
        information.is_some_and(|it| it.with_module(|module| Roots::of(module).is_some()))
    };
    let known = |code: Arc<Code>| {
        let loaded = code.module.clone().ok()?;
        (mentions(&loaded) && knows(&loaded)).then(|| TokioModule {
            loaded,
            name: code.name.clone(),
        })
    };
    modules.all_code().filter_map(known).collect()
}

/// The runtimes that threads are in, with their tasks; with the variables of every future if `limits` are given. `of` is what
/// [`modules_with_tokio`] has found, and the process stands still.
pub fn tokio_tasks(
    threads: &[TokioThread<'_>],
    modules: &LoadedModules<'_>,
    of: &[TokioModule],
    memory: &Memory<'_>,
    limits: Option<&Limits>,
) -> TokioTasks {
    let mut found = TokioTasks::default();
    for one in of {
        let Some(information) = one.loaded.module.debug_information() else {
            continue;
        };
        information.with_module(|module| {
            let survey = Survey {
                writer: Writer {
                    module,
                    memory,
                    bias: one.loaded.bias,
                    depth: limits.map_or(1, |limits| limits.depth.min(Limits::DEEPEST)),
                    format: None,
                },
                limits,
                of: one,
                modules,
                threads,
            };
            survey.add_to(&mut found);
        });
    }
    found
}

/// One module that is looked at.
struct Survey<'w, 's, 'a> {
    writer: Writer<'w, 's, 'a>,
    limits: Option<&'w Limits>,
    of: &'w TokioModule,
    modules: &'w LoadedModules<'w>,
    threads: &'w [TokioThread<'w>],
}

/// Something in memory, and its type.
struct Typed<'s, 'a> {
    kind: Type<'s, 'a>,
    storage: Storage,
}

impl<'s, 'a> Typed<'s, 'a> {
    /// The same once more.
    fn again(&self, module: &'s Module<'a>) -> Option<Typed<'s, 'a>> {
        Some(Typed {
            kind: Type::read(self.kind.at, module)?,
            storage: self.storage.clone(),
        })
    }
}

impl<'s, 'a> Survey<'_, 's, 'a> {
    fn module(&self) -> &'s Module<'a> {
        self.writer.module
    }

    fn add_to(&self, found: &mut TokioTasks) {
        let Some(roots) = Roots::of(self.module()) else {
            return;
        };
        let mut lists = self.lists_of_threads(&roots);
        let mut blocked = self.blocked_on();
        if lists.is_empty() && blocked.is_empty() {
            let file = self.of.name.as_deref().unwrap_or("the program");
            let note = format!("no thread is in a runtime of the tokio in {file}");
            found.notes.push(note);
            return;
        }
        let running = self.running_tasks(&roots);
        // Sets of local tasks are found in the futures that run them.
        let (mut sets, mut next) = (Vec::new(), 0);
        while let Some(list) = lists.get(next) {
            let is_here = |root: &mut roots::Blocked<'s, 'a>| list.threads.contains(&root.tid);
            let mut tasks: Vec<Task> = Vec::new();
            for root in blocked.extract_if(.., is_here) {
                let (tid, mut of_root) = (root.tid, Vec::new());
                tasks.extend(self.blocking_task(root, &mut of_root));
                // What a thread runs by itself, no other does.
                sets.extend(of_root.into_iter().map(|set| (set, Some(tid))));
            }
            let mut of_tasks = Vec::new();
            let (spawned, count) = self.tasks_in(list, &running, &mut of_tasks, &mut found.notes);
            sets.extend(of_tasks.into_iter().map(|set| (set, list.driver)));
            let count = count + tasks.len() as u64;
            tasks.extend(spawned);
            link(&mut tasks);
            let thread = self.threads.iter().find(|it| Some(it.tid) == list.driver);
            found.runtimes.push(EventLoop {
                type_name: list.scheduler.clone(),
                address: list.address,
                tid: list.driver,
                thread: thread.and_then(|it| it.name).map(str::to_owned),
                task_count: count,
                tasks,
                circles: Vec::new(),
            });
            for (set, driver) in sets.drain(..) {
                let known: Vec<Addr> = lists.iter().map(|list| list.address).collect();
                let new = self.lists_in(set).into_iter();
                let new = new.filter(|list| !known.contains(&list.address));
                lists.extend(new.map(|list| TaskList { driver, ..list }));
            }
            next += 1;
        }
    }
}

/// Notes with each task who waits for it.
fn link(tasks: &mut [Task]) {
    let places: HashMap<Addr, usize> = tasks
        .iter()
        .enumerate()
        .map(|(place, task)| (task.address, place))
        .collect();
    let edges: Vec<(Addr, usize)> = tasks
        .iter()
        .flat_map(|task| {
            let awaited = task.awaits.iter().flat_map(|awaits| &awaits.tasks);
            awaited.map(|address| (task.address, *address))
        })
        .filter_map(|(by, address)| Some((by, *places.get(&address)?)))
        .collect();
    for (by, place) in edges {
        if let Some(task) = tasks.get_mut(place)
            && !task.awaited_by.contains(&by)
        {
            task.awaited_by.push(by);
        }
    }
}
