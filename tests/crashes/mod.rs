//! `pmdb run -- COMMAND`: a process that brings a signal on itself is stopped before it dies of it, and why it dies is told; of those
//! that others kill, who did it.

mod native_failures;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::{
    Answer, Python, Terminal, any_python, c_program, fixture_path, on_each_python, pmdb_alone, skip,
};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn crashing(words: &[&str]) -> Answer {
    let program = c_program("crashing").display().to_string();
    pmdb_alone([&["run", "--batch", "--", &program], words].concat(), "")
}

fn dying(python: &Python, options: &[&str], how: &str) -> Answer {
    let path = python.path.display().to_string();
    let script = fixture_path("dying.py").display().to_string();
    let words = ["--", &path, &script, how];
    pmdb_alone([&["run"], options, &words].concat(), "")
}

/// What stands behind the name and the number of the process.
fn headings(answer: &Answer) -> Vec<&str> {
    let lines = answer.stderr.lines();
    lines
        .filter_map(|line| {
            line.strip_prefix("[pmdb] ")?
                .split_once(") is about to die of ")
        })
        .map(|(_, why)| why)
        .collect()
}

/// Checks what is told of a crash, `ADDRESS` being what the program said that it touches, and that it dies of it as without pmdb.
#[track_caller]
fn dies_of(words: &[&str], signal: Signal, why: &str) {
    let answer = crashing(words);
    let said = answer.stdout.split_whitespace().nth(1).unwrap_or_default();
    let address = if said == "(nil)" { "0x0" } else { said };
    let why = why.replace("ADDRESS", address);
    let expected = format!("{}: {why}", signal.as_str());
    let told = headings(&answer);
    assert_eq!(told.len(), 1, "{words:?}: {answer:#?}");
    assert!(
        told[0].starts_with(&expected),
        "{words:?}: {answer:#?}\n{expected}"
    );
    assert_eq!(answer.code, Some(128 + signal as i32), "{answer:#?}");
    let first = answer.stderr.lines().find(|line| line.contains("first "));
    let first = first.unwrap_or_else(|| panic!("{answer:#?}"));
    let died = format!(") died of {} after ", signal.as_str());
    assert!(first.contains(&died), "{first}");
    assert!(first.contains(&format!(" s: {why}")), "{first}");
}

