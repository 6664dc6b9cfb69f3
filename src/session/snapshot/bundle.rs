//! Several processes in one file.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use rayon::prelude::*;

use super::subject::{Seen, Snapshot, Subject};
use super::whole::take_all;
use super::{MAKER, Occasion, SnapshotError, SnapshotOptions, Taken};
use crate::model::{Manifest, ManifestEntry, Pid, SNAPSHOT_SCHEMA};
use crate::native::ParsedModules;
use crate::process::Process;
use crate::process::core::bundle::CORE;
use crate::process::core::sources::SOURCES_MEMBER;
use crate::process::still;
use crate::process::trace::{Custody, TraceError};
use crate::session::inspection::Inspection;
use crate::session::kept_sources::KeptSources;
use crate::session::stack::milliseconds;
use crate::snapshot::{Contents, Draft};

/// Processes in one file.
pub struct Bundled {
    pub taken: Vec<(Pid, Taken)>,
    /// Those that are not in it, and why.
    pub refused: Vec<(Pid, SnapshotError)>,
    /// Those that stood still at the same moment.
    pub at_once: BTreeSet<Pid>,
}

impl Bundled {
    pub fn of_one(pid: Pid, taken: Taken) -> Bundled {
        Bundled {
            taken: vec![(pid, taken)],
            refused: Vec::new(),
            at_once: BTreeSet::new(),
        }
    }
}

/// Processes that are in memory at a time, before they are written, if they are not all copied at one moment.
const AT_ONCE: usize = 8;

/// Writes several processes into one file, in their order. Fails if none of them can be.
pub fn take_together(
    pids: &[Pid],
    path: &Path,
    options: SnapshotOptions,
) -> Result<Bundled, SnapshotError> {
    let mut draft = Draft::begin(path)?;
    let mut room = options.room(pids);
    let secrets = options.secrets_of(pids);
    let mut sources = KeptSources::without(secrets.clone().unwrap_or_default());
    // They run the same files as a rule.
    let parsed = ParsedModules::default();
    let mut bundled = Bundled {
        taken: Vec::new(),
        refused: Vec::new(),
        at_once: BTreeSet::new(),
    };
    // All memory of a process is not for here: it is prepared when it is written.
    let to_prepare = if options.full { &[] } else { pids };
    let prepare = |&pid: &Pid| Subject::prepare(pid, &options, Occasion::default(), &mut room);
    let subjects: Vec<_> = to_prepare.iter().map(prepare).collect();
    let looked = look_at_once(&subjects, &parsed);
    let is_there = |(pid, seen): (&Pid, &Option<_>)| matches!(seen, Some(Ok(_))).then_some(*pid);
    bundled.at_once = pids.iter().zip(&looked).filter_map(is_there).collect();
    if bundled.at_once.len() < 2 {
        bundled.at_once.clear();
    }
    let mut prepared = subjects.into_iter().zip(looked);
    for pids in pids.chunks(if options.full { 1 } else { AT_ONCE }) {
        let chunk: Vec<_> = prepared.by_ref().take(pids.len()).collect();
        let capture = |(subject, looked): (Result<Subject<'_>, _>, Looked)| {
            let subject: Subject<'_> = subject?;
            let looked = match looked {
                Some(looked) => looked.map_err(SnapshotError::from),
                None => subject.look(&Custody::Nobody, &parsed),
            };
            let mut snapshot = subject.finish(looked?, secrets.as_ref());
            let own = snapshot.facts.process.pid;
            if bundled.at_once.contains(&own) {
                let others = bundled.at_once.iter().filter(|&&pid| pid != own);
                snapshot.facts.at_once_with = others.copied().collect();
            }
            Ok(snapshot)
        };
        let captured: Vec<Result<Snapshot, SnapshotError>> =
            chunk.into_par_iter().map(capture).collect();
        let mut captured = captured.into_iter();
        for &pid in pids {
            let name = format!("{pid}{CORE}");
            let mut add = |contents: &Contents<'_>| draft.add(&name, contents);
            let taken = match captured.next() {
                Some(captured) => captured.and_then(|mut snapshot| {
                    snapshot.note_sources(&mut sources);
                    let written = add(&snapshot.contents(&room))?;
                    Ok(snapshot.taken(written))
                }),
                None => take_all(
                    &Custody::Nobody,
                    pid,
                    (&options, None),
                    &mut room,
                    (&mut sources, false),
                    add,
                ),
            };
            match taken {
                Ok(taken) => bundled.taken.push((pid, taken)),
                // Each that follows would meet the same.
                Err(error @ (SnapshotError::NoRoom { .. } | SnapshotError::Write { .. })) => {
                    return Err(error);
                }
                Err(error) => bundled.refused.push((pid, error)),
            }
        }
    }
    if bundled.taken.is_empty()
        && let Some((_, error)) = bundled.refused.pop()
    {
        return Err(error);
    }
    draft.add_text(SOURCES_MEMBER, &sources.packed())?;
    draft.add_text("manifest.json", &manifest(&bundled))?;
    draft.finish()?;
    Ok(bundled)
}

/// Nothing of one that is to be looked at alone.
type Looked = Option<Result<Seen, TraceError>>;

/// Looks at those that can be looked at, all at one moment.
fn look_at_once(
    subjects: &[Result<Subject<'_>, SnapshotError>],
    parsed: &ParsedModules,
) -> Vec<Looked> {
    let sound = subjects.iter().enumerate();
    let sound = sound.filter_map(|(place, subject)| Some((place, subject.as_ref().ok()?)));
    let (places, sound): (Vec<usize>, Vec<&Subject<'_>>) = sound.unzip();
    let sitters = sound.iter().map(|subject| subject.sitter()).collect();
    let inspections: Vec<Inspection<'_>> = sound
        .iter()
        .map(|subject| subject.inspection(parsed))
        .collect();
    let look = |place: usize, process: &dyn Process, limit| inspections[place].look(process, limit);
    let looked = still::capture_together(sitters, look);
    let mut all: Vec<Looked> = subjects.iter().map(|_| None).collect();
    for ((place, subject), looked) in places.into_iter().zip(&sound).zip(looked) {
        all[place] = looked.map(|looked| looked.map(|looked| subject.seen(looked)));
    }
    all
}

fn manifest(bundled: &Bundled) -> Vec<u8> {
    let core = |(pid, taken): &(Pid, Taken)| ManifestEntry {
        pid: *pid,
        name: Some(taken.name.clone()),
        core: Some(format!("{pid}{CORE}")),
        at_once: bundled.at_once.contains(pid),
        error: None,
    };
    let refused = |(pid, error): &(Pid, SnapshotError)| ManifestEntry {
        pid: *pid,
        name: None,
        core: None,
        at_once: false,
        error: Some(error.to_string()),
    };
    let processes = bundled.taken.iter().map(core);
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA,
        made_by: MAKER.to_owned(),
        taken_ms: milliseconds(SystemTime::now()).unwrap_or(0),
        processes: processes
            .chain(bundled.refused.iter().map(refused))
            .collect(),
    };
    // Plain data, which cannot fail to be written.
    serde_json::to_vec_pretty(&manifest).unwrap_or_default()
}
