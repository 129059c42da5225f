//! Files that are named are there.

use std::fs;
use std::path::Path;

use super::{assert_none, files, manual, root};

/// The folders of the project whose files pages name.
const FOLDERS: [&str; 7] = [
    "conf/", "docs/", "scripts/", "src/", "systemd/", "tests/", "benches/",
];

/// Whether there is a file of this path, in whose name `*` may stand for the rest.
fn exists(path: &str) -> bool {
    let Some((before, _)) = path.split_once('*') else {
        return root().join(path).exists();
    };
    let all = files(root());
    let mut names = all.iter().filter_map(|it| it.strip_prefix(root()).ok());
    names.any(|name| name.to_string_lossy().starts_with(before))
}

#[test]
fn files_that_the_pages_name_are_there() {
    let mut complaints = Vec::new();
    let mut named = 0;
    for page in manual() {
        let of_blocks = page.blocks.iter();
        let of_blocks = of_blocks.filter(|block| block.info == "sh" || block.info == "cron");
        let of_blocks = of_blocks.flat_map(|block| block.text.split_whitespace());
        let of_spans = page
            .spans
            .iter()
            .flat_map(|(_, span)| span.split_whitespace());
        for word in of_blocks.chain(of_spans) {
            if FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                named += 1;
                if !exists(word) {
                    complaints.push(format!("{}: there is no {word}", page.name));
                }
            }
        }
    }
    assert_none(&complaints);
    assert!(named > 20, "{named} files");
}

#[test]
fn pages_that_the_program_and_its_files_name_are_there() {
    let mut complaints = Vec::new();
    let mut named = 0;
    for folder in FOLDERS {
        for file in files(&root().join(folder)) {
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            for (at, _) in text.match_indices("docs/") {
                let is_of_path = |char: char| char.is_ascii_alphanumeric() || "/-_.".contains(char);
                let before = text[..at].chars().next_back();
                let end = text[at..].find(|char| !is_of_path(char));
                let path = &text[at..end.map_or(text.len(), |end| at + end)];
                let path = path.trim_end_matches('.');
                let is_page = Path::new(path).extension().is_some_and(|it| it == "md");
                if before.is_some_and(is_of_path) || !is_page {
                    continue;
                }
                named += 1;
                if !root().join(path).exists() {
                    complaints.push(format!("{}: there is no {path}", file.display()));
                }
            }
        }
    }
    assert_none(&complaints);
    assert!(named > 5, "{named} pages");
}
