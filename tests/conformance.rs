//! pmdb at a process that was started without it answers as pdb does that started the same program: `fixtures/pdb/`.
//!
//! `docs/guide/pdb-differences.md` lists what is meant to differ.

mod support;

use std::io::Write;
use std::process::Stdio;

use support::{Fixture, Python, fixture_path, on_each_python, pmdb_with_input};

/// A script, the line in it where both begin, and what is typed there.
struct Session {
    title: String,
    script: String,
    line: String,
    /// The first minor version whose own pdb answers so. pmdb does on all.
    since: u8,
    commands: String,
}

fn sessions() -> Vec<Session> {
    let path = fixture_path("pdb/sessions.txt");
    let text = std::fs::read_to_string(path).expect("it is beside the scripts");
    let blocks = text.split("\n=== ").skip(1);
    blocks
        .map(|block| {
            let (title, commands) = block.split_once('\n').expect("a head and commands");
            let (place, words) = title.split_once(' ').expect("a place and a title");
            let (script, line) = place.split_once(':').expect("a script and a line");
            let since = words.split_once("3.").and_then(|(_, rest)| {
                let (minor, _) = rest.split_once('+')?;
                minor.parse().ok()
            });
            Session {
                title: title.to_string(),
                script: script.to_string(),
                line: line.to_string(),
                since: since.unwrap_or(8),
                commands: commands.to_string(),
            }
        })
        .collect()
}

impl Session {
    fn input(&self) -> String {
        let Session { line, commands, .. } = self;
        format!("tbreak {line}\ncontinue\n{commands}\np 'the end'\n")
    }

    /// What the interpreter's own pdb prints.
    fn of_pdb(&self, python: &Python) -> String {
        let script = fixture_path("pdb").join(&self.script);
        let mut child = python
            .command()
            .args(["-m", "pdb"])
            .arg(script)
            .env("HOME", "/nonexistent")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        // It may end without reading all.
        let _ = input.write_all(self.input().as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("it is our child");
        normal(&String::from_utf8_lossy(&output.stdout))
    }

    /// What pmdb prints that is attached while the script waits.
    fn of_pmdb(&self, python: &Python) -> String {
        let fixture = Fixture::python(python, &format!("pdb/{}", self.script), &["wait"]);
        let input = format!("stop\n!waiting = False\n{}", self.input());
        let answer = pmdb_with_input(["attach", &fixture.pid().to_string()], &input);
        assert_eq!(answer.stderr, "", "{}", self.title);
        normal(&answer.stdout)
    }
}

/// What pdb prints before it reads a line, also from a pipe.
const PROMPTS: [&str; 4] = ["(Pdb) ", "(com) ", "...   ", "Clear all breaks? "];

/// From the first stop to the end of the commands or of the program, without prompts, folders, addresses, and pdb's own frames.
fn normal(text: &str) -> String {
    let folder = fixture_path("pdb/").display().to_string();
    let mut text = text.replace(&folder, "");
    for prompt in PROMPTS {
        text = text.replace(prompt, "");
    }
    let start = text.find("Deleted breakpoint 1 ").unwrap_or(0);
    let text = text.split_at(start).1;
    let text = text.split("'the end'\n").next().unwrap_or_default();
    let mut lines = text.lines().peekable();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        // pdb begins anew at the end of the program, and pmdb's process is gone.
        if line == "end" || line.starts_with("[process ") {
            break;
        }
        // How a command is used, pmdb says in its own words.
        if line.starts_with("      Usage: ") {
            while lines.next_if(|next| next.starts_with("       ")).is_some() {}
            continue;
        }
        let is_pdb_itself = |name: &str| line.get(2..).is_some_and(|rest| rest.starts_with(name));
        if is_pdb_itself("<string>(") || line.contains("/bdb.py(") || line.contains("/pdb.py(") {
            lines.next_if(|next| next.starts_with("-> "));
            continue;
        }
        // pdb goes on to show the last value behind the frame of a generator that has yielded one.
        let at_return = kept.ends_with("--Return--\n");
        let line = match line.split_once("()->") {
            Some((frame, _)) if !at_return && frame.starts_with("> ") => format!("{frame}()"),
            _ => line.to_string(),
        };
        kept += &without_addresses(&line);
        kept.push('\n');
    }
    kept
}

fn without_addresses(line: &str) -> String {
    let mut pieces = line.split("0x");
    let mut shortened = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        shortened += "0x…";
        shortened += piece.trim_start_matches(|character: char| character.is_ascii_hexdigit());
    }
    shortened
}

/// Says where two transcripts part.
fn difference(pdb: &str, pmdb: &str) -> Option<String> {
    if pdb == pmdb {
        return None;
    }
    let same = pdb
        .lines()
        .zip(pmdb.lines())
        .take_while(|(one, other)| one == other)
        .count();
    let from = |text: &str| -> String {
        let lines = text.lines().skip(same.saturating_sub(3)).take(9);
        lines.map(|line| format!("    {line}\n")).collect()
    };
    Some(format!("  pdb:\n{}  pmdb:\n{}", from(pdb), from(pmdb)))
}

#[test]
fn pmdb_answers_as_pdb_does() {
    let mut sessions = sessions();
    assert!(sessions.len() > 20, "{}", sessions.len());
    // For one who works on a session: only those with a text in their titles.
    if let Ok(wanted) = std::env::var("PMDB_TEST_SESSIONS") {
        sessions.retain(|one| one.title.contains(&wanted));
    }
    on_each_python(|python| {
        let mut differing = String::new();
        let answered = sessions.iter().filter(|one| one.since <= python.minor);
        for session in answered {
            let (pdb, pmdb) = (session.of_pdb(python), session.of_pmdb(python));
            // A transcript that is empty on both sides compares nothing.
            let starts = pdb.starts_with("Deleted breakpoint 1 ") && pdb.lines().count() > 4;
            assert!(starts, "{}: {pdb}", session.title);
            if let Some(difference) = difference(&pdb, &pmdb) {
                differing += &format!("{}\n{difference}", session.title);
            }
        }
        assert!(differing.is_empty(), "\n{differing}");
    });
}
