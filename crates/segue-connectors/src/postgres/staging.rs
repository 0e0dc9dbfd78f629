//! Rows that lie ready: tables beside the target's, committed, named by nobody. Any process that reaches the server can commit or discard
//! them; one of them may become the target itself.

use super::encode;
use super::errors::failed;
use super::marks::{asked, create_schema};
use super::place::{Place, literal, quoted};
use super::session::{Begin, Sessions};
use super::target::declarations;
use super::wire::{WireColumn, columns_of};
use arrow_array::BooleanArray;
use arrow_schema::{Field, SchemaRef};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{SinkExt, TryStreamExt};
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Rows, Staged};
use segue_core::wire::{Wire, WireRows};
use segue_core::{AssetId, Ctx, Error, Kind, Result, Type};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::pin::Pin;
use tokio_postgres::{Client, CopyInSink};
use uuid::Uuid;

/// What is sent in one message, about.
const MESSAGE: usize = 256 << 10;

/// Rows that are made into messages at once.
const ROWS: usize = 1024;

/// The column that is true where the row deletes its key.
pub(super) const DELETES: &str = "_segue_deletes";

/// A table of staged rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    schema: String,
    name: String,
    /// Whether it says which rows delete.
    pub deletes: bool,
    /// What the rows have.
    pub columns: SchemaRef,
    /// The types of the columns there, where rows came as they are; else they are those that this sink makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Vec<WireColumn>>,
}

impl Piece {
    /// The type that a column of it has there.
    ///
    /// # Errors
    /// `Unsupported` for a column of no Segue type.
    pub fn declared(&self, field: &Field) -> Result<String> {
        let of_wire = self.wire.iter().flatten().find(|c| c.name == *field.name());
        match of_wire {
            Some(column) => Ok(column.of.clone()),
            None => Ok(Type::of(field)?.postgres()),
        }
    }

    /// # Errors
    /// `BadData` for a note that this sink did not write.
    pub fn place(&self) -> Result<Place> {
        match self.name.starts_with("_segue_") {
            true => Place::of(&self.schema, &self.name),
            false => Err(not_ours(&self.name)),
        }
    }
}

fn not_ours(what: &str) -> Error {
    Error::new(Kind::BadData, format!("`{what}` is not a place of staged rows"))
}

/// The tables that a note of staged rows names.
///
/// # Errors
/// `BadData` for one that this sink did not write.
pub(super) fn pieces(staged: &[Staged]) -> Result<Vec<Piece>> {
    let mut all = Vec::new();
    for one in staged {
        let named: Vec<Piece> = serde_json::from_value(one.place["tables"].clone())
            .map_err(|e| not_ours(&one.place.to_string()).caused_by(e))?;
        all.extend(named);
    }
    Ok(all)
}

/// The type that a column of a table of ours gets by these rows: that by which all of them lie ready, else the one that this sink makes; `None`
/// where none of them has it.
///
/// # Errors
/// `Unsupported` for a column of no Segue type.
pub(super) fn declared(pieces: &[Piece], field: &Field) -> Result<Option<String>> {
    let mut found: Option<String> = None;
    for piece in pieces {
        let Ok(there) = piece.columns.field_with_name(field.name()) else {
            continue;
        };
        let of = piece.declared(there)?;
        if piece.wire.is_none() || found.as_ref().is_some_and(|found| *found != of) {
            return Ok(Some(Type::of(field)?.postgres()));
        }
        found = Some(of);
    }
    Ok(found)
}

/// What the tables of an asset's staged rows are called, before each one's own name.
fn prefix(asset: AssetId) -> String {
    format!("_segue_{}_", asset.0.simple())
}

