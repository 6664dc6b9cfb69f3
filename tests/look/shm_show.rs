//! `pmdb shm show` against what numpy says of the same memory.

use crate::support::{
    Fixture, Python, Terminal, any_python, pmdb, pmdb_of_user, pythons, skip, venv,
};
use serde_json::{Value, json};

/// An interpreter with a numpy whose texts are those that pmdb writes.
pub(super) fn with_newest_numpy() -> Option<Python> {
    let newest = pythons()
        .iter()
        .rev()
        .filter(|python| python.minor >= 11)
        .find_map(|python| venv(python, &["numpy"]));
    if newest.is_none() {
        skip(
            "shm show",
            "there is no interpreter with numpy 2.4 or newer",
        );
    }
    newest
}

/// Sums of 64-bit floats in another order differ by this much at most, relative to the sum of the magnitudes.
const ROUNDING: f64 = 1e-12;

fn is_near(own: &Value, numpys: &Value, scale: f64) -> bool {
    match (own.as_f64(), numpys.as_f64()) {
        (Some(own), Some(numpys)) => (own - numpys).abs() <= ROUNDING * scale.max(numpys.abs()),
        _ => own == numpys,
    }
}

const PERCENTILES: [&str; 7] = ["p1", "p5", "p25", "p50", "p75", "p95", "p99"];

fn largest(statistics: &Value) -> f64 {
    ["min", "max"]
        .iter()
        .filter_map(|end| statistics[end].as_f64())
        .map(f64::abs)
        .fold(0.0, f64::max)
}

fn check(name: &str, case: &Value) -> Result<(), String> {
    let words = case["words"].as_array().expect("a list").iter();
    let words: Vec<&str> = words.map(|word| word.as_str().expect("a text")).collect();
    let all: Vec<&str> = ["shm", "show", name]
        .iter()
        .chain(&words)
        .copied()
        .collect();
    let json = pmdb(all.iter().copied().chain(["--json"]))
        .succeeded()
        .json();
    let wrong = |what: &str, own: &Value, numpys: &Value| {
        format!("{words:?}: {what}: {own}, and numpy says {numpys}")
    };
    for field in ["shape", "strides", "values"] {
        if json[field] != case[field] {
            return Err(wrong(field, &json[field], &case[field]));
        }
    }
    if let Some(told) = case["statistics"].as_object() {
        let own = &json["statistics"];
        let scale = largest(&case["statistics"]);
        for (field, numpys) in told {
            let is_right = match field.as_str() {
                "mean" | "std" => is_near(&own[field], numpys, scale),
                "quantiles" => (PERCENTILES.iter().enumerate())
                    .all(|(at, name)| is_near(&own[field][name], &numpys[at], scale)),
                "distinct" => own[field]["count"] == *numpys,
                "histogram" => own[field]["counts"] == *numpys,
                _ => own[field] == *numpys,
            };
            if !is_right {
                return Err(wrong(field, &own[field], numpys));
            }
        }
    }
    let text = pmdb(all).succeeded().stdout.clone();
    let expected = case["repr"].as_str().expect("a text");
    if !text.contains(&format!("\n\n{expected}\n")) {
        return Err(format!("{words:?}:\n{text}\nnumpy says\n{expected}"));
    }
    Ok(())
}

