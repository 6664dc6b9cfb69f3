//! Write protection of the memory of a process from outside, by a userfaultfd(2) that the process makes and pmdb takes.
//!
//! A thread that writes to a protected page waits in the kernel until pmdb has answered, also one whose system call writes there, such as
//! read(2). When pmdb closes the descriptor, or is killed, the kernel takes the protection off and all of them go on
//! (`userfaultfd_release`, `fs/userfaultfd.c`).

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::libc;
use thiserror::Error;

use super::TraceError;
use super::guarded_range::GuardedRange;
use super::hold::Hold;
use super::lent_device::{self, DeviceLoan};
use super::system_call::Call;
use crate::model::{Addr, Pid};
use crate::process::live::sharing;

/// Bytes of the pages that are protected one by one. Those of hugetlbfs are not protected.
pub const PAGE: u64 = 4096;

/// `include/uapi/linux/userfaultfd.h`.
mod abi {
    pub const API: u64 = 0xaa;
    pub const FEATURE_WRITE_PROTECT: u64 = 1;
    pub const FEATURE_THREAD_ID: u64 = 1 << 8;
    pub const FEATURE_EXACT_ADDRESS: u64 = 1 << 11;
    /// Of memory that is shared; Linux 5.19.
    pub const FEATURE_WRITE_PROTECT_SHARED: u64 = 1 << 12;
    pub const REGISTER_WRITE_PROTECT: u64 = 1 << 1;
    pub const PROTECT: u64 = 1;
    pub const EVENT_PAGE_FAULT: u8 = 0x12;

    #[repr(C)]
    #[derive(Debug, Default)]
    pub struct Handshake {
        pub api: u64,
        pub features: u64,
        pub ioctls: u64,
    }

    #[repr(C)]
    #[derive(Debug, Default)]
    pub struct Register {
        pub start: u64,
        pub length: u64,
        pub mode: u64,
        pub ioctls: u64,
    }

    #[repr(C)]
    #[derive(Debug, Default)]
    pub struct WriteProtect {
        pub start: u64,
        pub length: u64,
        pub mode: u64,
    }

    /// `struct uffdio_range`.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub struct Range {
        pub start: u64,
        pub length: u64,
    }

    /// `struct uffd_msg` of a page fault.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub struct Message {
        pub event: u8,
        pub reserved: [u8; 7],
        pub flags: u64,
        pub address: u64,
        pub thread: u32,
        pub padding: u32,
    }

    nix::ioctl_readwrite!(handshake, 0xaa, 0x3f, Handshake);
    nix::ioctl_readwrite!(register, 0xaa, 0x00, Register);
    nix::ioctl_read!(wake, 0xaa, 0x02, Range);
    nix::ioctl_readwrite!(write_protect, 0xaa, 0x06, WriteProtect);
}

#[derive(Debug, Error)]
pub enum ProtectError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(
        "process {pid} may not make a userfaultfd(2), and pmdb may not open /dev/userfaultfd for it: run pmdb as root, or permit it to all with \
         sysctl vm.unprivileged_userfaultfd=1"
    )]
    NotPermitted { pid: Pid },
    #[error(
        "process {pid} may not make a userfaultfd(2): --engine protection lends it /dev/userfaultfd for a moment, in which other processes of its \
         user could take that, too; sysctl vm.unprivileged_userfaultfd=1 permits it to all"
    )]
    NotLent { pid: Pid },
    #[error(
        "this kernel cannot protect shared memory from being written to (userfaultfd(2), Linux 5.19 or newer; {errno}): take --engine polling, or few \
         elements with --engine hardware"
    )]
    Unsupported { errno: Errno },
    #[error(
        "the memory of process {pid} from {start} to {end} cannot be protected from being written to ({}): take --engine polling, or few elements with \
         --engine hardware", why_not(*errno)
    )]
    Range {
        pid: Pid,
        start: Addr,
        end: Addr,
        errno: Errno,
    },
}

/// Why a range is refused (`userfaultfd_register`, `fs/userfaultfd.c`).
fn why_not(errno: Errno) -> String {
    match errno {
        Errno::EBUSY => "the program has a userfaultfd(2) of its own there".to_string(),
        Errno::EINVAL => "memory of this kind is not supported".to_string(),
        errno => errno.to_string(),
    }
}

