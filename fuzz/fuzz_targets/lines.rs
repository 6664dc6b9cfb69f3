//! Any bytes as a line table of each form, and as a text of `/proc`. The first 16 are the first line and the offset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pmdb::process::live::read_any_text;
use pmdb::python::layout::LineTableForm;
use pmdb::python::lines::position;

fuzz_target!(|bytes: &[u8]| {
    read_any_text(bytes);
    let Some((numbers, table)) = bytes.split_at_checked(16) else {
        return;
    };
    let number = |at: usize| {
        let eight = numbers[at..at + 8].try_into().expect("8 bytes");
        i64::from_le_bytes(eight)
    };
    for form in [
        LineTableForm::Lnotab,
        LineTableForm::Pairs,
        LineTableForm::Locations,
    ] {
        position(form, table, number(0), number(8));
    }
});
