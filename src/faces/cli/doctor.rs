//! `pmdb doctor`.

use super::{Failure, print};
use crate::session::doctor::{Finding, Verdict, examine};

const EXAMPLES: &str = "\
Examples:
  pmdb doctor         can cores be written, and may processes be looked at?
  pmdb doctor --fix   change what the user may, for this shell";

/// Say whether cores can be written here and processes looked at, and what to do where not.
///
/// The exit code is 1 if something is bad.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Change what can be changed without being root: for the shell that pmdb is started from, and what that starts later.
    #[arg(long)]
    fix: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "fix")]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let findings = examine();
    let (mut text, mut failures) = (String::new(), Vec::new());
    if arguments.json {
        let answer = serde_json::json!({ "schema": 1, "findings": findings });
        text = format!("{answer:#}\n");
    }
    for finding in &findings {
        let mut is_bad = finding.verdict == Verdict::Bad;
        if !arguments.json {
            text += &said_of(finding);
        }
        if let Some(fix) = finding.fix.filter(|_| arguments.fix) {
            match fix.apply() {
                Ok(done) => {
                    text += &format!("        done: {done}\n");
                    is_bad = false;
                }
                Err(error) => text += &format!("        not done: {error}\n"),
            }
        }
        if is_bad {
            failures.push(format!("{}: {}", finding.what, finding.says));
        }
    }
    print(text.as_bytes())?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operation(failures)),
    }
}

fn said_of(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Note => "note",
        Verdict::Bad => "bad",
    };
    let mut text = format!("{word:<6}  {}: {}\n", finding.what, finding.says);
    if let Some(remedy) = &finding.remedy {
        text += &format!("        {remedy}\n");
    }
    text
}
