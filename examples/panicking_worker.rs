//! Workers of which one panics. What the hook says of it is up to the environment:
//!
//! ```text
//! cargo run --example panicking_worker
//! PMDB_REPORT=json RANK=3 cargo run --example panicking_worker
//! PMDB_ON_PANIC=wait cargo run --example panicking_worker
//! ```

use std::process::ExitCode;
use std::thread::Builder;

fn main() -> ExitCode {
    pmdb::hook::install();
    let batches = vec![vec![4, 8, 2], vec![5, 3], vec![6, 1, 1]];
    let reader = |(number, batch): (usize, Vec<u32>)| {
        Builder::new()
            .name(format!("reader-{number}"))
            .spawn(move || even(&batch))
    };
    let readers: Vec<_> = batches.into_iter().enumerate().map(reader).collect();
    let mut failed = 0;
    for reader in readers {
        match reader.map(|reader| reader.join()) {
            Ok(Ok(count)) => println!("{count} are even"),
            Ok(Err(_)) | Err(_) => failed += 1,
        }
    }
    println!("{failed} failed");
    ExitCode::from(failed)
}

/// How many are even, of each second one.
fn even(batch: &[u32]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while at != 4 {
        count += usize::from(is_even(batch, at));
        at += 2;
    }
    count
}

fn is_even(batch: &[u32], at: usize) -> bool {
    batch[at].is_multiple_of(2)
}
