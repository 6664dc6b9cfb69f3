//! Expressions with arrays and scalars of numpy against the target's own `eval()`.

use std::collections::BTreeMap;

use crate::support::evaluation::{answer, in_frame, live};
use crate::support::{Fixture, on_each_python, venv};
use serde::Deserialize;

#[derive(Deserialize)]
struct Said {
    numpy: String,
    said: BTreeMap<String, String>,
}

const REFUSED: &[(&str, &str)] = &[
    ("a + 1", "`+` of an array"),
    ("2 * a[0]", "`*` of an array"),
    ("a > 3", "`>` of an array"),
    ("a == a", "`==` of an array"),
    ("-a", "a unary operator of an array"),
    ("abs(a)", "`abs` of an array"),
    ("a[[0, 1]]", "an array indexed by an array or a list"),
    ("a[i]", "an array indexed by an array or a list"),
    ("a.sum(axis=0)", "`sum` along an axis"),
    ("a.mean(1)", "`mean` along an axis"),
    ("a.sum(dtype='f4')", "`sum` with `dtype`"),
    ("o.sum()", "`sum` of an array of object"),
    ("c.mean()", "`mean` of an array of complex128"),
    ("str(a)", "__str__"),
    ("f'{a[1:]}'", "`str()` of an array"),
    ("a.copy()", "calling `ndarray.copy`"),
    ("np.sum(a)", "would run code"),
    ("u8[0] + u8[0]", "an overflow of uint8"),
    ("huge.sum()", "takes more than"),
    ("list(huge)", "takes more than"),
    ("[a] == [a[:]]", "`ndarray.__eq__`"),
];

#[test]
fn arrays_in_expressions_are_what_eval_gives() {
    on_each_python(|python| {
        let Some(python) = venv(python, &["numpy"]) else {
            return;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mapped.bin").display().to_string();
        let fixture = Fixture::python(&python, "array_expressions.py", &[&path]);
        let Said { numpy, said } = serde_json::from_str(fixture.ready()).expect("JSON");
        assert!(said.len() > 90, "{} expressions", said.len());
        in_frame(&live(&fixture), "answer", |look, scope| {
            let mut wrong = Vec::new();
            for (expression, said) in &said {
                let answered = answer(look, scope, expression);
                if answered != *said {
                    wrong.push(format!("{expression}\n    {said}\n    {answered}"));
                }
            }
            let count = wrong.len();
            assert!(
                wrong.is_empty(),
                "CPython {}, numpy {numpy}: {count} of {} differ\n{}",
                python.version,
                said.len(),
                wrong.join("\n")
            );
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
