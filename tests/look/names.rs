//! Names and ranks of processes and names of threads, against what each says of itself.

use std::collections::BTreeMap;

use crate::support::{Fixture, fixture_path, on_each_python, pmdb};
use serde_json::Value;

/// What `pmdb` says of each process: name and rank, by pid.
fn told(answer: &Value) -> BTreeMap<u64, (String, Value)> {
    let processes = answer["processes"].as_array().expect("a list");
    let entry = |process: &Value| {
        let name = process["name"].as_str().expect("a name").to_string();
        let pid = process["pid"].as_u64().expect("a pid");
        (pid, (name, process["rank"].clone()))
    };
    processes.iter().map(entry).collect()
}

#[test]
fn workers_are_called_what_they_call_themselves() {
    on_each_python(|python| {
        for method in ["fork", "spawn", "forkserver"] {
            let mut command = python.command();
            command
                .arg(fixture_path("workers.py"))
                .arg(method)
                .env("PMI_RANK", "5")
                .env("LOCAL_RANK", "7")
                .env_remove("RANK");
            let fixture = Fixture::start(command);
            let pid = fixture.pid().to_string();
            let listed = told(&pmdb(["ps", &pid, "--json"]).succeeded().json());
            let stacks = told(&pmdb(["stack", &pid, "--tree", "--json"]).succeeded().json());
            let said: Value = serde_json::from_str(fixture.ready()).expect("JSON");
            let said = said.as_array().expect("a list");
            assert!(said.len() >= 5, "{said:?}");
            for worker in said {
                let pid = worker[0].as_u64().expect("a pid");
                let expected = (
                    worker[1].as_str().expect("a name").to_string(),
                    worker[2].clone(),
                );
                assert_eq!(listed.get(&pid), Some(&expected), "{method}");
                assert_eq!(stacks.get(&pid), Some(&expected), "{method}");
            }
        }
    });
}

#[test]
fn threads_are_called_what_python_calls_them() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "named_threads.py", &[]);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
        let answer = answer.succeeded().json();
        let process = &answer["processes"][0];
        let threads = process["threads"].as_array().expect("a list");
        let said: BTreeMap<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
        assert_eq!(said.len(), 6);
        assert_eq!(threads.len(), 6);
        for thread in threads {
            let tid = thread["tid"].to_string();
            let expected = &said[&tid];
            assert_eq!(thread["name"], expected[0]);
            assert_eq!(thread["daemon"], expected[1]);
        }
        assert_eq!(threads[0]["name"], "MainThread");
        assert_eq!(process["threads_without_python"], 1);
        let text = pmdb(["stack", &fixture.pid().to_string()]);
        let text = &text.succeeded().stdout;
        assert!(text.contains("and 1 thread without Python"), "{text}");
    });
}

#[test]
fn main_thread_has_its_name_without_the_module_threading() {
    let program = "\
import os, sys
assert 'threading' not in sys.modules
print('ready', flush=True)
os.read(0, 1)
";
    on_each_python(|python| {
        let mut command = python.command();
        command.args(["-S", "-E", "-c", program]);
        let fixture = Fixture::start(command);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
        let thread = &answer.succeeded().json()["processes"][0]["threads"][0];
        assert_eq!(thread["name"], "MainThread");
    });
}

#[test]
fn rank_is_that_of_the_environment_at_exec_where_nobody_changed_it() {
    on_each_python(|python| {
        let mut command = python.command();
        command
            .args([
                "-S",
                "-c",
                "import os; print('ready', flush=True); os.read(0, 1)",
            ])
            .env("SLURM_PROCID", "12");
        let fixture = Fixture::start(command);
        let answer = pmdb(["ps", &fixture.pid().to_string(), "--json"]);
        assert_eq!(answer.succeeded().json()["processes"][0]["rank"], 12);
    });
}
