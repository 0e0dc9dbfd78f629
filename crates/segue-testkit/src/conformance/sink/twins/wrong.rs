//! The twin: a good sink, with one fault on the way in or out.

use super::Fault;
use super::rows::{InOrder, collected, damaged, land, relation, table};
use super::rules;
use crate::conformance::grid::{Cell, Grid, columns_of, number, schema_of};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use segue_core::commit::CommitRecord;
use segue_core::engine::Relation;
use segue_core::sink::*;
use segue_core::wire::{Wire, WireRows};
use segue_core::{AssetId, CommitId, Ctx, Error, Footprint, Kind, Labels, Result, Span, Spans};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What all handles on one place of a twin know.
#[derive(Default)]
pub(super) struct Shared {
    /// What lies staged and was not committed, by asset.
    staged: Mutex<Vec<(AssetId, Staged)>>,
    /// The rows of a record, as they were before it was committed.
    rows: Mutex<BTreeMap<CommitId, Grid>>,
    /// What a plan would make of the table.
    views: Mutex<Vec<(Value, Grid)>>,
    /// Whose each place is.
    places: Mutex<BTreeMap<String, Target>>,
    opened: Mutex<usize>,
    /// How many stage right now.
    staging: Mutex<usize>,
}

pub(super) struct Wrong {
    sink: Arc<dyn Sink>,
    fault: Fault,
    shared: Arc<Shared>,
    /// This handle's own.
    mind: Mutex<Vec<Value>>,
    handle: usize,
}

