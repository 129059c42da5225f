//! ES|QL: what is asked, and what an answer means.

use serde_json::{Map, Value, json};

use super::super::answer::{Page, Paging, default_limit};
use super::super::client::has_no_esql;
use super::super::each::{Each, Finding};
use super::super::query::Query;
use super::object;
use crate::core::template::JsonTemplate;
use crate::http::Answer;

const PAGING: Paging = Paging {
    size: 3,
    is_sorted: false,
    is_composite: false,
    may_stop_early: false,
};

fn read(answer: &Value) -> Result<Page, String> {
    Page::read(answer.to_string().as_bytes(), &Each::Rows, PAGING)
}

#[test]
fn the_text_is_filled_in_and_nothing_is_added() {
    let text = "FROM l | WHERE t >= \"{{ since }}\" AND t < \"{{ until }}\" | LIMIT 5";
    let template = JsonTemplate::parse(&json!({"query": text})).expect("a template");
    let [since, until] =
        ["2026-01-15T12:00:00Z", "2026-01-15T12:01:00Z"].map(|it| it.parse().expect("a time"));
    let body = Query::of_rows(template).body(since, until, None);
    let filled =
        "FROM l | WHERE t >= \"2026-01-15T12:00:00Z\" AND t < \"2026-01-15T12:01:00Z\" | LIMIT 5";
    assert_eq!(body, Ok(json!({"query": filled})));
}

#[test]
fn a_row_has_its_values_by_the_names_of_their_columns() {
    let answer = json!({
        "took": 28, "is_partial": false, "documents_found": 9,
        "columns": [{"name": "n", "type": "long"}, {"name": "host.name", "type": "keyword"}],
        "values": [[7, "a"], [1.50, ["b", "c"]], [null, null]],
    });
    let finding = |value: Value, row: Value| Finding {
        value: object(value),
        parts: vec![row],
    };
    let expected = [
        finding(json!({"n": 7, "host.name": "a"}), json!([7, "a"])),
        finding(
            json!({"n": 1.50, "host.name": ["b", "c"]}),
            json!([1.50, ["b", "c"]]),
        ),
        finding(json!({"n": null, "host.name": null}), json!([null, null])),
    ];
    let page = read(&answer).expect("a page");
    assert_eq!(page.found, expected);
    assert_eq!(page.next, None);
    let none = read(&json!({"columns": [{"name": "n"}], "values": []}));
    assert_eq!(
        none.map(|page| (page.found, page.lacks)),
        Ok((vec![], None))
    );
}

#[test]
fn an_answer_that_is_not_whole_says_why() {
    let rows = |count: usize| json!(vec![json!([1]); count]);
    for (others, count, part) in [
        (json!({}), 2, None),
        (json!({"is_partial": false}), 2, None),
        (
            json!({"is_partial": true}),
            2,
            Some("only a part (`is_partial`)"),
        ),
        (
            json!({"is_partial": true, "_clusters": {"total": 3, "skipped": 1, "partial": 1}}),
            2,
            Some("2 clusters did not answer"),
        ),
        (
            json!({"_clusters": {"total": 3, "successful": 3, "skipped": 0}}),
            2,
            None,
        ),
        (json!({}), 3, Some("only 3 rows are in the answer")),
    ] {
        let mut answer: Map<String, Value> = object(others.clone());
        answer.insert("columns".to_owned(), json!([{"name": "n", "type": "long"}]));
        answer.insert("values".to_owned(), rows(count));
        let lacks = read(&answer.into()).expect("a page").lacks;
        match part {
            None => assert_eq!(lacks, None, "{others}"),
            Some(part) => assert!(
                lacks.as_ref().is_some_and(|it| it.contains(part)),
                "{others}: {lacks:?}"
            ),
        }
    }
}

#[test]
fn what_is_no_answer_to_esql_is_refused_in_words() {
    let columns = json!([{"name": "n"}]);
    for (answer, part) in [
        (json!({"hits": {}}), "expected a list in `columns`"),
        (
            json!({"columns": 7, "values": []}),
            "expected a list in `columns`",
        ),
        (json!({"columns": columns}), "expected a list in `values`"),
        (
            json!({"columns": [{"type": "long"}], "values": []}),
            "expected a `name` in each of `columns`",
        ),
        (
            json!({"columns": columns, "values": [[1, 2]]}),
            "expected 1 values in each row",
        ),
        (
            json!({"columns": columns, "values": [7]}),
            "expected 1 values",
        ),
        (
            json!({"error": {"reason": "Unknown column [x]"}}),
            "answered with an error: \"Unknown column [x]\"",
        ),
    ] {
        let why = read(&answer).expect_err("no answer");
        assert!(why.contains(part), "{answer}: {why}");
    }
}

#[test]
fn a_limit_that_the_server_adds_is_read_from_its_warning() {
    for (warning, expected) in [
        (
            "299 Elasticsearch-8.19.1-abc \"No limit defined, adding default limit of [1000]\"",
            Some(1_000),
        ),
        (
            "299 Elasticsearch-8.11.0 \"No limit defined, adding default limit of [500]\", 299 x \"y [7]\"",
            Some(500),
        ),
        (
            "299 Elasticsearch-8.19.1 \"Field [x] cannot be retrieved\"",
            None,
        ),
        ("adding default limit of [many]", None),
        ("adding default limit of [7", None),
        ("", None),
    ] {
        assert_eq!(default_limit(warning), expected, "{warning}");
    }
}

#[test]
fn who_has_no_esql_is_known_by_its_answer() {
    let uri = "for uri [/_query] and method [POST]";
    let no_index =
        json!({"error": {"type": "index_not_found_exception", "reason": "no such index [l]"}});
    for (status, body, expected) in [
        (
            405,
            json!({"error": format!("Incorrect HTTP method {uri}, allowed: [PUT]"), "status": 405})
                .to_string(),
            true,
        ),
        (405, String::new(), true),
        (
            400,
            json!({"error": format!("no handler found {uri}")}).to_string(),
            true,
        ),
        (404, "<html>not found</html>".to_owned(), true),
        (404, no_index.to_string(), false),
        (
            400,
            json!({"error": {"type": "verification_exception", "reason": "Unknown index [l]"}})
                .to_string(),
            false,
        ),
        (400, "<html>bad</html>".to_owned(), false),
        (401, String::new(), false),
        (500, String::new(), false),
    ] {
        let answer = Answer {
            status: reqwest::StatusCode::from_u16(status).expect("a status"),
            headers: reqwest::header::HeaderMap::new(),
            body: body.clone().into_bytes(),
            broken: None,
        };
        assert_eq!(has_no_esql(&answer), expected, "{status} {body}");
    }
}
