//! Families of processes, compared with what their members say and with `ps`.

use std::process::Command;

use pmdb::model::{Pid, ThreadState};
use pmdb::process::family::{ProcessTable, all_processes, family_of};

use crate::support::{Fixture, any_python, skip};

/// A parent with two children, of which the first has a child and a dead one. Prints their pids, each after its parent.
const FAMILY: &str = "\
import os
def born(then):
    get, put = os.pipe()
    pid = os.fork()
    if pid:
        return [pid] + os.read(get, 999).decode().split()
    os.write(put, ' '.join(map(str, then())).encode() or b' ')
    os.read(0, 1)
    os._exit(0)
def dead():
    pid = os.fork()
    if not pid: os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return [pid]
first = born(lambda: born(lambda: []) + dead())
second = born(lambda: [])
print('ready', os.getpid(), *first, *second, flush=True)
os.read(0, 1)";

#[test]
fn a_family_is_all_descendants_with_the_dead() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, FAMILY, &[]);
    let said: Vec<Pid> = fixture
        .ready()
        .split(' ')
        .map(|pid| Pid(pid.parse().expect("a pid")))
        .collect();
    assert_eq!(said.len(), 5);
    // pids may have wrapped around between two of them; then brothers are listed in the other order.
    let sorted = |mut pids: Vec<Pid>| {
        pids.sort();
        pids
    };
    let family = family_of(Pid(fixture.pid())).expect("/proc is there");
    assert_eq!(family[0], Pid(fixture.pid()));
    assert_eq!(sorted(family), sorted(said.clone()));
    let table = ProcessTable::read().expect("/proc is there");
    let [parent, first, grandchild, dead, second] = said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        sorted(table.family(first)),
        sorted(vec![first, grandchild, dead])
    );
    assert_eq!(table.family(second), [second]);
    assert_eq!(
        table.ancestors(grandchild)[..3],
        [first, parent, Pid(std::process::id())]
    );
    assert_eq!(
        table.get(dead).expect("it is a zombie").state,
        ThreadState::Zombie
    );
}

/// `PID PPID SIZE NAME` of everybody. A kernel thread has no address space, and its size is 0.
fn ps() -> Option<Vec<String>> {
    let output = Command::new("ps")
        .args(["-e", "-o", "pid=,ppid=,vsz=,comm="])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(
        text.lines()
            .map(|line| line.trim_start().to_owned())
            .collect(),
    )
}

#[test]
fn the_table_is_what_ps_shows() {
    let Some(before) = ps() else {
        return skip("the process table", "no `ps` to compare with");
    };
    let table = ProcessTable::read().expect("/proc is there");
    let everybody = all_processes().expect("/proc is there");
    let after = ps().expect("it worked before");
    let mut compared = 0;
    // Other tests start processes and end them. Those that stayed as they were must be in the table.
    for line in before.iter().filter(|line| after.contains(line)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pid = Pid(words[0].parse().expect("a pid"));
        let entry = table.get(pid).unwrap_or_else(|| panic!("{line}"));
        if entry.state == ThreadState::Zombie {
            continue;
        }
        assert_eq!(
            entry.parent.map_or(0, |parent| parent.0).to_string(),
            words[1],
            "{line}"
        );
        assert_eq!(
            entry.name.split_whitespace().collect::<Vec<_>>(),
            words[3..],
            "{line}"
        );
        assert_eq!(entry.is_kernel_thread, words[2] == "0", "{line}");
        assert_eq!(everybody.contains(&pid), !entry.is_kernel_thread, "{line}");
        compared += 1;
    }
    assert!(compared >= 2, "{before:?}");
    assert!(everybody.contains(&Pid(std::process::id())));
}
