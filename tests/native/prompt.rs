//! The prompt on native frames: beside what the program says of itself, and beside gdb.

use std::path::Path;
use std::process::Command;

use pmdb::model::{Addr, Pid};
use pmdb::native::Svma;
use pmdb::native::expression::{Around, Question};
use pmdb::native::values::{FrameState, Limits};
use pmdb::process::Memory;
use pmdb::process::live::LiveProcess;

use crate::native::frames::open;
use crate::native::values::{Changed, Waiting};
use crate::support::mutate::Random;
use crate::support::native::{cpp_program, llvm_program, rust_program};
use crate::support::{Answer, pmdb_with_input, skip};

const FIXED: [&str; 3] = ["-g", "-Crelocation-model=static", "-Clink-arg=-no-pie"];

pub fn rust() -> std::path::PathBuf {
    rust_program("values", "debug", &FIXED)
}

/// What the prompt answers to commands in the function `show` of a program that waits there.
pub struct Prompt<'w> {
    target: Vec<String>,
    /// The number of the frame.
    frame: usize,
    _waiting: &'w Waiting,
}

impl<'w> Prompt<'w> {
    pub fn on(waiting: &'w Waiting, function: &str) -> Prompt<'w> {
        let target = vec!["attach".to_string(), waiting.pid().to_string()];
        Prompt::at(waiting, target, function)
    }

    fn at(waiting: &'w Waiting, target: Vec<String>, function: &str) -> Prompt<'w> {
        let answer = pmdb_with_input(&target, "where\n");
        let is_frame = |line: &&str| {
            line.starts_with("  /") || line.starts_with("> ") || line.starts_with("  .")
        };
        let frames: Vec<&str> = answer.stdout.lines().filter(is_frame).collect();
        let newest = frames.iter().rposition(|line| line.contains(function));
        let newest = newest.unwrap_or_else(|| panic!("{function} is not in {answer:#?}"));
        Prompt {
            target,
            frame: frames.len() - 1 - newest,
            _waiting: waiting,
        }
    }

    pub fn ask(&self, lines: &[String]) -> Answer {
        let input = format!("frame {}\n{}\n", self.frame, lines.join("\n"));
        pmdb_with_input(&self.target, &input)
    }

    /// The values of expressions, one for each.
    fn values(&self, expressions: &[&str]) -> Vec<String> {
        // What stands between two marks belongs to one of them.
        let lines: Vec<String> = expressions
            .iter()
            .flat_map(|it| [format!("p {it}"), "p \"--\"".to_string()])
            .collect();
        let answer = self.ask(&[vec!["p \"--\"".to_string()], lines].concat());
        let mut parts = answer.stdout.split("\"--\"\n");
        parts.next();
        let values: Vec<String> = parts.map(|part| part.trim_end().to_string()).collect();
        assert_eq!(values.len(), expressions.len() + 1, "{answer:#?}");
        values[..expressions.len()].to_vec()
    }

    fn check(&self, pairs: &[(&str, &str)]) {
        let expressions: Vec<&str> = pairs.iter().map(|(expression, _)| *expression).collect();
        let mut wrong = Vec::new();
        for ((expression, expected), value) in pairs.iter().zip(self.values(&expressions)) {
            if value != *expected {
                wrong.push(format!("{expression} is {expected}\n   and not {value}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn every_variable_is_printed_as_the_program_prints_it() {
    let waiting = Waiting::start(&rust());
    let prompt = Prompt::on(&waiting, "values::show");
    let said: Vec<(&str, &str)> = waiting.said().collect();
    prompt.check(&said);
}

#[test]
fn expressions_of_rust() {
    let waiting = Waiting::start(&rust());
    let prompt = Prompt::on(&waiting, "values::show");
    prompt.check(&[
        ("argument + 1", "12346"),
        ("argument - 20000", "-7655"),
        ("PER_THREAD", "Cell { value: 12346 }"),
        ("values::PER_THREAD.value.value + 1", "12347"),
        ("/x argument", "0x3039"),
        ("/t argument & 0b111", "1"),
        ("words.len() * 2", "4"),
        ("words[1]", "\"two\""),
        ("map[\"key\"] + 1", "2"),
        ("many[99]", "9801"),
        ("tree[20] + 1", "61"),
        ("words[1] == \"two\"", "true"),
        ("words[2]", "*** index 2 is out of range: there are 2 elements"),
        ("numbers[1..]", "[2, 3]"),
        ("numbers[..=1]", "[1, 2]"),
        ("numbers[..9]", "*** index 9 is out of range: there are 3 elements"),
        ("numbers[0] + numbers[2]", "4"),
        ("points[1].y", "4"),
        ("(&points[1]).y", "4"),
        ("*&points[0]", "Point { x: 1, y: 2 }"),
        ("point.y >> 40", "1"),
        ("point.z", "*** values::Point has no field 'z'; it has x, y"),
        ("pair.0 as i8 - 10", "-1"),
        ("pair.1.len()", "4"),
        ("tuple.1", "\"two\""),
        ("tuple.2 / 2", "1.75"),
        ("circle.0 > 1.0 && rectangle.width == 3", "true"),
        ("rectangle.height", "4"),
        ("circle.height", "*** values::Shape has no field 'height'; it has 0"),
        ("chain.1.0", "2"),
        ("some.unwrap()", "5"),
        ("some.is_some()", "true"),
        ("none.unwrap()", "*** there is nothing to unwrap; this is None"),
        ("no_box.is_none()", "true"),
        ("bad.is_err()", "true"),
        ("boxed.x", "5"),
        ("counted.y", "8"),
        ("shared[1]", "2"),
        ("mutex.data", "\"locked\""),
        ("ref_cell.value[0]", "1"),
        ("atomic + 1", "78"),
        ("deque.len()", "5"),
        ("deque[0]", "9"),
        ("deque[1..3]", "[2, 3]"),
        ("map.len() + many.len()", "101"),
        ("tree.len()", "50"),
        ("empty_vec.is_empty()", "true"),
        ("truth && !flag", "false"),
        ("!byte", "55"),
        ("small as u8", "251"),
        ("letter as u32", "233"),
        ("slice.len()", "2"),
        ("nested[1][0]", "3"),
        ("sizeof(u64) + sizeof point", "24"),
        ("*(&argument as *const u32)", "12345"),
        ("/x array", "[0x1, 0x2, 0x3]"),
        ("&array[1] as usize - &array[0] as usize", "2"),
        ("array[0]@2", "[1, 2]"),
        ("owned == \"owned text\"", "true"),
        ("/s boxed_slice", "\"\\u{1}\\u{2}\\u{3}\""),
        ("1 / (argument - 12345)", "*** division by zero"),
        ("$rip == $pc", "true"),
        ("nowhere", "*** no 'nowhere' here: it is no variable of this frame, no static and no function that the debug information or the symbols have"),
        ("argument +", "*** something is missing at the end, at column 11: argument +"),
        ("argument.foo()", "*** u64 has no method 'foo' that pmdb knows: it runs no code of the program"),
    ]);
    let answer = prompt.ask(&[
        "args".to_string(),
        "whatis numbers".to_string(),
        "ptype point".to_string(),
        "ptype Shape".to_string(),
        "pp many".to_string(),
        "list".to_string(),
        "threads".to_string(),
        "globals".to_string(),
        "native off".to_string(),
    ]);
    for expected in [
        "argument = 12345\nwords = [\"one\", \"two\"]\n",
        "alloc::vec::Vec<i32, alloc::alloc::Global>\n",
        "struct values::Point { // 16 bytes\n",
        "    Rectangle { width: u32, height: u32 },\n",
        "    0: 0,\n",
        "->\t",
        "*** the process has no Python: its native frames are all there is",
    ] {
        assert!(answer.stdout.contains(expected), "{expected}: {answer:#?}");
    }
}

/// What gdb prints of expressions in a function of a process; nothing without gdb.
fn gdb(pid: u32, function: &str, expressions: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-p"]);
    command.arg(pid.to_string());
    command.args(["-ex", &format!("frame function {function}")]);
    for expression in expressions {
        command.args(["-ex", "echo --\\n", "-ex", &format!("p {expression}")]);
    }
    let Ok(output) = command.output() else {
        skip(
            "expressions of C++ beside another debugger",
            "there is no gdb",
        );
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let values = text.split("--\n").skip(1);
    let value = |part: &str| {
        let (_, value) = part.trim_end().split_once(" = ")?;
        Some(value.split("\n[Inferior").next()?.to_string())
    };
    Some(
        values
            .map(|part| value(part).unwrap_or_else(|| part.to_string()))
            .collect(),
    )
}

#[test]
fn expressions_of_cpp_are_as_gdb_has_them() {
    let arguments = ["-fno-pie", "-no-pie", "-O0", "-g"];
    let Some(program) = cpp_program("values", "cpp-values-prompt", &arguments) else {
        return;
    };
    let waiting = Waiting::start(&program);
    let expressions = [
        "argument + 1",
        "argument - 100000",
        "per_thread",
        "per_thread + 1",
        "(char)argument",
        "(char)200 == -56",
        "(unsigned char)300",
        "-7 / 2",
        "-7 % 3",
        "7 == 7.0",
        "1.5 * 3",
        "10 >> 1 << 2",
        "~argument",
        "!argument",
        "sizeof(int)",
        "point.x + point.y",
        "point",
        "&point == &point",
        "(&point)->y",
        "colour == green",
        "flags.second",
        "flags.first + 1",
        "either.bytes[0] + 0",
        "derived.base + derived.own",
        "derived.inner",
        "node.next->value",
        "numbers[1] * 2",
        "'a' + 1",
        "sizeof(Point)",
        "sizeof(point_t)",
        "*(int *)&point",
        "/x argument",
        "/x either.bytes",
        "/t 5",
        "/c 65",
        "/d 'a'",
    ];
    let prompt = Prompt::on(&waiting, "show(");
    let own = prompt.values(&expressions);
    let Some(theirs) = gdb(waiting.pid(), "show", &expressions) else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for ((expression, own), theirs) in expressions.iter().zip(own).zip(theirs) {
        if theirs.starts_with("No symbol") || own.starts_with("*** no '") {
            assert!(own.starts_with("*** "), "{expression}: {own} {theirs}");
            continue;
        }
        compared += 1;
        if own != theirs {
            wrong.push(format!("{expression}: gdb {theirs}, pmdb {own}"));
        }
    }
    assert!(
        wrong.is_empty() && compared >= 20,
        "{compared}: {}",
        wrong.join("\n")
    );
}

#[test]
fn containers_of_both_cpp_libraries_have_elements_and_lengths() {
    let arguments = ["-fno-pie", "-no-pie", "-O0", "-g"];
    let programs = [
        cpp_program("values", "cpp-values-prompt", &arguments),
        llvm_program("values", "cpp-values-llvm", &arguments),
    ];
    for program in programs.into_iter().flatten() {
        let waiting = Waiting::start(&program);
        Prompt::on(&waiting, "show(").check(&[
            ("vector[1] + 1", "6"),
            ("points[1].y", "4"),
            ("vector[1..]", "{5, 6}"),
            ("array[1]", "2"),
            ("brief.len()", "5"),
            ("string.size()", "45"),
            ("brief == \"brief\"", "true"),
            ("view == \"view\"", "true"),
            ("unique->x", "5"),
            ("*shared", "42"),
            ("*some", "3"),
            ("map.len()", "3"),
            ("map[\"two\"] + 1", "3"),
            ("squares[7]", "49"),
            ("hashed[2]", "20"),
            ("hashed.len()", "3"),
            ("linked.len()", "2"),
            // It has thousands of parts, and no real one has: what is behind them is not looked for.
            ("crowded", "{}"),
        ]);
    }
}

#[test]
fn statics_are_listed_with_their_values() {
    let ask = |waiting: &Waiting, function: &str, lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        Prompt::on(waiting, function).ask(&lines).stdout
    };
    let arguments = ["-fno-pie", "-no-pie", "-O0", "-g"];
    if let Some(program) = cpp_program("values", "cpp-values-prompt", &arguments) {
        let waiting = Waiting::start(&program);
        let said = ask(&waiting, "show(", &["locals", "info variables per_thread"]);
        // A static of the function is among its variables.
        assert!(said.contains("\nstatic calls = 4\n"), "{said}");
        assert!(said.contains("\nper_thread = 12346\n"), "{said}");
    }
    let waiting = Waiting::start(&rust());
    let said = ask(&waiting, "values::show", &["info variables values::"]);
    let expected = "\nvalues::PER_THREAD = Cell { value: 12346 }\n";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn expressions_on_damaged_memory_end_with_a_value_or_a_sentence() {
    let program = rust();
    let waiting = Waiting::start(&program);
    let process = LiveProcess::open(Pid(waiting.pid())).expect("it is ours");
    let information = open(&program);
    let names: Vec<&str> = waiting.said().map(|(name, _)| name).collect();
    let ends = [
        "",
        "[0]",
        "[1..2]",
        ".0",
        ".len()",
        ".unwrap()",
        "@3",
        " as u64",
        " + 1",
        " == \"a\"",
        ".0.1",
        "[99999999999]",
    ];
    let limits = Limits {
        characters: 200,
        depth: 5,
    };
    for seed in 0..12_u64 {
        let word = |at: u64| {
            let mut random = Random::new(at ^ seed << 50);
            (random.below(8) == 0).then(|| random.hostile())
        };
        let changed = Changed {
            process: &process,
            word: &word,
        };
        let memory = Memory::new(&changed);
        waiting.with_registers(|register| {
            let frame = FrameState {
                memory: &memory,
                bias: Addr(0),
                register,
                cfa: None,
                thread_block: &|| Err(pmdb::model::Absence::OptimizedOut),
            };
            let around = Around {
                frame: &frame,
                address: waiting.pc() - 1,
                inlined: Some(0),
                symbol: &|_| None,
            };
            for (index, name) in names.iter().enumerate() {
                for operator in ["", "*", "&", "-"] {
                    let end = ends[(index + seed as usize) % ends.len()];
                    let text = format!("{operator}{name}{end}");
                    let question = Question::value(&text).expect("an expression");
                    if let Err(error) = information.answer(&around, &question, &limits) {
                        assert!(!error.to_string().is_empty(), "{text}");
                    }
                }
            }
        });
    }
    assert!(information.frames_at(Svma(waiting.pc() - 1)).len() == 1);
}

#[test]
fn a_core_of_a_program_without_python_has_a_prompt() {
    let program = rust();
    let waiting = Waiting::start(&program);
    let folder = tempfile::tempdir().expect("a folder");
    let core = folder.path().join("core");
    if !gcore(waiting.pid(), &core) {
        return;
    }
    let core = format!("{}.{}", core.display(), waiting.pid());
    let prompt = Prompt::at(&waiting, vec!["open".to_string(), core], "values::show");
    let said: Vec<(&str, &str)> = waiting.said().collect();
    prompt.check(&said);
    prompt.check(&[("numbers[1]", "2"), ("words.len()", "2")]);
}

fn gcore(pid: u32, path: &Path) -> bool {
    let mut command = Command::new("gcore");
    command.arg("-o").arg(path).arg(pid.to_string());
    match command.output() {
        Ok(output) if output.status.success() => true,
        _ => {
            skip("the prompt on a native core", "there is no gcore");
            false
        }
    }
}
