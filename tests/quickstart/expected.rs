//! What the demonstration has to show, asked of the program in the form for machines.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::captured::Captured;
use super::{Demo, PUBLISHED, broken, indented};

/// Rule, type of event, state and number of attempts of every run that has to come of it.
const RUNS: [(&str, &str, &str, u64); 7] = [
    ("announce", "esi_leap.lease.delete.error", "succeeded", 1),
    ("announce", "esi_leap.lease.fulfill.error", "succeeded", 1),
    ("delete", "esi_leap.lease.delete.end", "succeeded", 1),
    ("fulfill", "esi_leap.lease.fulfill.end", "succeeded", 1),
    ("fulfill", "esi_leap.lease.fulfill.end", "succeeded", 1),
    ("prepare", "esi_leap.lease.fulfill.start", "succeeded", 2),
    ("ticket", "esi_leap.lease.delete.error", "discarded", 2),
];

impl Demo {
    /// What a command says to machines.
    fn json(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self
            .command(arguments)
            .args(["--format", "json"])
            .output()
            .map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{arguments:?}: {error}"))
    }

    /// The runs are those that are expected; the number of the one that was given up.
    pub(super) fn expect_runs(&self) -> Result<u64, String> {
        let runs = self.json(&["runs", "list"])?;
        let runs = runs.as_array().ok_or("no list of runs")?;
        let text = |run: &Value, field: &str| run[field].as_str().unwrap_or("?").to_owned();
        let mut found: Vec<(String, String, String, u64)> = runs
            .iter()
            .map(|run| {
                let attempts = run["attempts"].as_u64().unwrap_or(0);
                (
                    text(run, "rule"),
                    text(run, "event_type"),
                    text(run, "state"),
                    attempts,
                )
            })
            .collect();
        // Two queues: which message comes first is not for us to say.
        found.sort();
        let expected = RUNS.map(|(rule, event_type, state, attempts)| {
            (
                rule.to_owned(),
                event_type.to_owned(),
                state.to_owned(),
                attempts,
            )
        });
        expect("the runs", &found, &expected.to_vec())?;
        let discarded = runs.iter().find(|run| run["state"] == "discarded");
        discarded
            .and_then(|run| run["id"].as_u64())
            .ok_or_else(|| "no run was given up".to_owned())
    }

    pub(super) fn expect_output(&self, run: u64) -> Result<(), String> {
        let shown = self.json(&["runs", "show", &run.to_string()])?;
        let outputs: Vec<&Value> = shown["attempt_records"]
            .as_array()
            .map_or_else(Vec::new, |attempts| {
                attempts.iter().map(|one| &one["output"]).collect()
            });
        let output = "opening a ticket for node flaky-node\n\
                      tickets.example.org: connection refused\n";
        // The two lines come through two pipes.
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let found = outputs
            .iter()
            .map(|output| lines(output.as_str().unwrap_or("?")));
        let found: Vec<_> = found.collect();
        expect(
            "the output of both attempts",
            &found,
            &vec![lines(output); 2],
        )
    }

    pub(super) fn expect_quarantine(&self, messages: &[Captured]) -> Result<(), String> {
        let kept = self.json(&["quarantine", "list"])?;
        let sizes = kept.as_array().map_or_else(Vec::new, |kept| {
            kept.iter()
                .map(|one| one["size"].as_u64().unwrap_or(0))
                .collect()
        });
        let size = broken(&messages[PUBLISHED[0] - 1]).len() as u64;
        expect("the sizes of messages in quarantine", &sizes, &vec![size])
    }

    pub(super) fn expect_refusal(&self, message: &str) -> Result<(), String> {
        let explained = self.json(&["explain", message])?;
        let verdicts = explained["rules"]
            .as_array()
            .map_or_else(Vec::new, |rules| {
                let verdict = |rule: &Value| format!("{}: {}", rule["rule"], rule["verdict"]);
                rules.iter().map(verdict).collect()
            });
        let expected = [
            r#""prepare": "refused""#,
            r#""fulfill": "other_type""#,
            r#""delete": "other_type""#,
            r#""announce": "other_type""#,
            r#""ticket": "other_type""#,
        ];
        expect(
            "the verdicts of the rules",
            &verdicts,
            &expected.map(str::to_owned).to_vec(),
        )
    }

    /// One node is in the inventory, with a purpose that a shell would have run.
    pub(super) fn expect_inventory(&self) -> Result<(), String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            Ok::<_, String>(names.collect::<Vec<_>>())
        };
        let files = names(&self.inventory())?;
        expect("the number of nodes in the inventory", &files.len(), &1)?;
        let file = self.inventory().join(&files[0]);
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        println!("$ cat {}\n{}\n", file.display(), indented(&text));
        let purpose = r#"purpose: '$(touch pwned) `id`; echo ''a b'' "c" & "#;
        expect("the purpose as text", &text.contains(purpose), &true)?;
        let pwned = names(&self.folder)?.contains(&"pwned".to_owned());
        expect("a command in the purpose was run", &pwned, &false)
    }
}

/// Compares, and says what is not as it should be.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{what}\n  expected: {expected:?}\n  found:    {found:?}"
    ))
}
