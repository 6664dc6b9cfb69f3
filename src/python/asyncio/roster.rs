//! Where asyncio keeps its tasks, which differs with every other version.

use std::collections::HashSet;

use crate::model::Addr;
use crate::python::object::{Attribute, Builtin};
use crate::python::{Look, LookError, PythonThread};

/// Tasks of one process that are listed.
const MOST_TASKS: usize = 2_000_000;
/// The sets that `asyncio.tasks` has, whichever version: all tasks (up to 3.11); those of foreign classes or all that
/// are no eager ones, and the eager ones (3.12+).
const SETS: [&str; 3] = ["_all_tasks", "_scheduled_tasks", "_eager_tasks"];

/// The tasks that were found, each once.
#[derive(Default)]
pub(super) struct Roster {
    pub tasks: Vec<Addr>,
    seen: HashSet<Addr>,
    /// Why some may be missing.
    pub broken: Option<LookError>,
}

impl Roster {
    /// `false` once there is no room.
    fn add(&mut self, task: Addr) -> bool {
        if self.tasks.len() >= MOST_TASKS {
            return false;
        }
        if self.seen.insert(task) {
            self.tasks.push(task);
        }
        true
    }
}

impl Look<'_> {
    /// The addresses of all tasks of all loops.
    pub(super) fn roster(&self, threads: &[PythonThread]) -> Roster {
        let mut roster = Roster::default();
        let mut interpreters: Vec<Addr> = Vec::new();
        for thread in threads {
            let at = thread.address.plus(self.layout().thread.interp);
            match self.memory.pointer(at) {
                Ok(interpreter) if !interpreters.contains(&interpreter) => {
                    interpreters.push(interpreter);
                }
                _ => {}
            }
            if let Some(at) = self.layout().thread.asyncio_tasks_head {
                let listed = self.list_of_tasks(thread.address.plus(at), &mut roster);
                roster.broken = roster.broken.take().or(listed.err());
            }
        }
        for interpreter in interpreters {
            if let Some(at) = self.layout().interpreter.asyncio_tasks_head {
                let listed = self.list_of_tasks(interpreter.plus(at), &mut roster);
                roster.broken = roster.broken.take().or(listed.err());
            }
            let listed = self.sets_of_tasks(interpreter, &mut roster);
            roster.broken = roster.broken.take().or(listed.err());
        }
        roster
    }

    /// A circle of `struct llist_node`, each in a task but for the head (`Include/internal/pycore_llist.h`).
    fn list_of_tasks(&self, head: Addr, roster: &mut Roster) -> Result<(), LookError> {
        let Some(node_at) = self.layout().asyncio.task_node else {
            return Ok(());
        };
        let mut node = self.memory.pointer(head)?;
        // A list that nobody has initialised yet is NULL.
        while node != head && !node.is_null() {
            let task = node.minus(node_at);
            let known = roster.seen.contains(&task);
            let is_task = self.future(task)?.is_some_and(|future| future.class.task);
            if known || !is_task || !roster.add(task) {
                return Err(LookError::Torn {
                    what: "the list of tasks",
                    address: node,
                });
            }
            self.memory.keep(node, 4 * size_of::<Addr>())?;
            node = self.memory.pointer(node)?;
        }
        Ok(())
    }

    fn sets_of_tasks(&self, interpreter: Addr, roster: &mut Roster) -> Result<(), LookError> {
        let Some(names) = self.names_of_module(interpreter, "asyncio.tasks")? else {
            return Ok(());
        };
        for name in SETS {
            let Some(object) = self.dict_get_str(names, name)? else {
                continue;
            };
            let is_set = self.type_of(object)?.builtin == Builtin::Set;
            // `WeakSet.data` is a set of weak references.
            let set = if is_set {
                Some(object)
            } else {
                self.own(object, "data")?
            };
            let Some(set) = set else { continue };
            for member in self.set_members(set, MOST_TASKS)?.0 {
                let task = if is_set {
                    member
                } else {
                    let at = self.layout().object.weakref_object;
                    self.memory.pointer(member.plus(at))?
                };
                let is_dead = task.is_null() || self.type_of(task)?.builtin == Builtin::None;
                if !is_dead && !roster.add(task) {
                    return Ok(());
                }
                self.memory.keep(member, 4 * size_of::<Addr>())?;
            }
        }
        Ok(())
    }

    /// The dict of an imported module of an interpreter.
    pub(in crate::python) fn names_of_module(
        &self,
        interpreter: Addr,
        module: &str,
    ) -> Result<Option<Addr>, LookError> {
        let at = self.layout().interpreter.modules;
        let modules = self.memory.pointer(interpreter.plus(at))?;
        if modules.is_null() {
            return Ok(None);
        }
        let Some(module) = self.dict_get_str(modules, module)? else {
            return Ok(None);
        };
        if self.type_of(module)?.builtin != Builtin::Module {
            return Ok(None);
        }
        let at = self.layout().object.module_dict;
        let names = self.memory.pointer(module.plus(at))?;
        Ok((!names.is_null()).then_some(names))
    }

    /// Whether greenlets can be there: stacks that no thread state leads to while they do not run.
    pub fn has_greenlets(&self, threads: &[PythonThread]) -> bool {
        let interpreter = |thread: &PythonThread| {
            let at = thread.address.plus(self.layout().thread.interp);
            self.memory.pointer(at).ok()
        };
        let mut interpreters: Vec<Addr> = threads.iter().filter_map(interpreter).collect();
        interpreters.dedup();
        interpreters.into_iter().any(|interpreter| {
            let module = self.names_of_module(interpreter, "greenlet");
            matches!(module, Ok(Some(_)))
        })
    }

    /// Which of `loops` a thread runs.
    pub(super) fn running_loop(
        &self,
        thread: &PythonThread,
        loops: &[Addr],
    ) -> Result<Option<Addr>, LookError> {
        let layout = &self.layout().thread;
        if let Some(at) = layout.asyncio_running_loop {
            let running = self.memory.pointer(thread.address.plus(at))?;
            if !running.is_null() {
                return Ok(Some(running));
            }
        } else if let Some(running) = self.loop_in_thread_dict(thread.address, loops)? {
            return Ok(Some(running));
        }
        // Without `_asyncio`, the loop itself knows the thread (`BaseEventLoop._thread_id`).
        let pthread = self.memory.u64(thread.address.plus(layout.thread_id))?;
        for &candidate in loops {
            let Some(Attribute::Object(id)) = self.attribute(candidate, "_thread_id")? else {
                continue;
            };
            let is_int = self.type_of(id)?.builtin == Builtin::Int;
            if is_int && self.integer(id)? == crate::python::object::Integer::Exact(pthread.into())
            {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// In 3.12 the thread's dict has the loop, and before that a holder, whose fields are the loop and the pid
    /// (`PyRunningLoopHolder`, `Modules/_asynciomodule.c`).
    fn loop_in_thread_dict(&self, thread: Addr, loops: &[Addr]) -> Result<Option<Addr>, LookError> {
        let dict = self
            .memory
            .pointer(thread.plus(self.layout().thread.dict))?;
        if dict.is_null() {
            return Ok(None);
        }
        let Some(holder) = self.dict_get_str(dict, "__asyncio_running_event_loop__")? else {
            return Ok(None);
        };
        if loops.contains(&holder) {
            return Ok(Some(holder));
        }
        for word in 2..4 {
            let value = self.memory.pointer(holder.plus(word * 8));
            if let Ok(value) = value
                && loops.contains(&value)
            {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}
