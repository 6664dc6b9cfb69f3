//! `pmdb run -- COMMAND` stops where libraries from PyPI lose an exception with its frames.

use crate::support::{any_python, pmdb_alone, venv, write_script};

const PICK: &str = "
def pick(index):
    local = 'index %d' % index
    return [10, 11][index]

";

/// The package, a program with `pick`, and what becomes of the exception.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (
        "joblib",
        "
if __name__ == '__main__':
    import joblib
    try:
        joblib.Parallel(n_jobs=2)(joblib.delayed(pick)(index) for index in (0, 5))
    except IndexError:
        print('the parent got it')
",
        "joblib (loky) hands it on",
    ),
    (
        "celery",
        "
import celery
from celery.contrib.testing.worker import start_worker
app = celery.Celery('jobs', broker='memory://', backend='cache+memory://')
task = app.task(pick)
if __name__ == '__main__':
    with start_worker(app, perform_ping_check=False, pool='solo'):
        try:
            task.delay(5).get(timeout=60)
        except IndexError:
            print('the parent got it')
",
        "celery marks the task as failed",
    ),
    (
        "pytest",
        "
def test_pick():
    assert pick(5) == 1
if __name__ == '__main__':
    import pytest
    pytest.main(['-q', '-s', '-p', 'no:cacheprovider', __file__])
    print('the parent got it')
",
        "pytest reports it",
    ),
];

#[test]
fn exceptions_that_libraries_lose_are_stopped_at_once_each() {
    for (package, program, fate) in PROGRAMS {
        let Some(python) = any_python().and_then(|python| venv(python, &[package])) else {
            continue;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("jobs.py");
        write_script(&script, &format!("{PICK}{program}"));
        let path = python.path.display().to_string();
        let script = script.display().to_string();
        let answer = pmdb_alone(["run", "-c", "p local", "--", &path, &script], "");
        let said = &answer.stderr;
        assert!(
            said.contains(" raised IndexError: list index out of range\n"),
            "{answer:#?}"
        );
        assert!(said.contains(fate), "{answer:#?}");
        assert!(said.contains("\n'index 5'\n"), "{answer:#?}");
        assert_eq!(
            said.matches("nobody will catch it").count(),
            1,
            "{answer:#?}"
        );
        assert!(answer.stdout.contains("the parent got it\n"), "{answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    }
}
