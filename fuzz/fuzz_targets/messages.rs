//! Any bytes as what the agent in a process says: it runs beside code that may write to its pipe, and is not believed.
#![no_main]
#![allow(dead_code, reason = "not all of `scratch` is used")]

#[path = "../scratch.rs"]
mod scratch;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use pmdb::model::Pid;
use pmdb::python::agent::Channel;

fuzz_target!(|bytes: &[u8]| {
    let mut channel = Channel::new(Pid(1), scratch::file_of(b""), scratch::file_of(bytes));
    // The end of the file is the end of the process.
    while channel.receive(Duration::from_secs(1)).is_ok() {}
});
