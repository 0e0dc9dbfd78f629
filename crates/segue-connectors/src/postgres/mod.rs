//! PostgreSQL as a source: tables and queries, by binary COPY, as they were at one moment.
//!
//! In reading order: the connection ([`connect`]) and what its errors mean ([`errors`]); what is read ([`table`]); what a type is here
//! ([`types`]), how its values come ([`decode`]) and rows of them ([`rows`]); and the source that puts them together ([`source`]).

mod connect;
mod decode;
mod errors;
mod rows;
mod source;
mod table;
mod types;

use crate::connector::schema_of;
use crate::{ConnectionSettings, Connector, Deps};
use segue_core::Result;
use segue_core::source::Source;
use std::sync::Arc;

/// PostgreSQL, as a source.
pub static CONNECTOR: Connector = Connector {
    kind: "postgres",
    about: "A PostgreSQL database, to copy tables and queries from.",
    connection_schema: schema_of::<connect::Settings>,
    copy_schema: schema_of::<table::Copy>,
    into_schema: None,
    source: Some(open),
    sink: None,
};

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Source>> {
    let settings: connect::Settings = settings.read(&deps.connection)?;
    let door = connect::Door::of(&settings, &deps).map_err(|e| e.with("connection", &deps.connection))?;
    Ok(Arc::new(source::Postgres { door }))
}

#[cfg(test)]
mod tests;
