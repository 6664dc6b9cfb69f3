//! `pmdb ps` against what the processes say of themselves.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::Value;

/// A program that starts `sh`, which starts Python again: two Python processes with one between them.
const GRANDPARENT: &str = "\
import os, subprocess, sys
script = 'import os; print(\"child\", os.getpid(), os.getppid(), flush=True); os.read(0, 1)'
child = subprocess.Popen(['sh', '-c', '\"$0\" -c \"$1\"; true', sys.executable, script], stdout=subprocess.PIPE, text=True)
_, pid, shell = child.stdout.readline().split()
print('ready', pid, shell, flush=True)
os.read(0, 1)
";

fn processes(answer: &Value) -> &Vec<Value> {
    answer["processes"].as_array().expect("a list")
}

fn pids(answer: &Value) -> Vec<u64> {
    processes(answer)
        .iter()
        .map(|process| process["pid"].as_u64().expect("a pid"))
        .collect()
}

#[test]
fn families_are_listed_with_their_interpreters() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, GRANDPARENT, &["--rank=3"]);
        let said: Vec<u64> = fixture
            .ready()
            .split(' ')
            .map(|pid| pid.parse().expect("a pid"))
            .collect();
        let (own, child, shell) = (u64::from(fixture.pid()), said[0], said[1]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["ps", &pid, "--json"]).succeeded().json();
        assert_eq!(answer["schema"], 1);
        assert_eq!(pids(&answer), [own, child]);
        let minor = format!("CPython 3.{}", python.minor);
        for process in processes(&answer) {
            let interpreter = process["interpreter"].as_str().expect("CPython");
            assert!(interpreter.starts_with(&minor), "{interpreter}");
            assert_eq!(process["error"], Value::Null);
            assert_eq!(process["usage"]["threads"], 1);
        }
        assert_eq!(processes(&answer)[1]["parent"], shell);
        let with_all = pmdb(["ps", &pid, "--all", "--json"]).succeeded().json();
        assert_eq!(pids(&with_all), [own, shell, child]);
        assert_eq!(processes(&with_all)[1]["interpreter"], Value::Null);
    });
}

#[test]
fn everybody_is_listed_without_a_pid() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, GRANDPARENT, &[]);
        let child: u64 = fixture.ready().split(' ').next().unwrap().parse().unwrap();
        let own = u64::from(fixture.pid());
        let listed = pids(&pmdb(["ps", "--json"]).json());
        let place = |pid| listed.iter().position(|&other| other == pid);
        // Below its grandparent, whatever else runs on this machine.
        assert_eq!(place(child), place(own).map(|place| place + 1));
        let everybody = pids(&pmdb(["ps", "--json", "--all"]).json());
        assert!(everybody.contains(&u64::from(std::process::id())));
        assert!(!listed.contains(&u64::from(std::process::id())));
    });
}

#[test]
fn text_has_a_line_for_each_and_draws_the_tree() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, GRANDPARENT, &[]);
        let child = fixture.ready().split(' ').next().unwrap();
        let pid = fixture.pid().to_string();
        let answer = pmdb(["ps", &pid]);
        let lines: Vec<&str> = answer.succeeded().stdout.lines().collect();
        let [titles, first, second] = lines[..] else {
            panic!("{lines:#?}")
        };
        assert!(titles.trim_start().starts_with("PID  NAME"), "{titles}");
        assert!(first.trim_start().starts_with(&pid), "{first}");
        assert!(second.contains(&format!("{child}  └─ ")), "{second}");
        for line in lines {
            assert!(line.chars().count() <= 120, "{line}");
        }
        let flat = pmdb(["ps", &pid, "--flat"]);
        assert!(!flat.succeeded().stdout.contains('└'));
    });
}

#[test]
fn process_that_is_not_there_is_an_error() {
    pmdb(["ps", &i32::MAX.to_string()]).failed_with("no process");
    assert_eq!(pmdb(["ps", "0"]).code, Some(2));
}
