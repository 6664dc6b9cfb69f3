//! Debug information that is compressed, or lies in other files than the code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pmdb::native::dwarf::{DebugInformation, DwarfError};
use pmdb::process::elf::Elf;

use crate::native::frames::{agrees_with_itself, fixed, open};
use crate::support::native::{rust_program, tool};

use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn compressed_sections_are_read() {
    let program = fixed("to-compress", &["-g", "-O"]);
    for kind in ["zlib", "zlib-gnu", "zstd"] {
        let compressed = program.with_file_name(format!("frames-{kind}"));
        let how = format!("--compress-debug-sections={kind}");
        if tool("objcopy", &[&how, text(&program), text(&compressed)]) {
            agrees_with_itself(&compressed, &open(&compressed));
        }
    }
}

/// A stripped program and its debug information in another file, in a folder of their own; with `link`, the one names the other.
fn stripped(variant: &str, link: bool) -> Option<(PathBuf, PathBuf)> {
    let program = fixed(variant, &["-g", "-O", "-Clink-arg=-Wl,--build-id"]);
    let (debug, bare) = (
        program.with_file_name("frames.debug"),
        program.with_file_name("bare"),
    );
    let made = tool(
        "objcopy",
        &["--only-keep-debug", text(&program), text(&debug)],
    ) && tool("objcopy", &["--strip-debug", text(&program), text(&bare)])
        && (!link
            || tool(
                "objcopy",
                &[
                    &format!("--add-gnu-debuglink={}", text(&debug)),
                    text(&bare),
                ],
            ));
    made.then_some((bare, debug))
}

fn open_below(program: &Path, root: &Path) -> Result<DebugInformation, DwarfError> {
    let file = std::fs::File::open(program).expect("it was built");
    let elf = Arc::new(Elf::open(&file).expect("ELF"));
    DebugInformation::open(elf, program, root)
}

#[test]
fn linked_file_is_used_if_it_is_of_the_same_build() {
    let Some((bare, debug)) = stripped("linked", true) else {
        return;
    };
    let information = open(&bare);
    assert_eq!(information.debug_file(), debug);
    agrees_with_itself(&bare, &information);

    let other = fixed("other-build", &["-g", "-Clink-arg=-Wl,--build-id"]);
    std::fs::copy(&other, &debug).expect("it can be written");
    let error = open_below(&bare, Path::new("/"))
        .err()
        .expect("it belongs to another build")
        .to_string();
    assert!(
        error.contains("belongs to another build") && error.contains("frames.debug"),
        "{error}"
    );
}

#[test]
fn file_is_found_by_build_id_below_the_root_of_the_process() {
    let Some((bare, debug)) = stripped("by-id", false) else {
        return;
    };
    let root = tempfile::tempdir().expect("a temporary folder");
    let error = open_below(&bare, root.path())
        .err()
        .expect("there is none")
        .to_string();
    assert!(
        error.contains("/usr/lib/debug/.build-id/") && error.contains("`-g`"),
        "{error}"
    );

    let file = std::fs::File::open(&bare).expect("it was built");
    let elf = Elf::open(&file).expect("ELF");
    let id = elf
        .view()
        .expect("ELF")
        .build_id()
        .expect("it was linked with one")
        .to_string();
    let folder = root.path().join("usr/lib/debug/.build-id").join(&id[..2]);
    std::fs::create_dir_all(&folder).expect("it can be written");
    std::fs::rename(&debug, folder.join(format!("{}.debug", &id[2..]))).expect("it can be written");
    let information = open_below(&bare, root.path()).expect("it is there");
    assert!(information.debug_file().starts_with(root.path()));
    agrees_with_itself(&bare, &information);
}

#[test]
fn split_units_are_found_beside_the_program() {
    let program = fixed("unpacked", &["-g", "-O", "-Csplit-debuginfo=unpacked"]);
    agrees_with_itself(&program, &open(&program));
    let packed = fixed("packed", &["-g", "-O", "-Csplit-debuginfo=packed"]);
    assert!(packed.with_extension("dwp").exists());
    agrees_with_itself(&packed, &open(&packed));
}

/// What a command answers to the lines whose cache is in a folder of its own.
fn with_cache(folder: &Path, pid: u32) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pmdb"));
    command.args(["attach", &pid.to_string()]);
    command.env("XDG_CACHE_HOME", folder).env("NO_COLOR", "1");
    crate::support::run(command, "where\ninfo types *::Point\n").stdout
}

/// The files that a command has kept of a sort.
fn kept(folder: &TempDir, sort: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path().join("pmdb")).expect("something is kept");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_it = |path: &PathBuf| text(path).contains(&format!("/pmdb/{sort}-"));
    paths.filter(is_it).collect()
}

