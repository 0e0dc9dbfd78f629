//! JSON Schemas of a project's files: those of our own structs, those that connectors hand in, and how a tree is compared with one.

mod alternatives;
mod compose;
mod formats;
mod validate;

pub use compose::schemas;
pub(crate) use compose::{Shapes, own};
pub(crate) use formats::json_path;
pub(crate) use validate::{validate, validate_entry};

use serde_json::Value;

/// What a connector says about the settings that people write for it. Each schema is one of an object
/// (`additionalProperties: false` is assumed), as schemars makes it of a config struct; the doc comments become the docs.
///
/// Beyond JSON Schema's own words these are acted on:
/// `"x-secret": true`: only `${secret:NAME}` (alone, or inside more text) may stand there;
/// `"x-not-in-this-version": ["key", …]`: keys (of an object) or words (of an enum) that are known and refused;
/// `"format"`: `duration`, `rate`, `size`, `percent`, `type`, `asset-name`, `asset-or-family`, `tables`, `column-name`, `name`, `language`, `jsonpath`, `template`,
/// `expression`, `url`. A text that holds a `${…}` reference is not judged by type, `format` or `enum`.
#[derive(Clone, Debug)]
pub struct ConnectorSchema {
    /// The word in `kind:`, or the built-in connection's name (`files`).
    pub kind: &'static str,
    /// The keys of its connection files, without `connection` and `kind`.
    pub connection: Value,
    /// The keys that it adds to `copy:` when it is read from. An object schema without properties: it cannot be read from.
    pub copy: Value,
    /// The keys that it adds to `into:`, without `connection` and `table`; `None`: it cannot be written to.
    pub into: Option<Value>,
}

#[cfg(test)]
mod tests;
