//! Templates: text with `{{ expressions }}` that an event fills in, each escaped for where it stands.
//!
//! The language is Jinja's, by `minijinja`. It is strict: a name that is not there fails, and the error
//! says which. What an event says can never leave its place: in a URL it is percent-encoded, in a header
//! it may hold no line break, in JSON it stays one value, and in a message for people it is text that nobody is
//! called by.

mod markup;
mod scope;
mod stored;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json};

pub use markup::Markup;
pub use scope::{STORE, Scope};

/// All but what stands for itself in any part of a URL (RFC 3986, "unreserved").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the text of a template stands, and so how values are escaped in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere that a value can do no harm: a JSON string, a message.
    Text,
    /// A URL: values are percent-encoded.
    Url,
    /// The value of an HTTP header: a value with a control character fails.
    Header,
    /// A message for a chat service: a value cannot mention, link or format.
    Chat(Markup),
}

impl Place {
    const ALL: [Self; 6] = [
        Self::Text,
        Self::Url,
        Self::Header,
        Self::Chat(Markup::RocketChat),
        Self::Chat(Markup::Slack),
        Self::Chat(Markup::Markdown),
    ];

    /// Under this name the template is known while it is filled in.
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Url => "url",
            Self::Header => "header",
            Self::Chat(Markup::RocketChat) => "rocketchat",
            Self::Chat(Markup::Slack) => "slack",
            Self::Chat(Markup::Markdown) => "markdown",
        }
    }

    fn of(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|place| place.name() == name);
        found.unwrap_or(Self::Text)
    }
}

/// A template that is known to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    place: Place,
}

/// Why a template cannot be read or filled in, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    message: String,
    /// Where it begins in the template, in bytes.
    pub at: usize,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] if it is malformed.
    pub fn parse(source: &str, place: Place) -> Result<Self, TemplateError> {
        (ENVIRONMENT.template_from_named_str(place.name(), source))
            .map_err(|error| TemplateError::of(&error, source))?;
        if let Some(unknown) = unknown_filter(source) {
            return Err(unknown);
        }
        Ok(Self {
            source: source.to_owned(),
            place,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Fills it in.
    ///
    /// # Errors
    /// [`TemplateError`] if a name is not there, a filter does not take its value, or a value may not
    /// stand in this place.
    pub fn fill(&self, scope: &Scope) -> Result<String, TemplateError> {
        (ENVIRONMENT.template_from_named_str(self.place.name(), &self.source))
            .and_then(|template| template.render(scope.values()))
            .map_err(|error| TemplateError::of(&error, &self.source))
    }

    /// The names that it uses, with dots where they are parts of others.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let template = ENVIRONMENT.template_from_named_str(self.place.name(), &self.source);
        template.map_or_else(
            |_| BTreeSet::new(),
            |it| it.undeclared_variables(true).into_iter().collect(),
        )
    }

    /// The value of a template that is nothing but one expression, as what it is: a number stays one.
    fn value(&self, scope: &Scope) -> Result<Json, TemplateError> {
        let Some(expression) = whole_expression(&self.source) else {
            return self.fill(scope).map(Json::String);
        };
        if let Some(value) = scope.as_written(expression) {
            return Ok(value.clone());
        }
        let failed = |error: &Error| TemplateError::of(error, expression);
        let value = (ENVIRONMENT.compile_expression(expression))
            .and_then(|expression| expression.eval(scope.values()))
            .map_err(|error| failed(&error))?;
        if value.is_undefined() {
            return Err(TemplateError::missing(expression));
        }
        serde_json::to_value(&value)
            .map_err(|error| TemplateError::new(format!("`{}`: {error}", expression.trim())))
    }
}

/// JSON whose texts are templates. One that is a single expression becomes that value, any other one text.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// A text.
    Text(Template),
    /// Each item.
    List(Vec<Self>),
    /// Each field, under a name that is no template.
    Object(Vec<(String, Self)>),
    /// A number, `true`, `false` or `null`.
    Fixed(Json),
}