#[test]
fn faults_are_explained_from_what_is_mapped_there() {
    use Signal::{SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    let program = c_program("crashing").display().to_string();
    dies_of(
        &["null"],
        SIGSEGV,
        "it touched 0x0, a null pointer (in crashing)",
    );
    dies_of(
        &["field"],
        SIGSEGV,
        "it touched 0x28, a null pointer with an offset of 40 bytes (in crashing)",
    );
    dies_of(&["call"], SIGSEGV, "it jumped to 0x0, a null pointer");
    dies_of(
        &["constant"],
        SIGSEGV,
        &format!("it wrote to ADDRESS, which is read-only, in {program} (in crashing)"),
    );
    dies_of(
        &["data"],
        SIGSEGV,
        &format!("it jumped to ADDRESS, which is data and no code, in {program}"),
    );
    dies_of(
        &["unmapped"],
        SIGSEGV,
        "it touched ADDRESS, where nothing is mapped; that is ",
    );
    dies_of(&["wild"], SIGSEGV, "it used a pointer that is no address");
    dies_of(&["thread"], SIGSEGV, "it touched 0x0, a null pointer");
    dies_of(&["divide"], SIGFPE, "it divided an integer by zero");
    dies_of(&["trap"], SIGILL, "it came to 0x");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("short");
    let file = file.display().to_string();
    dies_of(
        &["file", &file],
        SIGBUS,
        &format!("it touched ADDRESS, byte 4096 of {file}, which has only 4096 bytes by now"),
    );
}

#[test]
fn stacks_that_overflow_are_told_from_other_faults() {
    let why = "its stack has overflowed: it touched 0x";
    for how in ["stack", "thread-stack", "no-room"] {
        dies_of(&[how], Signal::SIGSEGV, why);
    }
}

#[test]
fn what_the_c_library_says_before_it_aborts_is_told() {
    dies_of(&["abort"], Signal::SIGABRT, "it called abort()");
    let answer = crashing(&["free"]);
    let told = headings(&answer);
    // The program's own standard error has the same line.
    let complaint = answer
        .stderr
        .lines()
        .find(|line| line.starts_with("free():"));
    match (told.as_slice(), complaint) {
        ([told], Some(complaint)) => {
            assert_eq!(*told, format!("SIGABRT: it called abort(): {complaint}"));
        }
        _ => skip(
            "the message of abort()",
            "this libc does not find the double free",
        ),
    }
}

#[test]
fn a_handler_comes_first_and_the_fault_behind_it_is_explained() {
    let why = "it touched 0x30, a null pointer with an offset of 48 bytes";
    dies_of(&["again"], Signal::SIGSEGV, why);
    dies_of(&["once"], Signal::SIGSEGV, why);
    dies_of(&["raise"], Signal::SIGSEGV, "it sent the signal to itself");
    let answer = crashing(&["handled"]);
    assert!(headings(&answer).is_empty(), "{answer:#?}");
    assert_eq!(answer.stdout, "still there\n");
    assert_eq!(answer.code, Some(3));
}

#[test]
fn a_full_file_system_is_the_reason_of_a_bus_error() {
    let program = c_program("crashing").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    let mount = format!("mount -t tmpfs -o size=64k tmpfs {folder}");
    let in_namespace = |script: &str| ["unshare", "-rm", "sh", "-c", script].map(str::to_string);
    let try_out = in_namespace(&mount);
    let can = Command::new(&try_out[0]).args(&try_out[1..]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return skip("a full file system", "no file system can be mounted here");
    }
    let script = format!("{mount} && exec {program} full {folder}/file");
    let words = ["run", "--batch", "--"].map(str::to_string);
    let answer = pmdb_alone(words.into_iter().chain(in_namespace(&script)), "");
    let touched = answer.stdout.lines().last().unwrap_or_default();
    let address = touched.strip_prefix("touched ").unwrap_or_default();
    let expected = format!(
        "SIGBUS: it touched {address}, a page of {folder}/file that had to be made, and the file system there is full"
    );
    assert!(
        headings(&answer)
            .iter()
            .any(|told| told.starts_with(&expected)),
        "{answer:#?}"
    );
}

#[test]
fn workers_of_python_are_looked_at_before_they_die() {
    on_each_python(|python| {
        let commands = [
            "-c",
            "p number, nums",
            "-c",
            "up",
            "-c",
            "down",
            "-c",
            "nums = 1",
            "-c",
            "n",
            "-c",
            "b 1",
        ];
        let answer = dying(python, &commands, "pool");
        let said = &answer.stderr;
        let told = headings(&answer);
        assert_eq!(told.len(), 1, "{said}");
        assert!(
            told[0].starts_with("SIGSEGV: it touched 0x0, a null pointer (in libc"),
            "{said}"
        );
        assert!(
            said.contains("touch()\n-> libc.strlen(None)\n(3, [3, 4])\n"),
            "{said}"
        );
        let refused = "is about to die of SIGSEGV: nothing can be run in it";
        assert_eq!(said.matches(refused).count(), 3, "{said}");
        assert!(said.contains("BrokenProcessPool"), "{said}");
        assert!(said.contains(") died of SIGSEGV after "), "{said}");
        assert_eq!(answer.code, Some(1), "{said}");
    });
}

#[test]
fn a_statement_that_crashes_the_process_is_no_hang() {
    on_each_python(|python| {
        let commands = ["-c", "touch(3)", "-c", "p nums", "-c", "p 6 * 7", "-c", "c"];
        let answer = dying(python, &commands, "asked");
        let said = &answer.stderr;
        assert_eq!(headings(&answer).len(), 1, "{said}");
        assert!(
            said.contains("has crashed or ended in the middle of this"),
            "{said}"
        );
        assert!(
            said.contains("touch()\n-> libc.strlen(None)\n[3, 4]\n42\n"),
            "{said}"
        );
        assert_eq!(answer.code, Some(128 + libc::SIGSEGV), "{said}");
    });
}

#[test]
fn threads_handlers_and_aborts_of_python_are_reported() {
    on_each_python(|python| {
        let answer = dying(python, &["--batch"], "thread");
        let said = &answer.stderr;
        assert!(said.contains("touch()\n-> libc.strlen(None)\n"), "{said}");
        assert!(said.contains("     nums = [3, 4]\n"), "{said}");
        assert_eq!(answer.code, Some(128 + libc::SIGSEGV), "{said}");

        let answer = dying(python, &["--batch"], "faulthandler");
        let told = headings(&answer);
        assert_eq!(told.len(), 1, "{answer:#?}");
        assert!(told[0].starts_with("SIGSEGV: it touched 0x0, "), "{told:?}");
        let by_itself = answer.stderr.find("Fatal Python error: Segmentation fault");
        let heading = answer.stderr.find("is about to die of");
        assert!(by_itself.is_some() && by_itself < heading, "{answer:#?}");

        let answer = dying(python, &["--batch"], "abort");
        let told = headings(&answer);
        assert_eq!(told, ["SIGABRT: it called abort()"], "{answer:#?}");
        assert!(
            answer.stderr.contains("     reason = 'no reason'\n"),
            "{answer:#?}"
        );
        assert_eq!(answer.code, Some(128 + libc::SIGABRT), "{answer:#?}");
    });
}

#[test]
fn those_that_crash_at_once_are_shown_one_after_the_other() {
    on_each_python(|python| {
        let answer = dying(python, &["--batch"], "several");
        let said = &answer.stderr;
        assert_eq!(headings(&answer).len(), 3, "{said}");
        for number in 1..=3 {
            let why = format!("SIGSEGV: it touched {:#x}, a null pointer", 16 * number);
            assert!(
                headings(&answer).iter().any(|told| told.starts_with(&why)),
                "{said}"
            );
            assert!(said.contains(&format!("[pmdb] w{number} (pid ")), "{said}");
            assert!(
                said.contains(&format!("     secret = 'secret {number}'\n")),
                "{said}"
            );
        }
        assert_eq!(
            said.matches(") died of SIGSEGV after ").count(),
            3,
            "{said}"
        );
        assert_eq!(answer.stdout, "[-11, -11, -11]\n", "{said}");
    });
}

/// Runs the fixture in a terminal.
fn in_terminal(python: &Python, how: &str) -> Terminal {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .args(["run", "--"])
        .arg(&python.path)
        .arg(fixture_path("dying.py"))
        .arg(how)
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "1");
    Terminal::start(command)
}

