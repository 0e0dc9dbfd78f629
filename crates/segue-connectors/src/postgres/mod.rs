//! PostgreSQL, both ways: tables and queries read by binary COPY, as they were at one moment; and typed tables that take a commit once.
//!
//! In reading order: the connection ([`connect`]), how large its rows may be ([`bound`]) and what its errors mean ([`errors`]); what is read ([`table`]); what a type is here
//! ([`types`]), how its values come ([`decode`]) and rows of them ([`rows`]); how a read goes on from an earlier one ([`position`]); what passes without being read ([`wire`]); and the
//! source that puts them together ([`source`]).
//! To write: connections that do ([`session`]), what a table is called ([`place`]), how values go ([`encode`]), rows that lie ready
//! ([`staging`]), the marks by which a table knows its last commit ([`marks`]), the table itself ([`target`]), a change of it
//! ([`change`]), what is allowed ([`allow`]), which rows the table's own rules let in ([`rules`], [`sift`]), what differs ([`difference`]), and carrying it out ([`apply`]), what it would look like ([`view`]), and the sink that puts them together ([`sink`]).

mod again;
mod allow;
mod apply;
mod bound;
mod change;
mod connect;
mod decode;
mod difference;
mod encode;
mod errors;
mod marks;
mod place;
mod position;
mod rows;
mod rules;
mod session;
mod sift;
mod sink;
mod source;
mod staging;
mod table;
mod target;
mod types;
mod view;
mod wire;

use crate::connector::schema_of;
use crate::{ConnectionSettings, Connector, Deps};
use segue_core::Result;
use segue_core::sink::Sink;
use segue_core::source::Source;
use serde_json::json;
use std::sync::Arc;

/// PostgreSQL, as a source and as a target.
pub static CONNECTOR: Connector = Connector {
    kind: "postgres",
    about: "A PostgreSQL database, to copy tables and queries from, and to publish tables into.",
    connection_schema: schema_of::<connect::Settings>,
    copy_schema: schema_of::<table::Copy>,
    into_schema: Some(|| json!({ "type": "object", "properties": {}, "additionalProperties": false })),
    source: Some(open),
    sink: Some(open_to_write),
};

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Source>> {
    let (_, door) = door(settings, &deps)?;
    Ok(Arc::new(source::Postgres {
        sessions: session::Sessions::new(door),
    }))
}

fn open_to_write(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Sink>> {
    let (settings, door) = door(settings, &deps)?;
    let schema = place::checked(&settings.schema).map_err(|e| e.with("connection", &deps.connection))?;
    Ok(Arc::new(sink::Database {
        sessions: session::Sessions::new(door),
        schema: schema.to_string(),
        connection: deps.connection,
        is_marked: Arc::default(),
    }))
}

fn door(settings: ConnectionSettings, deps: &Deps) -> Result<(connect::Settings, connect::Door)> {
    let settings: connect::Settings = settings.read(&deps.connection)?;
    let door = connect::Door::of(&settings, deps).map_err(|e| e.with("connection", &deps.connection))?;
    Ok((settings, door))
}

#[cfg(test)]
mod tests;
