//! One measured table for each minor version.

mod v3_10;
mod v3_11;
mod v3_12;
mod v3_13;
mod v3_14;
mod v3_15;
mod v3_8;
mod v3_9;

use super::{Layout, Minor};

/// Every version that pmdb reads, oldest first.
pub static ALL: [&Layout; 8] = [
    &v3_8::V3_8,
    &v3_9::V3_9,
    &v3_10::V3_10,
    &v3_11::V3_11,
    &v3_12::V3_12,
    &v3_13::V3_13,
    &v3_14::V3_14,
    &v3_15::V3_15,
];

/// The table of a minor version, if pmdb reads it.
pub fn layout_of(version: Minor) -> Option<&'static Layout> {
    ALL.into_iter().find(|layout| layout.version == version)
}