/// Which process a heading is about.
fn number_in(heading: &str) -> i32 {
    let number = heading.rsplit("(pid ").next();
    let number = number.and_then(|rest| rest.split(')').next());
    number.expect("a number").parse().expect("a number")
}

#[test]
fn a_process_that_is_killed_while_it_stands_is_no_hang() {
    let python = any_python().expect("there is a Python");
    let mut terminal = in_terminal(python, "several");
    let mut killed = 0;
    for place in 0..2 {
        let heading = terminal.wait_for(") is about to die of ");
        let pid = number_in(&heading);
        terminal.wait_for("(pmdb w");
        if place == 0 {
            kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
            killed = pid;
        }
        terminal.type_keys("c\r");
    }
    terminal.wait_for(") is about to die of ");
    terminal.wait_for("(pmdb w");
    terminal.type_keys("detach\r");
    terminal.wait_for("[the process goes on]");
    terminal.wait_for("(pmdb w");
    terminal.type_keys("c\r");
    terminal.wait_for("ended with exit code 0");
    assert_eq!(terminal.seen.matches("-11").count(), 2, "{}", terminal.seen);
    assert_eq!(terminal.seen.matches("-9").count(), 1, "{}", terminal.seen);
    terminal.wait_for(&format!("(pid {killed}) died of SIGKILL after "));
    terminal.wait_for("sender unknown");
    assert!(terminal.wait().success());
}

/// What the kernel says that each thread of a process does.
fn states(pid: i32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it is there");
    let status = |entry: std::io::Result<fs::DirEntry>| {
        let status = fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        state.map(|state| state.trim().to_string())
    };
    threads.filter_map(status).collect()
}

#[test]
fn all_threads_stand_still_until_it_goes_on_to_its_end() {
    let python = any_python().expect("there is a Python");
    let mut terminal = in_terminal(python, "thread");
    let heading = terminal.wait_for(") is about to die of ");
    let pid = number_in(&heading);
    terminal.wait_for("(pmdb dying.py) ");
    let stands = ["t (tracing stop)"; 2];
    assert_eq!(states(pid), stands);
    // Only the pmdb that traces it can ask the kernel for its registers; it does for another one, which then has those of all threads,
    // also of the one at the fault.
    let answer = crate::support::pmdb(["stack", "--native", &pid.to_string()]);
    let text = &answer.succeeded().stdout;
    for expected in ["in start_thread\n", "in touch\n", "strlen", "In _start\n"] {
        assert!(text.contains(expected), "{expected}: {answer:#?}");
    }
    assert!(!text.contains("no native frames"), "{answer:#?}");
    assert_eq!(states(pid), stands);
    terminal.type_keys("c\r");
    terminal.wait_for("ended with signal SIGSEGV");
    assert_eq!(terminal.wait().code(), Some(128 + libc::SIGSEGV));
}

