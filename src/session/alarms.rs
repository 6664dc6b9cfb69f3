//! What the native code of a process is watched for: panics of Rust, and exceptions of C++ that nobody catches.
//!
//! The functions in which they begin are looked up in each file that a process loads, when its program begins and whenever its dynamic
//! linker says that there is another one, and get tripwires. What a thread that trips is about is read while it stands there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::guardian;
use super::selection::{Selection, StopKind};
use crate::model::{Addr, Pid, Tid};
use crate::native::unhandled::{
    Change, CppException, Fate, Libraries, Library, Location, Message, Panic, Place, Places, fate,
};
use crate::native::{LoadedModules, ParsedModules};
use crate::process::live::LiveProcess;
use crate::process::trace::{Follower, Orders, Replaced, TraceError};
use crate::process::{Memory, Process, Registers};

/// A failure that native code tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NativeFailure {
    Panic {
        panic: Panic,
        fate: Fate,
    },
    Terminate(CppException),
    /// It is no failure: it has written to a segment that is watched.
    Written,
}

/// What it means that a thread comes to a tripwire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Failure(Place),
    /// The message of a panic is there.
    PanicMessageDone,
    /// The dynamic linker changes its list.
    Libraries,
}

/// By the entry of the library that has them, if it is one.
type Found = (Option<Addr>, Vec<(Addr, Purpose)>);

/// The tripwires of one process, and what they are for.
#[derive(Debug, Clone, Default)]
pub(super) struct Alarms {
    libraries: Libraries,
    purposes: BTreeMap<Addr, Purpose>,
    /// By the entry of the library that has them.
    of_library: BTreeMap<Addr, Vec<Addr>>,
    /// Panics whose message is still to be put together.
    panicking: BTreeMap<Tid, (Panic, Fate)>,
    /// It was told that its Python has made other interpreters.
    has_subinterpreters: bool,
}

/// A thread has come to a tripwire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trip {
    pub pid: Pid,
    pub tid: Tid,
    pub place: Addr,
    pub visit: u64,
}

/// What a thread has come to a tripwire for.
pub(super) enum Tripped {
    /// It was of no interest, and the thread has gone on.
    Passed,
    /// It fails, and stands there.
    Failure(NativeFailure),
    /// Its process has loaded libraries, each a file with what is added to its addresses. It stands there.
    Loaded(Vec<(PathBuf, Addr)>),
    /// Its process makes another interpreter of Python for the first time. It stands there.
    SubInterpreter,
}

/// Which failures of native code are watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watched {
    /// Panics that the program catches itself, too.
    caught: bool,
}

impl Watched {
    /// Nothing if there are none.
    pub fn of(selection: &Selection) -> Option<Watched> {
        let caught = selection.has(StopKind::CaughtPanic);
        (caught || selection.has(StopKind::Panic)).then_some(Watched { caught })
    }
}

/// With what they are set.
pub(super) struct Armourer {
    orders: Orders,
    watched: Watched,
    /// What was found in files.
    places: Places,
    modules: ParsedModules,
}

impl Armourer {
    pub fn new(orders: Orders, watched: Watched) -> Armourer {
        Armourer {
            orders,
            watched,
            places: Places::default(),
            modules: ParsedModules::default(),
        }
    }

    /// For a process whose program is about to begin. What cannot be read has no alarms.
    pub fn begin(&self, pid: Pid) -> Alarms {
        let mut alarms = Alarms::default();
        let Ok(process) = LiveProcess::open(pid) else {
            return alarms;
        };
        guardian::stand_by();
        let memory = Memory::new(&process);
        alarms.libraries = Libraries::of(pid, &memory);
        let come = match alarms.libraries.linker_calls(&memory) {
            None => alarms.libraries.known().to_vec(),
            Some(_) => alarms.libraries.read(&memory).0,
        };
        let mut found = self.found_in(pid, &come, &process);
        if let Some(function) = alarms.libraries.linker_calls(&memory) {
            found.push((None, Vec::from([(function, Purpose::Libraries)])));
        }
        self.add(pid, &mut alarms, found);
        alarms
    }

