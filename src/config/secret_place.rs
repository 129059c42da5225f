//! Where the configuration file itself holds a secret, for the check of who may read it.

use super::command::secrets_among;
use super::merged::{MergedOption, Section};
use super::settings::SecretPlace;

/// Whether an option's text holds a secret.
type Holds = fn(&str) -> bool;

/// The first option of `[DEFAULT]` that holds one, whichever feed it is for.
pub(super) fn secret_place(defaults: &Section) -> Option<SecretPlace> {
    let holds: [(&str, Holds); 3] = [
        ("password", |text| !text.is_empty()),
        // What stands before the `@` is a user and mostly a password; a wrong URL may be near enough.
        ("transport_url", |text| text.contains('@')),
        ("openstack_command", |text| {
            shlex::split(text).is_some_and(|words| secrets_among(&words).next().is_some())
        }),
    ];
    holds.into_iter().find_map(|(name, holds)| {
        let option: &MergedOption = defaults.options.get(name)?;
        holds(option.value.as_str().trim()).then(|| SecretPlace {
            option: name.to_owned(),
            position: option.position,
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::config::merged;

    use super::*;

    #[test]
    fn a_secret_in_the_file_is_found_and_one_elsewhere_is_not() {
        let cases = [
            ("user = esi\npassword = x", Some("password at 3:1")),
            (
                "transport_url = rabbit://u:p@h/",
                Some("transport_url at 2:1"),
            ),
            ("transport_url = rabbit://h/\npassword_file = p", None),
            ("password =", None),
            (
                "openstack_command = openstack --os-password x",
                Some("openstack_command at 2:1"),
            ),
            ("openstack_command = openstack --os-cloud x", None),
        ];
        for (options, expected) in cases {
            let (merged, _) = merged::read(&format!("[DEFAULT]\n{options}\n"));
            let found = secret_place(&merged.defaults);
            let found = found.map(|place| format!("{} at {}", place.option, place.position));
            assert_eq!(found.as_deref(), expected, "{options}");
        }
    }
}
