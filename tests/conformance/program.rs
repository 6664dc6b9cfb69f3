//! Programs made up at random out of small building blocks: functions, loops, generators, exceptions, `with`. All of them end.

use crate::conformance::dice::Dice;

/// Waits as those in `fixtures/pdb/` do, and has what the rest needs.
const HEAD: &str = r#"import sys, time
waiting = "wait" in sys.argv
print("ready", flush=True)
while waiting: time.sleep(0.001)


class Guard:
    def __init__(self, swallows):
        self.swallows = swallows

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        return self.swallows


def twice(function):
    def wrapper(a, b):
        result = function(a, b)
        return result * 2
    return wrapper


class Counter:
    def __init__(self, start):
        self.count = start

    @property
    def next(self):
        self.count += 1
        return self.count

    def add(self, number):
        self.count += number
        return self

"#;

/// What the last line assigns to.
pub const END: &str = "all_is_done";
/// How deep statements are in one another.
const DEEPEST: usize = 2;

/// A program, and what commands about it may name.
pub struct Program {
    pub text: String,
    pub functions: Vec<String>,
    /// Where its own functions begin.
    pub first_line: usize,
    /// Where the function begins that calls the others.
    pub main_line: usize,
    pub last_line: usize,
}

/// Where a statement stands.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    in_loop: bool,
    in_generator: bool,
    in_function: bool,
}

impl Place {
    fn deeper(self) -> Place {
        Place {
            depth: self.depth + 1,
            ..self
        }
    }
}

struct Author<'d> {
    dice: &'d mut Dice,
    lines: Vec<String>,
    /// Those that are there already: what is called has an end.
    functions: Vec<String>,
    generators: Vec<String>,
    /// Names of loop variables and the like must not meet.
    names: usize,
}

/// The program of a seed.
pub fn program(dice: &mut Dice) -> Program {
    let mut author = Author {
        dice,
        lines: HEAD.lines().map(str::to_string).collect(),
        functions: Vec::new(),
        generators: Vec::new(),
        names: 0,
    };
    let first_line = author.lines.len() + 1;
    for number in 0..2 + author.dice.roll(4) {
        author.function(number);
    }
    let main_line = author.main();
    let Author {
        lines,
        functions,
        generators,
        ..
    } = author;
    Program {
        last_line: lines.len(),
        text: lines.join("\n") + "\n",
        functions: functions.into_iter().chain(generators).collect(),
        first_line,
        main_line,
    }
}

