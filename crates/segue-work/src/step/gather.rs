//! From rows as they come, of many parts at once, to rows that lie ready: small parts share a staged piece, large ones stream into their own.

use super::aside::{Form, Room, SetAside, cut, is_whole, part_key};
use super::distinct::{Distinct, with_keys};
use super::group::{DonePart, Group};
use super::watch::{Watch, Watching};
use crate::nest::Nest;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use segue_core::history::begun;
use segue_core::sink::{Rows, Sink, Staged, Target};
use segue_core::wire::{Wire, WireRows};
use segue_core::{Ctx, Error, Kind, Labels, Result, RunId, Span, align};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A part that holds more than this streams into a staged piece of its own.
const LARGE: usize = 8 << 20;

/// All parts together that are under way hold no more than this: the largest stream when they do.
const ALL: usize = 32 << 20;

/// Complete parts are staged together once they hold this much.
const PIECE: usize = 16 << 20;

/// Which part rows belong to.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    /// The stretch.
    pub range: Option<Span>,
    /// The slice.
    pub labels: Labels,
}

/// Where rows are gathered.
pub struct Gather {
    sink: Arc<dyn Sink>,
    target: Target,
    pages: Option<(Arc<dyn Sink>, Target)>,
    key: Vec<String>,
    meets: KeyMeets,
    run: Option<RunId>,
    ctx: Ctx,
    open: HashMap<usize, Open>,
    open_bytes: usize,
    group: Group,
    ready: Vec<RecordBatch>,
    ready_bytes: usize,
    page_rows: Vec<RecordBatch>,
    page_bytes: usize,
    room: Room,
    /// What is asked of rows as they come.
    watching: Option<Watching>,
    watch: Option<Watch>,
    /// Whether no row that came so far offends.
    is_clear: bool,
}

/// How rows of one key meet, and what the write mode keeps beside them.
#[derive(Clone, Debug, Default)]
pub struct KeyMeets {
    /// Whether a key may have several rows.
    pub several: bool,
    /// The columns that the write mode fills by itself: no row may bring them.
    pub own: Vec<Field>,
    /// For a history that is built anew: since when its rows are so. They get its columns here, because what is swapped in is a table as it is.
    pub begins: Option<Timestamp>,
    /// How nested rows are taken apart: their objects are columns from here on.
    pub nest: Option<Nest>,
}

/// A part under way.
#[derive(Default)]
struct Open {
    whose: Whose,
    rows: Vec<RecordBatch>,
    bytes: usize,
    writer: Option<Writer<Rows>>,
    passing: Option<Writer<WireRows>>,
    pieces: Vec<(Staged, SchemaRef)>,
    distinct: Distinct,
    /// Whether no two rows of it have one key, as its source says.
    is_unique: bool,
    aside: Vec<SetAside>,
}

impl Open {
    /// This part, which is opened if it is not.
    fn of<'a>(all: &'a mut HashMap<usize, Open>, part: usize, whose: &Whose) -> &'a mut Open {
        all.entry(part).or_insert_with(|| Open {
            whose: whose.clone(),
            ..Open::default()
        })
    }
}

/// A stream of rows into a staged piece.
pub(super) struct Writer<T> {
    schema: SchemaRef,
    rows: mpsc::Sender<Result<T>>,
    staged: JoinHandle<Result<Staged>>,
}

impl Gather {
    /// Rows for this table; `pages` is where answers are kept, if they are.
    pub fn new(
        sink: Arc<dyn Sink>,
        target: Target,
        pages: Option<(Arc<dyn Sink>, Target)>,
        key: &[String],
        run: Option<RunId>,
        ctx: &Ctx,
    ) -> Gather {
        Gather {
            sink,
            target,
            pages,
            key: key.to_vec(),
            meets: KeyMeets::default(),
            run,
            ctx: ctx.clone(),
            open: HashMap::new(),
            open_bytes: 0,
            group: Group::default(),
            ready: Vec::new(),
            ready_bytes: 0,
            page_rows: Vec::new(),
            page_bytes: 0,
            room: room(ctx),
            watching: None,
            watch: None,
            is_clear: true,
        }
    }

    /// The same, which asks this of rows as they come.
    pub fn watched(self, watching: Option<Watching>) -> Gather {
        // Rows that are taken apart, or get columns of their own, are others once they are staged.
        let is_plain = self.meets.nest.is_none() && self.meets.begins.is_none();
        Gather {
            watching: watching.filter(|_| is_plain),
            ..self
        }
    }

