//! Where rows come from.

use crate::wire::{Offer, Wire, WireRows};
use crate::{Ctx, Error, Result, Slice, Span, Type};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A column that an asset declares, or that was inferred once and is frozen since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub of: Type,
    /// Whether it may be empty.
    pub required: bool,
    /// Where it stands in a record, as the source understands it (REST: a JSONPath below the record); `None`: under its own name.
    pub path: Option<String>,
    /// A template whose text is the value (`{{ each.id }}`) instead of a place in the record.
    pub value: Option<String>,
}

/// What to do with a column or a type that the schema does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Take it in: a new nullable column, a wider type. What cannot be taken in without losing something is quarantined.
    #[default]
    Evolve,
    /// Fail, and say what is new.
    Freeze,
    /// Set the record aside.
    Quarantine,
    /// Leave the value out, and count it.
    DropValue,
}

/// What objects and lists in records become, where their columns have no declared type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nested {
    /// JSON, as it was written.
    #[default]
    Json,
    /// Structs and lists of the types that their values show.
    Struct,
}

/// What objects and lists become, by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// In columns that are not named.
    pub others: Nested,
    /// In these columns.
    pub columns: BTreeMap<String, Nested>,
}

impl Nesting {
    /// In the column of this name.
    pub fn of(&self, column: &str) -> Nested {
        self.columns.get(column).copied().unwrap_or(self.others)
    }
}

/// The schema to read into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadSchema {
    /// The columns; `None`: infer them from the first answers.
    pub columns: Option<Vec<Column>>,
    /// Whether the columns were declared by the user. Then a record's other values are not looked at.
    pub declared: bool,
    /// Which of the declared columns have no type yet, by their names: it is found out from the first answers, as if nothing were
    /// declared, and stays. What [`Column::of`] says of them counts for nothing.
    pub untyped: Vec<String>,
    /// A value under a name that no column has (inferred schemas only).
    pub on_new_column: OnChange,
    /// A value that its column's type does not take. A declared column is never widened: there `Evolve` is `Quarantine`.
    pub on_type_change: OnChange,
    /// What objects and lists become whose type is found out.
    pub nested: Nesting,
}

/// What to read.
pub struct ReadRequest {
    /// The connector's own keys of the asset's `copy:`, checked against its schema.
    pub copy: Value,
    /// The columns to read into.
    pub schema: ReadSchema,
    /// The slices to read, in order; one whole slice for an asset without `for_each`.
    pub slices: Vec<Slice>,
    /// How many slices go into one request, and how their labels are joined; `None`: one by one.
    pub batch: Option<SliceBatch>,
    /// The columns that hold a slice's labels in the rows.
    pub slice_columns: Vec<String>,
    /// The stretch to read, for a ranged copy, with its bounds as the project's zone writes them left to the connector.
    pub range: Option<Span>,
    /// Where the last read ended.
    pub from: Option<Value>,
    /// The key by which the rows are merged, where what came of a slice may be committed before the slice is complete ([`Read::Reached`]);
    /// empty where it may not.
    pub merged_by: Vec<String>,
    /// The columns that tell the rows of a slice apart; a source that keeps them from being equal says so ([`Read::Unique`]). Empty where nobody
    /// has to know.
    pub key: Vec<String>,
    /// Stop after about so many rows, parents included: for previews.
    pub limit: Option<u64>,
    /// Hand out the answers as well, as [`Read::Page`].
    pub keep_pages: bool,
    /// Read these kept pages and ask nothing. One stream for all slices, in the shape of [`page_schema`], the pages of a slice in their order
    /// and beside each other. A slice that they do not tell in full gets no end, and what came of it does not count.
    pub replay: Option<crate::Batches>,
    /// Hand the rows out as they are, as [`Read::Wire`], in what [`Source::wire`] has offered.
    pub wire: Option<Wire>,
    /// Parameters of the run.
    pub params: serde_json::Map<String, Value>,
}

impl ReadRequest {
    /// All that these keys name, in one whole slice and in the columns that are found there.
    pub fn all_of(copy: Value) -> ReadRequest {
        ReadRequest {
            copy,
            schema: ReadSchema::default(),
            slices: vec![Slice::whole()],
            batch: None,
            slice_columns: Vec::new(),
            range: None,
            from: None,
            merged_by: Vec::new(),
            key: Vec::new(),
            limit: None,
            keep_pages: false,
            replay: None,
            wire: None,
            params: serde_json::Map::new(),
        }
    }
}

