//! A process of code and one stack that are whatever bytes one likes.

use std::fs::File;
use std::ops::Range;

use pmdb::model::{Addr, Pid, ThreadState, Tid};
use pmdb::process::{
    Backing, Identity, Mapping, Mappings, Process, ProcessError, Protection, ReadError, ReadMemory,
    Source, SystemCall, ThreadStatus,
};

pub const CODE: u64 = 0x5555_0000_0000;
pub const STACK: u64 = 0x7fff_0000_0000;

/// A program in memory, and one stack.
pub struct Garbage {
    identity: Identity,
    mappings: Mappings,
    /// As the file is, which is where it is in memory.
    code: Vec<u8>,
    stack: Vec<u8>,
    /// The same bytes as `code`.
    file: Option<File>,
}

impl Garbage {
    /// The code is mapped from a file where there is one, else it is the process's own.
    pub fn new(code: Vec<u8>, stack: Vec<u8>, file: Option<File>) -> Garbage {
        let mapping = |start: u64, length: usize, execute: bool, name: &str| Mapping {
            start: Addr(start),
            end: Addr(start + length as u64),
            protection: Protection {
                read: true,
                write: !execute,
                execute,
            },
            shared: false,
            backing: Backing::Special(name.to_owned()),
        };
        let mut of_code = mapping(CODE, code.len(), true, "[code]");
        if file.is_some() {
            of_code.backing = Backing::File {
                path: "/code".into(),
                offset: 0,
                device: 0,
                inode: 0,
                deleted: false,
            };
        }
        Garbage {
            identity: Identity {
                source: Source::Live,
                pid: Some(Pid(1)),
                parent: None,
                command: Vec::new(),
                executable: None,
                state: ThreadState::Unknown,
            },
            mappings: Mappings::new(vec![of_code, mapping(STACK, stack.len(), false, "[stack]")]),
            code,
            stack,
            file,
        }
    }

    fn bytes(&self, address: Addr) -> Option<(&[u8], u64)> {
        let mapping = self.mappings.find(address)?;
        let bytes = if mapping.start.0 == CODE {
            &self.code
        } else {
            &self.stack
        };
        Some((bytes, mapping.start.0))
    }
}

impl ReadMemory for Garbage {
    fn read(&self, address: Addr, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        let unmapped = || ReadError::Unmapped { address, length };
        let (bytes, start) = self.bytes(address).ok_or_else(unmapped)?;
        let from = &bytes[(address.0 - start) as usize..];
        buffer.copy_from_slice(from.get(..buffer.len()).ok_or_else(unmapped)?);
        Ok(())
    }

    fn extent(&self, address: Addr) -> Option<Range<Addr>> {
        let mapping = self.mappings.find(address)?;
        Some(mapping.start..mapping.end)
    }
}

impl Process for Garbage {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    fn threads(&self) -> Result<Vec<ThreadStatus>, ProcessError> {
        Ok(Vec::new())
    }

    fn system_call(&self, _: Tid) -> Option<SystemCall> {
        None
    }

    fn open_file(&self, mapping: &Mapping) -> Result<File, ProcessError> {
        let file = self.file.as_ref().and_then(|file| file.try_clone().ok());
        file.ok_or_else(|| ProcessError::FileGone {
            path: "nowhere".into(),
            address: mapping.start,
            why: "there is none".to_owned(),
        })
    }

    fn environment(&self, _: &str) -> Option<String> {
        None
    }
}
