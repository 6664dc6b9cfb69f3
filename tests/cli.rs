//! The command line itself: help, versions, completions, exit codes, pipes.

use std::process::Command;

use crate::support::pmdb;

#[test]
fn version_is_the_crate_version() {
    let answer = pmdb(["--version"]);
    assert_eq!(
        answer.succeeded().stdout,
        format!("pmdb {}\n", env!("CARGO_PKG_VERSION"))
    );
}

/// The subcommands, as `pmdb --help` lists them.
fn subcommands() -> Vec<String> {
    let help = pmdb(["--help"]);
    let lines = help.succeeded().stdout.lines();
    lines
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "help")
        .map(str::to_string)
        .collect()
}

#[test]
fn help_of_every_subcommand_has_an_example() {
    let names = subcommands();
    assert!(names.contains(&"completions".to_string()), "{names:?}");
    for name in names {
        let help = pmdb([name.as_str(), "--help"]);
        let text = &help.succeeded().stdout;
        let example = format!("\n  pmdb {name} ");
        assert!(
            text.contains("Examples:") && text.contains(&example),
            "{text}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2_and_a_sentence() {
    for words in [
        &["no-such-command"][..],
        &["completions"],
        &["completions", "no-such-shell"],
        &["--no-such-option"],
    ] {
        let answer = pmdb(words);
        assert_eq!(answer.code, Some(2), "{words:?}: {answer:?}");
        assert!(answer.stdout.is_empty(), "{answer:?}");
        assert!(answer.stderr.starts_with("pmdb: "), "{answer:?}");
    }
}

#[test]
fn no_words_at_all_show_the_help_as_wrong_usage() {
    let answer = pmdb::<&str>([]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("Usage: pmdb"), "{answer:?}");
}

#[test]
fn completions_complete_the_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let answer = pmdb(["completions", shell]);
        let script = &answer.succeeded().stdout;
        for name in subcommands() {
            assert!(script.contains(&name), "{shell} lacks {name}");
        }
    }
}

/// Bash itself must be able to read its script and complete with it.
#[test]
fn bash_completes_with_the_script() {
    let script = pmdb(["completions", "bash"]).stdout;
    let program = format!(
        "{script}\nCOMP_WORDS=(pmdb comple) COMP_CWORD=1\n_pmdb pmdb comple pmdb\necho \"${{COMPREPLY[@]}}\""
    );
    let Ok(output) = Command::new("bash").arg("-c").arg(program).output() else {
        crate::support::skip("completion in bash", "there is no bash");
        return;
    };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "completions",
        "{output:?}"
    );
}

/// A reader that goes away early (`pmdb … | head -1`) is no failure, and nothing is said about it.
#[test]
fn closed_pipe_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args(["completions", "bash"])
        .stdout(writer)
        .output()
        .expect("cargo built pmdb");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// A full disk is one.
#[test]
fn answer_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full is there");
    let output = Command::new(env!("CARGO_BIN_EXE_pmdb"))
        .args(["completions", "bash"])
        .stdout(full)
        .output()
        .expect("cargo built pmdb");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("pmdb: cannot write"),
        "{output:?}"
    );
}

/// What `pmdb doctor` says of cores is what the shell says of its limit, before and after it was raised.
#[test]
fn doctor_raises_the_limit_on_cores() {
    let script = "ulimit -S -c 0; \"$0\" doctor --json; \"$0\" doctor --fix > /dev/null 2>&1; ulimit -S -c; ulimit -H -c";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pmdb")]);
    let answer = crate::support::run(command, "");
    let (json, limits) = answer.stdout.rsplit_once("}\n").expect("an answer");
    let report: serde_json::Value = serde_json::from_str(&format!("{json}}}")).expect("JSON");
    assert_eq!(report["schema"], 1);
    let findings = report["findings"].as_array().expect("findings");
    let limit = findings
        .iter()
        .find(|finding| finding["what"] == "limit on cores")
        .expect("it is looked at");
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").expect("Linux");
    let (soft, hard) = limits.trim_end().split_once('\n').expect("two limits");
    if pattern.starts_with('|') {
        assert_eq!(limit["verdict"], "good", "{limit}");
    } else {
        assert_eq!(limit["verdict"], "bad", "{limit}");
        assert_eq!(soft, hard, "{answer:?}");
    }
}
