//! The files as they are written. From these structs come the schemas, and with them docs, editors' help and messages.

mod chat;

pub(crate) use chat::{
    BlockFile, ButtonFile, CardsFile, ChatFile, IntentFile, MatchFile, QuickReplyFile, SentencesFile, WordingFile,
};

use crate::model::column_names;
use crate::model::{
    Apply, Batch, Columns, InputRule, Nested, OnChange, OnFailure, OnPartial, OnSchemaChange, Param, Position, Range,
    Scope, Write,
};
use crate::name::AssetName;
use crate::units::{Duration, Percent};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// `segue.yaml`: the project's name and its environments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-not-in-this-version" = ["pools", "prices"]))]
pub(crate) struct ProjectFile {
    /// The version of the files' format: 1.
    #[allow(dead_code)] // it is judged before anything else, on the tree
    pub format: u32,
    /// The project's name.
    #[schemars(extend("format" = "name"))]
    pub project: String,
    /// The zone in which SQL sessions, `date_trunc` and ranges count. Changing it is a breaking change.
    #[schemars(extend("format" = "timezone"))]
    #[serde(default = "utc")]
    pub timezone: String,
    /// The sets of places that the project can run in, by name. Without it there is one, `dev`, with `./lake` and `.segue/state.db`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub environments: BTreeMap<String, EnvironmentFile>,
    /// The environment that is meant when none is named: `dev`, or else the only one.
    #[schemars(extend("format" = "name"))]
    pub default_environment: Option<String>,
}

fn utc() -> String {
    "UTC".into()
}

/// A named set of places.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentFile {
    /// Where the lake is: a folder, relative to the project's. Only `dev` has one by default, `./lake`.
    #[schemars(length(min = 1))]
    pub lake: Option<String>,
    /// Where the state is: a file, relative to the project's folder. Only `dev` has one by default, `.segue/state.db`.
    #[schemars(length(min = 1))]
    pub state: Option<String>,
    /// What answers SQL: `local`.
    #[schemars(extend("format" = "engine"))]
    #[serde(default = "local")]
    pub engine: String,
    /// Which changes need `segue apply`: none (`auto`, the default of `dev`), those that break something (`breaking`, the default elsewhere), `all`.
    pub apply: Option<Apply>,
    /// The environment from whose lake inputs are read that are not built in this one. As soon as an asset has a table here, that is read.
    /// Nothing is ever written there.
    #[schemars(extend("format" = "name"))]
    pub reads_from: Option<String>,
}

fn local() -> String {
    "local".into()
}

/// A file in `connections/`: a named outside system. The connector's own keys stand beside these.
#[derive(JsonSchema)]
#[allow(dead_code)] // only its schema is used: the connector's own keys decide how the file is read
pub(crate) struct ConnectionFile {
    /// Its name, as `copy.from` and `into.connection` write it.
    #[schemars(extend("format" = "name"))]
    pub connection: String,
    /// The connector that speaks to it.
    pub kind: String,
}

