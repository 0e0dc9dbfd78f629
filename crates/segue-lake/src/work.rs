//! Working a change out: which files come and go, which rows that changes, and what readers have to know of it.
//!
//! Each shape of change stands in a file: [`append`], [`replace`] (the table, slices or ranges), [`merge`] with [`missing`] (what did not
//! come), [`delete_insert`] and [`history`]. The last three share [`keyed`]. All share how rows are compared ([`rows`]), how they are grouped ([`groups`]) and how footprints are counted ([`values`]).

mod append;
mod delete_insert;
mod groups;
mod history;
mod keyed;
mod merge;
mod missing;
mod reach;
mod replace;
mod rows;
mod values;

use crate::file::DataFile;
use crate::lake::Lake;
use crate::plan::Plan;
use crate::schema::{columns, evolve, is_part_of, to_delta};
use crate::staged::Place;
use crate::table::Table;
use crate::write::Writer;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use datafusion::arrow::compute::filter_record_batch;
use futures::TryStreamExt;
use object_store::ObjectStore;
use segue_core::hash::sha256;
use segue_core::history::refuse_own;
use segue_core::sink::{Change, Grain, Missing, MissingRows, Staged, Target, WorkedOut};
use segue_core::{Batches, Ctx, Error, Footprint, Labels, Result, Spans, align};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use values::Values;

/// What every change is worked out from.
pub(crate) struct Work<'a> {
    lake: &'a Lake,
    target: &'a Target,
    ctx: &'a Ctx,
    grains: &'a [Grain],
    store: Arc<dyn ObjectStore>,
    exists: bool,
    version: Option<u64>,
    schema_digest: String,
    /// The table's files.
    files: Vec<DataFile>,
    /// The table's schema afterwards.
    after: SchemaRef,
    /// What staged rows must be: the same columns, empty only where the asset says that they may be.
    strict: SchemaRef,
    /// Whether the schema changes.
    reshapes: bool,
    /// Whether a column's type widens: files that stay are written anew.
    widened: bool,
    places: Vec<Place>,
}

/// What a change came to.
#[derive(Default)]
struct Outcome {
    adds: Vec<DataFile>,
    removes: Vec<DataFile>,
    /// Of the adds: written while working it out.
    wrote: Vec<String>,
    rows_written: u64,
    rows_removed: u64,
    missing: MissingRows,
    unchanged_slices: BTreeSet<Labels>,
    unchanged_ranges: Spans,
    labels: BTreeSet<Labels>,
    values: BTreeMap<String, Spans>,
}

/// Works a change out on the newest version of the target.
pub(crate) async fn work_out(
    lake: &Lake,
    target: &Target,
    schema: SchemaRef,
    change: &Change,
    staged: &[Staged],
    grains: &[Grain],
    ctx: &Ctx,
) -> Result<WorkedOut> {
    let table = lake.load_target(target).await?;
    let work = Work::new(lake, target, table, &schema, change, staged, grains, ctx)?;
    let outcome = match change {
        Change::Append => append::work_out(&work).await?,
        Change::Merge {
            key,
            missing: Missing::Keep | Missing::Unknown,
        } => {
            for place in &work.places {
                refuse_own(change, &place.schema(), &target.name)?;
            }
            merge::work_out(&work, key).await?
        }
        Change::Merge { missing, .. } => missing::work_out(&work, change, missing).await?,
        Change::DeleteInsert { .. } => delete_insert::work_out(&work, change).await?,
        Change::History { at, .. } => history::work_out(&work, change, *at).await?,
        Change::ReplaceTable | Change::ReplaceRanges { .. } | Change::ReplaceSlices { .. } => {
            replace::work_out(&work, change).await?
        }
    };
    work.finish(outcome)
}

