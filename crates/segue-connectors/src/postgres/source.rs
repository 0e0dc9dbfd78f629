//! The source: a read is one moment of the database, whoever writes to it meanwhile.

use super::again;
use super::connect::Session;
use super::errors::failed;
use super::position::{Onward, Piece, Wanted as From};
use super::rows::Rows;
use super::session::{Begin, Sessions};
use super::table::{Copy, Relation, Shape, described, offered, shape};
use super::types::Cast;
use super::wire::{self, Passing};
use crate::connector::{read_copy, sent_by};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use segue_core::source::{Again, Discovered, KeptRecord, Offered, Read, ReadRequest, ReadSchema, Source, Wanted};
use segue_core::wire::{Offer, WireRows};
use segue_core::{Ctx, Error, Kind, Result, align};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;

/// How many of the tables that a read has locked are no longer, or not yet, what its moment sees of them. Whoever empties, rewrites or
/// replaces a table leaves an older moment with no row of it, and no error (PostgreSQL's documentation, "Caveats" of its concurrency
/// control). `pg_class` is seen as of the moment, `pg_relation_filenode` as it is now.
pub(super) const REPLACED: &str = "select count(*) from pg_locks l left join pg_class c on c.oid = l.relation
    where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.relation >= 16384
      and l.database = (select oid from pg_database where datname = current_database())
      and (c.oid is null or (c.relkind in ('r', 'm') and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)))";

/// The blocks of a part of a table, at least: 32 MiB of 8 KiB each. A smaller table is read in one.
const BLOCKS: u64 = 4096;

/// How many parts there are for each connection, so that none waits long for another.
const PARTS: u64 = 4;

/// From this version on the server reads a part of a table without looking at the rest.
const RANGES_SINCE: u32 = 14;

/// How often the largest row may have room in the memory of a copy: so often it is there on its way.
const ROWS_IN_MEMORY: u64 = 2;

/// How many tables are asked about at once, over one connection.
const ASKED_AT_ONCE: usize = 16;

/// Batches that wait to be taken.
const WAITING: usize = 4;

/// A database. One read after the other, of whichever step, takes the connections that are there.
pub(super) struct Postgres {
    pub sessions: Sessions,
}

#[async_trait]
impl Source for Postgres {
    fn identity(&self) -> String {
        self.sessions.door.identity.clone()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        let who = "select pg_catalog.current_setting('server_version'), current_user::text";
        let asked = async |client: &Session| {
            let said = client.query_one(who, &[]).await;
            said.map_err(failed("ask the server who it is"))
        };
        let said = self.look(ctx, asked).await?;
        let (version, user): (String, String) = (said.get(0), said.get(1));
        let place = &self.sessions.door.place;
        Ok(format!("PostgreSQL {version} at {place}, as {user}"))
    }

    async fn discover(&self, wanted: &Wanted<'_>, ctx: &Ctx) -> Result<Vec<Discovered>> {
        let asked = async |client: &Session| {
            let chosen = offered(client).await?.into_iter().filter(|(table, _)| wanted(table));
            let looked = futures::stream::iter(chosen).map(|table| described(client, table));
            // Many questions are on their way over one connection.
            looked.buffered(ASKED_AT_ONCE).try_collect::<Vec<_>>().await
        };
        let described = self.look(ctx, asked).await?;
        Ok(described.into_iter().flatten().collect())
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Offered>> {
        let all = self.look(ctx, async |client: &Session| offered(client).await).await?;
        Ok(all.into_iter().map(|(table, _)| table).collect())
    }

    fn wire_form(&self) -> Option<&'static str> {
        Some(wire::FORM)
    }

    async fn wire(&self, copy: &Value, schema: &ReadSchema, key: &[String], ctx: &Ctx) -> Result<Offer> {
        let copy: Copy = read_copy(copy)?;
        let asked = async |client: &Session| {
            let there = Relation::of(client, &copy).await?;
            wire::offer(client, &there, &shape(&there, schema)?, key).await
        };
        self.look(ctx, asked).await
    }

