//! `pmdb` at a pipe, one command after the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use super::{Fixture, PATIENCE, fixture_path, pmdb_with_input};

/// What the prompt prints for some commands, without the folder of the fixture.
pub fn told(fixture: &Fixture, commands: &[&str]) -> String {
    let pid = fixture.pid().to_string();
    let answer = pmdb_with_input(["attach", &pid], &(commands.join("\n") + "\n"));
    let folder = fixture_path("").display().to_string();
    answer.stdout.replace(&folder, "")
}

/// A running `pmdb` whose answers are read as they come.
pub struct Conversation {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    asked: usize,
}

impl Conversation {
    pub fn start(arguments: &[&str]) -> Conversation {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmdb"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo built pmdb for this test");
        let input = child.stdin.take().expect("piped above");
        let output = child.stdout.take().expect("piped above");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Conversation {
            child,
            input,
            lines,
            asked: 0,
        }
    }

    /// The lines that a command prints. A string that pmdb evaluates after it marks their end.
    pub fn ask(&mut self, command: &str) -> Vec<String> {
        self.asked += 1;
        let mark = format!("the end of {}", self.asked);
        // An alias can be shown whatever the state of the process.
        writeln!(self.input, "alias mark {mark}").expect("pmdb reads its input");
        writeln!(self.input, "{command}\nalias mark").expect("pmdb reads its input");
        let end = format!("mark = {mark}");
        let mut answer = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{command}: {error}: {answer:?}"));
            if line == end {
                return answer;
            }
            answer.push(line);
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
