//! What two transcripts are compared by.

use std::path::Path;

use crate::conformance::program::END;

/// What pdb prints before it reads a line, also from a pipe.
const PROMPTS: [&str; 8] = [
    "(((Pdb))) ",
    "((Pdb)) ",
    "(Pdb) ",
    "(com) ",
    "...   ",
    "... ",
    ">>> ",
    "Clear all breaks? ",
];

const FINISHED: &str = "The program finished and will be restarted";
/// How pdb says that the program is over. It then starts it once more.
const ENDS_OF_PDB: [&str; 3] = [
    "Post mortem debugger finished. ",
    FINISHED,
    "The program exited via sys.exit(). Exit status: ",
];
/// How pdb, and pmdb for a program that it has started, say that the frames of an exception can be looked at.
const POST_MORTEM: &str = "Uncaught exception. Entering post mortem debugging";
/// What each says then of how the program goes on.
const AFTER_POST_MORTEM: [&str; 2] = [
    "Running 'cont' or 'step' will restart the program",
    "`continue` lets the program end with it, `run` starts it again",
];

/// From the first stop to the end of the commands or of the program, without prompts, folders, addresses, and pdb's own frames. If both have started the
/// program it is the `whole` of it: from its first line on, and with the post mortem debugging behind it.
pub fn normal(text: &str, folder: &Path, whole: bool) -> String {
    let folder = format!("{}/", folder.display());
    let mut text = text.replace(&folder, "");
    for prompt in PROMPTS {
        text = text.replace(prompt, "");
    }
    let start = text.find("Deleted breakpoint 1 ").filter(|_| !whole);
    let start = start.unwrap_or(0);
    let text = text.split_at(start).1;
    let text = text.split("'the end'\n").next().unwrap_or_default();
    // Behind it pdb steps through its own frames.
    let end_of_random = format!("-> {END} = True");
    let is_random = text.contains("> seed");
    let mut lines = text.lines().peekable();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        let is_end =
            ENDS_OF_PDB.iter().any(|end| line.starts_with(end)) || (line == POST_MORTEM && !whole);
        if is_end || line.starts_with("[process ") || line == end_of_random {
            break;
        }
        if is_random && line.contains("<module>()->") {
            break;
        }
        if AFTER_POST_MORTEM.contains(&line) {
            continue;
        }
        // pdb says of a program that is started again also that it has finished.
        if line.starts_with("Restarting ") {
            let arguments = lines.next().unwrap_or_default();
            kept += &format!("{line}\n{arguments}\n");
            lines.next_if(|next| *next == FINISHED);
            continue;
        }
        // A condition that raises stops the program in both, and pmdb says why.
        if line.starts_with("*** Error in condition of breakpoint ") {
            continue;
        }
        // How a command is used, pmdb says in its own words.
        if line.starts_with("      Usage: ") {
            while lines.next_if(|next| next.starts_with("       ")).is_some() {}
            continue;
        }
        let is_pdb_itself = |name: &str| line.get(2..).is_some_and(|rest| rest.starts_with(name));
        if is_pdb_itself("<string>(") || line.contains("/bdb.py(") || line.contains("/pdb.py(") {
            lines.next_if(|next| next.starts_with("-> "));
            for event in ["--Return--\n", "--Call--\n"] {
                kept.truncate(kept.strip_suffix(event).map_or(kept.len(), str::len));
            }
            continue;
        }
        // pdb goes on to show the last value behind the frame of a generator that has yielded one.
        let at_return = kept.ends_with("--Return--\n");
        let line = match line.split_once("()->") {
            Some((frame, _)) if !at_return && frame.starts_with("> ") => format!("{frame}()"),
            _ => line.to_string(),
        };
        kept += &without_addresses(&line);
        kept.push('\n');
    }
    kept
}

/// Also without those that `reprlib` has cut: `<__main__.Bas...x7fb4c0bd9fd0>`.
fn without_addresses(line: &str) -> String {
    let mut pieces = line.split('x');
    let mut shortened = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        shortened.push('x');
        let digits = piece.trim_start_matches(|character: char| character.is_ascii_hexdigit());
        let is_whole = shortened.ends_with("0x") || digits.starts_with('>');
        shortened += if is_whole { digits } else { piece };
    }
    shortened
}

/// Says where two transcripts part.
pub fn difference(pdb: &str, pmdb: &str) -> Option<String> {
    if pdb == pmdb {
        return None;
    }
    let same = pdb
        .lines()
        .zip(pmdb.lines())
        .take_while(|(one, other)| one == other)
        .count();
    let from = |text: &str| -> String {
        let lines = text.lines().skip(same.saturating_sub(3)).take(9);
        lines.map(|line| format!("    {line}\n")).collect()
    };
    Some(format!("  pdb:\n{}  pmdb:\n{}", from(pdb), from(pmdb)))
}
