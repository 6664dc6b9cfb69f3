//! Sessions made up at random: a program, and commands about it.

use std::path::Path;

use crate::conformance::dice::Dice;
use crate::conformance::program::{Program, program};
use crate::conformance::session::{Beginning, Session};

/// Commands of one session.
const FEWEST: usize = 15;
const MOST: usize = 40;

/// The session of a seed. Its script is written into a folder. An older pdb does not have all commands.
pub fn random_session(seed: u64, has_all: bool, folder: &Path) -> Session {
    let mut dice = Dice::new(seed);
    let program = program(&mut dice);
    let script = folder.join(format!("seed{seed}.py"));
    std::fs::write(&script, &program.text).expect("the folder is ours");
    // From its first line on it would be the definitions of functions for long.
    let beginning = match dice.chance(50) {
        true => Beginning::Attached {
            line: program.main_line.to_string(),
        },
        false => Beginning::Started,
    };
    let mut commands = String::new();
    if beginning == Beginning::Started {
        commands += &format!("tbreak {}\ncontinue\n", program.main_line);
    }
    let has_until = dice.chance(40);
    let mut author = Commands {
        dice: &mut dice,
        has_until,
        has_all,
        program: &program,
        breakpoints: 1,
    };
    for _ in 0..FEWEST + author.dice.roll(MOST - FEWEST) {
        commands += &author.command();
        commands.push('\n');
    }
    Session::new(format!("seed {seed}"), script, beginning, commands)
}

struct Commands<'p> {
    dice: &'p mut Dice,
    program: &'p Program,
    /// Either `until` or breakpoints: pdb passes one on the line that `until` began at.
    has_until: bool,
    has_all: bool,
    /// How many there have been, about.
    breakpoints: usize,
}

impl Commands<'_> {
    fn command(&mut self) -> String {
        match self.dice.roll(50) {
            0..=11 => self.dice.one_of(&["s", "step"]).to_string(),
            12..=20 => self.dice.one_of(&["n", "next"]).to_string(),
            21..=22 => self.dice.one_of(&["r", "return"]).to_string(),
            23 if self.has_until => "until".to_string(),
            24 if self.has_until => format!("until {}", self.line()),
            25..=27 => "c".to_string(),
            28..=30 if !self.has_until => self.breakpoint("b"),
            31 if !self.has_until => self.breakpoint("tbreak"),
            32 => format!("clear {}", self.number()),
            33 => format!("disable {}", self.number()),
            34 => format!("enable {}", self.number()),
            35 => format!("ignore {} {}", self.number(), self.dice.roll(3)),
            36 => format!("condition {} {}", self.number(), self.expression()),
            37 => "b".to_string(),
            // Beyond the module pdb has frames of its own.
            38 => format!("u\np {}\nd", self.expression()),
            39 => format!("u\n{}", self.dice.one_of(&["n", "r", "s"])),
            40 if self.has_all => self.dice.one_of(&["w", "w 2"]).to_string(),
            // Below it are frames that an exception has left.
            46 if self.has_all && self.dice.chance(50) => format!("d\na\np {}", self.expression()),
            41 => "a".to_string(),
            42 => "rv".to_string(),
            43 => "l".to_string(),
            44 => "ll".to_string(),
            45 if self.has_all => format!(
                "!{} = {}",
                self.dice.one_of(&["a", "b", "c"]),
                self.dice.roll(9)
            ),
            46 => format!("display {}", self.expression()),
            47 => "undisplay".to_string(),
            48 if self.has_all && !self.has_until => self.breakpoint_with_commands(),
            _ => format!("p {}", self.expression()),
        }
    }

    fn breakpoint(&mut self, word: &str) -> String {
        self.breakpoints += 1;
        let place = match self.dice.roll(4) {
            // Up to 3.12 that is where the `def` stands.
            0 if self.has_all => self.dice.one_of(&self.program.functions).clone(),
            1 if self.has_all => self
                .dice
                .one_of(&["Guard.__exit__", "Counter.add", "twice"])
                .to_string(),
            _ => self.line().to_string(),
        };
        match self.dice.chance(25) {
            true => format!("{word} {place}, {}", self.expression()),
            false => format!("{word} {place}"),
        }
    }

    /// They are given to a new one: those of one that the program stands at pdb runs at the next stop, wherever that is.
    fn breakpoint_with_commands(&mut self) -> String {
        self.breakpoints += 1;
        let function = self.dice.one_of(&self.program.functions).clone();
        let silent = *self.dice.one_of(&["silent\n", ""]);
        let last = *self.dice.one_of(&["end", "c", "n", "s"]);
        let shown = self.expression();
        format!("b {function}\ncommands\n{silent}p {shown}\n{last}")
    }

    fn line(&mut self) -> usize {
        let first = match self.dice.chance(85) {
            true => self.program.first_line,
            false => 1,
        };
        first + self.dice.roll(self.program.last_line - first)
    }

    fn number(&mut self) -> usize {
        1 + self.dice.roll(self.breakpoints + 1)
    }

    fn expression(&mut self) -> String {
        let variable = *self.dice.one_of(&["a", "b", "c"]);
        match self.dice.roll(6) {
            0 => format!("{variable} > {}", self.dice.roll(5)),
            1 => "undefined".to_string(),
            2 => "(a, b, c)".to_string(),
            _ => variable.to_string(),
        }
    }
}
