//! Futures and tasks as values, against `repr()` in the target, which also lists callbacks.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::Value;

const PROGRAM: &str = r#"
import json, re, sys
if "pure" in sys.argv:
    sys.modules["_asyncio"] = None
import asyncio

async def wait(future):
    await future

async def fail():
    raise ValueError("broken")

async def main():
    loop = asyncio.get_running_loop()
    pending, done, failed, cancelled = [loop.create_future() for _ in range(4)]
    done.set_result([1, "two"])
    failed.set_exception(KeyError("three"))
    cancelled.cancel()
    waiting, failing, named, dropped = [loop.create_task(made) for made in (wait(pending), fail(), wait(done), wait(pending))]
    named.set_name("it's named")
    await asyncio.sleep(0)
    outer = loop.create_task(wait(waiting))
    unstarted = loop.create_task(wait(pending))
    await asyncio.sleep(0)
    dropped.cancel()
    failing.exception(), failed.exception()
    current = asyncio.current_task()
    current.set_name("current")
    names = "pending done failed cancelled waiting failing named dropped outer unstarted".split()
    # Callbacks are left out, wherever they are.
    values = dict(locals())
    texts = {name: re.sub(r" cb=\[[^\]]*\]", "", repr(values[name])) for name in names}
    print("ready " + json.dumps(texts), flush=True)
    sys.stdin.read()

asyncio.run(main())
"#;

/// How an exception is written is not what is tested here.
fn up_to_exception(text: &str) -> &str {
    text.split_inclusive(" exception=").next().unwrap_or(text)
}

fn compare(arguments: &[&str]) {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, PROGRAM, arguments);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--locals", "--json"]);
        let answer = answer.succeeded().json();
        let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
        let mut frames = frames.expect("frames").iter();
        let main = frames.find(|frame| frame["function"] == "main").unwrap();
        let said: serde_json::Map<String, Value> = serde_json::from_str(fixture.ready()).unwrap();
        assert_eq!(said.len(), 10);
        for (name, text) in &said {
            let locals = main["locals"].as_array().unwrap();
            let local = locals.iter().find(|local| local["name"] == *name);
            let read = local.and_then(|local| local["value"].as_str());
            assert_eq!(
                read.map(up_to_exception),
                text.as_str().map(up_to_exception)
            );
        }
    });
}

#[test]
fn futures_and_tasks_are_what_repr_gives() {
    compare(&[]);
}

#[test]
fn futures_and_tasks_written_in_python_are_what_repr_gives() {
    compare(&["pure"]);
}