#[test]
fn every_dtype_shape_and_stride_is_what_numpy_says() {
    let Some(python) = with_newest_numpy() else {
        return;
    };
    let mut fixture = Fixture::python(&python, "viewing.py", &["20261130"]);
    let said: Value = serde_json::from_str(fixture.ready()).expect("JSON");
    let name = said["name"].as_str().expect("a name");
    let cases = said["cases"].as_array().expect("a list");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| check(name, case).err())
        .collect();
    fixture.write_line("end");
    fixture.wait();
    assert!(
        wrong.is_empty(),
        "numpy {}: {} of {} differ\n{}",
        said["numpy"],
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// A segment that `make` fills, in a program that waits.
fn segment(make: &str) -> Option<Fixture> {
    let python = any_python()?;
    let program = format!(
        "
import ctypes, mmap, os, sys
from multiprocessing import shared_memory
{make}
sys.stdin.readline()
finish()
os._exit(0)
"
    );
    Some(Fixture::python_text(python, &program, &[]))
}

#[test]
fn segments_without_a_name_are_reached() {
    let Some(mut fixture) = segment(
        "
handle = os.memfd_create('scratch')
os.ftruncate(handle, 8192)
inside = mmap.mmap(handle, 8192)
inside[4096:4104] = b'in memfd'
os.close(handle)
gone = shared_memory.SharedMemory(create=True, size=4096)
gone.buf[:8] = b'unlinked'
gone.unlink()
nameless = mmap.mmap(-1, 4096)
nameless[:9] = b'anonymous'
address = ctypes.addressof(ctypes.c_char.from_buffer(nameless))
print('ready', os.getpid(), gone.name, '%#x' % address, flush=True)
finish = lambda: None
",
    ) else {
        return;
    };
    let ready = fixture.ready().to_string();
    let [pid, gone, address] = ready.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{ready}")
    };
    let shown = |name: &str, at: &str| {
        let words = [
            "shm", "show", name, "--as", "S9", "--shape", "1", "--at", at, "--json",
        ];
        pmdb(words).succeeded().json()["values"][0].clone()
    };
    assert_eq!(shown(gone, "0"), "unlinked");
    assert_eq!(shown(&format!("{pid}:{address}"), "0"), "anonymous");
    assert_eq!(shown("memfd:scratch", "4096"), "in memfd");
    fixture.write_line("end");
    fixture.wait();
}

#[test]
fn holes_are_zeros_and_stay_holes() {
    let Some(mut fixture) = segment(
        "
name = 'pmdb-test-%d' % os.getpid()
handle = os.open('/dev/shm/' + name, os.O_CREAT | os.O_RDWR)
os.ftruncate(handle, 100 << 30)
os.pwrite(handle, b'\\x07', 50 << 30)
print('ready', name, flush=True)
def finish():
    os.unlink('/dev/shm/' + name)
",
    ) else {
        return;
    };
    let name = fixture.ready().to_string();
    let blocks = || {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(format!("/dev/shm/{name}"))
            .expect("it is there")
            .blocks()
    };
    let before = blocks();
    let told = pmdb([
        "shm", "show", &name, "--as", "u8", "--json", "--values", "1",
    ])
    .succeeded()
    .json();
    let statistics = &told["statistics"];
    assert_eq!(statistics["count"], 100_u64 << 30);
    assert_eq!(statistics["zero"], (100_u64 << 30) - 1);
    assert_eq!(statistics["first_nonzero"], json!([50_u64 << 30]));
    assert_eq!(statistics["max"], 7);
    pmdb(["shm", "show", &name, "--at", "0x1000000"]).succeeded();
    // A pattern of zeros is found everywhere, which would take an hour.
    let home = tempfile::tempdir().expect("a folder");
    let zeros = ["shm", "find", &name, "hex:00 00 00", "--limit", "1"];
    let mut terminal = Terminal::start(pmdb_of_user(zeros, home.path()));
    terminal.wait_for("% of 107374182400 elements");
    terminal.type_keys("\x03");
    terminal.wait_for("00 00 00 in 107374182400 elements");
    terminal.wait_for("interrupted: ");
    assert_eq!(terminal.wait().code(), Some(0), "{:?}", terminal.seen);
    assert_eq!(blocks(), before, "looking has put pages into it");
    fixture.write_line("end");
    fixture.wait();
}

