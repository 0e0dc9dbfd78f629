//! What each case stands on: a place, a handle on its sink, and the whole way of a change in one call.

use super::model::{self, Piece, Step, Told};
use super::{Ability, Harness, Place};
use crate::conformance::grid::{Grid, columns_of, schema_of};
use crate::conformance::{Broken, Held, hold, same};
use arrow_array::BooleanArray;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use segue_core::commit::{CommitRecord, LedgerChange, Part, Role};
use segue_core::engine::Relation;
use segue_core::sink::{Change, Committed, Grain, Head, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::{AssetId, CommitId, Ctx, Footprint, Result, SystemClock, TableId, Type};
use std::sync::Arc;

pub(crate) struct Bed<'a> {
    pub harness: &'a dyn Harness,
    pub place: Box<dyn Place>,
    pub sink: Arc<dyn Sink>,
    pub ctx: Ctx,
    /// What readers range over, for every change.
    pub grains: Vec<Grain>,
    n: u64,
}

/// A change that is worked out, with all that commits it.
pub(crate) struct Prepared {
    pub record: CommitRecord,
    pub worked: WorkedOut,
    /// What it should come to.
    pub told: Told,
}

impl<'a> Bed<'a> {
    pub async fn new(harness: &'a dyn Harness) -> Held<Bed<'a>> {
        let place = harness.place().await?;
        let grain = |column: &str| Grain {
            column: column.into(),
            bounds: Vec::new(),
        };
        Ok(Bed {
            harness,
            sink: place.open().await?,
            place,
            ctx: Ctx::new("test", Arc::new(SystemClock::default())),
            grains: vec![grain("day"), grain("name")],
            n: 0,
        })
    }

    pub fn has(&self, ability: Ability) -> bool {
        !self.harness.lacks().contains(&ability)
    }

    /// From now on as another process would see it.
    pub async fn reopen(&mut self) -> Held {
        self.sink = self.place.open().await?;
        Ok(())
    }

    /// A table of an asset of its own.
    pub fn target(&self, name: &str) -> Target {
        Target {
            asset: AssetId::random(),
            table: TableId::random(),
            name: "raw.things".parse().expect("an asset's name"),
            place: self.place.named(name),
            connection: self.place.connection(),
        }
    }

    pub async fn head(&self, target: &Target) -> Held<Head> {
        Ok(self.sink.head(target, &self.ctx).await?)
    }

    /// A number that nobody had.
    pub async fn next_number(&mut self, target: &Target) -> Held<u64> {
        self.n = self.n.max(self.sink.highest(target, &self.ctx).await?) + 1;
        Ok(self.n)
    }

    pub async fn stage(&self, target: &Target, piece: &Piece) -> Result<Staged> {
        // Two batches of one piece, so that there is a seam.
        let batch = piece.rows.batch();
        let middle = batch.num_rows() / 2;
        let deletes = BooleanArray::from(piece.deletes.clone());
        let rows = [(0, middle), (middle, batch.num_rows() - middle)].map(|(from, length)| {
            Ok(Rows {
                batch: batch.slice(from, length),
                deletes: (!deletes.is_empty()).then(|| deletes.slice(from, length)),
            })
        });
        let schema = piece.rows.schema();
        self.sink
            .stage(target, schema, stream::iter(rows).boxed(), &self.ctx)
            .await
    }

    /// The columns that the table has after a change, as a step asks for them: its own, widened, and then new ones.
    pub async fn columns_after(&self, target: &Target, step: &Step) -> Held<Vec<(String, Type)>> {
        let head = self.head(target).await?;
        let mut schema = match head.schema {
            Some(schema) if step.change != Change::ReplaceTable => Some(schema),
            _ => None,
        };
        for piece in &step.pieces {
            let of_piece = piece.rows.schema();
            schema = Some(match schema {
                Some(schema) => segue_core::align::common(&schema, &of_piece)?,
                None => of_piece,
            });
        }
        let schema = schema.ok_or_else(|| Broken("a step without any columns".into()))?;
        Ok(columns_of(&schema)?)
    }

    pub async fn work_out(&self, target: &Target, step: &Step, staged: &[Staged]) -> Held<Result<WorkedOut>> {
        let schema = schema_of(&self.columns_after(target, step).await?);
        let worked = self
            .sink
            .work_out(target, schema, &step.change, staged, &self.grains, &self.ctx);
        Ok(worked.await)
    }

    /// What the step should do to the table that is there.
    pub async fn told(&self, target: &Target, step: &Step) -> Held<std::result::Result<Told, model::Refusal>> {
        let before = self.rows(target).await?;
        let columns = self.columns_after(target, step).await?;
        let leaves = self.has(Ability::MergeLeavesOthers);
        Ok(model::apply(before.as_ref(), &columns, step, leaves))
    }

    /// Stages the step's rows and works it out, on top of the newest commit.
    pub async fn prepare(&mut self, target: &Target, step: &Step) -> Held<Prepared> {
        let mut staged = Vec::new();
        for piece in &step.pieces {
            staged.push(self.stage(target, piece).await?);
        }
        let told = self.told(target, step).await?;
        let told = told.map_err(|refusal| Broken(format!("a case asks for what is refused: {refusal:?}")))?;
        let worked = self.work_out(target, step, &staged).await??;
        let predecessor = self.head(target).await?.n;
        let columns = self.columns_after(target, step).await?;
        let part = Part {
            role: Role::Table,
            target: target.clone(),
            predecessor,
            change: step.change.clone(),
            schema: schema_of(&columns),
            staged,
            grains: self.grains.clone(),
            plan: worked.plan.clone(),
        };
        let n = self.next_number(target).await?;
        Ok(Prepared {
            record: record(n, part, worked.footprint.clone()),
            worked,
            told,
        })
    }

    /// Claims the number and commits the own table.
    pub async fn commit(&self, record: &CommitRecord) -> Result<Committed> {
        commit(self.sink.as_ref(), record, &self.ctx).await
    }

    /// The whole way of a change, each answer and the rows compared with what they should be.
    pub async fn land(&mut self, target: &Target, step: &Step) -> Held<CommitRecord> {
        let prepared = self.prepare(target, step).await?;
        check_worked_out(step, &prepared, &self.grains)?;
        let view = self.sink.view(target, &prepared.record.own().plan, &self.ctx).await?;
        let shown = read(view.as_ref()).await?.sorted();
        same!(
            "what the change would make of the table",
            shown,
            prepared.told.after.clone().sorted()
        );
        let done = self.commit(&prepared.record).await?;
        let version = self.head(target).await?.version;
        same!("what a commit answered", done, Committed::Written(version));
        self.see(target, &prepared.told.after).await?;
        Ok(prepared.record)
    }

    /// The rows, as the sink reads them; `None` where there is no table.
    pub async fn rows(&self, target: &Target) -> Held<Option<Grid>> {
        let head = self.head(target).await?;
        if head.schema.is_none() {
            return Ok(None);
        }
        let table = self.sink.at(target, head.version, &self.ctx).await?;
        Ok(Some(read(table.as_ref()).await?))
    }

    /// Whether the table holds these rows, for the sink, for another process, and past both.
    pub async fn see(&self, target: &Target, expected: &Grid) -> Held {
        let expected = expected.clone().sorted();
        let Some(found) = self.rows(target).await? else {
            return Err(Broken("there is no table".into()));
        };
        same!("the table", found.sorted(), expected);
        let other = self.place.open().await?;
        let head = other.head(target, &self.ctx).await?;
        let found = read(other.at(target, head.version, &self.ctx).await?.as_ref()).await?;
        same!("the table for another process", found.sorted(), expected);
        if let (true, Some(at)) = (self.has(Ability::SeenOtherwise), expected.at("id")) {
            let mut ids = self.place.ids(target).await?.unwrap_or_default();
            ids.sort_unstable();
            let mut wanted: Vec<i64> = expected
                .rows
                .iter()
                .filter_map(|r| r[at].as_deref()?.parse().ok())
                .collect();
            wanted.sort_unstable();
            same!("the table's ids, seen past the sink", ids, wanted);
        }
        Ok(())
    }
}

/// A record of one own table.
pub(crate) fn record(n: u64, part: Part, footprint: Footprint) -> CommitRecord {
    CommitRecord {
        format: CommitRecord::FORMAT,
        n,
        id: CommitId::random(),
        predecessor: part.predecessor,
        asset: part.target.asset,
        name: part.target.name.clone(),
        table: part.target.table,
        read_at: Timestamp::UNIX_EPOCH,
        run: None,
        position: None,
        inputs: Vec::new(),
        ledger: LedgerChange::default(),
        footprint,
        whole_ledger: None,
        columns: None,
        handled: None,
        parts: vec![part],
    }
}

pub(crate) async fn commit(sink: &dyn Sink, record: &CommitRecord, ctx: &Ctx) -> Result<Committed> {
    sink.claim(record, ctx).await?;
    sink.commit(record, 0, ctx).await
}

/// All rows.
pub(crate) async fn read(relation: &dyn Relation) -> Held<Grid> {
    let batches: Vec<_> = relation.scan(None).await?.try_collect().await?;
    Ok(Grid::read(&relation.schema(), &batches)?)
}

/// Whether what was worked out is what the change comes to.
pub(crate) fn check_worked_out(step: &Step, prepared: &Prepared, grains: &[Grain]) -> Held {
    let (worked, told) = (&prepared.worked, &prepared.told);
    let reshaped = step.change == Change::ReplaceTable && !told.same_columns;
    // Whether columns in another order are a change is the sink's to say.
    if !told.reordered {
        same!("whether it is unchanged", worked.unchanged, told.unchanged());
    }
    if !reshaped {
        same!("rows written", worked.rows_written, told.came.len() as u64);
        same!("rows removed", worked.rows_removed, told.went.len() as u64);
    }
    same!("slices told as unchanged", worked.unchanged_slices, told.same_slices);
    same!("ranges told as unchanged", worked.unchanged_ranges, told.same_ranges);
    let Footprint::Parts { labels, columns, rows } = &worked.footprint else {
        hold!(reshaped, "the footprint is everything");
        return Ok(());
    };
    if reshaped {
        return Ok(());
    }
    same!(
        "rows of the footprint",
        *rows,
        (told.came.len() + told.went.len()) as u64
    );
    if *rows == 0 {
        return Ok(());
    }
    same!("slices of the footprint", *labels, told.changed_slices);
    for grain in grains {
        let (found, expected) = (columns.get(&grain.column), told.spans(grain));
        same!(format!("the footprint in `{}`", grain.column), found, expected.as_ref());
    }
    Ok(())
}
