//! Lines of source that no file has any more, or never had.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::{Fixture, on_each_python, pmdb};

#[test]
fn source_that_only_the_process_has_is_shown() {
    // What IPython does with a cell, and attrs with what it generates.
    let program = "\
import linecache, sys
text = 'def cell(number):\\n    print(\"ready\", flush=True) or sys.stdin.read()\\ncell(5)\\n'
name = '<cell 1>'
linecache.cache[name] = (len(text), None, text.splitlines(True), name)
exec(compile(text, name, 'exec'))
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid]);
        let text = &answer.succeeded().stdout;
        assert!(
            text.contains("File \"<cell 1>\", line 3, in <module>\n    cell(5)\n"),
            "{text}"
        );
        let answer = pmdb(["attach", &pid, "-c", "up", "-c", "longlist"]);
        let listing = &answer.succeeded().stdout;
        assert!(listing.contains("  1  \tdef cell(number):\n"), "{listing}");
        assert!(listing.contains("  3  ->\tcell(5)\n"), "{listing}");
    });
}

#[test]
fn file_that_was_edited_after_the_start_is_named() {
    let program = "\
import sys
def wait():
    print('ready', flush=True)
    sys.stdin.read()
wait()
";
    on_each_python(|python| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("edited.py");
        let now = SystemTime::now();
        write_at(&script, program, now - FAR);
        let mut command = python.command();
        command.arg(&script);
        let fixture = Fixture::start(command);
        let pid = fixture.pid().to_string();
        let warning = "edited.py was edited after the process started";
        let stack = || pmdb(["stack", &pid]).succeeded().stdout.clone();
        assert!(!stack().contains(warning));
        write_at(&script, &format!("# A comment.\n{program}"), now + FAR);
        let text = stack();
        assert!(
            text.trim_end().ends_with("other lines than these"),
            "{text}"
        );
        assert!(text.contains(warning), "{text}");
    });
}

/// Further than a clock that somebody sets is moved while a test runs: when a process was started is known by the clock of
/// boot, when a file was written by the one of the wall.
const FAR: Duration = Duration::from_secs(3600);

fn write_at(path: &Path, text: &str, modified: SystemTime) {
    let mut file = File::create(path).expect("ours");
    file.write_all(text.as_bytes()).expect("ours");
    file.set_modified(modified).expect("ours");
}
