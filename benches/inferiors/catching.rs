//! Panics and catches it, as often as its argument says.

use std::hint::black_box;
use std::panic;

fn main() {
    let count: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    panic::set_hook(Box::new(|_| {}));
    let mut caught = 0;
    for number in 0..count {
        let fails = || panic!("number {}", black_box(number));
        caught += u32::from(panic::catch_unwind(fails).is_err());
    }
    println!("done {}", caught == count);
}