/// Fills what is kept with zeros, but for what says how much it is and from which files.
fn spoil(path: &Path, mode: u32) {
    let mut bytes = std::fs::read(path).expect("it is there");
    let is_line = |bytes: &[u8]| bytes == b"Some(" || bytes == b"None\t";
    let files = bytes.windows(5).position(is_line);
    let length = files.unwrap_or(bytes.len() - 16);
    bytes[..length].fill(0);
    std::fs::write(path, bytes).expect("it can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("it can be set");
}

#[test]
fn names_of_split_units_are_kept_as_long_as_their_files_stay_as_they_are() {
    let options = ["-g", "-Csplit-debuginfo=unpacked", "-Ccodegen-units=1"];
    let program = rust_program("values", "kept-unpacked", &options);
    let waiting = crate::native::values::Waiting::start(&program);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let has_point = || with_cache(folder.path(), waiting.pid()).contains("values::Point");
    assert!(has_point());
    let names = kept(&folder, "names");
    assert!(!names.is_empty());
    // They are used, until one of the files changes: here it only gets another time.
    names.iter().for_each(|path| spoil(path, 0o600));
    assert!(!has_point());
    let beside = program.parent().expect("a folder").read_dir();
    let beside = beside
        .expect("it can be listed")
        .map(|entry| entry.expect("it can be listed").path());
    let split: Vec<PathBuf> = beside
        .filter(|path| path.extension() == Some("dwo".as_ref()))
        .collect();
    assert!(!split.is_empty());
    for path in split {
        let file = std::fs::File::options()
            .write(true)
            .open(path)
            .expect("it is ours");
        file.set_modified(std::time::UNIX_EPOCH)
            .expect("it is ours");
    }
    assert!(has_point());
}

/// Names a file that dwz would have made, in the section that it would have put into the program: the name, and a build-id.
fn refer_to_shared(program: &Path, copy: &Path) -> bool {
    let content = copy.with_file_name("altlink");
    std::fs::write(&content, b"shared.dwz\0\x01\x02\x03\x04").expect("it can be written");
    let section = format!(".gnu_debugaltlink={}", text(&content));
    tool(
        "objcopy",
        &["--add-section", &section, text(program), text(copy)],
    )
}

#[test]
fn names_are_indexed_anew_when_a_file_appears_that_was_missing() {
    let options = ["-g", "-Csplit-debuginfo=unpacked", "-Ccodegen-units=1"];
    let built = rust_program("values", "kept-missing", &options);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("values");
    if !refer_to_shared(&built, &program) {
        return;
    }
    let waiting = crate::native::values::Waiting::start(&program);
    let has_point = || with_cache(folder.path(), waiting.pid()).contains("values::Point");
    let spoil_all = || {
        let names = kept(&folder, "names");
        assert!(!names.is_empty());
        names.iter().for_each(|path| spoil(path, 0o600));
    };
    assert!(has_point());
    for (number, missing) in ["shared.dwz", "values.dwp"].into_iter().enumerate() {
        spoil_all();
        // What is kept is used as long as nothing changes.
        assert!(number > 0 || !has_point());
        std::fs::write(folder.path().join(missing), "being installed").expect("it can be written");
        assert!(has_point(), "{missing}");
    }
    // A file that is of no use does not let it be made by every command.
    spoil_all();
    assert!(!has_point());
}

#[test]
fn what_was_decompressed_and_indexed_is_kept_for_later_commands() {
    let program = crate::native::prompt::rust();
    let compressed = program.with_file_name("values-compressed");
    let words = [
        "--compress-debug-sections=zlib",
        text(&program),
        text(&compressed),
    ];
    if !tool("objcopy", &words) {
        return;
    }
    let waiting = crate::native::values::Waiting::start(&compressed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let answers = || with_cache(folder.path(), waiting.pid());
    let first = answers();
    assert!(
        first.contains("values.rs(") && first.contains("values::Point"),
        "{first}"
    );

    let (names, sections) = (kept(&folder, "names"), kept(&folder, "section"));
    assert!(!names.is_empty() && !sections.is_empty());
    assert_eq!(answers(), first);

    // Nobody else can have written what is taken for ours.
    let all = names.iter().chain(&sections);
    all.for_each(|path| spoil(path, 0o622));
    assert_eq!(answers(), first);
    // And it is used: without the right names none is found, and without the right sections no line.
    names.iter().for_each(|path| spoil(path, 0o600));
    let without = answers();
    assert!(
        without.contains("values.rs(") && !without.contains("values::Point"),
        "{without}"
    );
    sections.iter().for_each(|path| spoil(path, 0o600));
    assert!(!answers().contains("values.rs("));
}
