//! A process that another pmdb traces, which that one holds for a moment: the kernel lets only one thread trace a process.
//!
//! Each tracer listens at an abstract socket (unix(7)) that has the number of its thread in its name, which the kernel tells everybody
//! who looks at the process (`TracerPid` in `/proc/PID/status`). Both sides ask the kernel who the other is (`SO_PEERCRED`): a tracer
//! lends to its own user and to root, who could trace the process themselves, and nothing is taken from anyone but the tracer.
//! What is lent are the registers; the borrower reads memory itself, and closes the line when it is done.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use nix::libc;
use nix::unistd::{geteuid, gettid};

use super::tracer::Orders;
use super::{Hold, TraceError};
use crate::model::{Pid, Tid};
use crate::process::live::refusal;
use crate::process::{RegisterSets, Registers};

/// How long a process is held for somebody who does not come back.
const LONGEST_LOAN: Duration = Duration::from_secs(2);
/// How long a tracer may take to stop a process.
const PATIENCE: Duration = Duration::from_secs(12);
/// `struct user_regs_struct` of x86-64, in bytes.
const GENERAL: usize = 27 * 8;
/// More threads than a process can have: `PID_MAX_LIMIT`, `include/linux/threads.h`.
const MOST_THREADS: u32 = 1 << 22;

/// Somebody who has stopped the threads of a process, and knows their registers.
pub trait Standing {
    /// The threads that are stopped.
    fn stopped(&self) -> Vec<Tid>;
    fn registers(&self, tid: Tid) -> Option<Registers>;
    /// All registers, where they can be had.
    fn register_sets(&self, tid: Tid) -> Option<RegisterSets>;
}

impl Standing for Hold {
    fn stopped(&self) -> Vec<Tid> {
        Hold::stopped(self).collect()
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        // It fails for one that was killed meanwhile.
        Hold::registers(self, tid).ok()
    }

    fn register_sets(&self, tid: Tid) -> Option<RegisterSets> {
        Hold::register_sets(self, tid).ok()
    }
}

/// The registers of a process that is held, for threads other than the one that holds it.
pub struct Noted(BTreeMap<Tid, (Registers, Option<RegisterSets>)>);

impl Noted {
    pub fn of(hold: &Hold) -> Noted {
        let known = hold.stopped().filter_map(|tid| {
            let registers = Hold::registers(hold, tid).ok()?;
            Some((tid, (registers, Hold::register_sets(hold, tid).ok())))
        });
        Noted(known.collect())
    }
}

impl Standing for Noted {
    fn stopped(&self) -> Vec<Tid> {
        self.0.keys().copied().collect()
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        Some(self.0.get(&tid)?.0)
    }

    fn register_sets(&self, tid: Tid) -> Option<RegisterSets> {
        self.0.get(&tid)?.1.clone()
    }
}

fn address(tracer: Tid) -> Option<SocketAddr> {
    SocketAddr::from_abstract_name(format!("pmdb-tracer-{tracer}")).ok()
}

/// Who is at the other end, if the kernel tells: its process and its user.
fn peer(line: &UnixStream) -> Option<(Pid, u32)> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    let whole = length;
    // SAFETY: the kernel writes at most `length` bytes, which is how long `peer` is.
    let answer = unsafe {
        libc::getsockopt(
            line.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    (answer == 0 && length == whole).then_some((Pid(peer.pid.cast_unsigned()), peer.uid))
}

fn is_trusted(user: libc::uid_t) -> bool {
    user == 0 || user == geteuid().as_raw()
}

/// Lends what a tracer follows, until it is dropped.
pub(super) struct Lender(UnixListener);

impl Lender {
    /// Nothing if that cannot be: other commands then are refused, as by any tracer.
    pub(super) fn of(orders: &Orders) -> Option<Lender> {
        let tracer = orders.ask(|_| gettid()).ok()?;
        let address = address(Tid(tracer.as_raw().cast_unsigned()))?;
        let listener = UnixListener::bind_addr(&address).ok()?;
        let (serving, orders) = (listener.try_clone().ok()?, orders.clone());
        let serve = move || {
            while let Ok((line, _)) = serving.accept() {
                let _ = lend(&orders, line);
            }
        };
        let thread = std::thread::Builder::new().name("lender".to_owned());
        thread.spawn(serve).ok()?;
        Some(Lender(listener))
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        // SAFETY: the socket is this one's own. The thread that listens at it is woken by it, and ends.
        unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_RDWR) };
    }
}

