//! `filter_params`: a JSON object → filters, each problem at its place in the file.

use super::fields::warn_of_unknown;
use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::rules::Filter;

const FORM: &str = r#"write it like `{"purpose": "test", "properties.vendor": "foo"}`"#;

/// The filters of a rule; none if it has no `filter_params`.
pub(super) fn filter_params(options: &mut Options<'_>, of_leases: bool) -> Vec<Filter> {
    let Some(option) = options.get("filter_params") else {
        return Vec::new();
    };
    let mut filters: Vec<Filter> = Vec::new();
    for entry in options
        .json_object("filter_params", FORM)
        .unwrap_or_default()
    {
        let path = &entry.name;
        let problem = match Filter::parse(path, &entry.value) {
            Ok(filter) if filters.iter().any(|known| known.path() == filter.path()) => {
                Problem::error(
                    format!("expected one filter for `{path}`, but found two"),
                    "for any of several values write a list, like `[\"a\", \"b\"]`",
                )
            }
            Ok(filter) => {
                if of_leases {
                    warn_of_unknown(
                        options,
                        option,
                        "filter_params",
                        filter.path(),
                        entry.position,
                    );
                }
                filters.push(filter);
                continue;
            }
            Err(invalid) => Problem::error(invalid.message, invalid.hint),
        };
        options.report(problem, option, entry.position);
    }
    filters
}
