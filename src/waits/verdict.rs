//! What a fault was, and how it is told.

use std::fmt;

use crate::model::Addr;

/// What an instruction did with an address. The kernel does not tell a debugger whether it read or wrote; what was permitted there
/// does, where something is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Touched,
    Wrote,
    /// The thread went on to it, as to code.
    Jumped,
}

/// The mapping that lies nearest to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    pub mapping: String,
    /// In bytes: from its last byte, or to its first.
    pub distance: u64,
    pub side: Side,
}

/// On which side of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Behind,
    Before,
}

/// Why a process dies of a signal that it brought on itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An address in the first 64 KiB, or as far before address 0: a null pointer with an offset.
    Null {
        address: Addr,
        access: Access,
    },
    /// One that the processor refuses before it looks for a page.
    NotCanonical,
    StackOverflow {
        address: Addr,
    },
    NotExecutable {
        address: Addr,
        mapping: String,
    },
    ReadOnly {
        address: Addr,
        mapping: String,
    },
    /// The mapping permits something, but not this.
    Forbidden {
        address: Addr,
        mapping: String,
    },
    Unmapped {
        address: Addr,
        access: Access,
        near: Option<Near>,
    },
    /// The file behind the mapping ends before the page. Sizes in bytes.
    BeyondFile {
        address: Addr,
        file: String,
        offset: u64,
        size: u64,
    },
    /// A page that had to be made, and the file system of the file has no room for it.
    FileSystemFull {
        address: Addr,
        file: String,
    },
    /// The page is not there for another reason.
    NoPage {
        address: Addr,
        file: Option<String>,
    },
    Misaligned {
        address: Option<Addr>,
    },
    BrokenMemory {
        address: Option<Addr>,
    },
    DividedByZero,
    /// Another fault of arithmetic, such as one of floating point that was asked for.
    Arithmetic {
        what: &'static str,
    },
    /// `ud2`: compilers put it where a program must not come to.
    Trap {
        instruction: Addr,
    },
    IllegalInstruction {
        instruction: Addr,
    },
    /// `abort()`, with what glibc says of why it called it itself.
    Aborted {
        message: Option<String>,
    },
    /// `raise()` or `kill()` of its own.
    Raised,
    /// None of these: what the kernel calls it.
    Unknown {
        code: i32,
        address: Option<Addr>,
    },
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Touched => "touched",
            Access::Wrote => "wrote to",
            Access::Jumped => "jumped to",
        })
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Near {
            mapping, distance, ..
        } = self;
        let side = match self.side {
            Side::Behind => "behind",
            Side::Before => "before",
        };
        let unit = if *distance == 1 { "byte" } else { "bytes" };
        write!(f, "{distance} {unit} {side} {mapping}")
    }
}

/// What it did: `it touched 0x0, a null pointer`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Null { address, access } => {
                write!(f, "it {access} {address}, ")?;
                match address.0.cast_signed() {
                    0 => f.write_str("a null pointer"),
                    offset if offset > 0 => {
                        write!(f, "a null pointer with an offset of {offset} bytes")
                    }
                    offset => write!(f, "a null pointer with an offset of {offset} bytes"),
                }
            }
            Verdict::NotCanonical => f.write_str(
                "it used a pointer that is no address (not canonical), or an instruction that only the kernel may use",
            ),
            Verdict::StackOverflow { address } => {
                write!(f, "its stack has overflowed: it touched {address}, below it")
            }
            Verdict::NotExecutable { address, mapping } => {
                write!(f, "it jumped to {address}, which is data and no code, in {mapping}")
            }
            Verdict::ReadOnly { address, mapping } => {
                write!(f, "it wrote to {address}, which is read-only, in {mapping}")
            }
            Verdict::Forbidden { address, mapping } => {
                write!(f, "it touched {address} in {mapping}, which does not permit it")
            }
            Verdict::Unmapped {
                address,
                access,
                near,
            } => {
                write!(f, "it {access} {address}, where nothing is mapped")?;
                match near {
                    Some(near) => write!(f, "; that is {near}"),
                    None => Ok(()),
                }
            }
            Verdict::BeyondFile {
                address,
                file,
                offset,
                size,
            } => write!(
                f,
                "it touched {address}, byte {offset} of {file}, which has only {size} bytes by now"
            ),
            Verdict::FileSystemFull { address, file } => write!(
                f,
                "it touched {address}, a page of {file} that had to be made, and the file system there is full"
            ),
            Verdict::NoPage { address, file } => {
                write!(f, "the page of {address} could not be had")?;
                match file {
                    Some(file) => write!(f, " from {file}"),
                    None => Ok(()),
                }
            }
            Verdict::Misaligned { address } => {
                f.write_str("it used an address that is not aligned as it must be")?;
                detail(f, *address)
            }
            Verdict::BrokenMemory { address } => {
                f.write_str("the memory of the machine is broken")?;
                detail(f, *address)
            }
            Verdict::DividedByZero => {
                f.write_str("it divided an integer by zero, or the smallest one by -1")
            }
            Verdict::Arithmetic { what } => f.write_str(what),
            Verdict::Trap { instruction } => write!(
                f,
                "it came to {instruction}, where its compiler has put a trap (ud2): it must never come there"
            ),
            Verdict::IllegalInstruction { instruction } => write!(
                f,
                "the processor does not have the instruction at {instruction}"
            ),
            Verdict::Aborted { message: None } => f.write_str("it called abort()"),
            Verdict::Aborted {
                message: Some(message),
            } => write!(f, "it called abort(): {message}"),
            Verdict::Raised => f.write_str("it sent the signal to itself"),
            Verdict::Unknown { code, address } => {
                write!(f, "the kernel raised it (si_code {code})")?;
                detail(f, *address)
            }
        }
    }
}

fn detail(f: &mut fmt::Formatter<'_>, address: Option<Addr>) -> fmt::Result {
    match address {
        Some(address) => write!(f, ": {address}"),
        None => Ok(()),
    }
}
