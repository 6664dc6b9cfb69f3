//! Values of the environment that are not for everybody who gets a snapshot: by the names of their variables, or since they are
//! addresses with a password.
//!
//! A program has copies of its environment: Python's `os.environ` is made of objects. So they are looked for in all memory that
//! is kept.

use memchr::memmem::Finder;

use crate::model::{Addr, Pid, SharedFacts, SnapshotFacts, Variable};
use crate::process::live::circumstances::{Circumstances, environment};
use crate::process::still::Captured;

/// A variable with one of these words in its name is secret.
const WORDS: &[&str] = &[
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "AUTH",
];
/// A shorter value would be found where it is not one. Bytes.
const SHORTEST: usize = 6;
/// What stands in the place of each byte.
const MASK: u8 = b'*';

pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    WORDS.iter().any(|word| name.contains(word)) || has_password(value)
}

fn has_password(value: &str) -> bool {
    password(value).is_some()
}

/// Of `postgres://user:password@host/`.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// What `%40` stands for; nothing if there is nothing like it in the text, or it stands for no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, later)) = rest.split_first() {
        let digits = later.get(..2).filter(|_| byte == b'%');
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &later[2..];
            }
            None => {
                bytes.push(byte);
                rest = later;
            }
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (decoded != text).then_some(decoded)
}

/// The environment as it is told.
pub fn masked(circumstances: &Circumstances) -> Vec<Variable> {
    let variables = circumstances.environment.iter();
    variables
        .map(|(name, value)| Variable {
            name: name.clone(),
            value: (!is_secret(name, value)).then(|| value.clone()),
        })
        .collect()
}

/// The values that are looked for, the longest first: one may be the beginning of another. Of an address also its password alone, as a program
/// passes it on, with what stands for special characters in it and without.
fn values<'e>(environment: impl IntoIterator<Item = (&'e str, &'e str)>) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in environment {
        if is_secret(name, value) {
            // A plain word would be found where it is none: `postgres` as the name of a module.
            let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
            let password = password(value).filter(|password| !is_word(password));
            secrets.extend(password.and_then(decoded));
            secrets.extend(password.map(str::to_owned));
            secrets.push(value.to_owned());
        }
    }
    secrets.retain(|value| value.len() >= SHORTEST);
    sort(&mut secrets);
    secrets
}

fn sort(secrets: &mut Vec<String>) {
    secrets.sort_by(|one, other| (other.len(), one).cmp(&(one.len(), other)));
    secrets.dedup();
}

/// The values that are looked for: of one process, or of all that go into one file. What these share, and the sources that they run, may have
/// the secrets of each.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn of_processes(pids: &[Pid]) -> Secrets {
        let mut secrets = Secrets::default();
        for pid in pids {
            secrets.add(&environment(*pid));
        }
        secrets
    }

    /// Of a process as a snapshot tells of it that does not mask them.
    pub fn of_facts(facts: &SnapshotFacts) -> Secrets {
        let variables = facts.process.environment.iter();
        let told = variables.filter_map(|it| Some((&*it.name, it.value.as_deref()?)));
        Secrets(values(told))
    }

    /// Adds those of an environment.
    pub fn add(&mut self, environment: &[(String, String)]) {
        let variables = environment.iter();
        self.0
            .extend(values(variables.map(|(name, value)| (&**name, &**value))));
        sort(&mut self.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a mask over the secrets in a text that is told of the process: an argument, the name of a file.
    pub fn mask_text(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(secret) {
                *text = text.replace(secret, &char::from(MASK).to_string().repeat(secret.len()));
            }
        }
    }

    pub fn mask_bytes(&self, bytes: &mut [u8]) {
        for secret in &self.0 {
            mask_each(bytes, secret.as_bytes());
        }
    }

    /// The same in all texts that a snapshot has beside memory.
    pub fn mask_facts(&self, facts: &mut SnapshotFacts) {
        for variable in &mut facts.process.environment {
            let is_known = |value: &String| is_secret(&variable.name, value);
            if variable.value.as_ref().is_some_and(is_known) {
                variable.value = None;
            }
        }
        let process = &mut facts.process;
        let cause = facts.cause.iter_mut();
        let cause = cause.flat_map(|cause| cause.what.iter_mut().chain(&mut cause.evidence));
        let threads = facts.threads.iter_mut();
        let texts = std::iter::once(&mut process.name)
            .chain(&mut process.command)
            .chain(&mut process.executable)
            .chain(&mut process.working_folder)
            .chain(&mut process.control_groups)
            .chain(process.open_files.iter_mut().map(|file| &mut file.target))
            .chain(process.environment.iter_mut().flat_map(|it| &mut it.value))
            .chain(threads.flat_map(|thread| &mut thread.name))
            .chain(cause);
        for text in texts {
            self.mask_text(text);
        }
        self.mask_shared(&mut facts.shared);
    }

    pub fn mask_shared(&self, shared: &mut [SharedFacts]) {
        for segment in shared {
            self.mask_text(&mut segment.path);
            if let Some(known) = &mut segment.segment {
                self.mask_text(&mut known.name);
                self.mask_text(&mut known.evidence);
            }
        }
    }
}

