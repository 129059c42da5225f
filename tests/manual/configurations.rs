//! What the pages show as a configuration is one.

use std::path::Path;

use esi_event_actions::app::parts;

use super::markdown::Block;
use super::{assert_none, manual};

const DEFAULT: &str = "[DEFAULT]\ntransport_url = rabbit://u:p@h\nqueues = q\n";
const RULE: &str = "[rule]\nevents = *\nscript = true\n";
const SEARCH: &str = "[source:s]\ntype = elasticsearch\nurl = https://h\nevery = 1m\n";

/// The block as a whole configuration, if it is about one.
fn completed(block: &Block) -> Option<String> {
    let text = &block.text;
    let (language, more) = block.info.split_once(' ').unwrap_or((&block.info, ""));
    if language != "ini" {
        return None;
    }
    Some(match more {
        "" if text.contains("[DEFAULT]") => format!("{text}{RULE}"),
        "" => format!("{DEFAULT}{text}{RULE}"),
        "elasticsearch" => format!("{DEFAULT}{RULE}{SEARCH}{text}"),
        path if path.starts_with(['/', '~']) => text.clone(),
        _ => panic!("unknown info string `{}`", block.info),
    })
}

/// What is wrong with a configuration of this page. Tenants have no queues.
fn wrong(page: &str, text: &str) -> Option<String> {
    let file = Path::new("listener.conf");
    let problems = match page {
        "docs/tenants.md" => parts::read_for_history(text, file).problems,
        _ => parts::read_for_listen(text, file).problems,
    };
    (!problems.is_empty()).then(|| problems.report("listener.conf").to_string())
}

#[test]
fn each_configuration_is_taken() {
    let mut complaints = Vec::new();
    let mut read = 0;
    for page in manual() {
        for block in &page.blocks {
            let Some(text) = completed(block) else {
                continue;
            };
            read += 1;
            if let Some(report) = wrong(&page.name, &text) {
                let here = format!("{}:{}", page.name, block.line);
                complaints.push(format!("{here}: {report}\n{text}"));
            }
        }
    }
    assert_none(&complaints);
    assert!(read > 20, "{read} configurations");
}
