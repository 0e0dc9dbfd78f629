//! SQLite as a target: typed tables that take a commit once, in one transaction with its record.
//!
//! In reading order: the file and what is refused ([`file`]), values both ways ([`types`]), rows that lie ready beside the state
//! ([`crate::staged`]), the marks by which a table knows its last commit ([`marks`]), the table itself ([`table`]), a change of it
//! ([`change`], [`difference`], [`apply`]; [`history`] and [`missing`] for theirs) with what the table's own rules make of it ([`references`], [`sift`]), and the sink that puts them
//! together ([`sink`]).

mod apply;
mod change;
mod difference;
mod errors;
mod file;
mod history;
mod marks;
mod missing;
mod references;
mod sift;
mod sink;
mod table;
mod types;

use crate::connector::schema_of;
use crate::{ConnectionSettings, Connector, Deps};
use schemars::JsonSchema;
use segue_core::Result;
use segue_core::sink::Sink;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// SQLite, as a target.
pub static CONNECTOR: Connector = Connector {
    kind: "sqlite",
    about: "A SQLite database in a file, to publish tables into.",
    connection_schema: schema_of::<Settings>,
    copy_schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    into_schema: Some(|| json!({ "type": "object", "properties": {}, "additionalProperties": false })),
    source: None,
    sink: Some(open),
};

/// The keys of a connection of kind `sqlite`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The database's file; relative paths begin at the project's folder. The file is made when it is missing, its folder is not.
    path: String,
}

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Sink>> {
    let settings: Settings = settings.read(&deps.connection)?;
    Ok(Arc::new(sink::Sqlite::new(&settings.path, &deps)?))
}

#[cfg(test)]
mod tests;