/// A thread waits, since it is about to write to a protected page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// The lowest byte that it is about to write.
    pub address: Addr,
    /// Its number in its own pid namespace.
    pub thread: u32,
}

impl Fault {
    pub fn page(self) -> Addr {
        page_of(self.address)
    }
}

pub(super) fn page_of(address: Addr) -> Addr {
    Addr(address.0 & !(PAGE - 1))
}

/// Pages of a process that nobody writes to unless pmdb lets them.
pub(super) struct WriteProtection {
    pid: Pid,
    descriptor: OwnedFd,
    /// `/proc/PID/mem`, which stays with this address space.
    memory: File,
    ranges: Vec<GuardedRange>,
}

impl WriteProtection {
    /// Makes a descriptor in the process, takes it, and closes it there. Nothing is protected yet.
    pub fn of(hold: &mut Hold, loan: DeviceLoan) -> Result<WriteProtection, ProtectError> {
        hold.on_one_detour(|hold| WriteProtection::made_in(hold, loan))?
    }

    fn made_in(hold: &mut Hold, loan: DeviceLoan) -> Result<WriteProtection, ProtectError> {
        let pid = hold.pid();
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        let made = call(
            hold,
            libc::SYS_userfaultfd,
            u64::from(flags.cast_unsigned()),
        )?;
        let number = match made {
            0.. => made.cast_unsigned(),
            _ => match loan {
                DeviceLoan::Permitted => hold
                    .userfaultfd_by_device(flags)?
                    .map_err(|_| refused(pid, made))?,
                DeviceLoan::Withheld => return Err(not_lent(pid, made)),
            },
        };
        let taken = take(pid, number);
        call(hold, libc::SYS_close, number)?;
        let descriptor = taken.map_err(|errno| TraceError::NotPermitted {
            pid,
            why: format!("its descriptor cannot be taken with pidfd_getfd(2): {errno}"),
        })?;
        let mut handshake = abi::Handshake {
            api: abi::API,
            features: abi::FEATURE_WRITE_PROTECT
                | abi::FEATURE_THREAD_ID
                | abi::FEATURE_EXACT_ADDRESS
                | abi::FEATURE_WRITE_PROTECT_SHARED,
            ..abi::Handshake::default()
        };
        // SAFETY: the request reads and writes the struct, which is borrowed for the call.
        unsafe { abi::handshake(descriptor.as_raw_fd(), &raw mut handshake) }
            .map_err(|errno| ProtectError::Unsupported { errno })?;
        let memory = File::open(hold.proc_path("mem")).map_err(|_| TraceError::Gone { pid })?;
        Ok(WriteProtection {
            pid,
            descriptor,
            memory,
            ranges: Vec::new(),
        })
    }

    /// Protects whole pages, and these only are guarded from now on. What is protected already stays so: that cannot be told from what was mapped
    /// anew at the same address, so the kernel is asked again. What is not mapped any more is left out. One that is refused does not keep the
    /// others from being protected.
    pub fn protect(&mut self, ranges: &[GuardedRange]) -> Result<(), ProtectError> {
        let pid = self.pid;
        let mappings = || sharing::shared_mappings(pid).map_err(|_| TraceError::Gone { pid });
        let before = mappings()?;
        self.ranges.clear();
        let mut failed = None;
        for range in ranges.iter().filter(|range| range.is_in(&before)) {
            match self.protect_one(*range) {
                Ok(()) => self.ranges.push(*range),
                // It may have been unmapped just now.
                Err(errno) if range.is_in(&mappings()?) => failed = Some((range, errno)),
                Err(_) => {}
            }
        }
        match failed {
            None => Ok(()),
            Some((range, errno)) => Err(ProtectError::Range {
                pid,
                start: range.start,
                end: range.start.plus(range.length),
                errno,
            }),
        }
    }

    fn protect_one(&self, range: GuardedRange) -> Result<(), Errno> {
        let mut register = abi::Register {
            start: range.start.0,
            length: range.length,
            mode: abi::REGISTER_WRITE_PROTECT,
            ioctls: 0,
        };
        // SAFETY: the request reads and writes the struct, which is borrowed for the call.
        unsafe { abi::register(self.descriptor.as_raw_fd(), &raw mut register) }?;
        self.set(range.start, range.length, abi::PROTECT)
    }

