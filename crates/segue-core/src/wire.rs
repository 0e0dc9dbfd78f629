//! Rows that pass as they are: in the form in which one system sends them and another takes them, with nobody in between who reads a value.

use arrow_schema::SchemaRef;
use serde_json::Value;

/// What rows in a form hold. Equal ones hold the same rows in the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// What the rows would be if they were read.
    pub schema: SchemaRef,
    /// Their columns in the form's own words, which only who speaks it understands.
    pub columns: Value,
    /// The columns in which no two of the rows are equal and none is empty, as the source itself keeps them; none where nobody asked.
    pub key: Vec<String>,
}

/// What a source says when it is asked for rows as they are.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// It would send these.
    Wire(Wire),
    /// It reads them value by value, because of this: ``column `mood` is of a type of its own``.
    Not(String),
}

/// Some rows in a form, all of them whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WireRows {
    /// How many.
    pub rows: u64,
    /// What they are.
    pub bytes: Vec<u8>,
}