/// A file in `assets/`, or the header of an SQL file there: a named output and how it is made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-not-in-this-version" = ["schedule", "pool", "reads", "function", "command", "contract", "policies", "layout"]))]
pub(crate) struct AssetFile {
    /// Its name, `schema.table`; with `tables:`, that of many, `schema.*`.
    #[schemars(schema_with = "asset_or_family")]
    pub asset: AssetName,
    /// What it is, for people.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Words to select it by: `segue run tag:WORD`.
    #[serde(default)]
    #[schemars(schema_with = "tags")]
    pub tags: Vec<String>,
    /// Younger than this is good enough; without it every run reads.
    pub fresh: Option<Duration>,
    /// Whether whoever reads it goes on without it: where it is closed altogether (not ours to read) its step is done, where its source cannot be
    /// read now it is partial, and before it has a table it is an empty one of its `columns`, if their types are declared.
    #[serde(default)]
    pub optional: bool,
    /// The name that it had before: a rename keeps table, history and ledger.
    pub renamed_from: Option<AssetName>,
    /// What a changed definition does to what is already there.
    #[serde(default)]
    pub on_change: OnChange,
    /// Whether it runs when an asset that it reads ended partial.
    #[serde(default)]
    pub on_partial: OnPartial,
    /// The share of parked slices past which the step fails.
    #[serde(default = "twenty_percent")]
    pub max_parked: Percent,
    /// Rows are read from somewhere.
    pub copy: Option<Value>,
    /// The range that it is computed by.
    pub range: Option<Range>,
    /// What a change of an input, other than the ranged one, reopens: nothing (`ignore`), or the ranges in which a column of it changed.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "asset-name" }))]
    pub inputs: BTreeMap<AssetName, InputRule>,
    /// The parameters that it takes: `$name` in SQL, `{{ params.name }}` in a request.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub params: BTreeMap<String, Param>,
    /// The table of another system that it writes; without it, a lake table of its own name.
    pub into: Option<Value>,
    /// How new rows meet the old ones.
    #[serde(default)]
    pub write: Write,
    /// What must hold of its rows.
    #[serde(default)]
    pub checks: Vec<CheckFile>,
    /// The columns by which its rows are found by a name: `segue resolve`, and `resolve(…)` in SQL.
    pub find: Option<FindFile>,
}

fn asset_or_family(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "format": "asset-or-family" })
}

fn twenty_percent() -> Percent {
    Percent::TWENTY
}

fn tags(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "uniqueItems": true })
}

/// The keys of `copy:` that every connector has; its own stand beside them.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CopyFile {
    /// From where: a connection's name, `files`, or `lake`.
    #[serde(rename = "from")]
    #[allow(dead_code)] // the connection decides by which schema the rest is read, and is looked at before
    pub source: String,
    /// The list whose elements are the slices.
    pub for_each: Option<ForEachFile>,
    /// The columns that hold a slice's labels.
    #[serde(default)]
    #[schemars(schema_with = "column_names")]
    pub slice: Vec<String>,
    /// The columns, in order; without them they are inferred from the first answers, and kept.
    #[serde(default)]
    pub columns: Columns,
    /// How long the answers themselves are kept, for replaying a changed mapping.
    pub keep_raw: Option<Duration>,
    /// The column by which the source is read onwards.
    pub position: Option<Position>,
    /// What happens when the source has a column that the table does not. Only where the columns are inferred: beside `columns`, values
    /// that no column names are not looked at.
    #[serde(default)]
    pub on_new_column: OnSchemaChange,
    /// What happens when a column's values no longer fit its type. `evolve` only where the columns are inferred.
    #[serde(default)]
    pub on_type_change: OnSchemaChange,
    /// What objects and lists in records become, where no `type` says it: `json`, a column of text as it was written; `struct`, a column of
    /// the types that the first answers show, to which new fields are added as `on_new_column` says; `child_tables`, where objects are columns
    /// of their own (`album__name`) and a list of objects is a table `asset__column`, a row an object.
    #[serde(default)]
    pub nested: Nested,
    /// Many tables instead of one: `public.*`, or a list. The file stands for an asset a table then, and `asset:` has a `*` for the table's name.
    #[serde(default)]
    #[schemars(schema_with = "table_patterns")]
    pub tables: Option<OneOrMore>,
    /// Tables that are left out of `tables`.
    #[serde(default)]
    #[schemars(schema_with = "table_patterns")]
    pub except: Option<OneOrMore>,
    /// What happens when the source has a table that was not there before, beside `tables`: it is copied too (`evolve`, as without this key),
    /// the run fails (`freeze`) or ends in part (`quarantine`) until somebody decides, or it is left out and told (`drop_value`).
    #[serde(default)]
    pub on_new_table: Option<OnSchemaChange>,
}

fn table_patterns(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "anyOf": [
        { "type": "string", "format": "tables" },
        { "type": "array", "items": { "type": "string", "format": "tables" }, "minItems": 1, "uniqueItems": true }
    ] })
}

