//! As much of Markdown as the pages use: headings, fenced blocks, code spans and links.

use std::collections::HashMap;

/// A page.
pub(super) struct Page {
    /// Its path from the root of the project.
    pub(super) name: String,
    /// The names of its headings in links.
    pub(super) anchors: Vec<String>,
    /// Its fenced blocks.
    pub(super) blocks: Vec<Block>,
    /// The targets of its links, with their lines.
    pub(super) links: Vec<(usize, String)>,
    /// Its code spans, with their lines.
    pub(super) spans: Vec<(usize, String)>,
}

/// A fenced block.
pub(super) struct Block {
    /// The line of its fence, from 1.
    pub(super) line: usize,
    /// The name, in links, of the heading that it is under.
    pub(super) section: String,
    /// What stands behind the fence.
    pub(super) info: String,
    /// Its lines, without the indentation of the fence.
    pub(super) text: String,
}

impl Page {
    /// Reads the page.
    pub(super) fn of(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            anchors: Vec::new(),
            blocks: Vec::new(),
            links: Vec::new(),
            spans: Vec::new(),
        };
        let mut seen = HashMap::new();
        let mut block: Option<(usize, Block)> = None;
        let mut paragraph = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let inner = line.trim_start();
            let indentation = line.len() - inner.len();
            if let Some((fence, open)) = &mut block {
                if inner.trim_end() == "```" {
                    page.blocks.extend(block.take().map(|(_, block)| block));
                } else {
                    let skip = (*fence).min(indentation);
                    open.text.push_str(&line[skip..]);
                    open.text.push('\n');
                }
                continue;
            }
            let info = inner.strip_prefix("```");
            if info.is_some() || line.trim().is_empty() || line.starts_with('#') {
                page.read_paragraph(&std::mem::take(&mut paragraph));
            }
            if let Some(info) = info {
                let info = info.trim().to_owned();
                let text = String::new();
                let line = number;
                let section = page.anchors.last().cloned().unwrap_or_default();
                let inside = Block {
                    line,
                    section,
                    info,
                    text,
                };
                block = Some((indentation, inside));
                continue;
            }
            if line.starts_with('#') {
                let slug = slug(line.trim_start_matches('#').trim());
                let count: &mut usize = seen.entry(slug.clone()).or_default();
                page.anchors.push(match *count {
                    0 => slug,
                    more => format!("{slug}-{more}"),
                });
                *count += 1;
            }
            paragraph.push((number, line));
        }
        assert!(block.is_none(), "{name}: a block without an end");
        page.read_paragraph(&paragraph);
        page
    }

    /// Takes code spans and links from lines that belong together.
    fn read_paragraph(&mut self, lines: &[(usize, &str)]) {
        let texts: Vec<_> = lines.iter().map(|(_, text)| *text).collect();
        let text = texts.join("\n");
        let line_at = |at: usize| {
            let before = text[..at].matches('\n').count();
            lines.get(before).map_or(0, |(number, _)| *number)
        };
        // Code spans are blanked, since what looks like a link there is none.
        let mut outside = String::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            if ticks > 0 {
                let inside = &rest[ticks..];
                if let Some(length) = end_of_span(inside, ticks) {
                    let words = inside[..length].split_whitespace().collect::<Vec<_>>();
                    self.spans.push((line_at(at), words.join(" ")));
                    let whole = ticks + length + ticks;
                    outside.extend(rest[..whole].bytes().map(|_| '.'));
                    at += whole;
                    continue;
                }
            }
            let next = rest.chars().next().expect("not at the end");
            let length = next.len_utf8().max(ticks);
            outside.push_str(&rest[..length]);
            at += length;
        }
        for (start, _) in outside.match_indices("](") {
            let target = outside[start + 2..].split(')').next().unwrap_or_default();
            self.links.push((line_at(start), target.to_owned()));
        }
    }
}

/// Where a code span ends that was begun by so many backticks.
fn end_of_span(inside: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    loop {
        at += inside[at..].find('`')?;
        let rest = &inside[at..];
        let run = rest.len() - rest.trim_start_matches('`').len();
        if run == ticks {
            return Some(at);
        }
        at += run;
    }
}

/// The name of a heading in links, as GitHub makes it.
fn slug(heading: &str) -> String {
    let kept = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
    let text = heading.to_lowercase();
    text.chars()
        .filter(kept)
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

#[test]
fn pages_are_read() {
    let text = "# A `b`: it's\n\n1. Do [x](y.md#z) `[no](link)` and\n   ``a `b` c`` ([s](t))\n\n   ```sh cron\n   one\n     two\n   ```\n\n# A b its\n";
    let page = Page::of("p.md", text);
    assert_eq!(page.anchors, ["a-b-its", "a-b-its-1"]);
    let links: Vec<_> = page.links.iter().map(|(line, to)| (*line, &**to)).collect();
    assert_eq!(links, [(3, "y.md#z"), (4, "t")]);
    let spans: Vec<_> = page.spans.iter().map(|(line, it)| (*line, &**it)).collect();
    assert_eq!(spans, [(1, "b"), (3, "[no](link)"), (4, "a `b` c")]);
    let [block] = &page.blocks[..] else {
        panic!("one block");
    };
    assert_eq!(
        (block.line, &*block.section, &*block.info, &*block.text),
        (6, "a-b-its", "sh cron", "one\n  two\n")
    );
}
