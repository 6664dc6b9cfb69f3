//! The session behind the prompt, asked as a face at the other end of a wire would: every request, response and error
//! crosses as JSON and means the same afterwards.

use crate::support::{Fixture, on_each_python};
use pmdb::model::Pid;
use pmdb::session::stack::Target;
use pmdb::session::{FrameStep, Lines, Request, Response, Session, SessionError, SessionOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn across<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &T) -> T {
    let text = serde_json::to_string(message).unwrap();
    let arrived: T = serde_json::from_str(&text).unwrap();
    assert_eq!(arrived, *message);
    arrived
}

struct Remote(Session);

impl Remote {
    fn ask(&mut self, request: Request) -> Result<Response, SessionError> {
        match self.0.ask(across(&request)) {
            Ok(response) => Ok(across(&response)),
            Err(error) => Err(across(&error)),
        }
    }
}

fn text(of: &str) -> String {
    of.to_string()
}

#[test]
fn every_message_crosses_a_wire() {
    on_each_python(|python| {
        let fixture = Fixture::python(python, "prompt.py", &["wait"]);
        let options = SessionOptions {
            syntax: true,
            ..SessionOptions::default()
        };
        let (session, refused) = Session::open(&[Target::Live(Pid(fixture.pid()))], options);
        assert!(refused.is_empty(), "{refused:?}");
        let mut remote = Remote(session.unwrap());
        assert_eq!(remote.ask(Request::Refresh), Ok(Response::Done));
        let Ok(Response::Frame(frame)) = remote.ask(Request::Frame) else {
            panic!("no frame");
        };
        assert_eq!((frame.number, frame.frame.function.as_str()), (0, "stop"));
        let source = frame.source.unwrap();
        assert_eq!(source.text.trim(), "halt()");
        let step = FrameStep::Up(1);
        assert!(matches!(
            remote.ask(Request::SelectFrame { step }),
            Ok(Response::Frame(frame)) if frame.number == 1
        ));
        let step = FrameStep::Number(-1);
        assert!(matches!(
            remote.ask(Request::SelectFrame { step }),
            Ok(Response::Frame(frame)) if frame.frame.function == "<module>"
        ));
        let step = FrameStep::Number(1_000);
        assert!(matches!(
            remote.ask(Request::SelectFrame { step }),
            Err(SessionError::NoSuchFrame { number: 1_000, .. })
        ));
        let step = FrameStep::Number(0);
        remote.ask(Request::SelectFrame { step }).unwrap();
        let Ok(Response::Listing(listing)) = remote.ask(Request::List {
            lines: Lines::Function,
        }) else {
            panic!("no listing");
        };
        let coloured = listing.lines.iter().filter(|line| !line.syntax.is_empty());
        // `def`, two comments, a number, `del`.
        assert_eq!(coloured.count(), 5, "{listing:?}");
        assert!(matches!(
            remote.ask(Request::Evaluate { text: text("job") }),
            Ok(Response::Value(value)) if value.text == "2" && value.type_name == "int"
        ));
        assert!(matches!(
            remote.ask(Request::Evaluate {
                text: text("nobody")
            }),
            Err(SessionError::Evaluation { .. })
        ));
        assert_eq!(
            remote.ask(Request::Execute {
                text: text("job = 1")
            }),
            Err(SessionError::Statement)
        );
        let Ok(Response::Names(names)) = remote.ask(Request::Complete { text: text("numb") })
        else {
            panic!("no names");
        };
        assert_eq!(names, ["number"]);
        for request in [
            Request::Processes,
            Request::Threads,
            Request::Stack,
            Request::Arguments,
            Request::Locals,
            Request::Globals,
            Request::Exceptions,
            Request::SelectException { number: 0 },
            Request::Displays,
            Request::SelectProcess { index: 0 },
        ] {
            let asked = request.clone();
            assert!(remote.ask(request).is_ok(), "{asked:?}");
        }
        let Ok(Response::Stack(stack)) = remote.ask(Request::Stack) else {
            panic!("no stack");
        };
        assert_eq!(stack.exception, Some(0));
        assert_eq!(
            remote.ask(Request::SelectProcess { index: 7 }),
            Err(SessionError::NoSuchProcess)
        );
        assert!(across(&remote.0.take_events()).is_empty());
    });
}
