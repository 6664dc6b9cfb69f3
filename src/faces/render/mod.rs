//! From the model's plain data to text for a person.

pub mod palette;
pub mod printable;
pub mod set_label;
