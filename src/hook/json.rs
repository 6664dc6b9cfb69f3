//! A report for programs: one object in one line. Written by hand, since a program that links the hook shall not have to link
//! a library for that.

use std::fmt::{Display, Write};
use std::time::SystemTime;

use super::report::Report;
use super::stack::Frame;

/// Grows when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

pub(super) fn of(report: &Report) -> String {
    let mut object = Object::begin();
    object.number("schema", Some(SCHEMA));
    object.text("event", Some("panic"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    object.number("time_ms", now.ok().map(|now| now.as_millis()));
    object.text("message", report.message.as_deref());
    match &report.location {
        Some((file, line, column)) => {
            let mut place = Object::begin();
            place.text("file", Some(file));
            place.number("line", Some(*line));
            place.number("column", Some(*column));
            object.raw("location", &place.end());
        }
        None => object.raw("location", "null"),
    }
    object.number("pid", Some(report.pid));
    object.text("program", report.program.as_deref());
    let mut thread = Object::begin();
    thread.text("name", report.thread.as_deref());
    thread.number("tid", report.tid);
    object.raw("thread", &thread.end());
    let rank = report
        .ranks
        .iter()
        .find_map(|(_, value)| value.parse::<u32>().ok());
    object.number("rank", rank);
    let mut ranks = Object::begin();
    for (name, value) in &report.ranks {
        ranks.text(name, Some(value));
    }
    object.raw("rank_variables", &ranks.end());
    let frames: Vec<String> = report.stack.frames.iter().map(of_frame).collect();
    object.raw("frames", &format!("[{}]", frames.join(",")));
    object.number("other_frames", Some(report.stack.others));
    match report.waits {
        true => object.text("attach", Some(&report.attach())),
        false => object.raw("attach", "null"),
    }
    object.end() + "\n"
}

fn of_frame(frame: &Frame) -> String {
    let mut object = Object::begin();
    object.text("address", Some(&format!("{:#x}", frame.address)));
    object.text("function", frame.function.as_deref());
    object.text("file", frame.file.as_deref());
    object.number("line", frame.line);
    object.number("column", frame.column);
    object.raw("own", if frame.is_own { "true" } else { "false" });
    if let Some((path, offset)) = &frame.module {
        object.text("module", Some(path));
        object.text("offset", Some(&format!("{offset:#x}")));
    }
    if let Some(source) = &frame.source {
        let line = |(number, text): &(u32, String)| {
            let mut line = Object::begin();
            line.number("line", Some(*number));
            line.text("text", Some(text));
            line.end()
        };
        let lines: Vec<String> = source.iter().map(line).collect();
        object.raw("source", &format!("[{}]", lines.join(",")));
    }
    object.end()
}

pub(super) struct Object(String);

impl Object {
    pub(super) fn begin() -> Object {
        Object("{".to_string())
    }

    fn raw(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(name, &mut self.0);
        self.0.push(':');
        self.0.push_str(value);
    }

    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        let mut quoted = String::new();
        match value {
            Some(value) => quote(value, &mut quoted),
            None => quoted.push_str("null"),
        }
        self.raw(name, &quoted);
    }

    pub(super) fn number(&mut self, name: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.raw(name, &value.to_string()),
            None => self.raw(name, "null"),
        }
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// RFC 8259, section 7.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Also the separators of lines that some readers take for ends of a line.
            character if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(all(test, feature = "debugger"))]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let all: String = (0..0x3000)
            .filter_map(char::from_u32)
            .chain(['🦀'])
            .collect();
        let mut object = Object::begin();
        object.text(&all, Some(&all));
        let text = object.end();
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value[&all], all.as_str());
    }
}
