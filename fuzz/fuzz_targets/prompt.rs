//! Any text as lines at the prompt, on the core that `PMDB_FUZZ_CORE` names: commands, aliases, expressions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pmdb::faces::render::palette::Palette;
use pmdb::faces::repl::Repl;
use pmdb::session::stack::Target;
use pmdb::session::{Session, SessionOptions};

fuzz_target!(|text: &str| {
    let path = std::env::var_os("PMDB_FUZZ_CORE").expect("PMDB_FUZZ_CORE names a core");
    let target = Target::Core {
        path: path.into(),
        executable: None,
    };
    let (session, _) = Session::open(&[target], SessionOptions::default());
    let mut repl = Repl::new(session.expect("a core"), Palette::Plain);
    for line in text.lines().take(20) {
        repl.run(line, &mut std::io::sink())
            .expect("a sink takes all");
    }
});
