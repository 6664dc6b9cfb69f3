//! Breakpoints in the process: where they are, and what the agent is told of them.

use std::sync::atomic::AtomicBool;

use super::breakpoints::{Breakpoint, BreakpointRequest, Change, Place, Spot};
use super::error::SessionError;
use super::inferior::Inferior;
use super::listing::Library;
use crate::python::agent::{Answer, Command};

impl Inferior {
    /// Sets a breakpoint, which is checked against the source.
    pub fn set_breakpoint(
        &mut self,
        number: u32,
        request: &BreakpointRequest,
        library: &mut Library,
        interrupted: &AtomicBool,
    ) -> Result<Breakpoint, SessionError> {
        let spot = self.find_place(&request.place, library, interrupted)?;
        let breakpoint = self.breakpoints.add(number, request, spot);
        match self.send_breakpoints(interrupted) {
            Ok(answer) if breakpoint.catch.is_some() => {
                let classes = answer.length.unwrap_or_default();
                let found = self.breakpoints.finds(breakpoint.number, classes);
                Ok(found.unwrap_or(breakpoint))
            }
            Ok(answer) => {
                let value = answer.text.unwrap_or_default();
                let begun = self
                    .breakpoints
                    .begins(breakpoint.number, answer.scope, value);
                Ok(begun.unwrap_or(breakpoint))
            }
            // A condition that is no Python, for instance.
            Err(error) => {
                let _ = self.breakpoints.change(breakpoint.number, &Change::Clear);
                let _ = self.send_breakpoints(interrupted);
                Err(error)
            }
        }
    }

    fn find_place(
        &mut self,
        place: &Place,
        library: &mut Library,
        interrupted: &AtomicBool,
    ) -> Result<Spot, SessionError> {
        match place {
            Place::Change(_) | Place::Raise(_) => {
                self.required_frame()?;
                Ok(Spot { ..Spot::default() })
            }
            Place::Line(line) => {
                let (_, seen) = self.frame()?;
                let frame = seen.described.clone();
                let file = self.path_of(&frame).ok_or(SessionError::NoSource {
                    why: "the frame has no file".to_string(),
                })?;
                library.check_line(self, &file, *line)?;
                Ok(Spot::at(file, *line))
            }
            Place::FileLine { file, line } => {
                let found = match self.find_file(file, library) {
                    Some(found) => found,
                    None => self.importable_file(file, interrupted)?,
                };
                library.check_line(self, &found, *line)?;
                Ok(Spot::at(found, *line))
            }
            Place::Function(name) => {
                let frame = self.required_frame()?;
                let text = name.clone();
                match self.command(&Command::Locate { frame, text }, interrupted) {
                    Ok((answer, _)) => Ok(Spot {
                        file: answer.text,
                        line: answer.line,
                        // What its code is called: a decorated one is another's.
                        function: answer.scope.or_else(|| Some(name.clone())),
                        ..Spot::default()
                    }),
                    // Not there yet: its module may still be imported.
                    Err(SessionError::Evaluation { text }) if text.starts_with("NameError") => {
                        Ok(Spot {
                            function: Some(name.clone()),
                            ..Spot::default()
                        })
                    }
                    Err(SessionError::Evaluation { .. }) => {
                        Err(SessionError::NotAFunction { name: name.clone() })
                    }
                    Err(other) => Err(other),
                }
            }
            Place::Pattern(pattern) => {
                let frame = self.required_frame()?;
                let text = pattern.clone();
                let (answer, _) = self.command(&Command::Matching { frame, text }, interrupted)?;
                Ok(Spot {
                    pattern: Some(pattern.clone()),
                    matching: answer.length,
                    ..Spot::default()
                })
            }
        }
    }

    /// A file that the process would find if it imported the module: it need not have been.
    fn importable_file(
        &mut self,
        name: &str,
        interrupted: &AtomicBool,
    ) -> Result<String, SessionError> {
        let no_such_file = || SessionError::NoSuchFile {
            file: name.to_string(),
        };
        let frame = self.held_frame().ok_or_else(no_such_file)?;
        let text = name.to_string();
        let (answer, _) = self.command(&Command::FindFile { frame, text }, interrupted)?;
        answer.text.ok_or_else(no_such_file)
    }

    /// A file as the user names it: a whole path, or one beside the file of a frame, with or without `.py`.
    fn find_file(&self, name: &str, library: &mut Library) -> Option<String> {
        let named = [name.to_string(), format!("{name}.py")];
        if name.starts_with('/') {
            return named
                .into_iter()
                .find(|file| library.file(self, file).is_some());
        }
        let frames = self.view.as_ref().map_or(&[][..], |view| &view.frames);
        let paths: Vec<String> = frames
            .iter()
            .filter_map(|seen| self.path_of(&seen.described))
            .collect();
        for name in &named {
            let ending = format!("/{name}");
            if let Some(path) = paths.iter().find(|path| path.ends_with(&ending)) {
                return Some(path.clone());
            }
            let folders = paths.iter().filter_map(|path| path.rsplit_once('/'));
            let mut beside = folders.map(|(folder, _)| format!("{folder}/{name}"));
            if let Some(path) = beside.find(|path| library.file(self, path).is_some()) {
                return Some(path);
            }
        }
        let folder = self.process.working_folder()?;
        let in_folder = |name: &String| folder.join(name).display().to_string();
        named
            .iter()
            .map(in_folder)
            .find(|path| library.file(self, path).is_some())
    }

    pub(super) fn send_breakpoints(
        &mut self,
        interrupted: &AtomicBool,
    ) -> Result<Answer, SessionError> {
        let list = self.breakpoints.wanted();
        let frame = self.held_frame().unwrap_or(0);
        let command = Command::Breakpoints { frame, list };
        self.command(&command, interrupted)
            .map(|(answer, _)| answer)
    }

    pub fn change_breakpoint(
        &mut self,
        number: u32,
        change: &Change,
        interrupted: &AtomicBool,
    ) -> Result<Breakpoint, SessionError> {
        let before = self.breakpoints.clone();
        let changed = self.breakpoints.change(number, change)?;
        if matches!(change, Change::Commands(_)) {
            return Ok(changed);
        }
        if let Err(error) = self.send_breakpoints(interrupted) {
            // A condition that is no Python, for instance: the process watches what it watched before.
            self.breakpoints = before;
            return Err(error);
        }
        Ok(changed)
    }
}
