//! A small process of pmdb's own that outlives it.
//!
//! An agent notices that pmdb was killed when it has something to say. What it has put into the program stays until then: breakpoints whose
//! conditions do not hold, monitoring tools, the ends of the pipes. The kernel tells nobody in the program, and a thread that waits for
//! pmdb's end, or a signal, would be something that the program could notice. So another process waits: one more pmdb, at the end of a pipe whose
//! other end pmdb holds. It does what a person would do: it attaches, and leaves again. Bytes in the code of a process are put back at once.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::libc;
use nix::unistd::getppid;

use super::inferior::Inferior;
use super::presence::Claim;
use super::stack::Target;
use crate::model::{Addr, Pid};
use crate::process::family::all_processes;
use crate::process::live::kernel_name;
use crate::process::trace::{Armed, Replaced};
use crate::python::agent::{Foothold, remains};
use crate::python::locate::Locator;

/// The word that makes pmdb a guardian. It is no command of a user.
pub const WORD: &str = "--guardian";
/// How a line begins that is about code.
const CODE: &str = "code";
/// How a line begins that is about debug registers.
const ARMED: &str = "armed";
/// How a line begins that is about threads with registers armed for an instruction, or no longer.
const TRAPPED: &str = "trapped";
/// What the kernel then calls the process, so that another pmdb waits for it.
const NAME: &std::ffi::CStr = c"pmdb-guardian";
/// How long the kernel may take from the end of pmdb's pipes to where it lets go of the processes that pmdb has traced.
const LETTING_GO: Duration = Duration::from_millis(20);
/// How long an agent has to leave by itself: a thread that stands still notices at once.
const BEFORE_COMING: Duration = Duration::from_millis(100);
/// How often it is tried, and for how long: a process may be stopped by job control, or compute in C code.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// After how many more processes those are forgotten that have ended.
const MANY: usize = 1024;

/// Whether this process is one.
static IS_GUARDIAN: AtomicBool = AtomicBool::new(false);
static GUARDIAN: Mutex<Post> = Mutex::new(Post::Vacant);

enum Post {
    /// The program that this is has not said that it can be its own guardian.
    Vacant,
    Wanted,
    /// It is there: what is written to it is looked after.
    Filled(Child),
}

/// Allows this process to start a guardian once it puts something into a process.
pub fn want() {
    *GUARDIAN.lock().unwrap_or_else(PoisonError::into_inner) = Post::Wanted;
}

/// An agent is in a process, or about to be.
pub(super) fn look_after(foothold: Foothold) {
    let pid = foothold.pid;
    match foothold.end {
        Some((end, inode)) => tell(&format!("{pid} {end} {inode}\n")),
        None => tell(&format!("{pid}\n")),
    }
}

/// There are bytes of pmdb in the code of a process: those that are to be put back, instead of what was told of it before.
pub(super) fn look_after_code(replaced: &Replaced) {
    let bytes = replaced.bytes.iter();
    let bytes: String = (bytes.map(|(place, byte)| format!(" {:x}:{byte:x}", place.0))).collect();
    tell(&format!(
        "{CODE} {} {}{bytes}\n",
        replaced.pid, replaced.started
    ));
}

/// Threads of a process have debug registers that are armed: each write would be a signal for it.
pub(super) fn look_after_armed(pid: Pid) {
    if let Some(armed) = Armed::of(pid) {
        tell(&format!("{ARMED} {pid} {}\n", armed.started));
    }
}

/// A thread of a process is to get a signal where it comes to an instruction, or is not any more.
pub(super) fn look_after_trapped(pid: Pid, is_trapped: bool) {
    let armed = Armed::of(pid).filter(|_| is_trapped);
    let started = armed.map_or(0, |armed| armed.started);
    tell(&format!("{TRAPPED} {pid} {started}\n"));
}

/// Starts it if it is wanted: before the thread that traces is to tell it something, which may have no child but its tracees.
pub(super) fn stand_by() {
    drop(filled());
}

fn filled() -> MutexGuard<'static, Post> {
    let mut post = GUARDIAN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Post::Wanted = *post {
        *post = match start() {
            Ok(child) => Post::Filled(child),
            // It works without.
            Err(_) => Post::Vacant,
        };
    }
    post
}

/// A line of orders.
fn tell(line: &str) {
    if let Post::Filled(child) = &mut *filled()
        && let Some(orders) = &mut child.stdin
    {
        // If somebody has killed it, pmdb works without.
        let _ = orders.write_all(line.as_bytes());
    }
}

fn start() -> std::io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(WORD)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Whether this pmdb is a guardian.
pub(super) fn is_this_one() -> bool {
    IS_GUARDIAN.load(Ordering::Relaxed)
}

/// Whether a process is a guardian, which does not stay.
pub(super) fn is_one(pid: u32) -> bool {
    kernel_name(Pid(pid)).as_bytes() == NAME.to_bytes()
}

