//! Debug information that is compressed, or lies in other files than the code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pmdb::native::dwarf::{DebugInformation, DwarfError};
use pmdb::process::elf::Elf;

use crate::frames::{agrees_with_itself, fixed, open};
use crate::support::native::tool;

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
