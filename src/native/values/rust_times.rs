//! Times and spans of Rust.

use std::time::Duration;

use super::strings::garbage;
use super::text::Text;
use super::{Shown, Stop, Writer, Written};

const NANOSECONDS: u64 = 1_000_000_000;

impl<'s, 'a> Writer<'_, 's, 'a> {
    /// `1.5s`
    pub(super) fn write_duration(&self, value: Shown<'_, 's, 'a>, text: &mut Text) -> Written {
        let (seconds, nanoseconds) = self.seconds_and_parts(value, "secs", "nanos")?;
        Ok(text.push(&format!("{:?}", Duration::new(seconds, nanoseconds)))?)
    }

    /// `Instant { tv_sec: 5, tv_nsec: 6 }`, where the clock of the system is inside.
    pub(super) fn write_moment(
        &self,
        value: Shown<'_, 's, 'a>,
        name: &str,
        text: &mut Text,
    ) -> Written {
        let (seconds, nanoseconds) = self.seconds_and_parts(value, "tv_sec", "tv_nsec")?;
        let seconds = seconds.cast_signed();
        Ok(text.push(&format!(
            "{name} {{ tv_sec: {seconds}, tv_nsec: {nanoseconds} }}"
        ))?)
    }

    fn seconds_and_parts(
        &self,
        value: Shown<'_, 's, 'a>,
        seconds: &str,
        parts: &str,
    ) -> Result<(u64, u32), Stop> {
        let number = |name: &str| -> Result<u64, Stop> {
            let found = self.find(value.kind, value.storage, name);
            let (kind, at) = found
                .and_then(|(kind, at)| self.innermost(&kind, &at))
                .ok_or(Stop::OtherLayout)?;
            Ok(at.unsigned(self.memory, kind.size.unwrap_or(8))? as u64)
        };
        let (seconds, nanoseconds) = (number(seconds)?, number(parts)?);
        if nanoseconds >= NANOSECONDS {
            return Err(garbage("number of nanoseconds", nanoseconds).into());
        }
        Ok((seconds, nanoseconds as u32))
    }
}
