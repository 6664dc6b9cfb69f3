//! What to call a process: its name among its like, and its rank.
//!
//! `docs/internals/names.md` says where each comes from and why it is believed.

use std::path::Path;

use crate::model::Phase;
use crate::process::Process;
use crate::python::Look;
use crate::ranks::RANK_VARIABLES;

/// Options of `python` that are followed by a value of their own.
const OPTIONS_WITH_VALUE: &[&str] = &["-W", "-X", "-Q", "--check-hash-based-pycs"];

/// A title is cut here. Characters.
const LONGEST_TITLE: usize = 60;

/// Beginnings of the programs that `multiprocessing` passes to `python -c`, and what these processes are.
const HELPERS: &[(&str, &str)] = &[
    ("from multiprocessing.resource_tracker", "resource_tracker"),
    (
        "from multiprocessing.semaphore_tracker",
        "semaphore_tracker",
    ),
    ("from multiprocessing.forkserver", "forkserver"),
    ("import sys; from multiprocessing.forkserver", "forkserver"),
    ("from multiprocessing.spawn", "spawned worker"),
    (
        "from joblib.externals.loky.backend.resource_tracker",
        "resource_tracker",
    ),
];

/// What a worker of pytest-xdist calls itself, `gw0`; it was started with a program of execnet, by `python -c`.
const NAME_IN_XDIST: &str = "PYTEST_XDIST_WORKER";

/// A process among its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub name: String,
    pub rank: Option<u32>,
}

/// Asks a process who it is: first what its program says (`look`, if it is Python), then how it was started.
pub fn who(process: &dyn Process, look: Option<&Look<'_>>) -> Who {
    let identity = process.identity();
    let asked = [RANK_VARIABLES, &[NAME_IN_XDIST]].concat();
    let words = look.map(|look| look.own_words(&asked)).unwrap_or_default();
    let variable = |name: &str| match &words.environment {
        Some(variables) => variables.get(name).cloned(),
        None => process.environment(name),
    };
    let program = || {
        let program = program(&identity.command, identity.executable.as_deref());
        // What the tests start has the variable too.
        let in_xdist = (program == "-c").then(|| variable(NAME_IN_XDIST)).flatten();
        in_xdist.unwrap_or(program)
    };
    Who {
        rank: rank(variable),
        name: words.worker.clone().unwrap_or_else(program),
    }
}

/// What somebody who is about to work on a process should know of where its Python is in its life.
pub fn note_of(phase: Phase) -> Option<String> {
    let text = match phase {
        Phase::Running => return None,
        Phase::Starting => "Python is still starting up",
        Phase::Finalizing => "Python is shutting down: its modules are being taken apart",
    };
    Some(text.to_string())
}

/// The rank that the environment tells, by the first variable that holds a number.
pub fn rank(variable: impl Fn(&str) -> Option<String>) -> Option<u32> {
    let number = |name: &&str| variable(name)?.trim().parse().ok();
    RANK_VARIABLES.iter().find_map(number)
}

/// What a command line runs: the script or module that Python was given (`train.py`, `http.server`), the title that
/// the process gave itself, else the executable.
pub fn program(command: &[String], executable: Option<&Path>) -> String {
    let executable = executable
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let Some((first, arguments)) = command.split_first() else {
        return executable.unwrap_or_default();
    };
    let invoked = base_name(first);
    if is_python(invoked) {
        return script(arguments).unwrap_or_else(|| invoked.to_string());
    }
    // `gunicorn: worker [app]`, `celeryd: w1@host:MainProcess`, `ray::Actor.method`, `sshd: alice [priv]`
    let is_title = first.contains(": ") || first.contains("::") || first.ends_with(':');
    if is_title {
        let title: Vec<&str> = command.iter().map(String::as_str).collect();
        return title.join(" ").trim().chars().take(LONGEST_TITLE).collect();
    }
    if invoked.is_empty() {
        return executable.unwrap_or_default();
    }
    // A login shell calls itself `-bash`.
    invoked.trim_start_matches('-').to_string()
}

/// Whether the command line is that of a Python interpreter.
pub fn runs_python(command: &[String]) -> bool {
    command
        .first()
        .is_some_and(|first| is_python(base_name(first)))
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python").is_some_and(|rest| {
        rest.chars()
            .all(|c| c.is_ascii_digit() || c == '.' || c == 'd' || c == 't')
    })
}

