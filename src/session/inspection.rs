//! Looking at all that there is to see in a process, for a snapshot: what is read here is what it keeps.

use std::ops::Range;
use std::time::Duration;

use super::native_stack;
use super::stack::{StackOptions, add_exception, identify, read_threads};
use crate::model::{Addr, GilState, ProcessReport, Tid};
use crate::native::{LoadedModules, ParsedModules, values};
use crate::process::{Backing, Budget, Mapping, Memory, Process};
use crate::python::{Effort, Limits, Locator, Look, Reach};
use crate::snapshot::link_map;

/// What is looked at.
pub(super) struct Inspection<'i> {
    /// Steps from the variables of each frame.
    pub depth: usize,
    pub parsed: &'i ParsedModules,
    pub auxiliary_vector: &'i [u8],
    /// Memory that is not as in the files behind it.
    pub modified: &'i [Range<Addr>],
    /// What is kept of the memory that it shares with others, whoever leads to it.
    pub shared: &'i [Range<Addr>],
    /// An exception that it stands still for, which may be in no frame any more.
    pub exception: Option<Addr>,
}

/// Memory is read in pieces of this many bytes.
const PIECE: u64 = 64 * 1024;

impl Inspection<'_> {
    /// Looks, for no longer than `limit`, and says who the process is.
    pub fn look(&self, process: &dyn Process, limit: Option<Duration>) -> ProcessReport {
        let budget = Budget::new(limit.unwrap_or(Budget::TIME), Budget::MEMORY);
        self.images(process);
        let memory = Memory::within(process, budget.clone());
        // A program that is linked statically has no list.
        let _ = link_map::read(&memory, self.auxiliary_vector);
        self.threads(process);
        let mut report = identify(process);
        // A new locator, as the one that will read the snapshot is: one that has seen the process before reads less.
        if let Ok(located) = Locator::default().locate(process, Effort::Thorough) {
            report.interpreter = Some(located.name());
            let options = StackOptions {
                locals: Some(Limits::default()),
                tasks: true,
                ..StackOptions::default()
            };
            read_threads(process, &located, &options, &budget, &mut report);
            let look = Look::within(process, &located, budget.clone());
            self.reach(process, &look);
            if let Some(exception) = self.exception {
                add_exception(&look, exception, None, &options, &mut report);
            }
        }
        let modules = LoadedModules::new(process, self.parsed);
        let limits = values::Limits {
            characters: Limits::default().characters,
            depth: self.depth,
        };
        native_stack::walk(process, &modules, Some(&limits), &budget);
        report
    }

    fn reach(&self, process: &dyn Process, look: &Look<'_>) {
        let kernel = process.threads().unwrap_or_default();
        let (threads, _) = look.threads(&kernel);
        let mut reach = Reach::new(look, self.depth);
        for thread in &threads {
            look.newest(thread.address);
            for frame in look.stack(thread.address).frames {
                reach.frame(&frame);
            }
            for exception in look.chained_exceptions(thread.address) {
                self.reach_exception(look, exception, &mut reach);
            }
        }
        for exception in self.exception.iter().flat_map(|it| look.chain_of(*it)) {
            self.reach_exception(look, exception, &mut reach);
        }
    }

    fn reach_exception(&self, look: &Look<'_>, exception: Addr, reach: &mut Reach<'_, '_>) {
        reach.object(exception);
        for raised in look.raised_frames(exception) {
            reach.frame(&raised.frame);
        }
    }

    /// What tells which files these are and what differs from them, and the code that the kernel has put there.
    fn images(&self, process: &dyn Process) {
        for mapping in process.mappings() {
            match &mapping.backing {
                // Reading what nobody has written to would put a page into memory that others share.
                Backing::File { offset: 0, .. } if mapping.protection.read && !mapping.shared => {
                    read_all(process, mapping.start..mapping.start.plus(1));
                }
                Backing::Special(name) if name == "[vdso]" => {
                    read_all(process, mapping.start..mapping.end);
                }
                _ => {}
            }
        }
        for range in self.modified.iter().chain(self.shared) {
            read_all(process, range.clone());
        }
    }

    /// The instruction that each thread is at, which tells whether it is in a system call; and what the C library has of it.
    fn threads(&self, process: &dyn Process) {
        for status in process.threads().unwrap_or_default() {
            let Some(registers) = process.registers(status.tid) else {
                continue;
            };
            let at = Addr(registers.rip);
            read_all(process, at.minus(2)..at.plus(1));
            let block = Addr(registers.fs_base);
            read_all(process, block.minus(1)..block.plus(1));
        }
    }
}

/// What cannot be read is not kept.
fn read_all(process: &dyn Process, range: Range<Addr>) {
    let mut buffer = vec![0; PIECE as usize];
    let mut at = range.start;
    while at < range.end {
        let length = (range.end.0 - at.0).min(PIECE);
        let _ = process.read(at, &mut buffer[..length as usize]);
        at = at.plus(length);
    }
}

/// The thread that holds the global interpreter lock.
pub(super) fn gil_holder(report: &ProcessReport) -> Option<Tid> {
    let holder = report
        .threads
        .iter()
        .find(|thread| thread.gil == GilState::Holds);
    holder?.tid
}

/// Mappings of which the whole is kept: all that can be read and is not as in a file.
pub(super) fn is_worth_keeping(mapping: &Mapping) -> bool {
    let is_device = matches!(&mapping.backing, Backing::Special(name) if name.starts_with("[vvar"))
        || mapping.path().is_some_and(|path| {
            path.starts_with("/dev") && !path.starts_with("/dev/shm") && !path.ends_with("zero")
        });
    let is_plain =
        matches!(&mapping.backing, Backing::File { deleted: false, .. }) && !mapping.shared;
    mapping.protection.read && !is_device && !is_plain
}