    /// The same, for rows that meet so.
    pub fn meeting(self, meets: KeyMeets) -> Gather {
        Gather { meets, ..self }
    }

    /// Takes rows of a part in.
    ///
    /// # Errors
    /// `Unsupported` for a column that no Segue type keeps, `BadData` without the key's columns, the sink's own.
    pub async fn rows(&mut self, part: usize, whose: &Whose, batch: RecordBatch) -> Result<()> {
        let schema = align::kept(&batch.schema())?;
        let batch = align::align(&batch, &schema)?;
        let (batch, schema) = match &self.meets.nest {
            Some(nest) => {
                self.group.read(&schema)?;
                let flat = nest.flatten(&batch)?;
                let schema = flat.schema();
                (flat, schema)
            }
            None => (batch, schema),
        };
        self.refuse_own(&schema)?;
        let open = Open::of(&mut self.open, part, whose);
        let batch = if self.key.is_empty() {
            batch
        } else {
            let (fresh, keyless) = match self.meets.several {
                true => with_keys(&batch, &self.key)?,
                // The source says so.
                false if open.is_unique => with_keys(&batch, &self.key)?,
                false => open.distinct.take(&batch, &self.key, &self.ctx.limits)?,
            };
            if let Some(keyless) = keyless {
                let now = self.ctx.clock.now();
                for (row, column) in keyless.columns.iter().enumerate() {
                    let reason = format!("key column `{column}` is empty");
                    let row = row_aside(whose, reason, &keyless.rows, row, now, self.run);
                    self.room.take(&row)?;
                    open.aside.push(row);
                }
            }
            fresh
        };
        let batch = match self.meets.begins {
            Some(at) => begun(
                &batch,
                &with_own(&self.meets, &schema),
                vec![at.as_microsecond(); batch.num_rows()],
            )?,
            None => batch,
        };
        self.look(&batch).await;
        let Some(open) = self.open.get_mut(&part) else {
            return Err(Error::bug("a part is gone while its rows come"));
        };
        let size = size_of_rows(&batch);
        open.bytes += size;
        self.open_bytes += size;
        open.rows.push(batch);
        if open.bytes > LARGE {
            self.stream(part).await?;
        }
        while self.open_bytes > ALL {
            let largest = self.open.iter().max_by_key(|(_, open)| open.bytes);
            let Some((largest, _)) = largest.filter(|(_, open)| open.bytes > 0) else {
                break;
            };
            self.stream(*largest).await?;
        }
        Ok(())
    }

    /// Asks of these rows what is asked of rows as they come.
    async fn look(&mut self, batch: &RecordBatch) {
        let Some(watching) = self.watching.as_ref().filter(|_| self.is_clear) else {
            return;
        };
        if batch.num_rows() == 0 {
            return;
        }
        let schema = batch.schema();
        if let Some(before) = self.watch.take_if(|watch| !watch.is_of(&schema)) {
            self.is_clear &= before.end().await;
        }
        let watch = self
            .watch
            .get_or_insert_with(|| Watch::begin(watching, schema, &self.ctx));
        if !watch.look(batch).await {
            self.is_clear = false;
        }
    }

    /// No two rows of the part that follow have one key, as its source says.
    pub fn unique(&mut self, part: usize, whose: &Whose) {
        Open::of(&mut self.open, part, whose).is_unique = true;
    }

    /// Sends what is held of a part on into a staged piece of its own.
    async fn stream(&mut self, part: usize) -> Result<()> {
        let Some(open) = self.open.get_mut(&part) else {
            return Ok(());
        };
        self.open_bytes -= open.bytes;
        open.stream(&self.sink, &self.target, &self.ctx).await
    }

    /// Takes rows of a part in as they are: they stream into a piece of the part's own.
    ///
    /// # Errors
    /// The sink's own.
    pub async fn pass(&mut self, part: usize, whose: &Whose, wire: &Wire, rows: WireRows) -> Result<()> {
        let open = Open::of(&mut self.open, part, whose);
        let writer = open.passing.get_or_insert_with(|| {
            let (sink, target, ctx, of) = (self.sink.clone(), self.target.clone(), self.ctx.clone(), wire.clone());
            let stage = |rows| async move { sink.stage_wire(&target, of, rows, &ctx).await };
            Writer::open(wire.schema.clone(), stage)
        });
        let pushed = writer.push(rows).await;
        if pushed.is_err() {
            open.passing = None;
        }
        pushed
    }

