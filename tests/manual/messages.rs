//! The messages that operators are told to look for are those of the program.

use std::fs;

use super::{assert_none, files, manual, root};

/// What the source says, with the strings that go over several lines put together.
fn source() -> String {
    let mut all = String::new();
    for file in files(&root().join("src")) {
        if let Ok(text) = fs::read_to_string(&file) {
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                match line.strip_suffix('\\') {
                    Some(begun) => {
                        all.push_str(begun);
                        let mut next = lines.next().unwrap_or_default().trim_start();
                        while let Some(more) = next.strip_suffix('\\') {
                            all.push_str(more);
                            next = lines.next().unwrap_or_default().trim_start();
                        }
                        all.push_str(next);
                    }
                    None => all.push_str(line),
                }
                all.push('\n');
            }
        }
    }
    all
}

#[test]
fn symptoms_are_in_the_words_of_the_program() {
    let source = source();
    let pages = manual();
    let page = pages.iter().find(|page| page.name == "docs/operators.md");
    let page = page.expect("the page for operators");
    let text = fs::read_to_string(root().join(&page.name)).expect("the page");
    let (before, _) = text.split_once("## Troubleshoot\n").expect("its part");
    let begin = before.lines().count();
    let lines: Vec<_> = text.lines().collect();
    let mut complaints = Vec::new();
    let mut found = 0;
    for (number, span) in &page.spans {
        // Of each row, what is before the second bar.
        let line = lines.get(number - 1).copied().unwrap_or_default();
        let symptom = line.trim_start_matches("| ").split(" | ").next();
        let is_symptom = symptom.is_some_and(|symptom| symptom.contains(&format!("`{span}`")));
        let is_command = ["esi-event-actions ", "systemctl "].map(|it| span.starts_with(it));
        if *number <= begin || !is_symptom || is_command.contains(&true) {
            continue;
        }
        let parts = span
            .split('…')
            .map(|part| part.trim_matches([' ', ':', ';']));
        for part in parts.filter(|part| !part.is_empty()) {
            found += 1;
            if !source.contains(part) {
                complaints.push(format!("{}:{number}: nothing says `{part}`", page.name));
            }
        }
    }
    assert_none(&complaints);
    assert!(found > 15, "{found} messages");
}
