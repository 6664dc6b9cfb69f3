//! Values that are too long, too deep or not there: what is shown of them, and that the rest is said.

use crate::support::{Fixture, Python, any_python, on_each_python, pmdb};
use serde_json::Value;

/// The local of that name in the function `hold`.
fn local<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
    let mut frames = frames.expect("frames").iter();
    let frame = frames.find(|frame| frame["function"] == "hold");
    let locals = frame.expect("the frame of hold()")["locals"].as_array();
    let mut locals = locals.expect("locals").iter();
    let found = locals.find(|local| local["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

fn ask(fixture: &Fixture, options: &[&str]) -> Value {
    let pid = fixture.pid().to_string();
    let words = ["stack", &pid, "--locals", "--json"];
    pmdb(words.iter().chain(options)).succeeded().json()
}

fn start(python: &Python, body: &str) -> Fixture {
    let program = format!(
        "import sys\ndef hold():\n{body}\n    print('ready', flush=True)\n    sys.stdin.readline()\nhold()\n"
    );
    Fixture::python_text(python, &program, &[])
}

#[test]
fn long_values_are_cut_and_their_length_is_said() {
    let body = "
    from collections import Counter, OrderedDict, deque
    items, pairs = list(range(50_000)), {i: i for i in range(60_000)}
    text, octets, number = 'x' * 1_000_000, b'y' * 2_000_000, 10 ** 4_999
    members, queue = set(range(70_000)), deque(range(80_000))
    counted, ordered = Counter(range(90_000)), OrderedDict.fromkeys(range(40_000))
    short = [1, 2]";
    let lengths = [
        ("items", 50_000, "items"),
        ("pairs", 60_000, "items"),
        ("text", 1_000_000, "characters"),
        ("octets", 2_000_000, "bytes"),
        ("number", 5_000, "digits"),
        ("members", 70_000, "items"),
        ("queue", 80_000, "items"),
        ("counted", 90_000, "items"),
        ("ordered", 40_000, "items"),
    ];
    on_each_python(|python| {
        let fixture = start(python, body);
        let answer = ask(&fixture, &[]);
        for (name, length, unit) in lengths {
            let local = local(&answer, name);
            let text = local["value"].as_str().unwrap();
            assert_eq!(text.chars().count(), 1_001, "{name}");
            assert!(text.ends_with('…'), "{name}");
            assert_eq!(local["truncated"], true, "{name}");
            assert_eq!(local["length"], length, "{name}");
            assert_eq!(local["unit"], unit, "{name}");
        }
        let short = local(&answer, "short");
        assert_eq!(short["value"], "[1, 2]");
        assert_eq!(
            (&short["truncated"], &short["length"]),
            (&Value::Null, &Value::Null)
        );
        let answer = ask(&fixture, &["--limit=10"]);
        assert_eq!(local(&answer, "items")["value"], "[0, 1, 2, …");
    });
}

#[test]
fn text_says_the_length_behind_the_value() {
    let Some(python) = any_python() else { return };
    let fixture = start(
        python,
        "    items, text = list(range(50_000)), 'x' * 1_000_000",
    );
    let pid = fixture.pid().to_string();
    let answer = pmdb(["stack", &pid, "--locals", "--limit=10"]);
    answer.succeeded();
    assert!(
        answer
            .stdout
            .contains("items = [0, 1, 2, … (50,000 items)\n"),
        "{}",
        answer.stdout
    );
    assert!(
        answer
            .stdout
            .contains("text = 'xxxxxxxxx… (1,000,000 characters)\n"),
        "{}",
        answer.stdout
    );
}

#[test]
fn deep_values_end_at_the_depth_that_was_asked_for() {
    let body = "
    class Node:
        def __init__(self, next):
            self.next = next
    deep, chain, table = [], None, {}
    for _ in range(100_000):
        deep, table = [deep], {0: table}
    for _ in range(10_000):
        chain = Node(chain)
    flat = [[1], (2,), {3: {4}}]";
    on_each_python(|python| {
        let fixture = start(python, body);
        let answer = ask(&fixture, &[]);
        let deep = local(&answer, "deep");
        let expected = "[".repeat(20) + "[…]" + &"]".repeat(20);
        assert_eq!(deep["value"], expected);
        assert_eq!(deep["truncated"], true);
        let chain = local(&answer, "chain")["value"].as_str().unwrap();
        assert_eq!(chain.matches("next=").count(), 1, "{chain}");
        let answer = ask(&fixture, &["--depth=1"]);
        assert_eq!(local(&answer, "flat")["value"], "[[…], (…), {…}]");
        // No depth that a user asks for overflows pmdb's own stack.
        let answer = ask(&fixture, &["--depth=1000000", "--limit=1000000"]);
        let deep = local(&answer, "deep")["value"].as_str().unwrap();
        assert!(deep.starts_with(&"[".repeat(100)), "{deep}");
        assert!(
            local(&answer, "table")["value"]
                .as_str()
                .unwrap()
                .starts_with("{0: {0: ")
        );
    });
}

#[test]
fn generators_say_where_they_are() {
    let body = "
    def count():
        yield 1
        yield 2
    begun, fresh, over = count(), count(), count()
    next(begun), list(over)
    inside = [begun]";
    on_each_python(|python| {
        let fixture = start(python, body);
        let answer = ask(&fixture, &[]);
        let place = |name: &str| local(&answer, name)["progress"].clone();
        assert_eq!(place("begun"), "suspended at <string>:5");
        assert_eq!(place("fresh"), "created");
        assert_eq!(place("over"), "finished");
        assert_eq!(place("inside"), Value::Null);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals"]);
        assert!(
            answer.stdout.contains(">  [suspended at <string>:5]\n"),
            "{}",
            answer.stdout
        );
    });
}

#[test]
fn names_without_a_value_are_said_to_be_unbound() {
    let program = "\
import sys
def outer(argument, captured):
    removed = 1
    del removed
    def inner():
        return captured, late, removed_cell
    removed_cell = 1
    del removed_cell
    squares = [square for square in range(3)]
    print('ready', flush=True)
    sys.stdin.readline()
    late = 1
    later = 2
    return inner
class Body:
    first = 1
    second = [first]
    outer(1, 2)
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals", "--json"])
            .succeeded()
            .json();
        let frames = answer["processes"][0]["threads"][0]["frames"].as_array();
        let frames = frames.expect("frames");
        let shown = |function: &str| -> Vec<(String, String)> {
            let frame = frames.iter().find(|frame| frame["function"] == function);
            let locals = frame.expect("the frame")["locals"].as_array();
            let text = |value: &Value| value.as_str().unwrap().to_string();
            let locals = locals.expect("locals").iter();
            let mut found: Vec<_> = locals
                // From 3.12 on the variable of a comprehension is one of the function (PEP 709).
                .filter(|local| local["name"] != "inner" && local["name"] != "square")
                .map(|local| (text(&local["name"]), text(&local["value"])))
                .collect();
            found.sort();
            found
        };
        let expected = [
            ("argument", "1"),
            ("captured", "2"),
            ("late", "<unbound>"),
            ("later", "<unbound>"),
            ("removed", "<unbound>"),
            ("removed_cell", "<unbound>"),
            ("squares", "[0, 1, 2]"),
        ];
        let expected = expected.map(|(name, text)| (name.to_string(), text.to_string()));
        assert_eq!(shown("outer"), expected);
        let body = [("first", "1"), ("second", "[1]")];
        let body = body.map(|(name, text)| (name.to_string(), text.to_string()));
        assert_eq!(shown("Body"), body);
        let answer = pmdb(["stack", &pid, "--locals"]);
        let line = "(late, removed_cell";
        assert!(
            answer.stdout.contains(" are unbound)\n"),
            "{line}: {}",
            answer.stdout
        );
        assert!(!answer.stdout.contains("= <unbound>"), "{}", answer.stdout);
    });
}

#[test]
fn a_long_value_that_several_frames_have_is_shown_once() {
    let program = "\
import sys
class Server:
    def __init__(self):
        self.__dict__.update({'name%d' % number: number for number in range(40)})
    def serve(self):
        self.handle()
    def handle(self):
        self.wait()
    def wait(self):
        print('ready', flush=True) or sys.stdin.read()
Server().serve()
";
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(python, program, &[]);
    let pid = fixture.pid().to_string();
    let answer = pmdb(["stack", &pid, "--locals"]);
    let text = &answer.succeeded().stdout;
    let full = text.lines().filter(|line| line.contains("name39=39>"));
    assert_eq!(full.count(), 1, "{text}");
    let again = text.lines().filter(|line| {
        line.starts_with("      self = <__main__.Server object at 0x")
            && line.ends_with(": …>  [shown above]")
    });
    assert_eq!(again.count(), 2, "{text}");
    // Programs get all of it.
    let answer = pmdb(["stack", &pid, "--locals", "--json"]);
    let json = &answer.succeeded().stdout;
    assert_eq!(json.matches("name39=39>").count(), 3, "{json}");
}