/// The keys of `copy:` when it reads the lake.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["table"] }, { "required": ["sql"] }],
    "x-not-in-this-version" = ["for_each", "slice", "position", "keep_raw", "columns"]
))]
pub(crate) struct LakeCopyFile {
    /// `lake`.
    #[serde(rename = "from")]
    #[allow(dead_code)] // it is how this struct was chosen
    pub source: String,
    /// All of this table.
    pub table: Option<AssetName>,
    /// The answer of this query.
    pub sql: Option<String>,
}

/// The list whose elements are the slices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["sql"] }, { "required": ["list"] }]))]
pub(crate) struct ForEachFile {
    /// A query: one element a row.
    pub sql: Option<String>,
    /// The elements, written out: plain values or mappings.
    #[schemars(length(min = 1))]
    pub list: Option<Vec<Value>>,
    /// Several elements in one request.
    pub batch: Option<Batch>,
}

/// The keys of `into:` that every connector has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct IntoFile {
    /// The connection's name.
    pub connection: String,
    /// The table's name there.
    #[schemars(length(min = 1))]
    pub table: String,
    /// Whether a table that another program made may be taken on. Its columns, keys, rights and triggers stay as they are, and it is never
    /// altered or dropped; its rows are the asset's from then on: `replace` deletes those that it has.
    #[serde(default)]
    pub adopt: bool,
}

/// The columns by which an asset's rows are found by a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindFile {
    /// The column that says which thing a row is: text, a UUID or a whole number. Rows of one id are one thing, with the names of them all.
    #[schemars(extend("format" = "column-name"))]
    pub id: String,
    /// The column of its name: text. A row without an id or without a name is not found.
    #[schemars(extend("format" = "column-name"))]
    pub name: String,
    /// The columns of what else it is called, in any script: text, or lists of text.
    #[serde(default)]
    #[schemars(schema_with = "one_or_more")]
    pub aliases: Option<OneOrMore>,
    /// The column of how well known it is: a number. Of names that are equally near, the best known stands first.
    #[schemars(extend("format" = "column-name"))]
    pub popularity: Option<String>,
}

/// A file in `tests/` that ends in `.yaml`: what an asset's SQL gives over rows that are given. One test, or a list of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestFile {
    /// What it shows, in a few words. No other test of the project has the same.
    #[schemars(length(min = 1))]
    pub test: String,
    /// The asset whose SQL is run: one made by SQL, or copied from the lake.
    #[schemars(extend("format" = "asset-name"))]
    pub asset: AssetName,
    /// The rows of each table that the asset reads; `[]` for a table without rows. A view that it reads is taken as its SQL gives it, unless
    /// rows of it are given.
    #[serde(default)]
    #[schemars(schema_with = "given")]
    #[allow(dead_code)] // the rows are taken from the tree, which knows their places
    pub given: Value,
    /// The values of the asset's parameters; those that are not here have their defaults.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub params: BTreeMap<String, Value>,
    /// What time it is, in RFC 3339; 2000-01-01T00:00:00Z if not given.
    pub now: Option<String>,
    /// The range that is computed, of an asset that has ranges.
    pub range: Option<TestRangeFile>,
    /// What must come of it.
    pub expect: ExpectFile,
}

/// What `$from` and `$to` are in a test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRangeFile {
    /// `$from`: a day or a time of the project's zone, or an instant.
    pub from: String,
    /// `$to`.
    pub to: String,
}

/// What must come of a test: rows, or an error.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["rows"] }, { "required": ["error"] }]))]
pub(crate) struct ExpectFile {
    /// The rows, in any order; a column that a row leaves out is null in it.
    #[schemars(schema_with = "rows")]
    #[serde(default)]
    #[allow(dead_code)] // as above
    pub rows: Option<Value>,
    /// The columns that are compared; all if not given.
    #[schemars(schema_with = "column_names")]
    #[serde(default)]
    #[allow(dead_code)] // as above
    pub columns: Vec<String>,
    /// Whether the rows must come in this order.
    #[serde(default)]
    pub ordered: bool,
    /// How far doubles may be apart: this much, or this much of the larger one where that is above 1.
    #[serde(default = "tolerance")]
    #[schemars(range(min = 0.0))]
    pub tolerance: f64,
    /// A part of the error with which it must end: its words, or its code.
    #[schemars(length(min = 1))]
    pub error: Option<String>,
}

