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

/// `postgres://user:password@host/`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
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

/// The values that are looked for, the longest first: one may be the beginning of another.
fn values(circumstances: &Circumstances) -> Vec<&str> {
    let secrets = circumstances
        .environment
        .iter()
        .filter(|(name, value)| is_secret(name, value))
        .map(|(_, value)| value.as_str());
    let mut secrets: Vec<&str> = secrets.filter(|value| value.len() >= SHORTEST).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Puts a mask over the secrets in a text that is told of the process: an argument, the name of a file.
pub fn mask_text(text: &mut String, circumstances: &Circumstances) {
    for secret in values(circumstances) {
        if text.contains(secret) {
            *text = text.replace(secret, &char::from(MASK).to_string().repeat(secret.len()));
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
    fn only_values_are_masked_where_the_environment_lies() {
        let mut bytes = *b"....A=1\0KEY=ab\0KEY=ab.";
        mask_variables(&mut bytes, Addr(100), Addr(104), Addr(115));
        assert_eq!(&bytes, b"....A=1\0KEY=**\0KEY=ab.");
    }
}
