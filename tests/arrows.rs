//! Imports point one way: every `use crate::` line is held against the rooms of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and what belongs there. Imports point down this list.
const ROOMS: [(&str, &str); 15] = [
    (
        "cli",
        "flags become one call, and its answer is printed: no decision",
    ),
    ("app", "the composition root: it alone puts parts together"),
    (
        "ops",
        "what commands do, without a terminal; what parts know comes as an argument",
    ),
    (
        "supervisor",
        "starts, joins and stops what a service does, and knows no part",
    ),
    (
        "engine",
        "the journey over traits alone; no part by its name",
    ),
    (
        "sources",
        "one folder a source: its options, its decoding, its loop",
    ),
    ("actions", "one folder an action"),
    (
        "http",
        "requests over HTTP, for sources that ask and actions that tell",
    ),
    (
        "amqp",
        "connections to RabbitMQ, for the source that consumes and the action that publishes",
    ),
    (
        "os",
        "processes, groups, names of hosts, files with secrets",
    ),
    (
        "telemetry",
        "how the service tells what it does: logs, conditions, systemd",
    ),
    ("journal", "the durable store and its promises"),
    (
        "state",
        "the service's folder on disk, and that one service has it; no journal by its name",
    ),
    ("config", "how options are declared and read"),
    ("core", "pure decisions on plain values"),
];

/// Only for tests of the program itself, so every room may name it.
const EVERYWHERE: &str = "crash";

/// What a pure room does not do, with the place where it belongs instead.
const IMPURE: [(&str, &str); 8] = [
    (
        "tokio::",
        "tasks and waiting belong into engine, or into a part",
    ),
    ("std::fs", "files belong into os, or into a part"),
    ("std::net::Tcp", "sockets belong into a part"),
    ("std::process", "processes belong into os"),
    ("std::env", "the environment is read by cli or by a part"),
    ("Timestamp::now", "time is an argument"),
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
];

/// One import, as written.
struct Import {
    file: PathBuf,
    line: usize,
    path: String,
}

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|(name, _)| *name == room)
}

/// What is wrong with an import of `path` in a file of `room`, in a sentence.
fn objection(file: &Path, path: &str) -> Option<String> {
    let mut parts = file.iter().map(|part| part.to_string_lossy().into_owned());
    let room = parts.next()?.trim_end_matches(".rs").to_owned();
    let part = parts
        .next()
        .map(|part| part.trim_end_matches(".rs").to_owned());
    let mut names = path.split("::");
    let (target, name) = (names.next()?, names.next().filter(|name| !name.is_empty()));
    if target == EVERYWHERE || matches!(room.as_str(), "lib" | "main" | EVERYWHERE) {
        return None;
    }
    let (Some(from), Some(to)) = (place(&room), place(target)) else {
        return Some(format!(
            "`{target}` or `{room}` is no room: add it to the list, in its place"
        ));
    };
    if from > to {
        let (_, purpose) = ROOMS[from];
        return Some(format!(
            "`{room}` is below `{target}`, and is for this: {purpose}. What it needs from there belongs \
             into `{room}` or below it, or comes as an argument"
        ));
    }
    let is_part = |name: &str| Path::new("src").join(target).join(name).is_dir();
    if matches!(target, "sources" | "actions" | "journal")
        && let Some(name) = name.filter(|name| is_part(name))
    {
        let own = room == target && part.as_deref() == Some(name);
        let may_name = match target {
            "journal" => file == Path::new("app/parts.rs"),
            // What commands have to know of an action, its trait tells.
            _ => room == "app" || room == "cli" && target == "sources",
        };
        if !own && !may_name {
            return Some(format!(
                "only `app` names the parts of `{target}`, in its table of parts: what `{room}` needs of \
                 `{name}` belongs into the trait in src/{target}.rs, or into a room below both"
            ));
        }
    }
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file without its unit tests, which may use what they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a readable file");
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].to_owned()
}

/// The product's files, from `src` on.
fn product() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(Path::new("src"), &mut found);
    found.retain(|path| {
        !path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs")
    });
    let strip = |path: &PathBuf| path.strip_prefix("src").expect("in src").to_owned();
    found.iter().map(strip).collect()
}

