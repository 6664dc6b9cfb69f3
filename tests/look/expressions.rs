//! The evaluator against the target's own `eval()`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::evaluation::{answer, in_frame, live};
use crate::support::{Dumps, Fixture, Python, fixture_path, on_each_python, says_not_kept};
use pmdb::process::core::{CoreOptions, CoreProcess};
use pmdb::python::Look;
use pmdb::python::eval::Scope;

/// Sentences of errors are those of 3.14; earlier versions must raise the same type.
fn same(python: &Python, said: &str, answered: &str) -> bool {
    let kind = |text: &str| text.split(':').next().unwrap_or_default().to_string();
    said == answered
        || python.minor != 14
            && said.starts_with('!')
            && kind(said) == kind(answered)
        // The address in a default repr of what pmdb made.
        || said.starts_with("<built-in method") && answered.starts_with("<built-in method")
}

fn compare(python: &Python, said: &BTreeMap<String, String>, look: &Look<'_>, scope: &Scope) {
    compare_all_but(0, python, said, look, scope);
}

/// `spared` answers at most may be that something is not kept.
fn compare_all_but(
    mut spared: usize,
    python: &Python,
    said: &BTreeMap<String, String>,
    look: &Look<'_>,
    scope: &Scope,
) {
    let mut wrong = Vec::new();
    for (expression, said) in said {
        let answered = answer(look, scope, expression);
        if spared > 0 && says_not_kept(&answered) {
            spared -= 1;
        } else if !same(python, said, &answered) {
            wrong.push(format!(
                "{expression}\n    Python {said}\n    pmdb   {answered}"
            ));
        }
    }
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} of {} differ:\n{}",
        said.len(),
        wrong.join("\n")
    );
}

fn said(ready: &str) -> BTreeMap<String, String> {
    let said: BTreeMap<String, String> = serde_json::from_str(ready).expect("JSON");
    assert!(said.len() > 400, "{} expressions", said.len());
    said
}

fn table() -> String {
    fixture_path("expressions.txt").display().to_string()
}

#[test]
fn expressions_are_what_eval_gives() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "expressions.py", &[&table()]);
        let said = said(fixture.ready());
        in_frame(&live(&fixture), "answer", |look, scope| {
            compare(python, &said, look, scope);
        });
    });
}

#[test]
fn expressions_work_on_a_core_a_snapshot_and_a_bundle() {
    on_each_python(|python| {
        let mut command = python.command();
        command.arg(fixture_path("expressions.py")).arg(table());
        let Some(dumps) = Dumps::of(&command, python.is_at_an_end()) else {
            return;
        };
        let said = said(dumps.ready());
        for (path, is_snapshot) in dumps.files() {
            // What lies in modules and classes of other modules: `sys.byteorder`, `math.pi`, the value of a member of an enumeration.
            let spared = if is_snapshot { 3 } else { 0 };
            in_frame(&open(&path), "answer", |look, scope| {
                compare_all_but(spared, python, &said, look, scope);
            });
        }
    });
}

