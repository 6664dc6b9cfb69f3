//! One stack of a thread's Python and native frames: where the interpreter's loop runs Python functions, these stand in its place.
//!
//! `docs/internals/mixed-stacks.md` tells how the two are matched.

use std::ops::Range;

use crate::model::{Addr, Frame};
use crate::python::Evaluation;

/// A frame of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MachineFrame {
    /// The frames of the source that it is, the newest first.
    pub sources: Vec<Frame>,
    /// Its part of the stack.
    pub stack: Range<Addr>,
}

/// The Python stack of one interpreter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PythonFrames {
    /// The newest first.
    pub frames: Vec<Frame>,
    pub evaluations: Vec<Evaluation>,
}

/// What both together are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mixed {
    /// The newest first.
    pub frames: Vec<Frame>,
    /// What is not as it should be.
    pub note: Option<String>,
}

/// Where each instruction of the interpreter is a function of its own (3.14+, `Py_TAIL_CALL_INTERP`), one of them is there in place
/// of the loop, which has called the first.
const INSTRUCTION: &str = "_TAIL_CALL_";

impl MachineFrame {
    fn function(&self) -> &str {
        let machine = self.sources.last();
        machine.map_or("", |frame| frame.function.as_str())
    }

    /// Whether it goes by the name of the interpreter's loop; a compiler may have split off a part of that (`.cold`).
    fn is_named_loop(&self) -> bool {
        let rest = self.function().strip_prefix("_PyEval_EvalFrameDefault");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// What a machine frame is to Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A function like any other.
    Native,
    /// The loop of this evaluation; of none yet, or any more, if it has just begun or is about to end.
    Loop(Option<usize>),
    /// A part of the loop that is its caller.
    Instruction,
}

/// Puts Python frames in the places of the loops that run them. One interpreter may have called another in the same thread: the
/// newest comes first, and each gets the native frames down to the loops of the next. `is_whole` says whether the native
/// stack was followed to its end.
pub(super) fn mix(
    native: Vec<MachineFrame>,
    interpreters: Vec<PythonFrames>,
    is_whole: bool,
) -> Vec<Mixed> {
    let owned = interpreters.iter().enumerate();
    let evaluations: Vec<(usize, Evaluation)> = owned
        .flat_map(|(owner, python)| python.evaluations.iter().map(move |&one| (owner, one)))
        .collect();
    let (roles, note) = match roles(&native, &evaluations, is_whole) {
        Ok(roles) => (roles, None),
        Err(note) => (vec![Role::Native; native.len()], Some(note)),
    };
    let mut mixed = Vec::new();
    mixed.resize_with(interpreters.len(), Mixed::default);
    let frames = interpreters
        .into_iter()
        .map(|python| python.frames.into_iter());
    let mut of_python: Vec<_> = frames.collect();
    let mut owner = 0;
    for (machine, role) in native.into_iter().zip(roles) {
        match role {
            Role::Native => mixed[owner].frames.extend(machine.sources),
            Role::Instruction | Role::Loop(None) => {}
            Role::Loop(Some(number)) => {
                let (of, evaluation) = evaluations[number];
                owner = of;
                let run = of_python[owner].by_ref().take(evaluation.frames);
                mixed[owner].frames.extend(run);
            }
        }
    }
    // Of a native stack that could not be followed to its end the older Python frames are known all the same.
    for (mixed, rest) in mixed.iter_mut().zip(of_python) {
        mixed.frames.extend(rest);
        mixed.note.clone_from(&note);
    }
    mixed
}

/// What each machine frame is; or what the reader should know if the two stacks do not fit each other.
fn roles(
    native: &[MachineFrame],
    evaluations: &[(usize, Evaluation)],
    is_whole: bool,
) -> Result<Vec<Role>, String> {
    let by_variables = by_variables(native, evaluations, is_whole);
    by_variables.or_else(|| by_names(native, evaluations.len(), is_whole)).ok_or_else(|| {
        let named = native.iter().filter(|frame| frame.is_named_loop()).count();
        let evaluations = evaluations.len();
        format!(
            "its Python and native stacks do not fit each other ({named} native frames go by the name of the interpreter's \
             loop, and Python knows of {evaluations}): they are shown one after the other"
        )
    })
}

/// A loop is the machine frame that has the shim among its variables, whatever it is called.
fn by_variables(
    native: &[MachineFrame],
    evaluations: &[(usize, Evaluation)],
    is_whole: bool,
) -> Option<Vec<Role>> {
    let mut roles = vec![Role::Native; native.len()];
    let mut older = 0;
    for (number, (_, evaluation)) in evaluations.iter().enumerate() {
        let variable = evaluation.variable?;
        let place = native
            .iter()
            .skip(older)
            .position(|frame| frame.stack.contains(&variable));
        let Some(place) = place else {
            return (!is_whole).then_some(roles);
        };
        roles[older + place] = Role::Loop(Some(number));
        older += place + 1;
    }
    for callee in 0..native.len().saturating_sub(1) {
        if matches!(roles[callee + 1], Role::Loop(_))
            && native[callee].function().starts_with(INSTRUCTION)
        {
            roles[callee] = Role::Instruction;
        }
    }
    Some(roles)
}

fn by_names(native: &[MachineFrame], evaluations: usize, is_whole: bool) -> Option<Vec<Role>> {
    let loops = native.iter().filter(|frame| frame.is_named_loop()).count();
    let begins = native.first().is_some_and(MachineFrame::is_named_loop);
    let bare = usize::from(begins && loops == evaluations + 1);
    let known = loops - bare;
    if known > evaluations || (is_whole && known < evaluations) {
        return None;
    }
    let mut numbers = std::iter::repeat_n(None, bare).chain((0..known).map(Some));
    let role = |frame: &MachineFrame| match frame.is_named_loop() {
        true => Role::Loop(numbers.next().flatten()),
        false => Role::Native,
    };
    Some(native.iter().map(role).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Language;

    fn frame(function: &str) -> Frame {
        Frame {
            language: Language::Native,
            function: function.to_owned(),
            file: None,
            line: None,
            columns: None,
            source: None,
            pc: None,
            module: None,
            inlined: false,
            locals: Vec::new(),
            note: None,
        }
    }

    /// `L` is the interpreter's loop, which has 16 bytes of the stack like every frame.
    fn machine(text: &str) -> Vec<MachineFrame> {
        let name = |name| match name {
            "L" => "_PyEval_EvalFrameDefault",
            "C" => "_PyEval_EvalFrameDefault.cold",
            "T" => "_TAIL_CALL_CALL",
            other => other,
        };
        let places = (0..).map(|index| Addr(16 * index)..Addr(16 * index + 16));
        let frames = text
            .split_whitespace()
            .zip(places)
            .map(|(text, stack)| MachineFrame {
                sources: vec![frame(name(text))],
                stack,
            });
        frames.collect()
    }

    /// Evaluations as `NUMBER` of frames or `NUMBER@PLACE` of the variable.
    fn python(frames: &str, evaluations: &str) -> PythonFrames {
        let evaluation = |text: &str| {
            let (frames, variable) = match text.split_once('@') {
                Some((frames, place)) => (frames, place.parse().ok().map(Addr)),
                None => (text, None),
            };
            let frames = frames.parse().expect("a number");
            Evaluation { frames, variable }
        };
        PythonFrames {
            frames: frames.split_whitespace().map(frame).collect(),
            evaluations: evaluations.split_whitespace().map(evaluation).collect(),
        }
    }

    fn shown(mixed: &Mixed) -> String {
        let names: Vec<&str> = mixed
            .frames
            .iter()
            .map(|frame| frame.function.as_str())
            .collect();
        let note = if mixed.note.is_some() { " !" } else { "" };
        names.join(" ").replace("_PyEval_EvalFrameDefault", "L") + note
    }

    #[track_caller]
    fn check(native: &str, of_python: (&str, &str), is_whole: bool, expected: &str) {
        let (frames, evaluations) = of_python;
        let mixed = mix(machine(native), vec![python(frames, evaluations)], is_whole);
        assert_eq!(shown(&mixed[0]), expected);
    }

    #[test]
    fn python_frames_stand_where_the_loop_runs_them() {
        check(
            "read L call C main",
            ("f g h", "1 2"),
            true,
            "read f call g h main",
        );
        check("poll start", ("", ""), true, "poll start");
        check("L main", ("f g", "2"), true, "f g main");
    }

    #[test]
    fn a_loop_without_a_name_is_known_by_its_variable() {
        check(
            "read x call y main",
            ("f g h", "1@20 2@48"),
            true,
            "read f call g h main",
        );
        check("read T x main", ("f", "1@36"), true, "read f main");
        check("L x main", ("f", "1@16"), true, "L f main");
    }

    #[test]
    fn a_loop_that_has_not_begun_yet_has_no_frame() {
        check("L call L main", ("f", "1"), true, "call f main");
        check(
            "read L call L main",
            ("f", "1"),
            true,
            "read L call L main f !",
        );
    }

    #[test]
    fn what_does_not_fit_is_shown_one_after_the_other() {
        check("read L main", ("f g", "1 1"), true, "read L main f g !");
        check("read main", ("f", "1"), true, "read main f !");
        check(
            "read x y main",
            ("f g", "1@40 1@20"),
            true,
            "read x y main f g !",
        );
    }

    #[test]
    fn a_native_stack_that_is_cut_leaves_older_python_frames() {
        check("read L call", ("f g h", "1 2"), false, "read f call g h");
        check(
            "read x call",
            ("f g h", "1@20 2@200"),
            false,
            "read f call g h",
        );
        check("read L call L", ("f", "1"), false, "read L call L f !");
    }

    #[test]
    fn interpreters_of_one_thread_share_its_stack() {
        let newest = python("f", "1");
        let oldest = python("g h", "2");
        let mixed = mix(machine("read L run L main"), vec![newest, oldest], true);
        assert_eq!(shown(&mixed[0]), "read f run");
        assert_eq!(shown(&mixed[1]), "g h main");
    }
}