    pub fn ranges(&self) -> &[GuardedRange] {
        &self.ranges
    }

    /// Where a byte lies for whoever has it guarded.
    pub fn tag_of(&self, address: Addr) -> Option<u64> {
        self.ranges.iter().find_map(|range| range.tag_of(address))
    }

    /// Permits writing to a page. Who waits for it goes on.
    pub fn open(&self, page: Addr) -> Result<(), Errno> {
        match self.set(page, PAGE, 0) {
            // It is not mapped any more, which does not wake who waits for it: it would wait for ever.
            Err(Errno::ENOENT) => self.wake(page),
            result => result,
        }
    }

    fn wake(&self, page: Addr) -> Result<(), Errno> {
        let mut range = abi::Range {
            start: page.0,
            length: PAGE,
        };
        // SAFETY: the request reads the struct, which is borrowed for the call.
        unsafe { abi::wake(self.descriptor.as_raw_fd(), &raw mut range) }.map(drop)
    }

    pub fn close(&self, page: Addr) -> Result<(), Errno> {
        self.set(page, PAGE, abi::PROTECT)
    }

    fn set(&self, start: Addr, length: u64, mode: u64) -> Result<(), Errno> {
        let mut range = abi::WriteProtect {
            start: start.0,
            length,
            mode,
        };
        loop {
            // SAFETY: the request reads the struct, which is borrowed for the call.
            match unsafe { abi::write_protect(self.descriptor.as_raw_fd(), &raw mut range) } {
                Ok(_) => return Ok(()),
                // The mappings of the process are just changing.
                Err(Errno::EAGAIN) => std::thread::yield_now(),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// A thread that waits and was not told yet; waits for none.
    pub fn next(&self) -> Option<Fault> {
        loop {
            let mut message = abi::Message::default();
            let size = size_of::<abi::Message>();
            // SAFETY: read(2) writes at most `size` bytes, and any bytes are a message.
            let count =
                unsafe { libc::read(self.descriptor.as_raw_fd(), (&raw mut message).cast(), size) };
            if usize::try_from(count) != Ok(size) {
                return None;
            }
            if message.event == abi::EVENT_PAGE_FAULT {
                return Some(Fault {
                    address: Addr(message.address),
                    thread: message.thread,
                });
            }
        }
    }

    /// What lies in a page.
    pub fn read(&self, page: Addr) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; PAGE as usize];
        self.memory.read_exact_at(&mut bytes, page.0)?;
        Ok(bytes)
    }
}

impl AsFd for WriteProtection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn call(hold: &mut Hold, number: i64, argument: u64) -> Result<i64, TraceError> {
    let arguments = [argument, 0, 0, 0, 0, 0];
    let results = hold.system_calls(&[Call { number, arguments }])?;
    let pid = hold.pid();
    results
        .first()
        .copied()
        .ok_or(TraceError::NoPlaceForACall { pid })
}

fn refused(pid: Pid, result: i64) -> ProtectError {
    let errno = Errno::from_raw(i32::try_from(-result).unwrap_or(0));
    match errno {
        Errno::EPERM => ProtectError::NotPermitted { pid },
        errno => ProtectError::Unsupported { errno },
    }
}

/// The same if the device could be lent, but is not to be.
fn not_lent(pid: Pid, result: i64) -> ProtectError {
    match refused(pid, result) {
        ProtectError::NotPermitted { pid } if lent_device::is_ours() => {
            ProtectError::NotLent { pid }
        }
        error => error,
    }
}

/// A descriptor of another process, as one of pmdb's.
pub(super) fn take(pid: Pid, number: u64) -> Result<OwnedFd, Errno> {
    // SAFETY: the calls take numbers, and give a descriptor that is nobody else's.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, pid.0, 0);
        let process = owned(process)?;
        owned(libc::syscall(
            libc::SYS_pidfd_getfd,
            process.as_raw_fd(),
            number,
            0,
        ))
    }
}

/// # Safety
/// A number that is not negative is a descriptor which nobody else closes.
unsafe fn owned(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let number = Errno::result(result)?;
    let number = i32::try_from(number).map_err(|_| Errno::EBADF)?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
