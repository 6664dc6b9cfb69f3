//! Every refusal, provoked. pmdb is this test binary, started again as another user or under a filter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::libc;
use nix::unistd::geteuid;
use pmdb::model::{Addr, Pid};
use pmdb::process::live::LiveProcess;
use pmdb::process::{Memory, ProcessError};

use crate::support::{Fixture, any_python, skip};

/// Names the process for [`look_as_told`].
const TARGET: &str = "PMDB_TEST_LOOK_AT";
const FILTERED: &str = "PMDB_TEST_WITHOUT_READV";

/// Not a test of its own: what the others start again under other circumstances. It prints what came out.
#[test]
fn look_as_told() {
    let Ok(target) = std::env::var(TARGET) else {
        return;
    };
    if std::env::var_os(FILTERED).is_some() {
        deny_process_vm_readv();
    }
    let (pid, address) = target.split_once(' ').expect("PID ADDRESS");
    let outcome = LiveProcess::open(Pid(pid.parse().expect("a pid")));
    match outcome {
        Ok(process) => {
            let address = Addr(address.parse().expect("an address"));
            let text = Memory::new(&process)
                .c_string(address, 99)
                .expect("it is mapped");
            println!("\nlooked: {}", String::from_utf8_lossy(&text));
        }
        Err(error) => println!("\nlooked: {error}"),
    }
}

/// What looking at a target gives, said by this binary started through `prefix` (`setpriv …`).
fn look(prefix: &[&str], filtered: bool, target: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let copy = folder.path().join("look");
    crate::support::copy_program(&std::env::current_exe().expect("it runs"), &copy);
    let mut words = prefix
        .iter()
        .map(std::ffi::OsString::from)
        .collect::<Vec<_>>();
    words.push(copy.into());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args([
            "--exact",
            "live::refusals::look_as_told",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TARGET, target);
    if filtered {
        command.env(FILTERED, "1");
    }
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.strip_prefix("looked: "));
    said.unwrap_or_else(|| panic!("{command:?}: {output:?}"))
        .to_owned()
}

/// A process started through `prefix` that runs `first` and then waits, as `PID ADDRESS-OF-TEXT`.
fn target(prefix: &[&str], first: &str) -> Option<(Fixture, String)> {
    let program = format!(
        "import ctypes, os\n\
         text = ctypes.create_string_buffer(b'seen')\n\
         {first}\n\
         print('ready', os.getpid(), ctypes.addressof(text), flush=True)\n\
         input()"
    );
    // One that other users may execute.
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .into_iter()
        .find(|path| fs::metadata(path).is_ok());
    let python = python.or_else(|| any_python().and_then(|python| python.path.to_str()))?;
    let words: Vec<&str> = prefix
        .iter()
        .copied()
        .chain([python, "-c", &program])
        .collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    let fixture = Fixture::start(command);
    let ready = fixture.ready().to_owned();
    Some((fixture, ready))
}

const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// Whether the tests may change users.
fn may_change_users() -> bool {
    let works = geteuid().is_root()
        && Command::new("setpriv")
            .args(&NOBODY[1..])
            .arg("true")
            .status()
            .is_ok_and(|status| status.success());
    if !works {
        skip("refusals by user", "needs root and setpriv");
    }
    works
}

#[test]
fn another_users_process() {
    if !may_change_users() {
        return;
    }
    let Some((_fixture, ready)) = target(&["env"], "") else {
        return;
    };
    let said = look(&NOBODY, false, &ready);
    assert!(
        said.contains("it belongs to root (uid 0) and pmdb runs as "),
        "{said}"
    );
    assert!(
        said.contains("(uid 65534): run pmdb as that user or as root"),
        "{said}"
    );
    assert_eq!(look(&["env"], false, &ready), "seen");
}

#[test]
fn the_same_users_process_is_seen_without_root() {
    if !may_change_users() {
        return;
    }
    let Some((_fixture, ready)) = target(&NOBODY, "") else {
        return;
    };
    assert_eq!(look(&NOBODY, false, &ready), "seen");
}

#[test]
fn a_process_that_is_not_dumpable() {
    if !may_change_users() {
        return;
    }
    let make = "assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0";
    let Some((_fixture, ready)) = target(&NOBODY, make) else {
        return;
    };
    let said = look(&NOBODY, false, &ready);
    assert!(said.contains("it is not dumpable"), "{said}");
    assert_eq!(look(&["env"], false, &ready), "seen");
}

#[test]
fn a_process_with_more_capabilities() {
    if !may_change_users() {
        return;
    }
    let mut privileged = NOBODY.to_vec();
    privileged.extend(["--inh-caps=+net_raw", "--ambient-caps=+net_raw"]);
    let works = Command::new("setpriv")
        .args(&privileged[1..])
        .arg("true")
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "a process with more capabilities",
            "setpriv cannot raise one",
        );
    }
    let Some((_fixture, ready)) = target(&privileged, "") else {
        return;
    };
    let said = look(&NOBODY, false, &ready);
    assert!(
        said.contains("it has capabilities that pmdb lacks"),
        "{said}"
    );
}

