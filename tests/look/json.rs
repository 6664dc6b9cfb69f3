//! `docs/guide/json.md` against real answers: each field that an answer has is documented there, and each that is said to
//! be there always is.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Fixture, any_python, on_each_python, pmdb};
use serde_json::Value;

/// Field names, and whether they are always there, by section.
type Documented = BTreeMap<String, BTreeMap<String, bool>>;

fn documented() -> Documented {
    let text = include_str!("../../docs/guide/json.md");
    let mut sections = Documented::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_string();
        }
        if let Some((name, rest)) = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split_once('`'))
        {
            let always = rest.starts_with(" | always |");
            let fields = sections.entry(section.clone()).or_default();
            fields.insert(name.to_string(), always);
        }
    }
    sections
}

/// Which section describes what a field holds; nothing for plain values.
fn section_of(section: &str, field: &str) -> Option<&'static str> {
    Some(match (section, field) {
        ("Report", "processes") => "Process",
        ("Process", "usage") => "Usage",
        ("Process", "threads") => "Thread",
        ("Process", "event_loops") => "Event loop",
        ("Event loop", "tasks") => "Task",
        ("Task", "awaits") => "Awaited",
        ("Frame", "columns") => "Columns",
        ("Frame", "locals") => "Local",
        ("Local", "absence") => "Absence",
        ("Thread", "exceptions") | ("Exception", "cause" | "context" | "members") => "Exception",
        (_, "frames") => "Frame",
        ("Segment report", "segments" | "semaphores") => "Segment",
        ("Segment", "mappers") => "Mapper",
        ("Dump report", "processes") => "Dumped process",
        ("Dumped process", "report") => "Process",
        ("Dumped process", "segments") => "Outline",
        ("Comparison", "processes") => "Compared process",
        ("Compared process", "threads") => "Compared thread",
        ("Compared thread", "before" | "after") => "Frame",
        ("Compared thread", "changes") => "Change",
        _ => return None,
    })
}

struct Walk {
    documented: Documented,
    seen: BTreeSet<(String, String)>,
}

impl Walk {
    fn check(&mut self, section: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.check(section, item)),
            Value::Object(fields) => {
                let known = self.documented[section].clone();
                for (name, always) in &known {
                    let there = fields.contains_key(name);
                    assert!(there || !always, "{section}.{name} is missing: {value:#}");
                }
                for (name, inner) in fields {
                    assert!(
                        known.contains_key(name),
                        "{section}.{name} is not documented"
                    );
                    self.seen.insert((section.to_string(), name.clone()));
                    if let Some(next) = section_of(section, name) {
                        self.check(next, inner);
                    } else if !OF_ANOTHER_PAGE.contains(&&**name) {
                        assert!(!inner.is_object(), "{section}.{name} has no section");
                    }
                }
            }
            _ => {}
        }
    }
}

/// What a snapshot notes is described with it; lines are by file and number.
const OF_ANOTHER_PAGE: &[&str] = &["facts", "lines"];

const PROGRAM: &str = "\
import asyncio, sys, threading
async def inner():
    await asyncio.sleep(3600)
async def main(long):
    asyncio.current_task().set_name('principal') if hasattr(asyncio.current_task(), 'set_name') else None
    task = asyncio.ensure_future(inner())
    await asyncio.sleep(0)
    try:
        {}['key']
    except KeyError:
        try:
            raise ValueError('text') from None
        except ValueError as error:
            if hasattr(error, 'add_note'): error.add_note('a note')
            print('ready', flush=True)
            sys.stdin.read()
    return task
import linecache
text = 'def generated():\\n    asyncio.run(main(\"x\" * 5000))\\ngenerated()\\n'
linecache.cache['<made up>'] = (len(text), None, text.splitlines(True), '<made up>')
exec(compile(text, '<made up>', 'exec'))
";

#[test]
fn every_field_of_an_answer_is_documented() {
    let mut walk = Walk {
        documented: documented(),
        seen: BTreeSet::new(),
    };
    assert_eq!(walk.documented.len(), 29);
    let walk = std::cell::RefCell::new(&mut walk);
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, PROGRAM, &[]);
        let pid = fixture.pid().to_string();
        for words in [
            &["stack", "--locals", "--json", &pid][..],
            &["stack", "--tasks", "--locals", "--json", &pid],
            &["ps", "--json", &pid],
        ] {
            let answer = pmdb(words).succeeded().json();
            walk.borrow_mut().check("Report", &answer);
        }
    });
    let walk = walk.into_inner();
    let text = "\
import mmap, sys
shared = mmap.mmap(-1, 8192)
print('ready', flush=True)
sys.stdin.read()
";
    if let Some(python) = any_python() {
        let fixture = Fixture::python_text(python, text, &[]);
        let answer = pmdb(["shm", "--json", &fixture.pid().to_string()]);
        walk.check("Segment report", &answer.succeeded().json());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.pmdb").display().to_string();
        pmdb(["snapshot", &fixture.pid().to_string(), "-o", &file]).succeeded();
        let answer = pmdb(["open", &file, "--report", "json"]);
        walk.check("Dump report", &answer.succeeded().json());
        let answer = pmdb(["diff", &file, &file, "--json"]);
        walk.check("Comparison", &answer.succeeded().json());
        let field = ("Mapper".to_string(), "protection".to_string());
        assert!(walk.seen.contains(&field), "{field:?} was in no answer");
    }
    for (section, name) in [
        ("Usage", "cpu_ms"),
        ("Local", "truncated"),
        ("Local", "length"),
        ("Exception", "context"),
        ("Exception", "suppress_context"),
        ("Thread", "daemon"),
        ("Process", "phase"),
        ("Process", "event_loops"),
        ("Event loop", "tasks"),
        ("Task", "awaits"),
        ("Frame", "source"),
        ("Outline", "parts"),
        ("Compared thread", "common"),
    ] {
        let field = (section.to_string(), name.to_string());
        assert!(
            walk.seen.contains(&field),
            "{section}.{name} was in no answer"
        );
    }
}