/// Rows on their way into new tables.
pub(super) enum Incoming {
    /// Typed, of this schema.
    Rows(SchemaRef, BoxStream<'static, Result<Rows>>),
    /// As they are.
    Wire(Wire, BoxStream<'static, Result<WireRows>>),
}

/// Writes rows into new tables beside the target, and commits them.
pub(super) async fn write(
    sessions: &Sessions,
    beside: &Place,
    asset: AssetId,
    incoming: Incoming,
    ctx: &Ctx,
) -> Result<Staged> {
    if beside.schema != "public" {
        create_schema(sessions, &beside.schema, ctx).await?;
    }
    let (schema, wire) = match &incoming {
        Incoming::Rows(schema, _) => (schema.clone(), None),
        Incoming::Wire(wire, _) => (wire.schema.clone(), Some(columns_of(wire)?)),
    };
    let client = sessions.begin(Begin::ToWrite, ctx).await?;
    let mut writing = Writing {
        client: &client,
        beside,
        asset,
        schema,
        wire,
        pieces: Vec::new(),
        rows: 0,
        bytes: 0,
    };
    let all = async {
        match incoming {
            Incoming::Rows(_, rows) => writing.all(rows).await,
            Incoming::Wire(_, rows) => writing.pass(rows).await,
        }
    };
    match ctx.or_cancelled(all).await {
        Ok(()) => {}
        Err(error) => {
            // With the connection goes the transaction; the server need not go on with either.
            sessions.door.cancel(&client).await;
            return Err(error);
        }
    }
    let staged = Staged {
        rows: writing.rows,
        bytes: writing.bytes,
        place: json!({ "tables": writing.pieces }),
    };
    sessions.commit(client).await?;
    reach(Boundary::SqlStaged);
    Ok(staged)
}

struct Writing<'a> {
    client: &'a Client,
    beside: &'a Place,
    asset: AssetId,
    schema: SchemaRef,
    /// The columns of rows that come as they are.
    wire: Option<Vec<WireColumn>>,
    pieces: Vec<Piece>,
    rows: u64,
    bytes: u64,
}

/// A COPY under way, and what is not sent yet of it.
struct Copying {
    to: Pin<Box<CopyInSink<Bytes>>>,
    out: BytesMut,
    rows: u64,
    deletes: bool,
}

impl Writing<'_> {
    async fn all(&mut self, mut rows: BoxStream<'static, Result<Rows>>) -> Result<()> {
        let mut copying: Option<Copying> = None;
        while let Some(next) = rows.try_next().await? {
            if next.batch.schema_ref().fields() != self.schema.fields() {
                return Err(Error::bug("staged rows are not of the schema that was said"));
            }
            let deletes = next.deletes.is_some();
            // Rows that delete need a place to say so; those before them had none.
            let mut copy = match copying.take() {
                Some(copy) if copy.deletes || !deletes => copy,
                before => {
                    if let Some(before) = before {
                        self.end(before).await?;
                    }
                    self.begin(deletes).await?
                }
            };
            copy.rows += next.batch.num_rows() as u64;
            self.send(&mut copy, &next).await?;
            copying = Some(copy);
        }
        let last = match copying {
            Some(copy) => copy,
            None => self.begin(false).await?,
        };
        self.end(last).await
    }

    /// Sends rows on as they come.
    async fn pass(&mut self, mut rows: BoxStream<'static, Result<WireRows>>) -> Result<()> {
        let mut copy = self.begin(false).await?;
        while let Some(next) = rows.try_next().await? {
            copy.rows += next.rows;
            // What stands before the first row.
            if !copy.out.is_empty() {
                self.flush(&mut copy).await?;
            }
            self.post(&mut copy, next.bytes.into()).await?;
        }
        self.end(copy).await
    }

    async fn begin(&mut self, deletes: bool) -> Result<Copying> {
        let doing = "stage rows";
        let piece = make(
            self.client,
            self.beside,
            self.asset,
            &self.schema,
            self.wire.clone(),
            deletes,
        )
        .await?;
        let names = self.schema.fields().iter().map(|f| quoted(f.name()));
        let names: Vec<String> = names.chain(deletes.then(|| DELETES.to_string())).collect();
        // Frozen: whoever began to read before this was committed sees these rows in the table's place, and not an empty one.
        let sql = format!(
            "copy {} ({}) from stdin (format binary, freeze)",
            piece.place()?.quoted(),
            names.join(", ")
        );
        let to = self.client.copy_in(&sql).await.map_err(failed(doing))?;
        self.pieces.push(piece);
        let mut out = BytesMut::with_capacity(2 * MESSAGE);
        encode::head(&mut out);
        Ok(Copying {
            to: Box::pin(to),
            out,
            rows: 0,
            deletes,
        })
    }