    /// For a process that runs already.
    pub fn join(&self, pid: Pid) -> Alarms {
        let mut alarms = self.begin(pid);
        if let Ok(process) = LiveProcess::open(pid) {
            // What it has loaded before its dynamic linker was watched.
            let memory = Memory::new(&process);
            if alarms.libraries.linker_calls(&memory).is_some() {
                let _ = self.read_libraries(pid, &mut alarms, &process, &memory);
            }
        }
        alarms
    }

    /// Of a forked child, which has the tripwires of its parent.
    pub fn inherited(&self, child: Pid, parent: &Alarms) -> Alarms {
        if !parent.purposes.is_empty()
            && let Ok(Some(replaced)) = self.orders.ask(|follower| follower.replaced(child))
        {
            guardian::look_after_code(&replaced);
        }
        Alarms {
            panicking: BTreeMap::new(),
            ..parent.clone()
        }
    }

    /// A process has executed another program: what was in its memory is gone.
    pub fn forget(&self, pid: Pid) {
        guardian::look_after_code(&Replaced {
            pid,
            started: 0,
            bytes: Vec::new(),
        });
    }

    fn string(&self, pid: Pid, places: &[Addr]) -> bool {
        // It fails for one that was killed meanwhile, and for code that cannot be written to: it is then not watched.
        // If pmdb is killed, another process has to take them out.
        let string =
            |follower: &mut Follower| follower.string(pid, places, guardian::look_after_code);
        let strung = self.orders.ask(string);
        matches!(strung, Ok(Ok(())))
    }

    fn read_libraries(
        &self,
        pid: Pid,
        alarms: &mut Alarms,
        process: &dyn Process,
        memory: &Memory<'_>,
    ) -> Vec<(PathBuf, Addr)> {
        let (come, gone) = alarms.libraries.read(memory);
        for library in gone {
            let places = alarms.of_library.remove(&library.entry).unwrap_or_default();
            for place in &places {
                alarms.purposes.remove(place);
            }
            let forget = |follower: &mut Follower| {
                follower.forget_places(pid, &places);
                // A copy of it is known by all bytes that are said to be there.
                if let Some(replaced) = follower.replaced(pid) {
                    guardian::look_after_code(&replaced);
                }
            };
            let _ = self.orders.ask(forget);
        }
        self.add(pid, alarms, self.found_in(pid, &come, process));
        let file = |library: &Library| (process.resolve(&library.path), library.bias);
        come.iter().map(file).collect()
    }

    /// What there is to watch in libraries.
    fn found_in(&self, pid: Pid, libraries: &[Library], process: &dyn Process) -> Vec<Found> {
        let of_library = |library: &Library| {
            let path = match library.path.as_os_str().is_empty() {
                true => PathBuf::from(format!("/proc/{pid}/exe")),
                false => process.resolve(&library.path),
            };
            let places = self.places.of(&path);
            let placed = |(at, place): &(crate::native::Svma, Place)| {
                (library.bias.plus(at.0), Purpose::Failure(*place))
            };
            (!places.is_empty()).then(|| (Some(library.entry), places.iter().map(placed).collect()))
        };
        libraries.iter().filter_map(of_library).collect()
    }

    /// Watches it. All at once, which is the least work; one after the other where something of it cannot be had.
    fn add(&self, pid: Pid, alarms: &mut Alarms, found: Vec<Found>) {
        // The message is of interest only while there is one.
        let is_lasting = |purpose: Purpose| purpose != Purpose::Failure(Place::PanicMessage);
        let lasting = |found: &[Found]| -> Vec<Addr> {
            let all = found.iter().flat_map(|(_, purposes)| purposes);
            let strung = all.filter(|(_, purpose)| is_lasting(*purpose));
            strung.map(|(at, _)| *at).collect()
        };
        let is_whole = found.is_empty() || self.string(pid, &lasting(&found));
        for one in found {
            if !is_whole && !self.string(pid, &lasting(std::slice::from_ref(&one))) {
                continue;
            }
            let (entry, purposes) = one;
            if let Some(entry) = entry {
                let all = purposes.iter().map(|(at, _)| *at).collect();
                alarms.of_library.insert(entry, all);
            }
            alarms.purposes.extend(purposes);
        }
    }