#[test]
fn what_cannot_be_says_why() {
    let Some(mut fixture) = segment(
        "
one = shared_memory.SharedMemory(create=True, size=4096, name='pmdb-test-%d-one' % os.getpid())
two = shared_memory.SharedMemory(create=True, size=4097, name='pmdb-test-%d-two' % os.getpid())
print('ready', one.name, flush=True)
def finish():
    one.unlink()
    two.unlink()
",
    ) else {
        return;
    };
    let one = fixture.ready().to_string();
    let start = one.strip_suffix("one").expect("its name").to_string();
    let two = format!("{start}two");
    let failed = |words: &[&str]| {
        let answer = pmdb(["shm", "show"].iter().chain(words));
        answer.failed_with("").stderr.clone()
    };
    assert!(failed(&["no-such-segment"]).contains("`pmdb shm` lists what there is"));
    let both = failed(&[&start]);
    assert!(both.contains(&one) && both.contains(&two), "{both}");
    let shape = failed(&[&one, "--as", "f64", "--shape", "1000,64"]);
    assert!(
        shape.contains("needs 512000 bytes from byte 0 on, and there are 4096"),
        "{shape}"
    );
    let huge = ["--shape", "9223372036854775807,9223372036854775807"];
    failed(&[&one, "--as", "f64", huge[0], huge[1]]);
    let strides = failed(&[&one, "--as", "f64", "--shape", "2,2", "--strides=-8,8"]);
    assert!(strides.contains("an element lies at byte -8"), "{strides}");
    failed(&[
        &one,
        "--as",
        "f64",
        "--shape",
        "2,2",
        "--strides",
        "9223372036854775807,9223372036854775807",
    ]);
    assert!(failed(&[&one, "--as", "f64", "--at", "4097"]).contains("there are 4096"));
    assert!(failed(&[&one, "--as", "f64", "--shape", "-1,5"]).contains("cannot be divided"));
    assert!(failed(&[&one, "--as", "f64", "[512]"]).contains("axis 0 has 512 elements"));
    for words in [
        ["--as", "float65"],
        ["--as", "struct {u32 a;"],
        ["--shape", "3"],
    ] {
        let answer = pmdb(["shm", "show", &one].iter().copied().chain(words));
        assert_eq!(answer.code, Some(2), "{answer:?}");
    }
    let odd = pmdb(["shm", "show", &two, "--as", "f64"])
        .succeeded()
        .stdout
        .clone();
    assert!(
        odd.contains("the last 1 bytes are less than an element"),
        "{odd}"
    );
    fixture.write_line("end");
    fixture.wait();
}

/// A segment of doubles, and what follows `ready`.
fn doubles(count: usize, make: &str) -> Option<Fixture> {
    segment(&format!(
        "
import array, math
kept = shared_memory.SharedMemory(create=True, size=8 * {count})
numbers = array.array('d', bytes(8 * {count}))
{make}
kept.buf[:8 * {count}] = numbers.tobytes()
print('ready', kept.name, flush=True)
finish = kept.unlink
"
    ))
}

#[test]
fn values_and_patterns_are_found_where_they_were_put() {
    let Some(mut fixture) = doubles(
        60_000,
        "
numbers[:] = array.array('d', (i * 0.5 for i in range(60000)))
numbers[7], numbers[59_999], numbers[41] = math.nan, math.nan, -math.inf
numbers[4096] = 5e-324
",
    ) else {
        return;
    };
    let name = fixture.ready().to_string();
    let found = |words: &[&str]| {
        let all = [
            "shm", "find", &name, "--json", "--as", "f64", "--shape", "600,100",
        ];
        pmdb(all.iter().chain(words)).succeeded().json()
    };
    let indices = |answer: &Value| -> Vec<Value> {
        let hits = answer["hits"].as_array().expect("a list");
        hits.iter().map(|hit| hit["index"].clone()).collect()
    };
    let nan = found(&["nan"]);
    assert_eq!(nan["count"], 2);
    assert_eq!(indices(&nan), [json!([0, 7]), json!([599, 99])]);
    assert_eq!(nan["hits"][1]["offset"], 59_999 * 8);
    assert_eq!(indices(&found(&["-inf"])), [json!([0, 41])]);
    assert_eq!(found(&["+inf"])["count"], 0);
    assert_eq!(indices(&found(&["subnormal"])), [json!([40, 96])]);
    assert_eq!(indices(&found(&["1000"])), [json!([20, 0])]);
    let range = found(&["100..101.25", "--limit", "2"]);
    assert_eq!(range["count"], 3);
    assert_eq!(indices(&range), [json!([2, 0]), json!([2, 1])]);
    assert_eq!(range["last"]["index"], json!([2, 2]));
    assert_eq!(indices(&found(&["1000", "[:, ::50]"])), [json!([20, 0])]);
    // The bytes of 1000.0, and of what begins inside of an element.
    let pattern = found(&["hex:00 40 8f 40"]);
    assert_eq!(pattern["hits"][0]["offset"], 2000 * 8 + 4);
    for (words, code) in [
        (["--as", "f64", "x"], 2),
        (["--as", "u8", "nan"], 2),
        (["--as", "f64", "hex:1"], 2),
    ] {
        let answer = pmdb(["shm", "find", &name].iter().chain(&words));
        assert_eq!(answer.code, Some(code), "{answer:?}");
    }
    fixture.write_line("end");
    fixture.wait();
}