    /// Takes rows in that were set aside.
    ///
    /// # Errors
    /// `BadData` when they are more than can be held.
    pub fn aside(&mut self, part: usize, whose: &Whose, rows: impl IntoIterator<Item = SetAside>) -> Result<()> {
        let open = Open::of(&mut self.open, part, whose);
        for row in rows {
            self.room.take(&row)?;
            open.aside.push(row);
        }
        Ok(())
    }

    /// Takes rows in that were set aside and belong to no part that could be told.
    ///
    /// # Errors
    /// As [`Gather::aside`].
    pub fn stray(&mut self, rows: impl IntoIterator<Item = SetAside>) -> Result<()> {
        for row in rows {
            self.room.take(&row)?;
            self.group.aside.push(row);
        }
        Ok(())
    }

    /// Takes an answer in that is kept.
    ///
    /// # Errors
    /// The sink's own.
    pub async fn page(&mut self, batch: RecordBatch) -> Result<()> {
        self.page_bytes += batch.get_array_memory_size();
        self.page_rows.push(batch);
        if self.page_bytes > LARGE {
            self.stage_pages().await
        } else {
            Ok(())
        }
    }

    /// The part is complete: what came of it counts.
    ///
    /// # Errors
    /// The sink's own.
    pub async fn done(&mut self, part: usize, done: DonePart) -> Result<()> {
        if let Some(mut open) = self.open.remove(&part) {
            self.open_bytes -= open.bytes;
            if open.writer.is_some() {
                // A part that streams is one piece: a database that is to replace a table by it writes its rows no second time.
                open.stream(&self.sink, &self.target, &self.ctx).await?;
            }
            if let Some(writer) = open.writer.take() {
                open.pieces.push(writer.close().await?);
            }
            if let Some(writer) = open.passing.take() {
                open.pieces.push(writer.close().await?);
            }
            if open.distinct.end(&self.ctx.limits)? {
                self.set_conflicts_aside(&mut open).await?;
            }
            self.group.doubled += open.distinct.doubled;
            self.group.aside.append(&mut open.aside);
            for (staged, schema) in open.pieces {
                self.group.add_staged(staged, &schema)?;
            }
            for batch in open.rows {
                self.group.widen(&batch.schema())?;
                self.ready_bytes += size_of_rows(&batch);
                self.ready.push(batch);
            }
        }
        self.group.parts.push(done);
        if self.ready_bytes > PIECE {
            self.stage_ready().await
        } else {
            Ok(())
        }
    }

    /// The part does not count: what came of it is forgotten.
    pub async fn forget(&mut self, part: usize) {
        let Some(mut open) = self.open.remove(&part) else {
            return;
        };
        self.open_bytes -= open.bytes;
        let mut pieces: Vec<Staged> = open.pieces.drain(..).map(|(s, _)| s).collect();
        let mut closed = Vec::new();
        if let Some(writer) = open.writer.take() {
            closed.push(writer.close().await);
        }
        if let Some(writer) = open.passing.take() {
            closed.push(writer.close().await);
        }
        for closed in closed {
            match closed {
                Ok((staged, _)) => pieces.push(staged),
                Err(error) => tracing::debug!(%error, "rows of a part that does not count were not staged"),
            }
        }
        if let Err(error) = self.sink.discard(&self.target, &pieces, None, &self.ctx).await {
            tracing::warn!(table = %self.target.name, %error, "staged rows that no commit will name were left behind");
        }
    }

    /// Forgets every part that is under way.
    pub async fn forget_all(&mut self) {
        let parts: Vec<usize> = self.open.keys().copied().collect();
        for part in parts {
            self.forget(part).await;
        }
    }

    /// How large what is complete is, in bytes.
    pub fn complete_bytes(&self) -> u64 {
        self.group.bytes + self.ready_bytes as u64
    }

    /// Whether nothing is complete.
    pub fn is_empty(&self) -> bool {
        self.group.is_empty()
    }

    /// Makes the table's columns known where no row tells them.
    ///
    /// # Errors
    /// As [`Group::widen`].
    pub fn columns(&mut self, schema: &SchemaRef) -> Result<()> {
        let schema = match &self.meets.nest {
            Some(nest) => {
                self.group.read(schema)?;
                &nest.flat_schema(schema)?
            }
            None => schema,
        };
        self.refuse_own(schema)?;
        match self.meets.begins {
            Some(_) => self.group.widen(&with_own(&self.meets, schema)),
            None => self.group.widen(schema),
        }
    }

