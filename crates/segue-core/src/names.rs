//! What things are called.

use segue_diag::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The name of an asset and of its table: `schema.table`.
///
/// Both parts are lower case, begin with a letter or `_`, hold letters, digits and `_`, and have at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetName {
    schema: String,
    table: String,
}

impl AssetName {
    /// The part before the dot.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The part after the dot.
    pub fn table(&self) -> &str {
        &self.table
    }
}

impl FromStr for AssetName {
    type Err = Error;

    fn from_str(text: &str) -> Result<AssetName> {
        let is_word = |part: &str| {
            part.len() <= 63
                && part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        match text.split_once('.') {
            Some((schema, table)) if is_word(schema) && is_word(table) => Ok(AssetName {
                schema: schema.to_string(),
                table: table.to_string(),
            }),
            _ => Err(
                Error::new(Kind::Invalid, format!("`{text}` is not the name of an asset"))
                    .hint("write schema.table in lower-case letters, digits and _, such as raw.artists"),
            ),
        }
    }
}

impl TryFrom<String> for AssetName {
    type Error = Error;
    fn try_from(text: String) -> Result<AssetName> {
        text.parse()
    }
}

impl From<AssetName> for String {
    fn from(name: AssetName) -> String {
        name.to_string()
    }
}

impl fmt::Display for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, from the system's randomness.
            pub fn random() -> $name {
                $name(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<$name> {
                Uuid::parse_str(text).map($name).map_err(|e| {
                    Error::new(Kind::Invalid, format!("`{text}` is not an id")).caused_by(e)
                })
            }
        }
    };
}

id!(
    /// An asset's identity for life; its name may change.
    AssetId
);
id!(
    /// The identity of one table of an asset. A table that is dropped and made again has another.
    TableId
);
id!(
    /// One run.
    RunId
);
pub(crate) use id;
