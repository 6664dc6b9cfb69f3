//! Debug information from servers that have it by build-id (debuginfod of elfutils).
//!
//! Nothing is fetched unless somebody asks for it, and never while a process is held. What was fetched lies where the clients of elfutils keep it
//! (`debuginfod_find_debuginfo(3)`), and serves gdb as it serves pmdb: so what gdb has fetched is found here, too.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
const LARGEST: u64 = 4 << 30;
/// Of curl (`--fail`): the server answers with an error, of which it says the number behind these words.
const REFUSED: i32 = 22;
const ANSWERED: &str = "returned error: ";
const NOT_THERE: &str = "404";
/// A file that is being fetched; behind it is the number of the process that does so.
const PARTIAL: &str = "debuginfo.pmdb-";
/// What others may do with a file that is taken for ours: nothing but read it.
const WRITTEN_BY_OTHERS: u32 = 0o022;

#[derive(Debug, Error)]
pub enum FetchError {
    #[error(
        "no server is named: set {SERVERS} (`export {SERVERS}=https://debuginfod.elfutils.org`)"
    )]
    NoServer,
    #[error("curl cannot be started, with which pmdb fetches files: {0}; install it")]
    NoCurl(io::Error),
    #[error("no server has it ({0})")]
    NotThere(String),
    #[error("{server}: {why}")]
    Server { server: String, why: String },
    #[error("what {server} has sent cannot be used: it {why}")]
    Unusable { server: String, why: String },
    #[error("{} cannot be written: {source}", path.display())]
    Cache { path: PathBuf, source: io::Error },
    #[error(
        "{} belongs to another user, who could put there what they like: set {CACHE} to a folder of your own",
        .0.display()
    )]
    OfAnother(PathBuf),
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

/// Where the debug information of a build would be kept.
pub(super) fn place_of(build_id: &BuildId) -> Option<PathBuf> {
    Some(folder()?.join(build_id.to_string()).join("debuginfo"))
}

/// Where the debug information of a build is kept once it was fetched.
pub(super) fn kept_at(build_id: &BuildId) -> Option<PathBuf> {
    let file = place_of(build_id)?;
    let about = fs::symlink_metadata(&file).ok()?;
    // Under sudo that keeps `HOME` the folder is another's, who may put there what they like.
    let is_safe = is_own(&about) && about.mode() & WRITTEN_BY_OTHERS == 0;
    // The clients leave an empty file where a server has nothing.
    (about.is_file() && is_safe && about.len() > 0).then_some(file)
}

fn is_own(about: &Metadata) -> bool {
    let owner = about.uid();
    owner == 0 || owner == nix::unistd::geteuid().as_raw()
}

/// Fetches the debug information of the modules of a process that have none. `tell` hears of each before it is looked for.
pub fn fetch_missing(
    modules: &LoadedModules<'_>,
    tell: &dyn Fn(&str),
) -> Result<Vec<Fetched>, FetchError> {
    let mut servers = None;
    let mut fetched = Vec::new();
    for code in modules.all_code() {
        let (Ok(loaded), Some(name)) = (&code.module, &code.name) else {
            continue;
        };
        let module: &Arc<Module> = &loaded.module;
        let (Some(build_id), Some(place)) = (module.build_id(), module.place()) else {
            continue;
        };
        // What was fetched may refer to a file that dwz has made, which is on the servers, too.
        for _ in 0..2 {
            let Some(missing) = missing(module.elf().clone(), place, build_id) else {
                break;
            };
            let servers = match &servers {
                Some(servers) => servers,
                None => &*servers.insert(named_servers()?),
            };
            tell(name);
            let outcome = fetch(&missing, servers);
            let is_there = outcome.is_ok();
            fetched.push(Fetched {
                module: name.to_string(),
                build_id: missing,
                outcome,
            });
            if !is_there {
                break;
            }
        }
    }
    Ok(fetched)
}

/// The build of which there is no file: of the module itself, or of what its debug information refers to.
fn missing(elf: Arc<Elf>, place: &Place, build_id: &BuildId) -> Option<BuildId> {
    match DebugInformation::open(elf, &place.path, &place.root) {
        Ok(opened) => opened.lacks(),
        Err(DwarfError::NoDebugInformation { .. } | DwarfError::OtherBuild { .. }) => {
            Some(build_id.clone())
        }
        Err(_) => None,
    }
}

