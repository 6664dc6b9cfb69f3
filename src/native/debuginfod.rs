//! Debug information from servers that have it by build-id (debuginfod of elfutils).
//!
//! Nothing is fetched unless somebody asks for it, and never while a process is held. What was fetched lies where the clients of elfutils keep it
//! (`debuginfod_find_debuginfo(3)`), and serves gdb as it serves pmdb: so what gdb has fetched is found here, too.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use thiserror::Error;

use super::dwarf::{DebugInformation, DwarfError, belongs_to};
use super::loaded::LoadedModules;
use super::{Module, module::Place};
use crate::model::BuildId;
use crate::process::elf::Elf;

/// Servers, separated by blanks, as gdb and the tools of elfutils know them.
pub const SERVERS: &str = "DEBUGINFOD_URLS";
/// Where files are kept, if it is not in the folder for caches.
const CACHE: &str = "DEBUGINFOD_CACHE_PATH";
/// What curl may take: seconds to reach a server, and for one file; and bytes of a file.
const LONGEST_CONNECTING: &str = "10";
const LONGEST_FETCH: &str = "600";
const LARGEST: &str = "4294967296";
/// Of curl: what the server answers is an error (`--fail`).
const NOT_THERE: i32 = 22;
/// What others may do with a file that is taken for ours: nothing but read it.
const WRITTEN_BY_OTHERS: u32 = 0o022;

#[derive(Debug, Error)]
pub enum FetchError {
    #[error(
        "no server is named: set {SERVERS} (`export {SERVERS}=https://debuginfod.elfutils.org`)"
    )]
    NoServer,
    #[error("curl cannot be started, with which pmdb fetches files: {0}; install it")]
    NoCurl(std::io::Error),
    #[error("no server has it ({0})")]
    NotThere(String),
    #[error("{server}: {why}")]
    Server { server: String, why: String },
    #[error("what {server} has sent cannot be used: it {why}")]
    Unusable { server: String, why: String },
    #[error("{} cannot be written: {source}", path.display())]
    Cache {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("there is no folder for it: set HOME or {CACHE}")]
    NoCache,
}

/// A module that lacks its debug information, and what came of the search for it.
#[derive(Debug)]
pub struct Fetched {
    /// The file of the module, as the process names it.
    pub module: String,
    pub build_id: BuildId,
    pub outcome: Result<PathBuf, FetchError>,
}

fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute(CACHE).or_else(|| {
        let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Some(caches?.join("debuginfod_client"))
    })
}

/// Where the debug information of a build is kept once it was fetched.
pub(super) fn kept_at(build_id: &BuildId) -> Option<PathBuf> {
    let file = folder()?.join(build_id.to_string()).join("debuginfo");
    let about = fs::symlink_metadata(&file).ok()?;
    let owner = about.uid();
    // Under sudo that keeps `HOME` the folder is another's, who may put there what they like.
    let is_own = owner == 0 || owner == nix::unistd::geteuid().as_raw();
    let is_safe = is_own && about.mode() & WRITTEN_BY_OTHERS == 0;
    // The clients leave an empty file where a server has nothing.
    (about.is_file() && is_safe && about.len() > 0).then_some(file)
}

/// Fetches the debug information of the modules of a process that have none. `tell` hears of each before it is looked for.
pub fn fetch_missing(
    modules: &LoadedModules<'_>,
    tell: &dyn Fn(&str),
) -> Result<Vec<Fetched>, FetchError> {
    let servers = servers()?;
    let mut fetched = Vec::new();
    for code in modules.all_code() {
        let (Ok(loaded), Some(name)) = (&code.module, &code.name) else {
            continue;
        };
        let module: &Arc<Module> = &loaded.module;
        let (Some(build_id), Some(place)) = (module.build_id(), module.place()) else {
            continue;
        };
        if !is_missing(module.elf().clone(), place) {
            continue;
        }
        tell(name);
        fetched.push(Fetched {
            module: name.to_string(),
            build_id: build_id.clone(),
            outcome: fetch(build_id, &servers),
        });
    }
    Ok(fetched)
}

fn is_missing(elf: Arc<Elf>, place: &Place) -> bool {
    let opened = DebugInformation::open(elf, &place.path, &place.root);
    let lacks = |error: &DwarfError| {
        matches!(
            error,
            DwarfError::NoDebugInformation { .. } | DwarfError::OtherBuild { .. }
        )
    };
    opened.as_ref().err().is_some_and(lacks)
}

fn servers() -> Result<Vec<String>, FetchError> {
    let text = std::env::var(SERVERS).unwrap_or_default();
    let urls = text.split_whitespace();
    // Others are no servers to curl: `file:`, and what it would take for an option.
    let urls = urls.filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    let servers: Vec<String> = urls
        .map(|url| url.trim_end_matches('/').to_owned())
        .collect();
    match servers.is_empty() {
        true => Err(FetchError::NoServer),
        false => Ok(servers),
    }
}

fn fetch(build_id: &BuildId, servers: &[String]) -> Result<PathBuf, FetchError> {
    let folder = folder().ok_or(FetchError::NoCache)?;
    let folder = folder.join(build_id.to_string());
    let unwritten = |source| FetchError::Cache {
        path: folder.clone(),
        source,
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&folder).map_err(unwritten)?;
    let partial = folder.join(format!("debuginfo.pmdb-{}", std::process::id()));
    let mut refused = FetchError::NotThere(servers.join(", "));
    for server in servers {
        let outcome = ask(server, build_id, &partial);
        let outcome = outcome.and_then(|()| check(server, build_id, &partial));
        match outcome {
            Ok(()) => {
                let whole = folder.join("debuginfo");
                fs::rename(&partial, &whole).map_err(unwritten)?;
                return Ok(whole);
            }
            Err(error) => {
                // Nothing was written, or nothing of use.
                let _ = fs::remove_file(&partial);
                if !matches!(error, FetchError::NotThere(_)) {
                    refused = error;
                }
            }
        }
    }
    // Empty, unless a client of elfutils has noted something there.
    let _ = fs::remove_dir(&folder);
    Err(refused)
}

fn ask(server: &str, build_id: &BuildId, into: &Path) -> Result<(), FetchError> {
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location"])
        .args(["--proto", "=http,https", "--proto-redir", "=http,https"])
        .args(["--connect-timeout", LONGEST_CONNECTING])
        .args(["--max-time", LONGEST_FETCH, "--max-filesize", LARGEST])
        .arg("--output")
        .arg(into)
        .arg("--")
        .arg(format!("{server}/buildid/{build_id}/debuginfo"));
    let output = curl.output().map_err(FetchError::NoCurl)?;
    match output.status.code() {
        Some(0) => Ok(()),
        Some(NOT_THERE) => Err(FetchError::NotThere(server.to_owned())),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let why = said.trim().trim_start_matches("curl: ").to_owned();
            let server = server.to_owned();
            Err(FetchError::Server { server, why })
        }
    }
}

/// A server may send anything: it must be the debug information of this build.
fn check(server: &str, build_id: &BuildId, file: &Path) -> Result<(), FetchError> {
    let unusable = |why: String| FetchError::Unusable {
        server: server.to_owned(),
        why,
    };
    let opened = File::open(file).map_err(|error| unusable(error.to_string()))?;
    let elf = Elf::open(&opened).map_err(|error| unusable(error.to_string()))?;
    belongs_to(&elf, build_id).map_err(unusable)
}
