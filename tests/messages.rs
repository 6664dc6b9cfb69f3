//! Messages of exceptions against `str()` in the target, and their notes.

use crate::support::{Fixture, on_each_python, pmdb};
use serde_json::Value;

/// Each is the context of the one before; the first is being handled.
const PROGRAM: &str = r#"
import errno, json, os, subprocess, sys
class Mine(Exception):
    pass
class Silent(KeyError):
    pass
class Text(str):
    pass
def made():
    yield ValueError()
    yield ValueError("plain")
    yield ValueError("two\nlines \t é 🐍")
    yield ValueError(Text("of a subclass"))
    yield ValueError(1.5)
    yield ValueError("a", 1, [2])
    yield ValueError(None)
    yield ValueError(KeyError("inner"))
    yield ValueError(ValueError(OSError(2, "No", "f")))
    yield Mine("mine", 2)
    yield KeyError()
    yield KeyError("key")
    yield KeyError("a", "b")
    yield Silent("quiet")
    yield IndexError("list index out of range")
    yield OSError()
    yield OSError("only text")
    yield OSError(2, "No such file")
    yield OSError(2, "No such file", "name")
    yield OSError(18, "Cross-device", "from", None, "to")
    yield OSError(2, "No such file", b"octets")
    yield OSError(errno.EPIPE, os.strerror(errno.EPIPE))
    yield PermissionError(13, "Denied", 7)
    yield ImportError()
    yield ImportError("cannot", name="n", path="p")
    yield ImportError("a", "b")
    yield ModuleNotFoundError("No module named 'x'", name="x")
    yield SystemExit()
    yield SystemExit(3)
    yield SystemExit("bye")
    yield StopIteration([1, 2])
    yield KeyboardInterrupt()
    yield SyntaxError()
    yield SyntaxError("bad")
    yield SyntaxError("bad", ("/long/path/file.py", 7, 3, "x = = 1"))
    yield SyntaxError("bad", (None, 7, 3, "x = = 1"))
    yield SyntaxError("bad", ("file.py", None, None, None))
    yield IndentationError("unexpected indent", ("f.py", 1, 1, " x"))
    yield UnicodeEncodeError("ascii", "aéb", 1, 2, "not in range")
    yield UnicodeEncodeError("latin-1", "a测b", 1, 2, "not in range")
    yield UnicodeEncodeError("ascii", "a🐍b", 1, 2, "not in range")
    yield UnicodeEncodeError("ascii", "aéèb", 1, 3, "not in range")
    yield UnicodeDecodeError("utf-8", b"a\xffb", 1, 2, "invalid start byte")
    yield UnicodeDecodeError("utf-8", b"\xe2\x28\xa1", 0, 2, "invalid")
    yield UnicodeTranslateError("aéb", 1, 2, "cannot")
    yield UnicodeTranslateError("aéèb", 1, 3, "cannot")
    if sys.version_info >= (3, 11):
        yield ExceptionGroup("several", [ValueError(1), KeyError(2)])
        yield BaseExceptionGroup("one", [KeyboardInterrupt()])
    for call in (lambda: {}[()], lambda: [].nothing, lambda: nowhere, lambda: int("x"), lambda: b"\xff".decode(),
                 lambda: "é".encode("ascii"), lambda: compile("x = (", "f", "exec"), lambda: open("/nowhere/at all"),
                 lambda: os.rename("/nowhere", "/else"), lambda: len(5), lambda: 1 / 0, lambda: json.loads("{")):
        try:
            call()
        except Exception as error:
            yield error
errors = list(made())
for one, other in zip(errors, errors[1:]):
    one.__context__ = other
errors[-1].__context__ = None
noted = errors[1]
if hasattr(noted, "add_note"):
    noted.add_note("first note")
    noted.add_note("second\nnote")
else:
    noted.__notes__ = ["first note", "second\nnote"]
def name(kind):
    return kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__qualname__
try:
    raise errors[0]
except Exception:
    errors[0].__context__ = errors[1]
    print("ready " + json.dumps([[name(type(e)), str(e)] for e in errors]), flush=True)
    sys.stdin.readline()
"#;

#[test]
fn messages_are_what_str_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, PROGRAM, &[]);
        let said: Vec<[String; 2]> = serde_json::from_str(fixture.ready()).expect("JSON");
        assert!(said.len() > 50);
        let answer = pmdb(["stack", &fixture.pid().to_string(), "--json"]);
        let answer = answer.succeeded().json();
        let mut exception = &answer["processes"][0]["threads"][0]["exceptions"][0];
        for (index, [name, text]) in said.iter().enumerate() {
            assert_eq!(exception["type"], Value::from(name.as_str()), "{index}");
            assert_eq!(
                exception["message"],
                Value::from(text.as_str()),
                "{index}: {name}"
            );
            let notes = (index == 1).then(|| serde_json::json!(["first note", "second\nnote"]));
            assert_eq!(exception.get("notes"), notes.as_ref(), "{index}");
            exception = &exception["context"];
        }
        assert_eq!(exception, &Value::Null);
    });
}

#[test]
fn own_str_is_not_run_and_that_is_said() {
    let program = "\
import sys
class Loud(Exception):
    def __str__(self):
        return 'loud'
try:
    raise Loud('argument')
except Loud:
    try:
        raise ValueError('shown') from None
    except ValueError:
        print('ready', flush=True)
        sys.stdin.readline()
";
    on_each_python(|python| {
        let fixture = Fixture::python_text(python, program, &[]);
        let pid = fixture.pid().to_string();
        let answer = pmdb(["stack", &pid, "--json"]).succeeded().json();
        let exception = &answer["processes"][0]["threads"][0]["exceptions"][0];
        assert_eq!(exception["message"], "shown");
        assert_eq!(exception["suppress_context"], true);
        let context = exception["context"]["message"].as_str().unwrap();
        assert_eq!(
            context,
            "argument (its arguments: its own __str__ was not run)"
        );
    });
}
