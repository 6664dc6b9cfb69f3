//! The source of a program, read as the inferior itself would read it.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use nix::fcntl::OFlag;
use rustc_hash::{FxHashMap, FxHashSet};

use super::stack::milliseconds;
use super::syntax::SyntaxMap;
use crate::model::{Pid, ProcessReport};
use crate::process::core::sources::{KeptSource, sources_of_bundle, sources_of_dump};
use crate::process::file_facts::is_of_the_kernel;
use crate::process::live;

/// A larger file is not read: nobody wrote it. Bytes.
const LARGEST: u64 = 16 << 20;

/// Bytes of the sources that dumps have inside which are kept in memory, and what each file takes beside its own.
const MOST_KEPT: u64 = 512 << 20;
const OVERHEAD: u64 = 256;
/// Names of files of source end so.
const SUFFIXES: &[&str] = &[
    "py", "pyi", "pyw", "pyx", "pxd", "pxi", "c", "h", "cc", "cpp", "cxx", "c++", "hh", "hpp",
    "hxx", "inl", "ipp", "tcc", "rs", "go", "s", "S", "asm", "f", "f90", "f95", "F", "F90", "cu",
    "cuh", "m", "mm", "java", "js", "ts", "d", "zig", "pas", "ml", "hs", "jl",
];

/// One source file, in lines.
#[derive(Debug)]
pub struct SourceFile {
    bytes: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
    encoding: Encoding,
    /// When it was written last, if the file system tells.
    modified: Option<SystemTime>,
    access: Option<Access>,
    syntax: OnceLock<SyntaxMap>,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
struct Access {
    owner: u32,
    group: u32,
    mode: u32,
}

/// What the bytes of a source file mean (PEP 263). What is neither is shown as UTF-8 with marks for what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Latin1,
}

impl SourceFile {
    fn new(bytes: Vec<u8>) -> SourceFile {
        let after_newlines = memchr::memchr_iter(b'\n', &bytes).map(|index| index + 1);
        let starts: Vec<usize> = std::iter::once(0)
            .chain(after_newlines)
            .filter(|&start| start < bytes.len())
            .collect();
        let mut file = SourceFile {
            bytes,
            starts,
            encoding: Encoding::Utf8,
            modified: None,
            access: None,
            syntax: OnceLock::new(),
        };
        file.encoding = file.declared_encoding();
        file
    }

    /// Of what is in no file.
    pub fn from_text(text: String) -> SourceFile {
        SourceFile::new(text.into_bytes())
    }

    /// Whether it was written after the process began, which may then run other lines.
    pub fn is_newer_than(&self, process: &ProcessReport) -> bool {
        let modified = self.modified.and_then(milliseconds);
        (modified.zip(process.began_ms)).is_some_and(|(modified, began)| modified > began)
    }

    /// As they are in the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Whether a user may read it, by its mode alone: groups that the user has beside the first do not count. What is in no file anybody may.
    pub fn is_readable_by(&self, uid: u32, gid: u32) -> bool {
        let Some(access) = self.access else {
            return true;
        };
        let bits = match () {
            () if uid == 0 => return true,
            () if access.owner == uid => 0o400,
            () if access.group == gid => 0o040,
            () => 0o004,
        };
        access.mode & bits != 0
    }

