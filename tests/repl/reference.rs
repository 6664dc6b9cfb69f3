//! The reference page is what the table of commands says.

use pmdb::faces::repl::reference;

const BEGIN: &str = "<!-- commands: made from the table in src/faces/repl/commands.rs -->\n\n";

/// With `PMDB_WRITE_DOCS` set the page is written instead.
#[test]
fn page_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/prompt.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, found) = page.split_once(BEGIN).expect("the page has the mark");
    let expected = reference();
    if std::env::var_os("PMDB_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{}\n", expected.trim_end())).unwrap();
        return;
    }
    assert!(
        found.trim_end() == expected.trim_end(),
        "the page is not what the table says: write it with PMDB_WRITE_DOCS=1 cargo test repl::reference"
    );
}
