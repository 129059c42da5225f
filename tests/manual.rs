//! The manual: what README, `docs/` and the other pages say is held against the program and the files that there are.
//!
//! In the pages, a block's info string says what it is:
//!
//! - `ini`: a configuration. Without `[DEFAULT]` it gets one with a broker and a queue; options before the first section belong
//!   to that. A rule for everything is added, so that a source alone is complete.
//! - `ini elasticsearch`: options of a source of this type, which gets its name and what it cannot do without.
//! - `sh`, `cron`: commands. A word in capitals stands for something that the reader fills in.
//! - `sh example`: commands of which the reader chooses, or that need what no test has.
//! - `sh`, `ini`, `yaml` or `text` and a path, as in `ini ~/.config/app.conf`: the content of this file.
//!
//! docs/operators.md and docs/tenants.md are also followed (`following.rs`): files are written, commands are run, and `text`
//! is what the commands before it print, with `…` for what differs from one time to another. What the reader is to replace
//! is in a table on the page.

mod commands;
mod configurations;
mod following;
mod help;
mod links;
mod markdown;
mod messages;
mod operators;
mod paths;
mod tenants;

use std::fs;
use std::path::{Path, PathBuf};

use markdown::Page;

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder`, but not what is built, fetched or recorded.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_symlink() || name.starts_with('.') || name == "target" || name == "data" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// All pages of the project.
fn pages() -> Vec<Page> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|it| it == "md");
    let pages = files(root()).into_iter().filter(is_page);
    let pages: Vec<_> = pages
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a page");
            let name = path.strip_prefix(root()).expect("below the root");
            Page::of(&name.to_string_lossy(), &text)
        })
        .collect();
    assert!(pages.iter().any(|page| page.name == "README.md"));
    assert!(pages.iter().any(|page| page.name == "docs/operators.md"));
    pages
}

/// The pages for users: not those for who changes the program.
fn manual() -> Vec<Page> {
    let mut pages = pages();
    pages.retain(|page| page.name == "README.md" || page.name.starts_with("docs/"));
    pages
}

/// Fails with all complaints at once.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    assert!(readme.lines().count() <= 200, "move what is more to docs/");
}