fn named_servers() -> Result<Vec<String>, FetchError> {
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
    let cache = folder().ok_or(FetchError::NoCache)?;
    let folder = cache.join(build_id.to_string());
    let unwritten = |source| FetchError::Cache {
        path: folder.clone(),
        source,
    };
    // Before anything is made there: nothing is left to another user that only root can remove.
    let mut above = cache.ancestors().map(|path| (path, fs::metadata(path)));
    if let Some((path, Ok(about))) = above.find(|(_, about)| about.is_ok())
        && !is_own(&about)
    {
        return Err(FetchError::OfAnother(path.to_owned()));
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&folder).map_err(unwritten)?;
    let about = fs::symlink_metadata(&folder).map_err(unwritten)?;
    if !about.is_dir() || !is_own(&about) {
        return Err(FetchError::OfAnother(folder));
    }
    remove_partial(&folder);
    let partial = folder.join(format!("{PARTIAL}{}", std::process::id()));
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

/// What was left there by those that were killed.
fn remove_partial(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PARTIAL));
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
            continue;
        };
        let is_running = Path::new("/proc").join(pid.to_string()).exists();
        if !is_running || pid == std::process::id() {
            // That it is in the way is told by what comes next.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes what a server sends into a new file, which only pmdb's user can write: curl would follow a link that is there, and leave it to the umask who may write.
fn ask(server: &str, build_id: &BuildId, into: &Path) -> Result<(), FetchError> {
    let unwritten = |source| FetchError::Cache {
        path: into.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(into)
        .map_err(unwritten)?;
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location"])
        .args(["--proto", "=http,https", "--proto-redir", "=http,https"])
        .args(["--connect-timeout", LONGEST_CONNECTING])
        .args(["--max-time", LONGEST_FETCH])
        .args(["--max-filesize", &LARGEST.to_string()])
        .arg("--")
        .arg(format!("{server}/buildid/{build_id}/debuginfo"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = curl.spawn().map_err(FetchError::NoCurl)?;
    let stdout = child.stdout.take();
    let copied = stdout.map_or(Ok(true), |mut sent| {
        copy_at_most(LARGEST, &mut sent, &mut file)
    });
    if !matches!(copied, Ok(true)) {
        // It fails if curl has ended, which is as good.
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(FetchError::NoCurl)?;
    let server = server.to_owned();
    // Until 8.4 curl does not count what is sent in chunks.
    if !copied.map_err(unwritten)? {
        let why = format!("it sends more than {LARGEST} bytes");
        return Err(FetchError::Server { server, why });
    }
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("curl: ");
    let answered = said.split_once(ANSWERED);
    let answered = answered.filter(|_| output.status.code() == Some(REFUSED));
    Err(match answered {
        Some((_, status)) if status.starts_with(NOT_THERE) => FetchError::NotThere(server),
        Some((_, status)) => FetchError::Server {
            server,
            why: format!("answered {status}"),
        },
        None => FetchError::Server {
            server,
            why: said.to_owned(),
        },
    })
}

/// Copies until there is no more; or says that there is more than `most`.
fn copy_at_most(most: u64, from: &mut impl Read, into: &mut impl Write) -> io::Result<bool> {
    let copied = io::copy(&mut from.by_ref().take(most), into)?;
    // Not one byte too many is written.
    Ok(copied < most || io::copy(&mut from.take(1), &mut io::sink())? == 0)
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

#[cfg(test)]
mod tests {
    use std::io::repeat;

    use super::copy_at_most;

    #[test]
    fn a_server_that_does_not_end_fills_nothing() {
        let mut kept = Vec::new();
        let of_four = |most, kept: &mut Vec<u8>| copy_at_most(most, &mut &b"1234"[..], kept).ok();
        assert_eq!(of_four(4, &mut kept), Some(true));
        assert_eq!(of_four(3, &mut kept), Some(false));
        assert_eq!(
            copy_at_most(2, &mut repeat(b'0'), &mut kept).ok(),
            Some(false)
        );
        assert_eq!(kept, b"123412300");
    }
}
