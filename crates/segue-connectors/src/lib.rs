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
pub mod hdfs;
pub mod http;
pub mod json;
mod plan;
pub mod postgres;
pub mod rest;
pub mod sqlite;
mod staged;
pub mod stores;
mod triggers;

pub use address::{ADDRESSES, Address, address};
pub use connector::{ConnectionSettings, Connector, Deps};
pub use http::tape::Tape;

/// Every connector there is.
pub static CONNECTORS: &[&Connector] = &[
    &stores::AZURE,
    &files::CONNECTOR,
    &stores::GCS,
    &hdfs::CONNECTOR,
    &postgres::CONNECTOR,
    &rest::CONNECTOR,
    &stores::S3,
    &sqlite::CONNECTOR,
];

/// The connector of a connection's `kind:`.
pub fn connector(kind: &str) -> Option<&'static Connector> {
    CONNECTORS.iter().copied().find(|c| c.kind == kind)
}

/// Whether connections of this kind are written to as files: there may be any number of others beside those that are ours.
pub fn writes_files(kind: &str) -> bool {
    let into = connector(kind).and_then(|c| c.into_schema);
    into.is_some_and(|schema| schema()["x-writes"] == "whole")
}

/// What the connectors say about the settings that people write for them, for checking a project.
pub fn schemas() -> Vec<segue_spec::ConnectorSchema> {
    CONNECTORS.iter().map(|c| c.schema()).collect()
}
