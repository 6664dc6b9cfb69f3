//! What to call a process among others.

use std::collections::{HashMap, HashSet};

use super::printable;
use crate::model::ProcessReport;

/// A short name for each process of a report: its rank, else its own name, else its pid, else its core;
/// the first of these that no other process of the report goes by.
#[derive(Debug)]
pub struct Labels(Vec<String>);

impl Labels {
    pub fn new(processes: &[ProcessReport]) -> Labels {
        let candidates: Vec<Vec<String>> = processes.iter().map(candidates).collect();
        let mut users: HashMap<&str, usize> = HashMap::new();
        for names in &candidates {
            let distinct: HashSet<&str> = names.iter().map(String::as_str).collect();
            for name in distinct {
                *users.entry(name).or_default() += 1;
            }
        }
        let choose = |(index, names): (usize, &Vec<String>)| {
            let unique = names
                .iter()
                .find(|name| users.get(name.as_str()) == Some(&1));
            unique.cloned().unwrap_or_else(|| format!("#{}", index + 1))
        };
        Labels(candidates.iter().enumerate().map(choose).collect())
    }

    /// Of the process with this index in the report.
    pub fn of(&self, index: usize) -> &str {
        self.0.get(index).map_or("?", String::as_str)
    }
}

fn candidates(process: &ProcessReport) -> Vec<String> {
    let mut names = Vec::new();
    names.extend(process.rank.map(|rank| format!("rank{rank}")));
    if !process.name.is_empty() {
        names.push(printable::one_line(&process.name).into_owned());
    }
    names.extend(process.pid.map(|pid| pid.to_string()));
    if let Some(core) = &process.core {
        let core = printable::one_line(core);
        names.extend(core.rsplit('/').next().map(str::to_string));
        names.push(core.into_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::sample::process;
    use super::*;

    fn labels(processes: &[ProcessReport]) -> Vec<String> {
        Labels::new(processes).0
    }

    #[test]
    fn rank_comes_before_name_and_pid() {
        let mut one = process(10, "w", Vec::new());
        one.rank = Some(3);
        assert_eq!(
            labels(&[one, process(11, "launcher", Vec::new())]),
            ["rank3", "launcher"]
        );
    }

    #[test]
    fn name_that_several_go_by_is_not_used() {
        let same = [
            process(10, "python", Vec::new()),
            process(11, "python", Vec::new()),
            process(12, "sh", Vec::new()),
        ];
        assert_eq!(labels(&same), ["10", "11", "sh"]);
    }

    #[test]
    fn cores_of_one_pid_are_told_apart_by_their_files() {
        let mut cores = [
            process(1, "python", Vec::new()),
            process(1, "python", Vec::new()),
        ];
        cores[0].core = Some("a/core.1".to_string());
        cores[1].core = Some("b/core.1".to_string());
        assert_eq!(labels(&cores), ["a/core.1", "b/core.1"]);
        cores[1].core = Some("a/core.1".to_string());
        assert_eq!(labels(&cores), ["#1", "#2"]);
    }
}