fn lend(orders: &Orders, mut line: UnixStream) -> Option<()> {
    peer(&line).filter(|(_, user)| is_trusted(*user))?;
    line.set_read_timeout(Some(LONGEST_LOAN)).ok()?;
    line.set_write_timeout(Some(LONGEST_LOAN)).ok()?;
    let mut number = [0; 4];
    line.read_exact(&mut number).ok()?;
    let pid = Pid(u32::from_le_bytes(number));
    let lent = orders.ask(|follower| {
        follower.hold(pid, |hold| {
            line.write_all(&registers(hold)).ok()?;
            wait_until_closed(&mut line);
            // Before it goes on: who still has the line open knows that the process stood still until then.
            let _ = line.shutdown(Shutdown::Both);
            Some(())
        })
    });
    lent.ok()?.ok()?
}

/// Until the other side closes, or time is up. The thread that traces gets signals meanwhile which interrupt the wait.
fn wait_until_closed(line: &mut UnixStream) {
    let deadline = Instant::now() + LONGEST_LOAN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || line.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match line.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// How many threads, and of each its number and its general registers. Also of those that stood still before.
fn registers(hold: &Hold) -> Vec<u8> {
    let folder = fs::read_dir(format!("/proc/{}/task", hold.pid()));
    let tids = folder.into_iter().flatten().flatten();
    let tids = tids.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Tid));
    let mut count: u32 = 0;
    let mut records = Vec::new();
    for tid in tids {
        if let Some(sets) = Standing::register_sets(hold, tid) {
            count += 1;
            records.extend(tid.0.to_le_bytes());
            records.extend(sets.general.into_iter().flat_map(u64::to_le_bytes));
        }
    }
    [&count.to_le_bytes()[..], &records].concat()
}

/// A process that stands still for as long as this lives, or for [`LONGEST_LOAN`].
pub struct Borrowed {
    registers: BTreeMap<Tid, Registers>,
    /// The thread that traces it, which lends one process at a time.
    pub tracer: Tid,
    line: UnixStream,
}

impl Borrowed {
    /// The thread that traces a process, if one does.
    pub fn tracer_of(pid: Pid) -> Option<Tid> {
        refusal::tracing_thread_of(Tid(pid.0))
    }

    /// Has the process held by the pmdb that traces it, if one does.
    pub fn of(pid: Pid) -> Option<Borrowed> {
        let tracer = Borrowed::tracer_of(pid)?;
        let mut line = UnixStream::connect_addr(&address(tracer)?).ok()?;
        let (process, user) = peer(&line)?;
        if refusal::process_of(tracer) != Some(process) || !is_trusted(user) {
            return None;
        }
        line.set_read_timeout(Some(PATIENCE)).ok()?;
        line.write_all(&pid.0.to_le_bytes()).ok()?;
        let mut number = [0; 4];
        line.read_exact(&mut number).ok()?;
        let mut registers = BTreeMap::new();
        for _ in 0..u32::from_le_bytes(number).min(MOST_THREADS) {
            let mut general = [0; GENERAL];
            line.read_exact(&mut number).ok()?;
            line.read_exact(&mut general).ok()?;
            registers.insert(Tid(u32::from_le_bytes(number)), Registers::parse(&general)?);
        }
        Some(Borrowed {
            registers,
            tracer,
            line,
        })
    }

    /// Whether the process has stood still up to now.
    pub fn stands(&self) -> bool {
        if self.line.set_nonblocking(true).is_err() {
            return false;
        }
        // Nothing is sent any more: the line is open, or was closed by who lends.
        let read = (&self.line).read(&mut [0]);
        matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl Standing for Borrowed {
    fn stopped(&self) -> Vec<Tid> {
        self.registers.keys().copied().collect()
    }

    fn registers(&self, tid: Tid) -> Option<Registers> {
        self.registers.get(&tid).copied()
    }

    fn register_sets(&self, _: Tid) -> Option<RegisterSets> {
        None
    }
}

/// Has the threads of a process stopped, does something, and lets them go on.
pub fn standing<T: Send>(
    (pid, custody): (Pid, &super::Custody),
    what: impl FnOnce(&dyn Standing) -> T + Send,
) -> Result<T, TraceError> {
    if let super::Custody::Nobody = custody
        && let Some(borrowed) = Borrowed::of(pid)
    {
        return Ok(what(&borrowed));
    }
    custody.hold(pid, |hold| what(&*hold))
}