#[test]
fn quitting_ends_one_that_stands_before_its_signal() {
    let python = any_python().expect("there is a Python");
    let answer = dying(python, &["-c", "q"], "several");
    assert_eq!(headings(&answer).len(), 1, "{answer:#?}");
    assert_eq!(answer.stdout, "", "{answer:#?}");
    assert_eq!(answer.code, Some(0), "{answer:#?}");
}

#[test]
fn who_has_killed_a_process_is_told_where_that_is_seen() {
    let python = any_python().expect("there is a Python");
    let answer = dying(python, &["--batch"], "terminated");
    let said = &answer.stderr;
    // The one that its parent ends with SIGTERM has not failed.
    assert_eq!(said.matches(" died of ").count(), 1, "{said}");
    assert!(said.contains(") died of SIGKILL after "), "{said}");
    assert!(said.contains(" s: sender unknown\n"), "{said}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command
        .args(["run", "--batch", "--"])
        .arg(c_program("crashing"))
        .arg("wait")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().expect("pmdb was built");
    let mut output = BufReader::new(child.stdout.take().expect("piped above"));
    let mut line = String::new();
    output.read_line(&mut line).expect("it says its number");
    let pid = line.trim().strip_prefix("waiting ").expect("a number");
    let pid = Pid::from_raw(pid.parse().expect("a number"));
    kill(pid, Signal::SIGTERM).expect("it waits");
    let ended = child.wait_with_output().expect("it is our child");
    let own = std::process::id();
    let name = fs::read_to_string(format!("/proc/{own}/comm")).expect("it is us");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let expected = format!(" s: sent by process {own} ({})\n", name.trim_end());
    assert!(said.contains(") died of SIGTERM after "), "{said}");
    assert!(said.contains(&expected), "{said}");
    assert_eq!(ended.status.code(), Some(128 + libc::SIGTERM));
}

/// A cgroup of version 1 with a limit, removed at the end.
struct SmallGroup(std::path::PathBuf);

impl SmallGroup {
    fn make() -> Option<SmallGroup> {
        let folder = format!("/sys/fs/cgroup/memory/pmdb-test-{}", std::process::id());
        fs::create_dir(&folder).ok()?;
        let group = SmallGroup(folder.into());
        fs::write(group.0.join("memory.limit_in_bytes"), "16M").ok()?;
        // With swap it would take longer; there may be none.
        let _ = fs::write(group.0.join("memory.memsw.limit_in_bytes"), "16M");
        Some(group)
    }
}

impl Drop for SmallGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_kernels_own_kills_are_certain_where_it_tells_whom_or_there_is_nobody_else() {
    let Some(group) = SmallGroup::make() else {
        return skip("out of memory", "no cgroup with a limit can be made here");
    };
    let script = format!(
        "echo $$ > {}/cgroup.procs && exec {} eat",
        group.0.display(),
        c_program("crashing").display()
    );
    let pmdb = [
        env!("CARGO_BIN_EXE_pmdb"),
        "run",
        "--batch",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let said = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let output = command.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_killed = output.status.code() == Some(128 + libc::SIGKILL);
        is_killed.then_some(text.clone()).ok_or(text)
    };
    let named = "its log names the process (Memory cgroup out of memory, anon-rss:";
    let counted = "oom_kill of its cgroup, where nothing but this command is, went from ";
    let is_first_namespace = fs::read_link("/proc/self/ns/pid")
        .is_ok_and(|link| link == std::path::Path::new("pid:[4026531836]"));
    let has_log = is_first_namespace && fs::File::open("/dev/kmsg").is_ok();
    let line = |evidence| format!(" s: the kernel's out-of-memory killer: {evidence}");
    let text = said(&pmdb).expect("it is killed");
    let expected = line(if has_log { named } else { counted });
    assert!(text.contains(&expected), "{text}");
    // Where processes have other numbers than the log gives them.
    let elsewhere = [&["unshare", "--pid", "--fork", "--mount-proc"][..], &pmdb].concat();
    match said(&elsewhere) {
        Ok(text) => assert!(text.contains(&line(counted)), "{text}"),
        Err(why) => skip("out of memory in another pid namespace", &why),
    }
}
