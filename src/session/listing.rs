//! Lines of source: around the focused frame, of its function, of what an expression gives.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::api::{Lines, Listing, ListingLine};
use super::error::SessionError;
use super::inferior::Inferior;
use super::source::{SourceFile, Sources};
use crate::native::FrameScope;
use crate::native::dwarf::Sameness;

/// As in pdb: a listing has eleven lines, five of them before the one that matters.
const BEFORE: u32 = 5;
const AFTER_FIRST: u32 = 10;

/// Where something is defined.
pub(super) struct Place {
    /// As its code says.
    pub file: String,
    /// Its qualified name; empty for a module.
    pub name: String,
    /// Where it begins, if that is known.
    pub first_line: Option<u32>,
}

/// The files of a session.
#[derive(Default)]
pub(super) struct Library {
    sources: Sources,
    /// Whether lines come with their syntax.
    syntax: bool,
    /// When a file was edited that a warning has been given for.
    warned: HashMap<PathBuf, SystemTime>,
}

impl Lines {
    /// The first and the last line of a listing that goes on behind `listed`, or else is about the line `middle`; nothing for those of a
    /// whole function.
    pub(super) fn bounds(self, listed: Option<u32>, middle: u32) -> Option<(u32, u32)> {
        let around = |line: u32| {
            let first = line.saturating_sub(BEFORE).max(1);
            (first, first.saturating_add(AFTER_FIRST))
        };
        Some(match (self, listed) {
            (Lines::Function, _) => return None,
            (Lines::Range { first, last }, _) => (first.max(1), last),
            (Lines::AroundLine(line), _) => around(line),
            (Lines::Next, Some(listed)) => {
                let first = listed.saturating_add(1);
                (first, first.saturating_add(AFTER_FIRST))
            }
            (Lines::Next | Lines::Around, _) => around(middle),
        })
    }
}

impl Library {
    pub fn new(syntax: bool) -> Library {
        Library {
            syntax,
            ..Library::default()
        }
    }

    pub fn file(&mut self, inferior: &Inferior, file: &str) -> Option<Arc<SourceFile>> {
        let of_file = self.sources.of_process(&inferior.report, file);
        of_file.or_else(|| {
            let never = AtomicBool::new(false);
            let kept = inferior.look(&never, |look| look.kept_source(file)).ok()?;
            Some(Arc::new(SourceFile::from_text(kept?)))
        })
    }

    fn known_file(
        &mut self,
        inferior: &Inferior,
        file: &str,
    ) -> Result<Arc<SourceFile>, SessionError> {
        self.file(inferior, file).ok_or(SessionError::NoSource {
            why: format!("{file} cannot be read"),
        })
    }

    pub fn line(&mut self, inferior: &Inferior, file: &str, number: u32) -> Option<ListingLine> {
        let source = self.file(inferior, file)?;
        self.line_of(&source, number)
    }

    fn line_of(&self, source: &SourceFile, number: u32) -> Option<ListingLine> {
        Some(ListingLine {
            number,
            text: source.line(number)?,
            syntax: if self.syntax {
                source.syntax().line(number).to_vec()
            } else {
                Vec::new()
            },
        })
    }

    fn lines_of(&self, source: &SourceFile, first: u32, last: u32) -> Vec<ListingLine> {
        let last = last.min(line_count(source));
        (first..=last)
            .filter_map(|number| self.line_of(source, number))
            .collect()
    }

    /// The lines of a file that are in a range, and how many it has.
    pub fn range(
        &mut self,
        inferior: &Inferior,
        file: &str,
        first: u32,
        last: u32,
    ) -> Result<(Vec<ListingLine>, u32), SessionError> {
        let source = self.known_file(inferior, file)?;
        Ok((self.lines_of(&source, first, last), line_count(&source)))
    }

    /// Whether a breakpoint makes sense at a line, as far as the text tells (`checkline`, `Lib/pdb.py`). What cannot be read is
    /// not judged.
    pub fn check_line(
        &mut self,
        inferior: &Inferior,
        file: &str,
        line: u32,
    ) -> Result<(), SessionError> {
        let Some(source) = self.file(inferior, file) else {
            return Ok(());
        };
        let Some(text) = source.line(line) else {
            return Err(SessionError::BeyondEnd);
        };
        let text = text.trim();
        let is_blank = text.is_empty()
            || text.starts_with('#')
            || text.starts_with("\"\"\"")
            || text.starts_with("'''");
        if is_blank {
            return Err(SessionError::BlankLine);
        }
        Ok(())
    }

