//! A userfaultfd(2) in a process that may not make one: root's pmdb lends it `/dev/userfaultfd` for a moment.
//!
//! What permits it is to have the device open (`Documentation/admin-guide/mm/userfaultfd.rst`, Linux 6.1), but the process itself has to ask the
//! device, since the descriptor is for the memory of who asks. So the device goes through a socket pair that is made in the process, the
//! way every descriptor goes from one process to another (unix(7), `SCM_RIGHTS`).

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

use super::TraceError;
use super::hold::Hold;
use super::protection::take;
use super::system_call::Call;
use crate::model::Addr;

const DEVICE: &str = "/dev/userfaultfd";
/// `USERFAULTFD_IOC_NEW`, `include/uapi/linux/userfaultfd.h`.
const NEW: u64 = 0xaa00;

/// What recvmsg(2) is given, at one place in the process: `struct msghdr`, an `iovec` with its byte, and room for one descriptor
/// (`struct cmsghdr`). Bytes from the beginning.
mod message {
    /// `msg_iov`, `msg_iovlen`, `msg_control`, `msg_controllen`.
    pub const HEADER: usize = 0;
    pub const VECTOR: u64 = 56;
    pub const BYTE: u64 = 72;
    pub const CONTROL: u64 = 80;
    pub const CONTROL_LENGTH: u64 = 24;
    /// What `cmsg_len` is with one descriptor (unix(7)): a header and an `int`.
    pub const CONTROL_FILLED: u64 = 20;
    /// The descriptor, behind length, level and type.
    pub const DESCRIPTOR: usize = CONTROL as usize + 16;
    pub const LENGTH: usize = 112;
}

/// Whether the device may be lent to a process that may not make a userfaultfd(2) itself.
///
/// While it has the device, for some 100 µs, whoever may trace the process can take it with pidfd_getfd(2), and can make userfaultfds with it from then on, which
/// the system does not permit that user otherwise. So it is lent only if that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceLoan {
    #[default]
    Withheld,
    Permitted,
}

/// Whether pmdb has the device to lend.
pub(super) fn is_ours() -> bool {
    File::open(DEVICE).is_ok()
}

impl Hold {
    /// What the process would get from userfaultfd(2), or why the device does not give it.
    pub(super) fn userfaultfd_by_device(
        &mut self,
        flags: i32,
    ) -> Result<Result<u64, Errno>, TraceError> {
        let device = match File::open(DEVICE) {
            Ok(device) => device,
            Err(error) => return Ok(Err(errno_of(&error))),
        };
        let mut pair = [0; 8];
        let made = self.system_calls_on(&mut pair, |place| {
            let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
            vec![call(
                libc::SYS_socketpair,
                [libc::AF_UNIX as u64, kind as u64, 0, place.0],
            )]
        })?;
        if let Some(errno) = error(made.first()) {
            return Ok(Err(errno));
        }
        let (first, second) = pair.split_at(size_of::<u32>());
        let ends = [first, second].map(number);
        let sent = take(self.pid, ends[0]).and_then(|end| send(end.as_fd(), device.as_fd()));
        let made = match sent {
            Ok(()) => self.receive_and_ask(ends[1], flags),
            Err(errno) => Ok(Err(errno)),
        };
        // Each by itself: that one fails is to keep nothing else open.
        let closed = ends.map(|end| self.close_there(end));
        closed.into_iter().collect::<Result<(), TraceError>>()?;
        made
    }

    /// Closes a descriptor in the process; once more if something else has stopped the thread meanwhile.
    fn close_there(&mut self, descriptor: u64) -> Result<(), TraceError> {
        let close = [call(libc::SYS_close, [descriptor, 0, 0, 0])];
        match self.system_calls(&close) {
            Err(TraceError::Disturbed { .. }) => self.system_calls(&close).map(drop),
            closed => closed.map(drop),
        }
    }

    fn receive_and_ask(&mut self, end: u64, flags: i32) -> Result<Result<u64, Errno>, TraceError> {
        let mut bytes = vec![0; message::LENGTH];
        let mut received = vec![0; message::LENGTH];
        // Where the bytes lie is only known when the call is made: a first call tells, which does nothing.
        let mut at = Addr::NULL;
        self.system_calls_on(&mut bytes, |place| {
            at = place;
            Vec::new()
        })?;
        let mut put = |offset: usize, word: u64| {
            received[offset..offset + 8].copy_from_slice(&word.to_le_bytes());
        };
        put(message::HEADER + 16, at.plus(message::VECTOR).0);
        put(message::HEADER + 24, 1);
        put(message::HEADER + 32, at.plus(message::CONTROL).0);
        put(message::HEADER + 40, message::CONTROL_LENGTH);
        put(message::VECTOR as usize, at.plus(message::BYTE).0);
        put(message::VECTOR as usize + 8, 1);
        let mut moved = false;
        let results = self.system_calls_on(&mut received, |place| {
            moved = place != at;
            let flags = (libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT) as u64;
            match moved {
                true => Vec::new(),
                false => vec![call(libc::SYS_recvmsg, [end, place.0, flags, 0])],
            }
        })?;
        if moved {
            return Ok(Err(Errno::EAGAIN));
        }
        if let Some(errno) = error(results.first()) {
            return Ok(Err(errno));
        }
        // Where the process can take no descriptor more, the byte comes without one, and zero is one of its own.
        let control = &received[message::CONTROL as usize..][..size_of::<u64>()];
        if number(control) != message::CONTROL_FILLED {
            return Ok(Err(Errno::EMFILE));
        }
        let number = number(&received[message::DESCRIPTOR..][..size_of::<u32>()]);
        let asked = self.system_calls(&[call(
            libc::SYS_ioctl,
            [number, NEW, u64::from(flags.cast_unsigned()), 0],
        )]);
        // Whatever has become of that: the device is not to stay there.
        self.close_there(number)?;
        let results = asked?;
        Ok(match (error(results.first()), results.first()) {
            (Some(errno), _) => Err(errno),
            (None, Some(made)) => Ok(made.cast_unsigned()),
            (None, None) => Err(Errno::EIO),
        })
    }
}

/// Sends a byte and a descriptor.
fn send(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    /// `struct cmsghdr` with one descriptor, padded to a word.
    #[repr(C)]
    struct Control {
        header: libc::cmsghdr,
        descriptor: libc::c_int,
        padding: libc::c_int,
    }
    let mut byte = [0_u8];
    let mut vector = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    let length = size_of::<libc::cmsghdr>() + size_of::<libc::c_int>();
    let mut control = Control {
        header: libc::cmsghdr {
            cmsg_len: length,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptor: descriptor.as_raw_fd(),
        padding: 0,
    };
    // SAFETY: all bytes zero are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: the message and what it points to live until the call returns, which only reads them.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_DONTWAIT) };
    Errno::result(sent).map(drop)
}

/// A descriptor as it lies in memory.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn call(number: i64, arguments: [u64; 4]) -> Call {
    let [a, b, c, d] = arguments;
    Call {
        number,
        arguments: [a, b, c, d, 0, 0],
    }
}

/// What a call has returned, if that is an error.
fn error(result: Option<&i64>) -> Option<Errno> {
    match result {
        Some(0..) => None,
        Some(negative) => Some(Errno::from_raw(i32::try_from(-negative).unwrap_or(0))),
        None => Some(Errno::EIO),
    }
}

fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
