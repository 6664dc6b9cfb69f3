//! What the environment may decide.

/// How a report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object in one line.
    Json,
}

/// What happens behind the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPanic {
    /// Nothing more: the program unwinds, or aborts if it was built so.
    #[default]
    Report,
    /// The thread waits until a debugger has attached, and then goes on as after [`OnPanic::Report`]. If there is a debugger already, it does not wait.
    Wait,
    /// `pmdb snapshot` writes the process down, into the folder that `PMDB_SNAPSHOTS` names (else the working folder), and it goes on as after
    /// [`OnPanic::Report`]. The program `pmdb` is found by `PMDB_BINARY` or on `PATH`.
    Snapshot,
    /// The program aborts, with a core dump if the system makes one.
    Abort,
}

pub(super) const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
pub(super) const REACTIONS: &[(&str, OnPanic)] = &[
    ("report", OnPanic::Report),
    ("wait", OnPanic::Wait),
    ("snapshot", OnPanic::Snapshot),
    ("abort", OnPanic::Abort),
];

/// What a variable says, or `otherwise` if it is not there. A word that means nothing is complained of.
pub(super) fn of_environment<T: Copy>(variable: &str, words: &[(&str, T)], otherwise: T) -> T {
    let Some(word) = std::env::var_os(variable).filter(|word| !word.is_empty()) else {
        return otherwise;
    };
    if let Some((_, value)) = words.iter().find(|(known, _)| word == *known) {
        return *value;
    }
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    let complaint = format!(
        "pmdb: {variable}={} is none of {}\n",
        word.display(),
        known.join(", ")
    );
    super::report::write(complaint.as_bytes());
    otherwise
}
