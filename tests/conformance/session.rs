//! A script and commands, run in pdb and in pmdb.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::conformance::transcript::normal;
use crate::support::{
    Fixture, PROMISED, Python, fixture_path, pmdb_alone, pmdb_with_input, pythons, run, skip,
};

/// The version that pmdb takes as its model, whichever the program has.
pub const MODEL: u8 = 14;

/// How pmdb comes to the script. pdb always starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// It is attached to the script, which waits; both go to a line first.
    Attached { line: String },
    /// It starts it.
    Started,
}

/// A script and what is typed.
#[derive(Debug)]
pub struct Session {
    pub title: String,
    script: PathBuf,
    beginning: Beginning,
    /// The first minor version whose own pdb answers so.
    since: u8,
    /// The first minor version that runs the same lines: what an older one does, no pdb of a newer can tell.
    comparable: u8,
    commands: String,
    is_random: bool,
    /// What the pdb of a newer Python has answered, for the older ones.
    model: OnceLock<Option<String>>,
}

/// Those of `fixtures/pdb/`.
pub fn sessions() -> Vec<Session> {
    let folder = std::fs::read_dir(fixture_path("pdb")).expect("it is there");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("it is").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let mut sessions = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("it is beside the scripts");
        sessions.extend(text.split("\n=== ").skip(1).map(parsed));
    }
    sessions
}

/// `script:line title`, or `script title` for one that pmdb starts. At its end `(3.13+)`, if older versions of pdb answer otherwise, or
/// `(3.14+ on 3.12+)`, if older versions of Python also run other lines. In the head and in the commands `<name>` stands for the number
/// of the line that ends in `# <name>`, and `{folder}` for that of the scripts.
fn parsed(block: &str) -> Session {
    let (title, commands) = block.split_once('\n').expect("a head and commands");
    let (place, words) = title.split_once(' ').expect("a place and a title");
    let (script, line) = place.split_once(':').unwrap_or((place, ""));
    let script = fixture_path("pdb").join(script);
    let text = std::fs::read_to_string(&script).unwrap_or_else(|_| panic!("no script: {title}"));
    let folder = fixture_path("pdb").display().to_string();
    let (mut line, mut commands) = (line.to_string(), commands.replace("{folder}", &folder));
    for (number, source) in (1..).zip(text.lines()) {
        if let Some((_, mark)) = source.split_once("# <") {
            let mark = format!("<{mark}");
            line = line.replace(&mark, &number.to_string());
            commands = commands.replace(&mark, &number.to_string());
        }
    }
    let version_behind = |mark: &str| -> u8 {
        let rest = words.split_once(mark).map(|(_, rest)| rest);
        let minor = rest.and_then(|rest| rest.split_once('+')?.0.parse().ok());
        minor.unwrap_or(*PROMISED.start())
    };
    Session {
        title: title.to_string(),
        script,
        beginning: match line.as_str() {
            "" => Beginning::Started,
            _ => Beginning::Attached { line },
        },
        since: version_behind("(3."),
        comparable: version_behind(" on 3."),
        commands,
        is_random: false,
        model: OnceLock::new(),
    }
}

impl Session {
    /// One made up at random, which the pdb of each Python is asked about.
    pub fn new(title: String, script: PathBuf, beginning: Beginning, commands: String) -> Session {
        Session {
            title,
            script,
            beginning,
            since: *PROMISED.start(),
            comparable: *PROMISED.start(),
            commands,
            is_random: true,
            model: OnceLock::new(),
        }
    }

    /// All that is needed to see for oneself.
    pub fn told(&self) -> String {
        let text = std::fs::read_to_string(&self.script).unwrap_or_default();
        let numbered = (1..).zip(text.lines());
        let numbered: String = numbered
            .map(|(number, line)| format!("{number:>4} {line}\n"))
            .collect();
        format!("{numbered}--- typed:\n{}", self.input())
    }

    fn input(&self) -> String {
        let begin = match &self.beginning {
            Beginning::Attached { line } => format!("tbreak {line}\ncontinue\n"),
            Beginning::Started => String::new(),
        };
        format!("{begin}{}\np 'the end'\n", self.commands)
    }

    /// What pdb answers: that of the Python itself, or a newer one if its own answers otherwise. Nothing if there is none to ask.
    pub fn of_pdb(&self, python: &Python) -> Option<String> {
        if self.since <= python.minor {
            return Some(self.of_pdb_of(python));
        }
        if self.comparable > python.minor {
            return None;
        }
        let of_model = || {
            let newer = || pythons().iter().filter(|one| one.minor >= self.since);
            let model = newer().find(|one| one.minor == MODEL).or(newer().last());
            if model.is_none() {
                let why = format!("no pdb from 3.{} on on this machine", self.since);
                skip(&self.title, &why);
            }
            Some(self.of_pdb_of(model?))
        };
        self.model.get_or_init(of_model).clone()
    }

    fn folder(&self) -> &Path {
        self.script.parent().unwrap_or(Path::new("/"))
    }

    fn of_pdb_of(&self, python: &Python) -> String {
        let mut command = with_compiled_modules(python);
        if self.is_random && python.minor < MODEL {
            command.arg(fixture_path("pdb_of_3_14.py"));
        } else {
            command.args(["-m", "pdb"]);
        }
        command
            .arg(&self.script)
            .env("HOME", "/nonexistent")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .env("PYTHONUNBUFFERED", "1");
        let pdb = self.normal(&run(command, &self.input()).stdout);
        // A transcript that is empty on both sides compares nothing.
        let is_empty = pdb.lines().count() < 4;
        assert!(self.is_random || !is_empty, "pdb answers nothing: {pdb}");
        pdb
    }

    /// What pmdb prints that is attached while the script waits, or starts it.
    pub fn of_pmdb(&self, python: &Python) -> String {
        let script = self.script.display().to_string();
        let answer = match &self.beginning {
            Beginning::Attached { .. } => {
                let mut command = with_compiled_modules(python);
                command.args([&script, "wait"]);
                let fixture = Fixture::start(command);
                let input = format!("stop\n!waiting = False\n{}", self.input());
                pmdb_with_input(["attach", &fixture.pid().to_string()], &input)
            }
            Beginning::Started => {
                let python = python.path.display().to_string();
                let words = ["run", "--stop-at-entry", "--", &python, "-u", &script];
                pmdb_alone(words, &self.input())
            }
        };
        if self.beginning != Beginning::Started {
            assert_eq!(answer.stderr, "");
        }
        self.normal(&answer.stdout)
    }

    fn normal(&self, text: &str) -> String {
        let whole = self.beginning == Beginning::Started && !self.is_random;
        normal(text, self.folder(), whole)
    }
}

/// pdb and asyncio import much: it is compiled once for all sessions.
fn with_compiled_modules(python: &Python) -> Command {
    let mut command = python.command();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    command
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .env("PYTHONPYCACHEPREFIX", folder);
    command
}