    async fn again(&self, request: ReadRequest, records: Vec<KeptRecord>, _ctx: &Ctx) -> Result<Again> {
        again::again(&request.schema, &records)
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        let (mut copy, from) = (request.copy, request.from);
        // A preview goes on from nowhere.
        let wanted = From::take(&mut copy)?.filter(|_| request.limit.is_none());
        let copy: Copy = read_copy(&copy)?;
        if request.slices.len() > 1 {
            return Err(Error::new(Kind::Unsupported, "a copy from PostgreSQL has no slices")
                .hint("read all rows with one `query:`"));
        }
        let passes = request.wire.is_some();
        let read = Begin::ToRead(None);
        let begin = if wanted.is_some() { Begin::Later } else { read };
        let client = self.sessions.begin_bounded(begin, most_bytes(ctx), ctx).await?;
        let looked = ctx
            .or_cancelled(async {
                let before = match wanted {
                    Some(wanted) => {
                        let before = wanted.before(&client).await?;
                        let begin = read.statements(&client);
                        client.batch_execute(&begin).await.map_err(failed("begin to read"))?;
                        Some(before)
                    }
                    None => None,
                };
                let there = Relation::of(&client, &copy).await?;
                let shape = shape(&there, &request.schema)?;
                if let Some(wire) = request.wire
                    && wire::offer(&client, &there, &shape, &wire.key).await? != Offer::Wire(wire)
                {
                    return Err(Error::new(
                        Kind::Unavailable,
                        format!("{} was changed while the read began", there.name),
                    )
                    .hint("nothing of this read counts; the next one finds what is there then"));
                }
                // A read that goes on from another may hand a row out again.
                let is_unique =
                    !passes && before.is_none() && wire::is_unique(&client, &there, &shape, &request.key).await?;
                let mut onward = match before {
                    Some(before) => {
                        let by = &request.merged_by;
                        before.onward(&client, &there, &request.schema, from, by).await?
                    }
                    None => Onward::default(),
                };
                let is_one = request.limit.is_some() || onward.by_value;
                let pieces = match (is_one, onward.pieces.is_empty()) {
                    (_, false) => {
                        // What is read by then counts before the end at which this is asked of every read.
                        refuse_replaced(&client, &format!("read {}", there.name)).await?;
                        std::mem::take(&mut onward.pieces)
                    }
                    (true, true) => vec![onward.piece(None)],
                    (false, true) => {
                        let parts = parts(&client, &there, copy.streams).into_iter();
                        parts.map(|part| onward.piece(part)).collect()
                    }
                };
                Ok((there, shape, onward, pieces, is_unique))
            })
            .await;
        if matches!(&looked, Err(error) if error.kind() == Kind::Cancelled) {
            // It may wait for a lock: then it goes on waiting, for nobody.
            self.sessions.door.cancel(&client).await;
        }
        let (there, mut shape, onward, pieces, is_unique) = looked?;
        shape.notes.extend(onward.notes.iter().cloned());
        if passes {
            // What is not read is not asked for as something that could be.
            shape.columns.iter_mut().for_each(|c| c.reading.cast = Cast::None);
        }
        let (out, results) = mpsc::channel(WAITING);
        let streams = copy.streams.clamp(1, pieces.len().max(1));
        let statement = |piece: &Piece| there.copy(&shape.columns, piece.condition.as_deref(), request.limit);
        let statements: VecDeque<_> = pieces.iter().map(statement).enumerate().collect();
        let reading = Arc::new(Reading {
            sessions: self.sessions.clone(),
            statements: statements.into(),
            order: Order::of(pieces).into(),
            doing: format!("read {}", there.name),
            from: there.from.clone(),
            is_table: there.is_table,
            stop: ctx.cancel.child_token(),
            all_begun: CancellationToken::new(),
            position: onward.position,
            shape,
            passes,
            is_unique,
            out,
            has_rows: AtomicBool::new(false),
            ctx: ctx.clone(),
        });
        let all = ctx.meter.measure(read_all(reading, client, streams));
        // It is not aborted with the stream: it sees that nobody listens, and tells the server.
        let reading = tokio::spawn(all);
        Ok(sent_by(results, reading))
    }
}

