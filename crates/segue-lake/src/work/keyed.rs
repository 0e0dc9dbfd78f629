//! The keys of staged rows, where rows of a table meet them: which keys they are, and which files of the table may hold them.
//!
//! What is kept in memory is a digest of each key, and what is known of its staged rows; nothing of the table.

use super::Work;
use super::reach::Reach;
use super::rows::Digester;
use crate::file::DataFile;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use futures::TryStreamExt;
use segue_core::sink::Change;
use segue_core::{Batches, Error, Kind, Result, Type, history};
use segue_diag::{LAKE_MEMORY, MERGE_KEY};
use std::collections::HashMap;
use std::sync::Arc;

/// The key of a change, and where its values lie among the staged rows.
pub(super) struct Keys {
    columns: Vec<usize>,
    /// The key's columns alone.
    schema: SchemaRef,
    of_staged: Digester,
    of_table: Digester,
    reach: Vec<Reach>,
    /// Whether no key was met so far.
    are_none: bool,
    /// The columns of staged rows: the table's, but for those that the change fills by itself where they may not be empty.
    coming: SchemaRef,
}

impl Keys {
    /// The change's.
    ///
    /// # Errors
    /// `Invalid` without a key, or where the table lacks one of its columns; `BadData` where staged rows have a column that the change fills
    /// by itself; `Unsupported` where the staged rows are too many to remember what each takes.
    pub fn new(work: &Work<'_>, change: &Change, row_bytes: u64) -> Result<Keys> {
        let name = &work.target.name;
        for place in &work.places {
            history::refuse_own(change, &place.schema(), name)?;
        }
        let rows: u64 = (work.places.iter())
            .flat_map(|p| p.files.iter().chain(&p.deletes))
            .filter_map(DataFile::row_count)
            .sum();
        if rows.saturating_mul(row_bytes) > work.ctx.limits.memory {
            let what = format!("a commit of {rows} rows by their key into {name} needs more memory than allowed");
            return Err(Error::new(Kind::Unsupported, what)
                .code(LAKE_MEMORY)
                .hint("raise the memory limit, or commit smaller slices or ranges"));
        }
        let place = |column: &String| {
            work.after.index_of(column).map_err(|e| {
                let what = format!("the key's column `{column}` is not in {name}");
                Error::new(Kind::Invalid, what).caused_by(e)
            })
        };
        let columns: Vec<usize> = change.key().iter().map(place).collect::<Result<_>>()?;
        if columns.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                format!("rows that meet by a key need one in {name}"),
            ));
        }
        let schema = work.after.project(&columns);
        let schema = schema.map_err(|e| Error::bug("a key's column is gone").caused_by(e))?;
        let own = change.own_columns();
        let filled = |name: &str| {
            own.iter()
                .any(|f| f.name() == name && matches!(change, Change::History { .. }))
        };
        let coming = work.strict.fields().iter().filter(|f| !filled(f.name()));
        Ok(Keys {
            of_staged: Digester::of_all(&schema)?,
            of_table: Digester::new(&work.after, columns.clone())?,
            reach: vec![Reach::default(); columns.len()],
            are_none: true,
            coming: Arc::new(Schema::new(coming.cloned().collect::<Vec<_>>())),
            schema: Arc::new(schema),
            columns,
        })
    }

    /// The columns of staged rows.
    pub fn coming(&self) -> &SchemaRef {
        &self.coming
    }

    /// The rows of a staged file.
    pub async fn staged(&self, work: &Work<'_>, file: &DataFile) -> Result<Batches> {
        work.ctx.go_on()?;
        crate::read::one(work.store.clone(), file.clone(), self.coming.clone()).await
    }

    /// The keys of a staged file, and nothing else of it.
    pub async fn staged_keys(&self, work: &Work<'_>, file: &DataFile) -> Result<Batches> {
        work.ctx.go_on()?;
        crate::read::one(work.store.clone(), file.clone(), self.schema.clone()).await
    }

    /// The keys of staged rows.
    pub fn of_staged(&self, batch: &RecordBatch) -> Result<Vec<u128>> {
        self.of_staged.digests(&self.alone(batch)?)
    }

    /// The keys of the table's rows.
    pub fn of_table(&self, batch: &RecordBatch) -> Result<Vec<u128>> {
        self.of_table.digests(batch)
    }

    /// The keys of staged rows that are met for the first time: none is empty, and from now on it is known where they lie.
    pub fn meet(&mut self, work: &Work<'_>, batch: &RecordBatch) -> Result<Vec<u128>> {
        let key = self.alone(batch)?;
        if let Some(at) = key.columns().iter().position(|c| c.null_count() > 0) {
            let column = self.schema.field(at).name();
            return Err(Error::new(
                Kind::BadData,
                format!("the key's column `{column}` of {} is empty in a row", work.target.name),
            )
            .code(MERGE_KEY)
            .hint("set such rows aside with a check `not_null` at `on_failure: quarantine`"));
        }
        self.are_none &= key.num_rows() == 0;
        for (reach, column) in self.reach.iter_mut().zip(key.columns()) {
            reach.add(column);
        }
        self.of_staged.digests(&key)
    }

    /// Remembers something of every staged row by its key, which comes once: of those that come by their digests, and of those that delete.
    pub async fn each_once<S>(
        &mut self,
        work: &Work<'_>,
        mut remember: impl FnMut(Option<u128>) -> S,
    ) -> Result<HashMap<u128, S>> {
        let rows = Digester::of_all(&self.coming)?;
        let mut by_key = HashMap::new();
        for (file, deletes) in staged_files(work) {
            let mut batches = match deletes {
                true => self.staged_keys(work, &file).await?,
                false => self.staged(work, &file).await?,
            };
            while let Some(batch) = batches.try_next().await? {
                let digests: Vec<Option<u128>> = match deletes {
                    true => vec![None; batch.num_rows()],
                    false => rows.digests(&batch)?.into_iter().map(Some).collect(),
                };
                for (row, (key, digest)) in self.meet(work, &batch)?.into_iter().zip(digests).enumerate() {
                    if by_key.insert(key, remember(digest)).is_some() {
                        return Err(self.twice(work, &self.alone(&batch)?, row));
                    }
                }
            }
        }
        Ok(by_key)
    }

    /// Whether a file of the table may hold a staged key.
    pub fn may_be_in(&self, work: &Work<'_>, file: &DataFile) -> bool {
        let stats = file.stats();
        let mut places = self.columns.iter().zip(&self.reach);
        let meets = |(at, reach): (&usize, &Reach)| {
            let field = work.after.field(*at);
            let of = Type::of(field).ok();
            let bounds = of.and_then(|of| stats.bounds(field.name(), &of));
            bounds.is_none_or(|bounds| reach.meets(&bounds))
        };
        !self.are_none && places.all(meets)
    }

    fn alone(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let places = self
            .schema
            .fields()
            .iter()
            .map(|f| batch.schema_ref().index_of(f.name()));
        let key = places
            .collect::<std::result::Result<Vec<_>, _>>()
            .and_then(|places| batch.project(&places));
        key.map_err(|e| Error::bug("a key's column is gone").caused_by(e))
    }

    fn twice(&self, work: &Work<'_>, key: &RecordBatch, row: usize) -> Error {
        let shown = |column: &ArrayRef| {
            arrow_cast::display::array_value_to_string(column, row).unwrap_or_else(|_| "a value".to_string())
        };
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let values: Vec<_> = key.columns().iter().map(shown).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        let what = format!(
            "the key ({names}) of {} is not unique: {values} comes twice",
            work.target.name
        );
        Error::new(Kind::BadData, what)
            .code(MERGE_KEY)
            .hint("set such rows aside with a check `unique` at `on_failure: quarantine`, or choose another key")
    }
}

/// The staged files, those of rows that come first; with each, whether its rows delete.
pub(super) fn staged_files(work: &Work<'_>) -> Vec<(DataFile, bool)> {
    let comes = work.places.iter().flat_map(|p| &p.files).map(|f| (f.clone(), false));
    let goes = work.places.iter().flat_map(|p| &p.deletes).map(|f| (f.clone(), true));
    comes.chain(goes).collect()
}
