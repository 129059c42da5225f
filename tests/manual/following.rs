//! A page is followed word for word by a user of a Debian system that has just been set up: in the order of the page, as it stands.

use std::collections::HashMap;

use fancy_regex::Regex;

use super::markdown::{Block, Page};
use super::root;
use crate::support::system::{System, text};

/// How cron runs a command: with next to nothing in its environment.
const AS_CRON: &str = "cd \"$HOME\" && exec env -i HOME=\"$HOME\" LOGNAME=\"$LOGNAME\" PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c \"$0\"";

/// What a reader does with a block.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    /// Writes it into the file of this path.
    Write(&'a str),
    /// Types it into a shell.
    Run,
    /// Leaves it to cron.
    Schedule,
    /// Compares it with what was printed last.
    Compare,
    /// Reads it.
    Read,
}

impl<'a> Step<'a> {
    fn of(info: &'a str) -> Option<Self> {
        let (language, more) = info.split_once(' ').unwrap_or((info, ""));
        Some(match (language, more) {
            ("sh" | "ini" | "yaml" | "text", path) if path.starts_with(['/', '~']) => {
                Self::Write(path)
            }
            ("sh", "") => Self::Run,
            ("cron", "") => Self::Schedule,
            ("text", "") => Self::Compare,
            ("sh", "example") => Self::Read,
            _ => return None,
        })
    }
}

/// Who follows a page.
pub(super) struct Follower<'a> {
    system: &'a System,
    user: &'a str,
    page: Page,
    /// What the page says, and what is meant here.
    values: HashMap<&'a str, String>,
    /// How many blocks have been followed.
    followed: usize,
    /// What the last commands printed.
    printed: String,
}