/// Several slices in one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceBatch {
    /// The most slices in a request.
    pub size: usize,
    /// What stands between their labels.
    pub join: String,
}

/// What a source hands out. Slices are named by their index in [`ReadRequest::slices`].
///
/// Further kinds come with change data (watermarks, *unchanged is not null*): match with a catch-all only where ignoring is right.
#[derive(Debug)]
pub enum Read {
    /// Rows, in the request's schema or, where that is inferred, in one that the later ones only widen.
    Rows {
        /// Whose rows they are. With [`SliceBatch`] a batch holds the rows of one slice.
        slice: usize,
        /// The rows.
        batch: RecordBatch,
    },
    /// No two rows of this read are equal in [`ReadRequest::key`], as the source itself keeps them: nobody has to look. Before any row.
    Unique,
    /// Rows as they are, and nothing else that is a row; only with [`ReadRequest::wire`], and then at least once: where there is no row,
    /// with none.
    Wire {
        /// Whose rows they are.
        slice: usize,
        /// The rows, in the form of the request.
        rows: WireRows,
    },
    /// Records that do not fit, each with its reason and its raw text.
    Rejected {
        /// Whose records they are; `None` where that cannot be told.
        slice: Option<usize>,
        /// The records.
        rows: Vec<Rejected>,
    },
    /// An answer as it came, in the shape of [`page_schema`]; only with [`ReadRequest::keep_pages`].
    Page {
        /// The slices that the answer is about.
        slices: Vec<usize>,
        /// One row an answer.
        batch: RecordBatch,
    },
    /// Where the source was read to: everything handed out before this belongs to it. It counts with the next [`Read::Reached`] or
    /// [`Read::Done`], as what was handed out does.
    Position(Value),
    /// What came of the slice so far counts, though more of it follows: a read that is cut off later goes on from the position that came
    /// last. Only with [`ReadRequest::merged_by`].
    Reached {
        /// Which.
        slice: usize,
    },
    /// The slice is complete: nothing more of it follows. What came of it before counts only now.
    Done {
        /// Which.
        slice: usize,
    },
    /// The slice may go on later; what came of it does not count.
    Parked {
        /// Which.
        slice: usize,
        /// When it may go on, if that is known.
        until: Option<Timestamp>,
        /// The key of the block that covers it, if one does: it may go on when that is lifted.
        block: Option<String>,
        /// Why, for people.
        reason: String,
    },
    /// The slice is not ours to read.
    Closed {
        /// Which.
        slice: usize,
        /// Why, for people.
        reason: String,
    },
    /// The slice failed; the others go on.
    Failed {
        /// Which.
        slice: usize,
        /// Why.
        error: Error,
    },
    /// Something worth saying and counting that changes nothing (values dropped, a first page that was full).
    Note(String),
}

/// That a first read is not complete: what a source writes into its position under `unfinished`, so that others can tell of it.
///
/// Until it is gone the table is of several moments: what was read of it is there, the rest is not, and neither is what changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The columns in whose order the source is read, by their names there.
    pub key: Vec<String>,
    /// Their types, as the source calls them.
    pub types: Vec<String>,
    /// Up to where it was read, as the source writes values; `None`: to the end, and what changed meanwhile is still to come.
    pub after: Option<Vec<String>>,
    /// How many of the parts are read.
    pub parts_read: u64,
    /// How many there are, as far as that was known.
    pub parts: u64,
}

impl Unfinished {
    /// What a position says of it; `None` where the read that it is of was complete.
    pub fn of(position: &Value) -> Option<Unfinished> {
        Unfinished::deserialize(position.get("unfinished")?).ok()
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => {
                let (read, parts) = (self.parts_read, self.parts);
                let at = self
                    .key
                    .iter()
                    .zip(after)
                    .map(|(name, value)| format!("{name} = {value}"));
                let at = at.collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "its first read was cut off: {read} of {parts} parts are there, up to {at}"
                )
            }
            None => f.write_str("its first read was cut off: all parts are there, but not what changed meanwhile"),
        }
    }
}

/// A record that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// What is wrong, as a short phrase: `expected int32, found "many"`.
    pub reason: String,
    /// Where in the record.
    pub path: Option<String>,
    /// The record as it came, at most 64 KiB of it; the candidates, where a `pick` found none.
    pub raw: String,
    /// What the source needs beside `raw` to read it again ([`Source::again`]): what stood around the record. `None` where it cannot be read
    /// again, because it was cut, holds what was taken out, or is no record.
    pub beside: Option<Value>,
}

