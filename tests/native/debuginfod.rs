//! Debug information from a server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use pmdb::process::elf::Elf;

use crate::native::values::Waiting;
use crate::support::native::tool;
use crate::support::{Answer, run, skip};

/// A server of files by the paths of requests; an empty one it cannot send. It goes with the test's process.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: BTreeMap<String, Vec<u8>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("it has one"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let path = answer(stream.expect("a connection"), &files);
                log.lock().expect("no thread panics with it").push(path);
            }
        });
        Server { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread panics with it").clone()
    }
}

fn answer(mut stream: TcpStream, files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let first = lines.next().expect("a request").expect("text");
    // To the empty line at its end.
    let others = lines.map_while(Result::ok);
    others.take_while(|line| !line.is_empty()).for_each(drop);
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match files.get(&path) {
        Some(body) if body.is_empty() => ("503 Service Unavailable", &b"no"[..]),
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b"no"[..]),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may have what it wants.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    path
}

fn build_id(file: &Path) -> Option<String> {
    let elf = Elf::open(&std::fs::File::open(file).ok()?).ok()?;
    Some(elf.view().ok()?.build_id()?.to_string())
}

/// A program without its debug information.
struct Parted {
    program: PathBuf,
    /// The debug information, which refers to another file as dwz makes them.
    debug: Vec<u8>,
    common: Vec<u8>,
    common_id: String,
}

/// What is before a build-id in its note: lengths, type and owner.
const NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";

fn parted() -> Option<Parted> {
    let program = crate::native::prompt::rust();
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (bare, debug) = (
        program.with_file_name("served"),
        program.with_file_name("served.debug"),
    );
    let parted = tool(
        "objcopy",
        &["--only-keep-debug", &text(&program), &text(&debug)],
    ) && tool("objcopy", &["--strip-debug", &text(&program), &text(&bare)]);
    if !parted {
        return None;
    }
    // The same once more, of another build.
    let mut common = std::fs::read(&debug).expect("it was written");
    let note = common.windows(NOTE.len()).position(|it| it == NOTE);
    let id = note.expect("it has a build-id") + NOTE.len();
    common[id] = !common[id];
    let link = program.with_file_name("served.link");
    let name = [b"common.debug\0", &common[id..id + 20]].concat();
    std::fs::write(&link, name).expect("it can be written");
    let section = format!(".gnu_debugaltlink={}", text(&link));
    let referring = tool("objcopy", &["--add-section", &section, &text(&debug)]);
    let id = common[id..id + 20].iter();
    let common_id = id.map(|byte| format!("{byte:02x}")).collect();
    referring.then(|| Parted {
        program: bare,
        debug: std::fs::read(debug).expect("it was written"),
        common,
        common_id,
    })
}

/// Leaves at a name that pmdb may write to a link to the file `$VICTIM`, and what others have left who were killed; then is pmdb, where groups may write.
const LAID: &str = r#"umask 002; mkdir -p "$FOLDER"; ln -s "$VICTIM" "$FOLDER/debuginfo.pmdb-$$"
    : > "$FOLDER/debuginfo.pmdb-4194305"; exec "$0" debuginfo "$1""#;

#[test]
fn debug_information_is_fetched_when_it_is_asked_for_and_only_of_the_same_build() {
    let Some(Parted {
        program,
        debug,
        common,
        common_id,
    }) = parted()
    else {
        return;
    };
    if !Command::new("curl")
        .arg("--version")
        .output()
        .is_ok_and(|it| it.status.success())
    {
        return skip("debuginfod", "there is no curl");
    }
    let id = build_id(&program).expect("it was linked with one");
    let path = format!("/buildid/{id}/debuginfo");
    let waiting = Waiting::start(&program);
    let pid = waiting.pid().to_string();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let kept = cache.path().join(&id).join("debuginfo");
    let ask = |mut command: Command, server: &Server| -> Answer {
        command.env("DEBUGINFOD_URLS", &server.address);
        command.env("DEBUGINFOD_CACHE_PATH", cache.path());
        command.env_remove("http_proxy").env("no_proxy", "*");
        run(command, "")
    };
    let pmdb = |words: &[&str], server: &Server| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmdb"));
        command.args(words);
        ask(command, server)
    };
    let stack = |server: &Server| pmdb(&["stack", "--native", &pid], server);

    // What it sends is of another build, or nothing that could be.
    let other = std::fs::read(env!("CARGO_BIN_EXE_pmdb")).expect("cargo built it");
    for (wrong, why) in [
        (other, "belongs to another build"),
        (b"<html>".to_vec(), "cannot be used"),
        (Vec::new(), "answered 503"),
    ] {
        let server = Server::start(BTreeMap::from([(path.clone(), wrong)]));
        let answer = pmdb(&["debuginfo", &pid], &server);
        assert!(
            answer.code == Some(1) && answer.stderr.contains(why),
            "{answer:#?}"
        );
        assert!(!kept.exists());
    }

    let common_path = format!("/buildid/{common_id}/debuginfo");
    let files = [(path.clone(), debug), (common_path, common)];
    let server = Server::start(BTreeMap::from(files));
    let without = stack(&server);
    assert!(!without.stdout.contains("values.rs"), "{without:#?}");
    assert_eq!(
        server.asked(),
        Vec::<String>::new(),
        "nobody has asked for it"
    );

    let victim = cache.path().join("victim");
    std::fs::write(&victim, "another's").expect("it can be written");
    let mut laid = Command::new("sh");
    laid.args(["-c", LAID, env!("CARGO_BIN_EXE_pmdb"), &pid]);
    laid.env("FOLDER", cache.path().join(&id));
    laid.env("VICTIM", &victim);
    let answer = ask(laid, &server);
    for id in [&id, &common_id] {
        let folder = cache.path().join(id);
        let said = format!("{}: {}/debuginfo", program.display(), folder.display());
        assert!(
            answer.stdout.lines().any(|line| line == said),
            "{answer:#?}"
        );
        let left = std::fs::read_dir(&folder).expect("it is there");
        assert_eq!(left.count(), 1, "there is the file, and nothing else");
    }
    let untouched = std::fs::read_to_string(&victim).expect("it is there");
    assert_eq!(untouched, "another's");
    assert!(server.asked().contains(&path), "{:?}", server.asked());
    let with = stack(&server);
    assert!(with.stdout.contains("values.rs"), "{with:#?}");
    // What is kept is not asked for again.
    let count = || {
        server
            .asked()
            .iter()
            .filter(|asked| **asked == path)
            .count()
    };
    pmdb(&["debuginfo", &pid], &server);
    assert_eq!(count(), 1);
}
