//! pmdb answers as pdb does: the same script and the same commands go to the `python -m pdb` of each Python and to pmdb, and the
//! transcripts are compared. `fixtures/pdb/` has the scripts and the sessions; some are made up at random.
//!
//! `docs/guide/pdb-differences.md` lists what is meant to differ.

#[path = "conformance/session.rs"]
mod session;
mod support;
#[path = "conformance/transcript.rs"]
mod transcript;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use session::{Session, sessions};
use support::{Python, on_each_python};
use transcript::difference;

/// Where two transcripts part, if they do. What fails in another way is told too, so that the other sessions are run.
fn judged(session: &Session, python: &Python) -> Option<String> {
    let compared = catch_unwind(AssertUnwindSafe(|| {
        let pdb = session.of_pdb(python)?;
        difference(&pdb, &session.of_pmdb(python))
    }));
    let told = compared.unwrap_or_else(|panic| {
        let text = panic.downcast::<String>().map_or_else(
            |other| {
                other
                    .downcast::<&str>()
                    .map_or("", |text| *text)
                    .to_string()
            },
            |text| *text,
        );
        Some(format!("  {text}\n"))
    });
    told.map(|told| format!("{}\n{told}", session.title))
}

#[test]
fn pmdb_answers_as_pdb_does() {
    let mut sessions = sessions();
    assert!(sessions.len() > 20, "{}", sessions.len());
    // For one who works on a session: only those with a text in their titles.
    if let Ok(wanted) = std::env::var("PMDB_TEST_SESSIONS") {
        sessions.retain(|one| one.title.contains(&wanted));
    }
    on_each_python(|python| {
        let one_by_one = sessions.par_iter().with_max_len(1);
        let differing: Vec<String> = one_by_one.filter_map(|one| judged(one, python)).collect();
        assert!(differing.is_empty(), "\n{}", differing.concat());
    });
}