impl Postgres {
    /// Asks. It is in a transaction: what is prepared there stays at one session of the server, also behind a pooler.
    async fn look<T>(&self, ctx: &Ctx, ask: impl AsyncFnOnce(&Session) -> Result<T>) -> Result<T> {
        let begin = Begin::ToRead(None);
        let client = self.sessions.begin_bounded(begin, most_bytes(ctx), ctx).await?;
        let found = ctx.or_cancelled(ask(&client)).await?;
        self.sessions.roll_back(client).await;
        Ok(found)
    }
}

/// How large a row may be, where so much memory is there.
fn most_bytes(ctx: &Ctx) -> Option<usize> {
    Some(usize::try_from(ctx.limits.copy() / ROWS_IN_MEMORY).unwrap_or(usize::MAX))
}

/// The conditions by which a table is read in parts; one without a condition, where it is read as a whole.
fn parts(client: &Session, there: &Relation, streams: usize) -> Vec<Option<String>> {
    let has_ranges = streams > 1 && client.version >= RANGES_SINCE;
    let Some(blocks) = there.blocks.filter(|blocks| has_ranges && *blocks >= 2 * BLOCKS) else {
        return vec![None];
    };
    let many = (blocks / BLOCKS).clamp(2, streams as u64 * PARTS);
    let bound = |at: u64| blocks * at / many;
    (0..many)
        .map(|at| {
            let from = format!("ctid >= '({},0)'", bound(at));
            // The last part has no end: blocks that came since hold rows that this moment does not see.
            Some(match at + 1 == many {
                true => from,
                false => format!("{from} and ctid < '({},0)'", bound(at + 1)),
            })
        })
        .collect()
}

/// One read.
struct Reading {
    sessions: Sessions,
    /// What is to be read, each with its place among them.
    statements: Mutex<VecDeque<(usize, String)>>,
    /// Which of it is read.
    order: tokio::sync::Mutex<Order>,
    doing: String,
    /// What stands behind FROM.
    from: String,
    /// Whether that is a table, and nothing that may do something of its own in the session.
    is_table: bool,
    /// Stops every connection of this read.
    stop: CancellationToken,
    /// No part is left to begin.
    all_begun: CancellationToken,
    /// How far the table is read then, for a read that the next one goes on from.
    position: Option<Value>,
    shape: Shape,
    /// Whether rows are handed out as they are.
    passes: bool,
    /// Whether the server keeps two rows from having one key.
    is_unique: bool,
    out: Sender<Read>,
    /// Whether a row was sent on.
    has_rows: AtomicBool,
    ctx: Ctx,
}

/// How far the pieces of a read are read, one after the other.
struct Order {
    /// Each piece: whether it is read, and the position that counts then.
    pieces: Vec<(bool, Option<Value>)>,
    /// The first that is not.
    next: usize,
}

impl Order {
    fn of(pieces: Vec<Piece>) -> Order {
        Order {
            pieces: pieces.into_iter().map(|piece| (false, piece.reached)).collect(),
            next: 0,
        }
    }

    /// This piece is read. Gives the position that counts now, if it is another one.
    fn is_read(&mut self, at: usize) -> Option<Value> {
        self.pieces[at].0 = true;
        let before = self.next;
        let read = self.pieces[before..].iter().take_while(|(is_read, _)| *is_read).count();
        self.next += read;
        self.pieces[before..self.next].last()?.1.clone()
    }
}

/// Reads all parts, so many at once, and says that it is done.
async fn read_all(reading: Arc<Reading>, first: Session, streams: usize) -> Result<()> {
    for note in &reading.shape.notes {
        send(&reading.out, Read::Note(note.clone())).await?;
    }
    if reading.is_unique {
        send(&reading.out, Read::Unique).await?;
    }
    let mut others = JoinSet::new();
    if streams > 1 {
        let snapshot = first
            .query_one("select pg_catalog.pg_export_snapshot()", &[])
            .await
            .map_err(failed("share this moment with other connections"))?;
        let snapshot: String = snapshot.get(0);
        for _ in 1..streams {
            let (reading, snapshot) = (reading.clone(), snapshot.clone());
            let meter = reading.ctx.meter.clone();
            others.spawn(meter.measure(async move { help(&reading, &snapshot).await }));
        }
    }
    together(&reading, &first, others).await?;
    refuse_replaced(&first, &reading.doing).await?;
    // Before the end is told: the next step may take it at once.
    put_back(&reading, first).await;
    tell_columns(&reading).await?;
    if let Some(position) = &reading.position {
        send(&reading.out, Read::Position(position.clone())).await?;
    }
    send(&reading.out, Read::Done { slice: 0 }).await
}

