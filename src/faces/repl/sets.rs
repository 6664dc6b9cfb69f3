//! One command for several processes: `@all where`, `@w1,w2 p loss`. Equal answers are shown once, with the set that gave them.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

use super::choice::process_labels;
use super::commands::{self, Action, Control};
use super::control::step;
use super::line::split_command;
use super::run::{Repl, Trouble};
use super::together::stopped;
use crate::faces::render::palette::Role;
use crate::faces::render::set_label::compress;
use crate::model::Pid;
use crate::session::{ProcessEntry, ProcessState, Request, Resume, Scope};

impl Repl {
    /// Runs a command in each process of a set. The focus is where it was afterwards.
    pub(super) fn on_set(
        &mut self,
        names: &str,
        line: &str,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        if line.is_empty() {
            let why = format!("What is @{names} to be asked? `@{names} where`, `@{names} p x`");
            return Err(Trouble::Words(why));
        }
        self.session.ask(Request::Discover)?;
        let entries = self.process_entries();
        let chosen = members(names, &entries)?;
        match control(line) {
            None => {}
            Some((Control::Continue, _)) => return self.continue_all(&entries, &chosen, out),
            Some((Control::Stop, _)) => return self.stop_set(&chosen, out),
            Some((Control::Detach, _)) => {}
            Some((control, arguments)) => {
                if let Some(how) = step(control, arguments)? {
                    return self.step_set(&entries, &chosen, how, out);
                }
                let why = "a set can be looked at, stopped, stepped, `continue`d and `detach`ed; `proc` goes to one process to do this there";
                return Err(Trouble::Words(why.to_string()));
            }
        }
        let focused = entries.iter().position(|entry| entry.focused);
        let mut answers = BTreeMap::new();
        let number = None;
        self.scope = match names {
            "all" => Scope::All { number },
            _ => Scope::Several { number },
        };
        for index in chosen {
            let text = self.answer_of(index, line);
            let text = text.inspect_err(|_| self.scope = Scope::One)?;
            answers.insert(index, text);
        }
        let scope = std::mem::replace(&mut self.scope, Scope::One);
        if let Some(index) = focused {
            self.session.ask(Request::SelectProcess { index })?;
        }
        self.fold(answers, out)?;
        if self.session.is_about_a_command()
            && let Scope::All { number: Some(_) } = scope
        {
            self.writer(out)
                .line("[processes that come later have it too]")?;
        }
        Ok(())
    }

    /// Shows what processes have answered, by their places in the list: equal answers once, with the set that gave them.
    pub(super) fn fold(
        &mut self,
        answers: BTreeMap<usize, String>,
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        let labels = process_labels(&self.process_entries());
        let mut folded: Vec<(String, Vec<&str>)> = Vec::new();
        for (index, text) in answers {
            let text = text.trim_end_matches('\n').to_string();
            let label = labels.get(index).map_or("?", String::as_str);
            match folded.iter_mut().find(|(known, _)| *known == text) {
                Some((_, givers)) => givers.push(label),
                None => folded.push((text, vec![label])),
            }
        }
        for (text, givers) in folded {
            let givers = format!("{}:", compress(givers));
            let givers = self.palette.paint(Role::Prompt, givers);
            let between = if text.contains('\n') { '\n' } else { ' ' };
            writeln!(out, "{givers}{between}{text}")?;
        }
        Ok(())
    }

