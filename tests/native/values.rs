//! Variables of native code, beside what the program makes of them itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gimli::{Register, X86_64};
use pmdb::model::{Addr, Local, Pid};
use pmdb::native::Svma;
use pmdb::native::values::{FrameState, Limits};
use pmdb::process::live::LiveProcess;
use pmdb::process::{Memory, ReadError, ReadMemory};

use crate::native::frames::open;
use crate::support::mutate::Random;
use crate::support::native::{cpp_program, llvm_program, rust_program};
use crate::support::{gcore_of, pmdb};

/// The registers that a program says, in their order.
const KNOWN: [Register; 8] = [
    X86_64::RA,
    X86_64::RSP,
    X86_64::RBP,
    X86_64::RBX,
    X86_64::R12,
    X86_64::R13,
    X86_64::R14,
    X86_64::R15,
];

/// A program that waits in a function, and what it says of that function's variables and registers.
pub struct Waiting {
    child: Child,
    said: BTreeMap<String, String>,
    registers: Vec<u64>,
    /// Where a program says it.
    cfa: Option<u64>,
}

impl Waiting {
    pub fn start(program: &Path) -> Waiting {
        let mut command = Command::new(program);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let (mut said, mut registers, mut cfa) = (BTreeMap::new(), Vec::new(), None);
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("UTF-8");
            if line == "ready" {
                break;
            } else if let Some(numbers) = line.strip_prefix("registers ") {
                registers = numbers
                    .split(' ')
                    .map(|number| number.parse().expect("a number"))
                    .collect();
            } else if let Some(number) = line.strip_prefix("cfa ") {
                cfa = number.parse().ok();
            } else if let Some((name, value)) = line.split_once(" = ") {
                said.insert(name.to_owned(), value.to_owned());
            }
        }
        Waiting {
            child,
            said,
            registers,
            cfa,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Those that a function gives back as it found them, and where its stack is.
    pub fn named_registers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = ["rsp", "rbp", "rbx", "r12", "r13", "r14", "r15"];
        let values = self.registers.iter().skip(1).copied();
        names.into_iter().zip(values)
    }

    pub fn pc(&self) -> u64 {
        self.registers[0]
    }