    /// Whether it is source, by its name or its first line, and no file that only a damaged or hostile dump would name.
    pub fn looks_like_source(&self, name: &str) -> bool {
        let suffix = Path::new(name).extension();
        let suffix = suffix.and_then(|suffix| suffix.to_str());
        let is_named_so = suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix));
        (is_named_so || self.bytes.starts_with(b"#!")) && memchr::memchr(0, &self.bytes).is_none()
    }

    /// What its pieces are. Found when it is first asked for.
    pub fn syntax(&self) -> &SyntaxMap {
        self.syntax.get_or_init(|| {
            let mut text = String::with_capacity(self.bytes.len());
            for line in (1..).map_while(|number| self.line(number)) {
                text.push_str(&line);
                text.push('\n');
            }
            SyntaxMap::new(&text)
        })
    }

    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// A line without its end, counted from 1.
    pub fn line(&self, number: u32) -> Option<String> {
        let bytes = self.line_bytes(number)?;
        Some(match self.encoding {
            Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Encoding::Latin1 => bytes.iter().copied().map(char::from).collect(),
        })
    }

    fn line_bytes(&self, number: u32) -> Option<&[u8]> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).copied();
        let line = self.bytes.get(start..end.unwrap_or(self.bytes.len()))?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // The mark at the beginning of the file is not part of its text.
        let bom = b"\xef\xbb\xbf";
        Some(if index == 0 {
            line.strip_prefix(bom).unwrap_or(line)
        } else {
            line
        })
    }

    /// By the comment in the first two lines: `# -*- coding: latin-1 -*-`.
    fn declared_encoding(&self) -> Encoding {
        for number in [1, 2] {
            let line = self.line_bytes(number).unwrap_or_default();
            let text = String::from_utf8_lossy(line).to_lowercase();
            let Some((before, declared)) = text.split_once("coding") else {
                continue;
            };
            let named = declared.strip_prefix([':', '=']).map(str::trim_start);
            if !before.trim_start().starts_with('#') || named.is_none() {
                continue;
            }
            let name: String = named
                .unwrap_or_default()
                .chars()
                .map(|c| if c == '_' { '-' } else { c })
                .take_while(|&c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
                .collect();
            return match name.as_str() {
                "latin-1" | "iso-8859-1" | "iso-latin-1" | "latin1" | "iso8859-1" | "l1" => {
                    Encoding::Latin1
                }
                _ => Encoding::Utf8,
            };
        }
        Encoding::Utf8
    }
}

/// Which file it is, whatever path led to it, and which state of it: device, inode, size, and when it was written last
/// in seconds and nanoseconds.
type FileId = (u64, u64, u64, i64, i64);

/// The source files of any number of processes. Each is read once, when it is first asked for, also if many
/// processes run it.
#[derive(Debug, Default)]
pub struct Sources {
    by_path: HashMap<PathBuf, Option<Arc<SourceFile>>>,
    /// What a live process calls a file. Where that is takes system calls to find, and a stack names few files often.
    by_name: FxHashMap<Pid, FxHashMap<String, Option<Arc<SourceFile>>>>,
    by_id: HashMap<FileId, Option<Arc<SourceFile>>>,
    /// What snapshots have kept, by path, and bundles.
    by_core: HashMap<String, OfDump>,
    by_bundle: HashMap<PathBuf, KeptFiles>,
    /// Bytes.
    kept: u64,
    audience: Audience,
    /// Processes that mean the same by a path as pmdb. When one has ended, its root can no longer be asked for.
    neighbours: FxHashSet<Pid>,
}

/// Who gets to see the lines of the files that a dump names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Who runs pmdb, and may read all that it reads.
    #[default]
    Oneself,
    Others,
}

/// What a dump has.
#[derive(Debug, Default)]
struct OfDump {
    is_snapshot: bool,
    own: KeptFiles,
    bundle: Option<PathBuf>,
}

/// The files of a dump or a bundle. Lines are counted in what is asked for.
#[derive(Debug, Default)]
struct KeptFiles {
    packed: HashMap<String, KeptSource>,
    read: HashMap<String, Arc<SourceFile>>,
}

impl KeptFiles {
    /// The first of a path is the one.
    fn new(sources: Vec<KeptSource>) -> KeptFiles {
        let mut packed = HashMap::new();
        for source in sources {
            packed.entry(source.path.clone()).or_insert(source);
        }
        KeptFiles {
            packed,
            read: HashMap::new(),
        }
    }

