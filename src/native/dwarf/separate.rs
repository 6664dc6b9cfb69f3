//! Debug information that lies in another file than the code: by build-id, by `.gnu_debuglink`, by `.gnu_debugaltlink`, and
//! in `.dwo` and `.dwp` files.
//!
//! The process's own root is searched first, then pmdb's: a container seldom has debug files, and a build-id, checksum or
//! DWO id tells whether a file belongs to the module, wherever it lies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc::O_NONBLOCK;
use object::Object;
use object::read::elf::ElfFile64;

use super::DwarfError;
use super::sections::{Kept, Naming, Sections, find};
use crate::model::BuildId;
use crate::native::debuginfod::{kept_at, place_of};
use crate::process::elf::{Elf, FileIdentity, file_identity};

/// Where distributions put separate debug files.
const DEBUG_FOLDER: &str = "/usr/lib/debug";

/// Where a module's code lies, and where other files are looked for.
#[derive(Debug, Clone)]
pub struct Origin {
    /// As the process sees it.
    pub path: PathBuf,
    /// The file that has the debug information: the module itself, or a separate one. As found below one of the roots.
    pub debug_file: PathBuf,
    /// Folders that stand for `/`.
    pub roots: Vec<PathBuf>,
}

/// How a skeleton names the file of its unit.
pub struct SplitName {
    pub name: String,
    /// What the name is relative to.
    pub folder: Option<String>,
}

impl Origin {
    /// The path of a file that was found, as the process sees it.
    fn below_root(&self, found: &Path) -> PathBuf {
        let below = self
            .roots
            .iter()
            .find_map(|root| found.strip_prefix(root).ok());
        below.map_or_else(|| found.to_path_buf(), |below| Path::new("/").join(below))
    }

    /// Which file is at a path now, and in which state.
    pub fn identity_of(&self, path: &Path) -> Option<FileIdentity> {
        let (_, file) = self.candidates(path).next()?;
        Some(file_identity(&file.metadata().ok()?))
    }

    /// A file below the first of the roots that has a regular file of that name, and its path as found.
    fn candidates<'o>(&'o self, path: &'o Path) -> impl Iterator<Item = (PathBuf, File)> + 'o {
        let below = path.strip_prefix("/").unwrap_or(path);
        self.roots.iter().filter_map(move |root| {
            let path = root.join(below);
            // A name that a file suggests may be that of a pipe, which must not block pmdb.
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(O_NONBLOCK)
                .open(&path)
                .ok()?;
            file.metadata().ok()?.is_file().then_some((path, file))
        })
    }

    /// The first file that suits, at some places as the process sees them. What is at those before it is noted: what is kept of the module
    /// holds only until it changes, as when a file that was missing is installed.
    fn first_at<T>(
        &self,
        kept: &Kept,
        places: impl IntoIterator<Item = PathBuf>,
        mut suits: impl FnMut(PathBuf, File) -> Option<T>,
    ) -> Option<T> {
        places.into_iter().find_map(|place| {
            let mut there = None;
            let found = self.candidates(&place).find_map(|(path, file)| {
                let about = file.metadata().ok()?;
                there.get_or_insert_with(|| file_identity(&about));
                suits(path, file)
            });
            if found.is_none() {
                kept.looked_at(place, there);
            }
            found
        })
    }

