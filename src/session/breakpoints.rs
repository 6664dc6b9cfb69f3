//! The breakpoints of a process that is held, as the user numbers them.

use serde::{Deserialize, Serialize};

use super::error::SessionError;
use crate::python::agent::WantedBreakpoint;

/// Where the user wants to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A line of the focused frame's file.
    Line(u32),
    /// A line of a file, as the user wrote its name.
    FileLine { file: String, line: u32 },
    /// The body of the function that an expression gives; if there is none yet, of any function with that name.
    Function(String),
    /// Wherever the value of an expression changes.
    Change(String),
    /// Wherever an exception of the class is raised that an expression gives, or will give.
    Raise(String),
    /// The bodies of all functions whose qualified names a regular expression is found in, also of those that are made later.
    Pattern(String),
}

/// A breakpoint as a face asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakpointRequest {
    pub place: Place,
    pub condition: Option<String>,
    /// It is deleted when it stops the process.
    pub temporary: bool,
    /// The text of a log point, an f-string without its quotes: it is printed, and the process goes on.
    pub log: Option<String>,
    #[serde(default)]
    pub scope: Scope,
}

/// Which processes have a breakpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The focused one.
    #[default]
    One,
    /// Several, under one number: of the one that has it already, if one does.
    Several { number: Option<u32> },
    /// The same, and those of the command that come later.
    All { number: Option<u32> },
}

impl Scope {
    pub(super) fn number(self) -> Option<u32> {
        match self {
            Scope::One => None,
            Scope::Several { number } | Scope::All { number } => number,
        }
    }
}

/// A breakpoint as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakpoint {
    pub number: u32,
    /// As the process itself sees it. Nothing if it waits for a function with the name in `function`.
    pub file: Option<String>,
    pub line: Option<u32>,
    pub function: Option<String>,
    /// If it is in all functions with such a name.
    #[serde(default)]
    pub pattern: Option<String>,
    /// How many functions, or classes of exceptions, had such a name when it was set.
    #[serde(default)]
    pub matching: Option<u64>,
    pub condition: Option<String>,
    pub temporary: bool,
    pub log: Option<String>,
    pub enabled: bool,
    /// Hits that do not count yet.
    pub ignore: u32,
    /// Times that it was reached.
    pub hits: u64,
    /// What a face runs when the process stops there.
    #[serde(default)]
    pub commands: Vec<String>,
    /// If it stops where a value changes, and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// The class of exceptions, if it stops where they are raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<String>,
}

/// What a watchpoint is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub expression: String,
    /// The function in whose frame it was set, until that returns. None if it is about globals.
    pub function: Option<String>,
    /// What it gave when it was set, or last changed.
    pub value: String,
    /// Of elements of shared memory: whose writes are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writers: Option<String>,
}

impl Breakpoint {
    /// `/srv/app.py:12`, the function's name, `/pattern/`, or the expression.
    pub fn place(&self) -> String {
        if let Some(class) = &self.catch {
            return class.clone();
        }
        if let Some(watch) = &self.watch {
            return watch.expression.clone();
        }
        if let Some(pattern) = &self.pattern {
            return format!("/{pattern}/");
        }
        match (&self.file, self.line, &self.function) {
            (Some(file), Some(line), _) => format!("{file}:{line}"),
            (_, _, Some(function)) => function.clone(),
            _ => String::new(),
        }
    }
}

/// What a [`Place`] is in the process: a line of a file; or only a name, as long as there is no such function.
#[derive(Default)]
pub(super) struct Spot {
    pub file: Option<String>,
    pub line: Option<u32>,
    pub function: Option<String>,
    pub pattern: Option<String>,
    pub matching: Option<u64>,
}

impl Spot {
    pub fn at(file: String, line: u32) -> Spot {
        Spot {
            file: Some(file),
            line: Some(line),
            ..Spot::default()
        }
    }
}

/// All of one process.
#[derive(Debug, Clone, Default)]
pub(super) struct Breakpoints {
    list: Vec<Breakpoint>,
    last: u32,
    /// They are those of another process now. What of it this one has, its first stop tells.
    is_presumed: bool,
}

/// How one or several breakpoints are changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Enable,
    Disable,
    Clear,
    Ignore(u32),
    Condition(Option<String>),
    /// The list that a face runs; the process is not told.
    Commands(Vec<String>),
}

impl Breakpoints {
    /// Adds one at a place that has been found.
    pub fn add(
        &mut self,
        number: u32,
        request: &BreakpointRequest,
        Spot {
            file,
            line,
            function,
            pattern,
            matching,
        }: Spot,
    ) -> Breakpoint {
        self.last = self.last.max(number);
        let breakpoint = Breakpoint {
            number,
            file,
            line,
            function,
            pattern,
            matching,
            condition: request.condition.clone(),
            temporary: request.temporary,
            log: request.log.clone(),
            enabled: true,
            ignore: 0,
            hits: 0,
            commands: Vec::new(),
            watch: match &request.place {
                Place::Change(expression) => Some(Watch {
                    expression: expression.clone(),
                    function: None,
                    value: String::new(),
                    writers: None,
                }),
                _ => None,
            },
            catch: match &request.place {
                Place::Raise(class) => Some(class.clone()),
                _ => None,
            },
        };
        self.list.push(breakpoint.clone());
        breakpoint
    }

