//! The long trials that `scripts/soak` runs: each part tries its faults many times and accounts for
//! every message; at the end there is a table, and a failure if any promise was broken.

use std::process::ExitCode;

use finding::{Finding, table};

mod counts;
mod faults;
mod finding;
mod fuzz;
mod kills;
mod load;
mod processes;
#[path = "../fuzzing/seeds.rs"]
mod seeds;
#[path = "../support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the scenarios need more of it than this does"
)]
mod support;

const USAGE: &str = "usage: scripts/soak [--debug] [PART [--count N]]";

/// A kind of fault.
struct Part {
    /// What it is called on the command line.
    name: &'static str,
    /// How often its faults are tried unless told.
    count: u64,
    /// Tries them so often.
    attempt: fn(u64) -> Vec<Finding>,
}

/// All parts, in the order in which they are tried.
const PARTS: [Part; 5] = [
    Part {
        name: "faults",
        count: 20,
        attempt: faults::attempt,
    },
    Part {
        name: "fuzz",
        count: 10_000_000,
        attempt: fuzz::attempt,
    },
    Part {
        name: "kills",
        count: 1_000,
        attempt: kills::attempt,
    },
    Part {
        name: "load",
        count: 100_000,
        attempt: load::attempt,
    },
    Part {
        name: "processes",
        count: 100_000,
        attempt: processes::attempt,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parts = match asked(&arguments) {
        Ok(parts) => parts,
        Err(why) => {
            eprintln!("soak: {why}; {USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut findings = Vec::new();
    for (part, count) in parts {
        eprintln!("soak: {}, {count} times", part.name);
        let found = (part.attempt)(count).into_iter();
        findings.extend(found.map(|finding| (part.name, finding)));
    }
    println!("{}", table(&findings));
    let mut kept = true;
    for (part, finding) in &findings {
        for violation in &finding.violations {
            kept = false;
            eprintln!("soak: {part}: {}: {violation}", finding.what);
        }
    }
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The parts that the arguments ask for, each with how often.
fn asked(arguments: &[String]) -> Result<Vec<(&'static Part, u64)>, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, count) = match words[..] {
        [] => return Ok(PARTS.iter().map(|part| (part, part.count)).collect()),
        [name] => (name, None),
        [name, "--count", count] => (name, Some(count)),
        _ => return Err(format!("unknown arguments `{}`", words.join(" "))),
    };
    let part = PARTS.iter().find(|part| part.name == name);
    let part = part.ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        format!("there is no part `{name}`, only {}", names.join(", "))
    })?;
    let count = count.map_or(Ok(part.count), |count| {
        let number = count.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| format!("expected a number above 0 for --count, but found `{count}`"))
    })?;
    Ok(vec![(part, count)])
}
