//! The machine code that a process has in its memory.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

/// Every mapping that can be executed, with its bytes: what a breakpoint or a call of a debugger would have changed.
pub fn machine_code(pid: u32) -> Vec<(String, Vec<u8>)> {
    let maps = read_to_string(format!("/proc/{pid}/maps")).expect("it lives");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("it is ours");
    let executable = maps.lines().filter(|line| {
        let permissions = line.split_whitespace().nth(1);
        permissions.is_some_and(|permissions| permissions.contains('x'))
    });
    let read = executable.filter(|line| !line.ends_with("[vsyscall]"));
    let read = read.map(|line| {
        let range = line.split_whitespace().next().expect("a range");
        let (start, end) = range.split_once('-').expect("two addresses");
        let address = |text| u64::from_str_radix(text, 16).expect("a number in hexadecimal");
        let (start, end) = (address(start), address(end));
        let size = usize::try_from(end - start).expect("it fits into memory");
        let mut bytes = vec![0; size];
        memory
            .read_exact_at(&mut bytes, start)
            .expect("it is mapped");
        (line.to_string(), bytes)
    });
    read.collect()
}

/// Fails the test unless the process has the same code in the same places.
#[track_caller]
pub fn assert_same_code(before: &[(String, Vec<u8>)], pid: u32) {
    let after = machine_code(pid);
    let places = |code: &[(String, Vec<u8>)]| -> Vec<String> {
        code.iter().map(|(place, _)| place.clone()).collect()
    };
    assert_eq!(places(before), places(&after));
    for ((place, before), (_, after)) in before.iter().zip(&after) {
        assert!(before == after, "changed: {place}");
    }
}