    /// Fails for rows with a column that the write mode fills by itself.
    fn refuse_own(&self, schema: &Schema) -> Result<()> {
        match self.meets.own.iter().find(|f| schema.field_with_name(f.name()).is_ok()) {
            None => Ok(()),
            Some(own) => Err(Error::new(
                Kind::BadData,
                format!(
                    "the rows for {} have a column `{}`, which its write mode fills by itself",
                    self.target.name,
                    own.name()
                ),
            )
            .hint("give the column another name under `columns:` or in the SQL")),
        }
    }

    /// What is complete, all of it lying ready.
    ///
    /// # Errors
    /// The sink's own.
    pub async fn take(&mut self) -> Result<Group> {
        self.stage_ready().await?;
        self.stage_pages().await?;
        if let Some(watch) = self.watch.take() {
            self.is_clear &= watch.end().await;
        }
        self.group.is_clear = self.is_clear && self.watching.is_some();
        self.room = room(&self.ctx);
        for row in self.open.values().flat_map(|open| &open.aside) {
            self.room.take(row)?;
        }
        Ok(std::mem::take(&mut self.group))
    }

    async fn stage_ready(&mut self) -> Result<()> {
        if self.ready.is_empty() {
            return Ok(());
        }
        let schema = self
            .group
            .schema
            .clone()
            .ok_or_else(|| Error::bug("rows without a schema"))?;
        let batches = std::mem::take(&mut self.ready);
        self.ready_bytes = 0;
        if batches.iter().all(|b| b.num_rows() == 0) {
            return Ok(());
        }
        let rows: Vec<Result<Rows>> = joined(batches)?
            .iter()
            .map(|b| Ok(plain(align::align(b, &schema)?)))
            .collect();
        let staged = self
            .sink
            .stage(
                &self.target,
                schema.clone(),
                futures::stream::iter(rows).boxed(),
                &self.ctx,
            )
            .await?;
        self.group.add_staged(staged, &schema)
    }

    async fn stage_pages(&mut self) -> Result<()> {
        let batches = std::mem::take(&mut self.page_rows);
        self.page_bytes = 0;
        let (Some((sink, target)), Some(first)) = (&self.pages, batches.first()) else {
            return Ok(());
        };
        let schema = first.schema();
        let rows = batches.into_iter().map(|batch| Ok(plain(batch)));
        let staged = sink
            .stage(
                target,
                schema,
                futures::stream::iter(rows.collect::<Vec<_>>()).boxed(),
                &self.ctx,
            )
            .await?;
        self.group.pages.push(staged);
        Ok(())
    }

    /// Takes all rows out whose key has unequal rows, also from what is staged already.
    async fn set_conflicts_aside(&mut self, open: &mut Open) -> Result<()> {
        let now = self.ctx.clock.now();
        let mut kept = Vec::new();
        let pieces: Vec<(Staged, SchemaRef)> = open.pieces.drain(..).collect();
        for (staged, schema) in pieces {
            let relation = self
                .sink
                .staged(&self.target, std::slice::from_ref(&staged), &self.ctx)
                .await?;
            let mut batches = relation.scan(None).await?;
            let mut writer = Writer::of_rows(&self.sink, &self.target, schema, &self.ctx);
            while let Some(batch) = batches.try_next().await? {
                let (good, bad) = open.distinct.split(&batch, &self.key)?;
                self.push_conflicts(&open.whose, &bad, now, &mut open.aside)?;
                writer.push(plain(good)).await?;
            }
            kept.push(writer.close().await?);
            self.sink.discard(&self.target, &[staged], None, &self.ctx).await?;
        }
        open.pieces = kept;
        for batch in &mut open.rows {
            let (good, bad) = open.distinct.split(batch, &self.key)?;
            self.push_conflicts(&open.whose, &bad, now, &mut open.aside)?;
            *batch = good;
        }
        Ok(())
    }

    fn push_conflicts(
        &mut self,
        whose: &Whose,
        bad: &RecordBatch,
        now: Timestamp,
        aside: &mut Vec<SetAside>,
    ) -> Result<()> {
        for row in 0..bad.num_rows() {
            let reason = format!(
                "another row of the same read has the same key ({}) and other values",
                self.key.join(", ")
            );
            let row = row_aside(whose, reason, bad, row, now, self.run);
            self.room.take(&row)?;
            aside.push(row);
        }
        Ok(())
    }
}

