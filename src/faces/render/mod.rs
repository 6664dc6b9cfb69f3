//! From the model's plain data to text for a person.

mod colours;
pub mod command;
pub mod diff;
pub mod exception;
pub mod fold;
pub mod frame;
pub mod heading;
pub mod html;
pub mod label;
pub mod merge;
pub mod palette;
pub mod plot;
pub mod printable;
pub mod printer;
pub mod processes;
pub mod quantity;
pub mod races;
#[cfg(test)]
mod sample;
mod seen_values;
pub mod segment_hits;
pub mod segment_view;
pub mod segments;
pub mod set_label;
pub mod source;
pub mod stack;
pub mod state;
pub mod table;
pub mod task_forest;
pub mod tasks;
pub mod time;
pub mod watch;

#[cfg(test)]
mod tests;
