//! The rows of the options.

use crate::config::table::{Kind, OptionRow};

/// In the section of a search.
pub(in crate::sources::elasticsearch) const OPTIONS: [OptionRow; 22] = [
    OptionRow::of_source(
        "url",
        Kind::List,
        None,
        "the addresses of the hosts, like `https://es1:9200, https://es2:9200`. The one that answered last is asked \
         first, the others if it cannot answer",
    ),
    OptionRow::of_source(
        "index",
        Kind::Text,
        None,
        "what is searched: names and patterns, like `orders-*,logs`; without it, all that the user may read",
    ),
    OptionRow::of_source(
        "query",
        Kind::Json,
        None,
        "the body of the search, as the search API has it. Its texts are templates that know two times: \
         `{{ until }}`, for which this query is due, and `{{ since }}`, for which the one before was",
    ),
    OptionRow::of_source(
        "esql",
        Kind::Text,
        None,
        "instead of `query`, `index` and `each`: a query in ES|QL (Elasticsearch 8.11 or later), like `FROM orders-* | \
         STATS n = COUNT(*) BY state | WHERE n > 100`. It is a template like the texts of `query`, and each row makes an \
         event",
    ),
    OptionRow::of_source(
        "each",
        Kind::Text,
        None,
        "what makes an event: `hits` (each document), or `aggs.NAME` (each bucket of that aggregation, or its value), \
         with the names of outer ones before it, like `aggs.hosts.services`. Without it, the only aggregation of the \
         query, or documents if it has none",
    ),
    OptionRow::of_source(
        "identity",
        Kind::List,
        None,
        "paths in the bucket, document or row to what tells it from others, like `key.host, key.service`. Without it, the \
         keys of a bucket; of a document its index and id, and each is told once. With `esql` it has to be said: names of \
         columns, like `state`",
    ),
    OptionRow::of_source(
        "map",
        Kind::Json,
        None,
        "new names of fields in the payload, each with the path to its value: \
         `{\"node\": \"key\", \"load\": \"avg_load.value\"}`; the other fields stay",
    ),
    OptionRow::of_source(
        "every",
        Kind::PositiveDuration,
        None,
        "asks when the source is first started, and then at this interval; a restart does not shift it, and of times \
         that were missed the last one is made up for",
    ),
    OptionRow::of_source(
        "cron",
        Kind::Text,
        None,
        "instead of `every`: minute, hour, day, month and weekday, as for timers",
    ),
    OptionRow::of_source(
        "timezone",
        Kind::Text,
        None,
        "the time zone of `cron`; without it, that of the machine",
    ),
    OptionRow::of_source(
        "backoff",
        Kind::Duration,
        None,
        "what was told is not told again within this time, and after it again while it is found; with `0s` each answer \
         tells it. Without it, it is told once, and again only after an answer lacked it, or after it was resolved",
    ),
    OptionRow::of_source(
        "resolve_after",
        Kind::Number(1, 1_000),
        None,
        "after so many answers in a row that lack it there is an event `NAME.resolved`",
    ),
    OptionRow::of_source(
        "overlap",
        Kind::Duration,
        Some("0s"),
        "with documents: `{{ since }}` is earlier by this, for those that appear late. Documents that were told are not \
         told again",
    ),
    OptionRow::of_source(
        "partial",
        Kind::Switch,
        Some("no"),
        "whether answers are taken that are not whole: out of time, failed shards, terms, documents or rows cut off. They \
         resolve nothing",
    ),
    OptionRow::of_source(
        "api_key_file",
        Kind::Path,
        None,
        "a file whose first line is an API key in its `encoded` form; looked for among the credentials of systemd, \
         then from the configuration's folder",
    ),
    OptionRow::of_source(
        "user",
        Kind::Text,
        None,
        "with `password_file`, instead of `api_key_file`",
    ),
    OptionRow::of_source(
        "password_file",
        Kind::Path,
        None,
        "a file whose first line is the password of `user`; looked for like `api_key_file`",
    ),
    OptionRow::of_source(
        "token_file",
        Kind::Path,
        None,
        "instead of them: a file whose first line is a token, sent as `Authorization: Bearer`; looked for like \
         `api_key_file`",
    ),
    OptionRow::of_source(
        "ssl_ca_file",
        Kind::Path,
        None,
        "the certificate of the authority that signed those of the hosts, if the system does not trust it",
    ),
    OptionRow::of_source(
        "ssl_cert_file",
        Kind::Path,
        None,
        "the client certificate (PEM), if the hosts ask for one. One that is renewed is taken up when the former one \
         is refused",
    ),
    OptionRow::of_source(
        "ssl_key_file",
        Kind::Path,
        None,
        "the key (PEM) of `ssl_cert_file`; looked for like `api_key_file`",
    ),
    OptionRow::of_source(
        "request_timeout",
        Kind::PositiveDuration,
        Some("30s"),
        "how long a request and its answer may take",
    ),
];
