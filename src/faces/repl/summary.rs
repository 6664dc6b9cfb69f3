//! What becomes of a command and its processes.

use std::io;

use super::answer::Writer;
use crate::faces::render::palette::Role;
use crate::faces::render::printable;
use crate::model::Pid;
use crate::session::{Failure, Stop, StoppedProcess, Summary};

/// Programs that are named which a shell has started and which have ended with an exit code.
const MOST_ANSWERS: usize = 5;

impl Writer<'_> {
    /// `[pmdb] ForkPoolWorker-3 (pid 4245) called breakpoint(); 2 more processes wait`.
    pub(super) fn heading(&mut self, process: &StoppedProcess, stop: &Stop) -> io::Result<()> {
        let who = who(process.name.as_deref(), process.pid);
        let what = match (stop.reason.as_str(), stop.breakpoints.as_slice()) {
            ("asked", _) => "called breakpoint()".to_string(),
            ("set_trace", _) => "called set_trace()".to_string(),
            ("signal", _) => {
                let signal = stop.error.as_deref().unwrap_or("a signal");
                format!("is about to die of {signal}")
            }
            ("panic" | "caught-panic" | "terminate", _) => stop.error.clone().unwrap_or_default(),
            ("exit", _) => format!("is about to {}", stop.error.as_deref().unwrap_or("end")),
            ("raised" | "exits", _) => {
                format!("raised {}", stop.error.as_deref().unwrap_or_default())
            }
            ("catch", _) => "stops where it raises an exception".to_string(),
            (_, [number, ..]) => format!("stops at breakpoint {number}"),
            _ => "stands still".to_string(),
        };
        let waiting = match process.waiting {
            0 => String::new(),
            1 => "; one more process waits".to_string(),
            several => format!("; {several} more processes wait"),
        };
        let text = format!("[pmdb] {who} {what}{waiting}");
        let text = printable::one_line(&text);
        let painted = self.palette.paint(Role::Problem, text).to_string();
        self.line(&painted)?;
        match &stop.fate {
            Some(fate) if !fate.is_empty() => {
                let text = format!("       nobody will catch it: {fate}");
                let text = printable::one_line(&text);
                let painted = self.palette.paint(Role::Faint, text).to_string();
                self.line(&painted)
            }
            _ => Ok(()),
        }
    }

    /// `[pmdb] the command ended with exit code 1; 9 processes, 2 failed:` and those that did, the first marked.
    pub fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let processes = count(summary.processes, "process", "processes");
        let how = match &summary.how {
            Some(how) => format!("the command has ended with {how}"),
            None if summary.not_followed > 0 => {
                let others = count(summary.not_followed, "other was", "others were");
                format!("all that were followed have ended ({others} not)")
            }
            None => "all of them have ended".to_string(),
        };
        let mut text = format!("[pmdb] {how}; {processes}");
        if summary.running > 0 {
            let verb = if summary.running == 1 { "runs" } else { "run" };
            text += &format!(", of which {} still {verb}", summary.running);
        }
        if summary.let_pass > 0 {
            let failures = count(summary.let_pass, "failure was", "failures were");
            text += &format!("; {failures} let pass");
        }
        self.line(&self.palette.paint(Role::Faint, text).to_string())?;
        let is_answer = |failure: &&Failure| failure.answers_shell;
        let (answers, failures): (Vec<&Failure>, Vec<&Failure>) =
            summary.failures.iter().partition(is_answer);
        for (index, failure) in failures.into_iter().enumerate() {
            let order = if index == 0 { "first" } else { "then" };
            let text = printable::one_line(&told(failure)).into_owned();
            let text = self.palette.paint(Role::Problem, text).to_string();
            self.line(&format!("       {order:<5} {text}"))?;
        }
        if !answers.is_empty() {
            let text = format!("       also  {}", told_to_shell(&answers));
            let text = printable::one_line(&text);
            self.line(&self.palette.paint(Role::Faint, text).to_string())?;
        }
        Ok(())
    }
}

/// `ForkPoolWorker-3 (pid 4245) raised IndexError: …, and ended with exit code 1 after 1.2 s`.
fn told(failure: &Failure) -> String {
    let who = who(failure.name.as_deref(), failure.pid);
    let raised = failure.raised.as_ref();
    let raised = raised.map(|error| match failure.times {
        0 | 1 => format!("raised {error}"),
        times => format!("raised {error}, {times} times"),
    });
    let failed = failure.failed.as_ref().map(|failed| match failure.times {
        0 | 1 => failed.clone(),
        times => format!("{failed}, {times} times"),
    });
    let ended = failure.how.as_ref().map(|how| {
        let lived = failure
            .lived_ms
            .map(|lived| format!(" after {}", seconds(lived)));
        let lived = lived.unwrap_or_default();
        match how.strip_prefix("signal ") {
            Some(signal) => format!("died of {signal}{lived}"),
            None => format!("ended with {how}{lived}"),
        }
    });
    let is_about_to_end =
        failure.raised.is_none() && failure.failed.is_none() && failure.how.is_none();
    let stands = is_about_to_end.then(|| match failure.why {
        Some(_) => "is about to die of a signal".to_string(),
        None => "is about to end".to_string(),
    });
    let parts: Vec<String> = [raised, failed, ended, stands]
        .into_iter()
        .flatten()
        .collect();
    let why = failure.why.as_ref().map(|why| format!(": {why}"));
    format!("{who} {}{}", parts.join(", and "), why.unwrap_or_default())
}

/// `readlink (exit code 1), grep (exit code 2): a shell started them`.
fn told_to_shell(answers: &[&Failure]) -> String {
    let told = |failure: &&Failure| {
        let name = failure.name.as_deref().unwrap_or_default();
        format!("{name} ({})", failure.how.as_deref().unwrap_or_default())
    };
    let mut parts: Vec<String> = answers.iter().take(MOST_ANSWERS).map(told).collect();
    if answers.len() > MOST_ANSWERS {
        parts.push(format!("{} more", answers.len() - MOST_ANSWERS));
    }
    let them = if answers.len() == 1 { "it" } else { "them" };
    format!("{}: a shell started {them}", parts.join(", "))
}

fn who(name: Option<&str>, pid: Pid) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("{name} (pid {pid})"),
        _ => format!("process {pid}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn seconds(milliseconds: u64) -> String {
    format!("{:.1} s", milliseconds as f64 / 1000.0)
}

fn count(number: usize, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}
