//! pmdb's readers in this process, on damage that is the same at each run: none panics, hangs or fills the memory.
//!
//! `PMDB_MUTATIONS=1000 cargo test look::fuzzed` looks longer. `tests/look/mutated_cores.rs` does the like with the whole
//! binary, `fuzz/` for as long as one likes.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};

use crate::support::expression::expression;
use crate::support::mutate::{Damaged, Random};
use crate::support::overlay::Overlay;
use crate::support::{
    Core, PATIENCE, Python, any_python, dump_core, fixture_path, on_each_python, venv, walk_all,
};
use nix::sys::signal::Signal;
use pmdb::faces::render::palette::Palette;
use pmdb::faces::repl::{Repl, all_commands};
use pmdb::model::Addr;
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::process::elf::{Elf, load_bias};
use pmdb::process::live::read_any_text;
use pmdb::process::{Backing, Mapping, Process, Protection};
use pmdb::python::eval::Scope;
use pmdb::python::layout::LineTableForm;
use pmdb::python::lines::position;
use pmdb::python::{Limits, Look, locate};
use pmdb::session::stack::Target;
use pmdb::session::{Session, SessionOptions};

fn rounds(usual: u64) -> u64 {
    let asked = std::env::var("PMDB_MUTATIONS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Tries each of `rounds` seeds. `attempt` says what it is about to do before it does it.
fn try_each(rounds: u64, attempt: impl Fn(&mut Random, &dyn Fn(String)) + Sync) {
    let (sender, receiver) = mpsc::channel::<(u64, String)>();
    let run = |sender: Sender<(u64, String)>| {
        for seed in 0..rounds {
            let said = std::cell::RefCell::new(String::new());
            let say = |what: String| {
                said.replace(what.clone());
                sender.send((seed, what)).ok();
            };
            let tried = catch_unwind(AssertUnwindSafe(|| attempt(&mut Random::new(seed), &say)));
            assert!(tried.is_ok(), "seed {seed}: {}", said.borrow());
        }
    };
    std::thread::scope(|scope| {
        // The stack of a thread of the pool that the binary reads processes in.
        scope.spawn(|| run(sender));
        let mut last = (0, "nothing".to_string());
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(next) => last = next,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    // A thread that hangs cannot be ended by itself.
                    eprintln!("seed {} hangs: {}", last.0, last.1);
                    std::process::abort();
                }
            }
        }
    });
}

fn core_of(python: &Python, fixture: &str) -> Option<Core> {
    let mut command = python.command();
    command.arg(fixture_path(fixture));
    dump_core(&command, Signal::SIGABRT)
}

/// Damages what a walk through the core reads.
fn damage_what_is_read(python: &Python, fixture: &str, count: u64) {
    let Some(core) = core_of(python, fixture) else {
        return;
    };
    let process = CoreProcess::open(&core.path, CoreOptions::default()).expect("a core");
    let located = locate(&process).expect("Python");
    let reads = Overlay::reads_of(&process, |process| walk_all(process, &located));
    assert!(reads.len() > 1_000, "{} places", reads.len());
    try_each(rounds(count), |random, say| {
        let mut damaged = Overlay::over(&process);
        let what = damaged.damage(random, &reads);
        say(format!("CPython {}, {fixture}: {what}", python.version));
        walk_all(&damaged, &located);
    });
}

#[test]
fn damaged_objects_frames_and_states() {
    on_each_python(|python| damage_what_is_read(python, "rich.py", 4));
}

/// All types whose texts pmdb knows.
#[test]
fn damaged_values_of_every_kind() {
    if let Some(python) = any_python() {
        damage_what_is_read(python, "table_of_values", 2);
    }
}

#[test]
fn damaged_tasks() {
    if let Some(python) = any_python() {
        damage_what_is_read(python, "tasks.py", 4);
    }
}

#[test]
fn damaged_arrays() {
    let Some(python) = any_python().and_then(|python| venv(python, &["numpy"])) else {
        return;
    };
    damage_what_is_read(&python, "values_numpy.py", 4);
}