impl<'a> Follower<'a> {
    /// A user of the system, who replaces values as the table on the page says.
    pub(super) fn new(
        system: &'a System,
        user: &'a str,
        page: &str,
        values: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Self {
        let content = std::fs::read_to_string(root().join(page)).expect("a page");
        let values: HashMap<_, _> = values.into_iter().collect();
        let rows = content.lines().filter(|line| line.starts_with("| `"));
        let table: Vec<_> = rows
            .filter_map(|row| row.split(" | ").next())
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .take(values.len())
            .map(str::to_owned)
            .collect();
        let mut told = table.clone();
        told.sort();
        let mut known: Vec<_> = values.keys().copied().collect();
        known.sort_unstable();
        assert_eq!(told, known, "what {page} says is to be replaced");
        system.done(&["useradd", "--create-home", "--shell", "/bin/bash", user]);
        Self {
            system,
            user,
            page: Page::of(page, &content),
            values,
            followed: 0,
            printed: String::new(),
        }
    }

    /// Does what the next sections say, of which this is the last.
    pub(super) fn follow_to(&mut self, section: &str) {
        let blocks = &self.page.blocks;
        let last = blocks.iter().rposition(|block| block.section == section);
        let end = last.unwrap_or_else(|| panic!("no block in `{section}`")) + 1;
        assert!(self.followed < end, "`{section}` has been followed already");
        while self.followed < end {
            let block = &self.page.blocks[self.followed];
            self.printed = self.do_as(block);
            self.followed += 1;
        }
    }

    /// Types a command that the page has somewhere; what it prints.
    pub(super) fn type_in(&self, command: &str) -> String {
        let in_text = self.page.spans.iter().any(|(_, span)| span == command);
        let lines = self.page.blocks.iter().flat_map(|block| block.text.lines());
        let known = in_text || lines.into_iter().any(|line| line == command);
        assert!(known, "{} has no `{command}`", self.page.name);
        self.run(&self.page.name, &["bash", "-c", &self.replaced(command)])
    }

    /// Ends, at the end of the page.
    pub(super) fn end(self) {
        let left = self.page.blocks.get(self.followed);
        let left = left.map(|block| block.line);
        assert_eq!(left, None, "{} goes on in this line", self.page.name);
    }

    /// Does what the block says; what was printed.
    fn do_as(&self, block: &Block) -> String {
        let here = format!("{}:{}", self.page.name, block.line);
        let text = self.replaced(&block.text);
        let step = Step::of(&block.info);
        match step.unwrap_or_else(|| panic!("{here}: unknown info string `{}`", block.info)) {
            Step::Write(path) => {
                let near = block.line.saturating_sub(6)..block.line;
                let named = |(line, span): &(usize, String)| span == path && near.contains(line);
                assert!(
                    self.page.spans.iter().any(named),
                    "{here}: the text before it has to say which file this is: {path}"
                );
                self.write(path, &text);
                String::new()
            }
            Step::Run => self.run(&here, &["bash", "-e", "-c", &format!("exec 2>&1\n{text}")]),
            Step::Schedule => {
                let command = text.trim_end().splitn(6, ' ').last().expect("a command");
                let printed = self.run(&here, &["sh", "-c", AS_CRON, command]);
                assert_eq!(printed, "", "{here}: cron would send this by mail");
                printed
            }
            Step::Compare => {
                assert!(
                    fits(&text, &self.printed),
                    "{here}: expected\n{text}\nbut found\n{}",
                    self.printed
                );
                self.printed.clone()
            }
            Step::Read => self.printed.clone(),
        }
    }

    /// With the values of here in place of those of the page.
    fn replaced(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (told, meant) in &self.values {
            text = text.replace(told, meant);
        }
        text
    }

    /// What a command prints that the user runs in a session, and that has to end well.
    fn run(&self, here: &str, command: &[&str]) -> String {
        let user = format!("--uid={}", self.user);
        let session = ["systemd-run", "--pipe", "--wait", "--quiet", &user];
        let session = [&session[..], &["-pPAMName=login", "-pWorkingDirectory=~"]].concat();
        let output = self.system.call(&[&session, command].concat());
        let printed = text(&output.stdout) + &text(&output.stderr);
        let log = || self.system.log();
        assert!(
            output.status.success(),
            "{here}: {command:?} ended with {}: {printed}\n{}",
            output.status,
            log()
        );
        printed
    }

    /// Writes a file as an editor does: the user's own, or by `sudoedit`.
    fn write(&self, path: &str, content: &str) {
        let own = path.strip_prefix("~/");
        let place = match own {
            Some(rest) => format!("/home/{}/{rest}", self.user),
            None => path.to_owned(),
        };
        self.system.write(content, &place, "644");
        if own.is_some() {
            let home = format!("/home/{}", self.user);
            let owner = format!("{}:", self.user);
            self.system.done(&["chown", "--recursive", &owner, &home]);
        }
    }
}

/// Whether this was printed; `…` stands for anything in a line, and for any lines where it is alone.
fn fits(expected: &str, printed: &str) -> bool {
    let mut pattern = r"\A".to_owned();
    for line in expected.lines() {
        if line.trim() == "…" {
            pattern.push_str(r"(?:.*\n)*");
            continue;
        }
        pattern.push_str(r"[ \t]*");
        for (index, word) in line.split_whitespace().enumerate() {
            let space = if index > 0 { r"[ \t]+" } else { "" };
            let parts: Vec<_> = word.split('…').map(fancy_regex::escape).collect();
            pattern.push_str(space);
            pattern.push_str(&parts.join(".*"));
        }
        pattern.push_str(r"[ \t]*\n");
    }
    let pattern = Regex::new(&format!(r"{pattern}\z")).expect("a pattern");
    pattern
        .is_match(printed)
        .expect("a pattern that is decided")
}

#[test]
fn what_is_printed_is_compared_with_the_page() {
    let printed = "a  b\n1 x 2\nend\n";
    for fitting in ["a b\n1 … 2\nend\n", "…\n…x…\n…\n", "  a b\n…\n", "…\n"] {
        assert!(fits(fitting, printed), "{fitting}");
    }
    for other in [
        "a b\n",
        "a b\n1 … 3\nend\n",
        "…\nx\n…\n",
        "a b\n… 2\n",
        "a.b\n…\n",
    ] {
        assert!(!fits(other, printed), "{other}");
    }
}

#[test]
fn each_block_has_its_step() {
    let cases = [
        ("sh", Some(Step::Run)),
        ("sh ~/a.sh", Some(Step::Write("~/a.sh"))),
        ("text /etc/a", Some(Step::Write("/etc/a"))),
        ("text", Some(Step::Compare)),
        ("cron", Some(Step::Schedule)),
        ("sh example", Some(Step::Read)),
        ("sh exmaple", None),
        ("ini", None),
    ];
    for (info, step) in cases {
        assert_eq!(Step::of(info), step, "{info}");
    }
}
