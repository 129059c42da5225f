//! Links within the project lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::{assert_none, pages, root};

#[test]
fn each_link_and_anchor_leads_somewhere() {
    let pages = pages();
    let mut complaints = Vec::new();
    let mut followed = 0;
    for page in &pages {
        for (line, target) in &page.links {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&page.name).parent().expect("a folder");
            let path = if file.is_empty() {
                PathBuf::from(&page.name)
            } else {
                plain(&folder.join(file))
            };
            let here = format!("{}:{line}: {target}", page.name);
            if !root().join(&path).exists() {
                complaints.push(format!("{here}: there is no {}", path.display()));
                continue;
            }
            let other = pages.iter().find(|other| Path::new(&other.name) == path);
            let known = other.is_some_and(|other| other.anchors.iter().any(|it| it == anchor));
            if !anchor.is_empty() && !known {
                complaints.push(format!("{here}: no such heading in {}", path.display()));
            }
        }
    }
    assert_none(&complaints);
    assert!(followed > 50, "{followed} links");
}

#[test]
fn the_readme_leads_to_each_page_of_the_manual() {
    let pages = pages();
    let readme = pages.iter().find(|page| page.name == "README.md");
    let readme = readme.expect("the README");
    let mut missing = Vec::new();
    for page in pages.iter().filter(|page| page.name.starts_with("docs/")) {
        if !readme.links.iter().any(|(_, target)| *target == page.name) {
            missing.push(format!("README.md does not lead to {}", page.name));
        }
    }
    assert_none(&missing);
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out", path.display()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