/// A record that was set aside, to be read again.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRecord {
    /// As it came.
    pub raw: String,
    /// What stood around it ([`Rejected::beside`]).
    pub beside: Value,
}

/// Records that were read again.
#[derive(Clone, Debug)]
pub struct Again {
    /// The rows of those that fit, in the order of the records.
    pub batch: RecordBatch,
    /// Which record each row is, by its place among those that were handed in.
    pub rows: Vec<usize>,
    /// The others: their places, why they do not fit, and where in the record.
    pub misfits: Vec<(usize, String, Option<String>)>,
    /// What is worth saying: values that were left out.
    pub notes: Vec<String>,
}

/// One answer of a source: which slices it was for (`slices`, a JSON list of their keys), the request's order among the slice's
/// (`page`, from 0), the request (`request`, without secrets), its hash (`request_hash`), `status`, `body` and when it was asked (`asked_at`).
pub fn page_schema() -> arrow_schema::SchemaRef {
    let columns = [
        ("slices", Type::String),
        ("page", Type::Int64),
        ("last", Type::Bool),
        ("request", Type::String),
        ("request_hash", Type::String),
        ("source", Type::String),
        ("status", Type::Int32),
        ("body", Type::Binary),
        ("asked_at", Type::Timestamp),
    ];
    let fields: Vec<_> = columns.into_iter().map(|(name, of)| of.field(name, false)).collect();
    Arc::new(arrow_schema::Schema::new(fields))
}

/// A table that a source offers, without a look at its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// Its name as `copy: { table: … }` takes it: `public.orders`, `"Sales"."Order"`.
    pub name: String,
    /// The schema that it stands in, letter for letter.
    pub schema: String,
    /// Its own name, letter for letter.
    pub table: String,
    /// The columns of its primary key, by their names in the rows that are read; none where the source tells of none.
    pub key: Vec<String>,
}

/// A table that a source offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Discovered {
    /// Which.
    #[serde(flatten)]
    pub table: Offered,
    /// Its columns, each under a name of its own. One with a `path` stands under another name in the source.
    pub columns: Vec<Column>,
    /// Why it cannot be read, if so: then there are no columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Which tables are wanted.
pub type Wanted<'a> = dyn Fn(&Offered) -> bool + Send + Sync + 'a;

/// A place to read from.
///
/// What every source guarantees: a read delivers **at least once** per slice, in no promised order between slices; a slice counts only
/// with its [`Read::Done`], or as far as a [`Read::Reached`] says where rows are merged; the stream is bounded in memory and stops asking when it is not polled; dropping it cancels what is under
/// way; the error that ends it is about the connection, while what concerns one slice comes as `Parked`, `Closed` or `Failed`.
/// It retries a *request* as its kind allows; retrying the step is the caller's.
#[async_trait]
pub trait Source: Send + Sync {
    /// What is read from: scheme, host, database, account; no secret. When it changes, what was read before is not of this source.
    fn identity(&self) -> String;

    /// Reaches it with its credentials and says in a line what was found.
    async fn test(&self, ctx: &Ctx) -> Result<String>;

    /// What is there, for this user to read, in order of the names; the columns of those tables that are wanted alone.
    async fn discover(&self, wanted: &Wanted<'_>, ctx: &Ctx) -> Result<Vec<Discovered>>;

    /// The tables that are there, for this user to read, in order of the names; asked for once, however many there are.
    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Offered>>;

    /// The form in which it can hand rows out as they are, by its name; `None`: it reads every value.
    fn wire_form(&self) -> Option<&'static str> {
        None
    }

    /// What it would hand out as it is for a read of this (the connector's own keys of the asset's `copy:`) into this schema, with this key;
    /// or why not. Asked only where there is a [`Source::wire_form`].
    async fn wire(&self, _copy: &Value, _schema: &ReadSchema, _key: &[String], _ctx: &Ctx) -> Result<Offer> {
        Err(Error::bug("a source was asked for a form that it does not speak"))
    }

    /// Reads records again that it set aside before, by what the request says of the copy and its columns; asks nothing of the system.
    ///
    /// # Errors
    /// `NotFound` where the columns are to be found out and nothing tells them yet; `Invalid` for a copy that cannot be read.
    async fn again(&self, _request: ReadRequest, _records: Vec<KeptRecord>, _ctx: &Ctx) -> Result<Again> {
        Err(Error::bug("a source is to read again what it never set aside"))
    }

    /// Reads. With [`ReadRequest::wire`] it fails with `Unavailable` where the rows would be others by now.
    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>>;
}
