//! The page of `pmdb open --report html` in a browser: on a phone nothing is cut off, and nothing is loaded.

use std::fs;
use std::process::Command;

use crate::support::{Fixture, any_python, pmdb, run, skip};

const WIDE: &str = "
import signal
class Row:
    def __init__(self, name_that_is_long):
        self.name_that_is_long = name_that_is_long
def wait(a_variable_with_a_rather_long_name_that_goes_on_for_longer_than_a_phone_is_wide, short, words):
    signal.pause()
print('ready', flush=True)
wait('x' * 500, Row('/a/path/' * 40), {'key %d' % number: ['word'] * 9 for number in range(40)})
";

/// What a browser makes of a page in a frame as wide as a phone, with everything unfolded: how wide its content is and may be, the narrowest
/// name of a variable, and what was loaded.
const LOOK: &str = "
onload = () => {
  const page = frame.contentDocument, all = page.documentElement;
  page.querySelectorAll('details').forEach(one => one.open = true);
  const names = [...page.querySelectorAll('table.locals th')].map(name => name.offsetWidth);
  const loaded = frame.contentWindow.performance.getEntriesByType('resource').length;
  document.body.textContent = ['told', all.scrollWidth, all.clientWidth, Math.min(...names), loaded, 'end'].join(' ');
};";

fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    names.into_iter().find(is_there)
}

#[test]
fn the_page_fits_on_a_phone_and_loads_nothing() {
    let Some(browser) = browser() else {
        return skip("the report in a browser", "there is no Chromium");
    };
    let Some(python) = any_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::python_text(python, WIDE, &[]);
    let file = folder.path().join("it.pmdb").display().to_string();
    pmdb(["snapshot", &fixture.pid().to_string(), "-o", &file]).succeeded();
    drop(fixture);
    let page = pmdb(["open", &file, "--report", "html"]);
    let page = page
        .succeeded()
        .stdout
        .replace('&', "&amp;")
        .replace('"', "&quot;");
    let outer = folder.path().join("outer.html");
    let style = "width:390px;height:800px;border:0";
    let text = format!(
        "<!doctype html><body><iframe id=frame style=\"{style}\" srcdoc=\"{page}\"></iframe><script>{LOOK}</script>"
    );
    fs::write(&outer, text).unwrap();
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(&outer);
    let answer = run(command, "");
    let told = answer
        .stdout
        .split_once("told ")
        .and_then(|(_, rest)| rest.split_once(" end"));
    let (told, _) = told.unwrap_or_else(|| panic!("{answer:?}"));
    let numbers: Vec<u32> = told.split(' ').map(|word| word.parse().unwrap()).collect();
    let [content, screen, name, loaded] = numbers[..] else {
        panic!("{told}");
    };
    assert!(content <= screen && screen > 300, "{told}");
    // Each name has the whole line.
    assert!(name > screen / 2, "{told}");
    assert_eq!(loaded, 0);
}