    /// Bytes.
    fn length(&self) -> u64 {
        let length = |source: &KeptSource| (source.path.len() * 2 + source.bytes.len()) as u64;
        let sources = self.packed.values();
        sources.map(|source| length(source) + OVERHEAD).sum()
    }

    fn get(&mut self, path: &str) -> Option<Arc<SourceFile>> {
        if let Some(known) = self.read.get(path) {
            return Some(known.clone());
        }
        let source = self.packed.remove(path)?;
        let mut file = SourceFile::new(source.bytes);
        let modified = source.modified_ms.map(Duration::from_millis);
        file.modified = modified.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        let file = Arc::new(file);
        self.read.insert(source.path, file.clone());
        Some(file)
    }
}

impl Sources {
    pub fn new() -> Sources {
        Sources::default()
    }

    /// For a report that others get. A dump names files at will, also such as are none of its process and of this machine: of what a dump does
    /// not have inside only what looks like source is shown, and of a snapshot, which has all, nothing.
    pub fn to_pass_on() -> Sources {
        Sources {
            audience: Audience::Others,
            ..Sources::default()
        }
    }

    /// The file that a process calls `file`; nothing if there is none, as for `<string>`.
    pub fn of_process(&mut self, process: &ProcessReport, file: &str) -> Option<Arc<SourceFile>> {
        // `<frozen importlib._bootstrap>`, `<string>`, `<stdin>`
        if file.is_empty() || (file.starts_with('<') && file.ends_with('>')) {
            return None;
        }
        let pid = match (process.pid, &process.core) {
            (Some(pid), None) => pid,
            (_, Some(core)) => return self.of_dump(core, file),
            (None, None) => return self.at(Path::new(file)),
        };
        let known = self.by_name.get(&pid).and_then(|names| names.get(file));
        if let Some(known) = known {
            return known.clone();
        }
        let path = Path::new(file);
        match live::has_root_of_pmdb(pid) {
            Some(true) => drop(self.neighbours.insert(pid)),
            Some(false) => drop(self.neighbours.remove(&pid)),
            None if path.is_absolute() && self.neighbours.contains(&pid) => return self.at(path),
            None => {}
        }
        let source = self.at(&live::path_of(pid, path));
        let names = self.by_name.entry(pid).or_default();
        names.insert(file.to_string(), source.clone());
        source
    }

    /// As a snapshot has it; else as it is here.
    fn of_dump(&mut self, core: &str, file: &str) -> Option<Arc<SourceFile>> {
        let (is_snapshot, kept) = self.kept_in(core, file);
        if kept.is_some() {
            return kept;
        }
        match self.audience {
            Audience::Oneself => self.at(Path::new(file)),
            Audience::Others if is_snapshot => None,
            Audience::Others => {
                let found = self.at(Path::new(file));
                found.filter(|found| found.looks_like_source(file))
            }
        }
    }

    /// Whether a dump is a snapshot, and what it has inside under a name.
    fn kept_in(&mut self, core: &str, file: &str) -> (bool, Option<Arc<SourceFile>>) {
        if !self.by_core.contains_key(core) {
            let found = sources_of_dump(Path::new(core), MOST_KEPT.saturating_sub(self.kept));
            let of_dump = OfDump {
                is_snapshot: found.is_snapshot,
                own: KeptFiles::new(found.own),
                bundle: found.bundle,
            };
            self.kept += of_dump.own.length();
            self.by_core.insert(core.to_owned(), of_dump);
        }
        let Some(of_dump) = self.by_core.get_mut(core) else {
            return (false, None);
        };
        let own = of_dump.own.get(file);
        let (true, None, Some(bundle)) = (of_dump.is_snapshot, &own, &of_dump.bundle) else {
            return (of_dump.is_snapshot, own);
        };
        let common = self.by_bundle.entry(bundle.clone()).or_insert_with(|| {
            let room = MOST_KEPT.saturating_sub(self.kept);
            let common = KeptFiles::new(sources_of_bundle(bundle, room));
            self.kept += common.length();
            common
        });
        (true, common.get(file))
    }

