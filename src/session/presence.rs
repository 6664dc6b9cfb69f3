//! What the pmdbs that have to do with one process know of each other: addresses of sockets that each takes for what it does there. Nobody
//! else can have the same, and the kernel frees them with the process that has them, however that ends.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::model::Pid;

/// How long pmdb waits for a guardian to be out of a process.
const LONGEST_VISIT: Duration = Duration::from_secs(5);
/// How long for another pmdb that is on its way in: it may be slow, but takes no longer (`held/beginning.rs`).
const LONGEST_PASSAGE: Duration = Duration::from_secs(20);
/// How often it is looked.
const GLANCE: Duration = Duration::from_millis(5);

/// Something that is done to a process. It is no longer when this is dropped.
pub(super) struct Claim {
    _address: UnixListener,
}

impl Claim {
    /// A pmdb is in the process, or on its way.
    pub fn presence(pid: Pid) -> Option<Claim> {
        Claim::of("pmdb", pid)
    }

    /// A guardian takes out what a pmdb has left.
    pub fn visit(pid: Pid) -> Option<Claim> {
        Claim::of("guardian", pid)
    }

    /// A pmdb is on its way in, and the only one: the interpreter would meet two agents in one moment, and each pmdb the other's holds.
    /// Who waits for it too long, or where the addresses of others are not seen (another network namespace), goes on without.
    pub fn passage(pid: Pid, interrupted: &AtomicBool) -> Option<Claim> {
        let claim = || Claim::of("passage", pid);
        wait_for(LONGEST_PASSAGE, interrupted, claim)
    }

    /// Whether no pmdb is on its way in.
    pub fn is_alone(pid: Pid) -> bool {
        Claim::of("passage", pid).is_some()
    }

    /// Nothing if somebody has it.
    fn of(what: &str, pid: Pid) -> Option<Claim> {
        let name = format!("pmdb/{what}/{pid}");
        let address = SocketAddr::from_abstract_name(name).ok()?;
        let address = UnixListener::bind_addr(&address).ok()?;
        Some(Claim { _address: address })
    }
}

/// Waits for a guardian to be out of a process.
pub(super) fn wait_for_guardian(pid: Pid, interrupted: &AtomicBool) {
    drop(wait_for(LONGEST_VISIT, interrupted, || Claim::visit(pid)));
}

fn wait_for(
    longest: Duration,
    interrupted: &AtomicBool,
    claim: impl Fn() -> Option<Claim>,
) -> Option<Claim> {
    let deadline = Instant::now() + longest;
    loop {
        let claimed = claim();
        let is_over = interrupted.load(Ordering::Relaxed) || Instant::now() > deadline;
        if claimed.is_some() || is_over {
            return claimed;
        }
        std::thread::sleep(GLANCE);
    }
}
