//! Threads that are parked in a recursion with variables.  usage: threads THREADS FRAMES

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::{Arc, Barrier};

struct Job {
    number: u64,
    name: String,
}

#[inline(never)]
fn level(left: u64, job: &Job, arrived: &Barrier) -> u64 {
    let label = format!("{}-{left}", job.name);
    if left == 1 {
        arrived.wait();
        loop {
            std::thread::park();
        }
    }
    black_box(level(left - 1, job, arrived) + job.number + label.len() as u64)
}

fn main() {
    let number = |text: String| text.parse().expect("a number");
    let numbers: Vec<u64> = std::env::args().skip(1).map(number).collect();
    let [threads, frames] = numbers[..] else {
        panic!("usage: threads THREADS FRAMES");
    };
    let arrived = Arc::new(Barrier::new(threads as usize + 1));
    for number in 0..threads {
        let arrived = arrived.clone();
        std::thread::spawn(move || {
            let name = format!("job {number}");
            level(frames, &Job { number, name }, &arrived)
        });
    }
    arrived.wait();
    println!("ready");
    std::io::stdout().flush().expect("it is read");
    let _ = std::io::stdin().read(&mut [0]);
}
