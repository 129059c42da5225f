//! Options that hold templates.

use super::json::JsonEntry;
use super::options::Options;
use crate::core::ini::problem::Problem;
use crate::core::template::JsonTemplate;

/// How the syntax of templates is told.
pub const SYNTAX: &str = "write it as in Jinja, like `{{ node_name }}`";

/// The JSON object in an option, whose texts are templates; `form` tells how to write one. `None` if there is none, or a
/// mistake in it.
pub fn object_template(
    options: &mut Options<'_>,
    name: &str,
    form: &'static str,
) -> Option<JsonTemplate> {
    let entries = options.json_object(name, form)?;
    let field = |entry: &JsonEntry| {
        let template = JsonTemplate::parse(&entry.value);
        if let (Err(error), Some(option)) = (&template, options.get(name)) {
            let message = format!("`{name}`: {}: {error}", entry.name);
            options.report(Problem::error(message, SYNTAX), option, entry.position);
        }
        Some((entry.name.clone(), template.ok()?))
    };
    // Each mistake is told, not only the first.
    let fields: Vec<_> = entries.iter().map(field).collect();
    let fields: Option<_> = fields.into_iter().collect();
    fields.map(JsonTemplate::Object)
}
