//! The text of a value while it is written.

/// The text has become as long as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

pub struct Text {
    pub text: String,
    /// Characters that may still come.
    room: usize,
}

impl Text {
    pub fn new(room: usize) -> Text {
        let text = String::new();
        Text { text, room }
    }

    /// Appends as much as there is room for.
    pub fn push(&mut self, more: &str) -> Result<(), Full> {
        for letter in more.chars() {
            self.room = self.room.checked_sub(1).ok_or(Full)?;
            self.text.push(letter);
        }
        Ok(())
    }
}
