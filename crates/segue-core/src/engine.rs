//! What answers SQL.

use crate::{AssetName, Batches, Context, Ctx, Kind, Result, TableId};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a table is called in SQL: any schema and any name, so that `quarantine."raw.top_tracks"` has one too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableKey {
    /// The part before the dot.
    pub schema: String,
    /// The part after it, without quotes.
    pub table: String,
}

impl TableKey {
    /// The table of this name in this schema.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> TableKey {
        TableKey {
            schema: schema.into(),
            table: table.into(),
        }
    }

    /// The asset whose table this is, if the name can be an asset's.
    pub fn asset(&self) -> Option<AssetName> {
        format!("{}.{}", self.schema, self.table).parse().ok()
    }
}

impl From<&AssetName> for TableKey {
    fn from(name: &AssetName) -> TableKey {
        TableKey::new(name.schema(), name.table())
    }
}

impl From<AssetName> for TableKey {
    fn from(name: AssetName) -> TableKey {
        TableKey::from(&name)
    }
}

/// As it is written in SQL: a part that is no plain lower-case word stands in double quotes.
impl fmt::Display for TableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, part: &str| {
            let plain = part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if plain {
                f.write_str(part)
            } else {
                write!(f, "\"{}\"", part.replace('"', "\"\""))
            }
        };
        part(f, &self.schema)?;
        f.write_str(".")?;
        part(f, &self.table)
    }
}

/// Rows that can be read: a table at a version, as it would be after a staged change, or what lies staged.
/// An engine that knows the concrete kind may push more down than [`Relation::scan`] does.
#[async_trait]
pub trait Relation: Send + Sync {
    /// The columns.
    fn schema(&self) -> SchemaRef;

    /// All rows, of these columns (by index in the schema, in the order given) or of all.
    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches>;

    /// Which version of which table it is, for what is made of the rows and kept; `None` for rows that are no version of a table, or where
    /// nothing tells versions apart.
    fn pinned(&self) -> Option<Pinned> {
        None
    }

    /// The concrete kind.
    fn as_any(&self) -> &dyn Any;
}

/// One version of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The table.
    pub table: TableId,
    /// Its version.
    pub version: u64,
    /// A digest of what holds the rows. A table that was lost and made anew may have the same version again; it has another digest then.
    pub content: String,
}

/// Rows that are all in memory, as a relation.
pub struct InMemory(arrow_array::RecordBatch);

impl InMemory {
    /// These rows.
    pub fn new(rows: arrow_array::RecordBatch) -> InMemory {
        InMemory(rows)
    }
}

#[async_trait]
impl Relation for InMemory {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let rows = match columns {
            Some(columns) => self.0.project(columns).context(Kind::Bug, "cannot pick columns")?,
            None => self.0.clone(),
        };
        Ok(futures::stream::once(async move { Ok(rows) }).boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A query in the place of a table: nothing of it is stored, and whoever reads it reads what it is made from, at the versions that it was
/// given. An engine may put its statement into the reader's own; through [`Relation::scan`] it is a query by itself.
#[derive(Clone)]
pub struct View {
    query: Query,
    schema: SchemaRef,
    engine: Arc<dyn Engine>,
    ctx: Ctx,
}

impl View {
    /// The answer of this query, as a table.
    ///
    /// # Errors
    /// Those of planning it.
    pub async fn of(query: Query, engine: Arc<dyn Engine>, ctx: &Ctx) -> Result<View> {
        let schema = engine.describe(&query, ctx).await?.schema;
        Ok(View {
            query,
            schema,
            engine,
            ctx: ctx.clone(),
        })
    }

    /// What it asks.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

#[async_trait]
impl Relation for View {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let rows = self.engine.run(&self.query, &self.ctx).await?.rows;
        let Some(columns) = columns.map(<[usize]>::to_vec) else {
            return Ok(rows);
        };
        let picked = rows.map(move |batch| batch?.project(&columns).context(Kind::Bug, "cannot pick columns"));
        Ok(picked.boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A question.
#[derive(Clone)]
pub struct Query {
    /// One SELECT statement.
    pub sql: String,
    /// The values of `$name`. A JSON string in RFC 3339 given for a timestamp is cast by the statement's own types.
    pub params: BTreeMap<String, Param>,
    /// What each table that the statement names is, exactly. A name that is not here is an unknown table.
    pub tables: BTreeMap<TableKey, Arc<dyn Relation>>,
    /// The zone of the session.
    pub timezone: String,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// An instant, in microseconds since 1970, UTC: `$from` and `$to`.
    Timestamp(i64),
    /// An exact decimal number: `digits` of which the last `scale` stand after the point.
    Decimal {
        /// All digits.
        digits: i128,
        /// How many there may be.
        precision: u8,
        /// How many stand after the point.
        scale: u8,
    },
    /// A string, a number, a boolean or null.
    Value(Value),
}

/// An answer, as it comes.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows. Dropping it cancels the query.
    pub rows: Batches,
}

/// What a statement would give, without running it.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The columns of the answer.
    pub schema: SchemaRef,
    /// The tables that it reads, in order of their names.
    pub reads: Vec<TableKey>,
}

/// A thing that answers SQL. Queries only read. Memory is bounded by the context's limits: operators that can spill do, the others
/// end with an error that says which limit was met.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Runs a statement.
    ///
    /// # Errors
    /// `Invalid` with the place in the statement for what the user wrote, `Cancelled`, and the kinds of the tables read.
    async fn run(&self, query: &Query, ctx: &Ctx) -> Result<Answer>;

    /// Plans a statement and says what it would give.
    async fn describe(&self, query: &Query, ctx: &Ctx) -> Result<Described>;
}
