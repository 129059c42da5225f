//! What is asked: a search by `query`, or ES|QL by `esql`.

use serde_json::{Map, Value, json};

use super::super::each::{Each, aggregations};
use super::super::query::{NAMES, Query};
use super::length;
use crate::config::{Options, Problem, SYNTAX, object_template};
use crate::core::template::JsonTemplate;

const QUERY: &str = r#"write it like `{"query": {"match_all": {}}, "aggs": {"hosts": {"terms": {"field": "host"}}}}`"#;
const KNOWN: &str =
    "write `{{ since }}` or `{{ until }}`; what is no template is written with `{{ '{{' }}`";

/// What is asked, and where.
pub(super) struct Asked {
    /// The body of a request; nothing if a problem makes it none.
    pub(super) query: Option<Query>,
    /// What is searched, as it was written; nothing if a problem makes it none.
    pub(super) index: Option<String>,
    /// The last segment of the path that takes it.
    pub(super) api: &'static str,
}

/// Reads one of `query` and `esql`, and what of it the other options name.
pub(super) fn asked(options: &mut Options<'_>) -> Asked {
    let is_given = ["query", "esql"].map(|name| !options.lacks(name));
    let query = match is_given {
        [true, false] => search(options),
        [false, true] => esql(options),
        [false, false] => {
            let message = "expected `query` or `esql` in the source, but found none";
            options.report_section(message, QUERY);
            None
        }
        [true, true] => {
            let message = "expected `query` or `esql` in the source, but found both";
            options.report_section(message, "remove one of them");
            None
        }
    };
    let [_, is_esql] = is_given;
    Asked {
        query,
        index: index(options),
        api: if is_esql { "_query" } else { "_search" },
    }
}

/// What is searched; empty for all.
fn index(options: &mut Options<'_>) -> Option<String> {
    let Some(text) = options.text("index") else {
        return Some(String::new());
    };
    let is_name = |name: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#\"\\|".contains(c);
        !name.is_empty()
            && !matches!(name, "." | "..")
            && !name.starts_with('_')
            && !name.contains(odd)
    };
    if !text.split(',').all(is_name) {
        let message =
            format!("expected names or patterns of indices in `index`, but found `{text}`");
        let hint = "write them like `orders-*,logs`, without blanks between them";
        options.report_value("index", Problem::error(message, hint));
        return None;
    }
    Some(text.to_owned())
}

fn search(options: &mut Options<'_>) -> Option<Query> {
    let body: Map<String, Value> = options
        .json_object("query", QUERY)?
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .collect();
    let template = object_template(options, "query", QUERY)?;
    knows(options, "query", &template)?;
    let each = each(options, &body)?;
    let overlap = length(options, "overlap").unwrap_or_default();
    Some(Query::new(template, &body, each, overlap))
}

/// Reads `esql`. The name of a column may be that of anything, so what tells rows apart has to be said.
fn esql(options: &mut Options<'_>) -> Option<Query> {
    for (name, hint) in [
        (
            "index",
            "remove it: the text begins with what is searched, like `FROM orders-*`",
        ),
        ("each", "remove it: each row makes an event"),
    ] {
        if !options.lacks(name) {
            let message = format!("`{name}` means nothing with `esql`");
            options.report_value(name, Problem::error(message, hint));
        }
    }
    if options.lacks("identity") {
        let hint = "name the columns that tell a row from others, like `identity = host.name`: those behind `BY`, or \
                    one that `EVAL` makes";
        options.report_section("expected `identity` beside `esql`, but found none", hint);
    }
    let text = options.text("esql")?;
    let body = json!({"query": text});
    let template = JsonTemplate::parse(&body).map_err(|error| {
        let message = format!("`esql`: {error}");
        options.report_value("esql", Problem::error(message, SYNTAX));
    });
    let template = template.ok()?;
    knows(options, "esql", &template)?;
    Some(Query::of_rows(template))
}

/// That templates ask for times alone.
fn knows(options: &mut Options<'_>, option: &str, template: &JsonTemplate) -> Option<()> {
    let names = template.names();
    let mut names = names.iter();
    let unknown = names.find(|name| !NAMES.contains(&name.split('.').next().unwrap_or_default()));
    if let Some(unknown) = unknown {
        let message =
            format!("a template in `{option}` asks for `{unknown}`, which is not known there");
        options.report_value(option, Problem::error(message, KNOWN));
        return None;
    }
    Some(())
}

fn each(options: &mut Options<'_>, body: &Map<String, Value>) -> Option<Each> {
    let choices = || format!("`{}`", Each::choices(body).join("`, `"));
    let each = if let Some(text) = options.text("each") {
        let each = Each::named(text, body);
        if each.is_none() {
            let message = format!("the query has nothing that `each = {text}` could mean");
            let hint = format!("write one of {}", choices());
            options.report_value("each", Problem::error(message, hint));
        }
        each?
    } else {
        let each = Each::only(body);
        if each.is_none() {
            let message =
                "the query has several aggregations, and `each` does not say which makes events";
            options.report_section(message, &format!("write `each` with one of {}", choices()));
        }
        each?
    };
    if each == Each::Hits && body.get("size").and_then(Value::as_u64) == Some(0) {
        let message =
            "the query asks for no documents (`size` is 0), but documents are to make events"
                .to_owned();
        let hint = if aggregations(body).is_some() {
            "name an aggregation with `each`, or remove `size`"
        } else {
            "remove `size`: all documents are asked for, page by page"
        };
        options.report_value("query", Problem::error(message, hint));
        return None;
    }
    Some(each)
}
