//! What our program makes of each case.

/// What becomes of a case here.
pub(super) enum Ours {
    /// The same events as what its actions were given, or the same silence.
    Same,
    /// So many events.
    Found(usize),
    /// So many events, by another `each` and `query`.
    FoundBy(&'static str, &'static str, usize),
    /// At least so many events, as many seconds apart as the second number at least.
    Often(usize, i64),
    /// No event, and this in the log.
    Fails(&'static str),
    /// This is told by `check`.
    Refused(&'static str),
    /// This test of actions plays it: the file below `tests`, and the name of the function.
    Played(&'static str, &'static str),
    /// It is about something else than searches.
    Elsewhere,
}

use Ours::{Elsewhere, Fails, Found, FoundBy, Often, Played, Refused, Same};

const CHAT: &str = "http_action/recorded_chat.rs";
const AWX: &str = "awx_action/recorded.rs";
const RULE: &str = "what an action may do is its rule's affair, and ends nothing else";
const FORM: &str = "about the form of its configuration, Python in environment variables: ours is INI, whose mistakes \
                    have golden cases of their own";
const PROCESS: &str =
    "about its process: signals, the end, and logs are those of every source here";
/// A filter with an aggregation within.
const INNER: &str =
    r#"{"aggs": {"q": {"filter": {}, "aggs": {"inner": {"terms": {"field": "f"}}}}}}"#;

/// The number of each case, what becomes of it, and why, if it is not the same.
pub(super) const CASES: &[(usize, Ours, &str)] = &[
    (1, Same, ""),
    (2, Same, "the credentials are in `searches.rs`"),
    (3, Elsewhere, "UTF-8: in `searches.rs`"),
    (
        4,
        Refused("the query has nothing that `each = aggs.q` could mean"),
        "its query has no aggregation; the index is an option, and what else its path said has none",
    ),
    (5, Same, ""),
    (6, Same, ""),
    (
        7,
        Same,
        "one event a bucket: limits and 429 are its rules' affair",
    ),
    (8, Same, ""),
    (9, Same, ""),
    (10, Same, "a name without a value is left out"),
    (11, Found(1), "paths lead to inner fields, too"),
    (
        12,
        Refused("`map` names `x` more than once"),
        "one of the two would be lost",
    ),
    (13, Same, ""),
    (14, Same, "values stay data, in any place of a template"),
    (
        15,
        Same,
        "its query has no composite aggregation, whose pages are followed: in `searches.rs`",
    ),
    (
        16,
        Fails("`sum_other_doc_count`"),
        "an answer that is cut off is not whole, unless `partial = yes` takes it",
    ),
    (
        17,
        Found(2),
        "each entry a bucket, with its name as its key",
    ),
    (18, Found(1), "a value is a finding of its own"),
    (
        19,
        FoundBy("aggs.q.inner", INNER, 1),
        "a path leads to the buckets",
    ),
    (
        20,
        FoundBy("hits", r#"{"query": {"match_all": {}}}"#, 1),
        "documents make events",
    ),
    (
        21,
        Refused("the query has nothing that `each = aggs.my_automaton_query` could mean"),
        "found by `check`",
    ),
    (
        22,
        Fails("answered 400 "),
        "told with the reason; asked again when the next query is due",
    ),
    (
        23,
        Fails("answered 401 "),
        "told with the reason; asked again when the next query is due",
    ),
    (24, Fails("answered 429 "), "told and asked again"),
    (25, Fails("answered 500 "), "told and asked again"),
    (26, Fails("answered 503 "), "told and asked again"),
    (27, Found(1), "asked again"),
    (
        28,
        Fails("no whole answer within 2s"),
        "told and asked again",
    ),
    (
        29,
        Fails("no answer from http://127.0.0.1:1"),
        "told and asked again",
    ),
    (30, Fails("no answer from"), "told and asked again"),
    (31, Fails("broke off"), "told and asked again"),
    (
        32,
        Fails("is no JSON: <html>login</html>"),
        "what came instead of JSON is told",
    ),
    (
        33,
        Fails("redirects are not followed"),
        "what was asked would go to somebody else",
    ),
    (
        34,
        Fails("3 of 5 shards failed"),
        "an answer that is not whole is refused, unless `partial = yes` takes it",
    ),
    (
        35,
        Fails("the server answered with an error"),
        "no answer to a search",
    ),
    (
        36,
        Elsewhere,
        "TLS is that of every client here: in `http_action`",
    ),
    (
        37,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        38,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        39,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        40,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        41,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (42, Played(CHAT, "a_new_start_sends_nothing_again"), RULE),
    (
        43,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        44,
        Played(
            CHAT,
            "who_cannot_be_reached_or_trusted_is_tried_again_and_told",
        ),
        RULE,
    ),
    (
        45,
        Played(
            CHAT,
            "who_cannot_be_reached_or_trusted_is_tried_again_and_told",
        ),
        RULE,
    ),
    (
        46,
        Played(CHAT, "a_missing_message_is_told_before_anything_happens"),
        RULE,
    ),
    (
        47,
        Played(
            CHAT,
            "what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else",
        ),
        RULE,
    ),
    (
        48,
        Played(
            AWX,
            "credentials_are_a_file_with_user_and_password_as_they_are_or_absent",
        ),
        RULE,
    ),
    (
        49,
        Played(
            AWX,
            "credentials_are_a_file_with_user_and_password_as_they_are_or_absent",
        ),
        RULE,
    ),
    (
        50,
        Played(
            AWX,
            "credentials_are_a_file_with_user_and_password_as_they_are_or_absent",
        ),
        RULE,
    ),
    (
        51,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        52,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        53,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        54,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        55,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        56,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (
        57,
        Played(AWX, "an_answer_to_a_launch_ends_the_attempt_in_its_words"),
        RULE,
    ),
    (58, Played(AWX, "ignored_variables_are_a_failure"), RULE),
    (
        59,
        Played(AWX, "a_late_answer_leads_to_no_second_job"),
        RULE,
    ),
    (
        60,
        Played(AWX, "a_certificate_of_somebody_else_is_refused"),
        RULE,
    ),
    (
        61,
        Played(
            "sources/recorded_searches.rs",
            "an_action_that_there_is_not_is_told_before_it_is_used",
        ),
        "found by `check`",
    ),
    (62, Same, "an event without a rule is told by `check`"),
    (
        63,
        Elsewhere,
        "without `backoff` a thing is told once, which needs no default",
    ),
    (64, Same, "`listen --until-idle` asks once"),
    (65, Same, "a period, not a pause"),
    (66, Same, "a query that is late is skipped, not doubled"),
    (
        67,
        Elsewhere,
        "a source that is not to be asked is not in the file",
    ),
    (
        68,
        Elsewhere,
        "a source that is not to be asked is not in the file",
    ),
    (69, Same, ""),
    (70, Same, "here 11 sources fail beside it"),
    (
        71,
        Elsewhere,
        "a section that is there twice is told by `check`, whatever it is",
    ),
    (
        72,
        Same,
        "actions are runs of their own, and hold no query up",
    ),
    (
        73,
        Often(3, 3),
        "at the first answer after the back-off: to the second in `sources/elasticsearch/tests`",
    ),
    (74, Often(3, 1), "at each answer"),
    (
        75,
        Elsewhere,
        "the back-off is of a thing that is found, and the same for all rules; a rule has `once_within`",
    ),
    (76, Often(2, 0), "each thing has a back-off of its own"),
    (77, Often(2, 2), "found again after a silence, it is told"),
    (
        78,
        Elsewhere,
        "the back-off is in the journal: in `searches.rs`",
    ),
    (79, Elsewhere, FORM),
    (80, Elsewhere, FORM),
    (81, Same, ""),
    (82, Same, ""),
    (83, Elsewhere, FORM),
    (84, Elsewhere, FORM),
    (85, Elsewhere, FORM),
    (86, Elsewhere, FORM),
    (87, Refused("expected"), "found by `check`"),
    (88, Elsewhere, FORM),
    (89, Elsewhere, FORM),
    (90, Elsewhere, FORM),
    (
        91,
        Refused("expected `url` in the source, but found none"),
        "found by `check`",
    ),
    (
        92,
        Refused("expected `every` or `cron` in the source, but found none"),
        "how often to ask is nobody's guess",
    ),
    (93, Elsewhere, FORM),
    (
        94,
        Elsewhere,
        "an unknown option is told with a suggestion: in the golden cases",
    ),
    (
        95,
        Refused("expected a length of time above 0 in `every`, but found `-1s`"),
        "found by `check`",
    ),
    (96, Elsewhere, PROCESS),
    (97, Same, ""),
    (98, Elsewhere, PROCESS),
    (99, Elsewhere, PROCESS),
    (
        100,
        Same,
        "the proxy of the environment is used here, as by every client",
    ),
    (101, Same, ""),
    (
        102,
        Fails("`sum_other_doc_count`"),
        "an answer that is cut off is not whole, unless `partial = yes` takes it",
    ),
    (
        103,
        Fails("answered 400 Bad Request: Text fields are not optimised"),
        "told with the reason; asked again when the next query is due",
    ),
    (
        104,
        Fails("answered 404 Not Found: no such index [orders-2]"),
        "an index that is not there is a failure, told once: it may be a typing error, and a pattern is none",
    ),
    (105, Same, ""),
    (106, Found(12), "all pages are asked for"),
];