/// Every path behind `crate::`, in imports and elsewhere; `use crate::{a, b}` gives each.
fn imports() -> Vec<Import> {
    let mut imports = Vec::new();
    for file in product() {
        let text = code(&Path::new("src").join(&file));
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let lines = text
            .lines()
            .map(|line| Some(line).filter(is_code).unwrap_or_default());
        let text = lines.collect::<Vec<_>>().join("\n");
        for (at, root) in text.match_indices("crate::") {
            let import = |path| Import {
                file: file.clone(),
                line: text[..at].matches('\n').count() + 1,
                path,
            };
            imports.extend(
                paths(&written(&text[at + root.len()..]))
                    .into_iter()
                    .map(import),
            );
        }
    }
    imports
}

/// The path that a text begins with, and what its braces hold, without blanks.
fn written(text: &str) -> String {
    let mut depth = 0;
    let end = text.find(|letter: char| {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            _ => return !letter.is_alphanumeric() && !matches!(letter, '_' | ':'),
        }
        false
    });
    let path = text[..end.unwrap_or(text.len())].replace(" as ", "::");
    path.split_whitespace().collect()
}

#[test]
fn each_path_of_an_import_is_seen() {
    let cases: [(&str, &[&str]); 4] = [
        ("journal::Work;\nuse", &["journal::Work"]),
        ("state::files::find(path)?", &["state::files::find"]),
        (
            "journal::{\n    Opened, sqlite as database,\n};\nuse {",
            &["journal::Opened", "journal::sqlite::database"],
        ),
        (
            "{app, ops::{self, check}};",
            &["app", "ops::self", "ops::check"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(paths(&written(text)), expected, "{text}");
    }
}

#[test]
fn imports_point_one_way() {
    let imports = imports();
    assert!(imports.len() > 100, "only {} imports found", imports.len());
    let objections = imports.iter().filter_map(|import| {
        let objection = objection(&import.file, &import.path)?;
        let place = format!("src/{}:{}", import.file.display(), import.line);
        Some(format!("{place}: `crate::{}`: {objection}", import.path))
    });
    let objections: Vec<String> = objections.collect();
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn the_floor_is_pure() {
    let mut objections = Vec::new();
    for file in product() {
        let room = file
            .iter()
            .next()
            .map(|part| part.to_string_lossy().into_owned());
        if !matches!(
            room.as_deref(),
            Some("core" | "core.rs" | "config" | "config.rs")
        ) {
            continue;
        }
        let text = code(&Path::new("src").join(&file));
        for (number, line) in (1..).zip(text.lines()) {
            let is_comment = line.trim_start().starts_with("//");
            for (word, instead) in IMPURE.iter().filter(|_| !is_comment) {
                if line.contains(word) {
                    let file = file.display();
                    objections.push(format!(
                        "src/{file}:{number}: `{word}` in a pure room: {instead}"
                    ));
                }
            }
        }
    }
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

/// The paths of a `use`, without the braces; blanks have been taken out.
fn paths(import: &str) -> Vec<String> {
    let Some((stem, list)) = import.split_once('{') else {
        return vec![import.to_owned()];
    };
    let list = list.strip_suffix('}').unwrap_or(list);
    let (mut paths, mut depth, mut from) = (Vec::new(), 0, 0);
    for (place, letter) in list.char_indices().chain([(list.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &list[from..place];
                if !part.is_empty() {
                    paths.extend(self::paths(&format!("{stem}{part}")));
                }
                from = place + 1;
            }
            _ => {}
        }
    }
    paths
}

/// The modules that each one imports by `super::` or `crate::`. What a module has of those that it lies
/// in, or that lie in it, is left out: they are one.
fn arrows(files: &[(String, String)]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut arrows = BTreeMap::<_, BTreeSet<_>>::new();
    for (module, text) in files {
        for import in text.split("\nuse ").skip(1) {
            let import: String = import.split(';').next().unwrap_or_default().into();
            for path in paths(&import.split_whitespace().collect::<String>()) {
                let (mut from, mut rest) = (module.as_str(), path.as_str());
                if let Some(path) = rest.strip_prefix("crate::") {
                    (from, rest) = ("", path);
                }
                while let Some(path) = rest.strip_prefix("super::") {
                    from = from.rsplit_once("::").map_or("", |(above, _)| above);
                    rest = path;
                }
                let path = format!("{from}::{rest}");
                let path = path.trim_start_matches("::");
                let lies_in = |name: &str, other: &str| {
                    name.strip_prefix(other)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                let of_path = files.iter().filter(|(other, _)| lies_in(path, other));
                let target = of_path
                    .map(|(other, _)| other.as_str())
                    .max_by_key(|other| other.len());
                if let Some(target) =
                    target.filter(|other| !lies_in(module, other) && !lies_in(other, module))
                {
                    arrows.entry(module.as_str()).or_default().insert(target);
                }
            }
        }
    }
    arrows
}

/// A way that leads from a module back to it.
fn circle<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for target in arrows.get(way.last()?).into_iter().flatten() {
            let way: Vec<&str> = way.iter().chain([target]).copied().collect();
            if *target == start {
                return Some(way);
            }
            if seen.insert(*target) {
                ways.push(way);
            }
        }
    }
    None
}

#[test]
fn the_files_of_the_journal_and_its_folder_import_each_other_in_no_circle() {
    let product = product()
        .into_iter()
        .filter(|file| file.starts_with("journal") || file.starts_with("state"));
    let files: Vec<(String, String)> = product
        .map(|file| {
            let module = file
                .with_extension("")
                .display()
                .to_string()
                .replace('/', "::");
            (module, format!("\n{}", code(&Path::new("src").join(file))))
        })
        .collect();
    let arrows = arrows(&files);
    assert!(
        arrows.len() > 10,
        "only {} files import others",
        arrows.len()
    );
    for module in arrows.keys() {
        if let Some(way) = circle(&arrows, module) {
            panic!(
                "`{}`: what two of them need belongs into a file below both",
                way.join("` imports `")
            );
        }
    }
}

#[test]
fn a_circle_is_found_through_braces_and_over_several_files() {
    let file = |name: &str, text: &str| (name.to_owned(), format!("\n{text}"));
    let files = [
        file(
            "a::one",
            "use super::{\n    three::Three,\n    two::{self, Two},\n};\n",
        ),
        file("a::two", "use super::Above;\nuse crate::b::deep::{Deep};\n"),
        file("a::three", "use super::super::b;\n"),
        file("b", "use std::fs;\n"),
        file("b::deep", "use crate::a::one::One;\n"),
        file("a", "use self::one::One;\n"),
    ];
    let arrows = arrows(&files);
    assert_eq!(circle(&arrows, "a::three"), None);
    assert_eq!(arrows["a::three"], BTreeSet::from(["b"]));
    let way = circle(&arrows, "a::one").expect("a circle");
    assert_eq!(way, ["a::one", "a::two", "b::deep", "a::one"]);
}

#[test]
fn an_import_that_points_the_wrong_way_is_reported_with_the_right_place() {
    let cases = [
        (
            "core/rules.rs",
            "journal::Entry",
            Some("`core` is below `journal`"),
        ),
        (
            "engine/dispatch.rs",
            "actions::script::Script",
            Some("only `app` names"),
        ),
        (
            "sources/amqp/feed.rs",
            "sources::history::Client",
            Some("only `app` names"),
        ),
        ("sources/amqp/feed.rs", "sources::amqp::Amqp", None),
        ("engine/dispatch.rs", "actions::Action", None),
        ("app.rs", "actions::script::PART", None),
        (
            "cli/check.rs",
            "actions::script::PART",
            Some("only `app` names"),
        ),
        ("cli/check.rs", "sources::amqp::Amqp", None),
        (
            "ops/check.rs",
            "sources::amqp::Amqp",
            Some("only `app` names"),
        ),
        ("ops/check.rs", "cli::Places", Some("`ops` is below `cli`")),
        ("engine/intake.rs", "weather::Rain", Some("is no room")),
        ("journal/sqlite.rs", "crash::Point", None),
        ("journal/sqlite/place.rs", "state::Folder", None),
        (
            "state/lock.rs",
            "journal::JournalError",
            Some("`state` is below `journal`"),
        ),
        ("app/parts.rs", "journal::sqlite", None),
        ("app.rs", "journal::sqlite::PART", Some("only `app` names")),
        (
            "cli/inputs.rs",
            "journal::sqlite::SqliteJournal",
            Some("only `app` names"),
        ),
        ("cli/inputs.rs", "journal::Journal", None),
    ];
    for (file, path, part) in cases {
        let told = objection(Path::new(file), path);
        assert_eq!(told.is_some(), part.is_some(), "{file} {path}: {told:?}");
        if let (Some(told), Some(part)) = (told, part) {
            assert!(told.contains(part), "{told}");
        }
    }
}