    /// Lines of the focused frame's file.
    pub fn list(&mut self, inferior: &mut Inferior, lines: Lines) -> Result<Listing, SessionError> {
        if let Some(native) = inferior.native_frame() {
            let (mut listing, last) = native.lines(lines, inferior, self)?;
            listing.not_compiled = self.not_compiled(inferior);
            if let Some(native) = &mut inferior.native {
                native.note_listed(last);
            }
            return Ok(listing);
        }
        let (view, seen) = inferior.frame()?;
        let (current, raised, listed) = (seen.current_line(), seen.raised, view.listed);
        let first_of_code = u32::try_from(seen.frame.code.first_line)
            .unwrap_or(1)
            .max(1);
        let is_module = seen.described.function == "<module>";
        let name = seen.described.file.clone().unwrap_or_default();
        let middle = current.or(raised).unwrap_or(first_of_code);
        let breakpoints = inferior.path_of(&seen.described);
        let breakpoints = breakpoints.map(|path| inferior.breakpoints.lines_in(&path));
        let breakpoints = breakpoints.unwrap_or_default();
        let source = self.known_file(inferior, &name);
        let (first, last) = match lines.bounds(listed, middle) {
            Some(range) => range,
            None => {
                let source = source.clone()?;
                if is_module {
                    (1, line_count(&source))
                } else if first_of_code > line_count(&source) {
                    return Err(SessionError::NoSource {
                        why: "lineno is out of bounds".to_string(),
                    });
                } else {
                    (
                        first_of_code,
                        source.syntax().blocks().end_of_block(first_of_code),
                    )
                }
            }
        };
        let count = source.as_ref().map_or(0, |source| line_count(source));
        let listing = Listing {
            lines: source
                .as_ref()
                .map(|source| self.lines_of(source, first, last))
                .unwrap_or_default(),
            current,
            raised: raised.filter(|raised| Some(*raised) != current),
            breakpoints,
            end_of_file: lines != Lines::Function && count < last,
            not_compiled: None,
            edited: source
                .ok()
                .and_then(|source| self.edited(inferior, &name, &source)),
        };
        if lines != Lines::Function {
            inferior.with_view(|view| view.listed = Some(last.min(count)))?;
        }
        Ok(listing)
    }

    /// The whole of what is defined at a place.
    pub fn definition(
        &mut self,
        inferior: &Inferior,
        place: &Place,
    ) -> Result<Listing, SessionError> {
        let source = self.known_file(inferior, &place.file)?;
        let is_module = place.name.is_empty();
        let first = match place.first_line {
            _ if is_module => 1,
            Some(line) if line <= line_count(&source) => line,
            Some(_) => {
                return Err(SessionError::NoSource {
                    why: "lineno is out of bounds".to_string(),
                });
            }
            None => source
                .syntax()
                .blocks()
                .class(&place.name)
                .ok_or(SessionError::NoSource {
                    why: format!("could not find class definition of {}", place.name),
                })?,
        };
        let last = if is_module {
            line_count(&source)
        } else {
            source.syntax().blocks().end_of_block(first)
        };
        Ok(Listing {
            lines: self.lines_of(&source, first, last),
            current: None,
            raised: None,
            breakpoints: Vec::new(),
            end_of_file: false,
            not_compiled: None,
            edited: self.edited(inferior, &place.file, &source),
        })
    }

    /// The file's name if it was written after the process began to run it, the first time that this is seen.
    pub fn edited(
        &mut self,
        inferior: &Inferior,
        file: &str,
        source: &SourceFile,
    ) -> Option<String> {
        if !source.is_newer_than(&inferior.report) {
            return None;
        }
        let modified = source.modified()?;
        let before = self.warned.insert(PathBuf::from(file), modified);
        (before != Some(modified)).then(|| file.to_string())
    }

    /// The native frame's file, if it is not what its code was compiled from: by its checksum, size or time in the debug information, or else
    /// because it was written later than that. Said once for each time that it was.
    fn not_compiled(&mut self, inferior: &Inferior) -> Option<String> {
        let never = AtomicBool::new(false);
        let found = inferior.in_native_frame(&never, |scope: &FrameScope<'_>| scope.source_file());
        let (compiled, written) = found.ok()??;
        let source = self.file(inferior, &compiled.path)?;
        let modified = source.modified();
        let is_changed = match compiled.sameness(source.bytes(), modified) {
            Sameness::Changed => true,
            Sameness::Same => false,
            Sameness::Unknown => modified.zip(written).is_some_and(|(now, then)| now > then),
        };
        let before = self.warned.insert(
            PathBuf::from(&compiled.path),
            modified.filter(|_| is_changed)?,
        );
        (before != modified).then(|| compiled.path.clone())
    }

    /// Sees what has been edited since.
    pub fn look_again(&mut self) {
        self.sources.look_again();
    }
}

fn line_count(source: &SourceFile) -> u32 {
    u32::try_from(source.line_count()).unwrap_or(u32::MAX)
}
