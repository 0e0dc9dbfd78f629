//! Merging by key: each row that comes replaces the row of its key, or is added; a deleting row removes it.
//!
//! What is kept in memory is a digest of each source row and of its key, and nothing of the table: its files are pruned by the source's
//! bounds and streamed. A row that is equal in all columns is left where it is.

use super::rows::Digester;
use super::values::{Values, numbers};
use super::{Outcome, Work};
use crate::file::{DataFile, Key};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use datafusion::arrow::compute::{max_string, min_string};
use futures::TryStreamExt;
use segue_core::{Error, Kind, Result, Type};
use segue_diag::{LAKE_MEMORY, MERGE_KEY};
use std::collections::HashMap;
use std::sync::Arc;

/// Memory of one source row, with the map's own.
const ROW_BYTES: u64 = 80;

/// A source row.
struct Source {
    /// The row's digest; `None` deletes its key.
    row: Option<u128>,
    /// The table has exactly this row.
    there: bool,
}

/// The key's columns in the source, with where their values lie.
struct Keys {
    columns: Vec<usize>,
    /// The key's columns alone.
    schema: SchemaRef,
    of_key: Digester,
    digester: Digester,
    rows: Digester,
    by_key: HashMap<u128, Source>,
    bounds: Vec<Option<(Key, Key)>>,
}

pub(super) async fn work_out(work: &Work<'_>, key: &[String]) -> Result<Outcome> {
    let mut keys = Keys::new(work, key)?;
    let comes = work.comes();
    let goes: Vec<DataFile> = work.places.iter().flat_map(|p| p.deletes.iter().cloned()).collect();
    let rows: u64 = comes
        .iter()
        .map(|(f, _)| f)
        .chain(&goes)
        .filter_map(DataFile::row_count)
        .sum();
    if rows.saturating_mul(ROW_BYTES) > work.ctx.limits.memory {
        return Err(Error::new(
            Kind::Unsupported,
            format!(
                "a merge of {rows} rows into {} needs more memory than allowed",
                work.target.name
            ),
        )
        .code(LAKE_MEMORY)
        .hint("raise the memory limit, or commit smaller slices or ranges"));
    }
    for (file, _) in &comes {
        keys.read(work, file).await?;
    }
    for file in &goes {
        keys.read_deletes(work, file).await?;
    }
    let mut outcome = Outcome::default();
    let mut values = Values::new(work.grains, &work.after);
    let mut writer = work.writer();
    for file in &work.files {
        if !keys.may_be_in(work, file) {
            continue;
        }
        let gone = keys.find(work, file, &mut values).await?;
        if gone == 0 {
            continue;
        }
        outcome.rows_removed += gone;
        outcome.removes.push(file.clone());
        if file.row_count() != Some(gone) {
            let rows = work.present(file).await?;
            work.copy(&mut writer, rows, |batch| Ok(Some(keys.stays(batch)?)))
                .await?;
        }
    }
    for (file, fits) in comes {
        add(work, &mut keys, file, fits, &mut values, &mut writer, &mut outcome).await?;
    }
    if outcome.rows_written + outcome.rows_removed > 0 || work.reshapes {
        work.widen(&mut outcome, &mut writer).await?;
    }
    work.wrote(&mut outcome, writer).await?;
    outcome.values = values.finish();
    Ok(outcome)
}

/// Adds the rows of a staged file that the table has not: the file as it is, where that is all of them.
async fn add(
    work: &Work<'_>,
    keys: &mut Keys,
    file: DataFile,
    fits: bool,
    values: &mut Values<'_>,
    writer: &mut crate::write::Writer,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut new = 0;
    let mut rows = work.incoming(&file).await?;
    while let Some(batch) = rows.try_next().await? {
        let mask = keys.is_new(&batch)?;
        new += mask.true_count() as u64;
        values.add(&batch, Some(&mask));
    }
    outcome.rows_written += new;
    if new == 0 {
        return Ok(());
    }
    if fits && file.row_count() == Some(new) {
        outcome.adds.push(file);
        return Ok(());
    }
    let rows = work.incoming(&file).await?;
    work.copy(writer, rows, |batch| Ok(Some(keys.is_new(batch)?))).await
}

