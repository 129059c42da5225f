//! What the `openstack` program makes of a cloud's settings before it looks at them: which of those
//! beside `auth` move into it, under which name, and what `auth` may hold. Pure.
//!
//! This is openstacksdk's `_fix_backwards_auth` and `_handle_domain_id` and osc-lib's
//! `_auth_default_domain`, in that order.

use crate::sources::history::native::clouds::Chosen;
use crate::sources::history::native::problem::CloudProblem;
use crate::sources::history::native::yaml::{Section, Setting};

/// Settings whose value beside `auth` replaces the one in it, even by nothing.
const MOVED: [&str; 7] = [
    "domain_id",
    "domain_name",
    "user_domain_id",
    "user_domain_name",
    "project_domain_id",
    "project_domain_name",
    "passcode",
];

/// What `auth` may hold for every way to log in.
const SCOPE: [&str; 9] = [
    "auth_url",
    "system_scope",
    "trust_id",
    "domain_id",
    "domain_name",
    "project_id",
    "project_name",
    "project_domain_id",
    "project_domain_name",
];

const USER: [&str; 5] = [
    "user_id",
    "username",
    "user_name",
    "user_domain_id",
    "user_domain_name",
];

const DEFAULTS: [&str; 2] = ["default_domain_id", "default_domain_name"];

/// Whether a setting is only looked for in `auth` once [`prepare`] is done.
pub(super) fn is_moved(key: &str) -> bool {
    MOVED.contains(&key) || matches!(key, "token" | "project_id" | "project_name")
}

/// What else `auth` may hold for this way to log in, if the client knows it.
pub(super) fn allowed(kind: &str) -> Option<Vec<&'static str>> {
    let secrets: &[&str] = match kind {
        "password" | "v3password" => &["password"],
        "token" | "v3token" => &["token"],
        "v3applicationcredential" => &[
            "application_credential_id",
            "application_credential_name",
            "application_credential_secret",
        ],
        _ => return None,
    };
    let user: &[&str] = if secrets == ["token"] { &[] } else { &USER };
    let defaults: &[&str] = if kind.starts_with("v3") {
        &[]
    } else {
        &DEFAULTS
    };
    Some([&SCOPE[..], secrets, user, defaults].concat())
}

/// The cloud's settings, with everything about logging in where the program looks for it.
///
/// # Errors
/// If `auth` is no mapping.
pub(super) fn prepare(chosen: &mut Chosen) -> Result<(), CloudProblem> {
    let written = &mut chosen.written;
    let mut auth = match written.remove("auth") {
        None => Section::new(),
        Some(Setting::Section(auth)) => auth,
        Some(other) => {
            return Err(CloudProblem::new(
                format!(
                    "expected a mapping as `auth` of {}, but found {}",
                    chosen.origin,
                    other.kind()
                ),
                "write the settings below it, or remove it",
            ));
        }
    };
    for key in MOVED {
        take(key, &[key], written, &mut auth);
    }
    take("token", &["auth_token", "token"], written, &mut auth);
    // In the program's order: the last one that is there wins.
    take(
        "project_id",
        &["tenant_id", "project_id"],
        written,
        &mut auth,
    );
    take(
        "project_name",
        &["tenant_name", "project_name"],
        written,
        &mut auth,
    );
    if auth.contains_key("project_id") || auth.contains_key("project_name") {
        for (domain, own) in [
            ("domain_id", ["user_domain_id", "project_domain_id"]),
            ("domain_name", ["user_domain_name", "project_domain_name"]),
        ] {
            if let Some(domain) = auth.remove(domain) {
                for own in own {
                    auth.entry(own.to_owned()).or_insert_with(|| domain.clone());
                }
            }
        }
    }
    written.insert("auth".to_owned(), Setting::Section(auth));
    Ok(())
}

/// Moves the last of these into `auth`, first looking there, then beside it. An empty value counts as not set.
fn take(target: &str, keys: &[&str], beside: &mut Section, auth: &mut Section) {
    let mut last = None;
    for key in keys {
        last = auth.remove(*key).or(last);
        last = beside.remove(*key).or(last);
    }
    match last {
        Some(Setting::Text(text)) if text.is_empty() => {}
        Some(value) => {
            auth.insert(target.to_owned(), value);
        }
        None => {}
    }
}

/// The domain that the `openstack` program uses by default: only if version 3 is set.
pub(super) fn default_domain(kind: &str, version: Option<&str>) -> bool {
    version == Some("3") && matches!(kind, "password" | "v3password")
}