    /// The folder of the module.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

type Parsed<'a> = ElfFile64<'a, object::LittleEndian>;

fn has_debug_information(elf: &Parsed<'_>) -> bool {
    find(elf, ".debug_info").is_some()
}

/// The file that has the debug information of a module, and where it is: the module itself or a separate file.
pub fn open_debug_file(module: Arc<Elf>, origin: &mut Origin) -> Result<Arc<Elf>, DwarfError> {
    let elf = Parsed::parse(module.bytes())?;
    if has_debug_information(&elf) {
        return Ok(module);
    }
    let build_id = elf.build_id().ok().flatten().and_then(BuildId::of);
    let link = elf.gnu_debuglink().ok().flatten();
    let mut tried = Vec::new();
    let mut mismatch = None;
    let by_id = build_id
        .as_ref()
        .and_then(build_id_path)
        .map(|path| (path, None));
    let by_link = link.into_iter().flat_map(|(name, crc)| {
        let paths = link_paths(origin.folder(), &String::from_utf8_lossy(name));
        paths.into_iter().map(move |path| (path, Some(crc)))
    });
    let paths: Vec<_> = by_id.into_iter().chain(by_link).collect();
    for (path, crc) in paths {
        tried.push(path.display().to_string());
        let found = origin.candidates(&path).find_map(|(found, file)| {
            let elf = Elf::open(&file).ok()?;
            match belongs(&elf, build_id.as_ref(), crc) {
                Ok(()) => Some((found, elf)),
                Err(why) => {
                    mismatch = Some(format!("{} {why}", found.display()));
                    None
                }
            }
        });
        if let Some((found, elf)) = found {
            origin.debug_file = found;
            return Ok(Arc::new(elf));
        }
    }
    // What somebody has fetched from a server.
    if let Some(id) = &build_id
        && let Some(path) = kept_at(id)
    {
        tried.push(path.display().to_string());
        let elf = File::open(&path)
            .ok()
            .and_then(|file| Elf::open(&file).ok());
        if let Some(elf) = elf.filter(|elf| belongs_to(elf, id).is_ok()) {
            origin.debug_file = path;
            return Ok(Arc::new(elf));
        }
    }
    if let Some(why) = mismatch {
        return Err(DwarfError::OtherBuild { why });
    }
    Err(DwarfError::NoDebugInformation {
        path: origin.path.clone(),
        why: match tried.is_empty() {
            false => format!("nor is there {}", tried.join(", ")),
            true => "nor does it name a file that has it".to_owned(),
        },
    })
}

/// `/usr/lib/debug/.build-id/ab/cdef….debug`
fn build_id_path(build_id: &BuildId) -> Option<PathBuf> {
    let text = build_id.to_string();
    let (first, rest) = text.split_at_checked(2)?;
    (!rest.is_empty())
        .then(|| PathBuf::from(format!("{DEBUG_FOLDER}/.build-id/{first}/{rest}.debug")))
}

/// Where gdb looks for the file of a `.gnu_debuglink` (its manual, "Debugging Information in Separate Files").
fn link_paths(folder: &Path, name: &str) -> Vec<PathBuf> {
    let below = folder.strip_prefix("/").unwrap_or(folder);
    vec![
        folder.join(name),
        folder.join(".debug").join(name),
        Path::new(DEBUG_FOLDER).join(below).join(name),
    ]
}

/// Whether a file has the debug information of a build; or why it is not that.
pub fn belongs_to(candidate: &Elf, build_id: &BuildId) -> Result<(), String> {
    belongs(candidate, Some(build_id), None)
}

/// Whether a separate file is that of the module: by its build-id, or where one of the two has none, by its checksum.
fn belongs(candidate: &Elf, build_id: Option<&BuildId>, crc: Option<u32>) -> Result<(), String> {
    let elf = Parsed::parse(candidate.bytes())
        .map_err(|error| format!("is not an ELF file that pmdb can read: {error}"))?;
    if !has_debug_information(&elf) {
        return Err("has no debug information".to_owned());
    }
    let its_id = elf.build_id().ok().flatten().and_then(BuildId::of);
    match (build_id, its_id, crc) {
        (Some(id), Some(its_id), _) if *id == its_id => Ok(()),
        (Some(id), Some(its_id), _) => Err(format!("belongs to another build: {its_id}, not {id}")),
        (_, _, Some(crc)) if crc32(candidate.bytes()) == crc => Ok(()),
        (_, _, Some(_)) => Err(
            "belongs to another build: its checksum is not that of the .gnu_debuglink".to_owned(),
        ),
        _ => Err("does not say which build it belongs to".to_owned()),
    }
}

/// The checksum of `.gnu_debuglink`: that of zlib (gdb's manual, the same chapter).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The file that dwz has moved common entries to, if the debug information refers to one; with what to call it.
pub fn open_supplementary<'a>(
    kept: &'a Kept,
    file: &'a Elf,
    origin: &Origin,
) -> Result<Option<(String, Sections<'a>)>, DwarfError> {
    let elf = Parsed::parse(file.bytes())?;
    let Some((name, id)) = elf.gnu_debugaltlink().ok().flatten() else {
        return Ok(None);
    };
    let name = PathBuf::from(String::from_utf8_lossy(name).into_owned());
    let Some(id) = BuildId::of(id) else {
        let why = "its build-id is of no length that one has".to_owned();
        return Err(DwarfError::Unusable { path: name, why });
    };
    let named = origin.folder().join(&name);
    // Relative to where the debug file was found, or as it stands.
    let beside = origin.debug_file.parent().filter(|_| name.is_relative());
    let beside = beside.map(|folder| origin.below_root(&folder.join(&name)));
    let mut places: Vec<PathBuf> = beside.into_iter().chain([named]).collect();
    places.extend(build_id_path(&id));
    places.dedup();
    let meant = |path: PathBuf, file: File| {
        let elf = Elf::open(&file).ok()?;
        let its_id = Parsed::parse(elf.bytes()).ok()?.build_id().ok().flatten();
        (its_id.and_then(BuildId::of).as_ref() == Some(&id)).then_some((path, elf))
    };
    let found = origin.first_at(kept, places, meant).or_else(|| {
        // What somebody has fetched from a server, or will.
        let fetched = kept_at(&id).and_then(|path| meant(path.clone(), File::open(&path).ok()?));
        if let (None, Some(place)) = (&fetched, place_of(&id)) {
            kept.looked_at(place, None);
        }
        fetched
    });
    if let Some((path, elf)) = found {
        let elf = kept.file(origin.below_root(&path), elf);
        let sections = Sections::read(kept, elf, Naming::Main)?;
        return Ok(Some((path.display().to_string(), sections)));
    }
    Err(DwarfError::NoSupplementary { path: name, id })
}