    /// A thread has come to a tripwire.
    pub fn tripped(
        &self,
        alarms: &mut Alarms,
        trip: &Trip,
        at: &Registers,
    ) -> Result<Tripped, TraceError> {
        let tripped = self.sort_out(alarms, trip, at);
        match tripped {
            Some(tripped) => Ok(tripped),
            None => {
                self.pass(trip)?;
                Ok(Tripped::Passed)
            }
        }
    }

    /// Lets a thread go on from a tripwire.
    pub fn pass(&self, trip: &Trip) -> Result<(), TraceError> {
        let pass = |follower: &mut Follower| follower.pass(trip.tid, trip.visit);
        self.orders.ask(pass)?
    }

    fn sort_out(&self, alarms: &mut Alarms, trip: &Trip, at: &Registers) -> Option<Tripped> {
        let failure = |failure| Some(Tripped::Failure(failure));
        let Trip {
            pid, tid, place, ..
        } = *trip;
        let purpose = *alarms.purposes.get(&place)?;
        let process = LiveProcess::open(pid).ok()?;
        let memory = Memory::new(&process);
        match purpose {
            Purpose::Libraries => {
                match alarms.libraries.change(&memory)? {
                    Change::Consistent => {
                        let come = self.read_libraries(pid, alarms, &process, &memory);
                        return (!come.is_empty()).then_some(Tripped::Loaded(come));
                    }
                    Change::Removing => alarms.libraries.expect_removal(),
                    Change::Adding => {}
                }
                None
            }
            Purpose::Failure(Place::Panic) => {
                let modules = LoadedModules::new(&process, &self.modules);
                let (fate, callers) = fate(at, &modules, &memory);
                if fate == Fate::Caught && !self.watched.caught {
                    let pass = |follower: &mut Follower| {
                        if let Some(callers) = callers {
                            follower.let_pass_from(pid, place, callers);
                        }
                    };
                    let _ = self.orders.ask(pass);
                    return None;
                }
                let formats = |method: Addr| {
                    let purpose = alarms.purposes.get(&method);
                    purpose == Some(&Purpose::Failure(Place::PanicMessage))
                };
                let panic = Panic::read(&process, at, formats);
                let Message::Later(formatting) = &panic.message else {
                    return failure(NativeFailure::Panic { panic, fate });
                };
                if !self.string(pid, &[formatting.method]) {
                    let panic = Panic {
                        message: Message::Unreadable,
                        ..panic
                    };
                    return failure(NativeFailure::Panic { panic, fate });
                }
                alarms.panicking.insert(tid, (panic, fate));
                None
            }
            Purpose::Failure(Place::PanicMessage) => {
                if alarms.panicking.contains_key(&tid) {
                    let caller = memory.pointer(Addr(at.rsp)).ok()?;
                    if self.string(pid, &[caller]) {
                        alarms.purposes.insert(caller, Purpose::PanicMessageDone);
                    }
                }
                None
            }
            Purpose::PanicMessageDone => {
                let (panic, fate) = alarms.panicking.get(&tid)?.clone();
                let message = Panic::formatted(&process, at);
                let panic = Panic { message, ..panic };
                failure(NativeFailure::Panic { panic, fate })
            }
            Purpose::Failure(Place::Terminate) => {
                let exception = CppException::read(&process, place, at);
                failure(NativeFailure::Terminate(exception))
            }
            // Once is enough; the tripwire stays, as the others that nobody asks for any more.
            Purpose::Failure(Place::SubInterpreter) => {
                let is_first = !std::mem::replace(&mut alarms.has_subinterpreters, true);
                is_first.then_some(Tripped::SubInterpreter)
            }
        }
    }
}

