//! Panics of Rust, and exceptions of C++ that nobody catches: compared with what the program itself prints of them.

use std::path::Path;
use std::process::Command;

use crate::support::{
    Answer, PATIENCE, any_python, cpp_program, fixture_path, machine_code, pmdb_alone,
    rust_program, skip,
};

fn run(program: &Path, words: &[&str], options: &[&str]) -> Answer {
    let program = program.display().to_string();
    pmdb_alone([&["run"], options, &["--", &program], words].concat(), "")
}

/// What pmdb says that a process has done, at each of its stops.
fn headings(answer: &Answer) -> Vec<&str> {
    let lines = answer.stderr.lines();
    let stops = lines.filter_map(|line| line.strip_prefix("[pmdb] ")?.split_once(") "));
    stops.map(|(_, what)| what).collect()
}

/// The panics that the program itself has printed: where, and the message in one line as pmdb writes it.
fn printed_panics(answer: &Answer) -> Vec<String> {
    let mut told = Vec::new();
    let mut lines = answer.stderr.lines().peekable();
    while let Some(line) = lines.next() {
        let place = line.split_once(" panicked at ").map(|(_, place)| place);
        let is_own = line.starts_with("thread '") || line.starts_with("panicked at ");
        let place = place.or_else(|| line.strip_prefix("panicked at "));
        let Some(place) = place.filter(|_| is_own) else {
            continue;
        };
        let is_message = |line: &&str| {
            !line.starts_with("[pmdb]")
                && !line.starts_with("note: ")
                && !line.starts_with("stack backtrace:")
                && !line.is_empty()
        };
        let mut message = Vec::new();
        while let Some(line) = lines.next_if(is_message) {
            message.push(line);
        }
        let message = match message.join("\\n") {
            any if any == "Box<dyn Any>" => "a value that is no text".to_string(),
            text => text,
        };
        told.push(format!("{place} {message}"));
    }
    told
}

const BUILDS: [(&str, &[&str]); 5] = [
    ("plain", &["-g"]),
    ("optimised", &["-O"]),
    ("new-names", &["-O", "-C", "symbol-mangling-version=v0"]),
    ("abort", &["-O", "-C", "panic=abort"]),
    ("whole", &["-O", "-C", "lto=fat", "-C", "codegen-units=1"]),
];

#[test]
fn panics_stop_with_the_place_and_the_message_that_the_program_prints() {
    for (variant, options) in BUILDS {
        let program = rust_program("panicking", variant, options);
        for how in [
            "index",
            "static",
            "formatted",
            "err",
            "none",
            "overflow",
            "any-str",
            "any-string",
            "any",
            "thread",
            "caught-then-lost",
            "hook",
        ] {
            // The other builds have the same code for most of them.
            if !["plain", "abort"].contains(&variant) && !["index", "err", "any"].contains(&how) {
                continue;
            }
            let alone = Command::new(&program).arg(how).output().unwrap();
            let answer = run(&program, &[how], &["--batch"]);
            let mut printed = printed_panics(&answer);
            // With `panic=abort` nothing is caught.
            if how == "caught-then-lost" && variant != "abort" {
                printed.remove(0);
            }
            assert!(!printed.is_empty(), "{variant} {how}: {answer:#?}");
            let told: Vec<String> = headings(&answer)
                .into_iter()
                .map(|told| {
                    let told = told.strip_prefix("panicked ").unwrap_or(told);
                    let told = told.strip_prefix("in thread digger ").unwrap_or(told);
                    told.strip_prefix("at ").unwrap_or(told).to_string()
                })
                .collect();
            assert_eq!(told, printed, "{variant} {how}: {answer:#?}");
            let code = alone.status.code().or_else(|| {
                use std::os::unix::process::ExitStatusExt;
                alone.status.signal().map(|signal| 128 + signal)
            });
            assert_eq!(answer.code, code, "{variant} {how}: {answer:#?}");
            assert_eq!(answer.stdout.as_bytes(), alone.stdout, "{variant} {how}");
            // Panicking and the SIGABRT behind it are one failure.
            let failures = answer
                .stderr
                .lines()
                .filter(|line| line.starts_with("       ") && line.contains(") panicked "));
            assert_eq!(failures.count(), printed.len(), "{answer:#?}");
        }
    }
}

