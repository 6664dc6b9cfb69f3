//! The stack of the thread that panics, without what the panic itself put there.

use super::source::{Excerpt, Sources};

/// Frames that are shown, the newest.
const MOST_FRAMES: usize = 128;
/// Frames that are counted: what recurses without end may have no end of its stack in sight.
const MOST_COUNTED: usize = 100_000;

/// The newest frame first.
#[derive(Default)]
pub(super) struct Stack {
    pub frames: Vec<Frame>,
    /// Older frames that are not shown.
    pub others: usize,
}

/// One function: several may be inlined into each other at one address.
pub(super) struct Frame {
    pub address: usize,
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    /// If nothing is known but the address: the file that it was loaded from, and where it is in that (for `addr2line`).
    pub module: Option<(String, usize)>,
    pub is_own: bool,
    /// Of the program's own code.
    pub source: Option<Excerpt>,
}

/// Functions that lead from `panic!()` to the hook. Their names have been the same since Rust 1.60, or are those of newer versions.
const MACHINERY: &[&str] = &[
    "std::panicking::",
    "core::panicking::",
    "rust_begin_unwind",
    "__rustc::rust_begin_unwind",
    "__rustc[",
    "std::sys::backtrace::__rust_end_short_backtrace",
    "std::sys_common::backtrace::__rust_end_short_backtrace",
    "std::panic::panic_any",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_",
    "core::str::slice_error_fail",
    "core::cell::panic_already",
    "alloc::raw_vec::capacity_overflow",
];
/// Where they begin: the frames before these are the hook's own.
const ENTRANCES: &[&str] = &["__rust_end_short_backtrace", "rust_begin_unwind"];
/// Below it lies what the runtime does before `main`, or a thread's function.
const BOTTOM: &str = "__rust_begin_short_backtrace";

pub(super) fn of_panic() -> Stack {
    let mut addresses = Vec::new();
    let mut count = 0;
    backtrace::trace(|frame| {
        if addresses.len() < MOST_FRAMES * 2 {
            addresses.push(frame.clone());
        }
        count += 1;
        count < MOST_COUNTED
    });
    let mut frames = Vec::new();
    for address in &addresses {
        resolve(address, &mut frames);
    }
    let mut others = count - addresses.len();
    let shows_all = std::env::var_os("RUST_BACKTRACE").is_some_and(|word| word == "full");
    if !shows_all {
        cut(&mut frames, &mut others);
    }
    if frames.len() > MOST_FRAMES {
        others += frames.len() - MOST_FRAMES;
        frames.truncate(MOST_FRAMES);
    }
    let mut sources = Sources::default();
    let mut modules = None;
    for frame in &mut frames {
        if let (Some(file), Some(line), true) = (&frame.file, frame.line, frame.is_own) {
            frame.source = sources.around(file, line);
        }
        if frame.function.is_none() {
            let modules = modules.get_or_insert_with(modules_of_process);
            frame.module = module_of(modules, frame.address);
        }
    }
    Stack { frames, others }
}

/// The functions at the address of a frame, the innermost first.
fn resolve(at: &backtrace::Frame, frames: &mut Vec<Frame>) {
    let address = at.ip() as usize;
    let before = frames.len();
    backtrace::resolve_frame(at, |symbol| {
        let file = symbol
            .filename()
            .map(|path| path.to_string_lossy().into_owned());
        frames.push(Frame {
            address,
            // Without the hash.
            function: symbol.name().map(|name| format!("{name:#}")),
            is_own: file.as_deref().is_some_and(is_own),
            file,
            line: symbol.lineno(),
            column: symbol.colno(),
            module: None,
            source: None,
        });
    });
    if frames.len() == before {
        frames.push(Frame {
            address,
            function: None,
            file: None,
            line: None,
            column: None,
            module: None,
            is_own: false,
            source: None,
        });
    }
}

/// Takes the frames of the panic away, and those of the runtime below the program. Those of a panic before this one stay.
fn cut(frames: &mut Vec<Frame>, others: &mut usize) {
    let is =
        |frame: &Frame, test: &dyn Fn(&str) -> bool| frame.function.as_deref().is_some_and(test);
    let is_entrance = |name: &str| ENTRANCES.iter().any(|entrance| name.contains(entrance));
    let is_machinery = |name: &str| {
        let name = name.trim_start_matches('<');
        MACHINERY.iter().any(|part| name.starts_with(part))
    };
    if let Some(entrance) = frames.iter().position(|frame| is(frame, &is_entrance)) {
        let behind = frames[entrance..]
            .iter()
            .position(|frame| !is(frame, &is_machinery));
        if let Some(behind) = behind {
            frames.drain(..entrance + behind);
        }
    }
    if let Some(bottom) = frames
        .iter()
        .position(|frame| is(frame, &|name| name.contains(BOTTOM)))
    {
        frames.truncate(bottom);
        *others = 0;
    }
}

/// Neither the standard library nor a crate of a registry.
fn is_own(file: &str) -> bool {
    const OTHERS: &[&str] = &[
        "/rustc/",
        "/rustlib/src/",
        "/.cargo/registry/",
        "/.cargo/git/",
        "/registry/src/",
    ];
    !OTHERS.iter().any(|part| file.contains(part))
}

/// Start and end of each mapping that may hold code, with the file and the offset in it.
fn modules_of_process() -> Vec<(usize, usize, usize, String)> {
    let maps = std::fs::read("/proc/self/maps").unwrap_or_default();
    let maps = String::from_utf8_lossy(&maps);
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let offset = words.nth(1)?;
        let path = line.get(line.find('/')?..)?;
        let number = |text: &str| usize::from_str_radix(text, 16).ok();
        Some((
            number(start)?,
            number(end)?,
            number(offset)?,
            path.to_string(),
        ))
    };
    maps.lines().filter_map(entry).collect()
}

/// The file that an address was loaded from, and how far behind the place where that begins it is.
fn module_of(modules: &[(usize, usize, usize, String)], address: usize) -> Option<(String, usize)> {
    let (.., path) = modules
        .iter()
        .find(|(start, end, ..)| (*start..*end).contains(&address))?;
    let begin = modules
        .iter()
        .find(|(_, _, offset, other)| *offset == 0 && other == path)?
        .0;
    Some((path.clone(), address.checked_sub(begin)?))
}