/// What Python runs, from its arguments; nothing for the prompt.
fn script(arguments: &[String]) -> Option<String> {
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let attached = |option: &str| word.strip_prefix(option).filter(|rest| !rest.is_empty());
        match word {
            "-m" => return words.next().map(str::to_string),
            "-c" => return Some(command_text(words.next().unwrap_or_default())),
            "-" => return Some("-".to_string()),
            _ if OPTIONS_WITH_VALUE.contains(&word) => {
                words.next();
            }
            _ if word.starts_with("--") => {}
            _ if word.starts_with('-') => {
                // Short options may stand together, the last with its value: `-Im http.server`, `-mhttp.server`.
                if let Some(module) = attached("-m") {
                    return Some(module.to_string());
                }
                let ends_with = |last| word.ends_with(last) && !word[1..].contains(['W', 'X']);
                if ends_with('m') {
                    return words.next().map(str::to_string);
                }
                if ends_with('c') {
                    return Some(command_text(words.next().unwrap_or_default()));
                }
            }
            path => {
                return Some(match base_name(path) {
                    // `python -m package` shows as the path of this file in some process titles.
                    "__main__.py" => {
                        let folder = path.rsplit('/').nth(1);
                        folder.unwrap_or("__main__.py").to_string()
                    }
                    name => name.to_string(),
                });
            }
        }
    }
    None
}

fn command_text(text: &str) -> String {
    let known = HELPERS
        .iter()
        .find(|(begin, _)| text.trim_start().starts_with(begin));
    known.map_or("-c", |(_, name)| name).to_string()
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, expected: &str) {
        let words: Vec<String> = command.split('|').map(str::to_string).collect();
        assert_eq!(
            program(&words, Some(Path::new("/usr/bin/exe"))),
            expected,
            "{command}"
        );
    }

    #[test]
    fn scripts_and_modules_name_a_python_process() {
        check("python3|/srv/app/train.py|--rank=3", "train.py");
        check(
            "/usr/bin/python3.11|-u|-W|ignore|-X|dev|train.py",
            "train.py",
        );
        check("python|-m|http.server|8000", "http.server");
        check("python|-Im|http.server", "http.server");
        check("python|-mhttp.server", "http.server");
        check("python3|/usr/local/bin/gunicorn|app:app", "gunicorn");
        check("python3|/opt/site-packages/pip/__main__.py|list", "pip");
        check("python3|-|x", "-");
        check("python3.12", "python3.12");
        check("python3|-i", "python3");
        check("python3|-m", "python3");
        check("python3|-c|print(1)", "-c");
        check("python3|-Bc|print(1)", "-c");
    }

    #[test]
    fn helpers_of_multiprocessing_have_names() {
        check(
            "python3|-s|-c|from multiprocessing.resource_tracker import main;main(4)",
            "resource_tracker",
        );
        check(
            "python3|-B|-c|import sys; from multiprocessing.forkserver import main; main(11, 12, **{})",
            "forkserver",
        );
        check(
            "python3|-c|from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5)|--multiprocessing-fork",
            "spawned worker",
        );
    }

    #[test]
    fn titles_and_other_programs() {
        check("gunicorn: worker [app:app]", "gunicorn: worker [app:app]");
        check("ray::IDLE", "ray::IDLE");
        check("/usr/sbin/nginx|-g|daemon off;", "nginx");
        check("-bash", "bash");
        check("", "exe");
        assert_eq!(program(&[], Some(Path::new("/bin/x"))), "x");
        assert_eq!(program(&[], None), "");
        check("pythonista", "pythonista");
    }

    #[test]
    fn rank_of_the_job_comes_before_that_of_the_node() {
        let told = |name: &str| match name {
            "LOCAL_RANK" => Some("1".to_string()),
            "SLURM_PROCID" => Some("9".to_string()),
            "PMI_RANK" => Some("not a number".to_string()),
            _ => None,
        };
        assert_eq!(rank(told), Some(9));
        assert_eq!(rank(|_| None), None);
        assert_eq!(rank(|_| Some("-1".to_string())), None);
    }
}