#[test]
fn panics_that_the_program_catches_are_let_pass_unless_they_are_wanted() {
    let program = rust_program("panicking", "optimised", &["-O"]);
    for how in ["caught", "again"] {
        let answer = run(&program, &[how], &["--batch"]);
        assert!(headings(&answer).is_empty(), "{how}: {answer:#?}");
    }
    let answer = run(&program, &["caught"], &["--batch", "--on", "caught-panic"]);
    assert_eq!(headings(&answer).len(), 3, "{answer:#?}");
    assert!(!answer.stderr.contains("       first "), "{answer:#?}");
    assert_eq!(answer.code, Some(0));
}

#[test]
fn no_thread_that_panics_misses_that_others_do() {
    let program = rust_program("panicking", "plain", &["-g"]);
    let answer = run(&program, &["many"], &["--batch"]);
    // The program writes to the same place, and in between.
    let told = answer.stderr.matches(") panicked in thread ");
    let text = |thread: usize, number: usize| format!(": panic {thread}.{number}\n");
    let missed: Vec<String> = (0..80)
        .map(|it| text(it / 10, it % 10))
        .filter(|text| !answer.stderr.contains(text.as_str()))
        .collect();
    assert!(missed.is_empty(), "{missed:?}: {answer:#?}");
    // And once more in the summary, as far as that goes.
    assert!(told.count() >= 80, "{answer:#?}");
    assert_eq!(answer.code, Some(0), "{answer:#?}");
}

/// A program whose own thread stops while another one is about to panic.
const ONE_STANDS: &str = "import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
# What is printed of the panic would get between the lines of pmdb.
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
reader, writer = os.pipe()
library.fail_when_told(reader)
def is_aside(tid):
    with open('/proc/self/task/%s/stat' % tid) as file:
        stands = file.read().rpartition(')')[2].split()[0] == 't'
    with open('/proc/self/task/%s/syscall' % tid) as file:
        words = file.read().split()
    # It is behind the instruction that the tripwire is in.
    return stands and words[0] == '-1' and ctypes.string_at(int(words[2], 16), 1) != bytes([0xcc])
def tell():
    os.write(writer, b'x')
    while not any(is_aside(tid) for tid in os.listdir('/proc/self/task')):
        pass
seen = 7
breakpoint()
print('went on', flush=True)
";

#[test]
fn a_panic_waits_while_another_thread_of_its_process_stands_at_the_prompt() {
    let library = ["-O", "--crate-type=cdylib", "--cfg", "library"];
    let library = rust_program("panicking", "library.so", &library)
        .display()
        .to_string();
    let Some(python) = any_python() else {
        return skip("a panic beside a prompt", "there is no Python");
    };
    let path = python.path.display().to_string();
    let panicked = "panicked in thread digger at ";
    for (commands, at_prompt) in [
        (vec!["p tell()", "p seen", "c", "p seen + 1", "c"], "7"),
        (
            vec!["p tell()", "next-failure", "p seen", "c", "p seen + 1", "c"],
            "8",
        ),
    ] {
        let words = ["run"].into_iter();
        let words = words.chain(commands.iter().flat_map(|one| ["-c", one]));
        let words = words.chain(["--", &path, "-c", ONE_STANDS, &library]);
        let answer = pmdb_alone(words.collect::<Vec<_>>(), "");
        let told = headings(&answer);
        let failed: Vec<&&str> = told.iter().filter(|it| it.starts_with(panicked)).collect();
        assert_eq!(failed.len(), 1, "{commands:?}: {answer:#?}");
        assert!(failed[0].contains(": told to, 1;"), "{answer:#?}");
        assert!(
            answer.stderr.lines().any(|it| it == at_prompt),
            "{commands:?}: {answer:#?}"
        );
        // The one that stood before goes on too.
        assert_eq!(answer.stdout, "went on\n", "{commands:?}: {answer:#?}");
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    }
}

