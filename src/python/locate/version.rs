//! Versions of CPython, and the places that tell them.

use std::fmt;

/// A version of CPython 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub minor: u8,
    /// Unknown where only the file's name tells the version.
    pub micro: Option<u8>,
    pub stage: Stage,
}

/// How finished a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Alpha(u8),
    Beta(u8),
    Candidate(u8),
    Final,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)?;
        let Some(micro) = self.micro else {
            return Ok(());
        };
        write!(f, ".{micro}")?;
        match self.stage {
            Stage::Alpha(serial) => write!(f, "a{serial}"),
            Stage::Beta(serial) => write!(f, "b{serial}"),
            Stage::Candidate(serial) => write!(f, "rc{serial}"),
            Stage::Final => Ok(()),
        }
    }
}

impl Version {
    /// From `PY_VERSION_HEX`, `Include/patchlevel.h`; `None` if it is not Python 3.
    pub(super) fn from_hex(hex: u32) -> Option<Version> {
        let [release, micro, minor, major] = hex.to_le_bytes();
        let serial = release & 15;
        let stage = match release >> 4 {
            0xa => Stage::Alpha(serial),
            0xb => Stage::Beta(serial),
            0xc => Stage::Candidate(serial),
            0xf => Stage::Final,
            _ => return None,
        };
        (major == 3).then_some(Version {
            minor,
            micro: Some(micro),
            stage,
        })
    }

    /// From `libpython3.9.so.1.0` or `python3.9`.
    pub(super) fn from_file_name(name: &str) -> Option<Version> {
        let (3, minor) = numbers_in_name(name)? else {
            return None;
        };
        Some(Version {
            minor,
            micro: None,
            stage: Stage::Final,
        })
    }
}

/// Major and minor number from `libpython2.7.so.1.0` or `python3.9`.
pub(super) fn numbers_in_name(name: &str) -> Option<(u8, u8)> {
    let (_, numbers) = name.split_once("python")?;
    let (major, rest) = numbers.split_once('.')?;
    let end = rest.find(|character: char| !character.is_ascii_digit());
    let minor = &rest[..end.unwrap_or(rest.len())];
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_say_how_finished_they_are() {
        let text = |hex| Version::from_hex(hex).map(|version| version.to_string());
        assert_eq!(text(0x030c_01f0).as_deref(), Some("3.12.1"));
        assert_eq!(text(0x030f_00a7).as_deref(), Some("3.15.0a7"));
        assert_eq!(text(0x030e_00c2).as_deref(), Some("3.14.0rc2"));
        assert_eq!(text(0x020c_01f0), None);
        assert_eq!(text(0x030c_0100), None);
    }

    #[test]
    fn names_of_files_tell_major_and_minor() {
        assert_eq!(numbers_in_name("libpython3.10.so.1.0"), Some((3, 10)));
        assert_eq!(numbers_in_name("libpython3.7m.so.1.0"), Some((3, 7)));
        assert_eq!(numbers_in_name("python2.7"), Some((2, 7)));
        assert_eq!(numbers_in_name("python3"), None);
        assert_eq!(numbers_in_name("libpython3.so"), None);
        assert_eq!(numbers_in_name("python999.1"), None);
        assert_eq!(numbers_in_name("python.py"), None);
    }
}