impl<'a> Work<'a> {
    #[allow(clippy::too_many_arguments, reason = "they are the call's own, and the table")]
    fn new(
        lake: &'a Lake,
        target: &'a Target,
        table: Option<Arc<Table>>,
        wanted: &Schema,
        change: &Change,
        staged: &[Staged],
        grains: &'a [Grain],
        ctx: &'a Ctx,
    ) -> Result<Work<'a>> {
        let name = target.name.to_string();
        let wanted = align::kept(wanted)?;
        let (mut after, mut widened, mut reshapes) = (wanted.clone(), false, false);
        let (mut files, mut version, mut text) = (Vec::new(), None, String::new());
        if let Some(table) = &table {
            files = table.files(&name)?;
            version = Some(table.version());
            text = table.schema_text();
            if !matches!(change, Change::ReplaceTable) {
                (after, widened) = evolve(table.schema()?.as_ref(), &wanted, &name)?;
            }
            reshapes = serde_json::to_string(&to_delta(&after)?).ok() != Some(text.clone());
        }
        let strict = after.fields().iter().map(|f| {
            let nullable = wanted.field_with_name(f.name()).is_ok_and(|w| w.is_nullable());
            f.as_ref().clone().with_nullable(nullable)
        });
        let mut places: Vec<Place> = staged.iter().map(Place::of).collect::<Result<_>>()?;
        stay(&mut files, &mut places);
        let mut columns = places.iter().flat_map(|p| &p.columns);
        if let Some(lost) = columns.find(|c| after.field_with_name(&c.name).is_err()) {
            return Err(Error::bug(format!(
                "column `{}` was staged for {name}, whose schema lacks it",
                lost.name
            )));
        }
        Ok(Work {
            lake,
            target,
            ctx,
            grains,
            store: lake.store_of(&target.place),
            exists: table.is_some(),
            version,
            schema_digest: sha256(text),
            files,
            strict: Arc::new(Schema::new(strict.collect::<Vec<_>>())),
            after,
            reshapes,
            widened,
            places,
        })
    }

    /// The staged files of rows that come; with each, whether the table can take it as it is.
    fn comes(&self) -> Vec<(DataFile, bool)> {
        let mut files = Vec::new();
        for place in &self.places {
            let schema = place.schema();
            for file in &place.files {
                let stats = file.stats();
                // A column that may be empty, and is not in this file, is as good as one that may not.
                let full = schema.fields().iter().map(|f| {
                    let nullable = f.is_nullable() && stats.nulls(f.name()) != Some(0);
                    f.as_ref().clone().with_nullable(nullable)
                });
                let full = Schema::new(full.collect::<Vec<_>>());
                files.push((file.clone(), is_part_of(&full, &self.strict)));
            }
        }
        files
    }

    /// The rows of a staged file, in the table's columns; an error where they do not fit.
    async fn incoming(&self, file: &DataFile) -> Result<Batches> {
        self.ctx.go_on()?;
        crate::read::one(self.store.clone(), file.clone(), self.strict.clone()).await
    }

    /// The rows of a file of the table, in its columns as they will be.
    async fn present(&self, file: &DataFile) -> Result<Batches> {
        self.ctx.go_on()?;
        crate::read::one(self.store.clone(), file.clone(), self.after.clone()).await
    }

    /// A writer of files for the table.
    fn writer(&self) -> Writer {
        Writer::new(
            self.store.clone(),
            "",
            self.after.clone(),
            self.lake.options().target_file_bytes,
            self.ctx.clock.now(),
        )
    }

    /// Writes the rows of a stream for which `keep` says so; `None` keeps all.
    async fn copy(
        &self,
        writer: &mut Writer,
        mut rows: Batches,
        mut keep: impl FnMut(&RecordBatch) -> Result<Option<BooleanArray>>,
    ) -> Result<()> {
        while let Some(batch) = rows.try_next().await? {
            let batch = match keep(&batch)? {
                Some(mask) => filter(&batch, &mask)?,
                None => batch,
            };
            writer.write(&self.as_table(&batch)?).await?;
        }
        Ok(())
    }

    /// Aligned rows under the table's own schema, which may let more be empty.
    fn as_table(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        RecordBatch::try_new(self.after.clone(), batch.columns().to_vec())
            .map_err(|e| Error::bug("aligned rows are not the table's").caused_by(e))
    }

    /// Files that stay, but have to be written anew because a type widened, go and come again.
    async fn widen(&self, outcome: &mut Outcome, writer: &mut Writer) -> Result<()> {
        if !self.widened {
            return Ok(());
        }
        for file in &self.files {
            if !outcome.removes.iter().any(|gone| gone.path == file.path) {
                self.copy(writer, self.present(file).await?, |_| Ok(None)).await?;
                outcome.removes.push(file.clone());
            }
        }
        Ok(())
    }

    /// What is worked out at the end of a change of rows: the table's other files are widened with it, and what was written is counted.
    async fn end(&self, mut outcome: Outcome, values: Values<'_>, mut writer: Writer) -> Result<Outcome> {
        if outcome.rows_written + outcome.rows_removed > 0 || self.reshapes {
            self.widen(&mut outcome, &mut writer).await?;
        }
        self.wrote(&mut outcome, writer).await?;
        outcome.values = values.finish();
        Ok(outcome)
    }

    /// Counts the writer's files among those that come.
    async fn wrote(&self, outcome: &mut Outcome, writer: Writer) -> Result<()> {
        let files = writer.finish().await?;
        outcome.wrote.extend(files.iter().map(|f| f.path.clone()));
        outcome.adds.extend(files);
        Ok(())
    }

    fn finish(self, outcome: Outcome) -> Result<WorkedOut> {
        let changed = outcome.rows_written + outcome.rows_removed;
        let unchanged = self.exists && !self.reshapes && changed == 0;
        let footprint = match changed {
            0 => Footprint::nothing(),
            rows => Footprint::Parts {
                labels: outcome.labels,
                columns: outcome.values,
                rows,
            },
        };
        let plan = Plan {
            version: self.version,
            columns: columns(&self.after)?,
            reshapes: self.reshapes,
            schema: self.schema_digest,
            wrote: outcome.wrote,
            adds: outcome.adds,
            removes: outcome.removes,
        };
        Ok(WorkedOut {
            unchanged,
            unchanged_slices: outcome.unchanged_slices,
            unchanged_ranges: outcome.unchanged_ranges,
            rows_written: outcome.rows_written,
            rows_removed: outcome.rows_removed,
            missing: outcome.missing,
            bytes_written: plan.adds.iter().map(|f| f.size).sum(),
            footprint,
            plan: plan.to_json()?,
        })
    }
}

/// Files of an old version that the table has still stay as they are: they neither come nor go.
fn stay(files: &mut Vec<DataFile>, places: &mut [Place]) {
    for place in places.iter_mut().filter(|p| p.version.is_some()) {
        let there: HashSet<String> = files.iter().map(|f| f.path.clone()).collect();
        let stays: HashSet<String> = place
            .files
            .iter()
            .map(|f| f.path.clone())
            .filter(|p| there.contains(p))
            .collect();
        place.files.retain(|f| !stays.contains(&f.path));
        files.retain(|f| !stays.contains(&f.path));
    }
}

fn filter(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, mask).map_err(|e| Error::bug("cannot filter rows").caused_by(e))
}