/// What is asked for at the prompt waits for a thread that panics with the interpreter's lock: nobody would get that as long as the thread waited.
#[test]
fn a_panic_of_who_has_the_interpreter_is_let_pass_beside_a_prompt() {
    let library = ["-O", "--crate-type=cdylib", "--cfg", "library"];
    let library = rust_program("panicking", "library.so", &library)
        .display()
        .to_string();
    let Some(python) = any_python() else {
        return skip("a panic beside a prompt", "there is no Python");
    };
    let path = python.path.display().to_string();
    let program = "\
import ctypes, sys, threading
# Calls of it keep the lock.
library = ctypes.PyDLL(sys.argv[1])
def ask():
    thread = threading.Thread(target=library.fail_and_catch, args=(3,))
    thread.start()
    thread.join()
    return 6 * 7
breakpoint()
print('went on', flush=True)
";
    let on = "breakpoint,panic,caught-panic";
    let words = ["run", "--on", on, "-c", "p ask()", "-c", "c", "--"];
    let words = words.into_iter().chain([&*path, "-c", program, &library]);
    let answer = pmdb_alone(words.collect::<Vec<_>>(), "");
    assert!(answer.stderr.lines().any(|it| it == "42"), "{answer:#?}");
    assert!(answer.stderr.contains("in the library, 3\n"), "{answer:#?}");
    assert_eq!(answer.stdout, "went on\n", "{answer:#?}");
    assert_eq!(answer.code, Some(0), "{answer:#?}");
}

#[test]
fn what_becomes_of_a_panic_is_told() {
    let program = rust_program("panicking", "plain", &["-g"]);
    let fates = [
        ("index", "the program ends with it"),
        ("thread", "the thread ends with it"),
    ];
    for (how, fate) in fates {
        let answer = run(&program, &[how], &["--batch"]);
        let line = format!("       nobody will catch it: {fate}");
        assert!(
            answer.stderr.lines().any(|it| it == line),
            "{how}: {answer:#?}"
        );
    }
}

#[test]
fn killing_pmdb_puts_the_code_back_also_in_forked_children() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    use std::time::Instant;
    let program = rust_program("panicking", "plain", &["-g"]);
    let mut pmdb = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args(["run", "--batch", "--"])
        .arg(&program)
        .arg("forks")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(pmdb.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let pids = [line(), line()].map(|line| line.parse::<u32>().unwrap());
    let watched = pids.map(machine_code);
    let mut input = pmdb.stdin.take().unwrap();
    pmdb.kill().unwrap();
    pmdb.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while pids
        .map(machine_code)
        .iter()
        .zip(&watched)
        .any(|(now, then)| now == then)
    {
        assert!(
            Instant::now() < deadline,
            "there are still bytes of pmdb in the code"
        );
        std::thread::yield_now();
    }
    input.write_all(b"xx").unwrap();
    let caught = lines
        .map_while(Result::ok)
        .filter(|line| line == "caught: true");
    assert_eq!(caught.count(), 2);
}