#[test]
fn damaged_headers_and_notes_of_a_core() {
    let Some(core) = any_python().and_then(|python| core_of(python, "rich.py")) else {
        return;
    };
    try_each(rounds(100), |random, say| {
        let mut file = Damaged::open(&core.path);
        let mut places = Vec::new();
        for _ in 0..=random.below(6) {
            // The headers of the core, and the notes behind them.
            let end = *random.one_of(&[64, 4096, 16 << 10]);
            let offset = random.below(end);
            let width = *random.one_of(&[1, 2, 4, 8]);
            file.put(offset, &random.hostile().to_le_bytes()[..width]);
            places.push(offset);
        }
        say(format!("garbage at {places:?}"));
        if let Ok(process) = CoreProcess::open(&core.path, CoreOptions::default()) {
            process.notes();
            process.fatal_signal();
            process.environment("HOME");
            for thread in process.threads().unwrap_or_default() {
                process.registers(thread.tid);
                process.system_call(thread.tid);
            }
            for mapping in process.mappings().iter().take(200) {
                process.open_file(mapping).ok();
            }
        }
        file.mend();
    });
}

#[test]
fn damaged_executables() {
    let Some(python) = any_python() else { return };
    let path = std::fs::canonicalize(&python.path).expect("it is there");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("python");
    std::fs::copy(path, &copy).expect("it fits");
    let opened = File::open(&copy).expect("our own");
    let places: Vec<(u64, u64)> = {
        use object::{Object, ObjectSection};
        let bytes = std::fs::read(&copy).expect("our own");
        let file = object::File::parse(&*bytes).expect("ELF");
        let sections = file.sections().filter_map(|section| section.file_range());
        let length = bytes.len() as u64;
        let ends = [(0, 64), (64, 800), (length - 64 * 40, 64 * 40)];
        ends.into_iter()
            .chain(sections)
            .filter(|(_, length)| *length > 0)
            .collect()
    };
    try_each(rounds(40), |random, say| {
        let mut file = Damaged::open(&copy);
        let mut said = Vec::new();
        for _ in 0..=random.below(8) {
            let &(start, length) = random.one_of(&places);
            let offset = start + random.below(length);
            let width = *random.one_of(&[1, 2, 4, 8]);
            file.put(offset, &random.hostile().to_le_bytes()[..width]);
            said.push(offset);
        }
        say(format!("garbage at {said:?}"));
        let elf = Elf::open(&opened).expect("it can be mapped");
        if let Ok(view) = elf.view() {
            for name in ["_PyRuntime", "Py_Version", "no such symbol", ""] {
                view.exported(name);
                view.local(name);
            }
            view.section(".PyRuntime");
            view.build_id();
            view.has_constant(b"PYTHONHOME");
            view.bytes_at(random.hostile(), random.below(100) as usize);
            let segments = view.segments();
            load_bias(
                &segments,
                &Mapping {
                    start: Addr(random.hostile()),
                    end: Addr(random.hostile()),
                    protection: Protection::default(),
                    shared: false,
                    backing: Backing::File {
                        path: copy.clone(),
                        offset: random.hostile(),
                        device: 0,
                        inode: 0,
                        deleted: false,
                    },
                },
            );
        }
        file.mend();
    });
}

#[test]
fn line_tables_of_any_bytes() {
    const FORMS: [LineTableForm; 3] = [
        LineTableForm::Lnotab,
        LineTableForm::Pairs,
        LineTableForm::Locations,
    ];
    try_each(rounds(5_000), |random, say| {
        let mut table = vec![0; random.below(200) as usize];
        let high = random.below(256) as u8;
        table.fill_with(|| random.next() as u8 | high);
        let (first, offset) = (random.hostile() as i64, random.hostile() as i64);
        say(format!("{table:?} from {first} at {offset}"));
        for form in FORMS {
            position(form, &table, first, offset);
            position(form, &table, first, offset & 0xff);
        }
    });
}