    /// Looks for files anew from here on. What has not been written since is not read again.
    pub fn look_again(&mut self) {
        self.by_path.clear();
        self.by_name.clear();
    }

    /// The file at a path of pmdb's own.
    pub fn at(&mut self, path: &Path) -> Option<Arc<SourceFile>> {
        if let Some(known) = self.by_path.get(path) {
            return known.clone();
        }
        let source = self.open(path);
        self.by_path.insert(path.to_path_buf(), source.clone());
        source
    }

    fn open(&mut self, path: &Path) -> Option<Arc<SourceFile>> {
        // The path comes from the inferior: what it names may be a FIFO, which must not hold us up.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
            .open(path)
            .ok()?;
        let metadata = file.metadata().ok()?;
        // `/proc/self/environ` is that of pmdb.
        if !metadata.is_file() || metadata.size() > LARGEST || is_of_the_kernel(&file) {
            return None;
        }
        let written = (metadata.mtime(), metadata.mtime_nsec());
        let id = (
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            written.0,
            written.1,
        );
        let read = || read(&file, &metadata);
        self.by_id.entry(id).or_insert_with(read).clone()
    }
}

fn read(file: &File, metadata: &Metadata) -> Option<Arc<SourceFile>> {
    // With room for its end to be noticed. It may have grown since it was measured.
    let mut bytes = Vec::with_capacity(metadata.size() as usize + 32);
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let mut source = SourceFile::new(bytes);
    source.modified = metadata.modified().ok();
    source.access = Some(Access {
        owner: metadata.uid(),
        group: metadata.gid(),
        mode: metadata.mode(),
    });
    Some(Arc::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let file = SourceFile::new(bytes.to_vec());
        (1..=u32::try_from(file.line_count()).unwrap())
            .map(|number| file.line(number).unwrap())
            .collect()
    }

    #[test]
    fn lines_are_counted_from_one_and_have_no_end() {
        let file = SourceFile::new(b"one\r\ntwo\n\nfour".to_vec());
        assert_eq!(file.line(0), None);
        assert_eq!(file.line(1).as_deref(), Some("one"));
        assert_eq!(file.line(2).as_deref(), Some("two"));
        assert_eq!(file.line(3).as_deref(), Some(""));
        assert_eq!(file.line(4).as_deref(), Some("four"));
        assert_eq!(file.line(5), None);
        assert_eq!(file.line(u32::MAX), None);
    }

    #[test]
    fn empty_file_has_no_line() {
        assert!(lines(b"").is_empty());
        assert_eq!(lines(b"\n"), [""]);
    }

    #[test]
    fn encoding_is_the_declared_one() {
        assert_eq!(
            lines(b"# coding: latin-1\nx = '\xe4'"),
            ["# coding: latin-1", "x = 'ä'"]
        );
        assert_eq!(
            lines(b"#!python\n# -*- coding: ISO-8859-1 -*-\n'\xe4'")[2],
            "'ä'"
        );
        assert_eq!(lines(b"x = 'coding: latin-1'\n'\xe4'")[1], "'\u{fffd}'");
        assert_eq!(lines("\u{feff}ä".as_bytes()), ["ä"]);
    }

    #[test]
    fn what_is_no_file_is_no_source_and_no_hang() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut sources = Sources::new();
        assert!(sources.at(&fifo).is_none());
        assert!(sources.at(folder.path()).is_none());
        assert!(sources.at(Path::new("/dev/zero")).is_none());
        assert!(sources.at(Path::new("/proc/self/environ")).is_none());
        assert!(sources.at(&folder.path().join("none")).is_none());
    }

    #[test]
    fn file_under_two_names_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, "text").unwrap();
        std::fs::hard_link(&one, &two).unwrap();
        let mut sources = Sources::new();
        let (one, two) = (sources.at(&one).unwrap(), sources.at(&two).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
    }
}