#[test]
fn a_family_that_runs_already_is_followed_once_it_goes_on() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::Stdio;
    let program = rust_program("panicking", "plain", &["-g"]);
    let mut shell = Command::new("sh")
        .args(["-c", "\"$0\" woken; echo it ended with $?"])
        .arg(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let worker: u32 = lines.next().unwrap().unwrap().parse().unwrap();
    let before = machine_code(worker);
    let root = shell.id().to_string();
    let mut pmdb = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args([
            "attach", &root, "--tree", "-c", "c", "-c", "where", "-c", "p index", "-c", "c",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = std::time::Instant::now();
    while machine_code(worker) == before {
        assert!(begin.elapsed() < PATIENCE, "nothing watches it");
        std::thread::yield_now();
    }
    shell.stdin.take().unwrap().write_all(b"x").unwrap();
    let mut said = String::new();
    pmdb.stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    pmdb.wait().unwrap();
    let place = format!(
        "({worker}) panicked at {}:",
        fixture_path("panicking.rs").display()
    );
    for part in [
        place.replacen('(', "(pid ", 1).as_str(),
        "index out of bounds: the len is 3 but the index is 7",
        "nobody will catch it: the program ends with it",
        "panicking::item()",
        "\n7\n",
        "[pmdb] all of them have ended; 2 processes\n",
        "and ended with exit code 101 after ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(rest, ["a destructor has run", "it ended with 101"]);
    shell.wait().unwrap();
}

#[test]
fn threads_that_panic_are_named() {
    let program = rust_program("panicking", "plain", &["-g"]);
    let answer = run(&program, &["thread"], &["--batch"]);
    let told = headings(&answer);
    assert!(
        told[0].starts_with("panicked in thread digger at "),
        "{answer:#?}"
    );
    assert_eq!(answer.stdout, "joined: true\na destructor has run\n");
}

#[test]
fn callers_of_a_panic_are_looked_at_with_their_lines() {
    let program = rust_program("panicking", "plain", &["-g"]);
    let commands = ["where", "list", "list", "up", "longlist", "c"];
    let words: Vec<&str> = commands.iter().flat_map(|one| ["-c", one]).collect();
    let answer = run(&program, &["index"], &words);
    let source = std::fs::read_to_string(fixture_path("panicking.rs")).unwrap();
    let lines: Vec<&str> = source.lines().collect();
    let line_of = |text: &str| 1 + lines.iter().position(|line| line.contains(text)).unwrap();
    let (raises, calls) = (line_of("items[index]"), line_of("item(&[1, 2, 3]"));
    let said = &answer.stderr;
    for at in [
        format!("> {}({raises})", fixture_path("panicking.rs").display()),
        format!("  {}({calls})", fixture_path("panicking.rs").display()),
        format!("> {}({calls})", fixture_path("panicking.rs").display()),
    ] {
        assert!(said.contains(&at), "{at}: {answer:#?}");
    }
    // Callers without a line have an address.
    assert!(
        said.lines()
            .any(|line| line.contains("(0x") && line.ends_with(")_start()")),
        "{answer:#?}"
    );
    assert!(!said.contains("None"), "{answer:#?}");
    let marked: Vec<&str> = said.lines().filter(|line| line.contains("->\t")).collect();
    let shown = |line: usize| format!("{line:3}  ->\t{}", lines[line - 1]);
    assert_eq!(marked, [shown(raises)], "{answer:#?}");
    // The second listing goes on behind the first.
    let after = format!("{:3}  \t{}", raises + 6, lines[raises + 5]);
    assert!(
        said.lines().any(|line| line.trim_end() == after.trim_end()),
        "{after}: {answer:#?}"
    );
    assert!(
        answer
            .stderr
            .contains("where a native function ends is not known"),
        "{answer:#?}"
    );
}

#[test]
fn a_panic_stops_before_anything_is_unwound_and_only_if_it_is_to() {
    let program = rust_program("panicking", "plain", &["-g"]);
    let commands = ["-c", "p 1", "-c", "c", "--kill"];
    let answer = run(
        &program,
        &["index"],
        &commands[..2]
            .iter()
            .chain(&commands[4..])
            .copied()
            .collect::<Vec<_>>(),
    );
    assert_eq!(headings(&answer).len(), 1, "{answer:#?}");
    assert!(
        !answer.stdout.contains("a destructor has run"),
        "{answer:#?}"
    );
    assert_eq!(answer.code, Some(143), "{answer:#?}");
    let answer = run(&program, &["index"], &["--batch", "--on", "crash"]);
    assert!(headings(&answer).is_empty(), "{answer:#?}");
    assert!(
        answer.stdout.contains("a destructor has run"),
        "{answer:#?}"
    );
}

const CPP_BUILDS: [(&str, &[&str]); 3] = [
    ("plain", &["-g"]),
    ("optimised", &["-O2"]),
    ("static", &["-O2", "-static"]),
];

/// What the handler of the library has printed: the type, and what the exception says of itself.
fn printed_exception(answer: &Answer) -> Option<(String, Option<String>)> {
    let begin = "terminate called after throwing an instance of '";
    let mut lines = answer.stderr.lines();
    let name = lines.find_map(|line| line.strip_prefix(begin)?.strip_suffix("'"))?;
    let what = lines.find_map(|line| line.strip_prefix("  what():  "));
    Some((name.to_string(), what.map(str::to_string)))
}

#[test]
fn exceptions_of_cpp_that_nobody_catches_are_told_with_their_type_and_text() {
    for (variant, options) in CPP_BUILDS {
        let Some(program) = cpp_program("throwing", variant, options) else {
            return skip("exceptions of C++", "there is no C++ compiler");
        };
        for how in [
            "int", "text", "code", "runtime", "derived", "fixed", "second", "system", "noexcept",
            "thread", "again", "carried",
        ] {
            let answer = run(&program, &[how], &["--batch"]);
            let (name, what) = printed_exception(&answer).unwrap_or_default();
            let within = if how == "thread" { " in thread" } else { "" };
            let said = what.map(|what| format!(": {what}")).unwrap_or_default();
            let told = headings(&answer);
            assert_eq!(told.len(), 1, "{variant} {how}: {answer:#?}");
            let told = told[0].replace(&format!("{within} throwing-{variant}"), "");
            let is_told = told.starts_with("threw") && told.ends_with(&format!(" {name}{said}"));
            // The kernel cuts the name of a thread.
            assert!(is_told, "{variant} {how}: {answer:#?}");
            assert_eq!(answer.code, Some(134), "{answer:#?}");
            let failures = answer
                .stderr
                .lines()
                .filter(|line| line.contains(") threw "));
            assert_eq!(failures.count(), 2, "{answer:#?}");
        }
        let answer = run(&program, &["made"], &["--batch"]);
        let why = "threw lib::Made (it has a what() of its own that would have to be run)";
        assert_eq!(headings(&answer), [why]);
        let answer = run(&program, &["terminate"], &["--batch"]);
        assert_eq!(
            headings(&answer),
            ["called std::terminate() without an exception"]
        );
        let answer = run(&program, &["caught"], &["--batch"]);
        assert!(headings(&answer).is_empty(), "{answer:#?}");
        assert_eq!(answer.code, Some(3), "{answer:#?}");
    }
}

#[test]
fn a_library_that_a_python_loads_later_is_watched_too() {
    let library = ["-O", "--crate-type=cdylib", "--cfg", "library"];
    let library = rust_program("panicking", "library.so", &library)
        .display()
        .to_string();
    let Some(python) = any_python() else {
        return skip("a library that panics", "there is no Python");
    };
    let path = python.path.display().to_string();
    let script = "import ctypes, sys\nlibrary = ctypes.CDLL(sys.argv[1])\nseen = 7\n\
                  print(library.fail_and_catch(seen), flush=True)\nlibrary.fail_for_good(seen)";
    let words = [
        "run",
        "--on",
        "panic,caught-panic",
        "-c",
        "p seen",
        "-c",
        "c",
        "-c",
        "p seen + 1",
        "--",
        &path,
        "-c",
        script,
        &library,
    ];
    let answer = pmdb_alone(words, "");
    let printed = printed_panics(&answer);
    let told = headings(&answer);
    let told: Vec<&str> = told
        .iter()
        .filter_map(|it| it.strip_prefix("panicked at "))
        .collect();
    assert!(told.len() >= 2, "{answer:#?}");
    assert_eq!(told[..2], printed[..2], "{answer:#?}");
    for line in ["7", "8", "1"] {
        let said = answer.stderr.lines().chain(answer.stdout.lines());
        assert!(said.into_iter().any(|it| it == line), "{line}: {answer:#?}");
    }
    assert_eq!(answer.code, Some(134), "{answer:#?}");
}
