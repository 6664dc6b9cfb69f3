//! The options of `pmdb run` that choose what stops.

use std::path::PathBuf;

use clap::ValueHint;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use glob::Pattern;

use super::Failure;
use super::catchers::{catchers, is_name};
use crate::session::{Selection, StopKind};

#[derive(clap::Args)]
pub(super) struct SelectionArguments {
    /// What stops a process; without it python-exception, breakpoint, panic and crash.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind(), conflicts_with = "stop_at_entry")]
    on: Vec<StopKind>,
    /// Do not stop at exceptions of these types, or of types that are made of them: ValueError, requests.HTTPError.
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',', value_parser = type_name, conflicts_with = "stop_at_entry")]
    except: Vec<String>,
    /// Stop processes of this rank alone, as their launcher has numbered them (RANK, SLURM_PROCID, …).
    #[arg(long, value_name = "N", conflicts_with = "stop_at_entry")]
    rank: Option<u32>,
    /// Stop processes of such a name alone, as pmdb shows them: 'ForkPoolWorker-*'.
    #[arg(long, value_name = "PATTERN", value_parser = pattern, conflicts_with = "stop_at_entry")]
    name: Option<String>,
    /// Stop at the first failure alone.
    #[arg(long, conflicts_with = "stop_at_entry")]
    only_first: bool,
    /// Stop also where functions take exceptions that this file names; .pmdb.toml is read without it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "stop_at_entry")]
    catchers: Vec<PathBuf>,
}

impl SelectionArguments {
    /// Nothing was said of what stops.
    pub(super) fn is_usual(&self) -> bool {
        self.on.is_empty()
    }

    pub(super) fn selection(&self) -> Result<Selection, Failure> {
        let usual = Selection::default();
        Ok(Selection {
            kinds: if self.on.is_empty() {
                usual.kinds
            } else {
                self.on.clone()
            },
            except: self.except.clone(),
            rank: self.rank,
            name: self.name.clone(),
            only_first: self.only_first,
            catchers: catchers(&self.catchers)?,
        })
    }
}

fn kind() -> impl TypedValueParser<Value = StopKind> {
    let values = StopKind::ALL.map(|kind| PossibleValue::new(kind.name()));
    PossibleValuesParser::new(values).try_map(|name| {
        let mut kinds = StopKind::ALL.into_iter();
        kinds
            .find(|kind| kind.name() == name)
            .ok_or("there is no such kind")
    })
}

fn type_name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_string());
    }
    Err("it is no name of a type".to_string())
}

fn pattern(text: &str) -> Result<String, String> {
    Pattern::new(text).map_err(|error| error.to_string())?;
    Ok(text.to_string())
}
