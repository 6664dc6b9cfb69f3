//! Values of the environment that are not for everybody who gets a snapshot: by the names of their variables, or since they are
//! addresses with a password.
//!
//! A program has copies of its environment: Python's `os.environ` is made of objects. So they are looked for in all memory that
//! is kept.

use memchr::memmem::Finder;

use crate::model::{Addr, Variable};
use crate::process::live::circumstances::Circumstances;
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
fn values(circumstances: &Circumstances) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in &circumstances.environment {
        if is_secret(name, value) {
            // A plain word would be found where it is none: `postgres` as the name of a module.
            let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
            let password = password(value).filter(|password| !is_word(password));
            secrets.extend(password.and_then(decoded));
            secrets.extend(password.map(str::to_owned));
            secrets.push(value.clone());
        }
    }
    secrets.retain(|value| value.len() >= SHORTEST);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Puts a mask over the secrets in a text that is told of the process: an argument, the name of a file.
pub fn mask_text(text: &mut String, circumstances: &Circumstances) {
    for secret in values(circumstances) {
        if text.contains(&secret) {
            *text = text.replace(&secret, &char::from(MASK).to_string().repeat(secret.len()));
        }
    }
}

/// Puts a mask over the secrets in the memory that was kept.
pub fn mask(captured: &mut Captured, circumstances: &Circumstances) {
    let secrets = values(circumstances);
    for range in captured.ranges() {
        captured.change(range.clone(), |bytes| {
            for secret in &secrets {
                mask_each(bytes, secret.as_bytes());
            }
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
        let circumstances = Circumstances {
            environment: vec![
                ("DB".to_owned(), "pg://me:p%40ssword@db/x".to_owned()),
                ("SHORT".to_owned(), "pg://me:abc@db/x".to_owned()),
            ],
            ..Circumstances::default()
        };
        let expected = [
            "pg://me:p%40ssword@db/x",
            "pg://me:abc@db/x",
            "p%40ssword",
            "p@ssword",
        ];
        assert_eq!(values(&circumstances), expected);
        let mut text = "--password p@ssword".to_owned();
        mask_text(&mut text, &circumstances);
        assert_eq!(text, "--password ********");
    }

    #[test]
    fn only_values_are_masked_where_the_environment_lies() {
        let mut bytes = *b"....A=1\0KEY=ab\0KEY=ab.";
        mask_variables(&mut bytes, Addr(100), Addr(104), Addr(115));
        assert_eq!(&bytes, b"....A=1\0KEY=**\0KEY=ab.");
    }
}
