//! Which program the words behind `pmdb run` mean.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::session::Program;

/// How a module and a script are run: the first of these that PATH has.
const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// The program of a command line: of a module with its arguments, of a script, or of a command as a shell knows it.
pub(super) fn program(words: &[OsString], is_module: bool) -> Program {
    let (first, rest) = words
        .split_first()
        .map_or((OsStr::new(""), &[][..]), |(first, rest)| {
            (first.as_os_str(), rest)
        });
    if is_module {
        return interpreter([&[OsString::from("-m")], words].concat());
    }
    let program = Program {
        name: first.to_os_string(),
        arguments: rest.to_vec(),
    };
    let path = Path::new(first);
    let is_python = matches!(path.extension(), Some(ending) if ending == "py" || ending == "pyz");
    let is_in_path = program.file().is_some_and(|file| file != path);
    if !is_python || is_in_path || !path.is_file() {
        return program;
    }
    if !is_executable_script(path) {
        return interpreter(words.to_vec());
    }
    // A shell would want the folder too.
    let name = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new(".").join(path).into_os_string(),
        _ => program.name,
    };
    Program { name, ..program }
}

fn interpreter(arguments: Vec<OsString>) -> Program {
    let candidate = |name: &&str| Program {
        name: name.into(),
        arguments: Vec::new(),
    };
    let found = INTERPRETERS
        .iter()
        .find(|name| candidate(name).file().is_some());
    Program {
        arguments,
        ..candidate(found.unwrap_or(&INTERPRETERS[0]))
    }
}

/// Whether a script can be executed by itself: its first line names its interpreter.
fn is_executable_script(path: &Path) -> bool {
    let mut begin = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    let mode = path.metadata().map(|file| file.permissions().mode());
    read.is_ok() && begin == *b"#!" && mode.is_ok_and(|mode| mode & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], is_module: bool, expected: &str) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let program = program(&words, is_module);
        let words = std::iter::once(&program.name).chain(&program.arguments);
        let words: Vec<String> = words.map(|word| word.display().to_string()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn scripts_and_modules_get_an_interpreter_and_commands_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let make = |name: &str, text: &str, mode: u32| {
            let path = path(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let plain = make("plain.py", "print()", 0o644);
        check(&[&plain, "-x"], false, &format!("python3 {plain} -x"));
        let named = make("named.py", "#!/usr/bin/python3\n", 0o755);
        check(&[&named, "-x"], false, &format!("{named} -x"));
        let nameless = make("nameless.py", "print()", 0o755);
        check(&[&nameless], false, &format!("python3 {nameless}"));
        let unexecutable = make("unexecutable.py", "#!/usr/bin/python3\n", 0o644);
        check(&[&unexecutable], false, &format!("python3 {unexecutable}"));
        let other = make("other", "print()", 0o644);
        check(&[&other], false, &other);
        let missing = path("missing.py");
        check(&[&missing], false, &missing);
        check(&["pool", "-m", "x"], true, "python3 -m pool -m x");
        check(&["ls", "plain.py"], false, "ls plain.py");
    }
}