impl Keys {
    fn new(work: &Work<'_>, key: &[String]) -> Result<Keys> {
        let columns: Vec<usize> = key
            .iter()
            .map(|name| {
                work.after.index_of(name).map_err(|e| {
                    Error::new(
                        Kind::Invalid,
                        format!("the key's column `{name}` is not in {}", work.target.name),
                    )
                    .caused_by(e)
                })
            })
            .collect::<Result<_>>()?;
        if columns.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                format!("a merge into {} needs a key", work.target.name),
            ));
        }
        let schema = work
            .after
            .project(&columns)
            .map_err(|e| Error::bug("a key's column is gone").caused_by(e))?;
        Ok(Keys {
            of_key: Digester::of_all(&schema)?,
            schema: Arc::new(schema),
            digester: Digester::new(&work.after, columns.clone())?,
            rows: Digester::of_all(&work.after)?,
            by_key: HashMap::new(),
            bounds: vec![None; columns.len()],
            columns,
        })
    }

    /// Takes in the rows of a source file that come.
    async fn read(&mut self, work: &Work<'_>, file: &DataFile) -> Result<()> {
        let mut rows = work.incoming(file).await?;
        while let Some(batch) = rows.try_next().await? {
            let key = batch
                .project(&self.columns)
                .map_err(|e| Error::bug("a key's column is gone").caused_by(e))?;
            let digests = self.rows.digests(&batch)?;
            self.take(work, &key, digests.into_iter().map(Some))?;
        }
        Ok(())
    }

    /// Takes in the keys of a source file that go. Such rows need no values beside the key, so nothing else is read.
    async fn read_deletes(&mut self, work: &Work<'_>, file: &DataFile) -> Result<()> {
        let mut rows = crate::read::one(work.store.clone(), file.clone(), self.schema.clone()).await?;
        while let Some(key) = rows.try_next().await? {
            let none = vec![None; key.num_rows()];
            self.take(work, &key, none.into_iter())?;
        }
        Ok(())
    }

    /// Remembers rows by their keys: non-null, and each once.
    fn take(&mut self, work: &Work<'_>, key: &RecordBatch, rows: impl Iterator<Item = Option<u128>>) -> Result<()> {
        if let Some(at) = key.columns().iter().position(|c| c.null_count() > 0) {
            let column = self.schema.field(at).name();
            return Err(Error::new(
                Kind::BadData,
                format!("the key's column `{column}` of {} is empty in a row", work.target.name),
            )
            .code(MERGE_KEY)
            .hint("set such rows aside with a check `not_null` at `on_failure: quarantine`"));
        }
        for (at, (digest, row)) in self.of_key.digests(key)?.into_iter().zip(rows).enumerate() {
            if self.by_key.insert(digest, Source { row, there: false }).is_some() {
                return Err(self.twice(work, key, at));
            }
        }
        for (bounds, column) in self.bounds.iter_mut().zip(key.columns()) {
            widen(bounds, column);
        }
        Ok(())
    }

    fn twice(&self, work: &Work<'_>, key: &RecordBatch, row: usize) -> Error {
        let shown = |column: &ArrayRef| {
            arrow_cast::display::array_value_to_string(column, row).unwrap_or_else(|_| "a value".to_string())
        };
        let names: Vec<_> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        let values: Vec<_> = key.columns().iter().map(shown).collect();
        Error::new(
            Kind::BadData,
            format!(
                "the key ({}) of {} is not unique: {} comes twice",
                names.join(", "),
                work.target.name,
                values.join(", ")
            ),
        )
        .code(MERGE_KEY)
        .hint("set such rows aside with a check `unique` at `on_failure: quarantine`, or choose another key")
    }

    /// Whether a file of the table may hold a key of the source.
    fn may_be_in(&self, work: &Work<'_>, file: &DataFile) -> bool {
        let stats = file.stats();
        !self.by_key.is_empty()
            && self.columns.iter().zip(&self.bounds).all(|(at, bounds)| {
                let field = work.after.field(*at);
                let of = Type::of(field).ok();
                match (bounds, of.and_then(|of| stats.bounds(field.name(), &of))) {
                    (Some((low, high)), Some(file)) => file.meets(low, high),
                    _ => true,
                }
            })
    }

    /// Finds the source's keys in a file: marks source rows that are there already, and counts those of the file that go.
    async fn find(&mut self, work: &Work<'_>, file: &DataFile, values: &mut Values<'_>) -> Result<u64> {
        let mut gone = 0;
        let mut rows = work.present(file).await?;
        while let Some(batch) = rows.try_next().await? {
            let digests = self.rows.digests(&batch)?;
            let keys = self.digester.digests(&batch)?;
            for (key, digest) in keys.iter().zip(digests) {
                if let Some(source) = self.by_key.get_mut(key) {
                    source.there |= source.row == Some(digest);
                }
            }
            let goes: BooleanArray = self
                .stays(&batch)?
                .iter()
                .map(|stays| Some(stays == Some(false)))
                .collect();
            gone += goes.true_count() as u64;
            values.add(&batch, Some(&goes));
        }
        Ok(gone)
    }

    /// Which rows of the table stay: those of other keys, and those that come again as they are.
    fn stays(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let rows = self.rows.digests(batch)?;
        let keys = self.digester.digests(batch)?;
        let stays = keys.iter().zip(rows).map(|(key, row)| match self.by_key.get(key) {
            None => Some(true),
            Some(source) => Some(source.row == Some(row)),
        });
        Ok(stays.collect())
    }

    /// Which rows of the source the table has not.
    fn is_new(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let keys = self.digester.digests(batch)?;
        Ok(keys
            .iter()
            .map(|key| self.by_key.get(key).map(|s| s.row.is_some() && !s.there))
            .collect())
    }
}

/// Widens where a key's values lie by those of a column without nulls.
fn widen(bounds: &mut Option<(Key, Key)>, values: &ArrayRef) {
    let new = match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>();
            min_string(texts)
                .zip(max_string(texts))
                .map(|(l, h)| (Key::Text(l.to_string()), Key::Text(h.to_string())))
        }
        _ => numbers(values).and_then(|numbers| {
            let low = numbers.iter().flatten().min().copied();
            let high = numbers.iter().flatten().max().copied();
            low.zip(high).map(|(l, h)| (Key::Number(l), Key::Number(h)))
        }),
    };
    let Some((low, high)) = new else { return };
    *bounds = Some(match bounds.take() {
        None => (low, high),
        Some((l, h)) => (l.min(low), h.max(high)),
    });
}