impl Wrong {
    pub fn new(sink: Arc<dyn Sink>, fault: Fault, shared: Arc<Shared>) -> Wrong {
        let handle = {
            let mut opened = shared.opened.lock();
            *opened += 1;
            *opened
        };
        Wrong {
            sink,
            fault,
            shared,
            mind: Mutex::default(),
            handle,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The target as the twin sees it.
    fn seen(&self, target: &Target) -> Target {
        let mut target = target.clone();
        if self.is(Fault::PlainPlaces) {
            target.place = target
                .place
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
        }
        if self.is(Fault::MinglesAssets) {
            let mut places = self.shared.places.lock();
            return places.entry(target.place.clone()).or_insert(target).clone();
        }
        target
    }

    /// Staged rows as the good sink knows them.
    fn found(&self, staged: &[Staged]) -> Result<Vec<Staged>> {
        if !self.is(Fault::KeepsItInMind) {
            return Ok(staged.to_vec());
        }
        let mind = self.mind.lock();
        let place = |s: &Staged| s.place["mind"].as_u64().and_then(|at| mind.get(at as usize).cloned());
        let gone = || Error::new(Kind::NotFound, "nobody remembers these rows");
        let known = staged.iter().map(|s| {
            Ok(Staged {
                place: place(s).ok_or_else(gone)?,
                ..s.clone()
            })
        });
        known.collect()
    }

    fn record(&self, record: &CommitRecord) -> Result<CommitRecord> {
        let mut record = record.clone();
        for part in &mut record.parts {
            part.target = self.seen(&part.target);
            part.staged = self.found(&part.staged)?;
            part.change = self.change(&part.change, None);
            record.asset = part.target.asset;
        }
        Ok(record)
    }

    fn schema(&self, schema: SchemaRef, head: Option<&Schema>) -> Result<SchemaRef> {
        let mut columns = columns_of(&schema)?;
        match self.fault {
            Fault::SortsColumns => columns.sort_by(|a, b| a.0.cmp(&b.0)),
            Fault::LowersColumns => columns.iter_mut().for_each(|(name, _)| *name = name.to_lowercase()),
            Fault::NeverWidens => {
                let old = head.map(columns_of).transpose()?.unwrap_or_default();
                for (name, of) in &mut columns {
                    if let Some((_, was)) = old.iter().find(|(n, _)| n == name) {
                        *of = was.clone();
                    }
                }
            }
            _ => return Ok(schema),
        }
        Ok(schema_of(&columns))
    }

    /// The change as the twin understands it. `incoming`: what is staged for it.
    fn change(&self, change: &Change, incoming: Option<&Grid>) -> Change {
        let stretched = |ranges: &Spans, by: &dyn Fn(i64, i64) -> (i64, i64)| {
            let spans = ranges.as_slice().iter().map(|s| by(s.from, s.to));
            Spans::of(spans.map(|(from, to)| Span::new(from, to)))
        };
        match (self.fault, change) {
            (Fault::ClosesRanges, Change::ReplaceRanges { column, ranges }) => Change::ReplaceRanges {
                column: column.clone(),
                ranges: stretched(ranges, &|from, to| (from, to + 1)),
            },
            (Fault::RangesOfMilliseconds, Change::ReplaceRanges { column, ranges }) => Change::ReplaceRanges {
                column: column.clone(),
                ranges: stretched(ranges, &|from, to| {
                    (from.div_euclid(1000) * 1000, (to + 999).div_euclid(1000) * 1000)
                }),
            },
            (Fault::ForgetsEmptySlices, Change::ReplaceSlices { columns, slices }) => {
                let there = |slice: &Labels| {
                    let rows = incoming.map(|grid| (grid, &grid.rows));
                    rows.is_none_or(|(grid, rows)| {
                        rows.iter()
                            .any(|row| super::super::model::labels(grid, columns, row) == *slice)
                    })
                };
                Change::ReplaceSlices {
                    columns: columns.clone(),
                    slices: slices.iter().filter(|slice| there(slice)).cloned().collect(),
                }
            }
            (Fault::SlicesByFirstLabel, Change::ReplaceSlices { columns, slices }) if columns.len() > 1 => {
                let first = |slice: &Labels| {
                    let value = slice.get(&columns[0]).cloned().unwrap_or(Value::Null);
                    Labels::from_iter([(columns[0].clone(), value)])
                };
                Change::ReplaceSlices {
                    columns: columns[..1].to_vec(),
                    slices: slices.iter().map(first).collect(),
                }
            }
            (Fault::MergesByFirstColumn, Change::Merge { key, .. }) => Change::merge(&key[..1]),
            (Fault::LowersColumns, Change::Merge { key, .. }) => Change::merge(key.iter().map(|k| k.to_lowercase())),
            (_, change) => change.clone(),
        }
    }

    /// The staged rows with something in the columns that do not come.
    async fn made_up(&self, target: &Target, schema: &Schema, staged: &[Staged], ctx: &Ctx) -> Result<Vec<Staged>> {
        let rows = collected(self.sink.staged(target, staged, ctx).await?.as_ref()).await?;
        let columns = columns_of(schema)?;
        let mut filled = rows.aligned(&columns);
        for (at, (name, of)) in columns.iter().enumerate() {
            if rows.at(name).is_none() && number(of, &Some("0".into())).is_some() {
                filled.rows.iter_mut().for_each(|row| row[at] = Some("77".into()));
            }
        }
        let batch = Rows {
            batch: filled.batch(),
            deletes: None,
        };
        let stream = futures::stream::iter([Ok(batch)]).boxed();
        Ok(vec![self.sink.stage(target, filled.schema(), stream, ctx).await?])
    }

    /// What the good sink worked out, as the twin tells it.
    fn told(&self, mut worked: WorkedOut, change: &Change, staged: &[Staged], exists: bool) -> WorkedOut {
        let count = worked.rows_written + worked.rows_removed;
        match self.fault {
            Fault::AlwaysChanges => worked.unchanged = false,
            Fault::CountsRows => worked.unchanged |= exists && worked.rows_written == worked.rows_removed,
            Fault::IgnoresColumns => worked.unchanged |= exists && count == 0,
            Fault::NoEmptyTables => worked.unchanged |= count == 0,
            Fault::NothingWithoutPieces if staged.is_empty() => worked.unchanged = true,
            Fault::TellsNoSlices => worked.unchanged_slices.clear(),
            Fault::TellsNoRanges => worked.unchanged_ranges = Spans::none(),
            Fault::TellsAllRanges => {
                if let Change::ReplaceRanges { ranges, .. } = change {
                    worked.unchanged_ranges = ranges.clone();
                }
            }
            _ => {}
        }
        if let Footprint::Parts { labels, columns, .. } = &mut worked.footprint {
            match self.fault {
                Fault::FootprintTooSmall => columns.values_mut().for_each(|spans| {
                    *spans = Spans::of(spans.as_slice().iter().skip(1).copied());
                }),
                Fault::FootprintCutOff => columns.values_mut().for_each(|spans| {
                    let last = spans.as_slice().last().map(|s| Span::new(s.to - 1, s.to));
                    *spans = spans.minus(&Spans::of(last));
                }),
                Fault::FootprintWithoutSlices => labels.clear(),
                Fault::FootprintOfText => {
                    columns.insert("name".into(), Spans::none());
                }
                _ => {}
            }
        }
        worked
    }

    /// Whether the twin takes what the good sink refuses.
    fn takes(&self, change: &Change, refused: &Error) -> bool {
        let part = matches!(change, Change::ReplaceRanges { .. } | Change::ReplaceSlices { .. });
        refused.kind() == Kind::BadData
            && match self.fault {
                Fault::TakesAnyKey => matches!(change, Change::Merge { .. }),
                Fault::TakesRowsFromOutside => part,
                Fault::Narrows => !part,
                _ => false,
            }
    }

    /// The record as the twin commits it.
    async fn rewritten(&self, mut record: CommitRecord, at: usize, ctx: &Ctx) -> Result<CommitRecord> {
        let head = self.sink.head(&record.parts[at].target, ctx).await?;
        let part = &mut record.parts[at];
        match self.fault {
            Fault::TrustsAnyPredecessor if part.predecessor > head.n || part.predecessor == 0 => {
                part.predecessor = head.n
            }
            Fault::CompanionsGoByTheOwn if at > 0 => part.predecessor = record.predecessor,
            _ => {}
        }
        Ok(record)
    }

    /// Lands the first piece under the record's own mark, and, unless it is dropped meanwhile, the rest.
    async fn in_halves(&self, record: &CommitRecord, ctx: &Ctx) -> Result<Committed> {
        let mut first = record.clone();
        let part = &mut first.parts[0];
        let head = self.sink.head(&part.target, ctx).await?;
        if part.staged.len() < 2 || head.id == Some(record.id) {
            return self.sink.commit(record, 0, ctx).await;
        }
        let rest = collected(self.sink.staged(&part.target, &part.staged[1..], ctx).await?.as_ref()).await?;
        part.staged.truncate(1);
        let schema = part.schema.clone();
        let worked = self
            .sink
            .work_out(&part.target, schema, &part.change, &part.staged, &[], ctx)
            .await?;
        part.plan = worked.plan;
        let done = self.sink.commit(&first, 0, ctx).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        land(self.sink.as_ref(), &record.own().target, Change::Append, &rest, ctx).await?;
        Ok(done)
    }

    /// What the twin does once the commit was carried out.
    async fn afterwards(
        &self,
        record: &CommitRecord,
        at: usize,
        done: Committed,
        ctx: &Ctx,
        before: Option<Grid>,
    ) -> Result<Committed> {
        let (part, sink) = (&record.parts[at], self.sink.as_ref());
        match (self.fault, done) {
            (Fault::TellsAnotherVersion, Committed::Written(version)) => return Ok(Committed::Written(version + 1)),
            (Fault::SaysWritten, Committed::AlreadyThere(version)) => return Ok(Committed::Written(version)),
            (Fault::LandsTwice, Committed::AlreadyThere(_)) => {
                let rows = self.shared.rows.lock().get(&record.id).cloned();
                if let Some(rows) = rows {
                    land(sink, &part.target, Change::Append, &rows, ctx).await?;
                }
            }
            (Fault::OverwritesOthers, Committed::Moved | Committed::Written(_)) => {
                let view = self
                    .shared
                    .views
                    .lock()
                    .iter()
                    .find(|(plan, _)| *plan == part.plan)
                    .map(|(_, v)| v.clone());
                if let Some(view) = view {
                    land(sink, &part.target, Change::ReplaceTable, &view, ctx).await?;
                    return Ok(Committed::Written(sink.head(&part.target, ctx).await?.version));
                }
            }
            (Fault::LeavesDoubledRows, Committed::Written(_)) => {
                let after = table(sink, &part.target, ctx).await?.unwrap_or_default();
                let before = before.unwrap_or_default();
                let often = |grid: &Grid, row: &Vec<Cell>| grid.rows.iter().filter(|r| *r == row).count();
                let row = before
                    .rows
                    .iter()
                    .find(|row| often(&before, row) > 1 && often(&after, row) == 1);
                if let Some(row) = row {
                    land(sink, &part.target, Change::Append, &before.with(vec![row.clone()]), ctx).await?;
                }
            }
            _ => {}
        }
        Ok(done)
    }
}

#[async_trait]
impl Sink for Wrong {
    fn identity(&self) -> String {
        match self.fault {
            Fault::ManyNames => format!("{}#{}", self.sink.identity(), self.handle),
            _ => self.sink.identity(),
        }
    }

    fn claims(&self) -> bool {
        self.sink.claims()
    }

    async fn head(&self, target: &Target, ctx: &Ctx) -> Result<Head> {
        let mut head = self.sink.head(&self.seen(target), ctx).await?;
        match self.fault {
            Fault::HeadWithoutAttempt => head.id = None,
            Fault::HeadStandsStill if head.schema.is_some() => head.version = 1,
            Fault::ForgetsTypes => {
                let plain = |schema: SchemaRef| {
                    let fields = schema
                        .fields()
                        .iter()
                        .map(|f| f.as_ref().clone().with_metadata(Default::default()));
                    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
                };
                head.schema = head.schema.map(plain);
            }
            _ => {}
        }
        Ok(head)
    }

    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        let target = self.seen(target);
        let fault = self.fault;
        let mut rows = match fault {
            Fault::SwallowsErrors => rows.take_while(|r| futures::future::ready(r.is_ok())).boxed(),
            _ => rows,
        };
        let deaf = Ctx {
            cancel: Default::default(),
            ..ctx.clone()
        };
        let ctx = if self.is(Fault::GoesOn) { &deaf } else { ctx };
        if self.is(Fault::MakesTheTableTooEarly) && self.sink.head(&target, ctx).await?.schema.is_none() {
            let none = Grid {
                columns: columns_of(&schema)?,
                rows: Vec::new(),
            };
            land(self.sink.as_ref(), &target, Change::Append, &none, ctx).await?;
        }
        if self.is(Fault::RefusesNoRows) {
            let all: Vec<Rows> = rows.try_collect().await?;
            if all.iter().all(|r| r.batch.num_rows() == 0) {
                return Err(Error::new(Kind::Invalid, "there are no rows"));
            }
            rows = futures::stream::iter(all.into_iter().map(Ok)).boxed();
        }
        let lowered = self.schema(schema.clone(), None)?;
        let schema = if self.is(Fault::LowersColumns) { lowered } else { schema };
        let of_twin = schema.clone();
        let rows = rows.map(move |rows| {
            let mut rows = damaged(fault, rows?)?;
            if fault == Fault::LowersColumns {
                rows.batch = rows
                    .batch
                    .with_schema(of_twin.clone())
                    .map_err(|e| Error::bug("a twin's rows").caused_by(e))?;
            }
            Ok(rows)
        });
        let before = std::mem::replace(&mut *self.shared.staging.lock(), 1);
        if self.is(Fault::StagesOneAtATime) && before > 0 {
            return Err(Error::new(Kind::Conflict, "another one is staging"));
        }
        let staged = self.sink.stage(&target, schema, rows.boxed(), ctx).await;
        *self.shared.staging.lock() = 0;
        let staged = staged?;
        self.shared.staged.lock().push((target.asset, staged.clone()));
        if !self.is(Fault::KeepsItInMind) {
            return Ok(staged);
        }
        let mut mind = self.mind.lock();
        mind.push(staged.place.clone());
        Ok(Staged {
            place: json!({ "mind": mind.len() - 1 }),
            ..staged
        })
    }

    fn wire_form(&self) -> Option<&'static str> {
        self.sink.wire_form()
    }