fn tolerance() -> f64 {
    1e-9
}

fn rows(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": "object" } })
}

fn given(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "propertyNames": { "format": "asset-name" }, "additionalProperties": { "anyOf": [
        { "type": "array", "items": { "type": "object" } },
        { "type": "object", "additionalProperties": false, "x-at-least-one": [["rows", "file"]], "x-at-most-one": [["rows", "file"]], "properties": {
            "rows": { "type": "array", "items": { "type": "object" }, "description": "The rows." },
            "file": { "type": "string", "minLength": 1, "description": "A CSV file with the rows, beside the test's own." },
            "columns": { "type": "object", "propertyNames": { "format": "column-name" },
                "additionalProperties": { "type": "string", "format": "type" },
                "description": "The types of columns of which the project does not say them." }
        } }
    ] } })
}

/// A statement about the rows that must hold: exactly one of the keys up to `row_count`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["not_null"] }, { "required": ["unique"] }, { "required": ["between"] }, { "required": ["accepted"] },
    { "required": ["matches"] }, { "required": ["references"] }, { "required": ["row"] }, { "required": ["sql"] }, { "required": ["row_count"] }
]))]
pub(crate) struct CheckFile {
    /// None of these columns is null.
    #[serde(default)]
    #[schemars(schema_with = "one_or_more")]
    pub not_null: Option<OneOrMore>,
    /// No two rows are equal in all these columns.
    #[serde(default)]
    #[schemars(schema_with = "one_or_more")]
    pub unique: Option<OneOrMore>,
    /// A column lies between two values, both included.
    pub between: Option<BetweenFile>,
    /// A column is one of some values.
    pub accepted: Option<AcceptedFile>,
    /// A column's text meets a regular expression.
    pub matches: Option<MatchesFile>,
    /// A column's values are all in a column of another asset.
    pub references: Option<ReferencesFile>,
    /// An SQL condition that holds for every row.
    pub row: Option<String>,
    /// A query that returns nothing.
    pub sql: Option<String>,
    /// So many rows.
    pub row_count: Option<RowCountFile>,
    /// What happens when it does not hold. `quarantine`: of checks that judge each row by itself only.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Which rows it sees: the table as it would be, or those of the commit.
    #[serde(default)]
    pub scope: Scope,
    /// Its name; without it, one made from the kind and the columns.
    #[schemars(length(min = 1))]
    pub name: Option<String>,
}

/// A column, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(all) => all,
        }
    }
}

fn one_or_more(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "anyOf": [
        { "type": "string", "format": "column-name" },
        { "type": "array", "items": { "type": "string", "format": "column-name" }, "minItems": 1, "uniqueItems": true }
    ] })
}

/// A column lies between two values, both included.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BetweenFile {
    /// The column.
    #[schemars(extend("format" = "column-name"))]
    pub column: String,
    /// The least: a number, or a day or time as text.
    #[serde(default)]
    #[schemars(schema_with = "bound")]
    pub min: Option<Value>,
    /// The most.
    #[serde(default)]
    #[schemars(schema_with = "bound")]
    pub max: Option<Value>,
}

fn bound(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["number", "string"] })
}

/// A column is one of some values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptedFile {
    /// The column.
    #[schemars(extend("format" = "column-name"))]
    pub column: String,
    /// What it may be.
    #[schemars(schema_with = "values")]
    pub values: Vec<Value>,
}

fn values(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1, "uniqueItems": true })
}

/// A column's text meets a regular expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchesFile {
    /// The column.
    #[schemars(extend("format" = "column-name"))]
    pub column: String,
    /// The regular expression.
    #[schemars(length(min = 1))]
    pub pattern: String,
}

/// A column's values are all in a column of another asset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferencesFile {
    /// The column.
    #[schemars(extend("format" = "column-name"))]
    pub column: String,
    /// The other asset.
    pub table: AssetName,
    /// Its column.
    #[schemars(extend("format" = "column-name"))]
    pub to: String,
}

/// So many rows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowCountFile {
    /// The least.
    pub min: Option<u64>,
    /// The most.
    pub max: Option<u64>,
}
