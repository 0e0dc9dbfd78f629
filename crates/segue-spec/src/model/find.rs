//! How the rows of an asset are found by a name.

use serde::{Deserialize, Serialize};

/// The columns by which an asset's rows are found by a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Find {
    /// The column that says which thing a row is.
    pub id: String,
    /// The column of its name.
    pub name: String,
    /// The columns of what else it is called: text, or lists of text.
    pub aliases: Vec<String>,
    /// The column of how well known it is.
    pub popularity: Option<String>,
}
