//! Talk to every outside system; a folder each.
//!
//! In reading order: what a connector says about itself ([`connector`]), the typed columns that every reader fills
//! ([`columns`]), JSON ([`json`]), what else records are written in (`forms`) and HTTP ([`http`]) for those that need them, then the systems.

mod address;
pub mod columns;
pub mod connector;
pub mod files;
mod forms;
mod halves;
pub mod http;
pub mod json;
mod plan;
pub mod postgres;
pub mod rest;
pub mod sqlite;
mod triggers;

pub use address::{ADDRESSES, Address, address};
pub use connector::{ConnectionSettings, Connector, Deps};
pub use http::tape::Tape;

/// Every connector there is.
pub static CONNECTORS: &[&Connector] = &[
    &files::CONNECTOR,
    &postgres::CONNECTOR,
    &rest::CONNECTOR,
    &sqlite::CONNECTOR,
];

/// The connector of a connection's `kind:`.
pub fn connector(kind: &str) -> Option<&'static Connector> {
    CONNECTORS.iter().copied().find(|c| c.kind == kind)
}

/// What the connectors say about the settings that people write for them, for checking a project.
pub fn schemas() -> Vec<segue_spec::ConnectorSchema> {
    CONNECTORS.iter().map(|c| c.schema()).collect()
}