#[test]
fn lines_of_proc() {
    const LINES: [&[u8]; 6] = [
        b"4242 (a name) (R)) S 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 1 2 3 4 5 6 7 8 9 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7 0\n",
        b"55d0c0a00000-55d0c0b00000 r-xp 00001000 fd:01 1234    /usr/bin/python3 (deleted)\n7ffc-7ffd rw-p 0 00:00 0 [stack]\n",
        b"7 0x3 0x1 0x0 0x0 0x0 0x0 0x7ffc 0x7f00\n",
        b"Name:\tpython\nNSpid:\t1 2 3\n",
        b"python3\0-c\0pass\0\0\0",
        b"running\n",
    ];
    try_each(rounds(5_000), |random, say| {
        let mut text = random.one_of(&LINES).to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(text.len() as u64) as usize;
            match random.below(4) {
                0 => text[at] = random.next() as u8,
                1 => drop(text.drain(at..)),
                2 => {
                    text = [
                        &text[..at],
                        random.hostile().to_string().as_bytes(),
                        &text[at..],
                    ]
                    .concat()
                }
                _ => text = [&text[..at], &text[at / 2..]].concat(),
            }
            if text.is_empty() {
                break;
            }
        }
        say(String::from_utf8_lossy(&text).into_owned());
        read_any_text(&text);
    });
}

#[test]
fn expressions_of_any_kind() {
    let Some(core) = any_python().and_then(|python| core_of(python, "rich.py")) else {
        return;
    };
    let process = CoreProcess::open(&core.path, CoreOptions::default()).expect("a core");
    let located = locate(&process).expect("Python");
    let limits = Limits::default();
    try_each(rounds(150), |random, say| {
        let look = Look::new(&process, &located);
        let (threads, _) = look.threads(&process.threads().expect("threads"));
        let stacks = threads.iter().map(|thread| look.stack(thread.address));
        let frames: Vec<_> = stacks.flat_map(|stack| stack.frames).collect();
        let frame = random.one_of(&frames);
        let names: Vec<String> = look
            .describe(frame, None)
            .locals
            .into_iter()
            .map(|local| local.name.to_string())
            .collect();
        let scope = Scope::of(frame);
        let text = expression(random, &names);
        say(text.chars().take(500).collect());
        if let Ok(datum) = look.evaluate(&text, &scope) {
            look.show(&datum, &limits);
            look.pretty(&datum, &limits, 80);
            look.whatis(&datum).ok();
            look.source_of(&datum).ok();
        }
        look.complete(&text, &scope);
    });
}

#[test]
fn lines_at_the_prompt() {
    let Some(core) = any_python().and_then(|python| core_of(python, "rich.py")) else {
        return;
    };
    let words: Vec<&str> = all_commands().flat_map(|command| command.names()).collect();
    let arguments = [
        "",
        "1",
        "-1",
        "99999999999999999999",
        "-9223372036854775808",
        "1,",
        ",",
        "3,4",
        "4294967295,9",
        "$_exception",
        "a",
        "b %1",
        "a %*",
        "%* %*",
        "p %1 ;; a",
        ";;",
        ";; a ;; b",
        "text",
        "é 🐍",
        "0x10",
        "*",
        "[0]",
        "'",
    ];
    try_each(rounds(8), |random, say| {
        let target = Target::Core {
            path: core.path.clone(),
            executable: None,
        };
        let (session, _) = Session::open(&[target], SessionOptions::default());
        let mut repl = Repl::new(session.expect("a core"), Palette::Plain);
        let mut history = Vec::new();
        for _ in 0..12 {
            let word = match random.below(4) {
                0 => "alias a",
                1 => "a",
                _ => random.one_of(&words),
            };
            let mut line = word.to_string();
            for _ in 0..random.below(3) {
                line += " ";
                line += *random.one_of(&arguments);
            }
            history.push(line.clone());
            say(history.join(" ⏎ "));
            let mut out = Vec::new();
            repl.run(&line, &mut out).expect("memory can be written to");
            assert!(out.len() < 16 << 20, "{} bytes", out.len());
        }
    });
}