#[test]
fn root_in_a_container_without_the_capability() {
    if !may_change_users() {
        return;
    }
    let Some((_fixture, ready)) = target(&NOBODY, "") else {
        return;
    };
    let dropped = [
        "setpriv",
        "--bounding-set=-sys_ptrace",
        "--inh-caps=-sys_ptrace",
    ];
    let said = look(&dropped, false, &ready);
    assert!(
        said.contains("pmdb is root but lacks CAP_SYS_PTRACE"),
        "{said}"
    );
}

#[test]
fn a_filter_on_process_vm_readv_is_gone_around() {
    let Some((_fixture, ready)) = target(&["env"], "") else {
        return;
    };
    assert_eq!(look(&["env"], true, &ready), "seen");
}

/// Makes `process_vm_readv` fail with EPERM in this process from here on, as Docker's filter does.
fn deny_process_vm_readv() {
    let statement = |code: u32, jump_true: u8, jump_false: u8, value: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k: value,
    };
    // Offset 0 of `struct seccomp_data` is the number of the call.
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_process_vm_readv as u32,
        ),
        statement(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: prctl(2) copies the program, which lives until it returns.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
            0
        );
    }
    let own = nix::unistd::getpid();
    let source = 7u8;
    let remote = nix::sys::uio::RemoteIoVec {
        base: &raw const source as usize,
        len: 1,
    };
    let outcome =
        nix::sys::uio::process_vm_readv(own, &mut [std::io::IoSliceMut::new(&mut [0])], &[remote]);
    assert_eq!(outcome, Err(nix::errno::Errno::EPERM));
}

#[test]
fn a_zombie_says_how_it_ended() {
    let Some(python) = any_python() else { return };
    for (end, said) in [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "signal SIGKILL"),
        ("os._exit(0)", "exit code 0"),
    ] {
        let program = format!(
            "import os\n\
             pid = os.fork()\n\
             if not pid: {end}\n\
             os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n\
             print('ready', pid, flush=True)\n\
             input()"
        );
        let fixture = Fixture::python_text(python, &program, &[]);
        let pid = Pid(fixture.ready().parse().expect("a pid"));
        match LiveProcess::open(pid) {
            Err(ProcessError::Zombie {
                pid: named,
                parent,
                how,
            }) => {
                assert_eq!(
                    (named, parent, how.as_str()),
                    (pid, Pid(fixture.pid()), said)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_users_zombie_keeps_its_exit_code_to_itself() {
    if !may_change_users() {
        return;
    }
    let first = "pid = os.fork()\n\
         if not pid: os._exit(3)\n\
         os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n\
         os.getpid = lambda: pid";
    let Some((_fixture, ready)) = target(&["env"], first) else {
        return;
    };
    let said = look(&NOBODY, false, &ready);
    assert!(
        said.contains("an exit status that only its user may see"),
        "{said}"
    );
}

#[test]
fn a_threads_number_names_its_process() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(
        python,
        "import threading\n\
         thread = threading.Thread(target=threading.Event().wait, daemon=True)\n\
         thread.start()\n\
         print('ready', thread.native_id, flush=True)\n\
         input()",
        &[],
    );
    let tid = Pid(fixture.ready().parse().expect("a tid"));
    match LiveProcess::open(tid) {
        Err(ProcessError::NotAProcess { pid, process }) => {
            assert_eq!((pid, process), (tid, Pid(fixture.pid())));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_that_are_no_process() {
    let mut child = Command::new("true").spawn().expect("it is there");
    let ended = Pid(child.id());
    child.wait().expect("it is our child");
    for pid in [Pid(0), Pid(u32::MAX), Pid(1 << 31), ended] {
        let outcome = LiveProcess::open(pid);
        assert!(
            matches!(outcome, Err(ProcessError::NoSuchProcess { .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_kernel_thread() {
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd") {
        let outcome = LiveProcess::open(Pid(2));
        assert!(
            matches!(outcome, Err(ProcessError::KernelThread { .. })),
            "{outcome:?}"
        );
    } else {
        skip(
            "kernel threads",
            "they are not to be seen from this pid namespace",
        );
    }
}

#[test]
fn a_process_that_proc_hides() {
    if !may_change_users() {
        return;
    }
    // A /proc of its own, for the option holds for all who share one; the shell is its process 1.
    let script = "mount -t proc -o hidepid=2 none /proc || exit; \"$@\"; true";
    let prefix = [
        "unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh",
    ];
    let works = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "true"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return skip(
            "hidden processes",
            "`unshare --mount --pid` is not permitted",
        );
    }
    let words: Vec<&str> = prefix.iter().chain(&NOBODY).copied().collect();
    let said = look(&words, false, "1 0");
    assert!(
        said.contains("/proc hides it (mounted with hidepid)"),
        "{said}"
    );
}
