//! JSON, strictly: found in an answer without a tree, decoded into typed columns without coercion.
//!
//! Two passes over the bytes. [`find`] looks for the records by brackets and quotes alone, so that one broken record spoils no other;
//! [`decode`] then reads each record with [`parse`], which takes nothing that RFC 8259 does not.

pub mod decode;
pub mod find;
pub mod infer;
pub mod parse;
pub mod path;
mod scan;
mod value;

pub use decode::{Decoded, Decoder, Outcome};
pub use find::{Found, find};
pub use path::Path;
pub(crate) use value::{Keys, push, push_value};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 64;

/// A key as a step of a path.
fn step(key: &str) -> String {
    match key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty() {
        true => format!(".{key}"),
        false => format!("[{}]", quoted(key)),
    }
}

/// A text as JSON writes it.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