    async fn send(&mut self, copy: &mut Copying, rows: &Rows) -> Result<()> {
        let none = || BooleanArray::from(vec![false; rows.batch.num_rows()]);
        let deletes = copy.deletes.then(|| rows.deletes.clone().unwrap_or_else(none));
        let many = rows.batch.num_rows();
        for at in (0..many).step_by(ROWS) {
            let len = ROWS.min(many - at);
            let deletes = deletes.as_ref().map(|d| d.slice(at, len));
            encode::rows(&rows.batch.slice(at, len), deletes.as_ref(), &mut copy.out)?;
            if copy.out.len() >= MESSAGE {
                self.flush(copy).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, copy: &mut Copying) -> Result<()> {
        let out = copy.out.split().freeze();
        self.post(copy, out).await
    }

    async fn post(&mut self, copy: &mut Copying, bytes: Bytes) -> Result<()> {
        self.bytes += bytes.len() as u64;
        copy.to.send(bytes).await.map_err(failed("stage rows"))
    }

    async fn end(&mut self, mut copy: Copying) -> Result<()> {
        encode::tail(&mut copy.out);
        self.flush(&mut copy).await?;
        let rows = copy.to.as_mut().finish().await.map_err(failed("stage rows"))?;
        if rows != copy.rows {
            return Err(Error::new(
                Kind::Unavailable,
                format!("{} rows were sent, and the server has taken {rows}", copy.rows),
            ));
        }
        self.rows += rows;
        Ok(())
    }
}

/// Makes a table for staged rows of these columns, beside the one that they are for. `wire` are the types of those that come as they are.
pub(super) async fn make(
    client: &Client,
    beside: &Place,
    asset: AssetId,
    columns: &SchemaRef,
    wire: Option<Vec<WireColumn>>,
    deletes: bool,
) -> Result<Piece> {
    let name = format!("{}{:016x}", prefix(asset), Uuid::new_v4().as_u128() as u64);
    let place = Place::of(&beside.schema, &name)?;
    let piece = Piece {
        schema: beside.schema.clone(),
        name,
        deletes,
        columns: columns.clone(),
        wire,
    };
    let types = columns.fields().iter().map(|field| piece.declared(field));
    let declared = declarations(columns, &types.collect::<Result<Vec<_>>>()?, &[])?;
    let marked = if deletes {
        format!(", {DELETES} boolean not null")
    } else {
        String::new()
    };
    let sql = format!(
        "create table {table} ({declared}{marked}); comment on table {table} is {why}",
        table = place.quoted(),
        why = literal("rows that lie ready for a commit of Segue, which removes this table"),
    );
    client.batch_execute(&sql).await.map_err(failed("stage rows"))?;
    Ok(piece)
}

/// Fails when a table of these is gone.
///
/// # Errors
/// `NotFound`.
pub(super) async fn are_there(client: &Client, pieces: &[Piece]) -> Result<()> {
    for piece in pieces {
        let place = piece.place()?.quoted();
        let found = asked(
            client,
            "select pg_catalog.to_regclass($1) is not null",
            &[&place],
            "look for staged rows",
        )
        .await?;
        if !found.first().is_some_and(|row| row.get(0)) {
            return Err(Error::new(Kind::NotFound, format!("the staged rows {place} are gone"))
                .hint("the step computes them again"));
        }
    }
    Ok(())
}

/// The statement that removes these tables; missing ones are no error.
pub(super) fn removal(pieces: &[Piece]) -> Result<String> {
    let each = pieces
        .iter()
        .map(|p| Ok(format!("drop table if exists {};", p.place()?.quoted())));
    each.collect()
}

/// The staged tables of this asset that are not among those named.
pub(super) async fn left_over(client: &Client, asset: AssetId, named: &[Staged]) -> Result<String> {
    let named: Vec<Place> = pieces(named)?.iter().map(Piece::place).collect::<Result<_>>()?;
    let found = asked(
        client,
        "select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r' and pg_catalog.starts_with(c.relname::text, $1)",
        &[&prefix(asset)],
        "look for staged rows",
    )
    .await?;
    let mut sql = String::new();
    for row in found {
        let place = Place::of(row.get(0), row.get(1))?;
        if !named.contains(&place) {
            sql.push_str(&format!("drop table if exists {};", place.quoted()));
        }
    }
    Ok(sql)
}
