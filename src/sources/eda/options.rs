//! The options of an event source plugin, and how its Python is called.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::line;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem};
use crate::sources::{KILL_GRACE, PYTHON, Program, Python, RESTART};

/// In the section of a plugin.
pub(super) const OPTIONS: [OptionRow; 6] = [
    OptionRow {
        name: "plugin",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "the event source plugin: the path of its file; its name, if `NAME.py` is beside the configuration; or \
                  `NAMESPACE.COLLECTION.NAME`, which is looked for in the collections of Ansible",
    },
    OptionRow {
        name: "args",
        scope: Scope::Source,
        kind: Kind::Json,
        default: None,
        meaning: "a JSON object with what the plugin gets as `args`",
    },
    OptionRow {
        name: "filters",
        scope: Scope::Source,
        kind: Kind::JsonList,
        default: None,
        meaning: "the event filters, in order: `[{\"eda.builtin.json_filter\": {\"exclude_keys\": [\"a\"]}}]`. They are looked for \
                  like plugins; those of `eda.builtin` come along",
    },
    PYTHON,
    RESTART,
    KILL_GRACE,
];

const ARGS_FORM: &str = "write a JSON object, like {\"port\": 5000}";

const FILTERS_FORM: &str =
    "write a JSON list with an object for each filter, like [{\"eda.builtin.noop\": {}}]";

/// What runs a plugin.
const SHIM: &[&str] = &[include_str!("filters.py"), include_str!("shim.py")];

/// A plugin as its options say.
pub(super) struct Plugin {
    pub(super) name: String,
    args: Map<String, Value>,
    filters: Vec<Value>,
    pub(super) python: Python,
}

/// Of what a plugin gets, some may be secret.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// The program that runs it for the source of this name.
    pub(super) fn program_for(&self, source: &str) -> Program {
        let order = json!({
            "name": source, "plugin": self.name, "args": self.args, "filters": self.filters,
        });
        self.python.with_order(&order)
    }
}

/// Reads them; `None` if a problem was found without which there is nothing to run.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<Plugin> {
    if options.lacks("plugin") {
        options.report_section(
            "expected `plugin` in the source, but found none",
            "name the plugin, like `plugin = ansible.eda.aws_sqs_queue` or `plugin = ./mine.py`",
        );
    }
    let name = options.text("plugin").map(str::to_owned);
    let args = if options.lacks("args") {
        Some(Map::new())
    } else {
        let entries = options.json_object("args", ARGS_FORM);
        entries.map(|entries| entries.into_iter().map(|it| (it.name, it.value)).collect())
    };
    let filters = filters(options);
    let python = Python::read(options, folder, SHIM, line::read);
    Some(Plugin {
        name: name?,
        args: args?,
        filters: filters?,
        python: python?,
    })
}

/// Each an object whose entries are the names of filters with their arguments.
fn filters(options: &mut Options<'_>) -> Option<Vec<Value>> {
    if options.lacks("filters") {
        return Some(Vec::new());
    }
    let (mut filters, mut are_right) = (Vec::new(), true);
    for (filter, position) in options.json_list("filters", FILTERS_FORM)? {
        let is_filter = |entries: &Map<String, Value>| {
            let mut arguments = entries.values();
            !entries.is_empty() && arguments.all(|it| it.is_object() || it.is_null())
        };
        if filter.as_object().is_some_and(is_filter) {
            filters.push(filter);
            continue;
        }
        are_right = false;
        let message = format!(
            "expected the name of a filter with an object of its arguments in `filters`, but found {filter}"
        );
        if let Some(option) = options.get("filters") {
            options.report(Problem::error(message, FILTERS_FORM), option, position);
        }
    }
    are_right.then_some(filters)
}
