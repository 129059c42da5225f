//! The rows of the options.

use crate::config::table::{Kind, OptionRow, Scope};

/// In the section of a search.
pub(in crate::sources::elasticsearch) const OPTIONS: [OptionRow; 19] = [
    row(
        "url",
        Kind::List,
        None,
        "the addresses of the hosts, like `https://es1:9200, https://es2:9200`. The one that answered last is asked \
         first, the others if it cannot answer",
    ),
    row(
        "index",
        Kind::Text,
        None,
        "what is searched: names and patterns, like `orders-*,logs`; without it, all that the user may read",
    ),
    row(
        "query",
        Kind::Json,
        None,
        "the body of the search, as the search API has it. Its texts are templates that know two times: \
         `{{ until }}`, for which this query is due, and `{{ since }}`, for which the one before was",
    ),
    row(
        "each",
        Kind::Text,
        None,
        "what makes an event: `hits` (each document), or `aggs.NAME` (each bucket of that aggregation, or its value), \
         with the names of outer ones before it, like `aggs.hosts.services`. Without it, the only aggregation of the \
         query, or documents if it has none",
    ),
    row(
        "identity",
        Kind::List,
        None,
        "paths in the bucket or document to what tells it from others, like `key.host, key.service`. Without it, the \
         keys of a bucket; of a document its index and id, and each is told once",
    ),
    row(
        "map",
        Kind::Json,
        None,
        "new names of fields in the payload, each with the path to its value: \
         `{\"node\": \"key\", \"load\": \"avg_load.value\"}`; the other fields stay",
    ),
    row(
        "every",
        Kind::PositiveDuration,
        None,
        "asks when the source is first started, and then at this interval; a restart does not shift it, and of times \
         that were missed the last one is made up for",
    ),
    row(
        "cron",
        Kind::Text,
        None,
        "instead of `every`: minute, hour, day, month and weekday, as for timers",
    ),
    row(
        "timezone",
        Kind::Text,
        None,
        "the time zone of `cron`; without it, that of the machine",
    ),
    row(
        "backoff",
        Kind::Duration,
        None,
        "what was told is not told again within this time, and after it again while it is found; with `0s` each answer \
         tells it. Without it, it is told once, and again only after an answer lacked it, or after it was resolved",
    ),
    row(
        "resolve_after",
        Kind::Number(1, 1_000),
        None,
        "after so many answers in a row that lack it there is an event `NAME.resolved`",
    ),
    row(
        "overlap",
        Kind::Duration,
        Some("0s"),
        "with documents: `{{ since }}` is earlier by this, for those that appear late. Documents that were told are not \
         told again",
    ),
    row(
        "partial",
        Kind::Switch,
        Some("no"),
        "whether answers are taken that are not whole: out of time, failed shards, terms or documents cut off. They \
         resolve nothing",
    ),
    row(
        "api_key_file",
        Kind::Path,
        None,
        "a file whose first line is an API key in its `encoded` form; looked for among the credentials of systemd, \
         then from the configuration's folder",
    ),
    row(
        "user",
        Kind::Text,
        None,
        "with `password_file`, instead of `api_key_file`",
    ),
    row(
        "password_file",
        Kind::Path,
        None,
        "a file whose first line is the password of `user`; looked for like `api_key_file`",
    ),
    row(
        "token_file",
        Kind::Path,
        None,
        "instead of them: a file whose first line is a token, sent as `Authorization: Bearer`; looked for like \
         `api_key_file`",
    ),
    row(
        "ssl_ca_file",
        Kind::Path,
        None,
        "the certificate of the authority that signed those of the hosts, if the system does not trust it",
    ),
    row(
        "request_timeout",
        Kind::PositiveDuration,
        Some("30s"),
        "how long a request and its answer may take",
    ),
];

const fn row(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    meaning: &'static str,
) -> OptionRow {
    OptionRow {
        name,
        scope: Scope::Source,
        kind,
        default,
        meaning,
    }
}