/// What a guardian does: it waits until pmdb is gone, and takes out what that has left.
pub fn serve() {
    IS_GUARDIAN.store(true, Ordering::Relaxed);
    // What ends the others of its terminal is not for it.
    let _ = nix::unistd::setsid();
    // SAFETY: there is one thread, which has opened nothing; the name ends in a zero byte.
    unsafe {
        libc::close_range(3, libc::c_uint::MAX, 0);
        libc::prctl(libc::PR_SET_NAME, NAME.as_ptr());
    }
    let parent = getppid();
    let lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut left: Vec<Foothold> = Vec::new();
    let mut code: BTreeMap<Pid, Replaced> = BTreeMap::new();
    let mut armed: BTreeMap<Pid, Armed> = BTreeMap::new();
    let mut trapped: BTreeMap<Pid, Armed> = BTreeMap::new();
    for line in lines {
        if let Some(one) = parse_armed(&line, ARMED) {
            armed.insert(one.pid, one);
            continue;
        }
        if let Some(one) = parse_armed(&line, TRAPPED) {
            match one.started {
                0 => drop(trapped.remove(&one.pid)),
                _ => drop(trapped.insert(one.pid, one)),
            }
            if trapped.len() > MANY {
                trapped.retain(|pid, one| Armed::of(*pid) == Some(*one));
            }
            continue;
        }
        if let Some(replaced) = parse_code(&line) {
            code.insert(replaced.pid, replaced);
            if code.len().is_multiple_of(MANY) {
                code.retain(|_, replaced| replaced.is_there());
            }
            continue;
        }
        let Some(foothold) = parse(&line) else {
            continue;
        };
        left.push(foothold);
        // A command may fork without end.
        if left.len().is_multiple_of(MANY) {
            left.retain(Foothold::is_there);
        }
    }
    let mut armed: Vec<Armed> = armed.into_values().chain(trapped.into_values()).collect();
    let end = Instant::now();
    while getppid() == parent && end.elapsed() < LETTING_GO {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Nobody serves them any more: a thread that comes to one dies of it. The pipe is closed before the kernel lets go of the processes, which
    // nobody else can stop until then; so those that could not be are tried again.
    for pause in [Duration::ZERO, BEFORE_COMING] {
        std::thread::sleep(pause);
        code.values().for_each(Replaced::put_back);
        put_back_in_copies(&code);
        armed.retain(|one| !one.disarm());
    }
    let deadline = Instant::now() + LONGEST;
    loop {
        left.retain(|foothold| foothold.is_there() && !take_out(foothold));
        if left.is_empty() || Instant::now() > deadline {
            return;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
}

fn parse_armed(line: &str, about: &str) -> Option<Armed> {
    let mut words = line.strip_prefix(about)?.split_ascii_whitespace();
    Some(Armed {
        pid: Pid(words.next()?.parse().ok()?),
        started: words.next()?.parse().ok()?,
    })
}

/// A child that was forked just before pmdb was killed has a copy of its parent's code, and nobody was told of it.
fn put_back_in_copies(code: &BTreeMap<Pid, Replaced>) {
    let mut kinds: Vec<&Replaced> = code.values().collect();
    kinds.sort_by(|one, other| one.bytes.cmp(&other.bytes));
    kinds.dedup_by(|one, other| one.bytes == other.bytes);
    let is_unknown = |pid: &Pid| !code.contains_key(pid);
    for pid in all_processes().into_iter().flatten().filter(is_unknown) {
        let copies = kinds.iter().filter_map(|replaced| replaced.in_copy(pid));
        copies.for_each(|copy| copy.put_back());
    }
}

fn parse_code(line: &str) -> Option<Replaced> {
    let mut words = line.strip_prefix(CODE)?.split_ascii_whitespace();
    let pid = Pid(words.next()?.parse().ok()?);
    let started = words.next()?.parse().ok()?;
    let byte = |word: &str| {
        let (place, byte) = word.split_once(':')?;
        let place = u64::from_str_radix(place, 16).ok()?;
        Some((Addr(place), u8::from_str_radix(byte, 16).ok()?))
    };
    Some(Replaced {
        pid,
        started,
        bytes: words.filter_map(byte).collect(),
    })
}

fn parse(line: &str) -> Option<Foothold> {
    let mut words = line.split(' ');
    let pid = Pid(words.next()?.parse().ok()?);
    let end = match (words.next(), words.next()) {
        (Some(end), Some(inode)) => Some((end.parse().ok()?, inode.parse().ok()?)),
        _ => None,
    };
    Some(Foothold { pid, end })
}

/// An agent that comes in finds the other, whose pmdb is gone, and sends it away. Where there is none, what is left needs none.
fn take_out(foothold: &Foothold) -> bool {
    let pid = foothold.pid;
    let Some(_visit) = Claim::visit(pid) else {
        return false;
    };
    // Another pmdb sends the agent away itself. The address is free again at once.
    if Claim::presence(pid).is_none() {
        return false;
    }
    let Ok(mut inferior) = Inferior::open(&Target::Live(pid), &Locator::default()) else {
        return false;
    };
    if foothold.has_agent() {
        let held = inferior.hold(&AtomicBool::new(false));
        held.and_then(|_| inferior.release()).is_ok() && !remains::are_in(pid)
    } else {
        inferior.clear_remains().unwrap_or(false)
    }
}
