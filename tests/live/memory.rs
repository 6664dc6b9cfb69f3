//! Bytes and mappings, compared with what the process and the kernel say.

use std::fmt::Write;
use std::fs;

use nix::sys::stat::{major, minor};
use pmdb::model::Addr;
use pmdb::process::{Backing, Mapping, Memory, Process, ReadError, ReadMemory};

use crate::live::open;
use crate::support::{Fixture, any_python, on_each_python};

#[test]
fn reads_the_bytes_that_the_process_has() {
    on_each_python(|python| {
        let fixture = Fixture::python_text(
            python,
            "import ctypes\n\
             buffer = ctypes.create_string_buffer(bytes(range(256)) * 1024)\n\
             print('ready', ctypes.addressof(buffer), flush=True)\n\
             input()",
            &[],
        );
        let address = Addr(fixture.ready().parse().expect("an address"));
        let process = open(&fixture);
        let expected: Vec<u8> = (0..=255).cycle().take(256 * 1024).collect();
        let mut direct = vec![0; expected.len()];
        process.read(address, &mut direct).expect("it is mapped");
        assert!(direct == expected);
        let memory = Memory::new(&process);
        assert_eq!(memory.u32(address.plus(0x1_00fe)), Ok(0x0100_fffe));
        assert_eq!(
            memory.bytes(address, 200_000).as_deref(),
            Ok(&expected[..200_000])
        );
    });
}

#[test]
fn what_is_not_mapped_or_off_limits_is_an_error_with_its_address() {
    let Some(python) = any_python() else { return };
    let fixture = Fixture::python_text(
        python,
        "import mmap, ctypes\n\
         block = mmap.mmap(-1, 8 * mmap.PAGESIZE)\n\
         at = ctypes.addressof(ctypes.c_char.from_buffer(block))\n\
         assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(at + 4 * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0\n\
         print('ready', at, flush=True)\n\
         input()",
        &[],
    );
    let process = open(&fixture);
    let block = Addr(fixture.ready().parse().expect("an address"));
    let vvar = process.mappings().iter().find(
        |mapping| matches!(&mapping.backing, Backing::Special(name) if name.starts_with("[vvar")),
    );
    let places = [
        (Addr::NULL, 8),
        (Addr(0x1000), 8),
        (Addr(u64::MAX), 1),
        (Addr(u64::MAX - 3), 8),
        (Addr(0x8000_0000_0000_0000), 8),
        (block.plus(4 * 4096 - 1), 2),
        (block, 100_000),
        (vvar.expect("every process has it").start, 8),
    ];
    for (address, length) in places {
        let error = ReadError::Unmapped { address, length };
        let mut buffer = vec![0; length as usize];
        assert_eq!(process.read(address, &mut buffer), Err(error.clone()));
        let through_cache = Memory::new(&process).bytes(address, length as usize);
        assert!(through_cache.is_err(), "{error}");
        if length == 8 {
            assert_eq!(process.extent(address), None, "{address}");
        }
    }
    let mut last_byte = [1];
    assert_eq!(
        process.read(block.plus(4 * 4096 - 1), &mut last_byte),
        Ok(())
    );
    assert_eq!(last_byte, [0]);
}

#[test]
fn mappings_are_those_of_proc_and_each_can_be_asked_for() {
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("two\nlines and \u{e9} (x)"), [7; 5000]).expect("writable");
    let fixture = Fixture::python_text(
        python,
        "import mmap, os, sys\n\
         path = os.path.join(sys.argv[1], os.listdir(sys.argv[1])[0])\n\
         file = open(path, 'r+b')\n\
         here = mmap.mmap(file.fileno(), 0)\n\
         os.rename(path, path + ' gone')\n\
         os.unlink(path + ' gone')\n\
         shared = mmap.mmap(-1, 4096)\n\
         print('ready', flush=True)\n\
         input()",
        &[folder.path().to_str().expect("ASCII")],
    );
    // What reads its input may need memory first.
    fixture.wait_until_it_reads();
    let process = open(&fixture);
    let text = fs::read_to_string(format!("/proc/{}/maps", fixture.pid())).expect("it lives");
    let expected: Vec<String> = text.lines().map(squeezed).collect();
    let ours: Vec<String> = process.mappings().iter().map(as_proc_prints).collect();
    assert_eq!(ours, expected);
    assert!(
        ours.iter()
            .any(|line| line.ends_with("two\\012lines and \u{e9} (x) gone (deleted)"))
    );

    let fresh = open(&fixture);
    for mapping in process.mappings() {
        // The last page of the address space belongs to the kernel, which only prints it.
        if mapping.backing != Backing::Special("[vsyscall]".to_owned()) {
            assert_eq!(fresh.mapping_at(mapping.start).as_ref(), Some(mapping));
            assert_eq!(
                fresh.mapping_at(mapping.end.minus(1)).as_ref(),
                Some(mapping)
            );
        }
    }
    assert_eq!(fresh.mapping_at(Addr(0x1000)), None);
}

fn squeezed(line: &str) -> String {
    let mut fields = line.splitn(6, ' ');
    let first: Vec<&str> = fields.by_ref().take(5).collect();
    format!(
        "{} {}",
        first.join(" "),
        fields.next().unwrap_or("").trim_start()
    )
    .trim_end()
    .to_owned()
}

fn as_proc_prints(mapping: &Mapping) -> String {
    let letter = |set: bool, letter: char| if set { letter } else { '-' };
    let Mapping {
        start,
        end,
        protection,
        shared,
        backing,
    } = mapping;
    let mut line = format!(
        "{:08x}-{:08x} {}{}{}{}",
        start.0,
        end.0,
        letter(protection.read, 'r'),
        letter(protection.write, 'w'),
        letter(protection.execute, 'x'),
        if *shared { 's' } else { 'p' },
    );
    match backing {
        Backing::Anonymous => line.push_str(" 00000000 00:00 0"),
        Backing::Special(name) => write!(line, " 00000000 00:00 0 {name}").expect("to a string"),
        Backing::File {
            path,
            offset,
            device,
            inode,
            deleted,
        } => write!(
            line,
            " {offset:08x} {:02x}:{:02x} {inode} {}{}",
            major(*device),
            minor(*device),
            path.display().to_string().replace('\n', "\\012"),
            if *deleted { " (deleted)" } else { "" },
        )
        .expect("to a string"),
    }
    line
}
