//! Many names in few characters: `w1-w6,w8`, `ForkPoolWorker-1..6,8`, `4243-4250`.

use std::collections::{HashMap, HashSet};

/// A name without its last number, which is what the names of one series have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Series<'a> {
    prefix: &'a str,
    /// What follows the number: ` (handle)` in `Thread-3 (handle)`.
    suffix: &'a str,
    /// The number of digits, where leading zeros keep it constant: `w01`, `w02`.
    width: Option<usize>,
}

/// Names as a set, in the order in which each series first appears. A name that appears twice is written once.
pub fn compress<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<(Series<'a>, Option<u64>)> = names.into_iter().map(split).collect();
    let padded: HashSet<Series<'a>> = names
        .iter()
        .map(|(series, _)| *series)
        .filter(|series| series.width.is_some())
        .collect();
    let mut order: Vec<Series<'a>> = Vec::new();
    let mut numbers: HashMap<Series<'a>, Vec<u64>> = HashMap::new();
    for (mut series, number) in names {
        // `w10` continues `w08`, `w09`.
        let as_wide = Series {
            width: number.map(|number| number.to_string().len()),
            ..series
        };
        if padded.contains(&as_wide) {
            series = as_wide;
        }
        numbers
            .entry(series)
            .or_insert_with(|| {
                order.push(series);
                Vec::new()
            })
            .extend(number);
    }
    let parts: Vec<String> = order
        .iter()
        .map(|series| series.with(numbers.remove(series).unwrap_or_default()))
        .collect();
    parts.join(", ")
}

impl Series<'_> {
    fn with(&self, mut numbers: Vec<u64>) -> String {
        if numbers.is_empty() {
            return format!("{}{}", self.prefix, self.suffix);
        }
        numbers.sort_unstable();
        numbers.dedup();
        // `w1-w6` repeats the prefix. After a hyphen, or with something behind the number, that would mislead.
        let repeats = self.suffix.is_empty()
            && (self.prefix.is_empty() || self.prefix.ends_with(char::is_alphanumeric));
        let between = if repeats { "-" } else { ".." };
        let again = if repeats { self.prefix } else { "" };
        let mut text = String::new();
        for run in numbers.chunk_by(|&one, &next| next == one + 1) {
            for part in written(run, between, again, self.width) {
                text.push_str(if text.is_empty() { self.prefix } else { "," });
                if text.ends_with(',') {
                    text.push_str(again);
                }
                text.push_str(&part);
            }
        }
        text.push_str(self.suffix);
        text
    }
}

/// Consecutive numbers: three or more as first and last, fewer as they are.
fn written(run: &[u64], between: &str, again: &str, width: Option<usize>) -> Vec<String> {
    let width = width.unwrap_or(0);
    match run {
        [first, _, .., last] => vec![format!("{first:0width$}{between}{again}{last:0width$}")],
        few => few
            .iter()
            .map(|number| format!("{number:0width$}"))
            .collect(),
    }
}

fn split(name: &str) -> (Series<'_>, Option<u64>) {
    // Python 3.10 and later name a thread `Thread-3 (function)`.
    let end = if name.ends_with(')') {
        name.rfind(" (").unwrap_or(name.len())
    } else {
        name.len()
    };
    let (head, suffix) = name.split_at(end);
    let prefix = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &head[prefix.len()..];
    // Too long a number, and no number at all, leave the name as it is.
    match digits.parse::<u64>() {
        Ok(number) if number < u64::MAX => {
            let width = (digits.len() > 1 && digits.starts_with('0')).then_some(digits.len());
            let series = Series {
                prefix,
                suffix,
                width,
            };
            (series, Some(number))
        }
        _ => {
            let series = Series {
                prefix: name,
                suffix: "",
                width: None,
            };
            (series, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::compress;

    #[track_caller]
    fn check(names: &[&str], expected: &str) {
        assert_eq!(compress(names.iter().copied()), expected);
    }

    #[test]
    fn runs_of_three_and_more_become_ranges() {
        check(&["w1", "w2", "w3", "w4", "w5", "w6", "w8"], "w1-w6,w8");
        check(&["rank0", "rank1"], "rank0,rank1");
        check(&["7"], "7");
        check(&["4243", "4244", "4245", "4250"], "4243-4245,4250");
    }

    #[test]
    fn order_and_repetition_do_not_matter_within_a_series() {
        check(&["w3", "w1", "w2", "w1"], "w1-w3");
    }

    #[test]
    fn number_after_a_hyphen_is_not_joined_with_another_hyphen() {
        check(
            &[
                "ForkPoolWorker-1",
                "ForkPoolWorker-2",
                "ForkPoolWorker-3",
                "ForkPoolWorker-5",
            ],
            "ForkPoolWorker-1..3,5",
        );
        check(
            &[
                "ThreadPoolExecutor-0_0",
                "ThreadPoolExecutor-0_1",
                "ThreadPoolExecutor-0_2",
            ],
            "ThreadPoolExecutor-0_0..2",
        );
        check(
            &["SpawnProcess-1:1", "SpawnProcess-1:2"],
            "SpawnProcess-1:1,2",
        );
    }

    #[test]
    fn function_behind_a_thread_name_is_kept() {
        check(
            &[
                "Thread-1 (work)",
                "Thread-2 (work)",
                "Thread-3 (work)",
                "Thread-4 (serve)",
            ],
            "Thread-1..3 (work), Thread-4 (serve)",
        );
        check(&["odd (", "odd )"], "odd (, odd )");
    }

    #[test]
    fn series_stay_apart_in_order_of_appearance() {
        check(&["main", "w2", "rank0", "w1", "main"], "main, w1,w2, rank0");
    }

    #[test]
    fn leading_zeros_are_kept() {
        check(&["w08", "w09", "w10", "w11"], "w08-w11");
        check(&["n001", "n002", "n003", "n1000"], "n001-n003, n1000");
    }

    #[test]
    fn numbers_too_long_for_a_number_are_names() {
        check(
            &[
                "x99999999999999999999",
                "x18446744073709551615",
                "x18446744073709551614",
            ],
            "x99999999999999999999, x18446744073709551615, x18446744073709551614",
        );
    }

    #[test]
    fn nothing_is_empty() {
        check(&[], "");
        check(&[""], "");
    }
}
