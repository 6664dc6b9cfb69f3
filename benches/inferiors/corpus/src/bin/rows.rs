use rayon::prelude::*;

fn row(number: u64) -> u64 {
    (0..20_000u64).map(|column| (number * column) % 97).sum()
}

fn main() {
    println!("ready");
    loop {
        let total: u64 = (0..4000u64).into_par_iter().map(row).sum();
        std::hint::black_box(total);
        let mut values: Vec<u64> = (0..200_000u64).map(|it| it * 7919 % 100_003).collect();
        values.par_sort_unstable();
        std::hint::black_box(values);
    }
}