    /// What a process answers, or why it does not.
    fn answer_of(&mut self, index: usize, line: &str) -> Result<String, Trouble> {
        let mut text = Vec::new();
        let selected = self.session.ask(Request::SelectProcess { index });
        let result = match selected {
            // What has happened to it is not what was asked for.
            Ok(_) => {
                self.session.take_events();
                self.line_alone(line, &mut text)
            }
            Err(error) => Err(error.into()),
        };
        self.report(result, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn line_alone(&mut self, line: &str, out: &mut Vec<u8>) -> Result<(), Trouble> {
        let split = split_command(line);
        let command = split.and_then(|(word, rest)| Some((commands::of_line(word, rest)?, rest)));
        let result = match command {
            Some((command, rest)) => self.command(command, rest, out),
            None => self.expression(line.strip_prefix('!').unwrap_or(line).trim(), out),
        };
        self.show_events(out)?;
        result
    }

    fn continue_all(
        &mut self,
        entries: &[ProcessEntry],
        chosen: &[usize],
        out: &mut dyn Write,
    ) -> Result<(), Trouble> {
        self.session.ask(Request::Follow)?;
        let stopped = stopped(entries, chosen)?;
        self.forget_stop();
        for index in stopped {
            self.session.ask(Request::SelectProcess { index })?;
            let how = Resume::Continue;
            self.session.ask(Request::Resume { how })?;
        }
        self.wait_for_stop(None, out)
    }
}

/// What a command does to the process, if it is one that stops it, steps it or lets it go on, and its arguments.
fn control(line: &str) -> Option<(Control, &str)> {
    let (word, rest) = split_command(line)?;
    match commands::find(word)?.action {
        // `break` alone lists them, and with a place it sets one: neither moves the process.
        Action::Control(
            Control::Break
            | Control::BreakOnce
            | Control::Log
            | Control::Catch
            | Control::Disable
            | Control::Enable
            | Control::Ignore
            | Control::Condition
            | Control::Returned,
        ) => None,
        Action::Control(Control::Clear) if !rest.is_empty() => None,
        Action::Control(control) => Some((control, rest)),
        _ => None,
    }
}

/// Which processes a set is made of, in the order of the list: names, pids, `w1-w6` or `w1..6`, `all`, and states.
pub(super) fn members(names: &str, entries: &[ProcessEntry]) -> Result<Vec<usize>, Trouble> {
    let labels = process_labels(entries);
    let mut chosen = vec![false; entries.len()];
    for name in names.split(',').map(str::trim) {
        let those = |is_meant: &dyn Fn(&str, &ProcessEntry) -> bool| -> Vec<usize> {
            let of_index = |index: &usize| {
                let label = labels.get(*index).map_or("", String::as_str);
                let entry = entries.get(*index);
                entry.is_some_and(|entry| is_meant(label, entry))
            };
            (0..entries.len()).filter(of_index).collect()
        };
        let mut found = those(&|label, entry| is_in(name, label, entry));
        if found.is_empty() {
            // Where the ranks are no names, since several processes have the same.
            found = those(&|_, entry| has_rank(name, entry));
        }
        if found.is_empty() && !STATES.contains(&name) {
            return Err(Trouble::Words(format!(
                "No process '{name}'; `procs` lists them, and @all, @others, @stopped, @raised, @running and @held are sets of them"
            )));
        }
        for index in found {
            if let Some(is_chosen) = chosen.get_mut(index) {
                *is_chosen = true;
            }
        }
    }
    let chosen: Vec<usize> = (0..entries.len())
        .filter(|&index| chosen.get(index) == Some(&true))
        .collect();
    if chosen.is_empty() {
        return Err(Trouble::Words(format!("@{names} is empty at the moment")));
    }
    Ok(chosen)
}

/// Sets that may be empty.
const STATES: [&str; 6] = ["all", "others", "stopped", "raised", "running", "held"];

fn is_in(name: &str, label: &str, entry: &ProcessEntry) -> bool {
    match (name, &entry.state) {
        ("all", state) => *state != ProcessState::Ended,
        ("others", state) => *state != ProcessState::Ended && !entry.focused,
        ("held", _) => entry.held,
        ("stopped", ProcessState::Stopped { .. }) | ("running", ProcessState::Running) => true,
        ("raised", state) => state.has_raised(),
        _ => {
            let of_pid = |pid: Pid| pid.to_string() == name;
            label == name
                || entry.report.name == name
                || entry.report.pid.is_some_and(of_pid)
                || numbered(name).is_some_and(|(prefix, numbers)| {
                    let number = label.strip_prefix(prefix);
                    let number = number.and_then(|number| number.parse::<u64>().ok());
                    number.is_some_and(|number| numbers.contains(&number))
                })
        }
    }
}

/// `rank3`, `rank0..3`: by the rank that a process has from its launcher.
fn has_rank(name: &str, entry: &ProcessEntry) -> bool {
    let Some(rank) = entry.report.rank.map(u64::from) else {
        return false;
    };
    match numbered(name) {
        Some((prefix, ranks)) => prefix == "rank" && ranks.contains(&rank),
        None => name.strip_prefix("rank") == Some(rank.to_string().as_str()),
    }
}

/// `w1-w6` and `ForkPoolWorker-1..6`: what stands before the numbers, and which.
fn numbered(name: &str) -> Option<(&str, Range<u64>)> {
    let of = |first: &str, last: &str| -> Option<Range<u64>> {
        Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?)
    };
    let digits = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if let Some((head, last)) = name.split_once("..") {
        let (prefix, first) = head.split_at(digits(head));
        return Some((prefix, of(first, last)?));
    }
    let (head, tail) = name.rsplit_once('-')?;
    let (prefix, first) = head.split_at(digits(head));
    Some((prefix, of(first, tail.strip_prefix(prefix)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_are_read_as_they_are_written() {
        assert_eq!(numbered("w1-w6"), Some(("w", 1..7)));
        let workers = Some(("ForkPoolWorker-", 2..4));
        assert_eq!(numbered("ForkPoolWorker-2..3"), workers);
        assert_eq!(numbered("4243-4250"), Some(("", 4243..4251)));
        assert_eq!(numbered("rank0..3"), Some(("rank", 0..4)));
        for other in ["ForkPoolWorker-3", "w1-x6", "w..", "a-b", "-", ".."] {
            assert_eq!(numbered(other), None, "{other}");
        }
    }
}
