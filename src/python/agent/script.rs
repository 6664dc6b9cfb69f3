//! The agent's source, and the few lines that start it.

/// The parts, in an order in which each finds what it inherits from.
const PARTS: [&str; 7] = [
    include_str!("inferior/channel.py"),
    include_str!("inferior/breakpoints.py"),
    include_str!("inferior/stepping.py"),
    include_str!("inferior/evaluate.py"),
    include_str!("inferior/tracing.py"),
    include_str!("inferior/monitoring.py"),
    include_str!("inferior/agent.py"),
];

/// All of it, one module.
pub(super) fn source() -> String {
    PARTS.join("\n")
}

/// The ends of the two pipes that the process has, by file descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub commands: i32,
    pub answers: i32,
    /// A reading end of the answers: see `inferior/channel.py`.
    pub kept: i32,
}

/// What `PyRun_SimpleString` runs: it reads the agent from the pipe, so that little has to lie in the memory of the process.
/// It ends in a NUL, binds no name in `__main__`, and lets no exception out: one would reach the code that it interrupted.
pub(super) fn bootstrap(ends: Ends, length: usize) -> Vec<u8> {
    let Ends {
        commands,
        answers,
        kept,
    } = ends;
    format!(
        "try:\n exec(compile(__import__('posix').read({commands}, {length}), '<pmdb>', 'exec'), \
         {{'__name__': '__pmdb__', 'commands': {commands}, 'answers': {answers}, 'kept': {kept}, \
         'frame': __import__('sys')._getframe(1)}})\nexcept BaseException:\n __import__('posix').write({answers}, \
         ('{{\"event\": \"failed\", \"text\": \"%s\"}}\\n' % ascii(__import__('sys').exc_info()[1])\
         .replace('\\\\', '/').replace('\"', \"'\")).encode())\n\0"
    )
    .into_bytes()
}

/// What `PyRun_SimpleString` runs to stop a process in which the agent is: its main thread stops at its next line.
pub(super) fn interruption() -> Vec<u8> {
    b"try:\n __import__('sys')._pmdb_agent.stop_soon(__import__('sys')._getframe(1), 'interrupt')\n\
      except BaseException:\n pass\n\0"
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_fits_into_a_pipe() {
        // 64 KiB, pipe(7).
        assert!(source().len() < 60_000, "{}", source().len());
    }
}
