//! What gdb says of the stacks of a process or a core, as an independent opinion.

use std::collections::BTreeMap;
use std::process::Command;

use super::skip;

/// The pc of each frame of each thread, the newest first, by tid; without those frames that are only inlined functions. Nothing, and
/// said as skipped, where there is no gdb. `target` are the arguments that name the process or the core.
pub fn program_counters(target: &[&str]) -> Option<BTreeMap<u32, Vec<u64>>> {
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"]);
    command.args([
        "-ex",
        "set backtrace past-main on",
        "-ex",
        "set backtrace past-entry on",
    ]);
    command.args(target);
    command.args([
        "-ex",
        r#"thread apply all frame apply all -q printf "frame %lx %lx\n", $pc, $sp"#,
    ]);
    let Ok(output) = command.output() else {
        skip(
            "comparing native stacks with another debugger",
            "there is no gdb",
        );
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut threads = BTreeMap::<u32, Vec<(u64, u64)>>::new();
    let mut tid = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("(LWP ")
            && line.starts_with("Thread ")
        {
            tid = rest.split(')').next().and_then(|tid| tid.parse().ok());
        } else if let Some(words) = line.strip_prefix("frame ") {
            let mut words = words.split(' ').map(|word| u64::from_str_radix(word, 16));
            if let (Some(tid), Some(Ok(pc)), Some(Ok(sp))) = (tid, words.next(), words.next()) {
                threads.entry(tid).or_default().push((pc, sp));
            }
        }
    }
    assert!(
        !threads.is_empty(),
        "gdb told no stack: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Those on the same place of the stack are inlined functions, or functions that jumped to the next instead of calling it,
    // which gdb makes up from debug information. The last has the frame.
    let machine_frames = |frames: Vec<(u64, u64)>| {
        let by_place = frames.chunk_by(|one, next| one.1 == next.1);
        by_place
            .filter_map(|frames| Some(frames.last()?.0))
            .collect()
    };
    Some(
        threads
            .into_iter()
            .map(|(tid, frames)| (tid, machine_frames(frames)))
            .collect(),
    )
}
