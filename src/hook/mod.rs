//! A panic hook for Rust programs: a report with everything that is known in the process, and a chance to come with a debugger.
//!
//! ```no_run
//! pmdb::hook::install();
//! ```
//!
//! The report is written to standard error at once, so that those of several processes do not mix. It has the message, the
//! place, the process with its rank and thread, and the stack with the source around each frame of the program's own code.
//!
//! The environment decides when the program does not: `PMDB_REPORT=text|json`, `PMDB_ON_PANIC=report|wait|snapshot|abort`, and
//! `RUST_BACKTRACE=full` for the frames of the runtime too. What it says goes before what [`Hook`] was told, since whoever starts
//! the program knows last.
//!
//! It needs nothing but the `backtrace` crate, works without debug information (with less to say), under `panic = "abort"`, in a panic
//! while another is on its way, and where standard error is closed. It does not panic itself.

mod json;
mod place;
mod report;
mod settings;
mod snapshot;
mod source;
mod stack;
mod text;
mod wait;

use std::panic::PanicHookInfo;

use report::Report;
pub use settings::{Format, OnPanic};

/// How panics are reported. [`install`] is enough for most programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hook {
    format: Format,
    on_panic: OnPanic,
    calls_previous: bool,
}

impl Hook {
    /// Text, and the program goes on to unwind.
    pub fn new() -> Hook {
        Hook::default()
    }

    /// What `PMDB_REPORT` overrides.
    pub fn format(self, format: Format) -> Hook {
        Hook { format, ..self }
    }

    /// What `PMDB_ON_PANIC` overrides.
    pub fn on_panic(self, on_panic: OnPanic) -> Hook {
        Hook { on_panic, ..self }
    }

    /// Calls the hook that is there now after the report. It is replaced otherwise: the one of the standard library would say less of the
    /// same once more.
    pub fn calls_previous(self, calls_previous: bool) -> Hook {
        Hook {
            calls_previous,
            ..self
        }
    }

    /// From now on panics of all threads are reported.
    ///
    /// # Panics
    ///
    /// If the thread is panicking, as [`std::panic::set_hook`].
    pub fn install(self) {
        let format = settings::of_environment("PMDB_REPORT", settings::FORMATS, self.format);
        let on_panic =
            settings::of_environment("PMDB_ON_PANIC", settings::REACTIONS, self.on_panic);
        let previous = self.calls_previous.then(std::panic::take_hook);
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            react(panic, format, on_panic);
            if let Some(previous) = &previous {
                previous(panic);
            }
            if on_panic == OnPanic::Abort {
                std::process::abort();
            }
        }));
    }
}

/// Reports panics of all threads as the environment wants it. The hook that is there now is replaced.
///
/// # Panics
///
/// If the thread is panicking, as [`std::panic::set_hook`].
pub fn install() {
    Hook::new().install();
}

fn react(panic: &PanicHookInfo<'_>, format: Format, on_panic: OnPanic) {
    let wait = (on_panic == OnPanic::Wait)
        .then(wait::Wait::begin)
        .flatten();
    let report = Report::of(panic, wait.is_some());
    let text = match format {
        Format::Text => text::of(&report),
        Format::Json => json::of(&report),
    };
    report::write(text.as_bytes());
    if on_panic == OnPanic::Snapshot {
        match wait::tracer() {
            // A debugger, or the pmdb that another thread has panicked for.
            Some(tracer) => snapshot::say(&format!("no snapshot: process {tracer} traces it")),
            None => snapshot::write(&report),
        }
    }
    if let Some(wait) = wait {
        wait.until_attached();
    }
}
