//! Files that tell of functions which take exceptions, beside those that pmdb knows: `--catchers FILE` and `.pmdb.toml`.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::Failure;
use crate::session::Catcher;

/// Read from the folder that pmdb is started in, if it is there.
const OWN_FILE: &str = ".pmdb.toml";
/// The agents carry them.
const MOST_CATCHERS: usize = 100;
/// Characters.
const LONGEST_TEXT: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    #[serde(default)]
    catcher: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    file: String,
    function: String,
    #[serde(default)]
    argument: String,
    #[serde(default)]
    caller: String,
    fate: Option<String>,
}

/// Those of the current folder's file, and of all others that are named.
pub(super) fn catchers(named: &[PathBuf]) -> Result<Vec<Catcher>, Failure> {
    let own = Path::new(OWN_FILE);
    let own = own.is_file().then(|| own.to_path_buf());
    let mut catchers = Vec::new();
    for path in own.iter().chain(named) {
        let text = fs::read_to_string(path).map_err(|error| {
            failure(format!(
                "cannot read the catchers of {}: {error}",
                path.display()
            ))
        })?;
        let read = read(&text)
            .map_err(|(line, why)| failure(format!("{}:{line}: {why}", path.display())))?;
        catchers.extend(read);
        if catchers.len() > MOST_CATCHERS {
            let why = format!("{}: more than {MOST_CATCHERS} catchers", path.display());
            return Err(failure(why));
        }
    }
    Ok(catchers)
}

fn failure(why: String) -> Failure {
    Failure::Operation(vec![why])
}

/// The catchers of a file, or the line of what is wrong in it and what that is.
fn read(text: &str) -> Result<Vec<Catcher>, (usize, String)> {
    let line = |span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or(text);
        1 + before.matches('\n').count()
    };
    let configuration: Configuration = toml::from_str(text).map_err(|error| {
        let line = line(error.span().unwrap_or(0..0));
        (line, error.message().to_string())
    })?;
    let rows = configuration.catcher.into_iter();
    rows.map(|row| {
        let line = line(row.span());
        row.into_inner().catcher().map_err(|why| (line, why))
    })
    .collect()
}

impl Row {
    fn catcher(self) -> Result<Catcher, String> {
        let Row {
            file,
            function,
            argument,
            caller,
            fate,
        } = self;
        let function = function.replace("<locals>.", "");
        let caller = caller.replace("<locals>.", "");
        let fate = fate.unwrap_or_else(|| format!("{function} takes it"));
        for text in [&file, &function, &argument, &caller, &fate] {
            if text.chars().count() > LONGEST_TEXT {
                return Err(format!("a text has more than {LONGEST_TEXT} characters"));
            }
        }
        let is_module = file
            .strip_suffix(".py")
            .is_some_and(|stem| !stem.is_empty());
        if !is_module {
            return Err(format!(
                "`file` is the end of a module's path, such as \"pool/worker.py\", and not \"{file}\""
            ));
        }
        if !is_name(&function) {
            return Err(format!(
                "`function` is a qualified name, such as \"Worker.on_error\", and not \"{function}\""
            ));
        }
        if !argument.is_empty() && (!is_name(&argument) || argument.contains('.')) {
            return Err(format!(
                "`argument` is the name of an argument of the function, and not \"{argument}\""
            ));
        }
        if !caller.is_empty() && !is_name(&caller) {
            return Err(format!(
                "`caller` is a qualified name, such as \"Worker.run\", and not \"{caller}\""
            ));
        }
        Ok(Catcher {
            file,
            function,
            argument,
            caller,
            fate,
        })
    }
}

/// Whether a text is a name of Python, or several with dots between them.
pub(super) fn is_name(text: &str) -> bool {
    let is_one = |part: &str| {
        let begins = |c: char| c.is_alphabetic() || c == '_';
        part.starts_with(begins) && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.split('.').all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_bad_ones_are_named_by_their_line() {
        let good = "\
[[catcher]]
file = 'farm/worker.py'
function = 'Worker.run.<locals>.failed'

[[catcher]]
file = 'farm/worker.py'
function = 'report'
argument = 'error'
caller = 'Worker.run'
fate = 'farm only logs it'
";
        let read_rows = read(good).unwrap();
        assert_eq!(read_rows.len(), 2);
        assert_eq!(read_rows[0].function, "Worker.run.failed");
        assert_eq!(read_rows[0].fate, "Worker.run.failed takes it");
        assert_eq!(read_rows[1].argument, "error");
        let row = |line: &str| format!("# rows\n{good}\n[[catcher]]\nfile = 'a.py'\n{line}\n");
        for (text, line, part) in [
            (row("function = 'a b'"), 13, "qualified name"),
            (row(""), 13, "missing field `function`"),
            (
                row("function = 'f'\nargumen = 'x'"),
                16,
                "unknown field `argumen`",
            ),
            (
                row("function = 'f'\nargument = 'a.b'"),
                13,
                "name of an argument",
            ),
            (row("function = 3"), 15, "invalid type"),
            (row("function = 'f"), 15, ""),
            ("\n[catchers]\n".to_string(), 2, "unknown field `catchers`"),
            (
                "\n\n[[catcher]]\nfile = 'a'\nfunction = 'f'".to_string(),
                3,
                "end of a module's path",
            ),
        ] {
            let (at, why) = read(&text).unwrap_err();
            assert!(at == line && why.contains(part), "{text}: {at}: {why}");
        }
    }
}
