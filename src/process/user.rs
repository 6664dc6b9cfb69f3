//! Users by name.

use nix::unistd::{Uid, User};

/// `alice (uid 1000)`; `uid 1000` if it has no name here.
pub(super) fn user(uid: Option<u32>) -> String {
    let Some(uid) = uid else {
        return "another user".to_owned();
    };
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(known)) => format!("{} (uid {uid})", known.name),
        _ => format!("uid {uid}"),
    }
}
