//! The options of a rule that launches a job.

use std::sync::Arc;

use reqwest::Url;

use super::answers::Kind as What;
use super::server::Server;
use super::{AwxAction, MARK};
use crate::actions::remote::{fixed_host, login, request_timeout, trust};
use crate::actions::rows::{
    BASIC_FILE, REQUEST_TIMEOUT, SSL_CA_FILE, TIMEOUT, TOKEN_FILE, URL, time_limit,
};
use crate::actions::scope::{looked_up, object_template};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, RuleContext, positive_duration};
use crate::core::template::JsonTemplate;
use crate::http::LateClient;

/// The options of a rule that launches a job.
pub(super) const OPTIONS: [OptionRow; 11] = [
    OptionRow {
        name: "template",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the job template to launch: its number, its name if only one has it, or `NAME++ORGANIZATION`. It \
                  has to prompt for variables on launch",
    },
    OptionRow {
        name: "workflow",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "instead of `template`: the workflow template",
    },
    URL,
    TOKEN_FILE,
    BASIC_FILE,
    SSL_CA_FILE,
    OptionRow {
        name: "extra_vars",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "the variables for the playbook, as JSON. Its texts are templates; a text that is a single expression \
                  keeps the type of its value",
    },
    OptionRow {
        name: "follow",
        scope: Scope::Rule,
        kind: Kind::Switch,
        default: Some("yes"),
        meaning: "whether the attempt lasts as long as the job, and ends as that does; else it has succeeded once the \
                  job is launched",
    },
    OptionRow {
        name: "poll_every",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: Some("5s"),
        meaning: "how often AWX is asked how the job is doing",
    },
    TIMEOUT,
    REQUEST_TIMEOUT,
];

/// Reads them; `None` if a problem makes it no launch.
pub(super) fn read(options: &mut Options<'_>, rule: &RuleContext<'_>) -> Option<AwxAction> {
    let what = template(options);
    let base = base(options);
    let mut files = Vec::new();
    let login = login(options, rule, &mut files);
    let trust = trust(options, rule);
    let variables = variables(options);
    let follows = options.switch("follow");
    let poll_every = options.parse("poll_every", "write it like `5s`", positive_duration);
    let (limit, request_timeout) = (time_limit(options), request_timeout(options));
    let ((kind, template), variables) = (what?, variables?);
    let asks = looked_up(options, rule, "extra_vars", &variables.names());
    Some(AwxAction {
        rule: rule.name.to_owned(),
        server: Arc::new(Server {
            base: base?,
            login: login.ok()?,
            trust,
            timeout: request_timeout?,
            client: LateClient::default(),
        }),
        kind,
        template,
        variables,
        asks,
        files,
        follows,
        poll_every: poll_every?,
        limit,
    })
}

/// What is launched.
fn template(options: &mut Options<'_>) -> Option<(What, String)> {
    let (template, workflow) = (options.text("template"), options.text("workflow"));
    match (template, workflow) {
        (Some(name), None) => Some((What::Job, name.to_owned())),
        (None, Some(name)) => Some((What::Workflow, name.to_owned())),
        (Some(_), Some(_)) => {
            let message = "expected either `template` or `workflow`, but found both".to_owned();
            options.report_value("workflow", Problem::error(message, "remove one of them"));
            None
        }
        (None, None) => {
            if options.lacks("template") && options.lacks("workflow") {
                options.report_section(
                    "expected `template` in the rule, but found none",
                    "name the job template, like `template = 7` or `template = Clean node`, or a `workflow`",
                );
            }
            None
        }
    }
}

/// The root of the API.
fn base(options: &mut Options<'_>) -> Option<Url> {
    if options.lacks("url") {
        options.report_section(
            "expected `url` in the rule, but found none",
            "name the address, like `url = https://awx.example.org`",
        );
    }
    let text = options.text("url")?;
    let found = fixed_host(text).and_then(|()| {
        let mut url = Url::parse(text).map_err(|error| format!("expected a URL ({error})"))?;
        if text.contains(['{', '?', '#']) {
            return Err("expected a fixed address without `?` and `#` in `url`".to_owned());
        }
        if url.path() == "/" {
            url.set_path("/api/v2");
        }
        Ok(url)
    });
    match found {
        Ok(url) => Some(url),
        Err(why) => {
            let hint = "write it like `https://awx.example.org`, or `https://aap.example.org/api/controller/v2` for \
                        the automation controller behind its gateway";
            options.report_value("url", Problem::error(why, hint));
            None
        }
    }
}

/// The variables for the playbook.
fn variables(options: &mut Options<'_>) -> Option<JsonTemplate> {
    if options.lacks("extra_vars") {
        return Some(JsonTemplate::Object(Vec::new()));
    }
    let form = r#"write it like `{"node": "{{ node_name }}"}`"#;
    let template = object_template(options, "extra_vars", form)?;
    let JsonTemplate::Object(fields) = &template else {
        return Some(template);
    };
    if fields.iter().any(|(name, _)| name == MARK) {
        let message = format!("`extra_vars` cannot set `{MARK}`, by which a job is found again");
        options.report_value("extra_vars", Problem::error(message, "choose another name"));
        return None;
    }
    Some(template)
}