/// These columns, and behind them those that the write mode keeps.
fn with_own(meets: &KeyMeets, schema: &Schema) -> SchemaRef {
    let own = meets.own.iter().cloned().map(Arc::new);
    Arc::new(Schema::new(
        schema.fields().iter().cloned().chain(own).collect::<Vec<_>>(),
    ))
}

/// Rows of which none deletes.
fn plain(batch: RecordBatch) -> Rows {
    Rows { batch, deletes: None }
}

/// How large a batch's own rows are: it may be a slice of one that many share, which is in memory once.
fn size_of_rows(batch: &RecordBatch) -> usize {
    let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().ok();
    let sizes = batch.columns().iter();
    sizes
        .map(|c| size(c).unwrap_or_else(|| c.get_array_memory_size()))
        .sum()
}

/// Room for the rows that one commit sets aside.
pub fn room(ctx: &Ctx) -> Room {
    Room::of(ctx.limits.copy() / 4)
}

/// The batches of many small parts as few: what each costs on its way to the sink is not paid a slice.
fn joined(batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
    let mut joined = Vec::new();
    for same in batches.chunk_by(|a, b| a.schema_ref() == b.schema_ref()) {
        let schema = same[0].schema();
        let all = concat_batches(&schema, same)
            .map_err(|e| Error::bug("rows of one schema cannot be joined").caused_by(e))?;
        joined.push(all);
    }
    Ok(joined)
}

/// A row that is set aside, as JSON.
pub fn row_aside(
    whose: &Whose,
    reason: String,
    batch: &RecordBatch,
    row: usize,
    at: Timestamp,
    run: Option<RunId>,
) -> SetAside {
    let text = serde_json::Value::Object(crate::json::row(batch, row)).to_string();
    let is_told = is_whole(&text) && crate::json::is_told(batch, row);
    SetAside {
        part: part_key(&whose.labels, whose.range),
        labels: whose.labels.clone(),
        range: whose.range,
        reason,
        path: None,
        check: None,
        row: cut(text),
        at,
        run,
        id: None,
        form: is_told.then_some(Form::Row),
        beside: None,
        after: None,
    }
}

impl Open {
    /// Sends what is held on into a staged piece of this part's own.
    async fn stream(&mut self, sink: &Arc<dyn Sink>, target: &Target, ctx: &Ctx) -> Result<()> {
        self.bytes = 0;
        for batch in std::mem::take(&mut self.rows) {
            let schema = batch.schema();
            if self.writer.as_ref().is_some_and(|w| w.schema != schema)
                && let Some(before) = self.writer.take()
            {
                self.pieces.push(before.close().await?);
            }
            let writer = self
                .writer
                .get_or_insert_with(|| Writer::of_rows(sink, target, schema, ctx));
            if let Err(error) = writer.push(plain(batch)).await {
                self.writer = None;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Writer<Rows> {
    pub(super) fn of_rows(sink: &Arc<dyn Sink>, target: &Target, schema: SchemaRef, ctx: &Ctx) -> Writer<Rows> {
        let (sink, target, ctx, of) = (sink.clone(), target.clone(), ctx.clone(), schema.clone());
        Writer::open(schema, |rows| async move { sink.stage(&target, of, rows, &ctx).await })
    }
}

impl<T: Send + 'static> Writer<T> {
    fn open<F>(schema: SchemaRef, stage: impl FnOnce(BoxStream<'static, Result<T>>) -> F) -> Writer<T>
    where
        F: Future<Output = Result<Staged>> + Send + 'static,
    {
        let (rows, coming) = mpsc::channel(2);
        let coming = futures::stream::unfold(coming, |mut c| async move { c.recv().await.map(|r| (r, c)) }).boxed();
        let staged = segue_core::meter::spawn(stage(coming));
        Writer { schema, rows, staged }
    }

    pub(super) async fn push(&mut self, rows: T) -> Result<()> {
        if self.rows.send(Ok(rows)).await.is_ok() {
            return Ok(());
        }
        // The sink stopped taking rows: its own error says why.
        match (&mut self.staged).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) => Err(Error::bug("a sink stopped taking rows before their end")),
            Err(e) => Err(Error::bug("a task that stages rows did not finish").caused_by(e)),
        }
    }

    pub(super) async fn close(self) -> Result<(Staged, SchemaRef)> {
        drop(self.rows);
        let staged = self
            .staged
            .await
            .map_err(|e| Error::bug("a task that stages rows did not finish").caused_by(e))??;
        Ok((staged, self.schema))
    }
}

#[cfg(test)]
mod tests;