impl Author<'_> {
    fn line(&mut self, place: Place, text: &str) {
        self.lines.push("    ".repeat(place.depth) + text);
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn function(&mut self, number: usize) {
        let is_generator = self.dice.chance(30);
        let name = format!("{}{number}", if is_generator { "gives" } else { "does" });
        let outside = Place {
            depth: 0,
            in_loop: false,
            in_generator: is_generator,
            in_function: true,
        };
        self.lines.push(String::new());
        if !is_generator && self.dice.chance(15) {
            self.line(outside, "@twice");
        }
        self.line(outside, &format!("def {name}(a, b=2):"));
        let inside = outside.deeper();
        if self.dice.chance(20) {
            self.line(inside, "\"\"\"Has a docstring.\"\"\"");
        }
        self.line(inside, "c = a");
        self.block(inside);
        if is_generator {
            self.line(inside, "yield c");
            self.generators.push(name);
        } else {
            self.line(inside, "return a + b + c");
            self.functions.push(name);
        }
        self.lines.push(String::new());
    }

    /// Gives back the first line of its body.
    fn main(&mut self) -> usize {
        let outside = Place {
            depth: 0,
            in_loop: false,
            in_generator: false,
            in_function: true,
        };
        self.lines.push(String::new());
        self.line(outside, "def main():");
        let place = outside.deeper();
        self.line(place, "a, b, c = 1, 2, 3");
        let first_line = self.lines.len();
        for _ in 0..2 + self.dice.roll(3) {
            if self.dice.chance(75) {
                self.line(place, "try:");
                let call = self.call();
                self.line(place.deeper(), &format!("a = {call}"));
                self.line(place, "except Exception as error:");
                self.line(place.deeper(), "b = len(str(error))");
            } else {
                self.statement(place);
            }
        }
        self.line(place, "return a");
        self.lines.push(String::new());
        self.lines.push(String::new());
        self.line(outside, "result = main()");
        self.line(outside, &format!("{END} = True"));
        first_line
    }

    fn block(&mut self, place: Place) {
        for _ in 0..1 + self.dice.roll(if place.depth == 1 { 3 } else { 2 }) {
            self.statement(place);
        }
    }

    fn statement(&mut self, place: Place) {
        if place.depth > DEEPEST {
            return self.simple(place);
        }
        match self.dice.roll(20) {
            0 | 1 => self.branch(place),
            2 | 3 => self.for_loop(place),
            4 => self.while_loop(place),
            5 | 6 => self.attempt(place),
            7 | 8 => self.with(place),
            9 if place.in_function && !place.in_loop => self.closure(place),
            10 if place.in_loop => {
                let condition = self.condition();
                self.line(place, &format!("if {condition}:"));
                let word = *self.dice.one_of(&["break", "continue"]);
                self.line(place.deeper(), word);
            }
            11 if place.in_function && !place.in_generator => {
                let condition = self.condition();
                self.line(place, &format!("if {condition}:"));
                let value = self.value();
                self.line(place.deeper(), &format!("return {value}"));
            }
            12 => {
                let condition = self.condition();
                self.line(place, &format!("if {condition}:"));
                let kind = *self
                    .dice
                    .one_of(&["ValueError", "KeyError", "ArithmeticError"]);
                self.line(place.deeper(), &format!("raise {kind}(a)"));
            }
            13 if place.in_generator => {
                let value = self.value();
                self.line(place, &format!("yield {value}"));
            }
            14 => {
                // One statement of several lines.
                let (variable, first, second) = (self.variable(), self.value(), self.value());
                self.line(place, &format!("{variable} = max("));
                self.line(place.deeper(), &format!("{first},"));
                self.line(place.deeper(), &format!("{second},"));
                self.line(place, ") % 10");
            }
            _ => self.simple(place),
        }
    }

    fn simple(&mut self, place: Place) {
        let (variable, value) = (self.variable(), self.value());
        match self.dice.roll(6) {
            0 => self.line(place, &format!("{variable} += {value}")),
            1 => self.line(place, &format!("b, c = c, {value}")),
            2 => self.line(place, "pass"),
            3 => {
                self.line(place, "# What follows is an assignment.");
                self.line(place, &format!("{variable} = {value}"));
            }
            _ => self.line(place, &format!("{variable} = {value}")),
        }
    }

    fn branch(&mut self, place: Place) {
        let condition = self.condition();
        self.line(place, &format!("if {condition}:"));
        self.block(place.deeper());
        if self.dice.chance(40) {
            let condition = self.condition();
            self.line(place, &format!("elif {condition}:"));
            self.block(place.deeper());
        }
        if self.dice.chance(50) {
            self.line(place, "else:");
            self.block(place.deeper());
        }
    }

    fn for_loop(&mut self, place: Place) {
        let variable = self.name("i");
        let items = match self.dice.roll(4) {
            0 => "enumerate(\"ab\")".to_string(),
            1 => "[a, b, c]".to_string(),
            _ => self.iterable(),
        };
        self.line(place, &format!("for {variable} in {items}:"));
        let inside = Place {
            in_loop: true,
            ..place.deeper()
        };
        self.block(inside);
        if self.dice.chance(25) {
            self.line(place, "else:");
            self.block(place.deeper());
        }
    }

    fn while_loop(&mut self, place: Place) {
        let variable = self.name("n");
        let turns = 1 + self.dice.roll(3);
        self.line(place, &format!("{variable} = {turns}"));
        self.line(place, &format!("while {variable} > 0:"));
        let inside = Place {
            in_loop: true,
            ..place.deeper()
        };
        self.line(inside, &format!("{variable} -= 1"));
        self.block(inside);
        if self.dice.chance(25) {
            self.line(place, "else:");
            self.block(place.deeper());
        }
    }

    fn attempt(&mut self, place: Place) {
        self.line(place, "try:");
        self.block(place.deeper());
        if self.dice.chance(40) {
            let value = self.value();
            self.line(place.deeper(), &format!("c = 10 // ({value} % 2)"));
        }
        let has_handler = self.dice.chance(75);
        if has_handler {
            let kind = *self.dice.one_of(&[
                "ValueError",
                "(KeyError, ZeroDivisionError)",
                "Exception as error",
            ]);
            self.line(place, &format!("except {kind}:"));
            self.block(place.deeper());
            if self.dice.chance(30) {
                self.line(place, "else:");
                self.block(place.deeper());
            }
        }
        if !has_handler || self.dice.chance(40) {
            self.line(place, "finally:");
            // Neither `break` nor `return`: they would swallow the exception, which newer versions warn of.
            self.simple(place.deeper());
        }
    }

    fn with(&mut self, place: Place) {
        let swallows = *self.dice.one_of(&["True", "False"]);
        match self.dice.roll(3) {
            0 => self.line(place, &format!("with Guard(True), Guard({swallows}):")),
            1 => self.line(place, &format!("with Guard({swallows}):")),
            _ => self.line(place, &format!("with Guard({swallows}) as guard:")),
        }
        self.block(place.deeper());
    }

    fn closure(&mut self, place: Place) {
        let name = self.name("inner");
        self.line(place, &format!("def {name}(d):"));
        let inside = place.deeper();
        self.line(inside, "nonlocal c");
        self.line(inside, "c += d");
        let value = self.value();
        self.line(inside, &format!("return d + {value}"));
        self.line(place, &format!("a = {name}(b) % 10"));
    }

    fn variable(&mut self) -> &'static str {
        self.dice.one_of::<&str>(&["a", "b", "c"])
    }

    fn condition(&mut self) -> String {
        let (left, right) = (self.variable(), self.dice.roll(5));
        let operator = *self.dice.one_of(&[">", "<", "==", "!=", "% 2 =="]);
        format!("{left} {operator} {right}")
    }

    fn call(&mut self) -> String {
        let (first, second) = (self.variable(), self.dice.roll(4));
        if self.functions.is_empty() || (!self.generators.is_empty() && self.dice.chance(30)) {
            return match self.generators.is_empty() {
                true => format!("abs({first})"),
                false => format!("sum({}) % 10", self.iterable()),
            };
        }
        let function = self.dice.one_of(&self.functions).clone();
        format!("{function}({first}, {second}) % 10")
    }

    fn iterable(&mut self) -> String {
        let (first, count) = (self.variable(), 1 + self.dice.roll(3));
        if self.generators.is_empty() || self.dice.chance(30) {
            return format!("range({count})");
        }
        let generator = self.dice.one_of(&self.generators).clone();
        format!("{generator}({first}, {count})")
    }

    /// A small number.
    fn value(&mut self) -> String {
        let (one, other) = (self.variable(), self.variable());
        match self.dice.roll(16) {
            0 | 1 => self.call(),
            2 => format!("sum(x + {one} for x in range(2)) % 10"),
            3 => format!("len([x for x in range({other} % 3) if x != 1])"),
            4 => format!("(lambda v: v + {one})(1) % 10"),
            5 => format!("next({}, 0) % 10", self.iterator()),
            6 => format!("Counter({one}).next % 10"),
            7 => format!("Counter({one}).add({other}).count % 10"),
            8 => format!("({one} if {one} > {other} else {other})"),
            9 => "sorted([c, b, a], key=lambda v: -v)[0] % 10".to_string(),
            10 => format!("{one} * {other} % 10"),
            11 => format!("{one} + {other}"),
            _ => self.dice.roll(10).to_string(),
        }
    }

    fn iterator(&mut self) -> String {
        let items = self.iterable();
        format!("iter({items})")
    }
}
