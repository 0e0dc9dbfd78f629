//! Read a project's files into a typed [`Project`] and everything that is wrong with it.
//!
//! The way of a file: text → [`yaml`] (a tree in which every node knows its bytes) → [`schema`] (the tree compared with a
//! JSON Schema, all mistakes at once) → [`model`] (types). Then the project as a whole is looked at: [`sql`], [`graph`], and the
//! rules in [`mod@check`] that no schema can say. Nothing here reads a disk, a clock or an environment variable.

pub mod files;
pub mod model;
pub mod name;
pub mod schema;
pub mod sql;
pub mod types;
pub mod units;
pub mod yaml;

pub use files::Files;
pub use model::Project;
pub use name::AssetName;
pub use schema::ConnectorSchema;
