//! The options of a source that watches files, and how they are read.

use std::path::Path;

use glob::Pattern;

use super::snapshot::Kind;
use super::{Chosen, Watch};
use crate::config::table::{self, OptionRow, Scope};
use crate::config::{Options, Problem};

/// In the section of such a source.
pub(super) const OPTIONS: [OptionRow; 5] = [
    OptionRow {
        name: "paths",
        scope: Scope::Source,
        kind: table::Kind::List,
        default: None,
        meaning: "the folders, relative ones beside the configuration. What is there at the first look is not told. They \
                  may hold 5,000 files and folders in all, without what `ignore` leaves out",
    },
    OptionRow {
        name: "patterns",
        scope: Scope::Source,
        kind: table::Kind::List,
        default: None,
        meaning: "what is told of: globs of names, like `*.iso`, or with a slash of places below the path, like \
                  `incoming/*`; without it, all",
    },
    OptionRow {
        name: "ignore",
        scope: Scope::Source,
        kind: table::Kind::List,
        default: None,
        meaning: "what is left out with all that is in it: globs like those of `patterns`",
    },
    OptionRow {
        name: "recursive",
        scope: Scope::Source,
        kind: table::Kind::Switch,
        default: Some("no"),
        meaning: "whether folders in the folders are looked into, too",
    },
    OptionRow {
        name: "kinds",
        scope: Scope::Source,
        kind: table::Kind::List,
        default: Some("created, modified, moved, deleted"),
        meaning: "which changes are told",
    },
];

/// Reads what is watched; `None` if a problem makes that nothing.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<Watch> {
    let paths = if options.lacks("paths") {
        options.report_section(
            "expected `paths` in the source, but found none",
            "name the folders, like `paths = /srv/uploads`",
        );
        None
    } else {
        let items = options.items("paths", "a folder").into_iter();
        let paths: Vec<_> = items.map(|(path, _)| folder.join(path)).collect();
        (!paths.is_empty()).then_some(paths)
    };
    let patterns = list(
        options,
        "patterns",
        "a glob",
        "write it like `*.iso`",
        pattern,
    );
    let ignore = list(
        options,
        "ignore",
        "a glob",
        "write it like `*.swp`",
        pattern,
    );
    let recursive = options.switch("recursive");
    let known = "write some of `created`, `modified`, `moved` and `deleted`";
    let kinds = if options.lacks("kinds") {
        Some(Kind::ALL.to_vec())
    } else {
        list(options, "kinds", "a kind of change", known, Kind::named)
    };
    Some(Watch {
        paths: paths?,
        chosen: Chosen {
            patterns: patterns?,
            ignore: ignore?,
            recursive,
        },
        kinds: kinds?,
    })
}

fn pattern(text: &str) -> Option<Pattern> {
    Pattern::new(text).ok()
}

/// The items of a list; `None` if one of them is none.
fn list<T>(
    options: &mut Options<'_>,
    name: &str,
    what: &str,
    hint: &str,
    read: fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let items = options.items(name, what);
    let (count, mut all) = (items.len(), Vec::new());
    for (text, position) in items {
        if let Some(item) = read(text) {
            all.push(item);
            continue;
        }
        let option = options.get(name)?;
        let message = format!("expected {what} in `{name}`, but found `{text}`");
        options.report(Problem::error(message, hint), option, position);
    }
    (all.len() == count).then_some(all)
}