impl JsonTemplate {
    /// Reads the templates in a JSON value.
    ///
    /// # Errors
    /// [`TemplateError`] of the first that is malformed.
    pub fn parse(value: &Json) -> Result<Self, TemplateError> {
        Ok(match value {
            Json::String(text) => Self::Text(Template::parse(text, Place::Text)?),
            Json::Array(items) => {
                Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => {
                let field = |(name, value): (&String, &Json)| {
                    Self::parse(value).map(|template| (name.clone(), template))
                };
                Self::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    /// The value of a name, whatever it is.
    ///
    /// # Errors
    /// [`TemplateError`] if that is no name.
    pub fn of_name(name: &str) -> Result<Self, TemplateError> {
        Template::parse(&format!("{{{{ {name} }}}}"), Place::Text).map(Self::Text)
    }

    /// The names that they use, with dots where they are parts of others.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Text(template) => template.names(),
            Self::List(items) => items.iter().flat_map(Self::names).collect(),
            Self::Object(fields) => fields.iter().flat_map(|(_, field)| field.names()).collect(),
            Self::Fixed(_) => BTreeSet::new(),
        }
    }

    /// Fills them in.
    ///
    /// # Errors
    /// As [`Template::fill`], of the first that fails.
    pub fn fill(&self, scope: &Scope) -> Result<Json, TemplateError> {
        Ok(match self {
            Self::Text(template) => template.value(scope)?,
            Self::List(items) => {
                let filled = items.iter().map(|item| item.fill(scope));
                Json::Array(filled.collect::<Result<_, _>>()?)
            }
            Self::Object(fields) => {
                let mut filled = Map::new();
                for (name, field) in fields {
                    filled.insert(name.clone(), field.fill(scope)?);
                }
                Json::Object(filled)
            }
            Self::Fixed(value) => value.clone(),
        })
    }
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(write);
    environment
});

/// Writes a value as the argument of a script would be written, escaped for its place.
fn write(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    let text = match value.kind() {
        ValueKind::None => String::new(),
        ValueKind::String => value.to_string(),
        _ => serde_json::to_string(value)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?,
    };
    match Place::of(state.name()) {
        Place::Url => write!(output, "{}", utf8_percent_encode(&text, ENCODED))?,
        Place::Header if text.contains(char::is_control) => {
            let why = "a header holds no line break and no other control character";
            return Err(Error::new(ErrorKind::InvalidOperation, why));
        }
        Place::Text | Place::Header => output.write_str(&text)?,
        Place::Chat(markup) => output.write_str(&markup.escape(&text))?,
    }
    Ok(())
}

/// The expression that is all there is of a template.
fn whole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_start_matches('-').trim_end_matches('-');
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

/// The first filter in a template that does not exist. Jinja itself finds that out only when it comes to it.
fn unknown_filter(source: &str) -> Option<TemplateError> {
    let mut block = None;
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in source.char_indices() {
        let rest = &source[at..];
        match (block, quote) {
            (None, _) => {
                block = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
                    .into_iter()
                    .find_map(|(begin, end)| rest.starts_with(begin).then_some(end));
            }
            (Some("#}"), _) => block = block.filter(|end| !rest.starts_with(end)),
            (Some(_), Some(mark)) => {
                quote = quote.filter(|_| character != mark || before == '\\');
            }
            (Some(end), None) if rest.starts_with(end) => block = None,
            (Some(_), None) if matches!(character, '"' | '\'') => quote = Some(character),
            (Some(_), None) if character == '|' => {
                let text = rest[1..].trim_start();
                let is_name = |c: char| c.is_alphanumeric() || c == '_';
                let name = &text[..text.find(|c| !is_name(c)).unwrap_or(text.len())];
                if !name.is_empty() && !is_filter(name) {
                    let message = format!("there is no filter `{name}`");
                    let at = source.len() - text.len();
                    return Some(TemplateError { message, at });
                }
            }
            (Some(_), None) => {}
        }
        before = if before == '\\' { ' ' } else { character };
    }
    None
}

fn is_filter(name: &str) -> bool {
    let expression = format!("none|{name}");
    let applied = ENVIRONMENT
        .compile_expression(&expression)
        .and_then(|expression| expression.eval(()).map(drop));
    applied.map_or_else(|error| error.kind() != ErrorKind::UnknownFilter, |()| true)
}

impl TemplateError {
    fn of(error: &Error, source: &str) -> Self {
        let place = error
            .range()
            .and_then(|range| source.get(range.clone()).map(|text| (range, text)));
        let Some((range, text)) = place else {
            return Self::new(Self::reason(error));
        };
        if error.kind() == ErrorKind::UndefinedError {
            // The range begins at the last name of a path: the names before it tell more.
            let is_path =
                |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '"' | '\'');
            let before = source[..range.start].trim_end_matches(is_path).len();
            return Self::missing(&source[before..range.end]);
        }
        let message = format!("`{}`: {}", text.trim(), Self::reason(error));
        let at = range.start;
        Self { message, at }
    }

    fn new(message: String) -> Self {
        Self { message, at: 0 }
    }

    fn missing(expression: &str) -> Self {
        let expression =
            expression.trim_matches(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | '-'));
        Self::new(format!("there is no `{expression}`"))
    }

    fn reason(error: &Error) -> String {
        let detail = error.detail().map(str::to_owned);
        detail.unwrap_or_else(|| error.kind().to_string())
    }
}

#[cfg(test)]
mod tests;
