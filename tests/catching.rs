//! `catch` at the prompt: threads stop where exceptions of a class are raised, also if they are handled.

use crate::support::{Fixture, any_python, on_each_python, told};

#[test]
fn what_is_handled_stops_where_it_is_raised_in_any_thread() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "catching.py", &[]);
        let commands = [
            "catch Wrong",
            "catch made.late.Late",
            "disable 2",
            "catch",
            "continue",
            "p $_exception.args == (number,)",
            "exceptions",
            "next",
            "next",
            "next",
            "disable 1",
            "enable 2",
            "continue",
            "p $_exception.args[0] - number, 'from there'",
            "clear 2",
            "catch",
            "p 'and it goes on'",
        ];
        let text = told(&fixture, &commands);
        let parts = [
            "Catchpoint 1: Wrong\n",
            "Catchpoint 2: made.late.Late (pending: whatever class of that name is raised)\n",
            "1   catchpoint   keep yes   Wrong\n2   catchpoint   keep no    made.late.Late\n",
            "Catchpoint 1: Wrong: ",
            "\n> catching.py(12)check()\n-> raise Wrong(number)\n",
            "True\n",
            " Wrong(",
            "--Return--\n> catching.py(12)check()->None\n",
            "Wrong: ",
            "\n> catching.py(21)turn()\n-> check(number)\n",
            "> catching.py(22)turn()\n-> except ValueError as error:\n",
            "Catchpoint 2: made.late.Late: ",
            "\n> catching.py(33)make_late()\n-> raise kind(number)\n",
            "(0, 'from there')\n",
            "Deleted catchpoint 2: made.late.Late\n",
            "1   catchpoint   keep no    Wrong\n\tcatchpoint already hit ",
            "and it goes on",
        ];
        let mut rest = text.as_str();
        for part in parts {
            let at = rest.find(part);
            let at = at.unwrap_or_else(|| panic!("{part} is not in {rest} of {text}"));
            rest = &rest[at + part.len()..];
        }
    });
}

#[test]
fn each_exception_stops_once_also_where_it_lies_at_the_address_of_the_last() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "catching.py", &[]);
        let commands = [
            "catch Wrong",
            "continue",
            "!sys.before = number",
            "continue",
            "p [number - sys.before]",
            "continue",
            "p [number - sys.before]",
            "next",
            "next",
            "continue",
            "p [number - sys.before]",
        ];
        let text = told(&fixture, &commands);
        assert!(text.contains("\n[1]\n"), "{text}");
        assert!(text.contains("\n[2]\n"), "{text}");
        assert!(text.contains("\n[3]\n"), "{text}");
    });
}

#[test]
fn several_classes_have_one_condition_and_what_is_no_class_is_refused() {
    let Some(python) = any_python() else {
        return;
    };
    let fixture = Fixture::python(python, "catching.py", &[]);
    let commands = [
        "catch (KeyError, OSError), number % 7 == 3",
        "continue",
        "p f'{number % 7} of 7'",
        "continue",
        "p f'{number % 7} of 7 again'",
        "catch time",
        "catch 1 +",
        "catch",
    ];
    let text = told(&fixture, &commands);
    assert!(
        text.contains("Catchpoint 1: (KeyError, OSError)\n"),
        "{text}"
    );
    assert!(text.contains("\n-> return names[number]\n"), "{text}");
    assert!(text.contains("\n'3 of 7'\n"), "{text}");
    assert!(text.contains("\n'3 of 7 again'\n"), "{text}");
    assert!(text.contains("time is not a class of exceptions"), "{text}");
    assert!(text.contains("*** SyntaxError"), "{text}");
    assert!(
        text.contains("(KeyError, OSError)\n\tstop only if number % 7 == 3\n"),
        "{text}"
    );
}
