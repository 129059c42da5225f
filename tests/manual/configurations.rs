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
    let whole = match block.info.as_str() {
        "ini" if text.contains("[DEFAULT]") => format!("{text}{RULE}"),
        "ini" => format!("{DEFAULT}{text}{RULE}"),
        "ini elasticsearch" => format!("{DEFAULT}{RULE}{SEARCH}{text}"),
        info => {
            assert!(!info.starts_with("ini"), "unknown info string `{info}`");
            return None;
        }
    };
    Some(whole)
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
            let reading = parts::read_for_listen(&text, Path::new("listener.conf"));
            let here = format!("{}:{}", page.name, block.line);
            if !reading.problems.is_empty() {
                let report = reading.problems.report("listener.conf");
                complaints.push(format!("{here}: {report}\n{text}"));
            }
        }
    }
    assert_none(&complaints);
    assert!(read > 20, "{read} configurations");
}
