//! Read a project's files into a typed [`Project`] and everything that is wrong with it.
//!
//! The way of a file: text → [`yaml`] (a tree in which every node knows its bytes) → [`schema`] (the tree compared with a
//! JSON Schema, all mistakes at once) → [`model`] (types). Then the project as a whole is looked at: [`sql`], [`graph`], and the
//! rules of [`check()`] that no schema can say. Nothing here reads a disk, a clock or an environment variable.

mod check;
mod config;
pub mod files;
pub mod graph;
pub mod hash;
pub mod model;
pub mod name;
pub mod phrase;
pub mod reference;
pub mod schema;
pub mod selector;
pub mod sql;
pub mod tables;
mod template;
pub mod testing;
pub mod types;
pub mod units;
pub mod wording;
pub mod yaml;

pub use check::{LAKE_HINT, PatternMistake, check, check_with_patterns, elsewhere, export_path, not_a_folder};
pub use files::{Files, LARGEST_FILE, Unread};
pub use graph::Graph;
pub use model::Project;
pub use name::AssetName;
pub use schema::{ConnectorSchema, schemas};
pub use selector::Selector;