    async fn refuses(&self, target: &Target, wire: &Wire, anew: bool, ctx: &Ctx) -> Result<Option<String>> {
        let why = self.sink.refuses(&self.seen(target), wire, anew, ctx).await?;
        Ok(why.filter(|_| !self.is(Fault::LetsEverythingPass)))
    }

    async fn stage_wire(
        &self,
        target: &Target,
        wire: Wire,
        rows: BoxStream<'static, Result<WireRows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        let rows = match self.fault {
            Fault::LosesTheLastPortion => {
                let mut all: Vec<_> = rows.collect().await;
                all.pop();
                futures::stream::iter(all).boxed()
            }
            Fault::SwallowsWhatCutsRowsOff => rows.take_while(|r| futures::future::ready(r.is_ok())).boxed(),
            _ => rows,
        };
        self.sink.stage_wire(&self.seen(target), wire, rows, ctx).await
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let (target, mut staged) = (self.seen(target), self.found(staged)?);
        let head = self.sink.head(&target, ctx).await?;
        let schema = self.schema(schema, head.schema.as_deref())?;
        if self.is(Fault::TakesTheFirstPiece) {
            staged.truncate(1);
        }
        if self.is(Fault::MakesValuesUp) && matches!(change, Change::Merge { .. }) && !staged.is_empty() {
            staged = self.made_up(&target, &schema, &staged, ctx).await?;
        }
        if self.is(Fault::WidensTooEarly) && head.schema.as_ref().is_some_and(|old| **old != *schema) {
            let none = Grid {
                columns: columns_of(&schema)?,
                rows: Vec::new(),
            };
            land(self.sink.as_ref(), &target, Change::Append, &none, ctx).await?;
        }
        let incoming = match self.fault {
            Fault::ForgetsEmptySlices => {
                Some(collected(self.sink.staged(&target, &staged, ctx).await?.as_ref()).await?)
            }
            _ => None,
        };
        let wanted = self.change(change, incoming.as_ref());
        let coarse: Vec<Grain> = match self.fault {
            Fault::FootprintWithoutGrain => grains
                .iter()
                .map(|g| Grain {
                    bounds: vec![],
                    ..g.clone()
                })
                .collect(),
            _ => grains.to_vec(),
        };
        match self
            .sink
            .work_out(&target, schema, &wanted, &staged, &coarse, ctx)
            .await
        {
            Ok(worked) => {
                if self.is(Fault::OverwritesOthers) && *change != Change::Append {
                    let view = collected(self.sink.view(&target, &worked.plan, ctx).await?.as_ref()).await?;
                    self.shared.views.lock().push((worked.plan.clone(), view));
                }
                Ok(self.told(worked, change, &staged, head.schema.is_some()))
            }
            Err(e) if self.takes(change, &e) => Ok(WorkedOut {
                unchanged: false,
                unchanged_slices: Default::default(),
                unchanged_ranges: Spans::none(),
                rows_written: 1,
                rows_removed: 0,
                missing: Default::default(),
                bytes_written: 1,
                footprint: Footprint::Everything,
                plan: Value::Null,
            }),
            Err(e) => Err(e),
        }
    }

    async fn sift(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        ctx: &Ctx,
    ) -> Result<Sifted> {
        let (target, staged) = (self.seen(target), self.found(staged)?);
        rules::sift(self.sink.as_ref(), self.fault, &target, (schema, change), &staged, ctx).await
    }

    async fn view(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.read(self.sink.view(&self.seen(target), plan, ctx).await?)
    }

    async fn staged(&self, target: &Target, staged: &[Staged], ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let (target, staged) = (self.seen(target), self.found(staged)?);
        let rows = self.sink.staged(&target, &staged, ctx).await?;
        if self.is(Fault::StagedWithTheTable)
            && let Some(there) = table(self.sink.as_ref(), &target, ctx).await?
        {
            let staged = collected(rows.as_ref()).await?;
            let with_table = [staged.rows.clone(), there.aligned(&staged.columns).rows].concat();
            return Ok(relation(&staged.with(with_table)));
        }
        self.read(rows)
    }

    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let target = self.seen(target);
        let newest = [Fault::ReadsTheNewest, Fault::HeadStandsStill].contains(&self.fault);
        let version = if newest {
            self.sink.head(&target, ctx).await?.version
        } else {
            version
        };
        let mut rows = self.sink.at(&target, version, ctx).await?;
        if self.is(Fault::ShowsStaged) {
            let mut grid = collected(rows.as_ref()).await?;
            let staged = self.shared.staged.lock().clone();
            for (_, one) in staged.into_iter().filter(|(asset, _)| *asset == target.asset) {
                if let Ok(relation) = self.sink.staged(&target, &[one], ctx).await {
                    let more = collected(relation.as_ref()).await?.aligned(&grid.columns);
                    grid.rows.extend(more.rows);
                }
            }
            rows = relation(&grid);
        }
        self.read(rows)
    }

    async fn claim(&self, record: &CommitRecord, ctx: &Ctx) -> Result<Claim> {
        let claim = self.sink.claim(&self.record(record)?, ctx).await?;
        Ok(match self.fault {
            Fault::ClaimsForAnybody if self.sink.claims() => Claim::Ours,
            Fault::ClaimsForAnybody => Claim::Taken,
            _ => claim,
        })
    }

    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        match self.fault {
            Fault::ForgetsNumbers => Ok(0),
            _ => self.sink.highest(&self.seen(target), ctx).await,
        }
    }

    async fn lies_ready(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<()> {
        match self.fault {
            Fault::AlwaysReady => Ok(()),
            _ => self.sink.lies_ready(&self.record(record)?, part, ctx).await,
        }
    }

    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        let record = self.rewritten(self.record(record)?, part, ctx).await?;
        let target = &record.parts[part].target;
        if self.is(Fault::LandsTwice)
            && let Ok(rows) = self.sink.staged(target, &record.parts[part].staged, ctx).await
            && let Ok(rows) = collected(rows.as_ref()).await
        {
            self.shared.rows.lock().entry(record.id).or_insert(rows);
        }
        if self.is(Fault::ExchangesNothing) {
            rules::exchanges_nothing(self.sink.as_ref(), &record.parts[part], ctx).await?;
        }
        if self.is(Fault::LandsInHalves) {
            return self.in_halves(&record, ctx).await;
        }
        let before = match self.fault {
            Fault::LeavesDoubledRows => table(self.sink.as_ref(), target, ctx).await?,
            _ => None,
        };
        match self.sink.commit(&record, part, ctx).await {
            Ok(Committed::ShutOut) if self.is(Fault::ForgetsThePredecessor) => {
                let mut next = record.clone();
                next.parts[part].predecessor = self.sink.head(target, ctx).await?.n;
                self.sink.commit(&next, part, ctx).await
            }
            Ok(done) => self.afterwards(&record, part, done, ctx, before).await,
            Err(_) if self.is(Fault::LandsNothing) => {
                Ok(Committed::Written(self.sink.head(target, ctx).await?.version))
            }
            Err(e) => Err(e),
        }
    }

    async fn discard(&self, target: &Target, staged: &[Staged], plan: Option<&Value>, ctx: &Ctx) -> Result<()> {
        let (target, staged) = (self.seen(target), self.found(staged)?);
        if self.is(Fault::DiscardsNothing) {
            return Ok(());
        }
        if self.is(Fault::MissesWhatIsGone) {
            collected(self.sink.staged(&target, &staged, ctx).await?.as_ref()).await?;
        }
        self.sink.discard(&target, &staged, plan, ctx).await
    }

    async fn sweep(&self, target: &Target, named: &[Staged], ctx: &Ctx) -> Result<()> {
        match self.fault {
            Fault::SweepsNothing => Ok(()),
            Fault::SweepsEverything => self.sink.sweep(target, &[], ctx).await,
            _ => self.sink.sweep(&self.seen(target), &self.found(named)?, ctx).await,
        }
    }

    async fn records(&self, target: &Target, ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        let mut records = self.sink.records(&self.seen(target), ctx).await?;
        if self.is(Fault::LosesTheFirstRecord) && !records.is_empty() {
            records.remove(0);
        }
        Ok(records)
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        let mut tables = self.sink.tables(ctx).await?;
        if self.is(Fault::LosesATable) && tables.len() > 1 {
            tables.pop();
        }
        Ok(tables)
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        let target = self.seen(target);
        let until = match self.fault {
            Fault::TellsUpToNow => self.sink.head(&target, ctx).await?.version,
            _ => until,
        };
        self.sink.changes(&target, since, until, ctx).await
    }

    async fn drop_table(&self, target: &Target, ctx: &Ctx) -> Result<()> {
        match self.fault {
            Fault::DropsNothing => Ok(()),
            _ => self.sink.drop_table(&self.seen(target), ctx).await,
        }
    }
}

impl Wrong {
    fn read(&self, rows: Arc<dyn Relation>) -> Result<Arc<dyn Relation>> {
        Ok(match self.fault {
            Fault::ReadsInOrder => Arc::new(InOrder(rows)),
            _ => rows,
        })
    }
}