/// The file of a split unit. Whether it has that unit, its caller sees by the id.
pub fn open_split<'a>(
    kept: &'a Kept,
    origin: &Origin,
    split: &SplitName,
) -> Result<(PathBuf, Sections<'a>), DwarfError> {
    let named = Path::new(split.folder.as_deref().unwrap_or("/")).join(&split.name);
    // Moved together with the program.
    let beside = named.file_name().map(|name| origin.folder().join(name));
    let places = [Some(named.clone()), beside].into_iter().flatten();
    let mut unusable = None;
    let found = origin.first_at(kept, places, |path, file| match Elf::open(&file) {
        Ok(elf) => Some((path, elf)),
        Err(error) => {
            let why = error.to_string();
            unusable.get_or_insert(DwarfError::Unusable { path, why });
            None
        }
    });
    let Some((path, elf)) = found else {
        return Err(unusable.unwrap_or(DwarfError::NoSplit { path: named }));
    };
    let elf = kept.file(origin.below_root(&path), elf);
    let sections = Sections::read(kept, elf, Naming::Split)?;
    Ok((path, sections))
}

/// The package of split units beside a module: `program.dwp`.
pub fn open_package<'a>(kept: &'a Kept, origin: &Origin) -> Option<(PathBuf, Sections<'a>)> {
    let with_suffix = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dwp");
        PathBuf::from(name)
    };
    let mut places = vec![
        with_suffix(&origin.path),
        origin.below_root(&with_suffix(&origin.debug_file)),
    ];
    places.dedup();
    origin.first_at(kept, places, |path, file| {
        let elf = kept.file(origin.below_root(&path), Elf::open(&file).ok()?);
        let sections = Sections::read(kept, elf, Naming::Split).ok()?;
        sections
            .has(gimli::SectionId::DebugCuIndex)
            .then_some((path, sections))
    })
}
