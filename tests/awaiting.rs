//! `await` at the prompt, and `$_asynctask`.

use crate::support::{Fixture, Terminal, on_each_python, told};

const STOP: [&str; 2] = ["tbreak awaiting.py:46", "continue"];

/// What the prompt says to commands in the task that works.
fn in_task(fixture: &Fixture, commands: &[&str]) -> String {
    let session = told(fixture, &[&STOP[..], commands].concat());
    let (_, answers) = session
        .split_once("-> result = item + 1\n")
        .unwrap_or_else(|| panic!("{session}"));
    answers.to_string()
}

/// Lets the fixture come to its end: what `work` gave, what the loop complained of, and the tasks that are left.
fn ends_with(fixture: &mut Fixture, results: &str) {
    fixture.write_line("end");
    assert_eq!(fixture.read_line(), format!("ended {results} [] []"));
}

#[test]
fn coroutines_run_while_their_task_stands_still() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "awaiting.py", &[]);
        let answers = in_task(
            &fixture,
            &[
                "await double(21)",
                "p ticks > before",
                "x = await double(item)",
                "p x",
                "[await double(one) for one in (1, x)]",
                "await asyncio.gather(double(3), double(4))",
                "(await double(1), item)",
                "await fails()",
                "await undefined",
                "await None",
                "for one in (1, 2):",
                "    print(one, await double(one))",
                "",
                "async with Guard() as guard:",
                "    guard",
                "",
                "p guard",
                "async for one in two():",
                "    pass",
                "",
                "def f(): await double(1)",
                "item = await double(50)",
                "next",
                "p result",
            ],
        );
        let expected = "\
42
True
2
[2, 4]
[6, 8]
(2, 1)
*** ValueError: it failed
*** NameError: name 'undefined' is not defined
";
        assert!(answers.starts_with(expected), "{answers}");
        let rest = &answers[expected.len()..];
        let (error, rest) = rest.split_once('\n').expect("more lines");
        assert!(error.starts_with("*** TypeError: "), "{error}");
        let expected = "\
1 2
2 4
'guarded'
*** NameError: name 'two' is not defined
*** SyntaxError: 'await' outside async function
> awaiting.py(47)work()
-> await asyncio.sleep(0.001)
101
";
        assert_eq!(rest, expected);
        ends_with(&mut fixture, "['101', '2']");
    });
}

#[test]
fn asynctask_is_the_task_that_stands_still() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "awaiting.py", &[]);
        let answers = in_task(
            &fixture,
            &[
                "p $_asynctask is own, $_asynctask is asyncio.current_task()",
                "whatis $_asynctask",
                "pp $_asynctask.done()",
                "display $_asynctask is own",
                "up",
                "whatis double(1).close()",
                "source Guard().__aenter__",
            ],
        );
        let expected =
            "(True, True)\n<class '_asyncio.Task'>\nFalse\ndisplay $_asynctask is own: True\n";
        assert!(answers.starts_with(expected), "{answers}");
        let expected = "\
<class 'NoneType'>
 36  \t    async def __aenter__(self):
 37  \t        await asyncio.sleep(0)
 38  \t        return \"guarded\"
";
        assert!(answers.ends_with(expected), "{answers}");
        ends_with(&mut fixture, "['2']");

        let fixture = Fixture::python(python, "working.py", &[]);
        let answers = told(
            &fixture,
            &[
                "stop",
                "p $_asynctask",
                "!import asyncio",
                "p $_asynctask",
                "await asyncio.sleep(0)",
            ],
        );
        let complaints: Vec<&str> = answers
            .lines()
            .filter(|line| line.starts_with("***"))
            .collect();
        let expected = [
            "*** KeyError: '_asynctask'",
            "*** KeyError: '_asynctask'",
            "*** RuntimeError: no event loop runs in this thread, so nothing can be awaited here",
        ];
        assert_eq!(complaints, expected);
    });
}

/// The main thread is in C code: the one that speaks for it knows whose task it is about.
#[test]
fn asynctask_is_known_while_the_task_is_in_c_code() {
    on_each_python(|python| {
        let mut fixture = Fixture::python(python, "awaiting.py", &["blocks"]);
        let answers = told(&fixture, &["stop", "p $_asynctask is own"]);
        assert!(answers.ends_with("True\n"), "{answers}");
        fixture.write_line("end");
        let end = fixture.read_line();
        assert!(end.ends_with("[] []"), "{end}");
    });
}

#[test]
fn what_is_awaited_without_end_is_given_up_by_an_interrupt() {
    on_each_python(|python| {
        // No other task turns the loop.
        let mut fixture = Fixture::python(python, "awaiting.py", &["quiet"]);
        let mut terminal = Terminal::attach(&fixture);
        for line in STOP {
            terminal.type_keys(&format!("{line}\r"));
        }
        terminal.wait_for("-> result = item + 1");
        terminal.wait_for("(pmdb) ");
        terminal.type_keys("await forever()\r");
        assert_eq!(fixture.read_line(), "waits");
        terminal.type_keys("\x03");
        terminal.wait_for("*** KeyboardInterrupt");
        terminal.type_keys("await double(20 + 1)\rquit\r");
        terminal.wait_for("\n42\r");
        terminal.wait();
        ends_with(&mut fixture, "['2']");
    });
}
