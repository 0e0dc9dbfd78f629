//! A copy: where rows come from, slice by slice, and what becomes of each field.

use crate::name::AssetName;
use crate::types::Type;
use crate::units::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// Reads rows from somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    /// From where.
    pub from: From,
    /// The connector that reads: the connection's kind, `files`, or `lake`.
    pub kind: String,
    /// The list whose elements are the slices.
    pub for_each: Option<ForEach>,
    /// The columns that hold a slice's labels; empty when the asset is not sliced.
    pub slice: Vec<String>,
    /// The columns; empty means that they are inferred from the first answers.
    pub columns: Columns,
    /// How long the answers themselves are kept, for replaying the mapping.
    pub keep_raw: Option<Duration>,
    /// The column by which the source is read onwards from where the last read ended.
    pub position: Option<Position>,
    /// What happens when the source has a column that the table does not; only of inferred columns.
    pub on_new_column: OnSchemaChange,
    /// What happens when a column's values no longer fit its type.
    pub on_type_change: OnSchemaChange,
    /// What objects and lists in records become.
    #[serde(default, skip_serializing_if = "Nested::is_json")]
    pub nested: Nested,
    /// The connector's own keys (`request`, `paginate`, `records`, `path`, …), an object; references in it are unresolved.
    pub settings: Value,
}

impl Copy {
    /// What objects and lists in one of its columns become, where neither a type nor a template tells it; `None` for JSON.
    pub fn nested_in(&self, column: &Column) -> Option<Nested> {
        let nested = column.nested.unwrap_or(self.nested);
        let is_told = column.value.is_some() || (column.ty.is_some() && nested != Nested::ChildTables);
        (!is_told && !nested.is_json()).then_some(nested)
    }

    /// What objects and lists in the column of this name become.
    pub fn nested_of(&self, column: &str) -> Nested {
        self.columns.get(column).and_then(|c| c.nested).unwrap_or(self.nested)
    }

    /// Whether a read goes on from where the last one ended: by a column, or by the files that changed since.
    pub fn has_position(&self) -> bool {
        self.position.is_some() || self.settings.get("only").is_some_and(|only| only == "changed")
    }

    /// Whether lists of objects may become tables of their own.
    pub fn has_children(&self) -> bool {
        let mut columns = self.columns.iter();
        match self.columns.is_empty() {
            true => self.nested == Nested::ChildTables,
            false => columns.any(|(_, c)| c.nested.unwrap_or(self.nested) == Nested::ChildTables),
        }
    }
}

/// Where a copy reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The connection of this name.
    Connection(String),
    /// Files beside the project.
    Files,
    /// The lake.
    Lake(LakeSource),
}

/// What is read from the lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LakeSource {
    /// All of a table.
    Table(AssetName),
    /// The answer of a query.
    Sql(String),
}

/// The list whose elements are a copy's slices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ForEach {
    /// One element a row; the columns are `{{ each.column }}`.
    #[serde(rename = "sql")]
    Sql {
        /// The query.
        sql: String,
        /// The lake tables that it reads.
        reads: Vec<AssetName>,
        /// How many elements go into one request.
        batch: Option<Batch>,
    },
    /// Written out: each element an object; a plain value `v` is `{ "value": v }`.
    #[serde(rename = "list")]
    List {
        /// The elements.
        list: Vec<Value>,
        /// How many elements go into one request.
        batch: Option<Batch>,
    },
}

impl ForEach {
    /// How many elements go into one request.
    pub fn batch(&self) -> Option<&Batch> {
        match self {
            ForEach::Sql { batch, .. } | ForEach::List { batch, .. } => batch.as_ref(),
        }
    }
}

/// Several elements in one request. Each is still its own slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The most elements in one request.
    #[schemars(range(min = 1, max = 10000))]
    pub size: u32,
    /// What stands between the elements in `{{ batch.column }}`.
    #[serde(default = "comma")]
    pub join: String,
}

fn comma() -> String {
    ",".into()
}

/// One column of a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Where in the record it is: a JSONPath (`$.album.id`), or the name of a field; without it, the field of the column's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it is instead: a template (`{{ each.id }}`) or a constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalar")]
    pub value: Option<Value>,
    /// Its type; without it, it is inferred from the first answers, and kept. With `value`, it is `string` then.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<Type>,
    /// Whether a record without it goes to quarantine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What an object or a list in it becomes, where that is not as `nested` of the copy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<Nested>,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

fn scalar(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": ["string", "number", "boolean"] })
}

/// The columns of a copy, by name, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(pub Vec<(String, Column)>);

impl Columns {
    /// The column of this name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, c)| c)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }
}

impl Deref for Columns {
    type Target = [(String, Column)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, column) in &self.0 {
            map.serialize_entry(name, column)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Columns, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of columns")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    columns.push(entry);
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl JsonSchema for Columns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let column = generator.subschema_for::<Column>();
        schemars::json_schema!({
            "type": "object",
            "additionalProperties": column,
            "propertyNames": { "format": "column-name" },
        })
    }
}

/// The column by which a source is read onwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The column, one of `columns`.
    #[schemars(extend("format" = "column-name"))]
    pub column: String,
    /// How far behind the last position a read begins again, for rows that arrive late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Duration>,
    /// How a first read of a large table goes on after it was cut off; without it, it begins again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<ResumeBy>,
}

/// How a first read goes on after it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResumeBy {
    /// By ranges of the table's primary key, which is the `key` of `merge`. What was read stays, and the read that goes on catches up with
    /// what changed meanwhile.
    Key,
}

/// What happens when the source no longer has the shape that the table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnSchemaChange {
    /// The table takes it, where no value is lost.
    Evolve,
    /// The step fails.
    Freeze,
    /// The record goes to quarantine.
    #[default]
    Quarantine,
    /// The value is left out, and counted.
    DropValue,
}

/// What objects and lists in records become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nested {
    /// A column of JSON, as it was written.
    #[default]
    Json,
    /// A column of structs and lists, of the types that its values show.
    Struct,
    /// Objects are columns of their own, `a__b`; a list of objects is a table of its own, `asset__column`, a row an object.
    ChildTables,
}

impl Nested {
    /// Whether it is what it is without a word.
    pub fn is_json(&self) -> bool {
        *self == Nested::Json
    }
}
