//! Classes that attrs made: the text that their generated `__repr__` gives, which is not run.

use crate::support::{Fixture, on_each_python, pmdb, venv};
use serde_json::{Map, Value};

/// Texts by name; the last three are not as attrs gives them: what a function of the program writes is not run.
const PROGRAM: &str = r#"
import attr, json, sys
@attr.s
class Old:
    x = attr.ib()
    y = attr.ib(default=2)
    hidden = attr.ib(default=3, repr=False)
    _private = attr.ib(default=None)
    late = attr.ib(init=False)
@attr.s(auto_attribs=True, slots=True)
class Slots:
    x: int
    items: list = attr.Factory(list)
@attr.s
class Derived(Old):
    z = attr.ib(default=Slots(7))
@attr.s
class Redacted:
    user = attr.ib()
    secret = attr.ib(repr=lambda value: "***")
@attr.s(auto_exc=True, auto_attribs=True)
class Failure(Exception):
    code: int
@attr.s(repr=False)
class Silent:
    x = attr.ib(default=1)
@attr.s(auto_detect=True)
class Spoken:
    x = attr.ib(default=1)
    def __repr__(self):
        return "<spoken>"
def made():
    @attr.s(auto_attribs=True)
    class Local:
        x: str = "é"
    return Local()
def show(old, slots, derived, failure, local, cycle, listed, redacted, silent, spoken):
    silent_text = "<__main__.Silent object at %#x: x=1>" % id(silent)
    spoken_text = "<__main__.Spoken object at %#x: x=1>" % id(spoken)
    texts = {name: repr(value) for name, value in locals().items() if not name.endswith("text")}
    texts.update(redacted="Redacted(user='u', secret=<computed>)", silent=silent_text, spoken=spoken_text)
    print("ready", json.dumps(texts), flush=True)
    sys.stdin.read()
cycle = Old(1)
cycle.y = [cycle]
show(Old(1), Slots(1, [Old(2)]), Derived("x"), Failure(3), made(), cycle, [Slots(1)], Redacted("u", "s"), Silent(), Spoken())
"#;

#[test]
fn classes_of_attrs_are_shown_as_they_show_themselves() {
    on_each_python(|python| {
        let Some(python) = venv(python, &["attrs"]) else {
            return;
        };
        let fixture = Fixture::python_text(&python, PROGRAM, &[]);
        let said: Map<String, Value> = serde_json::from_str(fixture.ready()).expect("JSON");
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--locals", "--json"])
            .succeeded()
            .json();
        let frame = &answer["processes"][0]["threads"][0]["frames"][0];
        assert_eq!(frame["function"], "show");
        let locals = frame["locals"].as_array().expect("locals");
        assert_eq!(said.len(), 10);
        for (name, text) in said {
            let local = locals.iter().find(|local| local["name"] == *name);
            assert_eq!(local.expect(&name)["value"], text, "{name}");
        }
    });
}
