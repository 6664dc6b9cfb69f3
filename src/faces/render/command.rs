//! Command lines.

use super::printable;
use crate::model::ProcessReport;

/// A longer command line is cut. Characters.
const LONGEST: usize = 120;

/// The command line of a process; several that differ in numbers only (`--rank=3`) show `*` for those.
pub fn common(processes: &[&ProcessReport]) -> String {
    let Some((first, others)) = processes.split_first() else {
        return String::new();
    };
    let mut words = tokens(first);
    for other in others {
        for (word, other) in words.iter_mut().zip(tokens(other)) {
            if *word != other {
                *word = "*".to_string();
            }
        }
    }
    let text = words.concat();
    printable::shortened(&printable::one_line(&text), LONGEST).into_owned()
}

/// Equal for command lines that differ in numbers only.
pub fn shape(process: &ProcessReport) -> Vec<String> {
    let is_number = |token: &String| token.starts_with(|c: char| c.is_ascii_digit());
    let mut tokens = tokens(process);
    for token in &mut tokens {
        if is_number(token) {
            *token = "0".to_string();
        }
    }
    tokens
}

/// Numbers and what is between them.
fn tokens(process: &ProcessReport) -> Vec<String> {
    let text = process.command.join(" ");
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit())
        .map(|token| token.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::process;
    use super::*;

    fn with(command: &str) -> ProcessReport {
        let mut process = process(1, "p", Vec::new());
        process.command = command.split(' ').map(str::to_string).collect();
        process
    }

    #[test]
    fn numbers_that_differ_become_stars() {
        let (one, two) = (
            with("train --rank=3 --of=16"),
            with("train --rank=11 --of=16"),
        );
        assert_eq!(shape(&one), shape(&two));
        assert_eq!(common(&[&one, &two]), "train --rank=* --of=16");
        assert_eq!(common(&[&one]), "train --rank=3 --of=16");
    }

    #[test]
    fn other_differences_are_differences() {
        assert_ne!(shape(&with("train a")), shape(&with("train b")));
        assert_ne!(shape(&with("train 1")), shape(&with("train")));
    }

    #[test]
    fn long_and_strange_commands_stay_on_one_line() {
        let text = common(&[&with(&format!("python -c\n{}", "x".repeat(500)))]);
        assert!(
            text.starts_with("python -c\\nxxx") && text.ends_with('…'),
            "{text}"
        );
        assert_eq!(text.chars().count(), LONGEST + 1);
    }
}