#[test]
fn arithmetic_at_random_is_what_eval_gives() {
    const NUMBERS: [&str; 24] = [
        "0",
        "1",
        "-1",
        "2",
        "-7",
        "13",
        "255",
        "-1000003",
        "10**17",
        "-10**19",
        "2**64",
        "2**64-1",
        "3**50",
        "-(2**130)",
        "0.5",
        "-0.1",
        "1e16",
        "2.5e-7",
        "-3.75",
        "1e300",
        "float('inf')",
        "True",
        "2**53+1",
        "7.0",
    ];
    const OPERATORS: [&str; 17] = [
        "+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "<", "==", ">=", "and",
        "or",
    ];
    // A linear congruential generator with a fixed seed: each run asks the same.
    let mut state = 20_260_727_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut lines = String::new();
    for _ in 0..2_000 {
        let (a, b, c) = (NUMBERS[next(24)], NUMBERS[next(24)], NUMBERS[next(24)]);
        let (first, second) = (OPERATORS[next(17)], OPERATORS[next(17)]);
        // Powers and shifts by huge numbers take for ever in Python too.
        let small = |op: &str, number: &'static str| match op {
            "**" | "<<" | ">>"
                if !matches!(number, "0" | "1" | "2" | "13" | "0.5" | "-1" | "True") =>
            {
                "3"
            }
            _ => number,
        };
        let (b, c) = (small(first, b), small(second, c));
        let line = if next(2) == 0 {
            format!("(({a}) {first} ({b})) {second} ({c})")
        } else {
            format!("({a}) {first} ({b})")
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("arithmetic.txt");
    std::fs::write(&path, lines).expect("written");
    on_each_python(|python| {
        let fixture = Fixture::python(python, "expressions.py", &[&path.display().to_string()]);
        let said = said(fixture.ready());
        in_frame(&live(&fixture), "answer", |look, scope| {
            compare(python, &said, look, scope);
        });
    });
}

#[test]
fn what_would_run_code_is_refused_by_name() {
    const REFUSED: &[(&str, &str)] = &[
        ("point.norm()", "calling `Point.norm` would run code"),
        ("method()", "calling `Point.norm` would run code"),
        ("Point(1, 2)", "calling `Point` would run code"),
        ("Point.origin()", "calling `Point.origin` would run code"),
        ("result('1', {})", "calling `result` would run code"),
        ("print('x')", "calling `print` would run code"),
        ("math.sqrt(2)", "calling `math.sqrt` would run code"),
        ("lambda: 1", "a lambda would run code"),
        ("(n := 1)", "an assignment (`:=`) would run code"),
        (
            "default['missing']",
            "the `default_factory` for a missing key would run code",
        ),
        ("numbers.append(1)", "calling `list.append` would run code"),
        ("lazy.area", "the property `Lazy.area` would run code"),
        (
            "lazy.anything",
            "`Lazy.__getattr__` for 'anything' would run code",
        ),
        ("lazy == 1", "`Lazy.__eq__` would run code"),
        ("lazy + 1", "`Lazy.__add__` would run code"),
        ("len(lazy)", "`Lazy.__len__` would run code"),
        ("[lazy][0] in [1]", "`Lazy.__eq__` would run code"),
        ("str(lazy)", "`Lazy.__str__` would run code"),
        ("f'{[lazy]}'", "`Lazy.__repr__` would run code"),
        (
            "list(n for n in stepping)",
            "iterating over a `generator` would run code",
        ),
    ];
    on_each_python(|python| {
        let fixture = Fixture::python(python, "expressions.py", &[&table()]);
        in_frame(&live(&fixture), "answer", |look, scope| {
            for (expression, why) in REFUSED {
                let answered = answer(look, scope, expression);
                assert!(
                    answered.starts_with('?') && answered.contains(why),
                    "{expression}: {answered}"
                );
            }
        });
    });
}

#[test]
fn work_memory_and_nesting_are_bounded() {
    const BOUNDED: &[(&str, &str)] = &[
        ("[0] * 10**9", "more than 256 MiB of memory"),
        ("list(range(10**8))", "more than"),
        ("sum(n for n in range(10**9))", "more than"),
        ("2 ** 10**9", "more than an int of"),
        ("'x' * 10**10", "more than 256 MiB of memory"),
        ("[a for a in range(9999) for b in range(9999)]", "more than"),
        ("'%9999999d' % 1 * 1000", "more than"),
    ];
    let Some(python) = crate::support::any_python() else {
        return;
    };
    let fixture = Fixture::python(python, "expressions.py", &[&table()]);
    in_frame(&live(&fixture), "answer", |look, scope| {
        for (expression, why) in BOUNDED {
            let answered = answer(look, scope, expression);
            assert!(
                answered.starts_with('?') && answered.contains(why),
                "{expression}: {answered}"
            );
        }
        let deep = format!("{}1{}", "(".repeat(3_000), ")".repeat(3_000));
        assert_eq!(answer(look, scope, &deep), "1");
        let deep = "-".repeat(5_000) + "1";
        assert!(answer(look, scope, &deep).contains("levels of nesting"));
    });
}

#[test]
fn a_long_evaluation_can_be_cancelled() {
    let Some(python) = crate::support::any_python() else {
        return;
    };
    let fixture = Fixture::python(python, "expressions.py", &[&table()]);
    in_frame(&live(&fixture), "answer", |look, scope| {
        let mut scope = scope.clone();
        scope.cancelled_by(std::sync::Arc::new(true.into()));
        assert_eq!(answer(look, &scope, "1 + 1"), "?KeyboardInterrupt");
    });
}

#[test]
fn whatis_source_and_completion_know_the_frame() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "expressions.py", &[&table()]);
        in_frame(&live(&fixture), "answer", |look, scope| {
            let what = |expression| {
                let datum = look.evaluate(expression, scope).expect("a value");
                look.whatis(&datum).expect("an answer")
            };
            assert_eq!(what("outer"), "Function outer");
            assert_eq!(what("method"), "Method norm");
            assert_eq!(what("point.norm"), "Method norm");
            assert_eq!(what("Point"), "Class __main__.Point");
            assert_eq!(what("int"), "Class builtins.int");
            assert_eq!(what("point"), "<class '__main__.Point'>");
            assert_eq!(what("one + 1"), "<class 'int'>");
            let source = |expression| {
                let datum = look.evaluate(expression, scope).expect("a value");
                look.source_of(&datum).expect("a definition")
            };
            for expression in ["Point.norm", "method", "point.norm"] {
                let found = source(expression);
                assert!(found.file.ends_with("expressions.py") && found.qualname == "Point.norm");
                let line = found.first_line.expect("a line") as usize;
                let text =
                    std::fs::read_to_string(fixture_path("expressions.py")).expect("it is there");
                assert_eq!(text.lines().nth(line - 1), Some("    def norm(self):"));
            }
            assert_eq!(source("Point").qualname, "Point");
            assert!(source("math_free").file.ends_with("json/__init__.py"));
            assert_eq!(look.complete("len(num", scope), ["numbers"]);
            assert_eq!(look.complete("point.na", scope), ["name"]);
            assert_eq!(
                look.complete("point.", scope),
                ["helper", "kind", "name", "norm", "origin", "x", "y"]
            );
            assert_eq!(look.complete("nested['", scope), ["d", "list"]);
            assert_eq!(look.complete("1 + isinst", scope), ["isinstance"]);
        });
    });
}

fn open(path: &Path) -> CoreProcess {
    CoreProcess::open(path, CoreOptions::default()).expect("a core")
}
