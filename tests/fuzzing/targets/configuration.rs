//! What operators write: the configuration, the address of the bus, the clouds.

use std::io;
use std::path::Path;

use esi_event_actions::app::parts;
use esi_event_actions::sources::history::{Cloud, Variables};

use super::{SECRET, holds};

fn read_all(text: &str) {
    let file = Path::new("/etc/file");
    holds(text, &parts::read_for_listen(text, file));
    holds(text, &parts::read_for_history(text, file));
}

/// A configuration, before or after passwords that it may refer to: by the length of it, as twice the
/// work would halve what can be tried.
pub(crate) fn ini(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(SECRET) {
        return;
    }
    let secrets =
        format!("\n[DEFAULT]\npassword = {SECRET}\ntransport_url = rabbit://u:{SECRET}@h/\n");
    read_all(&if text.len().is_multiple_of(2) {
        format!("{secrets}{text}")
    } else {
        format!("{text}{secrets}")
    });
}

/// `transport_url` alone, and as what follows a password. The history's feed leaves it unread.
pub(crate) fn transport_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains([' ', '\t', '\n', '\r']) || text.contains(SECRET) {
        return;
    }
    let text = text.replace('%', "%%");
    let urls = [
        text.clone(),
        format!("rabbit://u:{SECRET}{text}@h/"),
        format!("rabbit://u:{SECRET}@{text}"),
    ];
    for url in urls {
        let text =
            format!("[DEFAULT]\nqueues = q\ntransport_url = {url}\n[r]\nevents = *\nscript = x\n");
        holds(
            &text,
            &parts::read_for_listen(&text, Path::new("/etc/file")),
        );
    }
}

/// `clouds.yaml`, into which a password is put.
pub(crate) fn clouds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(SECRET) {
        return;
    }
    let variables = Variables::from([("HOME".to_owned(), "/home/u".to_owned())]);
    let secure = format!("clouds:\n  a:\n    auth:\n      password: {SECRET}\n");
    for name in [None, Some("a")] {
        let read = |path: &Path| match path.file_name().and_then(|name| name.to_str()) {
            Some("clouds.yaml") => Ok(text.to_owned()),
            Some("secure.yaml") => Ok(secure.clone()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let found = format!("{:?}", Cloud::find(name, &variables, &read));
        assert!(!found.contains(SECRET), "shown: {found}");
    }
}
