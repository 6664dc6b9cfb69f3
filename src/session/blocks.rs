//! Where functions and classes begin and end in a source file.

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Mod, Stmt};
use ruff_text_size::Ranged;

/// What matters of the tokens and of the tree of one file.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    marks: Vec<Mark>,
    classes: Vec<ClassPlace>,
}

/// Where a class is defined.
#[derive(Debug)]
struct ClassPlace {
    qualname: String,
    /// Its first decorator's, if it has any.
    line: u32,
}

/// What matters of a token for the extent of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    kind: MarkKind,
    /// From 1.
    line: u32,
    column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkKind {
    Decorator,
    /// `def` or `class`.
    Definition,
    Lambda,
    Newline,
    Indent,
    Dedent,
    Comment,
    Other,
}

impl Blocks {
    /// Takes a token in. `line` counts from 1; of an indentation `column` is where it ends.
    pub fn take(&mut self, kind: TokenKind, line: usize, column: usize) {
        if let Some(kind) = mark(kind) {
            self.marks.push(Mark {
                kind,
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column,
            });
        }
    }

    pub fn take_classes(&mut self, module: &Mod, text: &str) {
        self.classes = classes(module, text);
    }

    /// The line where the class with a qualified name begins, its decorators included; of several the last, which is
    /// the one that the name is bound to in the end.
    pub fn class(&self, qualname: &str) -> Option<u32> {
        let found = self.classes.iter().rev();
        found
            .filter(|class| class.qualname == qualname)
            .map(|class| class.line)
            .next()
    }

    /// The last line of the function, class or lambda that begins at a line, by the rule of CPython's
    /// `inspect.getblock`: decorators before it and comments in its body belong to it.
    pub fn end_of_block(&self, first: u32) -> u32 {
        let mut last = first;
        let (mut started, mut is_lambda, mut in_decorator) = (false, false, false);
        let mut skip_line = false;
        let mut depth = 0_usize;
        let mut body_column = None;
        let marks = self.marks.iter().skip_while(|mark| {
            mark.line < first || matches!(mark.kind, MarkKind::Indent | MarkKind::Dedent)
        });
        for mark in marks {
            if !started && !in_decorator {
                match mark.kind {
                    MarkKind::Decorator => in_decorator = true,
                    MarkKind::Definition => started = true,
                    MarkKind::Lambda => (started, is_lambda) = (true, true),
                    _ => {}
                }
                skip_line = true;
                continue;
            }
            match mark.kind {
                MarkKind::Newline => {
                    skip_line = false;
                    last = mark.line;
                    if is_lambda {
                        return last;
                    }
                    in_decorator = false;
                }
                _ if skip_line => {}
                MarkKind::Indent => {
                    body_column.get_or_insert(mark.column);
                    depth += 1;
                    skip_line = true;
                }
                MarkKind::Dedent => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return last;
                    }
                }
                MarkKind::Comment if body_column.is_some_and(|column| mark.column >= column) => {
                    last = mark.line;
                }
                MarkKind::Comment => {}
                _ if depth == 0 => return last,
                _ => {}
            }
        }
        last
    }
}

/// The classes of a module, also those in functions and in other classes.
fn classes(module: &Mod, text: &str) -> Vec<ClassPlace> {
    struct Finder {
        /// Where lines end.
        newlines: Vec<usize>,
        /// What the name of a class here begins with: `Outer.`, `function.<locals>.`.
        prefix: String,
        found: Vec<ClassPlace>,
    }

    impl<'a> StatementVisitor<'a> for Finder {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            let outer = self.prefix.len();
            match statement {
                Stmt::ClassDef(class) => {
                    self.prefix += class.name.as_str();
                    let decorator = class.decorator_list.first();
                    let start = decorator.map_or(class.range.start(), Ranged::start);
                    let start = start.to_usize();
                    let newlines = self.newlines.partition_point(|&end| end < start);
                    self.found.push(ClassPlace {
                        qualname: self.prefix.clone(),
                        line: u32::try_from(newlines + 1).unwrap_or(u32::MAX),
                    });
                    self.prefix.push('.');
                }
                Stmt::FunctionDef(function) => {
                    self.prefix += function.name.as_str();
                    self.prefix += ".<locals>.";
                }
                _ => {}
            }
            walk_stmt(self, statement);
            self.prefix.truncate(outer);
        }
    }

    let mut finder = Finder {
        newlines: text.match_indices('\n').map(|(at, _)| at).collect(),
        prefix: String::new(),
        found: Vec::new(),
    };
    if let Mod::Module(module) = module {
        finder.visit_body(&module.body);
    }
    finder.found
}

fn mark(kind: TokenKind) -> Option<MarkKind> {
    Some(match kind {
        TokenKind::At => MarkKind::Decorator,
        TokenKind::Def | TokenKind::Class => MarkKind::Definition,
        TokenKind::Lambda => MarkKind::Lambda,
        TokenKind::Newline => MarkKind::Newline,
        TokenKind::Indent => MarkKind::Indent,
        TokenKind::Dedent => MarkKind::Dedent,
        TokenKind::Comment => MarkKind::Comment,
        TokenKind::NonLogicalNewline | TokenKind::EndOfFile => return None,
        _ => MarkKind::Other,
    })
}

#[cfg(test)]
mod tests {
    use crate::session::syntax::SyntaxMap;

    #[test]
    fn block_ends_where_inspect_says() {
        let text = "\
class C:
    @decorator(
        1)
    def f(self):
        if self:
            return 1

        return 2
        # still f
    # not f

    async def g(self): return 3
    h = 4
x = lambda: (1,
             2)
y = 5
";
        let map = SyntaxMap::new(text);
        let ends = [1, 2, 4, 12, 14].map(|first| map.blocks().end_of_block(first));
        assert_eq!(ends, [13, 9, 9, 12, 15]);
    }

    #[test]
    fn classes_are_found_by_their_qualified_names() {
        let text = "class A: pass\n\ndef f():\n  @d\n  class B:\n    class C: pass\nif 1:\n  class A: pass\n";
        let map = SyntaxMap::new(text);
        let names = ["f.<locals>.B", "f.<locals>.B.C", "A", "B"];
        assert_eq!(
            names.map(|name| map.blocks().class(name)),
            [Some(4), Some(6), Some(8), None]
        );
    }
}