    /// The highest number that was given.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Takes over one that another process has.
    pub fn adopt(&mut self, breakpoint: Breakpoint) {
        self.last = self.last.max(breakpoint.number);
        self.list.retain(|one| one.number != breakpoint.number);
        self.list.push(breakpoint);
    }

    /// What a process has that is forked from the one with these: watchpoints are about frames and values of its parent.
    pub fn inherited(&self) -> Breakpoints {
        let mut inherited = self.clone();
        inherited.list.retain(|one| one.watch.is_none());
        inherited.is_presumed = true;
        inherited
    }

    pub fn list(&self) -> &[Breakpoint] {
        &self.list
    }

    /// Changes one; what it was like before if it is deleted, else what it is like now.
    pub fn change(&mut self, number: u32, change: &Change) -> Result<Breakpoint, SessionError> {
        let index = self.index_of(number)?;
        if *change == Change::Clear {
            return Ok(self.list.remove(index));
        }
        let breakpoint = &mut self.list[index];
        match change {
            Change::Enable => breakpoint.enabled = true,
            Change::Disable => breakpoint.enabled = false,
            Change::Ignore(count) => breakpoint.ignore = *count,
            Change::Condition(condition) => breakpoint.condition.clone_from(condition),
            Change::Commands(commands) => breakpoint.commands.clone_from(commands),
            Change::Clear => {}
        }
        Ok(breakpoint.clone())
    }

    /// Says of a watchpoint what the process knows of it.
    pub fn begins(
        &mut self,
        number: u32,
        function: Option<String>,
        value: String,
    ) -> Option<Breakpoint> {
        let one = self.list.iter_mut().find(|one| one.number == number)?;
        let watch = one.watch.as_mut()?;
        (watch.function, watch.value) = (function, value);
        Some(one.clone())
    }

    /// Says of a catchpoint how many classes it is about so far.
    pub fn finds(&mut self, number: u32, classes: u64) -> Option<Breakpoint> {
        let one = self.list.iter_mut().find(|one| one.number == number)?;
        one.matching = Some(classes);
        Some(one.clone())
    }

    /// A watched value has changed.
    pub fn changed(&mut self, number: u32, value: &str) -> Option<Watch> {
        let one = self.list.iter_mut().find(|one| one.number == number)?;
        let watch = one.watch.as_mut()?;
        watch.value = value.to_string();
        Some(watch.clone())
    }

    /// Takes out what the process has forgotten.
    pub fn remove(&mut self, is_gone: impl Fn(&Breakpoint) -> bool) -> Vec<Breakpoint> {
        let list = std::mem::take(&mut self.list).into_iter();
        let (gone, kept) = list.partition(is_gone);
        self.list = kept;
        gone
    }

    fn index_of(&self, number: u32) -> Result<usize, SessionError> {
        let index = self.list.iter().position(|one| one.number == number);
        // pdb's numbers begin at 0, with one that is never there.
        index.ok_or(if (0..=self.last).contains(&number) {
            SessionError::BreakpointDeleted { number }
        } else {
            SessionError::NoSuchBreakpoint {
                number: number.into(),
            }
        })
    }

    /// One by its number, or the newest.
    pub fn one(&self, number: Option<u32>) -> Result<&Breakpoint, SessionError> {
        let index = self.index_of(number.unwrap_or(self.last))?;
        Ok(&self.list[index])
    }

    /// The process has stopped at these: the temporary ones among them, which are deleted by that.
    /// `counts` is what the agent has counted: for each number the hits, and those that do not count yet.
    pub fn hit(&mut self, numbers: &[u32], counts: &[(u32, u64, u32)]) -> Vec<Breakpoint> {
        if std::mem::take(&mut self.is_presumed) {
            let has = |one: &Breakpoint| counts.iter().any(|(of, ..)| *of == one.number);
            self.list.retain(|one| !one.enabled || has(one));
        }
        for breakpoint in &mut self.list {
            let counted = counts.iter().find(|(of, ..)| *of == breakpoint.number);
            if let Some((_, hits, ignore)) = counted {
                breakpoint.hits = *hits;
                breakpoint.ignore = *ignore;
            }
        }
        self.remove(|one| one.temporary && numbers.contains(&one.number))
    }

    /// The lines of a file that have one, in pdb's listings too if it is disabled.
    pub fn lines_in(&self, file: &str) -> Vec<u32> {
        let in_file = self
            .list
            .iter()
            .filter(|one| one.file.as_deref() == Some(file));
        in_file.filter_map(|one| one.line).collect()
    }

    /// What the agent is to watch.
    pub fn wanted(&self) -> Vec<WantedBreakpoint> {
        let is_wanted = |one: &&Breakpoint| one.enabled || one.watch.is_some();
        let wanted = self.list.iter().filter(is_wanted);
        wanted
            .map(|breakpoint| WantedBreakpoint {
                number: breakpoint.number,
                file: breakpoint.file.clone(),
                line: breakpoint.line,
                function: breakpoint.function.clone(),
                pattern: breakpoint.pattern.clone(),
                condition: breakpoint.condition.clone(),
                ignore: breakpoint.ignore,
                temporary: breakpoint.temporary,
                log: breakpoint.log.clone(),
                watch: (breakpoint.watch.as_ref()).map(|watch| watch.expression.clone()),
                catch: breakpoint.catch.clone(),
                enabled: breakpoint.enabled,
            })
            .collect()
    }
}