#[test]
fn quantiles_of_many_come_from_a_sample_or_from_all() {
    const COUNT: u32 = 1_300_000;
    let Some(mut fixture) = doubles(
        COUNT as usize,
        "
numbers[:] = array.array('d', (i * 7919 % 1300000 for i in range(1300000)))
",
    ) else {
        return;
    };
    let name = fixture.ready().to_string();
    let shown = |more: &[&str]| {
        let words = [
            "shm", "show", &name, "--as", "f64", "--json", "--values", "0",
        ];
        let json = pmdb(words.iter().chain(more)).succeeded().json();
        json["statistics"].clone()
    };
    let off = |statistics: &Value, name: &str, share: f64| {
        let rank = share * f64::from(COUNT - 1);
        (statistics["quantiles"][name].as_f64().expect("a number") - rank).abs()
    };
    let shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
    let sampled = shown(&[]);
    let error = sampled["quantiles"]["rank_error"]
        .as_f64()
        .expect("a number");
    assert!(0.0 < error && error < 0.01, "{sampled}");
    let exact = shown(&["--exact"]);
    assert_eq!(exact["quantiles"]["rank_error"], 0.0);
    assert_eq!(exact["quantiles"]["elements"], COUNT);
    for (name, share) in PERCENTILES.into_iter().zip(shares) {
        assert!(
            off(&sampled, name, share) <= error * f64::from(COUNT),
            "{name}: {sampled}"
        );
        assert!(off(&exact, name, share) < 1e-6, "{name}: {exact}");
    }
    assert!(sampled["distinct"].is_null(), "{sampled}");
    let distinct = exact["distinct"]["count"].as_f64().expect("a number");
    let error = exact["distinct"]["relative_error"]
        .as_f64()
        .expect("a number");
    assert!(error > 0.0, "{exact}");
    assert!(
        (distinct / f64::from(COUNT) - 1.0).abs() <= 4.0 * error,
        "{exact}"
    );
    // Each part of the numbers from 0 on has as many, or one less or more.
    let counts = exact["histogram"]["counts"].as_array().expect("a list");
    let counts: Vec<u64> = counts.iter().filter_map(Value::as_u64).collect();
    assert_eq!(counts.iter().sum::<u64>(), u64::from(COUNT));
    assert!(
        counts
            .iter()
            .all(|&count| count.abs_diff(u64::from(COUNT) / 32) <= 1),
        "{counts:?}"
    );
    fixture.write_line("end");
    fixture.wait();
}

