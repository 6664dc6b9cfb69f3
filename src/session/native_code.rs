//! What is told of the code, the registers and the memory of a process.

use std::sync::atomic::AtomicBool;

use super::api::NativeQuestion;
use super::error::SessionError;
use super::inferior::Inferior;
use super::listing::Library;
use crate::model::{Absence, Addr};
use crate::native::examine::{Layout, examined};
use crate::native::expression::{Answer, Question};
use crate::native::values::Limits;
use crate::native::{
    FrameScope, Instruction, Knowledge, LONGEST_INSTRUCTION, ModuleEntry, SymbolSort,
};

/// Lines of one answer about names.
const MOST_LINES: usize = 500;
/// Characters of a value in a list of many.
const LONGEST_OF_LIST: usize = 200;
/// Instructions of one listing.
const MOST_INSTRUCTIONS: usize = 3_000;
/// Of a function that are decoded to find those to show.
const MOST_DECODED: usize = 100_000;
/// Instructions that are shown where it is not known how long the function is.
const WITHOUT_EXTENT: usize = 30;

/// Instructions, and the name that the listing is about.
struct Disassembly {
    title: String,
    begin: Addr,
    pc: Addr,
    instructions: Vec<(Instruction, String)>,
    /// Of a function of which not all is shown.
    left_out: Option<String>,
}

fn said(why: String) -> SessionError {
    SessionError::Unreadable { why }
}

fn absent(absence: &Absence) -> SessionError {
    said(absence.to_string())
}

