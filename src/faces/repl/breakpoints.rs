//! Setting, listing and changing breakpoints.

use std::io::Write;

use super::choice::number;
use super::commands::{self, Control};
use super::run::{Repl, Trouble};
use crate::session::{
    Breakpoint, BreakpointRequest, Change, Place, Request, Response, Scope, SessionError, Watch,
};

impl Repl {
    pub(super) fn breakpoints(&mut self) -> Result<Vec<Breakpoint>, SessionError> {
        match self.session.ask(Request::Breakpoints)? {
            Response::Breakpoints(list) => Ok(list),
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn list_breakpoints(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let list = self.breakpoints()?;
        self.writer(out).breakpoints(&list)?;
        Ok(())
    }

    pub(super) fn list_catchpoints(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        let mut list = self.breakpoints()?;
        list.retain(|one| one.catch.is_some());
        self.writer(out).breakpoints(&list)?;
        Ok(())
    }

    pub(super) fn set_breakpoint(
        &mut self,
        mut request: BreakpointRequest,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let kind = if request.log.is_some() {
            "Log point"
        } else {
            "Breakpoint"
        };
        request.scope = self.scope;
        if let Response::Breakpoints(made) = self.session.ask(Request::SetBreakpoint(request))? {
            for breakpoint in made {
                // The next process of the set gets it under the same number.
                let number = Some(breakpoint.number);
                self.scope = match self.scope {
                    Scope::One => Scope::One,
                    Scope::Several { .. } => Scope::Several { number },
                    Scope::All { .. } => Scope::All { number },
                };
                if let Some(watch) = &breakpoint.watch {
                    let Watch {
                        expression, value, ..
                    } = watch;
                    let scope = scope_of(watch);
                    let number = breakpoint.number;
                    let text = format!("Watchpoint {number}: {expression} = {value}, {scope}");
                    self.writer(out).text(&text)?;
                    continue;
                }
                if let Some(class) = &breakpoint.catch {
                    let pending = match breakpoint.matching {
                        Some(0) => " (pending: whatever class of that name is raised)",
                        _ => "",
                    };
                    let text = format!("Catchpoint {}: {class}{pending}", breakpoint.number);
                    self.writer(out).text(&text)?;
                    continue;
                }
                let pending = match (breakpoint.line, breakpoint.matching) {
                    (Some(_), _) => String::new(),
                    (None, Some(1)) => " (1 function so far)".to_string(),
                    (None, Some(count)) => format!(" ({count} functions so far)"),
                    (None, None) => " (pending: wherever a function of that name runs)".to_string(),
                };
                let place = breakpoint.place();
                let text = format!("{kind} {} at {place}{pending}", breakpoint.number);
                self.writer(out).text(&text)?;
            }
        }
        Ok(())
    }

    pub(super) fn change_breakpoints(
        &mut self,
        control: Control,
        arguments: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let (first, rest) = match arguments.split_once(char::is_whitespace) {
            Some((first, rest)) => (first, rest.trim()),
            None => (arguments, ""),
        };
        let (words, change) = match control {
            Control::Clear if arguments.contains(':') => {
                let found = self.at_place(arguments)?;
                let found: Vec<String> = found.iter().map(u32::to_string).collect();
                (found.join(" "), Change::Clear)
            }
            Control::Clear => (arguments.to_string(), Change::Clear),
            Control::Disable => (arguments.to_string(), Change::Disable),
            Control::Enable => (arguments.to_string(), Change::Enable),
            Control::Ignore => {
                let count = match rest {
                    "" => 0,
                    rest => number(rest).ok_or_else(|| unusable("ignore", arguments))?,
                };
                let count = u32::try_from(count.max(0)).unwrap_or(u32::MAX);
                (first.to_string(), Change::Ignore(count))
            }
            _ => {
                let condition = (!rest.is_empty()).then(|| rest.to_string());
                (first.to_string(), Change::Condition(condition))
            }
        };
        // As in pdb: one that cannot be changed is complained of, and the next comes all the same.
        let mut all_changed = true;
        for word in words.split_whitespace() {
            if let Err(trouble) = self.change_one(control, word, &change, out) {
                self.report(Err(trouble), out)?;
                all_changed = false;
            }
        }
        if all_changed {
            Ok(())
        } else {
            Err(Trouble::Said)
        }
    }

    fn change_one(
        &mut self,
        control: Control,
        word: &str,
        change: &Change,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let number = number(word)
            .ok_or_else(|| Trouble::Words(format!("Non-numeric breakpoint number {word}")))?;
        let number =
            u32::try_from(number).map_err(|_| SessionError::NoSuchBreakpoint { number })?;
        let change = change.clone();
        let changed = self
            .session
            .ask(Request::ChangeBreakpoint { number, change })?;
        if let Response::Breakpoints(changed) = changed {
            for one in changed {
                let text = said_of_change(control, &one);
                self.writer(out).text(&text)?;
            }
        }
        Ok(())
    }

    /// Deletes them all: the user has said yes.
    pub(super) fn clear_all(&mut self, out: &mut dyn Write) -> Result<(), Trouble> {
        for one in self.breakpoints()? {
            self.change_one(Control::Clear, &one.number.to_string(), &Change::Clear, out)?;
        }
        Ok(())
    }

    /// Those at a place.
    fn at_place(&mut self, place: &str) -> Result<Vec<u32>, Trouble> {
        let list = self.breakpoints()?;
        let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
        let line = line_number(line)
            .map_err(|_| Trouble::Words(format!("Invalid line number ({line})")))?;
        let ending = format!("/{file}");
        let is_in_file = |one: &&Breakpoint| {
            let path = one.file.as_deref().unwrap_or_default();
            path == file || path.ends_with(&ending)
        };
        let in_file: Vec<&Breakpoint> = list.iter().filter(is_in_file).collect();
        let at_line = in_file.iter().filter(|one| one.line == Some(line));
        let found: Vec<u32> = at_line.map(|one| one.number).collect();
        match in_file.first().and_then(|one| one.file.as_deref()) {
            _ if !found.is_empty() => Ok(found),
            Some(path) => Err(Trouble::Words(format!(
                "There is no breakpoint at {path}:{line}"
            ))),
            None => Err(Trouble::Words(format!(
                "There are no breakpoints in {file}"
            ))),
        }
    }
}

/// The arguments of a command are not such as it takes.
pub(super) fn unusable(name: &str, arguments: &str) -> Trouble {
    let why = format!("Invalid argument: {arguments}");
    match commands::find(name) {
        Some(command) => Trouble::Usage(why, command),
        None => Trouble::Words(why),
    }
}

/// `in step until it returns`, `in all threads`.
pub(super) fn scope_of(watch: &Watch) -> String {
    if let Some(writers) = &watch.writers {
        return writers.clone();
    }
    match &watch.function {
        Some(function) => format!("in {function} until it returns"),
        None => "in all threads".to_string(),
    }
}

/// `breakpoint 1 at /srv/app.py:12`, `watchpoint 2: loss`.
pub(super) fn title_of(breakpoint: &Breakpoint) -> String {
    let (number, place) = (breakpoint.number, breakpoint.place());
    match breakpoint.watch {
        Some(_) => format!("watchpoint {number}: {place}"),
        None if breakpoint.catch.is_some() => format!("catchpoint {number}: {place}"),
        None => format!("breakpoint {number} at {place}"),
    }
}

/// As pdb says it.
fn said_of_change(control: Control, breakpoint: &Breakpoint) -> String {
    let number = breakpoint.number;
    match control {
        Control::Clear => format!("Deleted {}", title_of(breakpoint)),
        Control::Disable => format!("Disabled {}", title_of(breakpoint)),
        Control::Enable => format!("Enabled {}", title_of(breakpoint)),
        Control::Ignore => match breakpoint.ignore {
            0 => format!("Will stop next time breakpoint {number} is reached."),
            1 => format!("Will ignore next 1 crossing of breakpoint {number}."),
            count => format!("Will ignore next {count} crossings of breakpoint {number}."),
        },
        _ => match breakpoint.condition {
            Some(_) => format!("New condition set for breakpoint {number}."),
            None => format!("Breakpoint {number} is now unconditional."),
        },
    }
}

pub(super) fn line_number(text: &str) -> Result<u32, Trouble> {
    let parsed = number(text).and_then(|number| u32::try_from(number).ok());
    parsed.ok_or_else(|| Trouble::Words(format!("Bad lineno: {}", text.trim())))
}

pub(super) fn watch_request(expression: &str) -> BreakpointRequest {
    BreakpointRequest {
        place: Place::Change(expression.trim().to_string()),
        condition: None,
        temporary: false,
        log: None,
        scope: Scope::One,
    }
}

/// A class of exceptions, or several in brackets, and a condition behind a comma.
pub(super) fn catch_request(arguments: &str) -> BreakpointRequest {
    let mut depth = 0_usize;
    let comma = arguments.find(|character| {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    let (class, condition) = match comma {
        Some(at) => (&arguments[..at], Some(arguments[at + 1..].trim())),
        None => (arguments, None),
    };
    BreakpointRequest {
        place: Place::Raise(class.trim().to_string()),
        condition: condition
            .filter(|text| !text.is_empty())
            .map(str::to_string),
        temporary: false,
        log: None,
        scope: Scope::One,
    }
}

/// A pattern between slashes, which may have commas and blanks in it, and what follows. A path does not end in a slash.
fn split_pattern(arguments: &str) -> Option<(&str, &str)> {
    let ends = arguments.strip_prefix('/')?.match_indices('/');
    let mut ends = ends.map(|(at, _)| arguments.split_at(at + 2));
    ends.find_map(|(pattern, rest)| match rest.trim_start() {
        "" => Some((pattern, "")),
        rest if rest.starts_with(',') => Some((pattern, &rest[1..])),
        _ => None,
    })
}

/// `[file:]line`, a function or a `/pattern/` for functions, then a condition behind a comma, or the text of a log point behind a blank.
pub(super) fn breakpoint_request(
    control: Control,
    arguments: &str,
) -> Result<BreakpointRequest, Trouble> {
    let separator = |character: char| match control {
        Control::Log => character.is_whitespace(),
        _ => character == ',',
    };
    let (place, rest) = match split_pattern(arguments).or_else(|| arguments.split_once(separator)) {
        Some((place, "")) if !arguments.ends_with(',') => (place.trim(), None),
        Some((place, rest)) => (place.trim(), Some(rest.trim().to_string())),
        None => (arguments.trim(), None),
    };
    let pattern = place
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    let place = match place.rsplit_once(':') {
        _ if pattern.is_some() => Place::Pattern(pattern.unwrap_or_default().to_string()),
        Some((file, line)) => Place::FileLine {
            file: file.trim().to_string(),
            line: line_number(line)?,
        },
        None if place.bytes().all(|byte| byte.is_ascii_digit()) && !place.is_empty() => {
            Place::Line(line_number(place)?)
        }
        None => Place::Function(place.to_string()),
    };
    let (condition, log) = match control {
        Control::Log => {
            let text = rest.filter(|text| !text.is_empty());
            let why = "a log point needs a text to print, as in `log 95 loss is {loss}`";
            (
                None,
                Some(text.ok_or_else(|| Trouble::Words(why.to_string()))?),
            )
        }
        _ => (rest, None),
    };
    Ok(BreakpointRequest {
        place,
        condition,
        temporary: control == Control::BreakOnce,
        log,
        scope: Scope::One,
    })
}