#[test]
fn pictures_show_what_is_there() {
    let Some(mut fixture) = doubles(
        100 * 50,
        "
numbers[:] = array.array('d', (float(i % 50) for i in range(5000)))
numbers[99 * 50 + 3] = math.nan
",
    ) else {
        return;
    };
    let name = fixture.ready().to_string();
    let view = ["--as", "f64", "--shape", "100,50"];
    let text = pmdb(["shm", "plot", &name].iter().chain(&view))
        .succeeded()
        .stdout
        .clone();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let ramp = "     .....:::::-----=====+++++*****#####%%%%%@@@@@";
    assert_eq!(rows.first(), Some(&format!("|{ramp}|").as_str()), "{text}");
    assert_eq!(
        rows.last().and_then(|row| row.chars().nth(4)),
        Some('?'),
        "{text}"
    );
    assert!(
        text.contains("from 0.0 to 49.0") && text.contains("nan 1"),
        "{text}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("picture.png");
    let png = ["--png", path.to_str().expect("UTF-8")];
    pmdb(["shm", "plot", &name].iter().chain(&view).chain(&png)).succeeded();
    let file = std::io::BufReader::new(std::fs::File::open(&path).expect("it was written"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG file");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
    let info = reader.next_frame(&mut pixels).expect("an image");
    assert_eq!((info.width, info.height), (50, 100));
    let light = |x: usize, y: usize| -> u32 {
        pixels[(y * 50 + x) * 3..][..3]
            .iter()
            .map(|&part| u32::from(part))
            .sum()
    };
    assert!(light(0, 0) < light(25, 0) && light(25, 0) < light(49, 0));
    assert_eq!(pixels[(99 * 50 + 3) * 3..][..3], [0, 220, 220]);
    let line = pmdb(["shm", "plot", &name, "--as", "f64", "[:50]"])
        .succeeded()
        .stdout
        .clone();
    assert!(
        line.contains("49.0 |") && line.contains(" 0.0 |#"),
        "{line}"
    );
    let many = pmdb(["shm", "plot", &name, "--as", "f64", "--shape", "10,10,50"]);
    many.failed_with("a slice chooses some of more axes");
    fixture.write_line("end");
    fixture.wait();
}

/// Its first and its last element differ by one at most, whenever one looks.
const WRITING: &str = "
import threading
numbers = shared_memory.SharedMemory(create=True, size=1 << 25, name='pmdb-test-%d' % os.getpid())
view = numbers.buf.cast('Q')
rounds = 0
def write():
    global rounds
    while True:
        view[0] += 1
        view[(1 << 22) - 1] = view[0]
        rounds += 1
        if rounds == 1000:
            print('ready', numbers.name, flush=True)
threading.Thread(target=write, daemon=True).start()
def finish():
    before = view[0]
    while view[0] < before + 1000:
        pass
    numbers.unlink()
";

#[test]
fn those_who_write_are_held_while_it_is_read() {
    let Some(mut fixture) = segment(WRITING) else {
        return;
    };
    let name = fixture.ready().to_string();
    let shown = |more: &[&str]| {
        let all = ["shm", "show", &name, "--as", "u64", "[::4194303]", "--json"];
        pmdb(all.iter().chain(more)).succeeded().json()
    };
    let told = shown(&["--consistent"]);
    assert_eq!(told["consistent"], true, "{told:#}");
    let value = |at: usize| told["values"][at].as_u64().expect("a number");
    assert!(value(0) - value(1) <= 1, "{told:#}");
    let note = told["notes"].to_string();
    assert!(
        note.contains("consistent: 1 process was held for"),
        "{note}"
    );
    // On a busy machine it may not have come to run meanwhile.
    let mut seen = (0..1000).map(|_| shown(&[]));
    let told = seen.find(|told| told["consistent"] == false);
    let told = told.expect("it writes all the time");
    assert!(
        told["notes"]
            .to_string()
            .contains("was written to while it was read")
    );
    // It goes on, and ends.
    fixture.write_line("end");
    assert!(fixture.wait().success());
}

#[test]
fn memory_of_system_v_that_nobody_has_attached_is_read() {
    let Some(mut fixture) = segment(
        "
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
number = libc.shmget(0, 10000, 0o1600)
place = libc.shmat(number, None, 0)
ctypes.memmove(place + 9000, b'kept', 4)
libc.shmdt(place)
print('ready', number, flush=True)
finish = lambda: libc.shmctl(number, 0, None)
",
    ) else {
        return;
    };
    let number = fixture.ready().to_string();
    let name = format!("sysv:{number}");
    let resident = || {
        let report = pmdb(["shm", "--json"]).succeeded().json();
        let segments = report["segments"].as_array().expect("a list").clone();
        let found = segments.into_iter().find(|it| it["name"] == name);
        let found = found.expect("it is listed");
        (found["resident"].clone(), found["mappers"].clone())
    };
    let before = resident();
    let told = pmdb(["shm", "show", &name, "--as", "S4", "[2250]", "--json"]);
    let told = told.succeeded().json();
    assert_eq!(told["values"], json!(["kept"]));
    assert!(
        told["notes"]
            .to_string()
            .contains("pmdb has attached it to read it")
    );
    let found = pmdb(["shm", "find", &name, "text:kept", "--json"]);
    assert_eq!(found.succeeded().json()["hits"][0]["offset"], 9000);
    assert_eq!(
        resident(),
        before,
        "it is attached still, or looking has put pages into it"
    );
    fixture.write_line("end");
    fixture.wait();
}