/// Answers with lines of text.
pub(super) fn answer(
    inferior: &Inferior,
    library: &mut Library,
    what: &NativeQuestion,
    interrupted: &AtomicBool,
) -> Result<String, SessionError> {
    let within = |read: &(dyn Fn(&FrameScope<'_>) -> Result<String, SessionError> + Sync)| {
        inferior.in_native_frame(interrupted, |scope| read(scope))?
    };
    match what {
        NativeQuestion::Registers => within(&|scope| Ok(registers(scope))),
        NativeQuestion::Modules { pattern } => within(&|scope| Ok(modules(scope, pattern))),
        NativeQuestion::Sections { pattern } => within(&|scope| sections(scope, pattern)),
        NativeQuestion::Symbols { pattern } => within(&|scope| symbols(scope, pattern)),
        NativeQuestion::Functions { pattern } => within(&|scope| names(scope, pattern, false)),
        NativeQuestion::Types { pattern } => within(&|scope| names(scope, pattern, true)),
        NativeQuestion::Variables { pattern } => within(&|scope| variables(scope, pattern)),
        NativeQuestion::Line { text } => within(&|scope| line(scope, text)),
        NativeQuestion::Examine { layout, text } => {
            let layout = Layout::of(layout).map_err(said)?;
            within(&|scope| {
                let begin = address(scope, text)?;
                let lines = examined(layout, begin, scope.memory, scope.modules);
                Ok(lines.join("\n"))
            })
        }
        NativeQuestion::Disassemble { text } => {
            let listing =
                inferior.in_native_frame(interrupted, |scope| disassembled(scope, text))??;
            Ok(with_source(inferior, library, &listing))
        }
        NativeQuestion::Show | NativeQuestion::Hide | NativeQuestion::Type { .. } => {
            Ok(String::new())
        }
    }
}

/// What an expression means as a place; the frame's next instruction if there is none.
fn address(scope: &FrameScope<'_>, text: &str) -> Result<Addr, SessionError> {
    if text.trim().is_empty() {
        return Ok(scope.pc());
    }
    let question = Question::address(text)?;
    match scope.answer(&question, &Limits::default())? {
        Answer::Address(at) => Ok(at),
        Answer::Value(_) | Answer::Text(_) => Err(said(format!("{text} is no address"))),
    }
}

fn registers(scope: &FrameScope<'_>) -> String {
    let lines = scope.registers().into_iter().map(|(name, value)| {
        let Some(value) = value else {
            return format!("{name:<7}<not known: what was called from here may have used it>");
        };
        let place = scope.modules.name_of(Addr(value));
        let meaning = match (name, place) {
            ("rip", Some(place)) => format!("<{place}>"),
            ("rip" | "rsp" | "rbp", _) => String::new(),
            (_, Some(place)) => format!("<{place}>"),
            _ => value.cast_signed().to_string(),
        };
        format!("{name:<7}{:<20}{meaning}", format!("{value:#x}"))
    });
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Whether a name is wanted.
type Suits = Box<dyn Fn(&str) -> bool + Sync>;

/// Whether a name suits a pattern: a part of it, or with `*`, `?` and `[…]` the whole.
fn suits(pattern: &str) -> Result<Suits, SessionError> {
    let pattern = pattern.trim().to_owned();
    if !pattern.contains(['*', '?', '[']) {
        return Ok(Box::new(move |name| name.contains(&pattern)));
    }
    let glob = glob::Pattern::new(&pattern)
        .map_err(|error| said(format!("'{pattern}' is no pattern: {error}")))?;
    Ok(Box::new(move |name| glob.matches(name)))
}

fn modules(scope: &FrameScope<'_>, pattern: &str) -> String {
    let entries = scope.modules.list(scope.process);
    let wanted = entries
        .iter()
        .filter(|entry| entry.path.contains(pattern.trim()));
    let mut lines = vec![format!("{:<18} {:<18} {:<18} FILE", "FROM", "TO", "KNOWN")];
    for entry in wanted {
        let known = match entry.knowledge {
            Knowledge::DebugInformation => "debug information",
            Knowledge::Symbols => "symbols",
            Knowledge::Nothing => "nothing",
        };
        let (from, to) = (entry.begin.to_string(), entry.end.to_string());
        lines.push(format!("{from:<18} {to:<18} {known:<18} {}", entry.path));
        if let Some(file) = &entry.debug_file {
            lines.push(format!("    debug information from {}", file.display()));
        }
        lines.extend(
            entry
                .problems
                .iter()
                .map(|problem| format!("    *** {problem}")),
        );
    }
    lines.join("\n")
}

/// The module that a pattern names, or that of the frame.
fn module(scope: &FrameScope<'_>, pattern: &str) -> Result<ModuleEntry, SessionError> {
    let entries = scope.modules.list(scope.process);
    let pc = scope.pc();
    let found = entries.into_iter().find(|entry| match pattern.trim() {
        "" => entry.begin <= pc && pc < entry.end,
        pattern => entry.path.contains(pattern),
    });
    found.ok_or_else(|| said("no such module; `modules` lists them".to_owned()))
}

fn sections(scope: &FrameScope<'_>, pattern: &str) -> Result<String, SessionError> {
    let entry = module(scope, pattern)?;
    let loaded = entry.loaded.as_ref();
    let view = loaded.and_then(|loaded| Some((loaded.bias, loaded.module.elf().view().ok()?)));
    let (bias, view) =
        view.ok_or_else(|| said(format!("{} has no sections that can be read", entry.path)))?;
    let lines = view.all_sections().filter(|(name, _)| !name.is_empty());
    let lines = lines.map(|(name, range)| match range.address {
        // It is in the file only.
        0 => format!("{:<37} {:>10}  {name}", "-", range.size),
        address => {
            let begin = bias.plus(address);
            let end = begin.plus(range.size);
            let (begin, end) = (begin.to_string(), end.to_string());
            format!("{begin:<18} {end:<18} {:>10}  {name}", range.size)
        }
    });
    let title = format!(
        "{:<18} {:<18} {:>10}  SECTION of {}",
        "FROM", "TO", "BYTES", entry.path
    );
    let lines: Vec<String> = std::iter::once(title).chain(lines).collect();
    Ok(lines.join("\n"))
}

fn symbols(scope: &FrameScope<'_>, pattern: &str) -> Result<String, SessionError> {
    let suits = suits(pattern)?;
    let mut lines = Vec::new();
    for entry in scope.modules.list(scope.process) {
        let Some(loaded) = &entry.loaded else {
            continue;
        };
        let room = (MOST_LINES + 1).saturating_sub(lines.len());
        for symbol in loaded.module.symbols_that(room, &suits) {
            let at = match symbol.sort {
                SymbolSort::ThreadLocal => format!("thread+{:#x}", symbol.address.0),
                _ => loaded.bias.plus(symbol.address.0).to_string(),
            };
            let sort = match symbol.sort {
                SymbolSort::Function => "function",
                SymbolSort::Data => "data",
                SymbolSort::ThreadLocal => "thread-local",
                SymbolSort::Other => "other",
            };
            let file = entry.path.rsplit('/').next().unwrap_or_default();
            lines.push(format!(
                "{at:<18} {:>8} {sort:<12} {}  ({file})",
                symbol.size, symbol.name
            ));
        }
    }
    cut(lines, &format!("no symbol suits '{}'", pattern.trim()))
}

fn cut(mut lines: Vec<String>, none: &str) -> Result<String, SessionError> {
    if lines.is_empty() {
        return Err(said(none.to_owned()));
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        lines.push(format!(
            "[the first {MOST_LINES}: a longer pattern gives fewer]"
        ));
    }
    Ok(lines.join("\n"))
}

/// Functions or types of the debug information, with where they are declared.
fn names(scope: &FrameScope<'_>, pattern: &str, types: bool) -> Result<String, SessionError> {
    let suits = suits(pattern)?;
    let mut found = Vec::new();
    for entry in scope.modules.list(scope.process) {
        let Some(loaded) = &entry.loaded else {
            continue;
        };
        let names = match types {
            true => loaded.module.type_names(&suits),
            false => loaded.module.function_names(&suits),
        };
        found.extend(names);
    }
    found.sort();
    found.dedup();
    let what = if types { "type" } else { "function" };
    let none = format!(
        "no {what} of the debug information suits '{}'; `symbols` looks at the symbols",
        pattern.trim()
    );
    cut(found, &none)
}

/// Statics of the debug information, and variables that there are for each thread, with their values.
fn variables(scope: &FrameScope<'_>, pattern: &str) -> Result<String, SessionError> {
    let suits = suits(pattern)?;
    let mut found = Vec::new();
    for entry in scope.modules.list(scope.process) {
        if let Some(loaded) = &entry.loaded {
            found.extend(loaded.module.static_names(&suits));
        }
    }
    found.sort();
    found.dedup();
    let limits = Limits {
        characters: LONGEST_OF_LIST,
        ..Limits::default()
    };
    let line = |name: &String| {
        let answered = Question::value(name).and_then(|it| scope.answer(&it, &limits));
        let value = match answered {
            Ok(Answer::Value(value)) => match &value.absence {
                Some(absence) => absence.to_string(),
                None if value.truncated => format!("{}…", value.text),
                None => value.text,
            },
            Ok(Answer::Text(text)) => text,
            Ok(Answer::Address(at)) => at.to_string(),
            Err(error) => format!("<{error}>"),
        };
        format!("{name} = {value}")
    };
    let none = format!(
        "no static of the debug information suits '{}'; `symbols` looks at the symbols",
        pattern.trim()
    );
    // One more than are shown, so that it is known that there are more.
    let lines = found.iter().take(MOST_LINES + 1).map(line).collect();
    cut(lines, &none)
}

fn line(scope: &FrameScope<'_>, text: &str) -> Result<String, SessionError> {
    let by_line = text
        .trim()
        .rsplit_once(':')
        .filter(|(file, _)| !file.ends_with(':'));
    let by_line = by_line.and_then(|(file, line)| Some((file, line.trim().parse::<u32>().ok()?)));
    let places = match by_line {
        Some((file, number)) => {
            let mut places = Vec::new();
            for entry in scope.modules.list(scope.process) {
                let Some(loaded) = &entry.loaded else {
                    continue;
                };
                for (begin, end, path) in loaded.module.code_of_line(file, number) {
                    let place = (loaded.bias.plus(begin.0), loaded.bias.plus(end.0));
                    places.push((place, path, number));
                }
            }
            places
        }
        None => {
            let at = address(scope, text)?;
            let found = scope.modules.line_around(at);
            found.into_iter().collect()
        }
    };
    let lines = places.into_iter().map(|((begin, end), path, number)| {
        let name = |at: Addr| scope.modules.name_of(at).unwrap_or_default();
        format!(
            "{path}:{number} is from {begin} <{}> to {end} <{}>",
            name(begin),
            name(end)
        )
    });
    cut(
        lines.collect(),
        &format!(
            "no code of '{}' is known: its module has no debug information, or there is none in this line",
            text.trim()
        ),
    )
}

fn disassembled(scope: &FrameScope<'_>, text: &str) -> Result<Disassembly, SessionError> {
    let at = address(scope, text)?;
    let function = scope.modules.function_at(at);
    let extent = function.as_ref().and_then(|it| Some((it.begin, it.end?)));
    let read = |begin, end, count| {
        let read = scope.modules.instructions(scope.memory, begin, end, count);
        read.map_err(|absence| absent(&absence))
    };
    let (instructions, left_out) = match extent {
        Some((begin, end)) => {
            // Of the function that the frame is in, what comes next is what is asked for, also by its name.
            let is_within = (begin..end).contains(&scope.pc());
            let at = if at == begin && is_within {
                scope.pc()
            } else {
                at
            };
            let mut all = read(begin, Some(end), MOST_DECODED)?;
            // A very long function: an instruction begins there as well.
            if all.last().is_some_and(|last| last.address < at) {
                all = read(at, Some(end), MOST_DECODED)?;
            }
            around(all, begin, at, end)
        }
        None => (read(at, None, WITHOUT_EXTENT)?, None),
    };
    let with_target = |it: Instruction| {
        let text = it.with_target(scope.modules);
        (it, text)
    };
    Ok(Disassembly {
        title: match function {
            Some(function) => function.name,
            None => format!("code at {at}, of no known function"),
        },
        begin: function_begin(extent, at),
        pc: scope.pc(),
        instructions: instructions.into_iter().map(with_target).collect(),
        left_out,
    })
}

/// Those of a function's instructions that are shown, with the one that was asked for among them, and what is said of the others.
fn around(
    mut all: Vec<Instruction>,
    begin: Addr,
    at: Addr,
    end: Addr,
) -> (Vec<Instruction>, Option<String>) {
    let place = all.iter().position(|it| it.address >= at).unwrap_or(0);
    if place >= MOST_INSTRUCTIONS {
        all.drain(..place - MOST_INSTRUCTIONS / 2);
    }
    let is_cut = all.len() > MOST_INSTRUCTIONS
        || all.first().is_some_and(|first| first.address > begin)
        || all
            .last()
            .is_some_and(|last| last.address.plus(LONGEST_INSTRUCTION) < end);
    all.truncate(MOST_INSTRUCTIONS);
    let left_out = is_cut.then(|| {
        format!("[the function goes from {begin} to {end}: `disas ADDRESS` shows what is around another place]")
    });
    (all, left_out)
}

fn function_begin(extent: Option<(Addr, Addr)>, at: Addr) -> Addr {
    extent.map_or(at, |(begin, _)| begin)
}

/// With the lines of source between the instructions that they became.
fn with_source(inferior: &Inferior, library: &mut Library, listing: &Disassembly) -> String {
    let mut lines = vec![format!("{}:", listing.title)];
    let mut before = None;
    for (instruction, text) in &listing.instructions {
        let file = instruction.file.as_ref().map(|file| file.path.as_str());
        let at = file.zip(instruction.line);
        if at.is_some() && at != before {
            if let Some((file, number)) = at {
                let name = file.rsplit('/').next().unwrap_or(file);
                let source = library.line(inferior, file, number);
                let source =
                    source.map_or(String::new(), |line| format!("\t{}", line.text.trim_end()));
                lines.push(format!("{name}:{number}{source}"));
            }
            before = at;
        }
        let mark = if instruction.address == listing.pc {
            "=>"
        } else {
            "  "
        };
        let offset = instruction.address.0.wrapping_sub(listing.begin.0);
        lines.push(format!(
            "{mark} {} <+{offset}>:\t{text}",
            instruction.address
        ));
    }
    lines.extend(listing.left_out.clone());
    lines.join("\n")
}