/// Reads by the first connection, beside the others. It keeps the moment for them until all of them have read.
async fn together(reading: &Reading, first: &Session, mut others: JoinSet<Result<()>>) -> Result<()> {
    let mut own = std::pin::pin!(read_parts(reading, first));
    let (mut own_has_ended, mut result) = (false, Ok(()));
    loop {
        let ended = tokio::select! {
            ended = &mut own, if !own_has_ended => {
                own_has_ended = true;
                reading.all_begun.cancel();
                ended
            }
            Some(ended) = others.join_next() => {
                ended.unwrap_or_else(|e| Err(Error::bug("a part of a read did not finish").caused_by(e)))
            }
            else => break,
        };
        if ended.is_err() && result.is_ok() {
            reading.stop.cancel();
            result = ended;
        }
    }
    result
}

/// A connection that has read all that it was to read is there for the next.
async fn put_back(reading: &Reading, session: Session) {
    if reading.is_table {
        reading.sessions.roll_back(session).await;
    }
}

/// Fails where the moment of the read does not see a table that it has locked as it is.
async fn refuse_replaced(client: &Client, doing: &str) -> Result<()> {
    let said = client.simple_query(REPLACED).await.map_err(failed(doing))?;
    let is_as_seen = |m: &SimpleQueryMessage| matches!(m, SimpleQueryMessage::Row(row) if row.get(0) == Some("0"));
    match said.iter().any(is_as_seen) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Unavailable,
            format!("cannot {doing}: it was emptied or replaced while the read began"),
        )
        .hint("nothing of this read counts; the next one finds what is there then")),
    }
}

/// A table without rows has columns all the same.
async fn tell_columns(reading: &Reading) -> Result<()> {
    if reading.has_rows.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let nothing = match reading.passes {
        true => Read::Wire {
            slice: 0,
            rows: WireRows::default(),
        },
        false => Read::Rows {
            slice: 0,
            batch: RecordBatch::new_empty(reading.shape.schema.clone()),
        },
    };
    send(&reading.out, nothing).await
}

/// Reads parts by another connection, if one can be had that sees the same moment. The first reads all that is left by itself.
async fn help(reading: &Reading, snapshot: &str) -> Result<()> {
    let joined = async {
        let begin = Begin::ToRead(Some(snapshot));
        let (sessions, ctx) = (&reading.sessions, &reading.ctx);
        let client = sessions.begin_bounded(begin, most_bytes(ctx), ctx).await?;
        // Whoever waits to change the table waits for the first connection, and this one would wait for them: it does not.
        let lock = format!(
            "set local lock_timeout = '1s'; select 1 from {} limit 0; set local lock_timeout = 0",
            reading.from
        );
        client.batch_execute(&lock).await.map_err(failed("begin to read"))?;
        Ok(client)
    };
    let joined = tokio::select! {
        joined = reading.ctx.or_cancelled(joined) => joined,
        // A pooler may have no session for it as long as the first connection has one.
        () = reading.all_begun.cancelled() => return Ok(()),
    };
    match joined {
        Ok(client) => {
            read_parts(reading, &client).await?;
            put_back(reading, client).await;
            Ok(())
        }
        Err(error) => {
            tracing::debug!(%error, "a table is read with fewer connections");
            Ok(())
        }
    }
}

