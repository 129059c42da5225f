//! Where the configuration file itself holds a secret, for the check of who may read it.

use super::settings::SecretPlace;
use super::source::SourceSection;
use super::table::{OptionRow, Table};
use crate::core::ini::merged::{Merged, Section};

/// The first option that holds one, whatever it is for: of `[DEFAULT]`, of a section that says it itself, or of a
/// source.
pub(super) fn secret_place(
    table: Table,
    merged: &Merged,
    sources: &[SourceSection],
) -> Option<SecretPlace> {
    let mut sections = std::iter::once(&merged.defaults).chain(&merged.sections);
    let of_sources = || sources.iter().find_map(SourceSection::secret_place);
    let found = sections.find_map(|section| first_secret(table.rows(), section));
    found.or_else(of_sources)
}

/// The first of these options that holds a secret in this section, which says it itself.
pub(super) fn first_secret(
    mut rows: impl Iterator<Item = &'static OptionRow>,
    section: &Section,
) -> Option<SecretPlace> {
    rows.find_map(|row| {
        let option = section.options.get(row.name)?;
        let holds = row.kind.holds_secret(option.value.as_str().trim());
        (holds && !option.inherited).then(|| SecretPlace {
            option: row.name.to_owned(),
            section: section.name.clone(),
            position: option.position,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use crate::config::table::{Kind, PartOptions, Scope, SourceKind};
    use crate::core::ini::merged;

    const fn row(name: &'static str, kind: Kind) -> OptionRow {
        OptionRow {
            name,
            scope: Scope::Service,
            kind,
            default: None,
            meaning: "",
        }
    }

    static ALL: Table = Table {
        general: &[&ROWS],
        actions: &[],
        sources: &[],
    };
    static ROWS: [OptionRow; 4] = [
        row("user", Kind::Text),
        row("password", Kind::Secret),
        row("transport_url", Kind::SecretUrl),
        row("openstack_command", Kind::Command),
    ];

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
            (
                "user = esi\n[rule]\ntransport_url = rabbit://u:p@h/",
                Some("transport_url at 4:1"),
            ),
        ];
        for (options, expected) in cases {
            let (merged, _) = merged::read(&format!("[DEFAULT]\n{options}\n"), &|_| false);
            let found = secret_place(ALL, &merged, &[]);
            let found = found.map(|place| format!("{} at {}", place.option, place.position));
            assert_eq!(found.as_deref(), expected, "{options}");
        }
    }

    #[test]
    fn a_secret_in_the_section_of_a_source_is_found_too() {
        static KINDS: [SourceKind; 1] = [SourceKind {
            options: PartOptions {
                name: "queue",
                rows: &ROWS,
            },
            event_types: &[""],
        }];
        let table = Table {
            sources: &KINDS,
            ..ALL
        };
        for (options, expected) in [
            ("user = esi\npassword = x", Some("password at 5:1")),
            (
                "transport_url = amqp://u:p@h/",
                Some("transport_url at 4:1"),
            ),
            (
                "transport_url = amqp://u@h/\nuser = u",
                Some("transport_url at 4:1"),
            ),
            ("user = u", None),
        ] {
            let text = format!("[DEFAULT]\n[source:s]\ntype = queue\n{options}\n");
            let (mut merged, mut problems) = merged::read(&text, &|_| false);
            let sources = source::take(table, &mut merged, &mut problems);
            let found = secret_place(table, &merged, &sources);
            let found = found.map(|place| format!("{} at {}", place.option, place.position));
            assert_eq!(found.as_deref(), expected, "{options}");
        }
    }
}
