//! The manual pages: one for each command, made from its flags, and `esi-event-actions.conf(5)`, made
//! from the table of options.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::{Cli, output};
use crate::app::parts::OPTIONS;
use crate::cli::report::{Exit, Failure};
use crate::config::table::{OptionRow, Scope};

/// The file of the page about the configuration.
const CONF_PAGE: &str = "esi-event-actions.conf.5";

/// Prints the manual page of the program, or for `conf` that of its configuration; into a folder,
/// writes all there are.
pub(super) fn run(page: Option<PathBuf>) -> Result<Exit, Failure> {
    let Some(page) = page else {
        let mut text = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut text)
            .map_err(|error| output::failure(&error))?;
        return output::print(&text);
    };
    if page == Path::new("conf") {
        return output::print(conf_page().as_bytes());
    }
    clap_mangen::generate_to(Cli::command(), &page).map_err(|error| output::failure(&error))?;
    fs::write(page.join(CONF_PAGE), conf_page()).map_err(|error| output::failure(&error))?;
    Ok(Exit::Success)
}

/// `esi-event-actions.conf(5)`.
fn conf_page() -> String {
    let version = format!("esi-event-actions {}", env!("CARGO_PKG_VERSION"));
    let mut page = Roff::new();
    page.control("TH", ["esi-event-actions.conf", "5", "", &version]);
    page.control("SH", ["NAME"]);
    page.text([roman(
        "esi-event-actions.conf - configuration of esi-event-actions",
    )]);
    page.control("SH", ["DESCRIPTION"]);
    for paragraph in [
        "The file has a section `[DEFAULT]`, a section for each rule, `[NAME]`, and one for each source of \
         events besides the bus, `[source:NAME]`. Lines are `name = value`; \
         indented lines continue the value before them, and `%(name)s` stands for the value of another \
         option, as Python's configparser has it. A `#` or `;` at the beginning of a line or after white \
         space begins a comment, except inside JSON strings.",
        "The file is called `esi-event-action-listener.conf`, after the Python listener, and is looked for in \
         the user's own configuration folder (`~/.config/esi-event-actions`) and in \
         `/etc/esi-event-actions`, unless `--config` names another one. \
         `esi-event-actions check` tells all that is wrong with it at once.",
        "Lengths of time are written `500ms`, `30s`, `10m`, `2h` or `7d`; a bare number means seconds. \
         Lists are separated by commas. Paths name fields of the lease: `node_name`, inside objects with \
         dots (`properties.vendor`), inside lists with a number (`properties.disks.0.size`). A path that \
         begins with `$` is JSONPath.",
    ] {
        page.control("PP", []);
        page.text(inline(paragraph));
    }
    page.control("SH", ["OPTIONS OF [DEFAULT]"]);
    describe_all(&mut page, OPTIONS.general(Scope::Service));
    page.control("SH", ["OPTIONS OF RULES"]);
    page.text(inline(
        "In `[DEFAULT]` they hold for every rule that does not say otherwise.",
    ));
    describe_all(&mut page, OPTIONS.general(Scope::Rule));
    for action in OPTIONS.actions {
        let title = format!("OPTIONS OF RULES WITH action = {}", action.name);
        page.control("SH", [title.as_str()]);
        describe_all(&mut page, action.rows.iter());
    }
    for source in OPTIONS.sources {
        let title = format!(
            "OPTIONS OF [source:NAME] WITH type = {}",
            source.options.name
        );
        page.control("SH", [title.as_str()]);
        page.text(inline(
            "Nothing of `[DEFAULT]` holds here. `NAME` is the type of the events.",
        ));
        describe_all(&mut page, source.options.rows.iter());
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("esi-event-actions"), roman("(1)")]);
    page.to_roff()
}

fn describe_all(page: &mut Roff, rows: impl Iterator<Item = &'static OptionRow>) {
    for row in rows {
        describe(page, row);
    }
}

fn describe(page: &mut Roff, row: &OptionRow) {
    page.control("TP", []);
    page.text([
        bold(row.name),
        roman(" = "),
        italic(row.kind.to_string().replace('`', "")),
    ]);
    let mut meaning = row.meaning.to_owned();
    // The table's meanings continue a line, a manual page's begin one.
    if let Some(first) = meaning.get(..1) {
        meaning.replace_range(..1, &first.to_uppercase());
    }
    meaning.push('.');
    if let Some(default) = row.default {
        meaning = format!("{meaning} Default: `{default}`.");
    }
    page.text(inline(&meaning));
}

/// Text with what stands between backticks in bold.
fn inline(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) })
        .collect()
}
