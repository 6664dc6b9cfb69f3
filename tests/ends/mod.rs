//! The ends of things: of pmdb while it is in a process, of a process that pmdb is in, and of its being let run. One program, so that it is
//! linked once.

mod ended;
mod suspended;
mod terminated;