/// Reads parts until none is left.
async fn read_parts(reading: &Reading, client: &Session) -> Result<()> {
    loop {
        let Some((at, statement)) = reading.statements.lock().pop_front() else {
            return Ok(());
        };
        let reading_it = async {
            match reading.passes {
                true => pass_part(reading, client, &statement).await?,
                false => read_part(reading, client, &statement).await?,
            }
            has_read(reading, at).await
        };
        // Nobody listens any more, or the step is cancelled: the server is told, so that it does not go on for nobody.
        let stopped = async {
            tokio::select! {
                () = reading.out.closed() => Error::new(Kind::Cancelled, "nobody takes the rows any more"),
                () = reading.stop.cancelled() => Error::new(Kind::Cancelled, "stopped, as asked"),
            }
        };
        let ended = tokio::select! {
            ended = reading_it => ended,
            stopped = stopped => Err(stopped),
        };
        if ended.is_err() {
            reading.sessions.door.cancel(client).await;
        }
        ended.map_err(|error| {
            let columns: Vec<&str> = reading.shape.columns.iter().map(|c| c.place.as_str()).collect();
            let met = client
                .bound
                .as_ref()
                .and_then(|bound| bound.met(&reading.doing, &columns));
            met.unwrap_or(error)
        })?;
    }
}

async fn read_part(reading: &Reading, client: &Client, statement: &str) -> Result<()> {
    let failed = failed(&reading.doing);
    let mut messages = Box::pin(client.copy_out(statement).await.map_err(&failed)?);
    let mut rows = Rows::of(&reading.shape.columns);
    while let Some(message) = messages.next().await {
        rows.take(&message.map_err(&failed)?)?;
        if rows.is_full() {
            hand_on(reading, &mut rows).await?;
        }
    }
    rows.end()?;
    hand_on(reading, &mut rows).await
}

/// A piece is read: where it can be told how far that is, everything up to there counts.
async fn has_read(reading: &Reading, at: usize) -> Result<()> {
    // Held until it is told: positions come in their order.
    let mut order = reading.order.lock().await;
    let Some(position) = order.is_read(at) else {
        return Ok(());
    };
    tell_columns(reading).await?;
    send(&reading.out, Read::Position(position)).await?;
    send(&reading.out, Read::Reached { slice: 0 }).await
}

/// Reads a part and hands its rows on as they are.
async fn pass_part(reading: &Reading, client: &Client, statement: &str) -> Result<()> {
    let failed = failed(&reading.doing);
    let mut messages = Box::pin(client.copy_out(statement).await.map_err(&failed)?);
    let mut passing = Passing::of(reading.shape.columns.len());
    let meter = &reading.ctx.meter;
    let hand_on = async |passing: &mut Passing| {
        let rows = passing.hand_on();
        meter.bytes_in.fetch_add(rows.bytes.len() as u64, Ordering::Relaxed);
        meter.rows_in.fetch_add(rows.rows, Ordering::Relaxed);
        if rows.rows > 0 {
            reading.has_rows.store(true, Ordering::Relaxed);
            send(&reading.out, Read::Wire { slice: 0, rows }).await?;
        }
        Ok(())
    };
    while let Some(message) = messages.next().await {
        passing.take(&message.map_err(&failed)?)?;
        if passing.is_full() {
            hand_on(&mut passing).await?;
        }
    }
    passing.end()?;
    hand_on(&mut passing).await
}

async fn hand_on(reading: &Reading, rows: &mut Rows<'_>) -> Result<()> {
    let meter = &reading.ctx.meter;
    meter.bytes_in.fetch_add(rows.taken_bytes(), Ordering::Relaxed);
    let (batch, aside) = rows.hand_on()?;
    meter
        .rows_in
        .fetch_add((batch.num_rows() + aside.len()) as u64, Ordering::Relaxed);
    if !aside.is_empty() {
        let rejected = Read::Rejected {
            slice: Some(0),
            rows: aside,
        };
        send(&reading.out, rejected).await?;
    }
    if batch.num_rows() > 0 {
        reading.has_rows.store(true, Ordering::Relaxed);
        let batch = align::align(&batch, &reading.shape.schema)?;
        send(&reading.out, Read::Rows { slice: 0, batch }).await?;
    }
    Ok(())
}

async fn send(out: &Sender<Read>, read: Read) -> Result<()> {
    out.send(read)
        .await
        .map_err(|_| Error::new(Kind::Cancelled, "nobody takes the rows any more"))
}
