//! Everything that pmdb reads of a Python process, read.

use std::time::Duration;

use pmdb::process::{Budget, Process};
use pmdb::python::eval::Scope;
use pmdb::python::{Limits, Located, Look};

/// Threads, stacks, values, exceptions, tasks, and a few expressions in every frame.
pub fn walk_all(process: &dyn Process, located: &Located) {
    let budget = Budget::new(Duration::from_secs(10), 64 << 20);
    let look = Look::within(process, located, budget);
    let limits = Limits::default();
    let (threads, _) = look.threads(&process.threads().unwrap_or_default());
    look.event_loops(&threads, Some(&limits));
    for thread in &threads {
        look.exceptions(thread.address, Some(&limits));
        for exception in look.chained_exceptions(thread.address) {
            look.raised_frames(exception);
        }
        for frame in look.stack(thread.address).frames.iter().take(100) {
            let described = look.describe(frame, Some(&limits));
            let scope = Scope::of(frame);
            for local in described.locals.iter().take(40) {
                if let Ok(datum) = look.evaluate(&local.name, &scope) {
                    look.pretty(&datum, &limits, 80);
                    look.whatis(&datum).ok();
                    look.source_of(&datum).ok();
                }
                for around in [
                    "len(…)",
                    "sorted(…)",
                    "str(…)",
                    "list(….items())",
                    "….__dict__",
                ] {
                    let text = around.replace('…', &local.name);
                    if let Ok(datum) = look.evaluate(&text, &scope) {
                        look.show(&datum, &limits);
                    }
                }
                look.complete(&format!("{}.", local.name), &scope);
            }
        }
    }
}
