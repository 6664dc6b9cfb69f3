//! pmdb answers as pdb does: the same script and the same commands go to the `python -m pdb` of each Python and to pmdb, and the
//! transcripts are compared. `fixtures/pdb/` has the scripts and the sessions; some are made up at random.
//!
//! `docs/guide/pdb-differences.md` lists what is meant to differ.

mod dice;
mod program;
mod random;
mod session;
mod transcript;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use crate::support::{Python, on_each_python, pythons};
use random::random_session;
use session::{MODEL, Session, sessions};
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
    let mine = |python: &'static Python| {
        // Several executables of a minor version share the sessions.
        let alike: Vec<&Python> = (pythons().iter())
            .filter(|one| one.minor == python.minor)
            .collect();
        let place = alike.iter().position(|one| *one == python).unwrap_or(0);
        let mine = sessions.iter().skip(place).step_by(alike.len());
        mine.map(move |session| (python, session))
    };
    let all: Vec<(&Python, &Session)> = pythons().iter().flat_map(mine).collect();
    // All at once: nobody waits for the last session of a Python.
    let one_by_one = all.par_iter().with_max_len(1);
    let judged =
        one_by_one.filter_map(|(python, session)| Some((*python, judged(session, python)?)));
    let differing: Vec<(&Python, String)> = judged.collect();
    on_each_python(|python| {
        let of_it = differing.iter().filter(|(of, _)| *of == python);
        let told: String = of_it.map(|(_, told)| told.as_str()).collect();
        assert!(told.is_empty(), "\n{told}");
    });
}

/// Random sessions for each Python, if nobody asks for others.
const SEEDS: std::ops::Range<u64> = 0..12;

/// `PMDB_TEST_SEEDS`: `17`, `17..99`, or `17..` for all from there on until one fails.
fn seeds() -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("PMDB_TEST_SEEDS") else {
        return SEEDS;
    };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no seeds: {asked}"));
    match asked.split_once("..") {
        Some((first, "")) => number(first)..u64::MAX,
        Some((first, end)) => number(first)..number(end),
        None => number(&asked)..number(&asked) + 1,
    }
}

#[test]
fn pmdb_answers_as_pdb_does_at_random() {
    let folder = tempfile::tempdir().expect("a folder for scripts");
    on_each_python(|python| {
        // So many at a time that the first that fails is soon told.
        let mut seeds = seeds();
        while !seeds.is_empty() {
            let some: Vec<u64> = seeds.by_ref().take(64).collect();
            let differing = some.par_iter().with_max_len(1).filter_map(|seed| {
                let session = random_session(*seed, python.minor >= MODEL, folder.path());
                let told = judged(&session, python)?;
                Some(format!("{}{told}", session.told()))
            });
            let differing: Vec<String> = differing.collect();
            let count = differing.len();
            assert!(
                differing.is_empty(),
                "{}\n{count} differ; again with PMDB_TEST_SEEDS={}..{}",
                differing.concat(),
                some[0],
                some[some.len() - 1] + 1
            );
        }
    });
}