    pub fn said(&self) -> impl Iterator<Item = (&str, &str)> {
        let said = self.said.iter();
        said.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn with_registers(&self, use_them: impl FnOnce(&dyn Fn(Register) -> Option<u64>)) {
        use_them(&|register| {
            let index = KNOWN.iter().position(|&known| known == register)?;
            self.registers.get(index).copied()
        });
    }

    /// The variables as pmdb reads them: of the function that waits.
    fn locals(&self, program: &Path, limits: &Limits) -> Vec<Local> {
        let process = LiveProcess::open(Pid(self.child.id())).expect("it is ours");
        self.locals_in(program, &process, limits)
    }

    /// The same from other memory than that of the process.
    fn locals_in(&self, program: &Path, source: &dyn ReadMemory, limits: &Limits) -> Vec<Local> {
        let memory = Memory::new(source);
        let register = |register: Register| {
            let index = KNOWN.iter().position(|&known| known == register)?;
            self.registers.get(index).copied()
        };
        let frame = FrameState {
            memory: &memory,
            bias: Addr(0),
            register: &register,
            cfa: self.cfa.map(Addr),
            thread_block: &|| Err(pmdb::model::Absence::OptimizedOut),
        };
        let information = open(program);
        let mut locals = information.locals_at(Svma(self.registers[0] - 1), &frame, limits);
        assert_eq!(information.problems(), [""; 0]);
        locals.pop().expect("a function")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WIDE: Limits = Limits {
    characters: 100_000,
    depth: 20,
};

fn text_of(local: &Local) -> &str {
    &local.value.text
}

/// Compares each variable that the program says.
fn assert_same(variant: &str, waiting: &Waiting, locals: &[Local]) {
    let mut wrong = Vec::new();
    for (name, expected) in &waiting.said {
        match locals.iter().find(|local| *local.name == **name) {
            Some(local) if text_of(local) == expected => {}
            Some(local) => wrong.push(format!(
                "{name} is {expected}\n   and not {}",
                local.value.text
            )),
            None => wrong.push(format!("{name} is missing")),
        }
    }
    let count = waiting.said.len();
    assert!(
        count > 10 && wrong.is_empty(),
        "{variant}: {} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn variables_of_rust_are_as_they_say() {
    let fixed = ["-g", "-Crelocation-model=static", "-Clink-arg=-no-pie"];
    let variants: [(&str, &[&str]); 2] = [
        ("debug", &[]),
        (
            "split5",
            &["-Cdwarf-version=5", "-Csplit-debuginfo=unpacked"],
        ),
    ];
    for (variant, arguments) in variants {
        let program = rust_program("values", variant, &[&fixed[..], arguments].concat());
        let waiting = Waiting::start(&program);
        let locals = waiting.locals(&program, &WIDE);
        assert_same(variant, &waiting, &locals);
        let argument = locals
            .iter()
            .find(|local| &*local.name == "argument")
            .expect("it has one");
        assert_eq!(
            (argument.value.type_name.as_str(), text_of(argument)),
            ("u64", "12345")
        );
        let words = locals
            .iter()
            .find(|local| &*local.name == "words")
            .expect("it has one");
        assert_eq!(text_of(words), r#"["one", "two"]"#);
    }
}

#[test]
fn optimised_variables_are_right_or_absent() {
    let program = rust_program(
        "values",
        "optimised",
        &[
            "-g",
            "-O",
            "-Crelocation-model=static",
            "-Clink-arg=-no-pie",
        ],
    );
    let waiting = Waiting::start(&program);
    let locals = waiting.locals(&program, &WIDE);
    let mut right = 0;
    for local in &locals {
        let Some(expected) = waiting.said.get(&*local.name) else {
            continue;
        };
        if local.value.absence.is_none() && !local.value.text.contains('<') {
            assert_eq!(text_of(local), expected, "{}", local.name);
            right += 1;
        }
    }
    assert!(right > 50, "{right} of {}", waiting.said.len());
}

#[test]
fn long_values_are_cut_and_said_to_be() {
    let program = rust_program(
        "values",
        "debug",
        &["-g", "-Crelocation-model=static", "-Clink-arg=-no-pie"],
    );
    let waiting = Waiting::start(&program);
    let locals = waiting.locals(
        &program,
        &Limits {
            characters: 40,
            depth: 2,
        },
    );
    let named = |name: &str| {
        locals
            .iter()
            .find(|local| &*local.name == name)
            .expect("it is there")
    };
    let many = &named("many").value;
    assert!(
        many.truncated && many.text.chars().count() == 40,
        "{many:?}"
    );
    assert_eq!(named("chain").value.text, "Link(1, ...)");
}

#[test]
fn variables_of_cpp_are_as_they_say() {
    let fixed = ["-fno-pie", "-no-pie", "-O0"];
    let variants: [(&str, &[&str]); 2] = [
        (
            "cpp-values-types",
            &["-g", "-gdwarf-4", "-fdebug-types-section"],
        ),
        ("cpp-values-split", &["-g", "-gdwarf-5", "-gsplit-dwarf"]),
    ];
    for (variant, arguments) in variants {
        let Some(program) = cpp_program("values", variant, &[&fixed[..], arguments].concat())
        else {
            return;
        };
        let waiting = Waiting::start(&program);
        assert_same(variant, &waiting, &waiting.locals(&program, &WIDE));
    }
}

#[test]
fn variables_of_llvms_library_are_as_they_say() {
    let arguments = ["-fno-pie", "-no-pie", "-O0", "-g"];
    if let Some(program) = llvm_program("values", "cpp-values-llvm", &arguments) {
        let waiting = Waiting::start(&program);
        assert_same("llvm", &waiting, &waiting.locals(&program, &WIDE));
    }
}

/// The memory of a process, of which some words are replaced.
pub struct Changed<'c> {
    pub process: &'c LiveProcess,
    /// What is at an address instead, if it is something else.
    pub word: &'c dyn Fn(u64) -> Option<u64>,
}

impl ReadMemory for Changed<'_> {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.process.read(address, buffer)?;
        for (offset, byte) in buffer.iter_mut().enumerate() {
            let at = address.0 + offset as u64;
            if let Some(word) = (self.word)(at & !7) {
                *byte = word.to_le_bytes()[at as usize % 8];
            }
        }
        Ok(())
    }

    fn extent(&self, address: Addr) -> Option<std::ops::Range<Addr>> {
        self.process.extent(address)
    }
}

#[test]
fn garbage_is_said_where_the_value_would_be() {
    let program = rust_program(
        "values",
        "debug",
        &["-g", "-Crelocation-model=static", "-Clink-arg=-no-pie"],
    );
    let waiting = Waiting::start(&program);
    let process = LiveProcess::open(Pid(waiting.child.id())).expect("it is ours");
    let sound = waiting.locals(&program, &WIDE);
    for name in [
        "numbers", "texts", "owned", "deque", "many", "tree", "counted", "boxed", "slice", "chain",
    ] {
        let named = |locals: &[Local]| {
            locals
                .iter()
                .find(|local| &*local.name == name)
                .expect("it is there")
                .clone()
        };
        let address = named(&sound).value.address.expect("in memory").0;
        let garbage = |at: u64| {
            (address..address + 24)
                .contains(&at)
                .then_some(u64::MAX / 3)
        };
        let changed = Changed {
            process: &process,
            word: &garbage,
        };
        let value = &named(&waiting.locals_in(&program, &changed, &WIDE)).value;
        assert!(
            value.text.contains('<') && value.text.len() < 2000,
            "{name}: {}",
            value.text
        );
    }
}

#[test]
fn damage_anywhere_is_survived() {
    let program = rust_program(
        "values",
        "debug",
        &["-g", "-Crelocation-model=static", "-Clink-arg=-no-pie"],
    );
    let waiting = Waiting::start(&program);
    let process = LiveProcess::open(Pid(waiting.child.id())).expect("it is ours");
    for seed in 0..30 {
        let word = |at: u64| {
            let mut random = Random::new(at ^ seed << 50);
            (random.below(16) == 0).then(|| random.hostile())
        };
        let changed = Changed {
            process: &process,
            word: &word,
        };
        let locals = waiting.locals_in(&program, &changed, &Limits::default());
        assert!(locals.len() >= waiting.said.len(), "{}", locals.len());
        let longest = locals
            .iter()
            .map(|local| local.value.text.chars().count())
            .max();
        assert!(longest <= Some(1000), "{longest:?}");
    }
}

/// The variables of the function `show` in what `pmdb stack` answers.
fn in_stack(arguments: &[&str]) -> BTreeMap<String, String> {
    let fixed = [
        "stack", "--native", "--locals", "--limit", "100000", "--json",
    ];
    let answer = pmdb([&fixed[..], arguments].concat());
    answer.succeeded();
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let threads = report["processes"][0]["threads"]
        .as_array()
        .expect("threads");
    let mut frames = threads
        .iter()
        .flat_map(|thread| thread["frames"].as_array().expect("frames"));
    let is_show = |name: &str| ["values::show", "show"].contains(&name);
    let frame = frames
        .find(|frame| frame["function"].as_str().is_some_and(is_show))
        .expect("it waits in it");
    let locals = frame["locals"].as_array().expect("it has variables").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    locals
        .map(|local| (text(&local["name"]), text(&local["value"])))
        .collect()
}

fn assert_same_in_stack(said: &BTreeMap<String, String>, read: &BTreeMap<String, String>) {
    let differs = said
        .iter()
        .filter(|(name, value)| read.get(*name) != Some(value));
    let differences: Vec<_> = differs
        .map(|(name, value)| format!("{name} is {value}\n   and not {:?}", read.get(name)))
        .collect();
    assert!(
        said.len() > 30 && differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        said.len(),
        differences.join("\n")
    );
}

#[test]
fn stacks_have_the_variables_of_their_frames() {
    let rust = Some(rust_program("values", "anywhere", &["-g"]));
    let cpp = cpp_program("values", "cpp-anywhere", &["-g", "-O0"]);
    for program in [rust, cpp].into_iter().flatten() {
        let waiting = Waiting::start(&program);
        let pid = waiting.child.id().to_string();
        assert_same_in_stack(&waiting.said, &in_stack(&[&pid]));
        // gcore leaves the code out, and rustc's linker lets it share a page of the file with what comes before it.
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some(core) = gcore_of(waiting.child.id(), folder.path()) {
            let core = core.to_str().expect("UTF-8");
            assert_same_in_stack(&waiting.said, &in_stack(&["--core", core]));
        }
    }
}