impl Alarms {
    /// What a thread fails of is told. Gives back the places that nobody need come to any more: if pmdb is killed, the thread that has panicked
    /// goes on at once, and would come to them again before anybody has put the code back.
    pub fn told(&mut self, tid: Tid) -> Vec<Addr> {
        self.panicking.remove(&tid);
        let is_of_message = |purpose: &Purpose| {
            matches!(purpose, Purpose::PanicMessageDone)
                || *purpose == Purpose::Failure(Place::PanicMessage)
        };
        let places = self.purposes.iter().filter(|_| self.panicking.is_empty());
        let places = places.filter(|(_, purpose)| is_of_message(purpose));
        places.map(|(place, _)| *place).collect()
    }
}

impl NativeFailure {
    /// `panicked at src/main.rs:12:5: index out of bounds: …`, `threw std::runtime_error: it went wrong`. `thread`: its name, if it is not the
    /// main thread of its process.
    pub fn told(&self, thread: Option<&str>) -> String {
        let within = thread.map(|name| format!(" in thread {name}"));
        let within = within.unwrap_or_default();
        match self {
            NativeFailure::Panic { panic, .. } => {
                let place = match &panic.location {
                    Some(Location { file, line, column }) => format!("{file}:{line}:{column}"),
                    None => "a place that cannot be read".to_string(),
                };
                let message = match &panic.message {
                    Message::Text(text) => text.clone(),
                    Message::NoText => "a value that is no text".to_string(),
                    Message::Later(_) | Message::Unreadable => {
                        "its message cannot be read".to_string()
                    }
                };
                format!("panicked{within} at {place}: {message}")
            }
            NativeFailure::Terminate(CppException::Thrown(thrown)) => {
                let what = match &thrown.what {
                    None => String::new(),
                    Some(Ok(text)) => format!(": {text}"),
                    Some(Err(why)) => format!(" ({why})"),
                };
                format!("threw{within} {}{what}", thrown.type_name)
            }
            NativeFailure::Written => {
                format!("has written{within} to shared memory that is watched")
            }
            NativeFailure::Terminate(CppException::None) => {
                format!("called std::terminate(){within} without an exception")
            }
            NativeFailure::Terminate(CppException::Unreadable { why }) => {
                format!("called std::terminate(){within}: {why}")
            }
        }
    }

    /// What becomes of it; nothing if that is not known, or if it is caught.
    pub fn fate(&self) -> Option<&'static str> {
        match self {
            NativeFailure::Panic { fate, .. } => match fate {
                Fate::EndsProgram => Some("the program ends with it"),
                Fate::EndsThread => Some("the thread ends with it"),
                Fate::Kept(what) => Some(what),
                Fate::Aborts => Some("it may not be unwound, and the program ends"),
                Fate::Caught | Fate::Unknown => None,
            },
            NativeFailure::Terminate(CppException::Thrown(_)) => {
                Some("std::terminate() ends the program")
            }
            NativeFailure::Terminate(_) | NativeFailure::Written => None,
        }
    }

    pub fn kind(&self) -> StopKind {
        match self {
            NativeFailure::Panic { fate, .. } if *fate == Fate::Caught => StopKind::CaughtPanic,
            NativeFailure::Written => StopKind::Breakpoint,
            _ => StopKind::Panic,
        }
    }

    /// As the reason of a stop.
    pub fn reason(&self) -> &'static str {
        match self {
            NativeFailure::Panic { fate, .. } if *fate == Fate::Caught => "caught-panic",
            NativeFailure::Panic { .. } => "panic",
            NativeFailure::Terminate(_) => "terminate",
            NativeFailure::Written => "written",
        }
    }
}
