//! What `store` shows and does.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::core::store::{Operation, check_name};
use crate::journal::{ChangeId, Changed, JournalError, Store, StoreChange, StorePage, StoredValue};

/// A part of the list of values, and whether there are others after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The values, in the order of their names.
    pub values: Vec<StoredValue>,
    /// Whether others follow.
    pub and_more: bool,
}

/// The values that the page names.
///
/// # Errors
/// Those of the journal.
pub async fn list(journal: &dyn Store, page: StorePage) -> Result<Listed, JournalError> {
    let limit = page.limit;
    let page = StorePage {
        limit: limit.saturating_add(1),
        ..page
    };
    let mut values = journal.list_values(page, Timestamp::now()).await?;
    let and_more = values.len() > limit;
    values.truncate(limit);
    Ok(Listed { values, and_more })
}

/// The value of this name, if there is one.
///
/// # Errors
/// Those of the journal; and if nothing can have this name.
pub async fn get(journal: &dyn Store, name: &str) -> Result<Option<StoredValue>, JournalError> {
    check_name(name)?;
    let names = BTreeSet::from([name.to_owned()]);
    let mut found = journal.values(names, Timestamp::now()).await?;
    Ok(found.remove(name))
}

/// Changes a value. `request` is a text that no other request has.
///
/// # Errors
/// Those of the journal; and if the change is not allowed.
pub async fn change(
    journal: &dyn Store,
    request: String,
    name: &str,
    operation: Operation,
) -> Result<Changed, JournalError> {
    let change = StoreChange {
        id: ChangeId::Command(request),
        name: name.to_owned(),
        operation,
    };
    journal.change_value(change, Timestamp::now()).await
}