/// Puts a mask over the secrets in the memory that was kept.
pub fn mask(captured: &mut Captured, secrets: &Secrets, circumstances: &Circumstances) {
    for range in captured.ranges() {
        captured.change(range.clone(), |bytes| {
            secrets.mask_bytes(bytes);
            if let Some(environment) = &circumstances.environment_at {
                mask_variables(bytes, range.start, environment.start, environment.end);
            }
        });
    }
}

fn mask_each(bytes: &mut [u8], secret: &[u8]) {
    let places: Vec<usize> = Finder::new(secret).find_iter(bytes).collect();
    for place in places {
        bytes[place..place + secret.len()].fill(MASK);
    }
}

/// Where the environment itself lies, short values are masked too. `start` is the address of `bytes`.
fn mask_variables(bytes: &mut [u8], start: Addr, begin: Addr, end: Addr) {
    let place = |address: Addr| {
        let within = address.0.saturating_sub(start.0);
        usize::try_from(within).map_or(bytes.len(), |within| within.min(bytes.len()))
    };
    let (begin, end) = (place(begin), place(end));
    let Some(variables) = bytes.get_mut(begin..end) else {
        return;
    };
    for variable in variables.split_mut(|&byte| byte == 0) {
        let text = String::from_utf8_lossy(variable).into_owned();
        if let Some((name, value)) = text.split_once('=')
            && is_secret(name, value)
        {
            let from = variable.iter().position(|&byte| byte == b'=').unwrap_or(0) + 1;
            variable[from..].fill(MASK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_as_addresses_with_a_password() {
        for (name, value) in [
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("hf_token", "x"),
            ("PGPASSWORD", "x"),
            ("DATABASE_URL", "postgres://me:hunter2@db:5432/x"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("PATH", "/bin:/usr/bin"),
            ("URL", "https://me@host:80/a:b@c"),
            ("HOME", "/root"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn the_password_of_an_address_is_looked_for_alone() {
        let environment = [
            ("DB".to_owned(), "pg://me:p%40ssword@db/x".to_owned()),
            ("SHORT".to_owned(), "pg://me:abc@db/x".to_owned()),
        ];
        let mut secrets = Secrets::default();
        secrets.add(&environment);
        let expected = [
            "pg://me:p%40ssword@db/x",
            "pg://me:abc@db/x",
            "p%40ssword",
            "p@ssword",
        ];
        assert_eq!(secrets.0, expected);
        let mut text = "--password p@ssword".to_owned();
        secrets.mask_text(&mut text);
        assert_eq!(text, "--password ********");
    }

    #[test]
    fn only_values_are_masked_where_the_environment_lies() {
        let mut bytes = *b"....A=1\0KEY=ab\0KEY=ab.";
        mask_variables(&mut bytes, Addr(100), Addr(104), Addr(115));
        assert_eq!(&bytes, b"....A=1\0KEY=**\0KEY=ab.");
    }
}
